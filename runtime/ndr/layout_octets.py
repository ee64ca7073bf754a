"""The vocabulary: words of Samba's NDR that move their octets by themselves: blobs, texts and lists of texts.

Each has one pair of functions that both readers call: `outward` gives the octets for a value, `inward` the value and
where it ends. They are told where they stand, for their counts are aligned to themselves. `layout_samba.py` says what
a context is.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, Final

from .errors import NdrError
from .layout_scalars import Char, Encoding, Layout, Scalar, WChar

Stub = bytes | bytearray | memoryview


class Octets(Layout):
    """Base of these words. alignment: what a structure around it takes from it, in octets."""

    alignment = 4
    kind: type[Any] = bytes
    """What values are."""

    @abstractmethod
    def outward(self, value: Any, offset: int, encoding: Encoding) -> bytes:
        """The octets for `value` at `offset` in its context, the gap before it included. NdrError."""

    @abstractmethod
    def inward(self, stub: Stub, offset: int, end: int, encoding: Encoding) -> tuple[Any, int]:
        """The value at `offset` of a context that ends at `end`, and the offset behind it. NdrError."""

    def items(self, value: Any) -> int:
        """What a value that was read counts for in the item budget of a message."""
        return 0


# Octets


class Rest(Octets):
    """A DATA_BLOB under NDR_REMAINING: bytes, all that there is up to the end of the context."""

    def outward(self, value: Any, offset: int, encoding: Encoding) -> bytes:
        """The octets, without a gap."""
        return _octets(value)

    def inward(self, stub: Stub, offset: int, end: int, encoding: Encoding) -> tuple[bytes, int]:
        """All octets that are left."""
        return bytes(_part(stub, offset, end - offset, end)), end


class Blob(Octets):
    """A DATA_BLOB: bytes behind their number, an unsigned long (a hyper in NDR64)."""

    def outward(self, value: Any, offset: int, encoding: Encoding) -> bytes:
        """The number and the octets."""
        octets = _octets(value)
        return _number(len(octets), encoding.word, offset, encoding) + octets

    def inward(self, stub: Stub, offset: int, end: int, encoding: Encoding) -> tuple[bytes, int]:
        """As many octets as the number says."""
        size, start = _numbered(stub, offset, end, encoding.word, encoding)
        return bytes(_part(stub, start, size, end)), start + size


class Fill(Octets):
    """A DATA_BLOB under NDR_ALIGN2, 4 or 8: the octets up to a multiple of `align`, or to the end of the context.

    They are written as zeros, whatever the value; bytes.
    """

    def __init__(self, align: int) -> None:
        super().__init__()
        if align not in (2, 4, 8):
            raise ValueError(f"filled up to {align}")
        self.align = align

    def outward(self, value: Any, offset: int, encoding: Encoding) -> bytes:
        """Zeros."""
        return bytes(-offset % self.align)

    def inward(self, stub: Stub, offset: int, end: int, encoding: Encoding) -> tuple[bytes, int]:
        """What fills the gap."""
        size = min(-offset % self.align, end - offset)
        return bytes(_part(stub, offset, size, end)), offset + size


# Texts


class Text(Octets):
    """`string` under STR_ flags: str.

    unit: WChar (UTF-16 in the order of the stream) or Char (UTF-8, other octets kept by surrogateescape: STR_ASCII,
    STR_UTF8, STR_RAW8). size: octets of a count in front, 0, 2 (STR_SIZE2) or 4 (STR_SIZE4); length: a zero and a
    count of 4 octets each behind it (STR_LEN4). terminated: a NUL is behind the text, and counted; not with
    STR_NOTERM. octets: the counts are in octets (STR_BYTESIZE), otherwise in units.

    Without a count a terminated text goes to its NUL, or to the end of the context where there is none, and another
    to the end of the context.
    """

    kind = str

    def __init__(
        self, unit: Scalar, *, size: int = 0, length: bool = False, terminated: bool = True, octets: bool = False
    ) -> None:
        super().__init__()
        if (unit is not WChar and unit is not Char) or size not in (0, 2, 4):
            raise ValueError(f"a text of {unit!r} behind {size} octets")
        self.unit = unit
        self.size = size
        self.length = length
        self.terminated = terminated
        self.octets = octets

    def outward(self, value: Any, offset: int, encoding: Encoding) -> bytes:
        """The counts, the units and the NUL."""
        text = _units(value, self.unit, encoding)
        if self.terminated:
            if "\0" in value:
                raise NdrError("a terminated text holds a NUL")
            text += bytes(self._width)
        count = len(text) if self.octets else len(text) // self._width
        numbers = [(count, self.size)] if self.size else []
        if self.length:
            numbers += [(0, 4), (count, 4)]
        front = b""
        for number, size in numbers:
            front += _number(number, size, offset + len(front), encoding)
        return front + text

    def inward(self, stub: Stub, offset: int, end: int, encoding: Encoding) -> tuple[str, int]:
        """The text without its NUL."""
        counts: list[int] = []
        for size in [*([self.size] if self.size else []), *((4, 4) if self.length else ())]:
            count, offset = _numbered(stub, offset, end, size, encoding)
            counts.append(count)
        if self.length and (counts[-2] or counts[0] not in (counts[-1], counts[-2] if len(counts) == 2 else -1)):
            raise NdrError("the counts of a text contradict each other")
        if counts:
            return self._counted(stub, offset, end, counts[-1], encoding)
        if not self.terminated:
            return _text(_part(stub, offset, end - offset, end), self.unit, encoding), end
        return terminated(stub, offset, end, self.unit, encoding)

    def _counted(self, stub: Stub, offset: int, end: int, count: int, encoding: Encoding) -> tuple[str, int]:
        size = count if self.octets else count * self._width
        octets = _part(stub, offset, size, end)
        if self.terminated and size >= self._width and not any(octets[-self._width :]):
            octets = octets[: -self._width]
        return _text(octets, self.unit, encoding), offset + size

    @property
    def _width(self) -> int:
        return 2 if self.unit is WChar else 1


MOST_TEXTS: Final = 1 << 20
"""Texts in one list: each takes some 50 octets of memory for two or three in the stub."""


class TextArray(Octets):
    """string_array: a list of str.

    rest: NDR_REMAINING, the texts go to the end of the context, otherwise an empty text ends them. terminated: a NUL is
    behind each, not only between them (STR_NOTERM, with `rest` only).
    """

    kind = list

    def __init__(self, unit: Scalar, *, rest: bool = False, terminated: bool = True) -> None:
        super().__init__()
        if (unit is not WChar and unit is not Char) or not (rest or terminated):
            raise ValueError(f"texts of {unit!r} that nothing ends")
        self.unit = unit
        self.rest = rest
        self.terminated = terminated

    def outward(self, value: Any, offset: int, encoding: Encoding) -> bytes:
        """The texts and what ends them."""
        if isinstance(value, str) or not isinstance(value, Iterable):
            raise NdrError(f"a list of texts, not {type(value).__name__}")
        texts: list[Any] = list(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        for text in texts:
            if not isinstance(text, str) or "\0" in text or not (text or self.rest):
                raise NdrError(f"{text!r} cannot be among texts")
        nul = bytes(2 if self.unit is WChar else 1)
        parts = [_units(text, self.unit, encoding) for text in texts]
        if self.terminated:
            return b"".join([part + nul for part in parts]) + (b"" if self.rest else nul)
        return nul.join(parts)

    def inward(self, stub: Stub, offset: int, end: int, encoding: Encoding) -> tuple[list[str], int]:
        """The texts."""
        texts: list[str] = []
        _part(stub, offset, 0, end)
        while offset < end:
            text, offset = terminated(stub, offset, end, self.unit, encoding)
            if not text and not self.rest:
                break
            texts.append(text)
            if len(texts) > MOST_TEXTS:
                raise NdrError(f"more than {MOST_TEXTS} texts in one list")
        return texts, offset

    def items(self, value: Any) -> int:
        """A list may have an item for each unit."""
        return len(value)


# What they have in common

_ERRORS: Final = {False: "surrogateescape", True: "surrogatepass"}


def _codec(unit: Scalar, encoding: Encoding) -> tuple[str, str]:
    wide = unit is WChar
    name = ("utf-16-le" if encoding.order == "<" else "utf-16-be") if wide else "utf-8"
    return name, _ERRORS[wide]


def _units(value: Any, unit: Scalar, encoding: Encoding) -> bytes:
    if not isinstance(value, str):
        raise NdrError(f"a text is a str, not {type(value).__name__}")
    try:
        return value.encode(*_codec(unit, encoding))
    except UnicodeEncodeError as error:
        raise NdrError(f"a text cannot be written in {unit!r}") from error


def _text(octets: Stub, unit: Scalar, encoding: Encoding) -> str:
    try:
        return str(octets, *_codec(unit, encoding))
    except UnicodeDecodeError as error:
        raise NdrError("octets that are no text") from error


def terminated(stub: Stub, offset: int, end: int, unit: Scalar, encoding: Encoding) -> tuple[str, int]:
    """The text up to its NUL, or to `end` where there is none, and the offset behind them.

    It takes time for the text, not for all that is left: a peer may point to a thousand texts in one stub.
    """
    width, start, step = 2 if unit is WChar else 1, offset, 128
    while start < end:
        octets = bytes(stub[start : min(end, start + step)])
        at = octets.find(bytes(width))
        while at % width and at > 0:
            at = octets.find(bytes(width), at + 1)
        if at >= 0:
            return _text(stub[offset : start + at], unit, encoding), start + at + width
        start, step = start + len(octets), step * 2
    return _text(_part(stub, offset, end - offset, end), unit, encoding), end


def _octets(value: Any) -> bytes:
    try:
        return bytes(memoryview(value).cast("B"))
    except TypeError as error:
        raise NdrError(f"octets are bytes, not {type(value).__name__}") from error


def _number(value: int, size: int, offset: int, encoding: Encoding) -> bytes:
    if value >= 1 << 8 * size:
        raise NdrError(f"{value} does not fit a count of {size} octets")
    return bytes(_gap(offset, size, encoding)) + value.to_bytes(size, "little" if encoding.order == "<" else "big")


def _numbered(stub: Stub, offset: int, end: int, size: int, encoding: Encoding) -> tuple[int, int]:
    start = offset + _gap(offset, size, encoding)
    number = int.from_bytes(_part(stub, start, size, end), "little" if encoding.order == "<" else "big")
    return number, start + size


def _gap(offset: int, size: int, encoding: Encoding) -> int:
    return 0 if encoding.packed else -offset % size


def _part(stub: Stub, start: int, size: int, end: int) -> Stub:
    if start > end:
        raise NdrError("the stub ends in a gap")
    if start + size > end:
        raise NdrError(f"{size} octets are wanted, {max(0, end - start)} are left")
    return stub[start : start + size]
