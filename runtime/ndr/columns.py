"""Structures of fixed size that follow each other, read and written by their members: a list for each.

A list of all values of one member is made in C, where a tuple for each structure would be made and taken apart again.
What the codec compiler writes for arrays of such structures calls this.
"""

from __future__ import annotations

import re
import struct
import sys
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

Octets: TypeAlias = bytes | bytearray | memoryview
Cast: TypeAlias = tuple[str, int, int]
"""The letter of the struct module for a member, its offset and its distance to the next one in items of that kind."""

FEW: Final = 8
"""Fewer structures than that are read faster one by one."""
_NATIVE: Final = "<" if sys.byteorder == "little" else ">"
_FIELD: Final = re.compile(r"(\d*)(\D)")


class Columns:
    """Structures whose members are the fields of `format`, at a distance of `stride` octets; none behind the last."""

    def __init__(self, order: str, text: str, stride: int) -> None:
        self.one = struct.Struct(order + text)
        self.stride = stride
        self.padded = struct.Struct(f"{order}{text}{stride - self.one.size}x")
        self.casts: list[Cast] | None = _casts(text, stride) if order == _NATIVE else None

    def read(self, buf: Octets, o: int, count: int) -> Sequence[Sequence[Any]]:
        """The members of `count` structures that are there; struct.error when they are not."""
        if not count:
            return [()] * len(self.one.unpack(bytes(self.one.size)))
        last = o + self.stride * (count - 1)
        if self.casts is None or count < FEW:
            return [*zip(*self.padded.iter_unpack(buf[o:last]), self.one.unpack_from(buf, last), strict=True)]
        ending, octets = self.one.unpack_from(buf, last), memoryview(buf)[o:last]
        found = [octets.cast(code)[first::step].tolist() for code, first, step in self.casts]  # type: ignore[call-overload]
        for column, value in zip(found, ending, strict=True):
            column.append(value)
        return found


def _casts(text: str, stride: int) -> list[Cast] | None:
    """How to find the members in views of the whole; None where they are not in line with each other."""
    found: list[Cast] = []
    offset = 0
    for times, code in _FIELD.findall(text):
        size = struct.calcsize(f"={times}{code}")
        if code == "s" or (code != "x" and (times or offset % size or stride % size)):
            return None
        if code != "x":
            found.append((code, offset // size, stride // size))
        offset += size
    return found
