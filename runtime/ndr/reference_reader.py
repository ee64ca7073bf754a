"""Octets to values, the rules line by line.

A top-level item (a parameter, a pointee) is read in three passes: the maximum count that moved to its
front, its scalars, then what its pointers point to (C706 14.3.12.3). The scalar pass answers with a
value, or with the steps that make one once the pointees are there.

Rules of this file: nothing is taken on a count that the octets left cannot hold; correlations are
checks made at the end, since a size may travel after its array. The counterpart is `reference_writer.py`.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from .errors import (
    RPC_S_INVALID_BOUND,
    RPC_S_INVALID_TAG,
    RPC_X_BAD_STUB_DATA,
    RPC_X_ENUM_VALUE_OUT_OF_RANGE,
    RPC_X_NULL_REF_POINTER,
    NdrError,
)
from .expression import Expression, Number
from .layout import (
    Array,
    ContextHandle,
    EncapsulatedUnion,
    Encoding,
    Enum,
    FullPtr,
    Guid,
    Layout,
    NoArm,
    Parameters,
    Pointer,
    Range,
    RefPtr,
    Scalar,
    String,
    Struct,
    SwitchIs,
    Union,
    WChar,
    shared,
)
from .reference_rules import (
    ITEM_LIMIT,
    Geometry,
    Place,
    Span,
    Steps,
    conformant,
    counts_of,
    octets_each,
    parameters_place,
    settle,
    shape,
    text_codec,
    unreadable,
)

LEVEL_6 = "MS-RPCE 3.1.1.5.3"


@dataclass(slots=True)
class Referent:
    """What a full pointer's id stands for; `waiting` holds places that met it before it was complete."""

    shape: object
    value: Any = None
    complete: bool = False
    waiting: list[tuple[Any, Any]] = field(default_factory=list[tuple[Any, Any]])

    def latest(self) -> Any:
        """The pointee, or the referent that still waits for it."""
        if not self.complete:
            return self
        return self.value.latest() if isinstance(self.value, Referent) else self.value


@dataclass(frozen=True, slots=True)
class Check:
    """A correlation that has to hold once all siblings are known."""

    expression: Expression
    actual: int
    meaning: str
    place: Place
    offset: int
    status: int = RPC_X_BAD_STUB_DATA

    def make(self) -> None:
        """NdrError unless the siblings say what the octets say."""
        said = self.place.known(self.expression)
        if said is not None and said != self.actual:
            raise NdrError(
                f"{self.meaning} is {self.actual}, the siblings say {said}",
                path=self.place.path,
                offset=self.offset,
                rule=LEVEL_6,
                status=self.status,
            )


