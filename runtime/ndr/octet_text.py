"""Octets as people have them: hexadecimal digits, and what xxd and hexdump print.

Rule of this file: what could be read in two ways is refused.
"""

from __future__ import annotations

import re
from typing import Final

_XXD: Final = re.compile(r"([0-9a-fA-F]{1,16}):\s(.*?)(?:\s\s.*)?", re.ASCII)
"""`00000010: 0200 0000 0300 0000  ........`"""
_HEXDUMP: Final = re.compile(r"([0-9a-fA-F]{6,16})\s\s?(.*?)\s*\|.*\|", re.ASCII)
"""`00000010  02 00 00 00 03 00 00 00  |........|` of `hexdump -C`, which ends in a line with the size."""
_BETWEEN: Final = re.compile(r"\b0[xX]|\\x|[\s,]+", re.ASCII)


def octets_of(text: str) -> bytes:
    """The octets. Blanks, commas, `0x` and `\\x` between them do not matter. ValueError for what is no hexadecimal."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return b""
    for form in (_XXD, _HEXDUMP):
        if form.fullmatch(lines[0]):
            return _dump(form, lines)
    plain = _BETWEEN.sub("", text)
    if not plain:
        raise ValueError("there are no hexadecimal digits")
    try:
        return bytes.fromhex(plain)
    except ValueError:
        odd = re.search(r"[^0-9a-fA-F]", plain)
        why = f"{odd[0]!r} is no hexadecimal digit" if odd else f"{len(plain)} hexadecimal digits are half an octet"
        raise ValueError(why) from None


def _dump(form: re.Pattern[str], lines: list[str]) -> bytes:
    """The octets of a dump, each line at the offset that it says."""
    octets = bytearray()
    for line in lines:
        match = form.fullmatch(line)
        if match is None and form is _HEXDUMP and re.fullmatch("[0-9a-fA-F]+", line) and int(line, 16) == len(octets):
            continue
        if match is None or int(match[1], 16) != len(octets):
            raise ValueError(f"line {line!r} does not go on at {len(octets):#x}")
        octets += octets_of(match[2])
    return bytes(octets)
