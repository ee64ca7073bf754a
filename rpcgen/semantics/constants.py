"""Constant expressions: their value, in 64 bits.

Rule: a value that leaves 64 bits is an error, never a bigger number: IDL text is untrusted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from .. import catalogue
from ..diagnostics import problem
from ..syntax import tree

Value = int | float | str | None
Names = Callable[[tree.Name], Value]
"""Gives the value of a name; raises Problem when it has none."""
Sizes = Callable[[tree.SizeOf], int]

LOWEST: Final = -(1 << 63)
HIGHEST: Final = (1 << 64) - 1


def truncated(a: int, b: int) -> int:
    """Division of C: towards zero."""
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


OPERATORS: Final[dict[str, Callable[[int, int], int]]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": truncated,
    "%": lambda a, b: a - b * truncated(a, b),
    "&": lambda a, b: a & b,
    "|": lambda a, b: a | b,
    "^": lambda a, b: a ^ b,
    "<<": lambda a, b: a << b,
    ">>": lambda a, b: a >> b,
    "==": lambda a, b: int(a == b),
    "!=": lambda a, b: int(a != b),
    "<": lambda a, b: int(a < b),
    "<=": lambda a, b: int(a <= b),
    ">": lambda a, b: int(a > b),
    ">=": lambda a, b: int(a >= b),
    "&&": lambda a, b: int(bool(a) and bool(b)),
    "||": lambda a, b: int(bool(a) or bool(b)),
}
UNARY: Final[dict[str, Callable[[int], int]]] = {
    "+": lambda a: a,
    "-": lambda a: -a,
    "~": lambda a: ~a,
    "!": lambda a: int(not a),
}


def evaluate(expression: tree.Expr, names: Names, sizes: Sizes) -> int:
    """The integer that an expression stands for; Problem when it stands for none."""
    value = value_of(expression, names, sizes)
    if not isinstance(value, int):
        raise problem(catalogue.NOT_CONSTANT, expression.span, what="a value that is no integer")
    return value


def value_of(expression: tree.Expr, names: Names, sizes: Sizes) -> Value:
    """The value of an expression, of any kind that a constant can have."""
    match expression:
        case tree.Number(_, value, _) | tree.Text(_, value):
            return value
        case tree.Real(_, text):
            return float(text.rstrip("fF"))
        case tree.Null():
            return None
        case tree.Name():
            return names(expression)
        case tree.SizeOf():
            return sizes(expression)
        case tree.Cast(_, _, operand, _):
            return value_of(operand, names, sizes)
        case _:
            return _computed(expression, names, sizes)


def checked(value: int, expression: tree.Expr) -> int:
    """The value, if 64 bits hold it."""
    if not LOWEST <= value <= HIGHEST:
        raise problem(catalogue.CONSTANT_OVERFLOW, expression.span)
    return value


def apply(expression: tree.Binary, left: int, right: int) -> int:
    """A binary operator on two constants."""
    if expression.operator in ("/", "%") and right == 0:
        raise problem(catalogue.DIVISION_BY_ZERO, expression.span)
    if expression.operator in ("<<", ">>") and not 0 <= right < 64:
        raise problem(catalogue.CONSTANT_OVERFLOW, expression.span)
    return checked(OPERATORS[expression.operator](left, right), expression)


def _computed(expression: tree.Expr, names: Names, sizes: Sizes) -> Value:
    match expression:
        case tree.Unary(_, operator, operand, _) if operator in UNARY:
            value = value_of(operand, names, sizes)
            if isinstance(value, float) and operator in "+-":
                return -value if operator == "-" else value
            return checked(UNARY[operator](_integer(operand, value)), expression)
        case tree.Binary(_, _, left, right, _):
            a = _integer(left, value_of(left, names, sizes))
            return apply(expression, a, _integer(right, value_of(right, names, sizes)))
        case tree.Conditional(_, condition, then, otherwise, _):
            chosen = then if value_of(condition, names, sizes) else otherwise
            return value_of(chosen, names, sizes)
        case _:
            raise problem(catalogue.NOT_CONSTANT, expression.span, what="a pointer")


def _integer(expression: tree.Expr, value: Value) -> int:
    if not isinstance(value, int):
        raise problem(catalogue.NOT_CONSTANT, expression.span, what="a value that is no integer")
    return value
