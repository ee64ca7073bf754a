"""`lrpc fmt`: IDL text, laid out. Stable, idempotent, and without effect on meaning.

Blocks and their statements are indented; attributes of an interface stand one a line, and so do the parameters of an
operation with several. A short structure that its author wrote on one line stays on one. Statements with comments or
directives among their words keep their lines. Counterparts: `pieces.py` reads, `spacing.py` sets the blanks.

Laws: the words, comments and directives of the result are those of the text, in their order, or nothing results. A text
whose brackets only balance in the branches of its conditionals is left as it is.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from .. import IdlError
from ..diagnostics import Problem, Source
from ..syntax.words import scan
from .pieces import BLANK, Kind, Piece, Unbalanced, pieces
from .spacing import LABELS, OPENS_BLOCK, Role, roles, spaced

WIDTH: Final = 100
INDENT: Final = "    "
_ENDS_ITSELF: Final = frozenset({"cpp_quote", "midl_pragma", "pragma"})
_NO_OPERATION: Final = frozenset({"switch", "case", "sizeof", "__declspec", "SAFEARRAY", *_ENDS_ITSELF})
_FARTHEST: Final = 200
"""Columns to which lines of a comment are moved at most: one that ends where the next begins would move that on."""
_BYTE_ORDER_MARK: Final = "\ufeff"


class Damaged(AssertionError):
    """The formatter would have changed what a text says: a mistake of lrpc. The text is as it was."""


def formatted(text: str, *, width: int = WIDTH, name: str = "text.idl") -> str:
    """The text of an IDL file, laid out for lines of `width` columns.

    Line ends become those of most lines; a byte order mark stays. name: what diagnostics call the text. Raises IdlError
    when a comment, a quotation or a bracket is not closed.
    """
    mark, body = (_BYTE_ORDER_MARK, text[1:]) if text.startswith(_BYTE_ORDER_MARK) else ("", text)
    end = "\r\n" if body.count("\r\n") * 2 > body.count("\n") else "\n"
    source = Source(name, body.replace("\r\n", "\n"))
    try:
        found = pieces(source)
        lines = _Layout(found, width).lines()
        made = "".join(f"{line}\n" for line in lines)
        _check(source, found, made)
    except Unbalanced:
        return text
    except Problem as error:
        raise IdlError([error.diagnostic]) from None
    return mark + made.replace("\n", end)


def _check(source: Source, found: Sequence[Piece], made: str) -> None:
    """Raise Damaged unless both texts have the same words, comments and directives."""
    result = Source(source.name, made)
    same = [piece.facts for piece in found] == [piece.facts for piece in pieces(result)]
    words = [[word.text for word in scan(one)] for one in (source, result)]
    if not same or words[0] != words[1]:
        raise Damaged(f"{source.name}: formatting would change what it says")


@dataclass(slots=True)
class _Line:
    """A line, and the comment that stands at its end."""

    text: str
    comment: str = ""
    name: int = 0
    """Of an enumerator with a value: the columns in front of its equals sign."""
    closed: bool = False
    """A comment or directive ends it, so that nothing can follow."""

    @property
    def indent(self) -> int:
        """Columns in front of the words."""
        return len(self.text) - len(self.text.lstrip(BLANK))


@dataclass(slots=True)
class _Statement:
    """Pieces from `low` to before `high`; `trailing` are comments behind them on the same line."""

    low: int
    high: int
    trailing: list[str] = field(default_factory=list[str])
    loose: bool = False
    """Comments and directives between statements."""


class _Layout:
    """A text on its way."""

    def __init__(self, found: list[Piece], width: int) -> None:
        self._pieces = found
        self._width = width
        self._roles = roles(found)
        self._alone = _alone(found)

    def lines(self) -> list[str]:
        """All lines, without their ends."""
        return [line.rstrip(BLANK) for line in _aligned(self._block(0, len(self._pieces), 0, ";"))]

    # Blocks and their statements

    def _block(self, low: int, high: int, depth: int, separator: str) -> list[_Line]:
        """The statements between two brackets, blank lines between them as the author had them."""
        made: list[_Line] = []
        for statement in self._statements(low, high, separator):
            if made and self._pieces[statement.low].lines > 1:
                made.append(_Line(""))
            lines = self._loose(statement, depth) if statement.loose else self._statement(statement, depth)
            if statement.trailing:
                lines[-1].comment = " ".join(statement.trailing)
            if separator == "," and len(lines) == 1 and not statement.loose:
                lines[0].name = self._name_columns(statement, depth)
            made += lines
        return made

    def _statements(self, low: int, high: int, separator: str) -> Iterator[_Statement]:
        while low < high:
            piece = self._pieces[low]
            if piece.kind is not Kind.WORD and self._alone[low]:
                yield _Statement(low, low + 1, loose=True)
                low += 1
                continue
            end = self._end(low, high, separator)
            statement = _Statement(low, end)
            low = end
            while low < high and self._trails(low):
                statement.trailing.append(self._pieces[low].text)
                low += 1
            yield statement

    def _trails(self, index: int) -> bool:
        """Does a comment stand behind a statement, last on its line?"""
        piece = self._pieces[index]
        return self._alone[index] and not piece.lines and piece.kind is not Kind.DIRECTIVE and "\n" not in piece.text

    def _end(self, low: int, high: int, separator: str) -> int:
        """Where the statement that begins at `low` ends."""
        first = self._first_name(low, high)
        index = last = low
        while index < high:
            piece = self._pieces[index]
            if piece.kind is not Kind.WORD:
                index += 1
                continue
            if piece.text == separator:
                return index + 1
            if piece.partner > index:
                index = piece.partner
                if first in {")": _ENDS_ITSELF, "}": OPENS_BLOCK}.get(self._pieces[index].text, ()):
                    behind = index + 1
                    return behind + (behind < high and self._pieces[behind].text == ";")
            index = last = index + 1
            if piece.text == ":" and first in ("properties", "methods"):
                return index
        return max(last, low + 1)

    def _first_name(self, low: int, high: int) -> str:
        """The first word that is neither attribute nor comment."""
        while low < high:
            piece = self._pieces[low]
            if piece.kind is Kind.WORD and piece.text != "[":
                return piece.text
            low = max(low, piece.partner) + 1
        return ""

    def _loose(self, statement: _Statement, depth: int) -> list[_Line]:
        piece = self._pieces[statement.low]
        if piece.kind is Kind.DIRECTIVE:
            return [_Line(line) for line in piece.text.split("\n")]
        return [_Line(line) for line in _moved(piece, INDENT * depth)]

    def _name_columns(self, statement: _Statement, depth: int) -> int:
        low, high = statement.low, statement.high
        if high - low > 2 and self._pieces[low].is_name and self._pieces[low + 1].text == "=":
            return len(INDENT) * depth + len(self._pieces[low].text)
        return 0

    # Statements

    def _statement(self, statement: _Statement, depth: int) -> list[_Line]:
        """Runs of words, and the blocks between them."""
        low, high = statement.low, statement.high
        block = self._block_in(low, high)
        if block is None:
            return self._run(low, high, depth)
        if (line := self._one_line(low, high, depth)) is not None:
            return [_Line(line)]
        made: list[_Line] = []
        while block is not None:
            made += self._run(low, block, depth, self._taken(made)) if low < block else []
            made = self._with_block(made, block, depth, on_its_own=self._first_name(low, high) in OPENS_BLOCK)
            low = self._pieces[block].partner + 1
            block = self._block_in(low, high)
        return self._tail(made, low, high, depth)

    def _taken(self, made: list[_Line]) -> str:
        """The brace of the last line, to begin a line with what follows it."""
        return made.pop().text.lstrip(BLANK) if made else ""

    def _block_in(self, low: int, high: int) -> int | None:
        """The first brace that opens a block, outside other brackets."""
        while low < high:
            piece = self._pieces[low]
            if piece.text == "{" and self._roles[low] is Role.PLAIN and piece.kind is Kind.WORD:
                return low
            low = max(low, piece.partner) + 1
        return None

    def _one_line(self, low: int, high: int, depth: int) -> str | None:
        """The statement on one line, if its author wrote it so, it fits, and it is no interface."""
        inside = self._pieces[low + 1 : high]
        if self._first_name(low, high) in OPENS_BLOCK or any(piece.lines for piece in inside):
            return None
        if any(piece.kind in (Kind.LINE, Kind.DIRECTIVE) or "\n" in piece.text for piece in self._pieces[low:high]):
            return None
        return self._fitting(low, high, depth)

    def _with_block(self, made: list[_Line], opening: int, depth: int, *, on_its_own: bool) -> list[_Line]:
        """The brace, what is in it, and the other brace."""
        closing = self._pieces[opening].partner
        if not made or on_its_own or made[-1].closed:
            made.append(_Line(INDENT * depth + "{"))
        else:
            made[-1].text += " {"
        low = opening + 1
        while low < closing and self._trails(low):
            made[-1].comment = " ".join(filter(None, (made[-1].comment, self._pieces[low].text)))
            low += 1
        separator = "," if self._is_enumeration(opening) else ";"
        return [*made, *self._block(low, closing, depth + 1, separator), _Line(INDENT * depth + "}")]

    def _is_enumeration(self, opening: int) -> bool:
        """Does `enum`, `enum NAME` or `bitmap` stand before the brace?"""
        before = [piece for piece in self._pieces[max(0, opening - 8) : opening] if piece.kind is Kind.WORD][-2:]
        return any(piece.text in ("enum", "bitmap") for piece in before)

    def _tail(self, made: list[_Line], low: int, high: int, depth: int) -> list[_Line]:
        """What stands behind the last block: declarators and the semicolon."""
        if low == high:
            return made
        if self._pieces[low].text in (";", ",") and high - low == 1:
            made[-1].text += self._pieces[low].text
            return made
        brace = self._taken(made)
        return [*made, *self._run(low, high, depth, brace)]

    # Runs of words without blocks

    def _run(self, low: int, high: int, depth: int, before: str = "") -> list[_Line]:
        """`before`: the brace that the first line begins with."""
        if any(piece.kind is not Kind.WORD for piece in self._pieces[low:high]):
            return self._kept(low, high, depth, before)
        if before:
            return self._plain(low, high, depth, before)
        label = self._label_end(low, high)
        if low < label < high and self._pieces[label].lines:
            return [*self._plain(low, label, depth), *self._run(label, high, depth + 1)]
        opening = self._attributes(low, high)
        if opening and self._first_name(low, high) in OPENS_BLOCK:
            return [*self._attribute_lines(low, depth), *self._plain(opening, high, depth)]
        parameters = self._parameters(low, high)
        if parameters is not None:
            return self._operation(low, parameters, high, depth)
        return self._declared(low, high, depth)

    def _label_end(self, low: int, high: int) -> int:
        """Behind the labels that a statement begins with."""
        end = low
        if self._pieces[low].text in LABELS:
            for index in range(low, high):
                if self._roles[index] is Role.LABEL:
                    end = index + 1
                    if end < high and self._pieces[end].text not in LABELS:
                        break
        return end

    def _attributes(self, low: int, high: int) -> int:
        """Behind the attribute lists that a run begins with; 0 when there are none."""
        end = low
        while end < high and self._pieces[end].text == "[" and self._roles[end] is Role.ATTRIBUTES:
            end = self._pieces[end].partner + 1
        return end if low < end < high else 0

    def _attribute_lines(self, low: int, depth: int) -> list[_Line]:
        """The attributes of an interface: one a line where there are several."""
        made: list[_Line] = []
        while self._pieces[low].text == "[" and self._roles[low] is Role.ATTRIBUTES:
            closing = self._pieces[low].partner
            items = list(self._items(low))
            if len(items) == 1 and (line := self._fitting(low, closing + 1, depth)) is not None:
                made.append(_Line(line))
            else:
                made.append(_Line(INDENT * depth + "["))
                for start, end in items:
                    made += self._plain(start, end, depth + 1)
                made.append(_Line(INDENT * depth + "]"))
            low = closing + 1
        return made

    def _items(self, opening: int) -> Iterator[tuple[int, int]]:
        """What commas separate in a bracket, each with its comma."""
        low = index = opening + 1
        closing = self._pieces[opening].partner
        while index < closing:
            index = max(index, self._pieces[index].partner) + 1
            if self._pieces[index - 1].text == ",":
                yield low, index
                low = index
        if low < closing:
            yield low, closing

    def _parameters(self, low: int, high: int) -> int | None:
        """The bracket of an operation's parameters, if the run is one."""
        index, before, found = low, "", None
        while index < high:
            piece = self._pieces[index]
            if piece.text in _NO_OPERATION or piece.text in ("=", "typedef", "import", "importlib"):
                return None
            if piece.text == "(" and before and before not in _NO_OPERATION and found is None:
                found = index
            elif found is not None and not (piece.is_name or piece.text in (";", ",")):
                return None
            before = piece.text if piece.is_name else ""
            index = max(index, piece.partner) + 1
        return found

    def _operation(self, low: int, opening: int, high: int, depth: int) -> list[_Line]:
        """An operation: on one line, or its parameters one a line."""
        items = list(self._items(opening))
        several = sum(self._pieces[start].text == "[" for start, _ in items) > 1
        start, made = self._attributes(low, opening), list[_Line]()
        if start and self._fitting(low, opening + 1 if several else high, depth) is None:
            made, low = self._plain(low, start, depth), start
        if not items or (not several and self._fitting(low, high, depth) is not None):
            return [*made, *self._plain(low, high, depth)]
        made += self._plain(low, opening + 1, depth)
        for first, end in items[:-1]:
            made += self._declared(first, end, depth + 1)
        return [*made, *self._declared(items[-1][0], high, depth + 1)]

    def _declared(self, low: int, high: int, depth: int) -> list[_Line]:
        """A field or parameter: on one line, else its attributes on a line of their own where they fit."""
        start = self._attributes(low, high)
        if start and self._fitting(low, high, depth) is None and (line := self._fitting(low, start, depth)) is not None:
            return [_Line(line), *self._plain(start, high, depth + 1)]
        return self._plain(low, high, depth)

    def _plain(self, low: int, high: int, depth: int, before: str = "") -> list[_Line]:
        """Words in as many lines as they need; lines break behind commas, else at any blank."""
        made: list[_Line] = []
        indent = INDENT * depth
        room = self._width - len(indent)
        line, comma = before, 0
        for unit in self._units(low, high):
            if line and len(line) + 1 + len(unit) > room:
                cut = comma or len(line)
                made.append(_Line(indent + line[:cut]))
                line, comma = line[cut:].lstrip(BLANK), 0
                if len(made) == 1:
                    indent, room = indent + INDENT, self._width - len(indent) - len(INDENT)
            line += f" {unit}" if line else unit
            comma = len(line) if unit.endswith(",") else comma
        return [*made, _Line(indent + line)]

    def _units(self, low: int, high: int) -> Iterator[str]:
        """Words that no blank parts, together."""
        unit: list[str] = []
        for index in range(low, high):
            if unit and self._gap(index):
                yield "".join(unit)
                unit.clear()
            unit.append(self._pieces[index].text)
        yield "".join(unit)

    def _kept(self, low: int, high: int, depth: int, before: str) -> list[_Line]:
        """Words with comments or directives among them: the lines stay."""
        made = [_Line(INDENT * depth + before)] if before else []
        open_, broken = 0, not before
        for index in range(low, high):
            piece = self._pieces[index]
            word = piece.kind is Kind.WORD
            open_ -= word and piece.text in (")", "]", "}")
            if index > low and piece.lines > 1:
                made.append(_Line(""))
            if piece.kind is Kind.DIRECTIVE:
                made += map(_Line, piece.text.split("\n"))
            elif broken or (piece.lines and not (index == low and word)):
                made += map(_Line, _moved(piece, INDENT * (depth + open_)))
            else:
                first, *rest = _moved(piece, made[-1].text + self._gap(index))
                made[-1].text = first
                made += map(_Line, rest)
            broken = piece.kind in (Kind.LINE, Kind.DIRECTIVE)
            open_ += word and piece.text in ("(", "[", "{")
        made[-1].closed = broken
        return made

    # Lines

    def _fitting(self, low: int, high: int, depth: int) -> str | None:
        """The words on one line, if they fit."""
        parts, size = [INDENT * depth], len(INDENT) * depth
        for index in range(low, high):
            gap = self._gap(index) if index > low else ""
            parts += (gap, self._pieces[index].text)
            size += len(gap) + len(self._pieces[index].text)
            if size > self._width:
                return None
        return "".join(parts)

    def _gap(self, index: int) -> str:
        """What stands between a piece and the one before it."""
        left, right = self._pieces[index - 1], self._pieces[index]
        after = self._pieces[index + 1].text if index + 1 < len(self._pieces) else ""
        return " " if spaced(left, right, self._roles[index - 1], self._roles[index], after) else ""


