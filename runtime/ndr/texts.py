"""Many strings that follow each other, read and written as one text (C706 14.3.5).

The counts in front of a string are code units like those of the string, so strings that follow each other are one long
text, decoded or encoded once and then cut or joined. That is how all go that are short and have one unit for each
character; where that is not so, or anything else is not as a writer leaves it, they go one by one, by the rules.

What the codec compiler writes for arrays whose items have strings behind pointers calls this.
Counterpart for a single string: `reading_arrays.py`, `writing_arrays.py`.
"""

from __future__ import annotations

import codecs
import struct
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final, TypeAlias, cast

from .errors import NdrError

Octets: TypeAlias = bytes | bytearray | memoryview

SHORT: Final = {1: 127, 2: 255}
"""Units of the longest string, terminator included, that goes with others; a char in UTF-8 has no more in an octet."""
FEW: Final = 3
"""Fewer strings than that are not worth to be put together."""
AHEAD: Final = 256
"""Octets for each string that are looked at together: what comes behind them is not looked at once for each array."""

_Encode: TypeAlias = Callable[[str, str], tuple[bytes, int]]
_Decode: TypeAlias = Callable[[Octets, str, bool], tuple[str, int]]
_CODECS: Final[dict[tuple[int, str], tuple[_Encode, _Decode]]] = {
    (1, "<"): (codecs.utf_8_encode, codecs.utf_8_decode),
    (1, ">"): (codecs.utf_8_encode, codecs.utf_8_decode),
    (2, "<"): (codecs.utf_16_le_encode, codecs.utf_16_le_decode),
    (2, ">"): (codecs.utf_16_be_encode, codecs.utf_16_be_decode),
}
_ERRORS: Final = {1: "surrogateescape", 2: "surrogatepass"}


class Texts:
    """Strings of one unit in one encoding. word: octets of a count, to which strings are aligned unless `packed`."""

    def __init__(self, unit: int, order: str, word: int, *, packed: bool) -> None:
        self.unit = unit
        self.align = 1 if packed else word
        self.errors = _ERRORS[unit]
        self.encoded, self.decoded = _CODECS[unit, order]
        self.counts = struct.Struct(f"{order}3{'Q' if word == 8 else 'I'}")
        lengths = range(SHORT[unit])
        head = self._text(self.counts.pack(1, 0, 1))
        self.heads: list[str] = [head.replace("\1", chr(length + 1)) for length in lengths]
        """The counts in front of a string without its terminator, by its length."""
        self.counted = len(head)
        """The units that counts take."""
        self.gaps: list[int] = [-(length + 1) % (self.align // unit or 1) for length in lengths]
        """The units of padding behind it when another one follows."""
        self.tails: list[str] = ["\0" + "\0" * gap for gap in self.gaps]
        self.steps: list[int] = [len(tail) + self.counted for tail in self.tails]
        """The units from the end of a string to the beginning of the next one."""
        self.between: dict[str, int] = {
            tail + head: length for tail in set(self.tails) for length, head in enumerate(self.heads)
        }
        """What stands there, to the length of the next one."""

    # Reading

    def read(self, buf: Octets, o: int, end: int, referents: Sequence[int]) -> tuple[list[str | None], int]:
        """The strings of the referents that are not null, from `o` on, and the offset behind them.

        Raises an Exception for what is not as a writer leaves it, or not as simple as that: then read one by one.
        """
        count = len(referents) - referents.count(0)
        texts, o = self._cut(buf, o, end, count) if count else ([], o)
        if count == len(referents):
            return texts, o
        rest = iter(texts)
        return [next(rest) if referent else None for referent in referents], o

    def _cut(self, buf: Octets, o: int, end: int, count: int) -> tuple[list[Any], int]:
        """All of them as slices of one text."""
        start = o + -o % self.align
        stop = min(end, start + AHEAD * count)
        stop -= (stop - start) % self.unit
        whole = self._text(buf[start:stop])
        texts: list[Any] = []
        keep, steps, between = texts.append, self.steps, self.between
        length = between["\0" + whole[: self.counted]]
        here, there = self.counted, self.counted + length
        for _ in range(count - 1):
            keep(whole[here:there])
            here = there + steps[length]
            length = between[whole[there:here]]
            there = here + length
        if whole[there] != "\0":
            raise LookupError("a string without its terminator")
        keep(whole[here:there])
        used = start + self.unit * (there + 1)
        if self.unit * len(whole) != stop - start and len(self._text(buf[start:used])) != there + 1:
            raise LookupError("a character of more than one unit: indexes are not those of the stub")
        return texts, used

    def _text(self, octets: Octets) -> str:
        return self.decoded(octets, self.errors, True)[0]

    # Writing

    def write(self, out: list[Octets], texts: Sequence[str | None], o: int) -> int:
        """The octets of strings, None for none, onto `out`, which has `o` octets; what it has then. NdrError."""
        strings = cast(Sequence[str], texts) if all(texts) else [text for text in texts if text is not None]
        octets = self._joined(strings) if len(strings) >= FEW else None
        if octets is None:
            return self._each(out, strings, o)
        gap = -o % self.align
        out += bytes(gap), octets
        return o + gap + len(octets)

    def _joined(self, texts: Sequence[str]) -> bytes | None:
        """The octets of all; None when they are not as simple as that."""
        heads, tails = self.heads, self.tails
        lengths = [*map(len, texts)]
        plain = "".join(texts)
        if "\0" in plain or len(plain) != sum(lengths) or max(lengths) >= len(heads):
            return None
        parts = [""] * (3 * len(texts))
        parts[::3] = [heads[length] for length in lengths]
        parts[1::3] = texts
        parts[2::3] = [tails[length] for length in lengths]
        parts[-1] = "\0"  # nothing comes behind the last one
        whole = "".join(parts)
        octets = self.encoded(whole, self.errors)[0]
        return octets if len(octets) == self.unit * len(whole) else None

    def _each(self, out: list[Octets], texts: Sequence[str], o: int) -> int:
        for text in texts:
            octets = self.encoded(text + "\0", self.errors)[0]
            if "\0" in text:
                raise NdrError("a [string] holds a NUL")
            gap, count = -o % self.align, len(octets) // self.unit
            out += bytes(gap) + self.counts.pack(count, 0, count), octets
            o += gap + self.counts.size + len(octets)
        return o


@cache
def texts_of(unit: int, order: str, word: int, *, packed: bool) -> Texts:
    """The one Texts of its kind."""
    return Texts(unit, order, word, packed=packed)
