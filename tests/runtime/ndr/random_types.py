"""Random types and values of them, for hypothesis. `conftest.py` gives `typed` to the tests.

A type is made first, then values of it: counts and tags come from the arrays and arms they speak of.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import Any

from hypothesis import strategies as st

from lrpc.runtime.ndr.expression import this
from lrpc.runtime.ndr.layout import (
    GUID,
    Array,
    Boolean,
    Byte,
    Char,
    ConformantArray,
    ConformantVaryingArray,
    ContextHandle,
    Double,
    EncapsulatedUnion,
    Enum,
    Field,
    FixedArray,
    FullPtr,
    Hyper,
    Int3264,
    Layout,
    Long,
    Parameters,
    Pointer,
    Range,
    RefPtr,
    Short,
    String,
    Struct,
    SwitchIs,
    UHyper,
    Union,
    UniquePtr,
    UShort,
    USmall,
    VaryingArray,
    WChar,
    shared,
)


class Color(enum.IntEnum):
    BLACK = 0
    RED = 1
    BLUE = 0x7FFF


COLOR = Enum(Color)
SCALARS = {
    Boolean: st.booleans(),
    Byte: st.integers(0, 0xFF),
    USmall: st.integers(0, 0xFF),
    Short: st.integers(-(1 << 15), (1 << 15) - 1),
    UShort: st.integers(0, 0xFFFF),
    Long: st.integers(-(1 << 31), (1 << 31) - 1),
    Int3264: st.integers(-(1 << 31), (1 << 31) - 1),
    Hyper: st.integers(-(1 << 63), (1 << 63) - 1),
    UHyper: st.integers(0, (1 << 64) - 1),
    Double: st.floats(allow_nan=False),
    COLOR: st.sampled_from([*Color, 77]),
}
TEXT = st.text(st.characters(codec="utf-16", exclude_characters="\0"), max_size=5)
_classes: dict[tuple[str, ...], Any] = {}


def _record(names: list[str]) -> Any:
    if tuple(names) not in _classes:
        _classes[tuple(names)] = dataclasses.make_dataclass("Record", names, slots=True)
    return _classes[tuple(names)]


@st.composite
def types(draw: st.DrawFn, depth: int = 3, *, tail: bool = False) -> Layout:
    """A type; `tail`: it may be conformant."""
    kinds = ["scalar", "scalar", "guid", "context", "range"]
    if depth:
        kinds += ["struct", "struct", "fixed", "pointer", "pointer", "encapsulated", "bounded", "ring"]
        kinds += ["conformant", "string"] if tail else []
    inner = depth - 1
    match draw(st.sampled_from(kinds)):
        case "scalar":
            return draw(st.sampled_from(list(SCALARS)))
        case "guid":
            return GUID
        case "context":
            return ContextHandle("H")
        case "range":
            return Range(Short, -5, 5)
        case "struct":
            return draw(structures(inner, tail=tail))
        case "fixed":
            element = draw(st.one_of(st.sampled_from([Byte, Char, WChar]), types(inner)))
            return FixedArray(element, draw(st.integers(0, 3)))
        case "pointer":
            return draw(st.sampled_from([UniquePtr, FullPtr, RefPtr]))(draw(types(inner, tail=True)))
        case "ring":
            return FullPtr(draw(rings(inner)))
        case "encapsulated":
            return EncapsulatedUnion(_record(["t", "u"]), "t", "u", draw(unions(inner)))
        case "bounded":
            return String(draw(st.sampled_from([Char, WChar])), bound=24)
        case "conformant":
            return ConformantArray(draw(types(inner)))
        case _:
            return String(draw(st.sampled_from([Char, WChar])))


@st.composite
def rings(draw: st.DrawFn, depth: int) -> Struct:
    """A node with full pointers to nodes of its kind."""
    made: list[Struct] = []
    names = draw(st.sampled_from([["next"], ["next", "back"], ["links"]]))
    array = FixedArray(FullPtr(lambda: made[0]), 2)
    fields = [name / (array if name == "links" else FullPtr(lambda: made[0])) for name in names]
    fields = ["v" / draw(types(depth)), *fields]
    made.append(Struct(_record([field.name for field in fields]), *fields))
    return made[0]


@st.composite
def ring_values(draw: st.DrawFn, layout: Struct) -> Any:
    """Nodes that lead to any of each other; gives the first."""
    nodes = [layout.factory(draw(values(layout.fields[0].layout)), *layout.fields[1:]) for _ in range(3)]
    other = st.sampled_from([None, *nodes])
    for node in nodes:
        for field in layout.fields[1:]:
            links = [draw(other), draw(other)]
            setattr(node, field.name, links if field.name == "links" else links[0])
    return nodes[0]


@st.composite
def unions(draw: st.DrawFn, depth: int) -> Union:
    """A union with an arm for 1 and perhaps for 2, an empty one for 3, and perhaps an empty default."""
    arms: dict[int, Layout | None] = {1: draw(types(depth)), 3: None}
    if draw(st.booleans()):
        arms[2] = draw(types(depth))
    tag = draw(st.sampled_from([Byte, Short, Long]))
    return Union(tag, arms, None) if draw(st.booleans()) else Union(tag, arms)


@st.composite
def structures(draw: st.DrawFn, depth: int, *, tail: bool) -> Struct:
    """Plain members, members with siblings that speak of them, perhaps a conformant tail."""
    fields = [f"m{index}" / layout for index, layout in enumerate(draw(st.lists(types(depth), max_size=3)))]
    extra = draw(st.sampled_from(["", "union", "sized", "varying", "tail" if tail else ""]))
    element = draw(st.one_of(st.sampled_from([Byte, WChar, Long]), types(depth)))
    if extra == "union":
        union = draw(unions(depth))
        fields += ["t" / union.tag, "u" / SwitchIs(union, this.t)]
    if extra == "sized":
        array = ConformantVaryingArray(element, this.room // 2, this.size // 2)
        fields += ["size" / UShort, "room" / UShort, "a" / draw(st.sampled_from([UniquePtr, RefPtr]))(array)]
    if extra == "varying":
        fields += ["n" / Long, "a" / VaryingArray(element, 3, this.n)]
    if extra == "tail":
        fields += ["n" / Long, "a" / ConformantArray(element, this.n)]
    return Struct(_record([field.name for field in fields]), *fields)


@st.composite
def values(draw: st.DrawFn, layout: Layout, tag: int = 0) -> Any:
    """A value of `layout`; `tag` selects the arm of a union."""
    match layout:
        case Range():
            return draw(st.integers(-5, 5))
        case Struct(fields=(Field(name="v"), *_)):
            return draw(ring_values(layout))
        case Struct():
            return draw(_structure_values(layout))
        case SwitchIs(union=union):
            arm = union.arm(tag)
            return draw(values(arm)) if isinstance(arm, Layout) else None
        case EncapsulatedUnion(union=union):
            tag = draw(st.sampled_from(sorted(union.arms)))
            arm = union.arm(tag)
            return layout.factory(tag, draw(values(arm)) if isinstance(arm, Layout) else None)
        case Array(element=element):
            return draw(_array_values(element, layout.bound, exact=not layout.varying))
        case String():
            return draw(TEXT)
        case Pointer():
            absent = not isinstance(layout, RefPtr) and draw(st.booleans())
            value = None if absent else draw(values(layout.target))
            return shared(value) if isinstance(layout, FullPtr) else value
        case ContextHandle():
            return draw(st.none() | st.tuples(st.integers(1, 9), st.uuids()))
        case _:
            return draw(st.uuids() if layout is GUID else SCALARS[layout])


@st.composite
def _structure_values(draw: st.DrawFn, layout: Struct) -> Any:
    names = {field.name: field.layout for field in layout.fields}
    tag = draw(st.sampled_from(sorted(names["u"].union.arms))) if "u" in names else 0
    members = {name: draw(values(inner, tag)) for name, inner in names.items()}
    if "u" in names:
        members["t"] = tag
    count = len(members.get("a") or ())
    for name, size in (("n", count), ("size", 2 * count), ("room", 2 * count)):
        if name in names:
            members[name] = size
    return layout.factory(**members)


@st.composite
def _array_values(draw: st.DrawFn, element: Layout, bound: int | None, *, exact: bool) -> Any:
    most = 3 if bound is None else bound
    least = most if bound is not None and exact else 0
    if element is Byte or element is Char:
        return draw(st.binary(min_size=least, max_size=most))
    if element is WChar:
        return draw(st.text("ab\0\ud800", min_size=least, max_size=most))
    return draw(st.lists(values(element), min_size=least, max_size=most))


@st.composite
def typed(draw: st.DrawFn) -> tuple[Parameters, dict[str, Any]]:
    """Parameters and a value for them; those of one type may have the same value, which full pointers share."""
    layouts = draw(st.lists(types(tail=True), min_size=1, max_size=3))
    layouts += layouts[:1] if draw(st.booleans()) else []
    parameters = Parameters(*(f"p{index}" / layout for index, layout in enumerate(layouts)))
    value = {field.name: draw(values(field.layout)) for field in parameters.fields}
    if len(layouts) > 1 and layouts[0] is layouts[-1] and draw(st.booleans()):
        value[parameters.fields[-1].name] = value["p0"]
    return parameters, value
