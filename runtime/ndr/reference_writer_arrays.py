"""Values to octets: arrays, strings and pipes.

The counterpart is `reference_reader_arrays.py`. Below it: `reference_writer_fields.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from typing import Any, NamedTuple

from .errors import RPC_S_INVALID_BOUND
from .layout import Array, Layout, MultiArray, Pipe, Scalar, String, SwitchIs
from .reference_rules import Place, Steps, octets_each, unreadable, without_pointers
from .reference_values import brief, dimension_counts, elements, encoded, instead
from .reference_writer_fields import FieldWriter, refused


class Extent(NamedTuple):
    """An array's counts in items, and its items: octets for texts and byte arrays, else a list."""

    maximum: int
    offset: int
    actual: int
    items: bytes | list[Any]


class Block(NamedTuple):
    """An array's counts in each dimension, in items; the last maximum is that of strings, where it holds some."""

    maxima: list[int]
    firsts: list[int]
    actuals: list[int]


class ArrayWriter(FieldWriter, ABC):
    """Arrays and strings; what their items are is for the class above to know."""

    @abstractmethod
    def scalars(self, layout: Layout, value: Any, place: Place, *, last: bool = True) -> Any:
        """The scalar pass; the steps of the deferred pass, or None."""

    # Counts

    def maxima(self, layout: Array | MultiArray | String, value: Any, place: Place) -> list[int]:
        """The maximum counts that go in front (C706 14.3.7.1)."""
        if isinstance(layout, MultiArray):
            return self._block(layout, value, place).maxima
        return [self._extent(layout, value, place).maximum]

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
            raise refused(f"{extent.actual} items where the siblings say {length}", place, "MS-RPCE 3.1.1.5.3")
        return extent

    def _counts(
        self, layout: Array | String, first: int, actual: int, items: bytes | list[Any], place: Place
    ) -> Extent:
        size = place.known(layout.size) if layout.bound is None else layout.bound
        maximum = first + actual if size is None else size
        _within(layout.limits, maximum, place)
        return Extent(maximum, first, actual, items)

    def _block(self, layout: MultiArray, value: Any, place: Place) -> Block:
        """The counts of each dimension, held against what the siblings say."""
        block = Block([], [], [])
        for dimension, count in zip(layout.dimensions, dimension_counts(layout, value, place.path), strict=True):
            first = place.known(dimension.first) or 0
            size = place.known(dimension.size) if dimension.bound is None else dimension.bound
            maximum = first + (count or 0) if size is None else size
            length = maximum - first if dimension.length is None else place.known(dimension.length)
            actual = (length or 0) if count is None else count
            if length not in (None, actual):
                raise refused(f"{actual} items where the siblings say {length}", place, "MS-RPCE 3.1.1.5.3")
            _fits(Extent(maximum, first, actual, []), place)
            block.maxima.append(maximum)
            block.firsts.append(first)
            block.actuals.append(actual)
        if isinstance(layout.element, String):
            block.maxima.append(self._longest(layout, layout.element, value, place))
        for dimension, maximum in zip(layout.counted, block.maxima, strict=True):
            _within(None if dimension.bound is not None else dimension.limits, maximum, place)
        return block

    def _longest(self, layout: MultiArray, string: String, value: Any, place: Place) -> int:
        """The maximum count that all strings of an array share (C706 14.3.5)."""
        known = string.bound if string.bound is not None else place.known(string.size)
        if known is not None:
            return known
        texts = [value]
        for _ in layout.dimensions:
            texts = [text for part in texts for text in part]
        return max(
            (len(self._text(string, text, place)) // string.unit.size(self.encoding) for text in texts), default=0
        )

    def _bounds(self, extent: Extent, place: Place) -> None:
        """Offset and actual count of what varies (C706 14.3.3.3)."""
        self.count(extent.offset, place, "offset", "C706 14.3.3.3")
        self.count(extent.actual, place, "actual count", "C706 14.3.3.3")

    # Arrays

    def array(self, layout: Array, value: Any, place: Place) -> Any:
        """What varies, then the items (C706 14.3.3)."""
        extent = self._extent(layout, value, place)
        if layout.varying:
            self._bounds(extent, place)
        return self._items(layout.element, extent.items, place)

    def _items(self, element: Layout, items: bytes | list[Any], place: Place) -> Any:
        """The elements; octets as they are (C706 14.3.3.1)."""
        if isinstance(items, bytes):
            each = octets_each(element)
            meaning = f"{len(items) // each} * {element!r}"
            return self.put(items, each if items else 1, place, meaning, "C706 14.3.3")
        if isinstance(element, Scalar):
            return self.run(element, items, place)
        widest = isinstance(element, SwitchIs) and element.union.ms_union  # MS-RPCE 2.2.4.5
        parts: list[Any] = []
        for index, item in enumerate(items):
            self.align(self.geometry.alignment(element) if widest else 1)
            parts.append(self.scalars(element, item, place.item(index), last=False))
        return in_turn(parts)

    def dimensions(self, layout: MultiArray, value: Any, place: Place) -> Any:
        """What varies of each dimension, then the items, the last index first (C706 14.3.3, 14.3.5)."""
        block = self._block(layout, value, place)
        if layout.varying:
            for first, actual in zip(block.firsts, block.actuals, strict=True):
                self._bounds(Extent(0, first, actual, []), place)
        longest = block.maxima[-1] if isinstance(layout.element, String) else None
        return self._rows(layout.element, len(layout.dimensions), value, place, longest)

    def _rows(self, element: Layout, rank: int, value: Any, place: Place, longest: int | None) -> Any:
        items = elements(element, value, self.encoding, place.path) if rank == 1 else list(value)
        if rank == 1 and not isinstance(element, String):
            return self._items(element, items, place)
        parts: list[Any] = []
        for index, item in enumerate(items):
            if rank > 1:
                parts.append(self._rows(element, rank - 1, item, place.item(index), longest))
            else:
                assert isinstance(element, String)
                self.string(element, item, place.item(index), longest)
        return in_turn(parts)

    # Strings and pipes

    def string(self, layout: String, value: Any, place: Place, maximum: int | None = None) -> None:
        """Offset 0, actual count, the units with their terminator (C706 14.3.4.2). maximum: an array's."""
        if maximum is None:
            extent = self._extent(layout, value, place)
        else:
            text = self._text(layout, value, place)
            extent = Extent(maximum, 0, len(text) // layout.unit.size(self.encoding), text)
            _fits(extent, place)
        self._bounds(extent, place)
        meaning = f"string of {extent.actual} units"
        self.put(bytes(extent.items), layout.unit.size(self.encoding), place, meaning, "C706 14.3.4.2")

    def _text(self, layout: String, value: Any, place: Place) -> bytes:
        if not isinstance(value, str):
            raise refused(instead("str", value), place, "C706 14.3.4.2")
        if "\0" in value:
            raise refused(f"{brief(value)} is no text without NUL", place, "C706 14.3.4.2")
        return encoded(value + "\0", layout.unit, self.encoding, place.path)

    def pipe(self, layout: Pipe, value: Any, place: Place) -> None:
        """Chunks, an empty one at the end (C706 14.3.9)."""
        if not without_pointers(layout.element):
            raise unreadable(layout, place.path)
        place = place.inside({})
        index = 0
        for items in self._chunks(layout, value, place):
            count, chunk = len(items) // (octets_each(layout.chunk.element) or 1), place.item(index)
            if not layout.allows(count):
                reason = f"a chunk of {count} items is outside {layout.limits}"
                raise refused(reason, chunk, "MS-RPCE 2.2.4.14", RPC_S_INVALID_BOUND)
            self.count(count, chunk, "chunk count", "C706 14.3.9")
            self._items(layout.chunk.element, items, chunk)
            self._end_of_chunk(count, chunk)
            index += 1
        self.count(0, place.item(index), "chunk count", "C706 14.3.9")
        self._end_of_chunk(0, place.item(index))

    def _chunks(self, layout: Pipe, value: Any, place: Place) -> Iterator[bytes | list[Any]]:
        try:
            yield from (
                elements(layout.chunk.element, part, self.encoding, place.path) for part in layout.chunks(value)
            )
        except TypeError as error:
            raise refused(f"{brief(value)} is no pipe of {layout.element!r}", place, "C706 14.3.9") from error

    def _end_of_chunk(self, count: int, place: Place) -> None:
        """NDR64 has the negated count behind a chunk (MS-RPCE 2.2.5.3)."""
        if self.encoding.wide:
            self.align(8)
            self.count(-count & 0xFFFF_FFFF_FFFF_FFFF, place, "negated chunk count", "MS-RPCE 2.2.5.3")


def _within(limits: tuple[int, int] | None, maximum: int, place: Place) -> None:
    if limits is not None and not limits[0] <= maximum <= limits[1]:
        reason = f"{maximum} items are outside {limits}"
        raise refused(reason, place, "MS-RPCE 2.2.4.14", RPC_S_INVALID_BOUND)


def _fits(extent: Extent, place: Place) -> None:
    maximum, first, actual, _ = extent
    if not 0 <= first <= first + actual <= maximum:
        raise refused(f"{first} + {actual} items do not fit in {maximum}", place, "C706 14.3.3.4")


def in_turn(parts: list[Any]) -> Any:
    """The deferred steps of several parts, in order; None when there are none."""
    deferred: list[Steps] = [part for part in parts if isinstance(part, Generator)]
    return _each(deferred) if deferred else None


def _each(deferred: list[Steps]) -> Steps:
    yield from deferred
