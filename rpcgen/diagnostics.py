"""Diagnostics: what the compiler says of IDL text, and where.

A diagnostic is an entry of the catalogue, a span of source and the words for the entry's gaps. It
prints as `file:line:column: error E0101: ...`, the way the compiler came to the file, the source line with
the place marked, and its notes: related places. Nothing else leaves the compiler as a complaint: bad IDL raises
no exception.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from .catalogue import Entry

Severity = Literal["error", "warning"]
MAX_SHOWN: Final = 160
"""Columns of a source line that are printed: a line of a megabyte is nobody's reading."""
MAX_CHAIN: Final = 8
"""Imports and macros that are named on the way to a place: the innermost ones."""


class Source:
    """One file as text, decoded."""

    __slots__ = ("__weakref__", "_mark", "imported_from", "name", "stock", "text")

    def __init__(self, name: str, text: str, *, stock: bool = False, imported_from: Span | None = None) -> None:
        self.name = name
        self.text = text
        self.stock = stock
        """True for a file of `idl/`."""
        self.imported_from = imported_from
        """Where the file was asked for first; None for the main file."""
        self._mark = (0, 1)

    def line(self, position: int) -> int:
        """The line that holds `position`, from 1. Ascending questions cost one walk over the text together."""
        start, line = self._mark
        if position < start:
            start, line = 0, 1
        self._mark = (position, line + self.text.count("\n", start, position))
        return self._mark[1]

    def __repr__(self) -> str:
        return f"Source({self.name!r})"


class Expansion(NamedTuple):
    """A macro that a word came out of."""

    macro: str
    span: Span
    """Where the macro's definition has the word."""
    outer: Expansion | None = None
    """The macro whose text used this one."""


class Span(NamedTuple):
    """Characters of a source: `start` and `length` count from the start of the file."""

    source: Source
    start: int
    length: int = 1
    lines_moved: int = 0
    """What `#line` added to the line number."""
    renamed: str | None = None
    """The file name that `#line` gave."""
    expansion: Expansion | None = None
    """The macro that was used at this place and that the word came out of."""

    @property
    def file(self) -> str:
        """The file as a reader knows it."""
        return self.renamed or self.source.name

    @property
    def line(self) -> int:
        """Counts from 1."""
        return self.source.line(self.start) + self.lines_moved

    @property
    def column(self) -> int:
        """Counts from 1."""
        return self.start - self._line_start + 1

    @property
    def excerpt(self) -> tuple[str, int]:
        """The line of text without its end, or the part of a long line around the place; and where the place is."""
        begin = max(self._line_start, self.start - MAX_SHOWN // 2)
        end = self.source.text.find("\n", begin, begin + MAX_SHOWN)
        text = self.source.text[begin : end if end >= 0 else begin + MAX_SHOWN]
        return text.rstrip("\r"), self.start - begin

    @property
    def _line_start(self) -> int:
        return self.source.text.rfind("\n", 0, self.start) + 1


class Note(NamedTuple):
    """Something to know beside a complaint; `span` is the place it speaks of."""

    message: str
    span: Span | None = None

    def as_json(self) -> dict[str, object]:
        """For programs."""
        return {"message": self.message, **(_place(self.span) if self.span is not None else {})}

    def __str__(self) -> str:
        if self.span is None:
            return f"    note: {self.message}"
        return "\n".join([f"{_where(self.span)}: note: {self.message}", *_excerpt(self.span)])


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One complaint. `str()` is the printed form."""

    entry: Entry
    span: Span
    message: str
    notes: tuple[Note, ...] = ()
    words: Mapping[str, str] = field(default_factory=dict[str, str], compare=False, repr=False)
    """What fills the gaps of the entry's text."""

    @property
    def code(self) -> str:
        """As in the catalogue: E0101, W0401."""
        return self.entry.code

    @property
    def severity(self) -> Severity:
        """Errors stop the stub from being written; warnings do not."""
        return "error" if self.entry.code.startswith("E") else "warning"

    @property
    def chain(self) -> tuple[Span, ...]:
        """How the compiler came to the file: the place that imports it, the place that imports that file ..."""
        return tuple(_chain(self.span.source))

    def as_json(self) -> dict[str, object]:
        """For programs: what `lrpc check --format json` prints."""
        said = {"severity": self.severity, "code": self.code, "message": self.message}
        notes = [note.as_json() for note in (*self.notes, *_expansions(self.span))]
        return {**_place(self.span), **said, "notes": notes, "imported_from": [_place(at) for at in self.chain]}

    def __str__(self) -> str:
        head = f"{_where(self.span)}: {self.severity} {self.code}: {self.message}"
        chain = [f"    in file imported from {_where(at)}" for at in self.chain]
        notes = [str(note) for note in (*self.notes, *_expansions(self.span))]
        return "\n".join([head, *chain, *_excerpt(self.span), *notes])


class Problem(Exception):
    """A diagnostic on its way to the list; never leaves rpcgen."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


def diagnose(entry: Entry, span: Span, /, *said: str, notes: Iterable[Note] = (), **words: object) -> Diagnostic:
    """The diagnostic of `entry` at `span`; `words` fill the gaps of its text, `said` are notes without a place."""
    shown = {key: _plain(str(word)) for key, word in words.items()}
    return Diagnostic(entry, span, entry.text.format(**shown), (*map(Note, said), *notes), shown)


def problem(entry: Entry, span: Span, /, *said: str, notes: Iterable[Note] = (), **words: object) -> Problem:
    """The same, to be raised."""
    return Problem(diagnose(entry, span, *said, notes=notes, **words))


def _where(at: Span) -> str:
    return f"{_plain(at.file)}:{at.line}:{at.column}"


def _place(at: Span) -> dict[str, object]:
    return {"file": at.file, "line": at.line, "column": at.column, "length": at.length}


def _chain(source: Source) -> Iterator[Span]:
    at = source.imported_from
    for _ in range(MAX_CHAIN):
        if at is None:
            return
        yield at
        at = at.source.imported_from


def _expansions(at: Span) -> Iterator[Note]:
    """The macros that a word came out of, the innermost first."""
    expansion = at.expansion
    for _ in range(MAX_CHAIN):
        if expansion is None:
            return
        yield Note(f"while expanding the macro {expansion.macro}, defined here", expansion.span)
        expansion = expansion.outer


def _excerpt(at: Span) -> list[str]:
    text, offset = at.excerpt
    if not at.source.text:
        return []
    shown = _plain(text, keep_tabs=True)
    indent = "".join("\t" if letter == "\t" else " " for letter in shown[:offset])
    carets = "^" * max(1, min(at.length, len(shown) - offset))
    return [f"    {shown}", f"    {indent}{carets}"]


def _plain(text: str, *, keep_tabs: bool = False) -> str:
    """Text that cannot steer a terminal or turn the reading direction."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isprintable() or (c == "\t" and keep_tabs) else "\N{REPLACEMENT CHARACTER}" for c in text)
