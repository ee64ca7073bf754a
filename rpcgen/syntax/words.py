"""Words: what the preprocessor works on. A word is a piece of text and where it was written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from .. import catalogue
from ..diagnostics import Source, Span, problem

MAX_WORDS: Final = 100_000
"""Words read in one compilation, imports included: four times the largest [MS-*] or [MC-*] file tried (22,066)."""
MAX_NAME: Final = 255
MAX_LITERAL: Final = 0x10000

_WORD: Final = re.compile(
    r"""(?P<space>(?:[ \t\r\f\v\x1a]|\\\r?\n)+)|(?P<newline>\n\s*)|(?P<comment>//[^\n]*|/\*.*?\*/)|(?P<open>/\*)
    |(?P<word>L?"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"|L?'(?:[^'\\\n]|\\.){1,16}'|[A-Za-z_]\w*|\d\w*|\#\#|\.\.\.|\.\.|<<|>>|<=|>=|==|!=|&&|\|\||->|.)
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_BIDI: Final = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u2028\u2029]")


class Word(NamedTuple):
    """A piece of text and where it was written."""

    text: str
    span: Span
    spaced: bool
    """Space, a comment or a line end stands before it."""
    hidden: frozenset[str] = frozenset()
    """The macros that this word came out of: they do not expand it again."""

    @property
    def is_name(self) -> bool:
        """An identifier."""
        return self.text[0].isalpha() or self.text[0] == "_"

    def moved(self, lines: int, file: str | None) -> Word:
        """The same word after a #line."""
        return self._replace(span=Span(self.span.source, self.span.start, self.span.length, lines, file))

    def check(self) -> None:
        """Raise Problem for a word that no IDL has."""
        first = self.text[0]
        if first in "\"'" and len(self.text) == 1:
            raise problem(catalogue.UNTERMINATED, self.span, what="quotation")
        if not self.text.isascii() and first not in "\"'L":
            raise problem(catalogue.BAD_CHARACTER, self.span, character=_name(first))
        if bad := _CONTROL.search(self.text):
            raise problem(catalogue.BAD_CHARACTER, self.span, character=_name(bad.group()))
        quoted = self.text[-1] in "\"'"
        if len(self.text) > (MAX_LITERAL if quoted else MAX_NAME):
            limit = MAX_LITERAL if quoted else MAX_NAME
            raise problem(catalogue.WORD_TOO_LONG, self.span, length=len(self.text), limit=limit)


def scan(source: Source) -> Iterator[Word | None]:
    """The words of a file; None at each line end."""
    if bad := _BIDI.search(source.text):
        raise problem(catalogue.BAD_CHARACTER, Span(source, bad.start()), character=_name(bad.group()))
    spaced = True
    for match in _WORD.finditer(source.text):
        if match.lastgroup == "word":
            yield Word(match.group(), Span(source, match.start(), len(match.group())), spaced)
            spaced = False
            continue
        if match.lastgroup == "open":
            raise problem(catalogue.UNTERMINATED, Span(source, match.start(), 2), what="comment")
        spaced = True
        if match.lastgroup == "newline":
            yield None


def _name(character: str) -> str:
    return f"U+{ord(character):04X}"
