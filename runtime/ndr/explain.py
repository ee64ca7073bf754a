"""What every octet of a stub is: field, value, rule; and for a stub that does not fit, which octet and why.

The reference reader reads, and an Observer of it listens: what is explained is what was read. The pieces cover the stub
from its first octet to its last, each octet once: fields, the gaps before them, and what stands behind the value.

Rule of this file: it decides nothing about octets. Counterpart: `explain_text.py`, which lays pieces out as lines.
"""

from __future__ import annotations

import enum
import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from .errors import RPC_S_INVALID_TAG, NdrError
from .layout import Encoding, Layout, Parameters
from .reference_rules import Observer, Turn
from .strictness import ALONE, DEFAULT, Strictness


class Kind(enum.StrEnum):
    """What a piece is there for."""

    VALUE = "value"
    TAG = "tag"
    COUNT = "count"
    REFERENT = "referent"
    GAP = "gap"
    CUT = "cut"
    REST = "rest"


KINDS: Final = {
    "maximum count": Kind.COUNT,
    "offset": Kind.COUNT,
    "actual count": Kind.COUNT,
    "chunk count": Kind.COUNT,
    "negated chunk count": Kind.COUNT,
    "referent id": Kind.REFERENT,
    "relative offset": Kind.REFERENT,
    "size of a context": Kind.COUNT,
    "type serialization header": Kind.COUNT,
    "left over in a context": Kind.REST,
    "ignored pointer": Kind.REFERENT,
    "partly ignored pointer": Kind.REFERENT,
    "gap": Kind.GAP,
}
"""Spans that are not the value of their field."""
POINTERS: Final = ("referent id", "relative offset")
"""Spans that lead to a pointee, unless they are 0."""
ALIGNMENT: Final = "C706 14.2.2"


@dataclass(frozen=True, slots=True)
class Piece:
    """Some octets of a stub and what they are.

    path: the field, "" for the value itself. meaning: its type, or what the octets are there for. rule: the paragraph
    that put them there. value: as it was read; None in gaps and behind the end. notes: pointees that begin here, how
    many octets are wanting. failed: the error is about these octets.
    """

    offset: int
    octets: bytes
    path: str
    kind: Kind
    meaning: str
    rule: str = ""
    value: Any = None
    notes: tuple[str, ...] = ()
    failed: bool = False

    def as_json(self) -> dict[str, Any]:
        """The piece in words of JSON; null is a value that is null, or none."""
        return {
            "offset": self.offset,
            "size": len(self.octets),
            "hex": self.octets.hex(),
            "path": self.path,
            "kind": self.kind.value,
            "meaning": self.meaning,
            "value": plain(self.value),
            "rule": self.rule,
            "notes": list(self.notes),
            "failed": self.failed,
        }


@dataclass(frozen=True, slots=True)
class Explanation:
    """A stub, piece by piece. value: what was read, None when that failed with `error`. behind: octets left over."""

    pieces: tuple[Piece, ...]
    value: Any
    error: NdrError | None
    behind: int

    def as_json(self) -> dict[str, Any]:
        """The pieces, the octets left over, and the error or null, in words of JSON."""
        error = self.error
        names = ("path", "reason", "offset", "rule", "status")
        return {
            "pieces": [piece.as_json() for piece in self.pieces],
            "behind": self.behind,
            "error": None if error is None else {name: getattr(error, name) for name in names},
        }


def explain(
    layout: Layout,
    octets: bytes,
    encoding: Encoding = Encoding.NDR,
    outer: Mapping[str, object] | None = None,
    strictness: Strictness | None = None,
) -> Explanation:
    """Explain the octets as a value of `layout`, Parameters too; `outer`: the values of the other direction.

    Octets that are no such value are explained as far as they were read: nothing is raised.
    """
    observer = Observer()
    value, error = None, None
    strictness = strictness or (DEFAULT if isinstance(layout, Parameters) else ALONE)
    try:
        value = layout.parse(octets, encoding=encoding, trace=observer, outer=outer, strictness=strictness)
    except NdrError as failure:
        error = failure
    pieces = _laid_out(_read(observer, octets, None if error is None else _blamed(observer, error)), octets, observer)
    end = max((piece.offset + len(piece.octets) for piece in pieces), default=0)
    failed = error is not None and not any(piece.failed for piece in pieces)
    if end < len(octets):
        meaning = "behind the value" if observer.complete else "not read"
        pieces.append(Piece(end, octets[end:], "", Kind.REST, meaning, failed=failed))
    elif failed:
        pieces.append(Piece(end, b"", "", Kind.CUT, "nothing is left", failed=True))
    return Explanation(tuple(pieces), value, error, len(octets) - end)


def plain(value: Any) -> Any:
    """A value that was read from octets, in words of JSON (those of `json_form.py`)."""
    match value:
        case bool() | str() | None:
            return value
        case int():
            return int(value)
        case float():
            return value if math.isfinite(value) else repr(value)
        case bytes():
            return list(value)
        case (attributes, identity):
            return {"attributes": attributes, "uuid": str(identity)}
        case _:
            return str(value)


# Pieces


