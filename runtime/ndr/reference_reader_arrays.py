"""Octets to values: arrays, strings and pipes.

The counterpart is `reference_writer_arrays.py`. Below it: `reference_reader_fields.py`.
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from typing import Any, Final

from .budget import TOO_MANY
from .errors import RPC_S_INVALID_BOUND
from .expression import Expression, Number
from .layout import (
    Array,
    Boolean,
    Dimension,
    Layout,
    MultiArray,
    Pipe,
    PipeItems,
    PipeOctets,
    Scalar,
    String,
    SwitchIs,
    WChar,
)
from .layout_arrays import EMPTY_ROWS
from .layout_samba import Counted
from .reference_deferred import deferred, list_of
from .reference_reader_fields import LEVEL_5, LEVEL_6, FieldReader
from .reference_rules import Place, octets_each, text_codec, unreadable, without_pointers
from .referents import Referents

STRINGS: Final = "C706 14.3.4.2"


class ArrayReader(FieldReader, ABC):
    """Arrays and strings; what their items are is for the class above to know."""

    call: Referents | None
    """The full pointers of the call that the stub belongs to."""

    @abstractmethod
    def scalars(self, layout: Layout, place: Place, maxima: tuple[int, ...] = ()) -> Any:
        """The scalar pass."""

    @abstractmethod
    def told(self, said: Expression | None, place: Place) -> int:
        """What siblings say that travelled before."""

    # Counts

    def maxima(self, layout: Array | MultiArray | String, place: Place) -> tuple[int, ...]:
        """The maximum counts, aligned by themselves before anything else of the item (C706 14.3.3.2, 14.3.7.1)."""
        counted = layout.counted if isinstance(layout, MultiArray) else (layout,)
        return tuple(self._maximum(one, place) for one in counted)

    def _maximum(self, counted: Array | Dimension | String, place: Place) -> int:
        maximum = self.count(place, "maximum count", "C706 14.3.7.1")
        if counted.bound not in (None, maximum):
            raise self.bad(f"{maximum} items in a dimension of {counted.bound}", place, rule="C706 14.3.3")
        if not (isinstance(counted, String) and counted.size is None):
            self._limited(maximum, counted.limits, "maximum count", place)
        return maximum

    def _limited(self, count: int, limits: tuple[int, int] | None, meaning: str, place: Place) -> None:
        """Hold a count against its [range] (MS-RPCE 3.1.1.5.3.3.1.3)."""
        if limits is not None and self.strictness.count_ranges and not limits[0] <= count <= limits[1]:
            reason = f"{meaning} {count} is outside {limits[0]}..{limits[1]}"
            raise self.bad(reason, place, rule=f"{LEVEL_6}.1.3", status=RPC_S_INVALID_BOUND)

    def _bounds(self, layout: Array | String, place: Place, maxima: tuple[int, ...]) -> tuple[int, int, int]:
        """Offset and actual count (C706 14.3.3.3), which fit the maximum, and that."""
        bound = maxima[0] if maxima else layout.bound
        if isinstance(layout, Counted):
            bound = self.told(layout.size, place)
            if bound < 0:
                raise self.bad(f"an array of {bound} items", place, rule="pidl")
        if bound is None:
            raise self.bad("only the last member of a structure can be conformant", place, rule="C706 14.3.7.1")
        if maxima and not (isinstance(layout, String) and self.strictness.string_size):
            rule = f"{LEVEL_5}.1.10" if isinstance(layout, String) else f"{LEVEL_5}.1.1"
            self.check(layout.size, bound, "the maximum count", place, rule)
        if isinstance(layout, Array) and not layout.varying:
            return 0, bound, bound
        rule = STRINGS if isinstance(layout, String) else "C706 14.3.3.4"
        return *self._part(bound, place, rule), bound

    def _part(self, bound: int, place: Place, rule: str) -> tuple[int, int]:
        offset = self.count(place, "offset", "C706 14.3.3.3")
        actual = self.count(place, "actual count", "C706 14.3.3.3")
        if offset + actual > bound:
            reason = f"actual count {actual} exceeds maximum count {bound}"
            if offset:
                reason = f"offset {offset} and actual count {actual} exceed maximum count {bound}"
            raise self.bad(reason, place, rule=rule)
        return offset, actual

    def _check_part(self, varying: Array | Dimension, part: tuple[int, int], bound: int, place: Place) -> None:
        offset, actual = part
        rule = f"{LEVEL_5}.1.7" if isinstance(varying.first or Number(0), Number) else f"{LEVEL_5}.1.5"
        self.check(varying.first or Number(0), offset, "the offset", place, rule)
        self.check(varying.length or Number(bound - offset), actual, "the actual count", place, f"{LEVEL_5}.1.8")

    # Arrays

    def array(self, layout: Array, place: Place, maxima: tuple[int, ...]) -> Any:
        """What varies, then the items (C706 14.3.3)."""
        offset, actual, bound = self._bounds(layout, place, maxima)
        if layout.varying:
            self._check_part(layout, (offset, actual), bound, place)
        return self._items(layout.element, actual, place)

    def dimensions(self, layout: MultiArray, place: Place, maxima: tuple[int, ...]) -> Any:
        """What varies of each dimension, then the items, the last index first (C706 14.3.3, 14.3.5)."""
        if layout.conformant and not maxima:
            raise self.bad("only the last member of a structure can be conformant", place, rule="C706 14.3.7.1")
        for dimension, maximum in zip(layout.counted, maxima, strict=False):
            self.check(dimension.size, maximum, "the maximum count", place, f"{LEVEL_5}.1.1")
        bounds = maxima or tuple(dimension.bound or 0 for dimension in layout.counted)
        actuals = bounds[: len(layout.dimensions)]
        if layout.varying:
            parts = [
                self._part(bound, place, "C706 14.3.3.9") for _, bound in zip(layout.dimensions, bounds, strict=False)
            ]
            for dimension, part, bound in zip(layout.dimensions, parts, bounds, strict=False):
                self._check_part(dimension, part, bound, place)
            actuals = tuple(actual for _, actual in parts)
        for depth in range(1, len(actuals)):
            rows = math.prod(actuals[:depth])
            if rows > len(self.octets) + EMPTY_ROWS:
                raise self.bad(f"{rows} rows in a stub of {len(self.octets)} octets", place, rule="C706 14.3.3")
            self.pay(rows, place)
        self._fit(layout.element, math.prod(actuals), place)
        return self._rows(layout.element, actuals, place, bounds[len(layout.dimensions) :])

    def _rows(self, element: Layout, counts: tuple[int, ...], place: Place, maxima: tuple[int, ...]) -> Any:
        """Lists in lists; `maxima`: the maximum count that strings share."""
        if len(counts) == 1:
            return self._items(element, counts[0], place, maxima)
        parts = [self._rows(element, counts[1:], place.item(index), maxima) for index in range(counts[0])]
        return list_of(parts, place.opening, self.call) if deferred(parts) else parts

    def _items(self, element: Layout, count: int, place: Place, maxima: tuple[int, ...] = ()) -> Any:
        """The elements; bytes, str or a list (C706 14.3.3.1)."""
        self._affordable(element, count, place)
        each = octets_each(element)
        if each == 1:
            return self.saw(self.take(count, 1, place, f"{count} octets", "C706 14.3.3"), count)
        if each == 2:
            octets = self.take(2 * count, 2 if count else 1, place, f"{count} * wchar_t", "C706 14.3.3")
            return self.saw(octets.decode(*text_codec(WChar, self.encoding)), count)
        if isinstance(element, Scalar):
            return self.saw(list(self.run(element, count, place)), count, several=True)
        parts: list[Any] = []
        for index in range(count):
            self.skip(self._before_element(element))
            parts.append(self.scalars(element, place.item(index), maxima))
        return list_of(parts, place.opening, self.call) if deferred(parts) else parts

    def _before_element(self, element: Layout) -> int:
        """Elements align themselves, but [ms_union] ones to their widest arm (MS-RPCE 2.2.4.5)."""
        widest = isinstance(element, SwitchIs) and element.union.ms_union
        return self.geometry.alignment(element) if widest else 1

    def _affordable(self, element: Layout, count: int, place: Place) -> None:
        """Nothing is taken on a count that the octets left, or the budget, cannot hold; plain numbers cost nothing."""
        self._fit(element, count, place)
        if type(element) is not Scalar or element is Boolean:
            self.pay(count, place)

    def _fit(self, element: Layout, count: int, place: Place) -> None:
        left = len(self.octets) - self.position
        if count * self.geometry.least(element) > left:
            raise self.bad(f"{count} items do not fit in the {left} octets left", place, rule="C706 14.3.3")

    def pay(self, items: int, place: Place) -> None:
        """Take items off the budget."""
        self.items_left -= items
        if self.items_left < 0:
            raise self.bad(TOO_MANY, place, rule="the item limit")

    # Strings and pipes

    def string(self, layout: String, place: Place, maxima: tuple[int, ...]) -> str:
        """Offset 0, the units, the last of them 0 (C706 14.3.4.2)."""
        offset, count, _ = self._bounds(layout, place, maxima)
        if layout.size is None:
            self._limited(count, layout.limits, "actual count", place)
        size = layout.unit.size(self.encoding)
        if offset and not self.strictness.string_offset:
            raise self.bad(f"a string at offset {offset}", place, rule=STRINGS)
        octets = self.take(count * size, size, place, f"string of {count} units", STRINGS)
        terminated = bool(octets) and not any(octets[-size:])
        overlooked = self.strictness.unterminated_string if octets else self.strictness.empty_string
        if not (terminated or overlooked):
            raise self.bad("a string without its terminator", place, rule=STRINGS)
        text = octets[:-size] if terminated else octets
        return self._text(text.decode(*text_codec(layout.unit, self.encoding)), count, place)

    def _text(self, text: str, count: int, place: Place) -> str:
        if "\0" in text and not self.strictness.inner_nul:
            raise self.bad("a NUL inside a text", place, rule="C706 14.3.4")
        return self.saw(text, count)

    def pipe(self, layout: Pipe, place: Place) -> PipeItems | PipeOctets:
        """Chunks up to an empty one (C706 14.3.9)."""
        if not without_pointers(layout.element):
            raise unreadable(layout, place.path)
        chunks: list[Any] = []
        while not chunks or chunks[-1]:
            self.pay(1, place)
            chunks.append(self._chunk(layout, place.inside({}).item(len(chunks))))
        counts = [len(chunk) for chunk in chunks[:-1]]
        items = itertools.chain.from_iterable(chunks)
        value = PipeOctets(b"".join(chunks)) if layout.octets else PipeItems(items)
        value.counts = counts
        return value

    def _chunk(self, layout: Pipe, place: Place) -> Any:
        """A count and its items; NDR64 has the negated count behind them (MS-RPCE 2.2.5.3)."""
        count = self.count(place, "chunk count", "C706 14.3.9")
        if not layout.allows(count):
            reason = f"chunk count {count} is outside {layout.limits}"
            raise self.bad(reason, place, rule=f"{LEVEL_5}.2.4", status=RPC_S_INVALID_BOUND)
        items = self._items(layout.chunk.element, count, place)
        if self.encoding.wide:
            self.align(8, place, "MS-RPCE 2.2.5.3")
            negated = self.count(place, "negated chunk count", "MS-RPCE 2.2.5.3")
            if negated + count & 0xFFFF_FFFF_FFFF_FFFF:
                raise self.bad(f"a chunk of {count} items ends in {negated:#x}", place, rule="MS-RPCE 2.2.5.3")
        return items
