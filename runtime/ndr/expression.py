"""Correlation expressions: what `size_is`, `length_is` and `switch_is` say of sibling fields.

A stub writes `this.Length // 2`; the readers evaluate it over the siblings' values, and the codec
compiler turns it into Python text. Arithmetic is C's: 64-bit, division truncates towards zero.

Rule: an expression is data. It knows names and operators, no layouts and no octets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Union

from .errors import NdrError

Operand = Union["Expression", int]


def _divide(a: int, b: int) -> int:
    if b == 0:
        raise NdrError("a correlation expression divides by zero")
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def _shift(a: int, b: int) -> int:
    return (a << (b & 63)) & 0xFFFF_FFFF_FFFF_FFFF


OPERATORS: Final[dict[str, Callable[[int, int], int]]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": _divide,
    "%": lambda a, b: a - b * _divide(a, b),
    "<<": _shift,
    ">>": lambda a, b: a >> (b & 63),
    "&": lambda a, b: a & b,
    "|": lambda a, b: a | b,
    "^": lambda a, b: a ^ b,
    "==": lambda a, b: int(a == b),
    "!=": lambda a, b: int(a != b),
    "<": lambda a, b: int(a < b),
    "<=": lambda a, b: int(a <= b),
    ">": lambda a, b: int(a > b),
    ">=": lambda a, b: int(a >= b),
    "&&": lambda a, b: int(bool(a) and bool(b)),
    "||": lambda a, b: int(bool(a) or bool(b)),
}


class Expression:
    """Base of all expressions; the Python operators build bigger ones."""

    __slots__ = ()

    def __add__(self, other: Operand) -> Expression:
        return Binary("+", self, as_expression(other))

    def __radd__(self, other: int) -> Expression:
        return Binary("+", Number(other), self)

    def __sub__(self, other: Operand) -> Expression:
        return Binary("-", self, as_expression(other))

    def __rsub__(self, other: int) -> Expression:
        return Binary("-", Number(other), self)

    def __mul__(self, other: Operand) -> Expression:
        return Binary("*", self, as_expression(other))

    def __rmul__(self, other: int) -> Expression:
        return Binary("*", Number(other), self)

    def __floordiv__(self, other: Operand) -> Expression:
        return Binary("/", self, as_expression(other))

    def __rfloordiv__(self, other: int) -> Expression:
        return Binary("/", Number(other), self)

    def __mod__(self, other: Operand) -> Expression:
        return Binary("%", self, as_expression(other))

    def __rmod__(self, other: int) -> Expression:
        return Binary("%", Number(other), self)

    def __lshift__(self, other: Operand) -> Expression:
        return Binary("<<", self, as_expression(other))

    def __rlshift__(self, other: int) -> Expression:
        return Binary("<<", Number(other), self)

    def __rshift__(self, other: Operand) -> Expression:
        return Binary(">>", self, as_expression(other))

    def __rrshift__(self, other: int) -> Expression:
        return Binary(">>", Number(other), self)

    def __and__(self, other: Operand) -> Expression:
        return Binary("&", self, as_expression(other))

    def __rand__(self, other: int) -> Expression:
        return Binary("&", Number(other), self)

    def __or__(self, other: Operand) -> Expression:
        return Binary("|", self, as_expression(other))

    def __ror__(self, other: int) -> Expression:
        return Binary("|", Number(other), self)

    def __xor__(self, other: Operand) -> Expression:
        return Binary("^", self, as_expression(other))

    def __rxor__(self, other: int) -> Expression:
        return Binary("^", Number(other), self)

    def evaluate(self, siblings: Mapping[str, object]) -> int:
        """The value over the siblings' values; NdrError when a sibling is absent, null or no integer."""
        raise TypeError(f"{type(self).__name__} has no value")

    def names(self) -> frozenset[str]:
        """The siblings that the expression reads."""
        return frozenset()


@dataclass(frozen=True, slots=True)
class Number(Expression):
    """A constant."""

    value: int

    def evaluate(self, siblings: Mapping[str, object]) -> int:
        return self.value


