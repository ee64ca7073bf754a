"""The text of a generated codec, and what is known of the stream offset while it is written.

Both halves of the compiler (`reading.py`, `writing.py`) write with it. Fields of fixed size wait in a
run and become one `struct.Struct`; every line of code first empties the run, so code reads in stream order.
"""

from __future__ import annotations

import struct
from collections.abc import Container, Generator, Mapping
from contextlib import contextmanager
from typing import Any

from .expression import Binary, Expression, Length, Number, Present, Sibling, SizeOf, When
from .layout import Encoding, Scalar
from .places import Places
from .texts import texts_of

_PYTHON_TOO = frozenset("+-*&|^")
"""Operators that mean in Python what they mean in C, for integers that do not overflow."""

Known = tuple[int, int]
"""(modulus, residue): the offset is `residue` modulo `modulus`, a power of two up to 8."""


def agreed(first: Known, second: Known) -> Known:
    """What is known where two ways through the code meet."""
    modulus = min(first[0], second[0])
    while (first[1] - second[1]) % modulus:
        modulus //= 2
    return modulus, first[1] % modulus


class Source:
    """Lines of Python, the constants they name, the run of fixed fields, and the offset's residue."""

    def __init__(self, encoding: Encoding, places: Places | None = None) -> None:
        self.encoding = encoding
        self.lines: list[str] = []
        self.places = places
        """Takes the place of each line; without it the code is the same, and nobody knows its places."""
        self.path: list[str] = []
        """The steps to the field that is being written: `.name`, `[3]`, or `[rows1]` for as many as that list has."""
        self.constants: dict[str, Any] = {}
        self.known: Known = (8, 0)
        self.format = ""
        self.arguments: list[str] = []
        self.size = 0
        self._indent: int = 1
        self._serial = 0
        self._formats: dict[str, str] = {}

    def new(self, prefix: str = "v") -> str:
        """A name that is not in use."""
        self._serial += 1
        return f"{prefix}{self._serial}"

    def constant(self, value: Any, prefix: str = "C") -> str:
        """A name for a value that generated code needs."""
        name = self.new(prefix)
        self.constants[name] = value
        return name

    def line(self, text: str) -> None:
        """One line of code, after the fields that wait in the run."""
        self.flush()
        self.as_it_is(text)

    def as_it_is(self, text: str) -> None:
        """One line of code as it is."""
        mark = "" if self.places is None else self.places.mark(self.path)
        self.lines.append("    " * self._indent + text + mark)

    @contextmanager
    def step(self, step: str) -> Generator[None, None, None]:
        """Write what belongs to a member or an item."""
        self.path.append(step)
        yield
        self.path.pop()

    @contextmanager
    def block(self, header: str) -> Generator[None, None, None]:
        """An indented block."""
        self.line(header)
        self._indent += 1
        start = len(self.lines)
        yield
        self.flush()
        if len(self.lines) == start:
            self.lines.append("    " * self._indent + "pass")
        self._indent -= 1

    def flush(self) -> None:
        """Turn the run into one line; the two halves do it in their own way."""
        raise TypeError("a Source is written by its decoding or encoding half")

    # The offset

    def moved(self, size: int) -> None:
        """The offset grew by a known size."""
        self.known = self.known[0], (self.known[1] + size) % self.known[0]

    def forget(self, modulus: int = 1) -> None:
        """The offset is a multiple of `modulus`, nothing more is known."""
        self.known = modulus, 0

    def static_pad(self, align: int) -> int | None:
        """Octets up to the next multiple of `align`; None when that is not known now."""
        return -self.known[1] % align if align <= self.known[0] else None

    def field(self, code: str, size: int, argument: str) -> None:
        """A field of fixed size joins the run, at the offset as it is."""
        if self.places is not None:
            self.places.field(self.path, self.size, size)
        self.format += code
        self.arguments.append(argument)
        self.size += size
        self.moved(size)

    def pad(self, size: int) -> None:
        """Padding of known size joins the run."""
        if size:
            self.format += f"{size}x"
            self.size += size
            self.moved(size)

    def take_run(self) -> tuple[str, list[str], int]:
        """Empty the run: (format, arguments, size)."""
        run = self.format, self.arguments, self.size
        self.format, self.arguments, self.size = "", [], 0
        return run

    def packed(self, method: str, text: str) -> str:
        """The name of a bound method of the Struct for a format: pack, unpack_from or iter_unpack."""
        key = f"{method} {self.encoding.order}{text}"
        if key not in self._formats:
            packer = struct.Struct(self.encoding.order + text)
            self._formats[key] = self.constant(getattr(packer, method), method[0].upper())
        return self._formats[key]

    def texts(self, unit: Scalar) -> str:
        """The name of what reads and writes many strings of a unit."""
        encoding = self.encoding
        return self.constant(texts_of(unit.size(encoding), encoding.order, encoding.word, packed=encoding.packed), "T")

    # Expressions

    def expression(self, expression: Expression, scope: Mapping[str, str], nullable: Container[str] = ()) -> str:
        """Python text for a correlation; `scope` maps siblings to the names of their values, `nullable` may be None."""
        match expression:
            case Number(value):
                return repr(value)
            case Sibling(name):
                return f"given({scope[name]})" if name in nullable else scope[name]
            case Present(name):
                return f"({scope[name]} is not None)"
            case When(condition, then, otherwise):
                parts = [self.expression(part, scope, nullable) for part in (then, condition, otherwise)]
                return "({} if {} else {})".format(*parts)
            case Length(name, unit):
                return f"length_of({scope[name]}, {unit})"
            case SizeOf():
                return self.size_of(expression)
            case Binary(operator, left, right):
                a, b = self.expression(left, scope, nullable), self.expression(right, scope, nullable)
                if operator == "/" and isinstance(right, Number) and right.value > 0 and a.isidentifier():
                    return f"({a} // {b} if {a} >= 0 else -(-{a} // {b}))"
                return f"({a} {operator} {b})" if operator in _PYTHON_TOO else f"OPERATORS[{operator!r}]({a}, {b})"
            case _:
                raise TypeError(f"{expression!r} is no correlation")

    def size_of(self, expression: SizeOf) -> str:
        """Python text for the octets that a sibling takes; only the writing half has its value."""
        raise TypeError(f"{expression!r} is for what is computed")

    @contextmanager
    def mode(self, encoding: Encoding) -> Generator[None, None, None]:
        """Write in another encoding, or under other flags: for lines that come after the run."""
        outer, self.encoding = self.encoding, encoding
        yield
        self.encoding = outer

    @contextmanager
    def nested(self, last: bool | str) -> Generator[None, None, None]:
        """Lines that go into a structure of the same kind, which is deeper unless it is the `last` that comes."""
        deeper = "1"
        if isinstance(last, str):
            deeper = self.new("d")
            self.line(f"{deeper} = 1 if {last} else 0")
        if last is not True:
            self.line(f"q[1] -= {deeper}")
            self.line("if q[1] < 0: bad(TOO_DEEP)")
        yield
        if last is not True:
            self.line(f"q[1] += {deeper}")

    def compile(self, name: str, support: dict[str, Any]) -> Any:
        """Make the function `name` out of the lines."""
        self.flush()
        text = "\n".join(self.lines)
        namespace = {**support, **self.constants}
        exec(compile(text, f"<codec {name}>", "exec"), namespace)  # our own text, made of layouts only
        return namespace[name]
