"""Docstrings: comments of the IDL as Python's, laid out as `ruff format` leaves them.

Rule: whatever the text, the literal ends where this module ends it. Backslashes, quotes that could close it and
characters that cannot be seen are written as escapes.
"""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Iterable
from typing import Final

COLUMNS: Final = 110
"""Lines that are longer are wrapped; others stay as they are, for tables and lists."""
_QUOTES: Final = re.compile('"{3,}')
_LAST_QUOTE: Final = re.compile(r'(?<!\\)((?:\\\\)*)"$')
"""One with an even number of backslashes before it."""


def docstring(text: str, indent: str = "") -> list[str]:
    """The lines of a docstring; none for a text without letters."""
    found = _lines(text, COLUMNS - len(indent))
    if not found:
        return []
    first, *rest = found
    if not rest:
        return [f'{indent}"""{first}"""']
    return [f'{indent}"""{first}', *(f"{indent}{line}" if line else "" for line in rest), f'{indent}"""']


def paragraphs(*texts: str) -> str:
    """Texts with an empty line between them; empty ones are left out."""
    return "\n\n".join(text for text in texts if text.strip())


def _lines(text: str, width: int) -> list[str]:
    first, *rest = [_visible(line) for line in text.strip().splitlines() or [""]]
    plain = [first.strip(), *textwrap.dedent("\n".join(rest)).split("\n")] if rest else [first.strip()]
    return _guarded([part for line in _once(plain) for part in _wrapped(line, width)])


def _visible(line: str) -> str:
    """Without characters that have no picture, and with one kind of space."""
    spaced = "".join(" " if unicodedata.category(letter) == "Zs" else letter for letter in line.expandtabs())
    return "".join(map(_escaped, spaced)).rstrip()


def _escaped(letter: str) -> str:
    code = ord(letter)
    if letter.isprintable():
        return "\\\\" if letter == "\\" else letter
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _once(lines: Iterable[str]) -> list[str]:
    """At most one empty line at a time, and none at the end."""
    found: list[str] = []
    for line in lines:
        if line or (found and found[-1]):
            found.append(line)
    return found if found and found[-1] else found[:-1]


def _wrapped(line: str, width: int) -> list[str]:
    if len(line) <= width:
        return [line]
    margin = line[: len(line) - len(line.lstrip())]
    return textwrap.wrap(
        line, width, subsequent_indent=margin, break_long_words=False, break_on_hyphens=False, expand_tabs=False
    )


def _guarded(lines: list[str]) -> list[str]:
    """Three quotes in a row, and a quote at either end, are escaped."""
    found = [_QUOTES.sub(lambda run: run.group().replace('"', '\\"'), line) for line in lines]
    if found and found[0].startswith('"'):
        found[0] = "\\" + found[0]
    if found:
        found[-1] = _LAST_QUOTE.sub(r"\1\"", found[-1])
    return found
