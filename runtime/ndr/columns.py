"""Structures of fixed size that follow each other, read and written by their members: a list for each.

A list of all values of one member is made in C, where a tuple for each structure would be made and taken apart again.
What the codec compiler writes for arrays of such structures calls this.
"""

from __future__ import annotations

import re
import struct
import sys
from collections.abc import Sequence
from typing import Any, Final, Literal, TypeAlias, cast

Octets: TypeAlias = bytes | bytearray | memoryview
Letter: TypeAlias = Literal["i"]
"""A letter of the struct module, any of them: what a view can be cast to is told to type checkers letter by letter."""
Cast: TypeAlias = tuple[Letter, int, int]
"""The letter of the struct module for a member, its offset and its distance to the next one in items of that kind."""

MANY_TO_READ: Final = 10
"""Fewer structures than that are read faster one by one."""
MANY_TO_WRITE: Final = 24
"""Fewer structures than that are written faster one by one."""
TOGETHER: Final = 7
"""Up to 2 ** 7 structures are packed by one Struct, which knows the fields of each: so much memory it may take."""
_NATIVE: Final = "<" if sys.byteorder == "little" else ">"
_FIELD: Final = re.compile(r"(\d*)(\D)")


class Columns:
    """Structures whose members are the fields of `format`, at a distance of `stride` octets; none behind the last."""

    def __init__(self, order: str, text: str, stride: int) -> None:
        self.one = struct.Struct(order + text)
        self.stride = stride
        self.padding = stride - self.one.size
        self.padded = struct.Struct(f"{order}{text}{self.padding}x")
        self.together: dict[int, struct.Struct] = {}
        """Structs for so many structures."""
        self.casts: list[Cast] | None = _casts(text, stride) if order == _NATIVE else None

    def read(self, buf: Octets, o: int, count: int) -> tuple[Sequence[Any], ...]:
        """The members of `count` structures, of which there is one; struct.error when they are not all there."""
        last = o + self.stride * (count - 1)
        ending, octets = self.one.unpack_from(buf, last), memoryview(buf)[o:last]
        if self.casts is None:
            return tuple(zip(*self.padded.iter_unpack(octets), ending, strict=True))
        found: list[list[Any]] = [octets.cast(code)[first::step].tolist() for code, first, step in self.casts]
        for column, value in zip(found, ending, strict=True):
            column.append(value)
        return tuple(found)

    def write(self, *members: Sequence[Any]) -> bytes:
        """The octets of structures, of which there is one; struct.error for a value that does not fit."""
        width, count = len(members), len(members[0])
        values: list[Any] = [None] * (width * count)
        for index, column in enumerate(members):
            values[index::width] = column
        parts, at, last = list[bytes](), 0, width * count
        while at < last:
            some = 1 << min(TOGETHER, count.bit_length() - 1)
            packer = self.together.get(some) or self._for(some)
            parts.append(packer.pack(*values[at : at + some * width]))
            at += some * width
            count -= some
        return b"".join(parts)[: -self.padding or None]

    def _for(self, count: int) -> struct.Struct:
        text = self.padded.format
        found = self.together[count] = struct.Struct(text[0] + text[1:] * count)
        return found


def numbered(first: int, *pointers: Sequence[Any]) -> tuple[Any, ...]:
    """Referent ids from `first` on for columns of pointers that are not null, row by row, and the next one."""
    step, count = 4 * len(pointers), len(pointers[0])
    if not [column for column in pointers if not all(column) and None in column]:
        after = first + step * count
        return *[range(start, after, step) for start in range(first, first + step, 4)], after
    numbers: list[int] = []
    for value in (value for row in zip(*pointers, strict=True) for value in row):
        numbers.append(0 if value is None else first)
        first += 4 * (value is not None)
    return *[numbers[index :: len(pointers)] for index in range(len(pointers))], first


def _casts(text: str, stride: int) -> list[Cast] | None:
    """How to find the members in views of the whole; None where they are not in line with each other."""
    found: list[Cast] = []
    offset = 0
    for times, code in _FIELD.findall(text):
        size = struct.calcsize(f"={times}{code}")
        if code == "s" or (code != "x" and (times or offset % size or stride % size)):
            return None
        if code != "x":
            found.append((cast(Letter, code), offset // size, stride // size))
        offset += size
    return found
