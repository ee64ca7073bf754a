"""The blank value of a layout: zeros, empty texts, null pointers, arrays as long as their siblings say.

It is what a server sends for its outs when a call fails with a status, so it can always be encoded
where the layout alone decides: the tags of structures select an arm that there is.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from .budget import MAX_ITEMS
from .expression import Number, Sibling
from .layout import (
    Array,
    BitSet,
    Boolean,
    Converted,
    Dimension,
    EncapsulatedUnion,
    Encoding,
    Enum,
    Field,
    Guid,
    Layout,
    MultiArray,
    NoArm,
    Parameters,
    Pipe,
    PipeItems,
    PipeOctets,
    Range,
    RefPtr,
    Scalar,
    String,
    Struct,
    SwitchIs,
    Union,
)
from .layout_octets import Octets
from .layout_samba import Based, Computed, Flagged, Subcontext
from .reference_rules import Place, octets_each
from .reference_values import correlated_last

LONGEST: Final = MAX_ITEMS
"""Items of a blank array at most: a caller's capacity is a number that costs the caller nothing."""
_NOTHING: Final[Mapping[str, object]] = {}


def blank(layout: Layout, siblings: Mapping[str, object] = _NOTHING) -> Any:
    """The zero value of `layout`; `siblings` are what its sizes and switches may name (a call's ins).

    Raises NdrError when an expression has no value over the siblings that are given.
    """
    match layout:
        case Scalar():
            return _zero(layout)
        case Range():
            return max(layout.lowest, min(0, layout.highest))
        case Guid():
            return UUID(int=0)
        case String():
            return ""
        case Struct():
            return layout.factory(**_members(layout.fields, _NOTHING))
        case Parameters():
            return _members(layout.fields, siblings)
        case SwitchIs():
            return _arm(layout.union, Place("", siblings).known(layout.switch), siblings)
        case EncapsulatedUnion():
            tag = _first_tag(layout.union)
            return layout.factory(tag, _arm(layout.union, tag, _NOTHING))
        case Array():
            return _items(layout, siblings)
        case MultiArray():
            return _rows(layout, siblings)
        case Pipe():
            return PipeOctets() if layout.octets else PipeItems()
        case Converted():
            return layout.conversion.inward(blank(layout.layout, siblings))
        case Computed(value=Number(constant)):
            return constant
        case Flagged() | Based() | Subcontext() | Computed():
            return blank(layout.layout, siblings)
        case Octets():
            return layout.kind()
        case RefPtr():
            return blank(layout.target, siblings)
        case _:
            return None  # unique, full and relative pointers, placeholders, context handles


def _zero(layout: Scalar) -> Any:
    if layout is Boolean:
        return False
    if isinstance(layout, Enum):
        return layout.by_value.get(0, 0)
    if isinstance(layout, BitSet):
        return layout.member(0)
    return 0.0 if layout.code(Encoding.NDR) in "fd" else 0


def _members(fields: Sequence[Field], siblings: Mapping[str, object]) -> dict[str, Any]:
    """Counts and tags first: arrays and unions follow them."""
    values: dict[str, Any] = {}
    scope = ChainMap(values, dict(siblings))
    for field in correlated_last(fields):
        values[field.name] = blank(field.layout, scope)
        if isinstance(field.layout, Scalar):
            values[field.name] = _tag(field, fields)
    return {field.name: values[field.name] for field in fields}


def _tag(field: Field, fields: Sequence[Field]) -> Any:
    """Zero, or the tag of the first arm where this selects the arm of a union that has none for zero."""
    for other in fields:
        layout = other.layout
        while isinstance(layout, Flagged | Based | Subcontext):
            layout = layout.layout
        if isinstance(layout, SwitchIs) and layout.switch == Sibling(field.name):
            tag = _first_tag(layout.union)
            return field.layout.by_value.get(tag, tag) if isinstance(field.layout, Enum) else tag
    return blank(field.layout)


def _first_tag(union: Union) -> int:
    """Zero where it has an arm, else the first arm's tag."""
    return 0 if not isinstance(union.arm(0), NoArm) else next(iter(union.arms), 0)


def _arm(union: Union, tag: int | None, siblings: Mapping[str, object]) -> Any:
    arm = union.arm(_first_tag(union) if tag is None else tag)
    return blank(arm, siblings) if isinstance(arm, Layout) else None


def _items(layout: Array, siblings: Mapping[str, object]) -> Any:
    return _row(layout.element, _count(layout, Place("", siblings), LONGEST), siblings)


def _rows(layout: MultiArray, siblings: Mapping[str, object]) -> Any:
    """Lists in lists; no more items, and no more lists, than LONGEST."""
    place, left, counts = Place("", siblings), LONGEST, list[int]()
    for dimension in layout.dimensions:
        counts.append(_count(dimension, place, left))
        left //= counts[-1] or 1
    *above, last = counts

    def rows(depth: int) -> Any:
        if depth == len(above):
            return _row(layout.element, last, siblings)
        return [rows(depth + 1) for _ in range(above[depth])]

    return rows(0)


def _count(counted: Array | Dimension, place: Place, most: int) -> int:
    """Items that travel: all, or those that `length` speaks of."""
    count = place.known(counted.size) if counted.bound is None else counted.bound
    if counted.length is not None or counted.first is not None:
        rest = (count or 0) - (place.known(counted.first) or 0)
        count = rest if counted.length is None else place.known(counted.length)
    return max(0, min(count or 0, most))


def _row(element: Layout, count: int, siblings: Mapping[str, object]) -> Any:
    each = octets_each(element)
    if each:
        return bytes(count) if each == 1 else "\0" * count
    return [blank(element, siblings) for _ in range(count)]
