"""Words: what the preprocessor works on. A word is a piece of text and where it was written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple, cast

from .. import catalogue
from ..diagnostics import Problem, Source, Span, problem

MAX_WORDS: Final = 400_000
"""Words read in one compilation, imports included: the largest real file tried has 244,000 with all it imports, and
this many take at most about 100 MiB as a tree."""
MAX_LINE: Final = 4096
"""Words that are kept of a line before they are handed on."""
MAX_DIRECTIVE: Final = 50_000
"""Words of a directive, which is read whole."""
MAX_NAME: Final = 255
MAX_LITERAL: Final = 0x10000

_WORD: Final = re.compile(
    r"""(?P<camlidl>quote\s*\(\s*\w+\s*,\s*"[^"\\]*+(?:\\.[^"\\]*+)*+"\s*\)|\{\|.*?\|\})
    |(?P<block>\{\|)
    |(?P<word>[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}\b
        |[A-Za-z_]\w*+(?!["'])|[(),;*\[\]{}:?~^]
        |L?"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"|L?'(?:[^'\\\n]|\\.){1,16}'
        |0[xX]\w*|(?:\d+\.(?!\.)\d*|\.\d+|\d+(?=[eE][+-]?\d))(?:[eE][+-]?\d+)?\w*|\d\w*|[A-Za-z_]\w*
        |\#\#|\.\.\.|\.\.|<<|>>|<=|>=|==|!=|&&|\|\||->)
    |(?P<space>(?:[ \t\r\f\v\x1a]|\\\r?\n)++)|(?P<newline>\n\s*)
    |(?P<comment>//[^\\\n]*+(?:\\(?:\r?\n)?[^\\\n]*+)*+|/\*.*?\*/)|(?P<open>/\*)
    |(?P<other>.)
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_BIDI: Final = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u2028\u2029]")
NOT_HIDDEN: Final[frozenset[str]] = frozenset()


class Word(NamedTuple):
    """A piece of text and where it was written."""

    text: str
    span: Span
    spaced: bool
    """Space, a comment or a line end stands before it."""
    hidden: frozenset[str] = NOT_HIDDEN
    """The macros that this word came out of: they do not expand it again."""

    @property
    def is_name(self) -> bool:
        """An identifier."""
        return self.text[0].isalpha() or self.text[0] == "_"

    def moved(self, lines: int, file: str | None) -> Word:
        """The same word after a #line."""
        return self._replace(span=self.span._replace(lines_moved=lines, renamed=file))

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


def lines(source: Source) -> Iterator[list[Word]]:
    """The words of a file, line by line; lines without words are left out. Problem for text that ends in the middle.

    A very long line comes in parts, of which only the first may begin with `#`.
    """
    if bad := _BIDI.search(source.text):
        raise problem(catalogue.BAD_CHARACTER, Span(source, bad.start()), character=_name(bad.group()))
    seen: dict[str, str] = {}
    line: list[Word] = []
    new: Any = cast(Any, tuple).__new__
    spaced, once = True, seen.setdefault
    for match in _WORD.finditer(source.text):
        kind = match.lastgroup
        if kind == "word" or kind == "other":
            text, start = match.group(), match.start()
            if len(line) >= MAX_LINE and text != "#" and not _directive(line):
                yield line
                line = []
            span = new(Span, (source, start, len(text), 0, None, None))
            line.append(new(Word, (once(text, text), span, spaced, NOT_HIDDEN)))
            spaced = False
        elif kind == "newline":
            spaced = True
            if line:
                yield line
                line = []
        elif kind == "open" or kind == "block":
            raise _open_comment(source, match.start())
        else:
            spaced = True
    if line:
        yield line


def beyond(source: Source, limit: int) -> int | None:
    """Where the first word stands that is more than `limit`, if there is one."""
    if len(source.text) <= limit:
        return None
    for match in _WORD.finditer(source.text):
        kind = match.lastgroup
        if kind == "word" or kind == "other":
            limit -= 1
            if limit < 0:
                return match.start()
        elif kind == "open" or kind == "block":  # the text ends here, and looking on would cost its square
            return None
    return None


def scan(source: Source) -> Iterator[Word]:
    """The words of a file."""
    for line in lines(source):
        yield from line


def _directive(line: list[Word]) -> bool:
    """Is it one? Problem when it is too long."""
    if len(line) > MAX_DIRECTIVE:
        raise problem(catalogue.TOO_MANY_TOKENS, line[0].span, limit=MAX_DIRECTIVE)
    return line[0].text == "#"


def _open_comment(source: Source, start: int) -> Problem:
    return problem(catalogue.UNTERMINATED, Span(source, start, 2), what="comment")


def _name(character: str) -> str:
    return f"U+{ord(character):04X}"
