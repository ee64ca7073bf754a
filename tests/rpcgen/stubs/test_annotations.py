"""What a type is to a caller: what it may give, and what it gets."""

from __future__ import annotations

import pytest

from lrpc.rpcgen import model
from lrpc.rpcgen.stubs.annotations import Annotations

LONG, BYTE, WCHAR = (model.Scalar(word=word) for word in ("Long", "Byte", "WChar"))
COLOUR = model.Enumeration(key="colour", name="colour", members=())
POINT = model.Structure(key="point", name="point", members=())
HANDLE = model.ContextType(key="handle", name="handle")
CONVERSION = model.ConversionType(key="time", name="time", by="wire_marshal", wire=LONG)
EITHER = model.UnionType(
    key="either",
    name="either",
    tag=LONG,
    cases=(model.Case(value=1, name="a", type=LONG), model.Case(value=2, name=None, type=None)),
)
DEFINITIONS: dict[str, model.Definition] = {
    found.key: found for found in (COLOUR, POINT, HANDLE, CONVERSION, EITHER)
}  # fmt: skip
ANNOTATIONS = Annotations(DEFINITIONS, {"colour": "colour", "point": "point_"})


def unique(target: model.Type) -> model.Pointer:
    return model.Pointer(pointer="unique", target=target)


@pytest.mark.parametrize(
    ("type_", "taken", "given"),
    [
        (LONG, "int", "int"),
        (model.Scalar(word="Double"), "float", "float"),
        (model.Scalar(word="Boolean"), "bool", "bool"),
        (model.Guid(), "UUID", "UUID"),
        (model.Ranged(target=LONG, lowest=0, highest=1), "int", "int"),
        (model.String(unit="WChar"), "str", "str"),
        (unique(LONG), "int | None", "int | None"),
        (unique(unique(LONG)), "int | None", "int | None"),
        (model.Pointer(pointer="ref", target=LONG), "int", "int"),
        (model.Array(element=LONG), "Sequence[int]", "list[int]"),
        (model.Array(element=BYTE), "rpc.Octets", "bytes"),
        (model.Array(element=WCHAR), "str", "str"),
        (model.Array(element=model.String(unit="Char", bound=4), bound=2), "Sequence[str]", "list[str]"),
        (model.Array(element=model.Array(element=BYTE)), "Sequence[rpc.Octets]", "list[bytes]"),
        (model.MultiArray(element=LONG, dimensions=(model.Dimension(),) * 3),
         "Sequence[Sequence[Sequence[int]]]", "list[list[list[int]]]"),
        (model.MultiArray(element=BYTE, dimensions=(model.Dimension(),) * 2), "Sequence[rpc.Octets]", "list[bytes]"),
        (model.Pipe(element=LONG), "Iterator[int]", "Iterator[int]"),
        (model.Pipe(element=model.Scalar(word="Char")), "Iterator[bytes]", "Iterator[bytes]"),
        (model.Pipe(element=WCHAR), "Iterator[int]", "Iterator[int]"),
        (unique(model.InterfacePointer(name="IFoo")), "rpc.InterfaceRef | None", "rpc.InterfaceRef | None"),
        (model.Ignored(), "None", "None"),
        (model.Converted(conversion="time"), "Any", "Any"),
        (unique(model.Converted(conversion="time")), "Any", "Any"),
        (model.Defined(key="colour"), "colour | int", "colour | int"),
        (model.Defined(key="point"), "point_", "point_"),
        (model.Defined(key="handle"), "rpc.Context", "rpc.Context"),
        (model.Selected(union=model.Defined(key="either"), switch=model.Number(value=1)), "int | None", "int | None"),
    ],
)  # fmt: skip
def test_annotation(type_: model.Type, taken: str, given: str) -> None:
    assert (ANNOTATIONS.taken(type_), ANNOTATIONS.given(type_)) == (taken, given)


def test_union_of_very_many_arms_is_any() -> None:
    arms = tuple(model.Case(value=n, name="a", type=model.Defined(key=f"structure_{n}")) for n in range(9))
    union = model.UnionType(key="u", name="u", tag=LONG, cases=arms)
    names = {f"structure_{n}": f"structure_{n}" for n in range(9)}
    definitions: dict[str, model.Definition] = {
        name: model.Structure(key=name, name=name, members=()) for name in names
    }  # fmt: skip
    assert Annotations(definitions, names).arms(union) == ["Any"]
