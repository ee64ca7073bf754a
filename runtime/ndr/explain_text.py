"""An explanation as lines of columns for people: offset, octets, field, value, and what the octets are.

Rule of this file: what a peer sent is shown in ASCII only, and shortened where it is long; `as_json` has the whole.
Counterpart: `explain.py`.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from .explain import Explanation, Kind, Piece, plain

HEADINGS: Final = ("offset", "octets", "field", "value", "what")
STYLES: Final = {
    "tag": "magenta",
    "count": "cyan",
    "referent": "yellow",
    "gap": "dim",
    "rest": "red",
    "failed": "bold red",
}
"""How a terminal shows pieces of a kind, in rich's words."""
OCTETS: Final = 8
"""Octets in a line."""
LONGEST: Final = 40
"""Characters of a value."""


class Line(NamedTuple):
    """A line. kind: what it is about, "failed" for octets that are wrong and for why."""

    kind: str
    cells: tuple[str, ...]


def lines(explanation: Explanation) -> Iterator[Line]:
    """The lines; why it failed stands below the octets where it did."""
    said = explanation.error is None
    for piece in explanation.pieces:
        yield from _lines(piece)
        if piece.failed and not said and not _goes_on(explanation, piece):
            said = True
            yield _why(explanation)
    if not said:
        yield _why(explanation)


def _goes_on(explanation: Explanation, piece: Piece) -> bool:
    """Are there more of the octets that are wrong?"""
    return any(other.failed and other.offset > piece.offset for other in explanation.pieces)


def _why(explanation: Explanation) -> Line:
    error = explanation.error
    assert error is not None
    return Line("failed", ("^", f"{error}, status {error.status:#x}"))


def _lines(piece: Piece) -> Iterator[Line]:
    kind = "failed" if piece.failed else piece.kind.value
    rule = f" ({piece.rule})" if piece.rule else ""
    what = "; ".join((f"{_meaning(piece)}{rule}", *piece.notes))
    for start in range(0, len(piece.octets) or 1, OCTETS):
        row = piece.octets[start : start + OCTETS]
        octets = isinstance(piece.value, bytes)
        value = shown(row) if octets else shown(piece.value, piece.kind) if not start and not _nothing(piece) else ""
        cells = f"{piece.offset + start:#06x}", row.hex(" "), piece.path, value, "" if start else what
        yield Line(kind, cells)


def _meaning(piece: Piece) -> str:
    return f"union tag, {piece.meaning}" if piece.kind is Kind.TAG else piece.meaning


def _nothing(piece: Piece) -> bool:
    """Is there no value, rather than one that is null?"""
    return piece.value is None and (piece.failed or piece.kind is not Kind.VALUE)


def shown(value: Any, kind: Kind = Kind.VALUE) -> str:
    """A value in at most LONGEST characters of ASCII: enumerators by name, referent ids in hexadecimal."""
    match value:
        case enum.Enum() if isinstance(value, int) and value.name:
            text = f"{value.name} ({int(value)})"
        case bytes():
            text = "".join(chr(octet) if 0x20 <= octet < 0x7F else "." for octet in value)
        case int() if kind is Kind.REFERENT:
            text = f"{value:#x}"
        case (attributes, identity):
            text = f"{identity}, attributes {attributes}"
        case _:
            text = json.dumps(plain(value)).strip('"') if isinstance(value, float) else json.dumps(plain(value))
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 4]} ..."