class Reader:
    """One walk over one stub. `position` is where it stopped."""

    def __init__(self, octets: bytes, encoding: Encoding, trace: list[Span] | None = None) -> None:
        self.octets = octets
        self.encoding = encoding
        self.geometry = Geometry(encoding)
        self.position = 0
        self.items_left = ITEM_LIMIT
        self.referents: dict[int, Referent] = {}
        self.checks: list[Check] = []
        self.trace = trace

    def read(self, layout: Layout, path: str, outer: dict[str, object] | None) -> Any:
        """The value of the outermost layout, all correlations checked."""
        if isinstance(layout, Parameters):
            value: Any = self._parameters(layout, path, outer)
        else:
            value = settle(self._item(layout, Place(path, outer or {})))
        for check in self.checks:
            check.make()
        return value

    def _parameters(self, layout: Parameters, path: str, outer: dict[str, object] | None) -> dict[str, Any]:
        """Each parameter is an item of its own: its pointees follow it directly (C706 14.3.12.3)."""
        values: dict[str, Any] = {}
        place = parameters_place(path, values, outer)
        for member in layout.fields:
            values[member.name] = settle(self._item(member.layout, place.field(member.name)))
        return values

    # The three passes

    def _item(self, layout: Layout, place: Place) -> Any:
        array, names = conformant(layout)
        maximum = None if array is None else self._maximum(array, place.at(names))
        return self._scalars(layout, place, maximum)

    def _scalars(self, layout: Layout, place: Place, maximum: int | None = None) -> Any:
        """The scalar pass; `maximum` is the count that was read before the outermost structure."""
        match layout:
            case Scalar():
                return self._run(layout, 1, place)[0]
            case Range():
                return self._range(layout, place)
            case Guid():
                return self._uuid(self._take(16, 4, place, "GUID", "C706 A.1"))
            case ContextHandle():
                return self._context(place)
            case Struct():
                return self._struct(layout, place, maximum)
            case SwitchIs() | EncapsulatedUnion():
                return self._union(layout, place)
            case Array():
                return self._array(layout, place, maximum)
            case String():
                return self._string(layout, place, maximum)
            case Pointer():
                return self._pointer(layout, place)
            case _:
                raise unreadable(layout, place.path)

    # Octets

    def _take(self, size: int, alignment: int, place: Place, meaning: str, rule: str) -> bytes:
        """The next `size` octets after the gap (C706 14.2.2); what is in the gap does not matter."""
        start = self.position + -self.position % alignment
        if start + size > len(self.octets):
            left = max(0, len(self.octets) - start)
            raise self._bad(f"{meaning} takes {size} octets, {left} are left", place, rule=rule, offset=start)
        if self.trace is not None and size:
            self.trace.append(Span(start, size, place.path, meaning, rule))
        self.position = start + size
        return self.octets[start : start + size]

    def _align(self, alignment: int, place: Place, rule: str) -> None:
        """Gap octets that belong to a type: they have to be there."""
        size = -self.position % alignment
        if size:
            self._take(size, 1, place, "gap", rule)

    def _count(self, place: Place, meaning: str, rule: str) -> int:
        """A count or referent id: 4 octets, 8 in NDR64 (MS-RPCE 2.2.5.3)."""
        word = self.encoding.word
        return int.from_bytes(self._take(word, word, place, meaning, rule), "big" if self._big else "little")

    @property
    def _big(self) -> bool:
        return self.encoding.order == ">"

    def _bad(
        self, reason: str, place: Place, *, rule: str, status: int = RPC_X_BAD_STUB_DATA, offset: int | None = None
    ) -> NdrError:
        at = self.position if offset is None else offset
        return NdrError(reason, path=place.path, offset=at, rule=rule, status=status)

    def _check(
        self, said: Expression | None, actual: int, meaning: str, place: Place, status: int = RPC_X_BAD_STUB_DATA
    ) -> None:
        if said is not None:
            self.checks.append(Check(said, actual, meaning, place, self.position, status))

    # Primitives

    def _run(self, layout: Scalar, count: int, place: Place) -> tuple[Any, ...]:
        """`count` primitives; their size is their alignment, so there is no gap between them (C706 14.2)."""
        if count == 0:
            return ()
        size = layout.size(self.encoding)
        octets = self._take(
            size * count, size, place, f"{count} * {layout!r}" if count > 1 else repr(layout), "C706 14.2"
        )
        values = struct.unpack(f"{self.encoding.order}{count}{layout.code(self.encoding)}", octets)
        return self._members(layout, values, place) if isinstance(layout, Enum) else values

    def _members(self, layout: Enum, values: tuple[int, ...], place: Place) -> tuple[int, ...]:
        """All 16 bits are accepted, more only of a v1_enum (MS-RPCE 2.2.5.2)."""
        if not layout.v1 and max(values) > 0xFFFF:
            reason = f"{max(values)} is no value of a 16-bit enumeration"
            raise self._bad(reason, place, rule="MS-RPCE 2.2.5.2", status=RPC_X_ENUM_VALUE_OUT_OF_RANGE)
        return tuple(layout.by_value.get(value, value) for value in values)

    def _range(self, layout: Range, place: Place) -> Any:
        value = self._run(layout.layout, 1, place)[0]
        if not layout.lowest <= value <= layout.highest:
            reason = f"{value} is outside {layout.lowest}..{layout.highest}"
            raise self._bad(reason, place, rule="MS-RPCE 2.2.4.13", status=RPC_S_INVALID_BOUND)
        return value

    def _uuid(self, octets: bytes) -> uuid.UUID:
        """Three integers in the stream's order, then 8 octets as they are (C706 A.1)."""
        return uuid.UUID(bytes=octets) if self._big else uuid.UUID(bytes_le=octets)

    def _context(self, place: Place) -> tuple[int, uuid.UUID] | None:
        octets = self._take(20, 4, place, "context handle", "C706 6.1.6")
        if not any(octets):
            return None
        return int.from_bytes(octets[:4], "big" if self._big else "little"), self._uuid(octets[4:])

    # Structures and unions

    def _struct(self, layout: Struct, place: Place, maximum: int | None) -> Any:
        """The members from the structure's alignment on; NDR64 pads behind them too (MS-RPCE 2.2.5.3.4.1)."""
        alignment = self.geometry.alignment(layout)
        self._skip(alignment)
        parts: dict[str, Any] = {}
        inside = place.inside(parts)
        for member in layout.fields:
            count = maximum if member is layout.fields[-1] else None
            parts[member.name] = self._scalars(member.layout, inside.field(member.name), count)
        if self.encoding.wide:
            self._align(alignment, place, "MS-RPCE 2.2.5.3.4.1")
        return _all_of(layout.factory, parts) if _deferred(parts.values()) else layout.factory(**parts)

    def _skip(self, alignment: int) -> None:
        """Gap octets before a type; the type itself finds out whether the stub ends in them."""
        self.position += -self.position % alignment

    def _union(self, layout: SwitchIs | EncapsulatedUnion, place: Place) -> Any:
        """The tag, then the arm it selects (C706 14.3.8). NDR64 aligns both to the widest (MS-RPCE 2.2.5.3.4.4)."""
        union = layout.union
        if self.encoding.wide:
            self._skip(self.geometry.alignment(layout))
        own = layout.tag if isinstance(layout, EncapsulatedUnion) else None
        tag = self._scalars(union.tag, place.field(own) if own else place)
        if isinstance(layout, SwitchIs):
            self._check(layout.switch, int(tag), "the tag", place, status=RPC_S_INVALID_TAG)
            return self._arm(union, tag, place, padded=union.ms_union)
        parts = {layout.tag: tag}
        parts[layout.name] = self._arm(union, tag, place.inside(parts).field(layout.name), padded=False)

        def make(**members: Any) -> Any:
            return layout.factory(members[layout.tag], members[layout.name])

        return _all_of(make, parts) if _deferred(parts.values()) else make(**parts)

    def _arm(self, union: Union, tag: Any, place: Place, *, padded: bool) -> Any:
        arm = union.arm(int(tag))
        if isinstance(arm, NoArm):
            raise self._bad(f"no arm for tag {int(tag)}", place, rule="C706 14.3.8", status=RPC_S_INVALID_TAG)
        if padded or self.encoding.wide:
            self._align(self.geometry.arm_alignment(union), place, "MS-RPCE 2.2.4.5, 2.2.5.3.4.4")
        return None if arm is None else self._scalars(arm, place)

    # Arrays and strings

    def _maximum(self, layout: Array | String, place: Place) -> int:
        """The maximum count, aligned by itself before anything else of the item (C706 14.3.3.2, 14.3.7.1)."""
        maximum = self._count(place, "maximum count", "C706 14.3.7.1")
        if layout.limits is not None and not layout.limits[0] <= maximum <= layout.limits[1]:
            reason = f"{maximum} items are outside {layout.limits}"
            raise self._bad(reason, place, rule="MS-RPCE 2.2.4.13", status=RPC_S_INVALID_BOUND)
        return maximum

    def _bounds(self, layout: Array | String, place: Place, maximum: int | None) -> tuple[int, int]:
        """Offset and actual count (C706 14.3.3.3), which fit the maximum."""
        bound = layout.bound if maximum is None else maximum
        if bound is None:
            raise self._bad("only the last member of a structure can be conformant", place, rule="C706 14.3.7.1")
        if maximum is not None:
            self._check(layout.size, maximum, "the maximum count", place)
        if isinstance(layout, Array) and not layout.varying:
            return 0, bound
        offset = self._count(place, "offset", "C706 14.3.3.3")
        actual = self._count(place, "actual count", "C706 14.3.3.3")
        if offset + actual > bound:
            raise self._bad(f"{offset} + {actual} items do not fit in {bound}", place, rule="C706 14.3.3.4")
        return offset, actual

    def _array(self, layout: Array, place: Place, maximum: int | None) -> Any:
        offset, count = self._bounds(layout, place, maximum)
        if layout.varying:
            rest = (layout.bound if maximum is None else maximum) or 0
            self._check(layout.first or Number(0), offset, "the offset", place)
            self._check(layout.length or Number(rest - offset), count, "the actual count", place)
        return self._items(layout.element, count, place)

    def _items(self, element: Layout, count: int, place: Place) -> Any:
        """The elements; bytes, str or a list (C706 14.3.3.1)."""
        self._affordable(element, count, place)
        each = octets_each(element)
        if each == 1:
            return self._take(count, 1, place, f"{count} octets", "C706 14.3.3")
        if each == 2:
            octets = self._take(2 * count, 2 if count else 1, place, f"{count} * wchar_t", "C706 14.3.3")
            return octets.decode(*text_codec(WChar, self.encoding))
        if isinstance(element, Scalar):
            return list(self._run(element, count, place))
        parts: list[Any] = []
        for index in range(count):
            self._skip(self._before_element(element))
            parts.append(self._scalars(element, place.item(index)))
        return _list_of(parts) if _deferred(parts) else parts

    def _before_element(self, element: Layout) -> int:
        """Elements align themselves, but [ms_union] ones to their widest arm (MS-RPCE 2.2.4.5)."""
        widest = isinstance(element, SwitchIs) and element.union.ms_union
        return self.geometry.alignment(element) if widest else 1

    def _affordable(self, element: Layout, count: int, place: Place) -> None:
        """Nothing is taken on a count that the octets left, or the budget, cannot hold."""
        left = len(self.octets) - self.position
        if count * self.geometry.least(element) > left:
            raise self._bad(f"{count} items do not fit in the {left} octets left", place, rule="C706 14.3.3")
        if not isinstance(element, Scalar):
            self.items_left -= count
            if self.items_left < 0:
                raise self._bad(f"more than {ITEM_LIMIT} items", place, rule="the item limit")

    def _string(self, layout: String, place: Place, maximum: int | None) -> str:
        """Offset 0, the units, the last of them 0 (C706 14.3.5)."""
        offset, count = self._bounds(layout, place, maximum)
        size = layout.unit.size(self.encoding)
        if offset:
            raise self._bad(f"a string at offset {offset}", place, rule="C706 14.3.5")
        octets = self._take(count * size, size, place, f"string of {count} units", "C706 14.3.5")
        if not octets or any(octets[-size:]):
            raise self._bad("a string without its terminator", place, rule="C706 14.3.5")
        return octets[:-size].decode(*text_codec(layout.unit, self.encoding))

    # Pointers

    def _pointer(self, layout: Pointer, place: Place) -> Any:
        """The referent id; the pointee comes in the deferred pass (C706 14.3.12)."""
        referent = self._count(place, "referent id", "C706 14.3.12")
        if referent:
            return self._pointee(layout, referent, place)
        if isinstance(layout, RefPtr):
            status = RPC_X_NULL_REF_POINTER
            raise self._bad("a null [ref] pointer", place, rule="C706 14.3.12.1", status=status)
        for said in counts_of(layout.target) if not (place.reply or layout.lenient) else ():
            self.checks.append(NullCheck(said, 0, "a null pointer", place, self.position))
        return None

    def _pointee(self, layout: Pointer, referent: int, place: Place) -> Steps:
        """Equal ids mean the same object to full pointers only (C706 14.3.12.2)."""
        if isinstance(layout, FullPtr):
            return (yield self._full_pointee(layout, referent, place))
        return (yield from self._behind(layout.target, place))

    def _behind(self, target: Layout, place: Place) -> Steps:
        part = self._item(target, place.deeper())
        return (yield part) if isinstance(part, Generator) else part

    def _full_pointee(self, layout: FullPtr, referent: int, place: Place) -> Steps:
        """The first pointer whose turn comes brings the pointee, later ones are aliases."""
        target = layout.target
        known = self.referents.get(referent)
        if known is None:
            known = self.referents[referent] = Referent(shape(target))
            known.value = shared((yield from self._behind(target, place)))
            known.complete = True
            for holder, name in known.waiting:
                _put(holder, name, known.value, place)
        elif known.shape != shape(target):
            raise self._bad(f"referent {referent:#x} has another type", place, rule="C706 14.3.12.2")
        return known.latest()


