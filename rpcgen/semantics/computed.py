"""[value(expression)] of the pidl dialect: a field that is computed when it is written.

The expression is C in Samba's programs. What can be said here is computed: constants, texts, siblings, and libndr's
functions for lengths and sizes. Of the rest the caller gives the field, and a warning says so.
"""

from __future__ import annotations

from typing import Final, Literal

from .. import catalogue, model
from ..diagnostics import Problem, diagnose, problem
from ..syntax import tree
from .correlations import Correlation, Siblings
from .scopes import Binding

_LENGTHS: Final[dict[str, tuple[Literal[1, 2], int, bool]]] = {
    "strlen": (1, 0, False),
    "strlen_m": (2, 0, False),
    "strlen_m_term": (2, 1, False),
    "strlen_m_term_null": (2, 1, True),
    "ndr_charset_length": (2, 1, False),
}
"""Functions: the unit that they count, what they add for a NUL, and whether an absent or empty text counts as 0."""


def computed(
    binding: Binding, name: str, attribute: tree.Attribute, siblings: Siblings
) -> model.Expression | str | None:
    """What the field `name` is when it is written; None, with a warning, when that cannot be said."""
    slot = attribute.slots[0] if attribute.slots else None
    if isinstance(slot, tree.Text):
        return slot.value
    try:
        if slot is None or isinstance(slot, (tree.Uuid, tree.Words, tree.Tagged, tree.Given, tree.Refused, tree.Null)):
            raise problem(catalogue.BAD_EXPRESSION, attribute.span, what=f"`{attribute.text}`")
        found = _Computation(binding, siblings, name).expression(slot)
    except Problem as error:
        reason = error.diagnostic.message
        binding.report.append(diagnose(catalogue.NOT_COMPUTED, attribute.span, name=name, reason=reason))
        return None
    return found


class _Computation:
    """The expression of one field."""

    def __init__(self, binding: Binding, siblings: Siblings, name: str) -> None:
        self._siblings = siblings
        self._plain = Correlation(binding, siblings, name)

    def expression(self, found: tree.Expr) -> model.Expression:
        """An expression with calls in it; Problem for one that cannot be said here."""
        match found:
            case tree.Call():
                return self._call(found)
            case tree.Access(owner=tree.Name(name=name), name="length") if self._is_counted(name):
                return model.Length(name=name, unit=1)
            case tree.Binary(operator=operator, left=left, right=right) if _has_call(found):
                first, second = self.expression(left), self.expression(right)
                return model.Binary(operator=operator, left=first, right=second)
            case tree.Conditional(condition=condition, then=then, otherwise=otherwise):
                test = self._test(condition)
                return model.When(condition=test, then=self.expression(then), otherwise=self.expression(otherwise))
            case tree.Access():
                raise problem(catalogue.BAD_EXPRESSION, found.span, what=f"a part of another field ({found.name})")
            case _:
                return self._plain.expression(found, "value")

    def _test(self, condition: tree.Expr) -> model.Expression:
        if isinstance(condition, tree.Binary) and isinstance(condition.right, tree.Null):
            there = self._test(condition.left)
            if condition.operator == "!=":
                return there
            return model.Binary(operator="==", left=there, right=model.Number(value=0))
        if isinstance(condition, tree.Name) and condition.name in self._siblings:
            levels = self._siblings[condition.name].shape.levels
            if levels and levels[0].pointer:
                return model.Present(name=condition.name)
        return self.expression(condition)

    def _is_counted(self, name: str) -> bool:
        """Has the value of a field a length: is it a blob, or an array?"""
        if name not in self._siblings:
            return False
        shape = self._siblings[name].shape
        return isinstance(shape.base, model.Blob) or any(not level.pointer for level in shape.levels[:1])

    def _call(self, call: tree.Call) -> model.Expression:
        argument = call.arguments[0] if call.arguments else None
        if isinstance(argument, tree.Unary) and argument.operator == "&":
            argument = argument.operand
        if not isinstance(argument, tree.Name):
            raise problem(catalogue.BAD_EXPRESSION, call.span, what=f"{call.function}()")
        name = argument.name
        if call.function in _LENGTHS and name in self._siblings:
            return _length(call.function, name)
        if call.function.startswith("ndr_size_"):
            return self._size(call, name)
        raise problem(catalogue.BAD_EXPRESSION, call.span, what=f"{call.function}()")

    def _size(self, call: tree.Call, name: str) -> model.Expression:
        if name == "r" and "r" not in self._siblings:
            return model.SizeOf()
        if name not in self._siblings or self._siblings[name].shape.switch is not None:
            raise problem(catalogue.BAD_EXPRESSION, call.span, what=f"{call.function}()")
        return model.SizeOf(name=name)


def _length(function: str, name: str) -> model.Expression:
    unit, more, null = _LENGTHS[function]
    length = model.Length(name=name, unit=unit)
    found: model.Expression = length
    if more:
        found = model.Binary(operator="+", left=length, right=model.Number(value=more))
    return model.When(condition=length, then=found, otherwise=model.Number(value=0)) if null else found


def _has_call(expression: tree.Expr) -> bool:
    match expression:
        case tree.Call() | tree.Access() | tree.Conditional():
            return True
        case tree.Unary(operand=operand) | tree.Cast(operand=operand):
            return _has_call(operand)
        case tree.Binary(left=left, right=right):
            return _has_call(left) or _has_call(right)
        case _:
            return False
