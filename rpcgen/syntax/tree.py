"""The syntax tree: what was written, with the place of every part. Nothing here is checked.

Counterparts: `parser.py` builds it, `binder.py` turns it into the model.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

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


@dataclass(frozen=True, slots=True)
class Access:
    """`owner.name` and `owner->name`: the pidl dialect has them."""

    span: Span
    owner: Expr
    name: str
    depth: int


@dataclass(frozen=True, slots=True)
class Call:
    """`function(arguments)`: the pidl dialect has them."""

    span: Span
    function: str
    arguments: tuple[Expr, ...]
    depth: int


Expr = Number | Real | Text | Name | Null | Unary | Binary | Conditional | SizeOf | Cast | Access | Call


@dataclass(frozen=True, slots=True)
class Braces:
    """`{ 1, 2 }`: the value of a constant array."""

    span: Span
    values: tuple[Expr, ...]


# Attributes


@dataclass(frozen=True, slots=True)
class Attribute:
    """`name(slots)`; a slot is None when it is empty. `slots` is None without parentheses."""

    span: Span
    name: str
    slots: tuple[Slot, ...] | None
    text: str = ""  # of the slots as written, but on one line
    effect: Literal["", "honoured", "none"] = ""
    """Of an attribute of another dialect, what its translation made of it: nothing else is asked about it."""

    @property
    def slot(self) -> Slot:
        """Its first slot, or only one; None: it has none, or it is empty."""
        return self.slots[0] if self.slots else None


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
    """A structure with its body. flags: what is in force inside, as the model has it."""

    span: Span
    tag: str | None
    fields: tuple[Member, ...]
    flags: Any = None


@dataclass(frozen=True, slots=True)
class PlainUnion:
    """A union with its body: fields with [case], or `case` labels. flags: as of a structure.

    untagged: its tag does not travel. fallback: the type of its tag when nothing says it, as the model has it.
    """

    span: Span
    tag: str | None
    arms: tuple[Arm, ...]
    flags: Any = None
    untagged: bool = False
    fallback: Any = None


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
    """An enumeration with its body. bits: that travel, 0: as [v1_enum] says. flags: members are bits of one integer."""

    span: Span
    tag: str | None
    members: tuple[Enumerator, ...]
    bits: int = 0
    flags: bool = False


@dataclass(frozen=True, slots=True)
class Bitmap:
    """`bitmap { NAME = 1, ... }` of the pidl dialect."""

    span: Span
    tag: str | None
    members: tuple[Enumerator, ...]


@dataclass(frozen=True, slots=True)
class Pipe:
    """pipe T."""

    span: Span
    element: TypeSpec


@dataclass(frozen=True, slots=True)
class SafeArray:
    """SAFEARRAY(T), with the stars behind T."""

    span: Span
    element: TypeSpec
    stars: int


@dataclass(frozen=True, slots=True)
class InterfaceType:
    """`interface IFoo` as a type."""

    span: Span
    name: str


@dataclass(frozen=True, slots=True)
class Given:
    """A type that a translation knows by its form in the model."""

    span: Span
    type: Any


@dataclass(frozen=True, slots=True)
class Refused:
    """A type that has no form here; `what` says why in a message."""

    span: Span
    what: str


TypeSpec = (
    Words | Named | Tagged | Struct | PlainUnion | SwitchUnion | Enum | Bitmap | Pipe | SafeArray | InterfaceType
    | Given | Refused
)  # fmt: skip
NoExpression = Uuid | Words | Tagged | Given | Refused | None
Slot = Expr | NoExpression

# Declarators


@dataclass(frozen=True, slots=True)
class Star:
    """One `*`."""


@dataclass(frozen=True, slots=True)
class Bound:
    """One `[...]`: `high` is None for `[]` and `[*]`; `low` is set for `[low..high]`. inline: `high` names fields."""

    span: Span
    high: Expr | None
    low: Expr | None = None
    inline: bool = False


@dataclass(frozen=True, slots=True)
class Parameters:
    """One `(...)`: it makes the declarator a function. variadic: it ends in `...`."""

    span: Span
    parameters: tuple[Parameter, ...]
    variadic: bool = False


Level = Star | Bound | Parameters


@dataclass(frozen=True, slots=True)
class Declarator:
    """A name and its levels from the name outwards: `*a[5]` is (Bound 5, Star). width: of a bit-field."""

    span: Span
    name: str | None
    levels: tuple[Level, ...]
    width: Expr | None = None


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
    value: Expr | Braces | None = None


@dataclass(frozen=True, slots=True)
class Interface:
    """An interface with its body."""

    span: Span
    attributes: Attributes
    name: str
    base: Name | None
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Forward:
    """`interface A, B;`: names that are defined later or elsewhere. kind: interface, coclass or dispinterface."""

    span: Span
    kind: str
    names: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class Library:
    """library."""

    span: Span
    attributes: Attributes
    name: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class CoclassMember:
    """`[default, source] interface IFoo;`."""

    span: Span
    attributes: Attributes
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Coclass:
    """coclass."""

    span: Span
    attributes: Attributes
    name: str
    members: tuple[CoclassMember, ...]


@dataclass(frozen=True, slots=True)
class Dispinterface:
    """dispinterface: of another interface, or with properties and methods of its own."""

    span: Span
    attributes: Attributes
    name: str
    interface: Name | None
    properties: tuple[Member, ...]
    methods: tuple[Declaration, ...]


@dataclass(frozen=True, slots=True)
class Module:
    """module."""

    span: Span
    attributes: Attributes
    name: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class ImportLibrary:
    """importlib("stdole2.tlb");"""

    span: Span
    file: Text


Item = Import | Typedef | Declaration | Interface | Forward | Library | Coclass | Dispinterface | Module | ImportLibrary


@dataclass(slots=True)
class File:
    """One file."""

    items: list[Item] = field(default_factory=list[Item])
