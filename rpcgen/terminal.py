"""What the command prints: drawn and coloured on a terminal, plain for everything else.

Rule: rich is imported only to draw. Counterpart: `cli.py`, which knows what to print and where.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, TextIO

if TYPE_CHECKING:
    from . import Diagnostic
    from .finished import Recalled

_COLOURS: Final = (
    (r"(?m)^[^\s:][^\n]*?:\d+:\d+:", "bold"),
    (r"\berror E\d+:", "bold red"),
    (r"\bwarning W\d+:", "bold yellow"),
    (r"(?m)^\s*\|?\s*\^[\^~]*$", "bold green"),
    (r"\bnote:", "cyan"),
    (r"(?m)^\+[^\n]*$", "green"),
    (r"(?m)^-[^\n]*$", "red"),
    (r"(?m)^@@[^\n]*$", "cyan"),
)
"""Diagnostics and differences of texts: what in them has which colour."""


def printable() -> None:
    """From here on print to stdout what its encoding has not as escapes."""
    out = sys.stdout
    if isinstance(out, io.TextIOWrapper):
        out.reconfigure(errors="backslashreplace")


def show(things: Iterable[object], stream: TextIO) -> None:
    """Print each as its text."""
    for thing in things:
        print(thing, file=stream)


def show_marked(things: Iterable[object], stream: TextIO) -> None:
    """Print diagnostics, or the lines of a difference, with their colours."""
    if not stream.isatty():
        show(things, stream)
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(file=stream, highlight=False, soft_wrap=True)
    for thing in things:
        text = Text(str(thing))
        for pattern, style in _COLOURS:
            text.highlight_regex(pattern, style)
        console.print(text)


def show_json(data: Any) -> None:
    """Print JSON: one line, or coloured."""
    if sys.stdout.isatty():
        from rich.console import Console

        Console().print_json(data=data)
    else:
        print(json.dumps(data))


def report(files: int, found: Sequence[Diagnostic | Recalled], *, as_json: bool) -> int:
    """Print what is said of some files, and for people how much that is; the number of errors."""
    errors = sum(one.severity == "error" for one in found)
    if as_json:
        show_json([one.as_json() for one in found])
    else:
        show_marked(found, sys.stdout)
        complain(f"{counted(files, 'file')}: {counted(errors, 'error')}, {counted(len(found) - errors, 'warning')}")
    return errors


def counted(number: int, what: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def show_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table: with tabs, or drawn."""
    if not sys.stdout.isatty():
        show(("\t".join(row) for row in (headings, *rows)), sys.stdout)
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table()
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    Console().print(table)


def show_columns(headings: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> None:
    """Print rows in columns as wide as they need, each row in its style of rich on a terminal.

    A row of fewer cells than there are headings has its last one across the columns.
    """
    whole = [cells for _, cells in rows if len(cells) == len(headings)]
    widths = [max(map(len, column)) for column in zip(headings, *whole, strict=True)]
    marked = [("bold", _columns(headings, widths)), *((style, _columns(cells, widths)) for style, cells in rows)]
    if not sys.stdout.isatty():
        show((line for _, line in marked), sys.stdout)
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    for style, line in marked:
        console.print(Text(line, style=style))


def _columns(cells: Sequence[str], widths: Sequence[int]) -> str:
    *rest, last = cells
    return "  ".join([*(cell.ljust(width) for cell, width in zip(rest, widths, strict=False)), last]).rstrip()


def complain(text: str) -> None:
    """A line to stderr."""
    print(f"lrpc: {text}", file=sys.stderr)
