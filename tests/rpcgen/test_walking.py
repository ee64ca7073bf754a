"""Walking: every type inside a definition is found, and every definition that a type names."""

from __future__ import annotations

import pytest

from lrpc.rpcgen import model
from lrpc.rpcgen.walking import closure, held, keys, needed

LONG = model.Scalar(word="Long")
NAMED = model.Defined(key="a")
OTHER = model.Defined(key="b")


@pytest.mark.parametrize(
    "type_",
    [
        NAMED,
        model.Ranged(target=NAMED, lowest=0, highest=1),
        model.Pointer(pointer="unique", target=NAMED),
        model.Array(element=NAMED, bound=2),
        model.MultiArray(element=NAMED, dimensions=(model.Dimension(bound=2), model.Dimension(bound=3))),
        model.Pipe(element=NAMED),
        model.Selected(union=NAMED, switch=model.Number(value=1)),
        model.Converted(conversion="a"),
        model.Pointer(pointer="ref", target=model.Array(element=model.Pointer(pointer="ptr", target=NAMED))),
    ],
)
def test_type_names_the_definition_inside(type_: model.Type) -> None:
    assert list(keys(type_)) == ["a"]


@pytest.mark.parametrize(
    "type_",
    [LONG, model.Guid(), model.String(unit="Char"), model.Ignored(), model.InterfacePointer(name="IFoo")],
)
def test_type_names_no_definition(type_: model.Type) -> None:
    assert list(keys(type_)) == []


def union() -> model.UnionType:
    cases = (model.Case(value=1, name="x", type=NAMED), model.Case(value=2, name=None, type=None))
    default = model.Default(name="y", type=LONG)
    return model.UnionType(key="u", name="u", tag=OTHER, cases=cases, default=default)


@pytest.mark.parametrize(
    ("definition", "types"),
    [
        (model.Structure(key="s", name="s", members=(model.Member(name="x", type=LONG),)), [LONG]),
        (union(), [OTHER, NAMED, LONG]),
        (model.SwitchUnion(key="e", name="e", selector="t", member="u", union=union()), [OTHER, NAMED, LONG]),
        (model.ConversionType(key="c", name="c", by="transmit_as", wire=NAMED), [NAMED]),
        (model.Enumeration(key="n", name="n", members=()), []),
        (model.ContextType(key="h", name="h"), []),
        (None, []),
    ],
)
def test_definition_holds(definition: model.Definition | None, types: list[model.Type]) -> None:
    assert [type_ for type_, _ in held(definition)] == types


def test_definitions_that_name_each_other_need_both() -> None:
    one, other = (
        model.Structure(key=key, name=key, members=(model.Member(name="x", type=model.Defined(key=named)),))
        for key, named in (("a", "b"), ("b", "a"))
    )
    operation = model.Operation(name="f", number=0, parameters=(), returns=NAMED)
    assert closure(needed(operation), {"a": one, "b": other}.get) == {"a", "b"}
