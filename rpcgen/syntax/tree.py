"""The syntax tree: what was written, with the place of every part. Nothing here is checked.

Counterparts: `parser.py` builds it, `binder.py` turns it into the model.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..diagnostics import Span

# Expressions


@dataclass(frozen=True, slots=True)
class Number:
    """An integer or character; `text` is as written (a version wants the text)."""

    span: Span
    value: int
    text: str


@dataclass(frozen=True, slots=True)
class Real:
    """A floating-point literal, as written."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Text:
    """A string literal, decoded."""

    span: Span
    value: str


@dataclass(frozen=True, slots=True)
class Name:
    """An identifier in an expression."""

    span: Span
    name: str


@dataclass(frozen=True, slots=True)
class Null:
    """NULL."""

    span: Span


@dataclass(frozen=True, slots=True)
class Unary:
    """`+ - ~ ! * &` before an operand."""

    span: Span
    operator: str
    operand: Expr
    depth: int


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands."""

    span: Span
    operator: str
    left: Expr
    right: Expr
    depth: int


@dataclass(frozen=True, slots=True)
class Conditional:
    """`condition ? then : otherwise`."""

    span: Span
    condition: Expr
    then: Expr
    otherwise: Expr
    depth: int


@dataclass(frozen=True, slots=True)
class SizeOf:
    """sizeof(type)."""

    span: Span
    type: TypeSpec
    stars: int


@dataclass(frozen=True, slots=True)
class Cast:
    """(type) operand."""

    span: Span
    type: TypeSpec
    operand: Expr
    depth: int


Expr = Number | Real | Text | Name | Null | Unary | Binary | Conditional | SizeOf | Cast

# Attributes


@dataclass(frozen=True, slots=True)
class Attribute:
    """`name(slots)`; a slot is None when it is empty. `slots` is None without parentheses."""

    span: Span
    name: str
    slots: tuple[Slot, ...] | None


@dataclass(frozen=True, slots=True)
class Uuid:
    """A uuid as written."""

    span: Span
    text: str


Attributes = tuple[Attribute, ...]

# Types


@dataclass(frozen=True, slots=True)
class Words:
    """A base type: `unsigned long`. The words are as written."""

    span: Span
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Named:
    """A type by its typedef name."""

    span: Span
    name: str


@dataclass(frozen=True, slots=True)
class Tagged:
    """`struct X`, `union X` or `enum X` without a body."""

    span: Span
    kind: str
    tag: str


@dataclass(frozen=True, slots=True)
class Struct:
    """A structure with its body."""

    span: Span
    tag: str | None
    fields: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class PlainUnion:
    """A union with its body: fields with [case], or `case` labels."""

    span: Span
    tag: str | None
    arms: tuple[Arm, ...]


@dataclass(frozen=True, slots=True)
class SwitchUnion:
    """An encapsulated union: `union tag switch (type selector) name { ... }`."""

    span: Span
    tag: str | None
    selector_type: TypeSpec
    selector: str
    name: str | None
    arms: tuple[Arm, ...]


@dataclass(frozen=True, slots=True)
class Enumerator:
    """A name of an enumeration and its value, if it has one."""

    span: Span
    attributes: Attributes
    name: str
    value: Expr | None


@dataclass(frozen=True, slots=True)
class Enum:
    """An enumeration with its body."""

    span: Span
    tag: str | None
    members: tuple[Enumerator, ...]


@dataclass(frozen=True, slots=True)
class Foreign:
    """A type that parses and is outside the width: pipe, SAFEARRAY, interface."""

    span: Span
    what: str


TypeSpec = Words | Named | Tagged | Struct | PlainUnion | SwitchUnion | Enum | Foreign
Slot = Expr | Uuid | Words | Tagged | None

# Declarators


@dataclass(frozen=True, slots=True)
class Star:
    """One `*`."""


@dataclass(frozen=True, slots=True)
class Bound:
    """One `[...]`: `high` is None for `[]` and `[*]`; `low` is set for `[low..high]`."""

    span: Span
    high: Expr | None
    low: Expr | None = None


@dataclass(frozen=True, slots=True)
class Parameters:
    """One `(...)`: it makes the declarator a function."""

    span: Span
    parameters: tuple[Parameter, ...]


Level = Star | Bound | Parameters


@dataclass(frozen=True, slots=True)
class Declarator:
    """A name and its levels from the name outwards: `*a[5]` is (Bound 5, Star)."""

    span: Span
    name: str | None
    levels: tuple[Level, ...]
    width: Expr | None = None
    """Of a bit-field."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of an operation."""

    span: Span
    attributes: Attributes
    type: TypeSpec
    declarator: Declarator


@dataclass(frozen=True, slots=True)
class Member:
    """A field line of a structure."""

    span: Span
    attributes: Attributes
    type: TypeSpec
    declarators: tuple[Declarator, ...]


@dataclass(frozen=True, slots=True)
class Arm:
    """An arm of a union. `labels` are `case` labels before it; None among them is `default`."""

    span: Span
    labels: tuple[Expr | None, ...]
    attributes: Attributes
    type: TypeSpec | None
    declarators: tuple[Declarator, ...]


# Items


@dataclass(frozen=True, slots=True)
class Import:
    """import "a.idl", "b.idl";"""

    files: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Typedef:
    """typedef; the attributes before and after the word are one set."""

    span: Span
    attributes: Attributes
    type: TypeSpec
    declarators: tuple[Declarator, ...]


@dataclass(frozen=True, slots=True)
class Declaration:
    """A type alone (no declarators), an operation, or a constant (with a value)."""

    span: Span
    attributes: Attributes
    type: TypeSpec
    declarators: tuple[Declarator, ...]
    value: Expr | None = None


@dataclass(frozen=True, slots=True)
class Interface:
    """An interface with its body."""

    span: Span
    attributes: Attributes
    name: str
    base: Name | None
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Outside:
    """Something that parses and is outside the width: library, coclass, dispinterface, module."""

    span: Span
    what: str


Item = Import | Typedef | Declaration | Interface | Outside


@dataclass(slots=True)
class File:
    """One file."""

    items: list[Item] = field(default_factory=list[Item])
