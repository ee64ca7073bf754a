"""The vocabulary: arrays, strings and pipes.

The words are imported from `layout.py`, whose rules hold here too. Sources: C706 14.3.3, 14.3.4.2, 14.3.5, 14.3.9.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import accumulate
from typing import Any, Final, cast

from .expression import Expression, Operand, as_expression
from .layout_scalars import Byte, Char, Layout, Scalar, UShort, WChar


class Dimension:
    """One dimension of a MultiArray: a fixed `bound` or [size_is], and [length_is], [first_is], all in items.

    limits: [range] on its maximum count.
    """

    __slots__ = ("bound", "first", "length", "limits", "size")

    def __init__(
        self,
        bound: int | None = None,
        *,
        size: Operand | None = None,
        length: Operand | None = None,
        first: Operand | None = None,
        limits: tuple[int, int] | None = None,
    ) -> None:
        self.bound = bound
        self.size = _expression(size)
        self.length = _expression(length)
        self.first = _expression(first)
        self.limits = limits

    def within(self, limits: tuple[int, int] | None) -> Dimension:
        """The same with `limits`, unless it has its own."""
        if limits is None or self.limits is not None:
            return self
        return Dimension(self.bound, size=self.size, length=self.length, first=self.first, limits=limits)

    def __repr__(self) -> str:
        return f"Dimension({'' if self.bound is None else self.bound})"


def _expression(operand: Operand | None) -> Expression | None:
    return None if operand is None else as_expression(operand)


class Array(Layout):
    """An array. Words for its four kinds: FixedArray, VaryingArray, ConformantArray, ConformantVaryingArray.

    bound: the fixed number of items, None when conformant. size, length, first: [size_is], [length_is],
    [first_is] in items. limits: [range] on the maximum count.

    Values: bytes for items of Byte and Char, str (UTF-16 code units, no terminator added or taken) for
    WChar, otherwise a list. With a `first` that is not 0 the items before it are not sent.
    """

    def __init__(
        self,
        element: Layout,
        *,
        bound: int | None = None,
        size: Operand | None = None,
        length: Operand | None = None,
        first: Operand | None = None,
        limits: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self.element = element
        self.bound = bound
        self.size = _expression(size)
        self.length = _expression(length)
        self.first = _expression(first)
        self.limits = limits

    @cached_property
    def many(self) -> MultiArray | None:
        """For items that are strings: the same with the strings' dimension beside its own (C706 14.3.5)."""
        if not isinstance(self.element, String):
            return None
        own = Dimension(self.bound, size=self.size, length=self.length, first=self.first, limits=self.limits)
        return MultiArray(self.element, own)

    @property
    def conformant(self) -> bool:
        """A maximum count travels with the array."""
        return self.bound is None

    @property
    def varying(self) -> bool:
        """An offset and an actual count travel with the array."""
        return self.length is not None or self.first is not None


def FixedArray(element: Layout, bound: int) -> Array:  # noqa: N802 -- a word of the vocabulary
    """`T a[bound]`: the items and nothing else (C706 14.3.3.1)."""
    return Array(element, bound=bound)


def VaryingArray(element: Layout, bound: int, length: Operand, first: Operand = 0) -> Array:  # noqa: N802
    """`[length_is(length)] T a[bound]`: offset, actual count, items (C706 14.3.3.3)."""
    return Array(element, bound=bound, length=length, first=first)


def ConformantArray(  # noqa: N802
    element: Layout, size: Operand | None = None, *, limits: tuple[int, int] | None = None
) -> Array:
    """`[size_is(size)] T a[]`: maximum count, items (C706 14.3.3.2)."""
    return Array(element, size=size, limits=limits)


def ConformantVaryingArray(  # noqa: N802
    element: Layout,
    size: Operand | None,
    length: Operand,
    first: Operand = 0,
    *,
    limits: tuple[int, int] | None = None,
) -> Array:
    """`[size_is(size), length_is(length)] T a[]`: maximum count, offset, actual count, items (C706 14.3.3.4)."""
    return Array(element, size=size, length=length, first=first, limits=limits)