@dataclass(frozen=True, slots=True)
class Sibling(Expression):
    """The integer in a field or parameter beside this one; a pointer to an integer counts as that integer."""

    name: str

    def evaluate(self, siblings: Mapping[str, object]) -> int:
        value = siblings.get(self.name)
        if not isinstance(value, int):
            raise NdrError(f"{self.name} gives a size but is {'null' if value is None else type(value).__name__}")
        return int(value)

    def names(self) -> frozenset[str]:
        return frozenset((self.name,))


@dataclass(frozen=True, slots=True)
class Present(Expression):
    """1 when a sibling pointer is not null, else 0."""

    name: str

    def evaluate(self, siblings: Mapping[str, object]) -> int:
        return int(siblings.get(self.name) is not None)

    def names(self) -> frozenset[str]:
        return frozenset((self.name,))


@dataclass(frozen=True, slots=True)
class Binary(Expression):
    """Two operands and one of OPERATORS."""

    operator: str
    left: Expression
    right: Expression

    def evaluate(self, siblings: Mapping[str, object]) -> int:
        return OPERATORS[self.operator](self.left.evaluate(siblings), self.right.evaluate(siblings))

    def names(self) -> frozenset[str]:
        return self.left.names() | self.right.names()


@dataclass(frozen=True, slots=True)
class When(Expression):
    """C's `condition ? then : otherwise`; only the chosen branch is evaluated."""

    condition: Expression
    then: Expression
    otherwise: Expression

    def evaluate(self, siblings: Mapping[str, object]) -> int:
        chosen = self.then if self.condition.evaluate(siblings) else self.otherwise
        return chosen.evaluate(siblings)

    def names(self) -> frozenset[str]:
        return self.condition.names() | self.then.names() | self.otherwise.names()


def as_expression(value: Operand) -> Expression:
    """An expression as it is, an integer as a constant."""
    return value if isinstance(value, Expression) else Number(value)


class _This:
    """`this.n` names the sibling n; `this["n"]` too, for names that Python keeps for itself."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Sibling:
        return Sibling(name)

    def __getitem__(self, name: str) -> Sibling:
        return Sibling(name)


this: Final = _This()


def present(sibling: Sibling) -> Expression:
    """Is the pointer `this.p` not null?"""
    return Present(sibling.name)


def when(condition: Operand, then: Operand, otherwise: Operand) -> Expression:
    """C's conditional: `when(present(this.p), this.p, 0)` is `p ? *p : 0`."""
    return When(as_expression(condition), as_expression(then), as_expression(otherwise))


def compare(operator: str, left: Operand, right: Operand) -> Expression:
    """A comparison or logical operator of C: == != < <= > >= && ||."""
    if operator not in OPERATORS:
        raise ValueError(f"unknown operator {operator!r}")
    return Binary(operator, as_expression(left), as_expression(right))


@dataclass(frozen=True, slots=True)
class Inverse:
    """Gives a sibling's value from the count of an array: `name` = (count * times // per) + plus."""

    name: str
    times: int = 1
    per: int = 1
    plus: int = 0

    def value(self, count: int) -> int | None:
        """The sibling's value for an array of `count` items; None when no integer fits."""
        product = count * self.times
        return None if product % self.per else product // self.per + self.plus


def invert(expression: Expression) -> Inverse | None:
    """Solve `expression == count` for its one sibling, where that is plain arithmetic (n, n*k, n/k, n+k, n-k)."""
    if isinstance(expression, Sibling):
        return Inverse(expression.name)
    if not isinstance(expression, Binary):
        return None
    left, right = expression.left, expression.right
    if expression.operator in ("*", "+") and isinstance(left, Number):
        left, right = right, left
    if not (isinstance(left, Sibling) and isinstance(right, Number) and right.value > 0):
        return None
    name = left.name
    match expression.operator:
        case "*":
            return Inverse(name, per=right.value)
        case "/":
            return Inverse(name, times=right.value)
        case "+":
            return Inverse(name, plus=-right.value)
        case "-":
            return Inverse(name, plus=right.value)
        case _:
            return None
