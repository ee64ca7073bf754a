"""Comments: what the text says of a declaration.

A comment documents the declaration that begins on the next line, or the one that it stands behind on the same line:
behind its name, or the `;`, `,` or `{` that ends it.
A blank line parts a comment from what follows: it is a heading, or the file's. The index of a source's comments is
made once, in one walk over its text; a question costs a search in it.
"""

from __future__ import annotations

import inspect
import re
from bisect import bisect_left, bisect_right
from typing import Final, NamedTuple
from weakref import WeakKeyDictionary

from ..diagnostics import Source, Span
from . import tree

MAX_DOC: Final = 20_000
"""Characters of a comment that are kept."""
MAX_LINE: Final = 1_000
"""Characters of a line that are looked at around a comment."""
MAX_NAMES: Final = 16
"""Names behind a body of which the last still has the body's comment."""

_PIECE: Final = re.compile(
    r"""(?P<comment>/\*.*?(?:\*/|\Z)|//[^\\\n]*+(?:\\(?:\r?\n)?[^\\\n]*+)*+)
    |(?P<sign>[;,{}()\[\]])|(?P<directive>^[ \t]*\#(?:\\\r?\n|[^\n])*)
    |"(?:[^"\\\n]|\\.)*+"?""",
    re.DOTALL | re.MULTILINE | re.VERBOSE,
)
_OWN_DECLARATION: Final = re.compile(r'(?!import\b|cpp_quote\b|midl_pragma\b|include\b|#|//|/\*)[\w\["]')
_MORE_NAMES: Final = re.compile(r"\s*(?:\w+\s*,\s*\**\s*)*\**\s*")
_BRACKETED: Final = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_END_OF_LINE: Final = re.compile(r"[^;,{}()\[\n]*|[^;,{}()\[]*[;,{]+[^\S\n]*")
_NESTED: Final = 4
"""Brackets in one another that are looked over on the way to the end of a declaration."""
_DECORATION: Final = re.compile(r"[\s*/!=#~+_.<>|-]*")
_GUTTER: Final = re.compile(r"[ \t]*\*+ ?")
_SLASHES: Final = re.compile(r"[ \t]*//+[!<]* ?")


class _Comment(NamedTuple):
    """A comment, or lines of `//` in a row."""

    start: int
    end: int
    trailing: bool
    """Something stands before it on its line."""


class _Index(NamedTuple):
    """The comments of a text, and where its declarations begin."""

    comments: list[_Comment]
    comment_starts: list[int]
    signs: list[int]
    """Positions behind brackets, separators and directives."""
    begins: list[int]
    """Where the declaration begins that holds what follows the sign."""
    closed: dict[int, int]
    """Behind each `}`: where the declaration began whose body it closes."""


_INDEXES: Final[WeakKeyDictionary[Source, _Index]] = WeakKeyDictionary()


def doc_of(span: Span, attributes: tree.Attributes = ()) -> str:
    """The comment that documents the declaration whose name is at `span`; empty when there is none.

    The comment before the declaration and its attributes counts first, then the one behind it on its line. Words
    that came out of a macro have no comment.
    """
    if span.expansion is not None:
        return ""
    index, text = _index(span.source), span.source.text
    begin = _begin(index, text, span.start)
    return _before(index, text, begin, span.start) or _behind(index, text, span.start)


def doc_of_file(source: Source) -> str:
    """The comment at the head of a file, if it is not that of a declaration."""
    index, text = _index(source), source.text
    if not index.comments or text[: index.comments[0].start].strip("\ufeff \t\r\n\f"):
        return ""
    first = index.comments[0]
    after = re.compile(r"\s*").match(text, first.end)
    assert after is not None
    parted = after.group().count("\n") > 1 or not _OWN_DECLARATION.match(text, after.end())
    return _clean(text, first) if parted else ""


# Finding


def _index(source: Source) -> _Index:
    index = _INDEXES.get(source)
    if index is None:
        index = _INDEXES[source] = _made(source.text)
    return index