class NullCheck(Check):
    """A null pointer has no items (MS-RPCE 3.1.1.5.3, level 6.0)."""

    __slots__ = ()

    def make(self) -> None:
        """NdrError when `size_is` is not 0."""
        size = self.place.size_of_nothing(self.expression)
        if size:
            reason = f"a null pointer to {size} items"
            raise NdrError(reason, path=self.place.path, offset=self.offset, rule=LEVEL_6)


# Values whose parts are deferred


def _deferred(parts: Any) -> bool:
    return any(isinstance(part, Generator) for part in parts)


def _all_of(make: Any, parts: dict[str, Any]) -> Steps:
    """A structure, once its pointees are there in the order of the members."""
    for name, part in parts.items():
        if isinstance(part, Generator):
            parts[name] = yield part
    early = {name: part for name, part in parts.items() if isinstance(part, Referent)}
    parts.update(dict.fromkeys(early))
    value = make(**parts)
    for name, referent in early.items():
        referent.waiting.append((value, name))
    return value


def _list_of(parts: list[Any]) -> Steps:
    for index, part in enumerate(parts):
        if isinstance(part, Generator):
            parts[index] = yield part
        if isinstance(parts[index], Referent):
            parts[index].waiting.append((parts, index))
    return parts


def _put(holder: Any, name: Any, value: Any, place: Place) -> None:
    """Close a circle of full pointers."""
    kind = type(holder).__name__
    try:
        if isinstance(name, int) or isinstance(holder, dict):
            holder[name] = value
        else:
            setattr(holder, name, value)
    except (AttributeError, TypeError) as error:
        raise NdrError(f"a circle through an unchangeable {kind}", path=place.path) from error
