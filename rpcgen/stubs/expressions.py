"""Correlation expressions: the model's as Python text in the words of `lrpc.runtime.ndr.expression`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .. import model
from .printer import Chain, Parentheses, Part, call, quoted

_PYTHON: Final = {"+": (4, "+"), "-": (4, "-"), "*": (5, "*"), "/": (5, "//"), "%": (5, "%"), "<<": (3, "<<"),
                  ">>": (3, ">>"), "&": (2, "&"), "^": (1, "^"), "|": (0, "|")}  # fmt: skip
"""Python's operators for C's, with how tightly they bind."""
_ATOM: Final = 9
_NEGATIVE: Final = 6

SiblingNames = Mapping[str, str]
"""IDL names of fields or parameters to their Python names."""


def expression(found: model.Expression, siblings: SiblingNames) -> Part:
    """An expression over siblings."""
    return _bound(found, siblings)[0]


def _bound(found: model.Expression, siblings: SiblingNames) -> tuple[Part, int]:
    """The text and how tightly it binds."""
    match found:
        case model.Number(value=value):
            return str(value), _ATOM if value >= 0 else _NEGATIVE
        case model.Sibling(name=name):
            return sibling(siblings.get(name, name)), _ATOM
        case model.Present(name=name):
            return call("rpc.present", sibling(siblings.get(name, name))), _ATOM
        case model.Length(name=name, unit=unit):
            named = sibling(siblings.get(name, name))
            return call("rpc.samba.length", named, *([] if unit == 2 else [str(unit)])), _ATOM
        case model.SizeOf(name=name):
            return call("rpc.samba.size_of", *([] if name is None else [sibling(siblings.get(name, name))])), _ATOM
        case model.When(condition=condition, then=then, otherwise=otherwise):
            return call("rpc.when", *(expression(part, siblings) for part in (condition, then, otherwise))), _ATOM
        case model.Binary():
            return _binary(found, siblings)


def _binary(found: model.Binary, siblings: SiblingNames) -> tuple[Part, int]:
    (left, left_binds), (right, right_binds) = _bound(found.left, siblings), _bound(found.right, siblings)
    constant = isinstance(found.left, model.Number) and isinstance(found.right, model.Number)
    if found.operator not in _PYTHON or constant:
        return call("rpc.compare", quoted(found.operator), left, right), _ATOM
    binds, operator = _PYTHON[found.operator]
    link = operator, right if right_binds > binds else Parentheses(right)
    if left_binds == binds and isinstance(left, Chain):
        return Chain(left.first, (*left.rest, link)), binds
    return Chain(left if left_binds >= binds else Parentheses(left), (link,)), binds


def sibling(name: str) -> str:
    """A field or parameter beside this one."""
    return f'rpc.this["{name}"]' if name.startswith("_") else f"rpc.this.{name}"