class String(Layout):
    """[string]: conformant varying, or varying when `bound` is given (C706 14.3.4.2). str; terminated on the wire only.

    unit: Char (UTF-8, other octets kept by surrogateescape), WChar (UTF-16) or Byte. size: [size_is] in
    units, terminator included. limits: [range] on the maximum count.
    """

    def __init__(
        self,
        unit: Scalar,
        *,
        bound: int | None = None,
        size: Operand | None = None,
        limits: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self.unit = unit
        self.bound = bound
        self.size = _expression(size)
        self.limits = limits


EMPTY_ROWS: Final = 1 << 12
"""Rows of a MultiArray that a stub may have beyond its octets: rows without items take none of the sender's."""


class MultiArray(Layout):
    """An array of several dimensions as DCE IDL has it (C706 14.3.3). MIDL's `T a[][3]` is an Array of Arrays.

    When a dimension is conformant, a maximum count for each travels in front; when one is varying, an offset and an
    actual count for each. Items are in row-major order. An array of strings has the strings as its last dimension
    (C706 14.3.5): their maximum count is beside the others. limits: [range] on the maximum counts of all
    conformant dimensions.

    Values: lists of lists; the innermost as in Array.
    """

    def __init__(self, element: Layout, *dimensions: Dimension, limits: tuple[int, int] | None = None) -> None:
        super().__init__()
        self.element = element
        self.dimensions = tuple(dimension.within(limits) for dimension in dimensions)
        self.limits = limits

    @cached_property
    def items(self) -> Array:
        """All items one after the other."""
        return Array(self.element)

    @cached_property
    def counted(self) -> tuple[Dimension, ...]:
        """The dimensions that have a maximum count: that of strings too."""
        if isinstance(self.element, String):
            string = self.element
            return (*self.dimensions, Dimension(string.bound, size=string.size, limits=string.limits))
        return self.dimensions

    @property
    def conformant(self) -> bool:
        """Maximum counts travel with the array."""
        return any(dimension.bound is None for dimension in self.counted)

    @property
    def varying(self) -> bool:
        """Offsets and actual counts travel with the array."""
        return any(dimension.length is not None or dimension.first is not None for dimension in self.dimensions)


# Pipes

CHUNK_OCTETS: Final = 1 << 16
"""Items in a chunk of octets, unless the caller divides them further: what fits a buffer of the peer's stub."""
CHUNK_ITEMS: Final = 1 << 12
"""Items in a chunk of anything else: 64 KiB when an item takes 16 octets."""


class PipeOctets(bytes):
    """The octets that came through a pipe. counts: the octets in each chunk as they came."""

    counts: Sequence[int] = ()


class PipeItems(list[Any]):
    """The items that came through a pipe. counts: the items in each chunk as they came."""

    counts: Sequence[int] = ()


class Pipe(Layout):
    """A pipe: chunks of a count and so many items, a count of 0 behind the last (C706 14.3.9). A parameter only.

    Encoding takes any iterable of items, in chunks of CHUNK_ITEMS; for Byte and Char a bytes-like, in chunks of
    CHUNK_OCTETS, or an iterable of bytes-likes, a chunk or more for each. Decoding gives PipeItems, a list, or
    PipeOctets, bytes; encoding those keeps their chunks. Items have no pointers; those of WChar are ints.
    limits: [range] on the items in a chunk, the last one apart, which has none.
    """

    def __init__(self, element: Layout, *, limits: tuple[int, int] | None = None) -> None:
        super().__init__()
        self.element = element
        self.limits = limits
        self.chunk = Array(UShort if element is WChar else element)

    @property
    def octets(self) -> bool:
        """Is the value octets?"""
        return self.element is Byte or self.element is Char

    def chunks(self, value: Any) -> Iterator[Any]:
        """The value in parts of at most so many items as a chunk may have, none of them empty. TypeError."""
        most = self.most
        if not self.octets:
            yield from _parts(_counted(value) or [value if isinstance(value, list) else list(value)], most)
        elif isinstance(value, bytes | bytearray | memoryview):
            octets = cast(bytes, value)
            yield from _parts(_counted(octets) or [memoryview(octets).cast("B")], most)
        else:
            yield from _parts((memoryview(part).cast("B") for part in value), most)

    @property
    def most(self) -> int:
        """The most items that are written in a chunk."""
        most = CHUNK_OCTETS if self.octets else CHUNK_ITEMS
        return most if self.limits is None else max(1, min(most, self.limits[1]))

    def allows(self, count: int) -> bool:
        """May a chunk have so many items?"""
        return not count or self.limits is None or self.limits[0] <= count <= self.limits[1]


def _counted(value: Any) -> list[Any]:
    """The chunks in which a value came; none when they are not known."""
    counts = value.counts if isinstance(value, PipeItems | PipeOctets) else ()
    if sum(counts) != len(value if counts else ()):
        return []
    ends = accumulate(counts)
    return [value[end - count : end] for count, end in zip(counts, ends, strict=True)]


def _parts(pieces: Iterable[Any], most: int) -> Iterator[Any]:
    return (piece[at : at + most] for piece in pieces for at in range(0, len(piece), most))
