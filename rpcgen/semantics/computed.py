"""[value(expression)] of the pidl dialect: a field that is computed when it is written.

The expression is C in Samba's programs. What can be said here is computed: constants, texts, siblings, and libndr's
functions for lengths and sizes. Of the rest the caller gives the field, and a warning says so.
"""

from __future__ import annotations

from typing import Final, Literal

from .. import catalogue, model
from ..diagnostics import Problem, diagnose, problem
from ..syntax import tree
from .correlations import Correlation, Siblings, siblings_in
from .scopes import Binding
from .shapes import SIZES

_LENGTHS: Final[dict[str, tuple[Literal[1, 2], int, Literal["", "absent", "empty"]]]] = {
    "strlen": (1, 0, ""),
    "strlen_m": (2, 0, ""),
    "strlen_m_term": (2, 1, "absent"),
    "strlen_m_term_null": (2, 1, "empty"),
    "ndr_charset_length": (2, 1, "absent"),
}
"""Functions: the unit that they count, what they add for a NUL, and which text counts as 0 all the same."""


def computed(
    binding: Binding, name: str, attribute: tree.Attribute, siblings: Siblings
) -> model.Expression | str | None:
    """What the field `name` is when it is written; None, with a warning, when that cannot be said."""
    slot = attribute.slot
    if isinstance(slot, tree.Text):
        return slot.value
    if isinstance(slot, tree.Name) and slot.name not in siblings and binding.values.known(slot.name):
        found = binding.values.find(slot.name)
        if isinstance(found, str):
            return found
    try:
        if isinstance(slot, tree.NoExpression | tree.Null):
            raise problem(catalogue.BAD_EXPRESSION, attribute.span, what=f"`{attribute.text}`")
        expression = _Computation(binding, siblings, name).expression(slot)
    except Problem as error:
        reason = error.diagnostic.message
        binding.report.append(diagnose(catalogue.NOT_COMPUTED, attribute.span, name=name, reason=reason))
        return None
    return _wrapped(expression, siblings[name].shape.base) if _subtracts_size(expression) else expression


def _wrapped(found: model.Expression, base: object) -> model.Expression:
    """A size less a constant, as C stores it: while the size is measured it counts as 0."""
    if not isinstance(base, model.Scalar) or base.word not in SIZES:
        return found
    mask = (1 << 8 * SIZES[base.word]) - 1
    return model.Binary(operator="&", left=found, right=model.Number(value=mask))


def _subtracts_size(expression: model.Expression) -> bool:
    match expression:
        case model.Binary(operator="-", left=left):
            return isinstance(left, model.SizeOf) or _subtracts_size(left)
        case model.Binary(left=left, right=right):
            return _subtracts_size(left) or _subtracts_size(right)
        case _:
            return False


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
    unit, more, nothing = _LENGTHS[function]
    length = model.Length(name=name, unit=unit)
    if not more:
        return length
    found = model.Binary(operator="+", left=length, right=model.Number(value=more))
    test = model.Present(name=name) if nothing == "absent" else length
    return model.When(condition=test, then=found, otherwise=model.Number(value=0))


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


def measures_all(expression: model.Expression) -> bool:
    """Does it ask for the size of the structure that it stands in?"""
    match expression:
        case model.SizeOf(name=None):
            return True
        case model.Binary(left=left, right=right):
            return measures_all(left) or measures_all(right)
        case model.When(condition=condition, then=then, otherwise=otherwise):
            return any(measures_all(part) for part in (condition, then, otherwise))
        case _:
            return False


def adds_nul(expression: model.Expression) -> bool:
    """Does it count a text and its NUL?"""
    match expression:
        case model.When(then=model.Binary(left=model.Length())):
            return True
        case model.Binary(left=left, right=right):
            return adds_nul(left) or adds_nul(right)
        case _:
            return False


def sizes_in(type_: model.Type) -> frozenset[str]:
    """The siblings that give the size of a context inside."""
    match type_:
        case model.Subcontext(target=target, size=size):
            return siblings_in(size) | sizes_in(target)
        case model.Flagged(target=inner) | model.Pointer(target=inner) | model.Array(element=inner):
            return sizes_in(inner)
        case _:
            return frozenset()
