"""The codec compiler's reading half: arrays of several dimensions, arrays of strings, and pipes.

C706 14.3.3, 14.3.5, 14.3.9. The items are read one after the other as those of any array, and lists are made of
them at the end; a list takes memory though it has no items, so lists are held against the stub's octets too.
Below it: `reading_arrays.py`. Above it: `reading.py`. Counterpart: `writing_dimensions.py`.
"""

from __future__ import annotations

from abc import ABC

from . import shape
from .layout import Layout, MultiArray, Pipe, String, WChar
from .layout_arrays import EMPTY_ROWS
from .reading_arrays import Block, Raw, ReadingArrays


class ReadingDimensions(ReadingArrays, ABC):
    """Several dimensions, and pipes."""

    # The first pass

    def block_of_items(self, array: MultiArray, maxima: list[str] | None) -> Block:
        """The counts of the dimensions and the items' scalars; `maxima` are the maximum counts read in front."""
        rank = len(array.dimensions)
        bounds = self._maxima(array, maxima)
        offsets, actuals = list[str](), bounds[:rank]
        if array.varying:
            pairs = [(self.word(), self.word()) for _ in range(rank)]
            for (offset, actual), bound in zip(pairs, bounds, strict=False):
                self.line(f"if {offset} + {actual} > {bound}: bad('offset and actual count exceed the maximum')")
            offsets, actuals = [offset for offset, _ in pairs], [actual for _, actual in pairs]
        items, part = self._all_items(array.element, self._total(actuals), bounds[-1])
        return Block(items, maxima or [], offsets, actuals, part)

    def _maxima(self, array: MultiArray, maxima: list[str] | None) -> list[str]:
        """The maximum counts, held against bounds and [range]."""
        if maxima is None:
            if array.conformant:
                raise TypeError(f"{array!r} is conformant: it has to be the last member of a structure")
            return [str(dimension.bound) for dimension in array.counted]
        for dimension, maximum in zip(array.counted, maxima, strict=True):
            if dimension.bound is not None:
                self.line(f"if {maximum} != {dimension.bound}: bad('a fixed dimension has another maximum count')")
            else:
                self.limited(maximum, dimension.limits)
        return maxima

    def _total(self, actuals: list[str]) -> str:
        """A name for the number of items; the lists that hold them cost the sender something, or they are few."""
        for depth in range(1, len(actuals)):
            rows = " * ".join(actuals[:depth])
            self.line(f"if {rows} > end + {EMPTY_ROWS}: bad('more rows than the stub can hold')")
            self.line(f"q[0] -= {rows}")
            self.line("if q[0] < 0: bad('more items than the budget of a message')")
        return self.bound(" * ".join(actuals))

    def _all_items(self, element: Layout, count: str, longest: str) -> tuple[str, Raw]:
        """As `items` of an array, but octets of text stay octets; `longest`: the maximum count of strings."""
        if shape.is_octets(element) or element is WChar:
            unit = 2 if element is WChar else 1
            self.align_items(unit, count)
            return self.block_of_octets(f"{unit} * {count}", unit, "buf[{start}:o]"), None
        if not isinstance(element, String):
            return self.items(element, count)
        texts = self.new("rows")
        self.line(f"{texts} = []")
        self.spend(count, shape.smallest(element, self.encoding))
        with self.block(f"for _ in range({count}):"):
            self.forget()
            text = self.text(element, self.word(), self.word(), longest)
            self.line(f"{texts}.append({text})")
        self.forget()
        return texts, None

    def pipe(self, pipe: Pipe) -> str:
        """All chunks; the name of the value. A chunk ends in its negated count in NDR64 (MS-RPCE 2.2.5.3)."""
        parts, counts, outer = self.bound("[]"), self.bound("[]"), self.enter(())
        with self.block("while True:"), self.step(f"[{counts}]"):
            self.forget()
            count = self.word()
            if pipe.limits is not None:
                low, high = pipe.limits
                self.line(f"if {count} and not {low} <= {count} <= {high}: bad('outside its range', 0x6C6)")
            self.spend("1", 0)
            self._chunk(pipe, parts, count)
            if self.encoding.wide:
                self.align(8)
                self.line(f"if {self.word()} + {count} & 0xFFFFFFFFFFFFFFFF: bad('a chunk without its negated count')")
            self.line(f"if not {count}: break")
            self.line(f"{counts}.append({count})")
        self.forget()
        self.scope = outer
        return self.bound(f"{'piped_octets' if pipe.octets else 'piped_items'}({parts}, {counts})")

    def _chunk(self, pipe: Pipe, parts: str, count: str) -> None:
        """The items of a chunk, behind those that there are."""
        if pipe.octets:
            self.line(f"{parts}.append({self.block_of_octets(count, 1, 'buf[{start}:o]')})")
            return
        element = pipe.chunk.element
        if shape.has_pointers(element):
            raise TypeError(f"{pipe!r} has items with pointers")
        items, part = self.items(element, count)
        self.line(f"{parts} += {items if part is None else self.finish_rows(element, items, part)}")

    # The second pass

    def finish_block(self, owner: Layout, array: MultiArray, block: Block) -> str:
        """The correlations of the counts, which `owner` has, the items' pointees, and the lists."""
        for dimension, maximum in zip(array.counted, block.maxima, strict=False):
            self.correlate(owner, None if dimension.bound is not None else dimension.size, maximum)
        if array.varying:
            self._finish_varying_dimensions(owner, array, block)
        counts = f"({''.join(f'{count}, ' for count in block.actuals)})"
        if shape.is_octets(array.element):
            return f"nested({block.items}, {counts}, 1, octets)"
        if array.element is WChar:
            return f"nested({block.items}, {counts}, 2, {self.utf16.replace('from', 'row')})"
        items = block.items if block.part is None else self.finish_rows(array.element, block.items, block.part)
        return f"nested({items}, {counts}, 1, None)"

    def _finish_varying_dimensions(self, owner: Layout, array: MultiArray, block: Block) -> None:
        bounds = block.maxima or [str(dimension.bound) for dimension in array.dimensions]
        counts = zip(array.dimensions, bounds, block.offsets, block.actuals, strict=False)
        for dimension, bound, offset, actual in counts:
            self.finish_varying(owner, dimension, (bound, offset, actual))
