"""Pipes piece by piece: chunks to octets as they are made, octets to items as they come (C706 14.3.10).

`PipeWriter` and `PipeReader` are the halves; neither holds more than what it was given last. A pipe may be endless:
nothing here counts its octets, only those of one piece. Octets are those of a pipe that is written or read whole
(`writing_dimensions.py`, `reading_dimensions.py`), whose codecs do the items.

Where a pipe begins in its stub decides its gaps, so both are told the offset, and say where they are. A reader
gives items before their chunk is whole: its size is the sender's choice, up to 2 GiB.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Any, Final

from . import shape
from .compiler import Codec, Octets
from .errors import RPC_S_INVALID_BOUND, NdrError
from .layout import Byte, Encoding, Field, FixedArray, Parameters, Pipe
from .layout_arrays import CHUNK_ITEMS
from .strictness import DEFAULT, Strictness

MAX_CHUNK: Final = (1 << 31) - 1
"""Items in a chunk (MS-RPCE 2.2.5.3.4.5; NDR has no bound, and no peer sends more)."""
UNIT: Final = 8
"""What alignment goes up to, and fragments are multiples of (C706 12.6.3.1)."""
_RULE: Final = "C706 14.3.9"
_RANGE_RULE: Final = "MS-RPCE 3.1.1.5.3.2.2.4"
_NEGATED_RULE: Final = "MS-RPCE 2.2.5.3.4.5"


class _Pieces:
    """What both halves know: the sizes of items, and where the next octet stands."""

    def __init__(self, pipe: Pipe, encoding: Encoding, offset: int = 0) -> None:
        element = pipe.chunk.element
        size = shape.fixed_size(element, encoding)
        if size is None or shape.has_pointers(element):
            raise TypeError(f"{pipe!r} has items of varying size or with pointers")
        self.pipe = pipe
        self.encoding = encoding
        self.offset: int = offset
        """Octets of the stub up to here."""
        self._size = size
        self._alignment = shape.alignment(element, encoding)
        self._stride = shape.round_up(size, self._alignment)
        self._word = struct.Struct(encoding.order + ("Q" if encoding.wide else "I"))

    def _gap(self, alignment: int) -> int:
        return -self.offset % alignment


class PipeWriter(_Pieces):
    """Writes a pipe that begins at `offset` of its stub."""

    def write(self, items: Any) -> list[Octets]:
        """The octets of some items: a list of them, or any buffer where they are octets. None for no items.

        They end where a fragment may, at a multiple of 8, if dividing them into chunks can bring that about: what
        is written can be sent at once. Raises NdrError for an item that does not fit.
        """
        items = memoryview(items).cast("B") if self.pipe.octets else items
        written: list[Octets] = []
        most, count = self.pipe.most, len(items)
        for begin in range(0, count, most):
            end = min(begin + most, count)
            for part in self._divided(begin, end) if end == count else [(begin, end)]:
                written += self._chunk(items[slice(*part)])
        return written

    def end(self) -> list[Octets]:
        """The empty chunk behind the last."""
        return self._written([bytes(self._gap(self._word.size)), self._word.pack(0) * (1 + self.encoding.wide)])

    def _divided(self, begin: int, end: int) -> list[tuple[int, int]]:
        """One chunk, or two when that ends at a multiple of 8 and one does not."""
        whole = [(begin, end)]
        if self._end_of(whole) % UNIT == 0:
            return whole
        ways = ([(begin, middle), (middle, end)] for middle in range(begin + 1, min(begin + UNIT, end)))
        allowed = (parts for parts in ways if all(self.pipe.allows(stop - start) for start, stop in parts))
        return next((parts for parts in allowed if self._end_of(parts) % UNIT == 0), whole)

    def _end_of(self, parts: list[tuple[int, int]]) -> int:
        """Where chunks of these items end, the gap behind them included."""
        at = self.offset
        for begin, end in parts:
            at = shape.round_up(shape.round_up(at, self._word.size) + self._word.size, self._alignment)
            at = shape.round_up(at + (end - begin - 1) * self._stride + self._size, self._word.size)
            at += self._word.size if self.encoding.wide else 0
        return at

    def _chunk(self, items: Any) -> list[Octets]:
        if self.pipe.octets:
            return self._chunk_of_octets(items)
        phase = self.offset % UNIT
        codec = _behind(self.pipe, phase, self.encoding)
        octets = b"".join(codec.encode((bytes(phase), items)))
        return self._written([octets[phase : len(octets) - self._word.size * (1 + self.encoding.wide)]])

    def _chunk_of_octets(self, octets: memoryview) -> list[Octets]:
        size, count = self._word.size, len(octets)
        written: list[Octets] = [bytes(self._gap(size)) + self._word.pack(count), octets, bytes(-count % size)]
        if self.encoding.wide:
            written.append(self._word.pack(-count & 0xFFFF_FFFF_FFFF_FFFF))
        return self._written(written)

    def _written(self, octets: list[Octets]) -> list[Octets]:
        self.offset += sum(map(len, octets))
        return octets


class PipeReader(_Pieces):
    """Reads a pipe that begins at `offset` of its stub, from octets that are cut anywhere.

    name: of the parameter, for errors. limits: the least and the most items that a chunk may have, [range];
    those of the pipe unless given.
    """

    def __init__(
        self,
        pipe: Pipe,
        encoding: Encoding,
        offset: int = 0,
        *,
        name: str = "",
        limits: tuple[int, int] | None = None,
        max_items: int = CHUNK_ITEMS,
        strictness: Strictness = DEFAULT,
    ) -> None:
        super().__init__(pipe, encoding, offset)
        self.ended = False
        """The pipe is over; what was fed behind it is in `rest`."""
        self._name = name
        self._limits = limits or pipe.limits
        self._max_items = min(max_items, CHUNK_ITEMS)
        self._strictness = strictness
        self._held = bytearray()
        self._at = 0
        self._count: int | None = None
        self._left = 0
        self._chunks = 0

    def feed(self, octets: Octets) -> None:
        """Take the next octets of the stub."""
        if self._at:
            del self._held[: self._at]
            self._at = 0
        self._held += octets

    def read(self) -> Any:
        """The next items, as a list, or bytes where they are octets; None when the pipe is over or more is needed.

        Raises NdrError for octets that do not fit.
        """
        while not self.ended:
            if self._left:
                return self._items()
            if not (self._begin() if self._count is None else self._end()):
                return None
        return None

    def rest(self) -> bytes:
        """What was fed and not read yet; once the pipe is over, that is not its own."""
        return bytes(self._held[self._at :])

    # Counts

    def _begin(self) -> bool:
        """Read the count of a chunk, if it is there."""
        count = self._next_word()
        if count is None:
            return False
        if count > MAX_CHUNK or (count and not self._size and count > self._max_items):
            raise self._bad(f"a chunk of {count} items", _RULE)
        if count and self._limits is not None and not self._limits[0] <= count <= self._limits[1]:
            raise self._bad(f"chunk count {count} is outside {self._limits}", _RANGE_RULE, RPC_S_INVALID_BOUND)
        self._count = self._left = count
        if not (count or self.encoding.wide):
            self.ended = True
        return True

    def _end(self) -> bool:
        """Read what is behind the items of a chunk: its negated count in NDR64."""
        assert self._count is not None
        if self.encoding.wide:
            negated = self._next_word()
            if negated is None:
                return False
            if negated + self._count & 0xFFFF_FFFF_FFFF_FFFF:
                raise self._bad(f"a chunk of {self._count} items ends in {negated:#x}", _NEGATED_RULE)
            self.ended = not self._count
        self._count = None
        self._chunks += 1
        return True

    def _next_word(self) -> int | None:
        gap = self._gap(self._word.size)
        if self._have < gap + self._word.size:
            return None
        self._take(gap)
        (word,) = self._word.unpack(self._take(self._word.size))
        return int(word)

    # Items

    def _items(self) -> Any:
        gap = self._gap(self._alignment)
        room = self._have - gap + self._stride - self._size  # there is no gap behind the last item
        if room < self._stride or self._have < gap + self._size:
            return None
        count = min(room // self._stride if self._stride else self._left, self._left)
        if not self.pipe.octets:
            count = min(count, self._max_items)
        self._take(gap)
        self._left -= count
        octets = self._take((count - 1) * self._stride + self._size)
        return octets if self.pipe.octets else self._decoded(octets, count)

    def _decoded(self, octets: bytes, count: int) -> list[Any]:
        """Items as those of a pipe of one chunk, where they begin at a multiple of 8 as here."""
        begin, wide = UNIT - self._word.size, self.encoding.wide
        stub = bytes(begin) + self._word.pack(count) + octets + bytes(-len(octets) % self._word.size)
        if wide:
            stub += self._word.pack(-count & 0xFFFF_FFFF_FFFF_FFFF)
        try:
            _, items = _behind(self.pipe, begin, self.encoding, self._strictness).decode(
                stub + bytes(UNIT if not wide else 2 * UNIT)
            )
        except NdrError as error:
            raise self._placed(error, self.offset - len(octets)) from error
        return list(items)

    def _placed(self, error: NdrError, start: int) -> NdrError:
        """An error in items that begin at `start`, as seen from the stub."""
        at = None if error.offset is None else error.offset - UNIT + start
        path = f"{self._name}[{self._chunks}]"
        return NdrError(error.reason, path=path, offset=at, rule=error.rule, status=error.status)

    # Octets

    @property
    def _have(self) -> int:
        return len(self._held) - self._at

    def _take(self, size: int) -> bytes:
        taken = bytes(memoryview(self._held)[self._at : self._at + size])
        self._at += size
        self.offset += size
        return taken

    def _bad(self, reason: str, rule: str, status: int | None = None) -> NdrError:
        path, at = f"{self._name}[{self._chunks}]", self.offset - self._word.size
        if status is None:
            return NdrError(reason, path=path, offset=at, rule=rule)
        return NdrError(reason, path=path, offset=at, rule=rule, status=status)


@lru_cache(maxsize=256)
def _behind(pipe: Pipe, phase: int, encoding: Encoding, strictness: Strictness = DEFAULT) -> Codec:
    """The codec of a pipe that begins at an offset."""
    return Codec(Parameters(lead(phase), Field("items", pipe)), Parameters(), encoding, strictness)


def lead(phase: int) -> Field:
    """A parameter that moves the next one to an offset, modulo 8; its value is so many octets."""
    return Field("lead", FixedArray(Byte, phase))