def _made(text: str) -> _Index:
    index = _Index([], [], [], [], {})
    enclosing: list[int] = []
    begin = 0
    for match in _PIECE.finditer(text):
        kind, end = match.lastgroup, match.end()
        if kind == "comment":
            _add(index, text, match.start(), end)
        elif kind is not None:
            sign = match.group()
            if sign in "([{":
                enclosing.append(begin)
            outer = enclosing.pop() if sign in ")]}" and enclosing else end
            if sign == "}":
                index.closed[end] = outer
            begin = outer if sign in ")]" else end
            index.signs.append(end)
            index.begins.append(begin)
    return index


def _add(index: _Index, text: str, start: int, end: int) -> None:
    """Lines of `//` in a row are one comment."""
    line = text.rfind("\n", max(0, start - MAX_LINE), start) + 1
    trailing = bool(text[max(line, start - MAX_LINE) : start].strip("\ufeff \t\r\f"))
    comments = index.comments
    if comments and not trailing and text[start + 1] == text[comments[-1].start + 1] == "/":
        last = comments[-1]
        between = text[last.end : start] if start - last.end < MAX_LINE else "no"
        if not last.trailing and between.count("\n") == 1 and not between.strip():
            comments[-1] = last._replace(end=end)
            return
    comments.append(_Comment(start, end, trailing))
    index.comment_starts.append(start)


def _begin(index: _Index, text: str, position: int) -> int:
    """Where the declaration begins that holds `position`; that of `} NAME, *PNAME` begins before its body."""
    at = bisect_right(index.signs, position)
    begin = index.begins[at - 1] if at else 0
    behind = begin
    for _ in range(MAX_NAMES):
        if behind in index.closed:
            break
        at = bisect_right(index.signs, behind - 1)
        if not at or text[behind - 1 : behind] != ",":
            return begin
        behind = index.begins[at - 1]
    if behind in index.closed and _MORE_NAMES.fullmatch(text, behind, position):
        return index.closed[behind]
    return begin


def _before(index: _Index, text: str, begin: int, position: int) -> str:
    """The comment on the lines directly before the declaration, or before its name."""
    first = bisect_left(index.comment_starts, begin)
    last = bisect_right(index.comment_starts, position)
    for comment in reversed(index.comments[first : min(last, first + 50)]):
        gap = text[comment.end : comment.end + MAX_LINE]
        blank = gap[: len(gap) - len(gap.lstrip())].count("\n") > 1
        if not comment.trailing and not blank:
            return _clean(text, comment)
    return ""


def _behind(index: _Index, text: str, position: int) -> str:
    """The comment behind the declaration, at the end of the line that has its name, or the sign that ends it."""
    at = bisect_right(index.comment_starts, position)
    if at == len(index.comments) or index.comments[at].start - position > MAX_LINE:
        return ""
    comment = index.comments[at]
    between = text[position : comment.start]
    rest = text[comment.end : comment.end + MAX_LINE].split("\n", 1)[0]
    for _ in range(_NESTED):
        between = _BRACKETED.sub("", between)
    if rest.strip() or not _END_OF_LINE.fullmatch(between):
        return ""
    return _clean(text, comment)


# Cleaning


def _clean(text: str, comment: _Comment) -> str:
    """The words of a comment: without its signs, gutters and lines of decoration, and not indented."""
    body = text[comment.start : min(comment.end, comment.start + MAX_DOC)].replace("\r", "")
    if body.startswith("//"):
        lines = [_SLASHES.sub("", line, count=1) for line in body.split("\n")]
    else:
        first, *rest = body.removesuffix("*/").split("\n")
        gutter = all(not line.strip() or line.lstrip().startswith("*") for line in rest)
        inner = (_GUTTER.sub("", line, count=1) if gutter else line for line in rest)
        lines = [first.lstrip("/").lstrip("*!").strip(), *inner]
    kept = [line.rstrip() if not _DECORATION.fullmatch(line) else "" for line in lines]
    return re.sub(r"\n{3,}", "\n\n", inspect.cleandoc("\n".join(kept)))
