"""Values to octets, the rules line by line.

The same three passes as `reference_reader.py`: the maximum count that moved to the front, the scalars
with referent ids in place, then the pointees (C706 14.3.12.3).

Rules of this file: gaps are zero; what the reader would refuse is refused here; siblings that the
writer is left to fill in (AUTO) are filled in before the structure is written.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from .errors import (
    RPC_S_INVALID_BOUND,
    RPC_S_INVALID_TAG,
    RPC_X_BAD_STUB_DATA,
    RPC_X_ENUM_VALUE_OUT_OF_RANGE,
    RPC_X_NULL_REF_POINTER,
    NdrError,
)
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
)
from .reference_rules import (
    FIRST_REFERENT,
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
    unreadable,
)
from .reference_values import brief, elements, encoded, has_identity, member, members


class Extent(NamedTuple):
    """An array's counts in items, and its items: octets for texts and byte arrays, else a list."""

    maximum: int
    offset: int
    actual: int
    items: bytes | list[Any]


@dataclass(slots=True)
class Referent:
    """An object that full pointers share; `value` keeps it, so that its identity stays its own."""

    number: int
    value: Any
    written: bool = False


class Writer:
    """One walk over one value. `octets` is the stub."""

    def __init__(self, encoding: Encoding, trace: list[Span] | None = None) -> None:
        self.octets = bytearray()
        self.encoding = encoding
        self.geometry = Geometry(encoding)
        self.next_referent = FIRST_REFERENT
        self.referents: dict[tuple[int, object], Referent] = {}
        self.trace = trace

    def write(self, layout: Layout, value: Any, path: str, outer: Mapping[str, object] | None) -> None:
        """The octets of the outermost layout, into `octets`."""
        if isinstance(layout, Parameters):
            values = members(layout.fields, value, path)
            place = parameters_place(path, values, outer)
            for field in layout.fields:
                settle(self._item(field.layout, values[field.name], place.field(field.name)))
        else:
            settle(self._item(layout, value, Place(path, outer or {})))

    # The three passes

    def _item(self, layout: Layout, value: Any, place: Place) -> Any:
        self._conformance(layout, value, place)
        return self._scalars(layout, value, place)

    def _conformance(self, layout: Layout, value: Any, place: Place) -> None:
        """The maximum count of the array that ends the item, aligned by itself (C706 14.3.7.1)."""
        array, names = conformant(layout)
        if array is None:
            return
        for name in names:
            assert isinstance(layout, Struct)
            values = members(layout.fields, value, place.path)
            layout, value, place = layout.fields[-1].layout, values[name], place.inside(values).field(name)
        self._count(self._extent(array, value, place).maximum, place, "maximum count", "C706 14.3.7.1")

    def _scalars(self, layout: Layout, value: Any, place: Place, *, last: bool = True) -> Any:
        """The scalar pass; answers with the steps of the deferred pass, or None. `last`: a count may have moved."""
        if not last and conformant(layout)[0] is not None:
            raise _bad("only the last member of a structure can be conformant", place, "C706 14.3.7.1")
        match layout:
            case Scalar():
                self._run(layout, [value], place)
            case Range():
                self._range(layout, value, place)
            case Guid():
                self._put(self._uuid(value, place), 4, place, "GUID", "C706 A.1")
            case ContextHandle():
                self._context(value, place)
            case Struct():
                return self._struct(layout, value, place)
            case SwitchIs() | EncapsulatedUnion():
                return self._union(layout, value, place)
            case Array():
                return self._array(layout, value, place)
            case String():
                self._string(layout, value, place)
            case Pointer():
                return self._pointer(layout, value, place)
            case _:
                raise unreadable(layout, place.path)
        return None

    # Octets

    def _put(self, octets: bytes, alignment: int, place: Place, meaning: str, rule: str) -> None:
        """The octets after a gap of zeros (C706 14.2.2)."""
        self._align(alignment)
        if self.trace is not None and octets:
            self.trace.append(Span(len(self.octets), len(octets), place.path, meaning, rule))
        self.octets += octets

    def _align(self, alignment: int) -> None:
        self.octets += bytes(-len(self.octets) % alignment)

    def _count(self, value: int, place: Place, meaning: str, rule: str) -> None:
        """A count or referent id: 4 octets, 8 in NDR64 (MS-RPCE 2.2.5.3)."""
        word = self.encoding.word
        if not 0 <= value < 1 << 8 * word:
            raise _bad(f"the {meaning} {value} does not fit {word} octets", place, rule)
        self._put(value.to_bytes(word, "big" if self._big else "little"), word, place, meaning, rule)

    @property
    def _big(self) -> bool:
        return self.encoding.order == ">"

    # Primitives

    def _run(self, layout: Scalar, values: Sequence[Any], place: Place) -> None:
        """Primitives; their size is their alignment, so there is no gap between them (C706 14.2)."""
        if not values:
            return
        if isinstance(layout, Enum):
            _in_enumeration(layout, values, place)
        try:
            octets = struct.pack(f"{self.encoding.order}{len(values)}{layout.code(self.encoding)}", *values)
        except (struct.error, OverflowError, TypeError) as error:
            raise _bad(f"{brief(values)} does not fit {layout!r}", place, "C706 14.2") from error
        meaning = f"{len(values)} * {layout!r}" if len(values) > 1 else repr(layout)
        self._put(octets, layout.size(self.encoding), place, meaning, "C706 14.2")

    def _range(self, layout: Range, value: Any, place: Place) -> None:
        if isinstance(value, int) and not layout.lowest <= value <= layout.highest:
            reason = f"{value} is outside {layout.lowest}..{layout.highest}"
            raise _bad(reason, place, "MS-RPCE 2.2.4.13", RPC_S_INVALID_BOUND)
        self._run(layout.layout, [value], place)

    def _uuid(self, value: Any, place: Place) -> bytes:
        """Three integers in the stream's order, then 8 octets as they are (C706 A.1)."""
        if not isinstance(value, uuid.UUID):
            raise _bad(f"{brief(value)} is no UUID", place, "C706 A.1")
        return value.bytes if self._big else value.bytes_le

    def _context(self, value: Any, place: Place) -> None:
        if value is None:
            return self._put(bytes(20), 4, place, "context handle", "C706 6.1.6")
        try:
            attributes, identity = value
            octets = struct.pack(f"{self.encoding.order}I", attributes) + self._uuid(identity, place)
        except (struct.error, TypeError, ValueError) as error:
            raise _bad(f"{brief(value)} is no context handle", place, "C706 6.1.6") from error
        return self._put(octets, 4, place, "context handle", "C706 6.1.6")

    # Structures and unions

    def _struct(self, layout: Struct, value: Any, place: Place) -> Any:
        """The members from the structure's alignment on; NDR64 pads behind them too (MS-RPCE 2.2.5.3.4.1)."""
        alignment = self.geometry.alignment(layout)
        self._align(alignment)
        values = members(layout.fields, value, place.path)
        inside = place.inside(values)
        parts: list[Any] = []
        for field in layout.fields:
            last = field is layout.fields[-1]
            parts.append(self._scalars(field.layout, values[field.name], inside.field(field.name), last=last))
        if self.encoding.wide:
            self._align(alignment)
        return _in_turn(parts)

    def _union(self, layout: SwitchIs | EncapsulatedUnion, value: Any, place: Place) -> Any:
        """The tag, then the arm it selects (C706 14.3.8). NDR64 aligns both to the widest (MS-RPCE 2.2.5.3.4.4)."""
        union = layout.union
        if isinstance(layout, SwitchIs):
            tag, at, padded = place.known(layout.switch), place, union.ms_union
        else:
            tag, at, padded = member(value, layout.tag, place.path), place.field(layout.tag), False
            value = member(value, layout.name, place.path)
            place = place.inside({layout.tag: tag}).field(layout.name)
        if not isinstance(tag, int):
            raise _bad("nothing selects an arm", at, "C706 14.3.8", RPC_S_INVALID_TAG)
        if self.encoding.wide:
            self._align(self.geometry.alignment(layout))
        self._run(union.tag, [tag], at)
        return self._arm(union, tag, value, place, padded=padded)

    def _arm(self, union: Union, tag: int, value: Any, place: Place, *, padded: bool) -> Any:
        arm = union.arm(int(tag))
        if isinstance(arm, NoArm):
            raise _bad(f"no arm for tag {int(tag)}", place, "C706 14.3.8", RPC_S_INVALID_TAG)
        if padded or self.encoding.wide:
            self._align(self.geometry.arm_alignment(union))
        if arm is not None:
            return self._scalars(arm, value, place, last=False)
        if value is not None:
            raise _bad(f"the arm for tag {int(tag)} holds nothing", place, "C706 14.3.8")
        return None

    # Arrays and strings

    def _extent(self, layout: Array | String, value: Any, place: Place) -> Extent:
        """Counts and items, held against what the siblings say (C706 14.3.3, MS-RPCE 3.1.1.5.3)."""
        if isinstance(layout, String):
            text = self._text(layout, value, place)
            extent = self._counts(layout, 0, len(text) // layout.unit.size(self.encoding), text, place)
            _fits(extent, place)
            return extent
        items = elements(layout.element, value, self.encoding, place.path)
        first = place.known(layout.first) or 0
        extent = self._counts(layout, first, len(items) // (octets_each(layout.element) or 1), items, place)
        if layout.varying:
            _fits(extent, place)
        length = extent.maximum - first if layout.length is None else place.known(layout.length)
        if length is not None and length != extent.actual:
            raise _bad(f"{extent.actual} items where the siblings say {length}", place, "MS-RPCE 3.1.1.5.3")
        return extent

    def _counts(
        self, layout: Array | String, first: int, actual: int, items: bytes | list[Any], place: Place
    ) -> Extent:
        size = place.known(layout.size) if layout.bound is None else layout.bound
        maximum = first + actual if size is None else size
        if layout.limits is not None and not layout.limits[0] <= maximum <= layout.limits[1]:
            reason = f"{maximum} items are outside {layout.limits}"
            raise _bad(reason, place, "MS-RPCE 2.2.4.13", RPC_S_INVALID_BOUND)
        return Extent(maximum, first, actual, items)

    def _bounds(self, extent: Extent, place: Place) -> None:
        """Offset and actual count of what varies (C706 14.3.3.3)."""
        self._count(extent.offset, place, "offset", "C706 14.3.3.3")
        self._count(extent.actual, place, "actual count", "C706 14.3.3.3")

    def _array(self, layout: Array, value: Any, place: Place) -> Any:
        """What varies, then the items (C706 14.3.3)."""
        extent, element = self._extent(layout, value, place), layout.element
        if layout.varying:
            self._bounds(extent, place)
        if isinstance(extent.items, bytes):
            alignment = octets_each(element) if extent.items else 1
            return self._put(extent.items, alignment, place, f"{extent.actual} * {element!r}", "C706 14.3.3")
        if isinstance(element, Scalar):
            return self._run(element, extent.items, place)
        widest = isinstance(element, SwitchIs) and element.union.ms_union  # MS-RPCE 2.2.4.5
        parts: list[Any] = []
        for index, item in enumerate(extent.items):
            self._align(self.geometry.alignment(element) if widest else 1)
            parts.append(self._scalars(element, item, place.item(index), last=False))
        return _in_turn(parts)

    def _string(self, layout: String, value: Any, place: Place) -> None:
        """Offset 0, actual count, the units with their terminator (C706 14.3.5)."""
        extent = self._extent(layout, value, place)
        self._bounds(extent, place)
        meaning = f"string of {extent.actual} units"
        self._put(bytes(extent.items), layout.unit.size(self.encoding), place, meaning, "C706 14.3.5")

    def _text(self, layout: String, value: Any, place: Place) -> bytes:
        if not isinstance(value, str) or "\0" in value:
            raise _bad(f"{brief(value)} is no text without NUL", place, "C706 14.3.5")
        return encoded(value + "\0", layout.unit, self.encoding, place.path)

    # Pointers

    def _pointer(self, layout: Pointer, value: Any, place: Place) -> Any:
        """The referent id; the pointee comes in the deferred pass (C706 14.3.12)."""
        if value is None and not (isinstance(layout, RefPtr) and _may_be_none(layout.target)):
            return self._null(layout, place)
        referent = self._referent(layout, value)
        self._count(referent.number, place, "referent id", "C706 14.3.12")
        return self._pointee(layout, referent, place)

    def _null(self, layout: Pointer, place: Place) -> None:
        if isinstance(layout, RefPtr):
            raise _bad("a null [ref] pointer", place, "C706 14.3.12.1", RPC_X_NULL_REF_POINTER)
        for said in counts_of(layout.target) if not (place.reply or layout.lenient) else ():
            size = place.size_of_nothing(said)
            if size:
                raise _bad(f"a null pointer to {size} items", place, "MS-RPCE 3.1.1.5.3")
        self._count(0, place, "referent id", "C706 14.3.12")

    def _referent(self, layout: Pointer, value: Any) -> Referent:
        """A new id, or the one that a full pointer gave the same object (C706 14.3.12.2)."""
        key = id(value), shape(layout.target) if isinstance(layout, FullPtr) else None
        known = self.referents.get(key) if isinstance(layout, FullPtr) else None
        if known is not None:
            return known
        referent = Referent(self.next_referent, value)
        self.next_referent += 4
        if isinstance(layout, FullPtr) and has_identity(value):
            self.referents[key] = referent
        return referent

    def _pointee(self, layout: Pointer, referent: Referent, place: Place) -> Steps:
        """The pointee goes where the first of its pointers has its turn."""
        if not referent.written:
            referent.written = True
            part = self._item(layout.target, referent.value, place.deeper())
            if isinstance(part, Generator):
                yield part


# Refusals


def _bad(reason: str, place: Place, rule: str, status: int = RPC_X_BAD_STUB_DATA) -> NdrError:
    return NdrError(reason, path=place.path, rule=rule, status=status)


def _in_enumeration(layout: Enum, values: Sequence[Any], place: Place) -> None:
    """A 16-bit enumeration sends 0..32767 (C706 14.2.5)."""
    for value in values:
        if not layout.v1 and isinstance(value, int) and not 0 <= value <= 0x7FFF:
            reason = f"{value} is outside 0..32767"
            raise _bad(reason, place, "C706 14.2.5", RPC_X_ENUM_VALUE_OUT_OF_RANGE)


def _may_be_none(target: Layout) -> bool:
    """None can be the value of what a [ref] pointer points to: a null pointer, a null handle, an empty arm."""
    return isinstance(target, Pointer | ContextHandle | SwitchIs)


def _fits(extent: Extent, place: Place) -> None:
    maximum, first, actual, _ = extent
    if not 0 <= first <= first + actual <= maximum:
        raise _bad(f"{first} + {actual} items do not fit in {maximum}", place, "C706 14.3.3.4")


def _in_turn(parts: list[Any]) -> Any:
    """The deferred steps of several parts, in order; None when there are none."""
    deferred: list[Steps] = [part for part in parts if isinstance(part, Generator)]
    return _each(deferred) if deferred else None


def _each(deferred: list[Steps]) -> Steps:
    yield from deferred
