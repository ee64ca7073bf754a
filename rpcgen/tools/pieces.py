"""Pieces of IDL text: words, and what the compiler does not see: comments, directives, line ends. What `format` moves.

Unlike `syntax/words.py`, whose notions of a word, a comment and a directive hold here too, nothing is lost and nothing
is replaced. What the grammar reads as one (a UUID, a number) is one piece, so that no blank can come into it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from .. import catalogue
from ..diagnostics import Problem, Source, Span, problem
from ..syntax.preprocessor import MAX_NESTING

BLANK: Final = " \t\r\f\v\x1a"
_PIECE: Final = re.compile(
    r"""(?P<space>(?:[ \t\r\f\v\x1a]|\\\n)++)|(?P<newline>\n)
    |(?P<line>//[^\\\n]*+(?:\\\n?[^\\\n]*+)*+)|(?P<block>/\*.*?\*/)|(?P<open>/\*)
    |(?P<word>L?"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"|L?'(?:[^'\\\n]|\\.){1,16}'
    |[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}\b|\.?\d(?:[eE][+-]|[\w.])*
    |[A-Za-z_]\w*|\#\#|\.\.\.|\.\.|<<|>>|<=|>=|==|!=|&&|\|\||->|.)
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_DIRECTIVE: Final = re.compile(
    r"""\#(?:\\\n|/\*.*?\*/|//[^\\\n]*+(?:\\\n?[^\\\n]*+)*+
    |L?"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"|L?'(?:[^'\\\n]|\\.){1,16}'|(?!/\*)[^\n])*+""",
    re.VERBOSE | re.DOTALL,
)
_CONDITIONAL: Final = re.compile(r"\#\s*(if|ifdef|ifndef|elif|else|endif)\b")
CLOSING: Final = {"(": ")", "[": "]", "{": "}"}


class Kind(Enum):
    """What a piece is."""

    WORD = "word"
    LINE = "line"
    """A comment to the end of its line."""
    BLOCK = "block"
    """A comment in `/* */`."""
    DIRECTIVE = "directive"
    """A whole line of the preprocessor, with its continuations."""


@dataclass(slots=True, eq=False)
class Piece:
    """A piece, and how it stands behind the one before: `lines` line ends, `spaced` when blanks or those."""

    kind: Kind
    text: str
    start: int
    column: int
    """Of a comment of several lines: the columns before it, tabs counted as eight."""
    lines: int
    spaced: bool
    partner: int = -1
    """Of a bracket: the index of the other one."""

    @property
    def is_name(self) -> bool:
        """An identifier or a keyword."""
        return self.kind is Kind.WORD and (self.text[0].isalpha() or self.text[0] == "_") and self.text[-1] not in "\"'"

    @property
    def facts(self) -> tuple[Kind, str]:
        """What formatting must not change: for comments, without the blanks at both ends of their lines."""
        if self.kind is Kind.WORD:
            return self.kind, self.text
        return self.kind, "\n".join(line.strip(BLANK) for line in self.text.split("\n"))


class Unbalanced(Exception):
    """Brackets balance in the branches of a conditional only: there is no one way to see the text."""


def pieces(source: Source) -> list[Piece]:
    """The pieces of a text whose lines end in `\\n`, brackets paired.

    Raises Problem for a comment, a quotation or a bracket that is not closed, Unbalanced where conditionals allow that.
    """
    found = list(_scanned(source))
    conditional = any(piece.kind is Kind.DIRECTIVE and _CONDITIONAL.match(piece.text) for piece in found)
    try:
        _check(found, source)
        _pair(found, source)
    except Problem as error:
        if conditional and error.diagnostic.entry is not catalogue.NESTED_TOO_DEEPLY:
            raise Unbalanced from error
        raise
    return found


def _scanned(source: Source) -> Iterator[Piece]:
    text, position = source.text, 0
    line_start = lines = 0
    fresh, spaced = True, False
    while match := _PIECE.match(text, position):
        kind, start, position = match.lastgroup, match.start(), match.end()
        if kind == "open":
            raise problem(catalogue.UNTERMINATED, Span(source, start, 2), what="comment")
        if kind == "newline":
            lines, fresh, spaced, line_start = lines + 1, True, True, position
            continue
        if kind == "space":
            spaced = True
            lines += match.group().count("\n")
            continue
        if fresh and match.group().startswith("#") and (directive := _DIRECTIVE.match(text, start)):
            kind, position = "directive", directive.end()
        words = text[start:position]
        column = len(text[line_start:start].expandtabs()) if "\n" in words else 0
        yield Piece(Kind(kind), _trimmed(words), start, column, lines, spaced)
        if "\n" in words:
            line_start = start + words.rfind("\n") + 1
        lines, spaced, fresh = 0, False, fresh and kind != "word"


def _trimmed(text: str) -> str:
    """Without blanks at line ends, except those that keep a backslash from joining lines."""
    if not text.endswith(tuple(BLANK)) and "\n" not in text:
        return text
    lines = [(line, line.rstrip(BLANK)) for line in text.split("\n")]
    return "\n".join(line if short.endswith("\\") and short != line else short for line, short in lines)


def _check(found: list[Piece], source: Source) -> None:
    for piece in found:
        if piece.text in ('"', "'"):
            raise problem(catalogue.UNTERMINATED, Span(source, piece.start), what="quotation")
        if piece.text in ("\\", "#", "##"):
            raise problem(catalogue.BAD_CHARACTER, Span(source, piece.start), character=f"U+{ord(piece.text[0]):04X}")


def _pair(found: list[Piece], source: Source) -> None:
    open_: list[int] = []
    for index, piece in enumerate(found):
        if piece.kind is not Kind.WORD:
            continue
        if piece.text in CLOSING:
            open_.append(index)
            if len(open_) > MAX_NESTING:
                raise problem(catalogue.NESTED_TOO_DEEPLY, Span(source, piece.start), limit=MAX_NESTING)
        elif piece.text in (")", "]", "}"):
            wanted = CLOSING[found[open_[-1]].text] if open_ else "a declaration"
            if piece.text != wanted:
                raise _unexpected(source, piece.start, f"`{piece.text}`", wanted)
            piece.partner = open_.pop()
            found[piece.partner].partner = index
    if open_:
        last = found[open_[-1]]
        raise _unexpected(source, last.start, "the end of the file", f"{CLOSING[last.text]} for this {last.text}")


def _unexpected(source: Source, start: int, what: str, wanted: str) -> Problem:
    return problem(catalogue.SYNTAX, Span(source, start), found=what, expected=wanted)
