"""The codec compiler's writing half: arrays of several dimensions, arrays of strings, and pipes.

C706 14.3.3, 14.3.5, 14.3.9. Lists of lists are made one list first, which is written as that of any array.
Below it: `writing_arrays.py`. Above it: `writing.py`. Counterpart: `reading_dimensions.py`.
"""

from __future__ import annotations

from abc import ABC

from . import shape
from .layout import Dimension, MultiArray, Pipe, String, WChar
from .writing_arrays import WritingArrays
from .writing_fields import Block, Items, Scope


class WritingDimensions(WritingArrays, ABC):
    """Several dimensions, and pipes."""

    # Preparing and settling

    def prepare_block(self, array: MultiArray, value: str) -> Block:
        """All items in one list, and how many there are in each dimension; None below one that has none."""
        data, counts = self.new("d"), [self.new("n") for _ in array.dimensions]
        kind = "octets" if shape.is_octets(array.element) else "text" if array.element is WChar else "items"
        self.say(f"{data}, {', '.join(counts)}, = flat_{kind}({value}, {len(counts)})")
        if isinstance(array.element, String):
            items = Items(data, "", "", "", "")
        else:
            items = self.prepare_array(array.items, data)
            items.maximum = items.count  # the counts are the dimensions'
        maxima, firsts = [self.new("m") for _ in array.counted], [self.new("f") for _ in counts]
        return Block(items, counts, maxima, firsts)

    def settle_block(self, array: MultiArray, block: Block) -> None:
        """The counts that go before the items, and whether they are those of the items."""
        for dimension, count, maximum, first in zip(
            array.dimensions, block.counts, block.maxima, block.firsts, strict=False
        ):
            self._settle_dimension(dimension, count, maximum, first)
        if isinstance(array.element, String):
            said = str(array.element.bound) if array.element.bound is not None else self.said(array.element.size)
            unit = array.element.unit.size(self.encoding)
            self.say(f"{block.maxima[-1]} = {said or f'longest({block.items.data}, {unit})'}")
        for dimension, maximum in zip(array.counted, block.maxima, strict=True):
            if dimension.limits is not None and dimension.bound is None:
                low, high = dimension.limits
                self.say(f"if not {low} <= {maximum} <= {high}: bad('outside its range', 0x6C6)")

    def _settle_dimension(self, dimension: Dimension, count: str, maximum: str, first: str) -> None:
        """The counts of one dimension; one below a dimension without items has what its siblings say."""
        self.say(f"{first} = {self.said(dimension.first) or '0'}")
        size = str(dimension.bound) if dimension.bound is not None else self.said(dimension.size)
        self.say(f"{maximum} = {size or f'{first} + ({count} or 0)'}")
        length = f"{maximum} - {first}" if dimension.length is None else self.said(dimension.length)
        self.say(f"if {count} is None: {count} = {length or '0'}")
        wrong = f"{count} != {length} or " if length else ""
        self.say(f"if {wrong}{first} < 0 or {first} + {count} > {maximum}: disagree({count})")

    # The first pass

    def block_of_items(self, array: MultiArray, block: Block) -> None:
        """What varies, then the items."""
        if array.varying:
            for first, count in zip(block.firsts, block.counts, strict=True):
                self.word(first)
                self.word(count)
        if isinstance(array.element, String):
            self._texts(array.element, block)
        else:
            self.items(array.items, block.items)

    def _texts(self, string: String, block: Block) -> None:
        """Strings, none of them longer than the maximum count that they share."""
        value, longest = self.new(), block.maxima[-1]
        self.flush()
        with self.block(f"for {value} in {block.items.data}:"):
            self.forget()
            text = self.prepare_string(string, value)
            self.say(f"if {text.count} > {longest}: disagree({text.count})")
            self.string(string, text)
            self.flush()
        self.forget()

    def pipe(self, pipe: Pipe, value: str) -> None:
        """The chunks, each with its negated count behind it in NDR64 (MS-RPCE 2.2.5.3), and an empty one."""
        if shape.has_pointers(pipe.element):
            raise TypeError(f"{pipe!r} has items with pointers")
        chunk = self.new()
        self.flush()
        with self.block(f"for {chunk} in {self.constant(pipe)}.chunks({value}):"), self.among(Scope({}, {})):
            self.forget()
            items = self.prepare_array(pipe.chunk, chunk)
            if pipe.limits is not None:
                low, high = pipe.limits
                self.line(f"if not {low} <= {items.count} <= {high}: bad('a chunk outside its range', 0x6C6)")
            self.word(items.count)
            self.items(pipe.chunk, items)
            if self.encoding.wide:
                self.align(8)
                self.word(f"-{items.count} & 0xFFFFFFFFFFFFFFFF")
            self.flush()
        self.forget()
        self.word("0")
        if self.encoding.wide:
            self.word("0")
