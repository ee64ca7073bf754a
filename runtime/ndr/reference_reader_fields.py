"""Octets to values, the lowest part: octets, counts, primitives, and the checks that wait for siblings.

Above it: `reference_reader_arrays.py`, `reference_reader.py`. The counterpart is `reference_writer_fields.py`.
"""

from __future__ import annotations

import struct
import sys
import uuid
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from .budget import MAX_ITEMS
from .errors import RPC_S_INVALID_BOUND, RPC_X_BAD_STUB_DATA, RPC_X_ENUM_VALUE_OUT_OF_RANGE, NdrError
from .expression import Expression
from .layout import BitSet, Encoding, Enum, Range, Scalar
from .reference_rules import Geometry, Observer, Place, Span
from .strictness import DEFAULT, Strictness

LEVEL_5: Final = "MS-RPCE 3.1.1.5.3.2"
"""The checks of target level 5.0: correlations in .1, others in .2."""
LEVEL_6: Final = "MS-RPCE 3.1.1.5.3.3"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Check:
    """A correlation that has to hold once all siblings are known."""

    expression: Expression
    actual: int
    meaning: str
    place: Place
    offset: int
    rule: str
    status: int = RPC_X_BAD_STUB_DATA

    def make(self) -> None:
        """NdrError unless the siblings say what the octets say."""
        said = self.said()
        if said is not None and said != self.actual:
            raise NdrError(
                f"{self.meaning} is {self.actual}, the siblings say {said}",
                path=self.place.path,
                offset=self.offset,
                rule=self.rule,
                status=self.status,
            )

    def said(self) -> int | None:
        """What the siblings say. NdrError when they say nothing that can be counted."""
        try:
            return self.place.known(self.expression)
        except NdrError as error:
            error.offset, error.rule = self.offset, error.rule or self.rule
            raise


class NullCheck(Check):
    """A null pointer has no items (MS-RPCE 3.1.1.5.3.3.1.2)."""

    __slots__ = ()

    def make(self) -> None:
        """NdrError when `size_is` is not 0."""
        size = self.place.size_of_nothing(self.expression)
        if size:
            reason = f"a null pointer to {size} items"
            raise NdrError(reason, path=self.place.path, offset=self.offset, rule=self.rule)


