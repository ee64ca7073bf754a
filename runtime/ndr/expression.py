"""Correlation expressions: what `size_is`, `length_is` and `switch_is` say of sibling fields.

A stub writes `this.Length // 2`; the readers evaluate it over the siblings' values, and the codec
compiler turns it into Python text. Arithmetic is C's: 64-bit, division truncates towards zero.

Rule: an expression is data. It knows names and operators, no layouts and no octets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sized
from dataclasses import dataclass
from typing import Final, Union, cast

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
class Length(Expression):
    """How long a sibling is: octets of bytes, items of a list, UTF-16 code units (unit 2) or UTF-8 octets of a str.

    0 for a null pointer. libndr: strlen_m and ndr_charset_length (unit 2), strlen (unit 1), `data.length`.
    """

    name: str
    unit: int = 2

    def evaluate(self, siblings: Mapping[str, object]) -> int:
        return length_of(siblings.get(self.name), self.unit)

    def names(self) -> frozenset[str]:
        return frozenset((self.name,))


def length_of(value: object, unit: int) -> int:
    """What Length says of a value. NdrError for one that has no length."""
    if value is None:
        return 0
    if isinstance(value, str):
        octets = value.encode("utf-16-le", "surrogatepass") if unit == 2 else value.encode("utf-8", "surrogateescape")
        return len(octets) // unit
    if isinstance(value, Sized):
        return len(value)
    raise NdrError(f"{type(value).__name__} has no length")


@dataclass(frozen=True, slots=True)
class SizeOf(Expression):
    """The octets that a sibling takes by itself, in the encoding around it; libndr: ndr_size_TYPE(&name, flags).

    Of a pointer, or of a context, it is what is in it; 0 for a null pointer. name: None for the structure that the
    expression stands in: meanwhile what is computed from such sizes, in it and below it, counts as 0. The readers put
    what measures among the siblings, as MEASURE.
    """

    name: str | None = None

    def evaluate(self, siblings: Mapping[str, object]) -> int:
        measure = siblings.get(MEASURE)
        if not callable(measure):
            raise NdrError(f"the size of {self.name or 'the structure'} is not known here")
        return cast("Callable[[str | None], int]", measure)(self.name)

    def names(self) -> frozenset[str]:
        return frozenset() if self.name is None else frozenset((self.name,))


def measures_itself(expression: Expression) -> bool:
    """Does an expression name the size of the structure that it stands in?"""
    match expression:
        case SizeOf(name=None):
            return True
        case Binary(left=left, right=right):
            return measures_itself(left) or measures_itself(right)
        case When(condition=condition, then=then, otherwise=otherwise):
            return any(measures_itself(part) for part in (condition, then, otherwise))
        case _:
            return False


MEASURE: Final = "(size of)"
"""The key under which siblings hold the function from a sibling's name, or None, to its size."""


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


def length(sibling: Sibling, unit: int = 2) -> Expression:
    """How long the text, the octets or the list `this.x` is: `length(this.name) * 2` is `2*strlen_m(name)`."""
    return Length(sibling.name, unit)


def size_of(sibling: Sibling | None = None) -> Expression:
    """The octets that `this.x` takes, or the structure itself: ndr_size_TYPE."""
    return SizeOf(None if sibling is None else sibling.name)


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