def _read(observer: Observer, octets: bytes, blamed: int | None) -> Iterator[Piece]:
    """The pieces that were read, in that order; `blamed` is the index of the span that is wrong."""
    notes = _notes(observer)
    for index in range(len(observer)):
        first, *rest = _fields(observer, octets, index)
        yield replace(first, notes=tuple(notes.get(index, ())), failed=index == blamed)
        yield from (replace(one, failed=index == blamed) for one in rest)
    if observer.missing is not None:
        missing = observer.missing
        there = octets[missing.offset : missing.offset + observer.there]
        wanting = f"{missing.size} octets, {len(there)} {'is' if len(there) == 1 else 'are'} there"
        more = (wanting, *notes.get(len(observer), ()))
        yield Piece(missing.offset, there, missing.path, Kind.CUT, missing.meaning, missing.rule, None, more, True)


def _laid_out(read: Iterator[Piece], octets: bytes, observer: Observer) -> list[Piece]:
    """The pieces in the order of their octets, with what is between them.

    Offsets of Samba's NDR can lead to octets that were read before: those stay what they were first, and have a note.
    """
    pieces: list[Piece] = []
    position = 0
    for piece in sorted(read, key=lambda piece: piece.offset):
        if piece.offset > position and octets[position : piece.offset]:
            pieces.append(_between(octets, position, piece.offset, piece.path, observer))
        end = piece.offset + len(piece.octets)
        if piece.offset < position:
            at = bisect_right(pieces, piece.offset, key=lambda piece: piece.offset) - 1
            again = f"read again as {piece.path or 'the value'}, {piece.meaning}"
            before = pieces[at]
            pieces[at] = replace(before, notes=(*before.notes, again), failed=before.failed or piece.failed)
            piece = replace(piece, offset=position, octets=octets[position:end])
        if piece.octets or piece.kind is Kind.CUT:
            pieces.append(piece)
        position = max(position, end)
    if octets[position : observer.end]:  # a last field of no octets is aligned all the same
        pieces.append(_between(octets, position, observer.end, "", observer))
    return pieces


def _between(octets: bytes, position: int, end: int, path: str, observer: Observer) -> Piece:
    """What was passed over: to align a field, or for an offset that leads on."""
    size = end - position
    if size >= 8:
        meaning = "nothing leads here" if observer.complete else "not read"
        return Piece(position, octets[position:end], "", Kind.REST, meaning)
    alignment = next((2**power for power in range(4) if -position % 2**power == size), None)
    meaning = f"gap up to a multiple of {alignment}" if alignment else "gap inside a context"
    return Piece(position, octets[position:end], path, Kind.GAP, meaning, ALIGNMENT)


def _fields(observer: Observer, octets: bytes, index: int) -> Iterator[Piece]:
    """A span as a piece; items that were read at once as a piece each."""
    span, value = observer[index], observer.value(index)
    if index not in observer.several:
        kind = Kind.TAG if index in observer.tags else KINDS.get(span.meaning, Kind.VALUE)
        taken = octets[span.offset : span.offset + span.size]
        yield Piece(span.offset, taken, span.path, kind, span.meaning, span.rule, value)
        return
    each, meaning = span.size // len(value), span.meaning.removeprefix(f"{len(value)} * ")
    for number, item in enumerate(value):
        start = span.offset + number * each
        path = f"{span.path}[{number}]"
        yield Piece(start, octets[start : start + each], path, Kind.VALUE, meaning, span.rule, item)


def _notes(observer: Observer) -> dict[int, list[str]]:
    """By the index of a span: which pointee begins there, where the pointee of an id is."""
    notes: dict[int, list[str]] = {}
    for index, span in enumerate(observer):
        if span.meaning in POINTERS and not observer.value(index):
            notes[index] = ["null"]
    for turn in observer.turns:
        if turn.alias is not None:
            notes.setdefault(turn.pointer, []).append(f"the same as {turn.alias or 'the value'}")
            continue
        begin = _beginning(observer, turn)
        if begin is not None:
            notes.setdefault(turn.pointer, []).append(f"pointee at {begin:#06x}")
            whose = f"pointee of {turn.number:#x} at {observer[turn.pointer].offset:#06x}"
            notes.setdefault(turn.begin, []).append(whose)
    return notes


def _beginning(observer: Observer, turn: Turn) -> int | None:
    """The offset of what was read for a pointee; None when that took no octets."""
    span = observer[turn.begin] if turn.begin < len(observer) else observer.missing
    return None if turn.empty or span is None else span.offset


def _within(path: str, outer: str) -> bool:
    return not outer or (path.startswith(outer) and path[len(outer) : len(outer) + 1] in ("", ".", "["))


# What is wrong


def _blamed(observer: Observer, error: NdrError) -> int | None:
    """The index of the span that an error is about; None when that is what is not there, or nothing was read."""
    if observer.missing is not None:
        return None
    if error.status == RPC_S_INVALID_TAG and observer.tags and not observer.complete:
        return max(observer.tags)
    exact = [index for index, span in enumerate(observer) if span.path == error.path]
    if not exact and observer and _within(observer[-1].path, error.path):
        return len(observer) - 1
    exact = exact or [index for index, span in enumerate(observer) if span.path and _within(error.path, span.path)]
    if observer.complete:
        exact = [index for index in exact if _contradicted(observer, index, error)] or exact
    else:
        exact = [index for index in exact if observer[index].meaning in error.reason] or exact
    return exact[-1] if exact else None


def _contradicted(observer: Observer, index: int, error: NdrError) -> bool:
    """Is this the count, tag or null pointer that siblings contradict?"""
    meaning = "tag" if index in observer.tags else observer[index].meaning
    value = observer.value(index)
    null = meaning == "referent id" and value == 0 and error.reason.startswith("a null pointer")
    return null or (isinstance(value, int) and error.reason.startswith(f"the {meaning} is {int(value)},"))