class FieldReader:
    """Octets and primitives. `position` is where it stands."""

    def __init__(self, octets: bytes, encoding: Encoding, trace: list[Span] | None = None) -> None:
        self.octets = octets
        self.encoding = encoding
        self.strictness: Strictness = DEFAULT
        self.steps_left: int = sys.maxsize
        """Fields that may be read before OutOfSteps."""
        self.geometry = Geometry(encoding)
        self.position = 0
        self.origin: int = 0
        """Where `octets` begin in the stub: not 0 inside of a context."""
        self.items_left = MAX_ITEMS
        self.checks: list[Check] = []
        self.trace = trace
        self.observer = trace if isinstance(trace, Observer) else None

    def skip(self, alignment: int) -> None:
        """Gap octets before a type; the type itself finds out whether the stub ends in them."""
        self.position += self._gap(alignment)

    def _gap(self, alignment: int) -> int:
        """Octets up to a multiple; none where nothing is aligned (NDR_NOALIGN)."""
        return 0 if self.encoding.packed else -self.position % alignment

    # Octets

    def take(self, size: int, alignment: int, place: Place, meaning: str, rule: str) -> bytes:
        """The next `size` octets after the gap (C706 14.2.2); what is in the gap does not matter."""
        start = self.position + self._gap(alignment)
        if start + size > len(self.octets):
            left = max(0, len(self.octets) - start)
            if self.observer is not None:
                self.observer.missing = Span(self.origin + start, size, place.path, meaning, rule)
                self.observer.there = left
            raise self.bad(f"{meaning} takes {size} octets, {left} are left", place, rule=rule, offset=start)
        if self.trace is not None and size:
            self.trace.append(Span(self.origin + start, size, place.path, meaning, rule))
        self.position = start + size
        return self.octets[start : start + size]

    def saw(self, value: T, count: int = 1, *, several: bool = False) -> T:
        """Tell an observer what the last octets were; none were taken for a `count` of 0. several: items of a list."""
        if self.observer is not None and count:
            self.observer.values[len(self.observer) - 1] = value
            if several:
                self.observer.several.add(len(self.observer) - 1)
        return value

    def align(self, alignment: int, place: Place, rule: str) -> None:
        """Gap octets that belong to a type: they have to be there."""
        size = self._gap(alignment)
        if size:
            self.take(size, 1, place, "gap", rule)

    def count(self, place: Place, meaning: str, rule: str) -> int:
        """A count or referent id: 4 octets, 8 in NDR64 (MS-RPCE 2.2.5.3)."""
        word = self.encoding.word
        octets = self.take(word, word, place, meaning, rule)
        return self.saw(int.from_bytes(octets, "big" if self._big else "little"))

    @property
    def _big(self) -> bool:
        return self.encoding.order == ">"

    def bad(
        self, reason: str, place: Place, *, rule: str, status: int = RPC_X_BAD_STUB_DATA, offset: int | None = None
    ) -> NdrError:
        at = self.position if offset is None else offset
        return NdrError(reason, path=place.path, offset=self.origin + at, rule=rule, status=status)

    def check(
        self,
        said: Expression | None,
        actual: int,
        meaning: str,
        place: Place,
        rule: str,
        status: int = RPC_X_BAD_STUB_DATA,
    ) -> None:
        """Have a count or tag held against what siblings say, once they are all known."""
        if said is not None and not self.strictness.contradiction:
            self.checks.append(Check(said, actual, meaning, place, self.origin + self.position, rule, status))

    # Primitives

    def run(self, layout: Scalar, count: int, place: Place) -> tuple[Any, ...]:
        """`count` primitives; their size is their alignment, so there is no gap between them (C706 14.2)."""
        if count == 0:
            return ()
        size = layout.size(self.encoding)
        octets = self.take(
            size * count, size, place, f"{count} * {layout!r}" if count > 1 else repr(layout), "C706 14.2"
        )
        values = struct.unpack(f"{self.encoding.order}{count}{layout.code(self.encoding)}", octets)
        if isinstance(layout, BitSet):
            return tuple(layout.member(value) for value in values)
        return self._members(layout, values, place) if isinstance(layout, Enum) else values

    def _members(self, layout: Enum, values: tuple[int, ...], place: Place) -> tuple[int, ...]:
        """All 16 bits are accepted, more only of a v1_enum (MS-RPCE 2.2.5.2)."""
        if not layout.v1 and max(values) > 0xFFFF:
            reason = f"{max(values)} is no value of a 16-bit enumeration"
            raise self.bad(reason, place, rule="MS-RPCE 2.2.5.2", status=RPC_X_ENUM_VALUE_OUT_OF_RANGE)
        unnamed = [value for value in values if value not in layout.by_value]
        if unnamed and not self.strictness.unnamed_enum_value:
            reason = f"{unnamed[0]} is no value of the enumeration"
            raise self.bad(reason, place, rule="C706 14.2.5", status=RPC_X_ENUM_VALUE_OUT_OF_RANGE)
        return tuple(layout.by_value.get(value, value) for value in values)

    def range_of(self, layout: Range, place: Place) -> Any:
        value = self.saw(self.run(layout.layout, 1, place)[0])
        if not layout.lowest <= value <= layout.highest:
            reason = f"{value} is outside {layout.lowest}..{layout.highest}"
            raise self.bad(reason, place, rule=f"{LEVEL_5}.2.4", status=RPC_S_INVALID_BOUND)
        return value

    def uuid_of(self, octets: bytes) -> uuid.UUID:
        """Three integers in the stream's order, then 8 octets as they are (C706 A.1)."""
        return uuid.UUID(bytes=octets) if self._big else uuid.UUID(bytes_le=octets)

    def context(self, place: Place) -> tuple[int, uuid.UUID] | None:
        octets = self.take(20, 4, place, "context handle", "C706 6.1.6")
        if not any(octets):
            return self.saw(None)
        return self.saw((int.from_bytes(octets[:4], "big" if self._big else "little"), self.uuid_of(octets[4:])))
