"""Recovery: where reading goes on after a syntax error.

The grammar's lists (items, fields, enumerators, parameters, attributes) each have an ERROR terminal that stands for
an entry that could not be read. For each this file finds the end of that entry in the words that follow.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from .terminals import Terminals, Token

_CLOSED_BY: Final = {"ERROR_PARAMETER": ")", "ERROR_ATTRIBUTE": "]", "ERROR_ENUMERATOR": "}"}
_ENDS: Final = {"ERROR_PARAMETER": ";{}", "ERROR_ATTRIBUTE": ";{}", "ERROR_ENUMERATOR": ";"}
"""What stands in no such list: behind it, the list itself is broken."""


def opened(values: Iterable[Any], brackets: str = "{") -> int:
    """How many brackets among the parser's values are still open: closed ones have become part of a node."""
    return sum(isinstance(value, Token) and value.text != "" and value.text in brackets for value in values)


def resume(terminals: Terminals, error: str, index: int, braces: int, inside: int) -> int | None:
    """The word to go on with when `error` stands for the entry that holds the word `index`; None when there is none.

    braces: how many are open around the list. inside: brackets that were opened within the entry so far.
    """
    if error in _CLOSED_BY:
        return _entry_end(terminals, index, inside, _CLOSED_BY[error], _ENDS[error])
    return _line_end(terminals, index, braces)


def _entry_end(terminals: Terminals, index: int, depth: int, closing: str, ends: str) -> int | None:
    """The comma behind an entry, or the bracket that closes its list."""
    while text := terminals.at(index).text:
        if text in ends:
            return None
        if not depth and text in (",", closing):
            return index
        depth += (text in "([{") - (text in ")]}")
        if depth < 0:
            return None
        index += 1
    return None


def _line_end(terminals: Terminals, index: int, braces: int) -> int | None:
    """Behind the next `;` of a body, or the `}` that closes the body."""
    while text := terminals.at(index).text:
        depth = terminals.depth(index)
        if depth <= braces:
            if text == ";":
                return index + 1
            if text == "}" and depth == braces:
                return index if braces else index + 1
        index += 1
    return index
