"""Spacing: whether a blank stands between two words of IDL that share a line.

Where C's readers agree there is a rule (none before a comma, one after); inside expressions what the author did stays.
Counterpart: `format.py`, which says where lines end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from .pieces import Kind, Piece

OPENS_BLOCK: Final = frozenset({"interface", "library", "dispinterface", "coclass", "module"})
LABELS: Final = frozenset({"case", "default", "properties", "methods"})
_BEFORE_ATTRIBUTES: Final = frozenset(
    {
        "typedef",
        "struct",
        "union",
        "enum",
        "bitmap",
        "const",
        "interface",
        "case",
        "pipe",
        "declare",
        "static",
        "extern",
    }
)
_SPACED_PARENTHESIS: Final = frozenset({"switch", "case"})
_CALLING: Final = frozenset({"__stdcall", "_stdcall", "__cdecl", "_cdecl", "__far", "far"})


class Role(Enum):
    """What a bracket, a star or a colon is for."""

    PLAIN = "plain"
    """Of a declaration."""
    EXPRESSION = "expression"
    """Inside an expression or an attribute."""
    ATTRIBUTES = "attributes"
    ARRAY = "array"
    LABEL = "label"
    """The colon after `case X`."""


@dataclass(slots=True)
class _Level:
    """An open bracket, and what stands in it."""

    inside: Role
    own: Role
    value: bool = False
    """Behind an equals sign, where stars multiply."""
    label: bool = False
    """Behind `case`, before its colon."""


def roles(pieces: Sequence[Piece]) -> list[Role]:
    """The role of each piece."""
    levels = [_Level(Role.PLAIN, Role.PLAIN)]
    found: list[Role] = []
    before: Piece | None = None
    closed = Role.PLAIN
    for index, piece in enumerate(pieces):
        level = levels[-1]
        role = Role.EXPRESSION if level.value else level.inside
        if piece.kind is not Kind.WORD:
            found.append(role)
            continue
        if piece.text in ("(", "[", "{"):
            role = _opened(pieces, index, before, closed, role)
            inside = Role.EXPRESSION if role in (Role.ATTRIBUTES, Role.ARRAY) else role
            levels.append(_Level(Role.PLAIN if piece.text == "{" and not level.value else inside, role))
        elif piece.text in (")", "]", "}"):
            role = closed = levels.pop().own
        elif level.inside is Role.PLAIN:
            role = _plain(piece, level, before, role)
        found.append(role)
        before = piece
    return found


def _plain(piece: Piece, level: _Level, before: Piece | None, role: Role) -> Role:
    """The role of a word of a declaration, which may begin or end a value or a label."""
    if piece.text in (";", ","):
        level.value = level.label = False
    elif piece.text == "=":
        level.value = True
    elif piece.text in LABELS and (before is None or before.text in (";", "{", "}", ":", "]", ")")):
        level.label = True
    elif piece.text == ":" and level.label:
        level.label = False
        return Role.LABEL
    return role


def _opened(pieces: Sequence[Piece], index: int, before: Piece | None, closed: Role, outside: Role) -> Role:
    """What an opening bracket is for."""
    if pieces[index].text != "[":
        return outside
    if outside is Role.EXPRESSION:
        return Role.ARRAY
    if before is None or before.text in _BEFORE_ATTRIBUTES:
        return Role.ATTRIBUTES
    if before.text == "]":
        return closed
    behind = pieces[index].partner + 1
    named = behind < len(pieces) and pieces[behind].is_name
    return Role.ARRAY if (before.is_name or before.text == ")") and not named else Role.ATTRIBUTES


def spaced(left: Piece, right: Piece, role_left: Role, role_right: Role, after: str) -> bool:
    """Does a blank stand between two words of one line? `after` is the word behind the right one."""
    a, b = left.text, right.text
    if Kind.WORD is not left.kind or Kind.WORD is not right.kind:
        return True
    if b in (")", "]") or a in ("(", "["):
        return False
    if b in (";", ","):
        return a == ":"
    if a in (",", ";") or "{" in (a, b) or "}" in (a, b):
        return True
    if b == "(":
        return _before_parenthesis(left, right, role_right, after)
    if b == "[" or a == "]":
        return _around_brackets(left, right, role_left, role_right)
    return _between_words(left, right, role_left, role_right)


def _before_parenthesis(left: Piece, right: Piece, role: Role, after: str) -> bool:
    if left.text in _SPACED_PARENTHESIS and role is Role.PLAIN:
        return True
    if left.is_name and after != "*" and after not in _CALLING:
        return False
    if role is Role.PLAIN and left.text == "*":
        return False
    return right.spaced or left.text == "]"


def _around_brackets(left: Piece, right: Piece, role_left: Role, role_right: Role) -> bool:
    if right.text == "[":
        if role_right is Role.ARRAY:
            return False
        return right.spaced or left.text != "]"
    return role_left is Role.ATTRIBUTES or right.spaced or right.is_name


def _between_words(left: Piece, right: Piece, role_left: Role, role_right: Role) -> bool:
    a, b = left.text, right.text
    if b == ":" and role_right is Role.LABEL:
        return False
    if (a == ":" and role_left is Role.LABEL) or "=" in (a, b):
        return True
    if b == "*" and role_right is Role.PLAIN:
        return a != "*"
    if a == "*" and role_left is Role.PLAIN and right.is_name:
        return False
    if a == ")" and role_left is Role.PLAIN and right.is_name:
        return True
    if (a[-1].isalnum() or a[-1] == "_") and (b[0].isalnum() or b[0] == "_"):
        return True
    return right.spaced
