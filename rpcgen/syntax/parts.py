"""Parts: what the grammar's rules give one another before there is a node of the tree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from . import tree
from .terminals import Token

Values = list[Any]
"""The values of a rule's parts, as the parser gives them: tokens, nodes, parts and None."""


@dataclass(frozen=True, slots=True)
class Lists:
    """The attributes before something."""

    attributes: tree.Attributes


@dataclass(frozen=True, slots=True)
class Label:
    """`case e:`, or `default:` without a value."""

    word: Token
    value: tree.Expr | None


@dataclass(frozen=True, slots=True)
class Direct:
    """A name and its levels, from the name outwards."""

    name: Token
    levels: tuple[tree.Level, ...]


@dataclass(frozen=True, slots=True)
class Suffixes:
    """The levels of a nameless parameter."""

    levels: tuple[tree.Level, ...]


@dataclass(frozen=True, slots=True)
class Bounds:
    """`low..high`; high is None for `*`."""

    low: tree.Expr
    high: tree.Expr | None


@dataclass(frozen=True, slots=True)
class Pair:
    """Two words in one slot of an attribute: `implicit_handle(handle_t h)`."""

    first: tree.Name | tree.Words
    second: tree.Name


@dataclass(frozen=True, slots=True)
class TypeName:
    """A type in parentheses, and the stars behind it."""

    type: tree.Words | tree.Tagged
    stars: int


def attributed(values: Values) -> tuple[tree.Attributes, Values]:
    """The attributes that stand first, if any, and the rest."""
    if not values or not isinstance(values[0], Lists):
        return (), values
    return values[0].attributes, values[1:]


def present(values: Values) -> Values:
    """Without what has no node."""
    return [value for value in values if value is not None]
