"""Diagnostics: what the compiler says of IDL text, and where.

A diagnostic is an entry of the catalogue, a span of source and the words for the entry's gaps. It
prints as `file:line:column: error E0101: ...`, the source line and a caret. Nothing else leaves the
compiler as a complaint: bad IDL raises no exception.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from .catalogue import Entry

Severity = Literal["error", "warning"]
MAX_SHOWN: Final = 160
"""Columns of a source line that are printed: a line of a megabyte is nobody's reading."""


class Source:
    """One file as text, decoded."""

    __slots__ = ("_mark", "name", "stock", "text")

    def __init__(self, name: str, text: str, *, stock: bool = False) -> None:
        self.name = name
        self.text = text
        self.stock = stock
        """True for a file of `idl/`."""
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


@dataclass(frozen=True, slots=True)
class Span:
    """Characters of a source: `start` and `length` count from the start of the file."""

    source: Source
    start: int
    length: int = 1
    lines_moved: int = 0
    """What `#line` added to the line number."""
    renamed: str | None = None
    """The file name that `#line` gave."""

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


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One complaint. `str()` is the printed form."""

    entry: Entry
    span: Span
    message: str
    notes: tuple[str, ...] = ()

    @property
    def code(self) -> str:
        """As in the catalogue: E0101, W0401."""
        return self.entry.code

    @property
    def severity(self) -> Severity:
        """Errors stop the stub from being written; warnings do not."""
        return "error" if self.entry.code.startswith("E") else "warning"

    def as_json(self) -> dict[str, object]:
        """For programs: what `lrpc check --format json` prints."""
        at = self.span
        place = {"file": at.file, "line": at.line, "column": at.column, "length": at.length}
        said = {"severity": self.severity, "code": self.code, "message": self.message, "notes": list(self.notes)}
        return {**place, **said}

    def __str__(self) -> str:
        at = self.span
        head = f"{at.file}:{at.line}:{at.column}: {self.severity} {self.code}: {self.message}"
        notes = [f"    note: {note}" for note in self.notes]
        return "\n".join([head, *_excerpt(at), *notes])


class Problem(Exception):
    """A diagnostic on its way to the list; never leaves rpcgen."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


def diagnose(entry: Entry, span: Span, /, *notes: str, **words: object) -> Diagnostic:
    """The diagnostic of `entry` at `span`; `words` fill the gaps of its text."""
    shown = {key: _plain(str(word)) for key, word in words.items()}
    return Diagnostic(entry, span, entry.text.format(**shown), notes)


def problem(entry: Entry, span: Span, /, *notes: str, **words: object) -> Problem:
    """The same, to be raised."""
    return Problem(diagnose(entry, span, *notes, **words))


def _excerpt(at: Span) -> list[str]:
    text, offset = at.excerpt
    shown = _plain(text, keep_tabs=True)
    indent = "".join("\t" if letter == "\t" else " " for letter in shown[:offset])
    carets = "^" * max(1, min(at.length, len(shown) - offset))
    return [f"    {shown}", f"    {indent}{carets}"]


def _plain(text: str, *, keep_tabs: bool = False) -> str:
    """Text that cannot steer a terminal or turn the reading direction."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isprintable() or (c == "\t" and keep_tabs) else "\N{REPLACEMENT CHARACTER}" for c in text)