def _alone(found: Sequence[Piece]) -> list[bool]:
    """Of each piece: a comment or directive behind which its line has nothing but comments and brackets that close?

    Otherwise a statement begins with it.
    """
    alone = [True] * (len(found) + 1)
    for index in range(len(found) - 1, -1, -1):
        ended = index + 1 == len(found) or found[index + 1].lines > 0 or found[index + 1].text in (")", "]", "}")
        kind = found[index].kind
        alone[index] = kind is not Kind.WORD and (kind is not Kind.BLOCK or ended or alone[index + 1])
    return alone


def _moved(piece: Piece, before: str) -> list[str]:
    """The lines of a piece behind `before`; those of a comment keep their places under one another, stars a column."""
    first, *rest = piece.text.split("\n")
    column, was = min(len(before), _FARTHEST), min(piece.column, _FARTHEST)
    if all(line.lstrip(BLANK).startswith("*") for line in rest):
        return [before + first, *(f"{' ' * column} {line.lstrip(BLANK)}" for line in rest)]
    return [before + first, *(_shifted(line, column - was) if line else "" for line in rest)]


def _shifted(line: str, by: int) -> str:
    """A line moved to the right, or to the left as far as it has blanks."""
    text = line.lstrip(BLANK)
    columns = len(line[: len(line) - len(text)].expandtabs())
    return " " * max(0, columns + by) + text


def _aligned(lines: list[_Line]) -> Iterator[str]:
    """Equals signs of enumerators under one another, and comments at the ends of lines."""
    for together, group in _grouped(lines, lambda line: line.name > 0):
        columns = max(line.name for line in group)
        for line in group if together else ():
            line.text = line.text[: line.name] + " " * (columns - line.name) + line.text[line.name :]
    for _, group in _grouped(lines, lambda line: line.comment != "" and (line.indent,)):
        columns = max(len(line.text) for line in group)
        for line in group:
            yield f"{line.text.ljust(columns)}  {line.comment}" if line.comment else line.text


def _grouped(lines: list[_Line], key: Callable[[_Line], Any]) -> Iterator[tuple[Any, list[_Line]]]:
    """Neighbours of the same key, together."""
    for found, group in itertools.groupby(lines, key):
        yield found, list(group)
