"""Model types in the words of the vocabulary."""

from __future__ import annotations

import pytest

from lrpc.rpcgen import model
from lrpc.rpcgen.stubs.layouts import Layouts
from lrpc.rpcgen.stubs.printer import flat

LONG, BYTE = model.Scalar(word="Long"), model.Scalar(word="Byte")
N = model.Sibling(name="n")
IID = "00000000-0000-0000-c000-000000000046"


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        (LONG, "rpc.Long"),
        (model.Guid(), "rpc.GUID"),
        (model.Ignored(), "rpc.Ignored()"),
        (model.Ranged(target=LONG, lowest=-1, highest=5), "rpc.Range(rpc.Long, -1, 5)"),
        (model.Pointer(pointer="ptr", target=LONG), "rpc.FullPtr(rpc.Long)"),
        (model.Pointer(pointer="unique", target=LONG, lenient=True), "rpc.UniquePtr(rpc.Long, lenient=True)"),
        (model.Array(element=LONG, bound=3), "rpc.FixedArray(rpc.Long, 3)"),
        (model.Array(element=LONG, bound=3, length=N), "rpc.VaryingArray(rpc.Long, 3, rpc.this.n)"),
        (model.Array(element=LONG), "rpc.ConformantArray(rpc.Long)"),
        (model.Array(element=LONG, size=N, limits=(0, 9)), "rpc.ConformantArray(rpc.Long, rpc.this.n, limits=(0, 9))"),
        (model.Array(element=LONG, first=N), "rpc.ConformantVaryingArray(rpc.Long, None, 0, rpc.this.n)"),
        (model.String(unit="WChar", size=N), "rpc.String(rpc.WChar, size=rpc.this.n)"),
        (model.Array(element=model.String(unit="Char", bound=4), bound=2),
         "rpc.FixedArray(rpc.String(rpc.Char, bound=4), 2)"),
        (model.MultiArray(element=LONG, dimensions=(
            model.Dimension(size=N), model.Dimension(bound=3, length=N, first=model.Number(value=1)), model.Dimension(),
        )),
         "rpc.MultiArray(rpc.Long, rpc.Dimension(size=rpc.this.n), "
         "rpc.Dimension(3, length=rpc.this.n, first=1), rpc.Dimension())"),
        (model.Pipe(element=BYTE), "rpc.Pipe(rpc.Byte)"),
        (model.InterfacePointer(name="IFoo"), 'rpc.InterfacePtr("IFoo")'),
        (model.InterfacePointer(name="IFoo", iid=IID, iid_is="class"),
         f'rpc.InterfacePtr("IFoo", UUID("{IID}"), iid_is=rpc.this.class_)'),
        (model.Selected(union=model.Defined(key="k"), switch=N), "rpc.SwitchIs(_known, rpc.this.n)"),
        (model.Converted(conversion="k"), "_known"),
    ],
)  # fmt: skip
def test_layout(type_: model.Type, text: str) -> None:
    layouts = Layouts({"k": "_known"})
    layouts.printed("k")
    assert flat(layouts.of(type_, {"class": "class_"})) == text


def test_what_is_not_printed_yet_is_named_in_a_lambda() -> None:
    layouts = Layouts({"k": "_known"})
    pointer = model.Pointer(pointer="unique", target=model.Array(element=model.Defined(key="k")))
    assert flat(layouts.of(pointer, {})) == "rpc.UniquePtr(lambda: rpc.ConformantArray(_known))"
    assert layouts.forward == {"k"}
    layouts.printed("k")
    assert flat(layouts.of(pointer, {})) == "rpc.UniquePtr(rpc.ConformantArray(_known))"


def test_union_has_its_arms_by_value() -> None:
    cases = (model.Case(value=1, name="a", type=LONG), model.Case(value=2, name=None, type=None))
    union = model.UnionType(key="u", name="u", tag=LONG, cases=cases, default=model.Default(), ms_union=True)
    assert flat(Layouts({}).union(union)) == "rpc.Union(rpc.Long, {1: rpc.Long, 2: None}, None, ms_union=True)"
