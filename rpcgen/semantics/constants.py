"""Constant expressions: their value, in 64 bits.

Rule: a value that leaves 64 bits is an error, never a bigger number: IDL text is untrusted.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, Protocol

from .. import catalogue, model
from ..diagnostics import Span, problem
from ..syntax import tree
from .shapes import CHARACTERS, RANGES, Draft, Shape, Special

Single = int | float | str | None
Value = Single | tuple[Single, ...]
Names = Callable[[tree.Name], Value]
"""Gives the value of a name; raises Problem when it has none."""


class Types(Protocol):
    """What constants need to know of types."""

    def size_of(self, expression: tree.SizeOf, /) -> int:
        """sizeof."""
        ...

    def cast(self, expression: tree.Cast, value: Value, /) -> Value:
        """What a cast makes of a value."""
        ...

    def cast_in(self, expression: tree.Binary, /) -> tree.Cast | None:
        """The cast that an operator stands for."""
        ...


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


def evaluate(expression: tree.Expr, names: Names, types: Types) -> int:
    """The integer that an expression stands for; Problem when it stands for none."""
    value = value_of(expression, names, types)
    if not isinstance(value, int):
        raise problem(catalogue.NOT_CONSTANT, expression.span, what="a value that is no integer")
    return value


def value_of(expression: tree.Expr | tree.Braces, names: Names, types: Types) -> Value:
    """The value of an expression, of any kind that a constant can have."""
    match expression:
        case tree.Number(_, value, _) | tree.Text(_, value):
            return value
        case tree.Real(_, text):
            return _finite(float(text.rstrip("fFlL")), expression)
        case tree.Null():
            return None
        case tree.Name():
            return names(expression)
        case tree.SizeOf():
            return types.size_of(expression)
        case tree.Cast(_, _, operand, _):
            return types.cast(expression, value_of(operand, names, types))
        case tree.Braces(_, values):
            return tuple(_single(value, value_of(value, names, types)) for value in values)
        case _:
            return _computed(expression, names, types)


def _single(expression: tree.Expr, value: Value) -> Single:
    if isinstance(value, tuple):
        raise problem(catalogue.NOT_CONSTANT, expression.span, what="an array in an array")
    return value


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


def _computed(expression: tree.Expr, names: Names, types: Types) -> Value:
    match expression:
        case tree.Unary(_, operator, operand, _) if operator in UNARY:
            value = value_of(operand, names, types)
            if isinstance(value, float) and operator in ("+", "-"):
                return -value if operator == "-" else value
            return checked(UNARY[operator](_integer(operand, value)), expression)
        case tree.Binary() if (cast := types.cast_in(expression)) is not None:
            return value_of(cast, names, types)
        case tree.Binary(_, operator, left, right, _):
            a, b = value_of(left, names, types), value_of(right, names, types)
            if isinstance(a, (int, float)) and isinstance(b, (int, float)) and float in (type(a), type(b)):
                return _real(expression, operator, a, b)
            return apply(expression, _integer(left, a), _integer(right, b))
        case tree.Conditional(_, condition, then, otherwise, _):
            chosen = then if value_of(condition, names, types) else otherwise
            return value_of(chosen, names, types)
        case _:
            raise problem(catalogue.NOT_CONSTANT, expression.span, what="a pointer")


_REAL: Final[dict[str, Callable[[float, float], float]]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}


def _real(expression: tree.Expr, operator: str, left: float, right: float) -> float:
    if operator not in _REAL:
        raise problem(catalogue.NOT_CONSTANT, expression.span, what="a value that is no integer")
    if operator == "/" and not right:
        raise problem(catalogue.DIVISION_BY_ZERO, expression.span)
    return _finite(_REAL[operator](left, right), expression)


def _finite(value: float, expression: tree.Expr) -> float:
    if not math.isfinite(value):
        raise problem(catalogue.CONSTANT_OVERFLOW, expression.span)
    return value


def _integer(expression: tree.Expr, value: Value) -> int:
    if not isinstance(value, int):
        raise problem(catalogue.NOT_CONSTANT, expression.span, what="a value that is no integer")
    return value


# Types of constants


def converted(value: Value, shape: Shape) -> Value:
    """A value in a type of C: integers wrap, as they do there (C706 4.2.10; C 6.3.1.3)."""
    if shape.levels or not isinstance(shape.base, model.Scalar):
        return value
    word = shape.base.word
    if word in ("Float", "Double"):
        return float(value) if isinstance(value, int) else value
    if isinstance(value, float):
        value = int(value) if abs(value) < HIGHEST else 0
    if not isinstance(value, int):
        return value
    if word == "Boolean":
        return int(bool(value))
    lowest, highest = RANGES[word]
    return (value - lowest) % (highest - lowest + 1) + lowest


def declared(value: Value, shape: Shape, span: Span) -> bool | Value | None:
    """The value of a constant of this type; Problem when it cannot be one, None is NULL."""
    if isinstance(value, tuple):
        if not shape.levels or shape.levels[0].pointer:
            raise _misfit(value, shape, span)
        return tuple(value)
    if not isinstance(value, _kinds(shape)):
        raise _misfit(value, shape, span)
    if shape.base == model.Scalar(word="Boolean") and not shape.levels:
        return bool(value)
    return converted(value, shape)


def narrowed(given: Value, found: bool | Value | None, shape: Shape) -> bool:
    """Is a constant another number than the text says? -1 for 0xFFFFFFFF and the like is what C programs mean."""
    if shape.levels or not isinstance(shape.base, model.Scalar) or not isinstance(given, int | float):
        return False
    if not isinstance(found, int) or given == found or shape.base.word == "Boolean":
        return False
    lowest, highest = RANGES[shape.base.word]
    width = highest - lowest + 1
    if isinstance(given, float):
        return True
    return not -(width // 2) <= given < width and given - (HIGHEST + 1) != found


def expressible(shape: Shape) -> bool:
    """Is there a value in Python for constants of this type? Not for those of structures, unions and GUIDs."""
    return not (isinstance(shape.base, model.Guid) or (isinstance(shape.base, Draft) and shape.base.kind != "enum"))


def _misfit(value: Value, shape: Shape, span: Span) -> Exception:
    return problem(catalogue.BAD_CONSTANT, span, type=shape.spoken(), value=f"`{value}`"[:40])


def _kinds(shape: Shape) -> tuple[type, ...]:
    if shape.levels:
        text = isinstance(shape.base, model.Scalar) and shape.base.word in (*CHARACTERS, "UShort")
        if not shape.levels[0].pointer:
            return (str,) if text else ()
        # A pointer may be an integer that was cast: `const LPVOID X = (LPVOID)-1`.
        return (str, int, type(None)) if text else (int, type(None))
    if shape.base in (model.Scalar(word="Float"), model.Scalar(word="Double")):
        return (float, int)
    if isinstance(shape.base, model.Scalar):
        return (int, float)
    return (int,) if isinstance(shape.base, (Draft, Special)) else ()
