"""The model: what an IDL file means, with every name resolved. It is all that the emitter sees.

Plain, immutable data that prints itself as JSON. Names are those of the IDL; Python's are the emitter's
affair. Counterparts: `binder.py` makes it, `passes.py` checks it, `emitter.py` prints it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Node(BaseModel):
    """Base of the model's nodes."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


# Correlation expressions


class Number(Node):
    """A constant."""

    kind: Literal["number"] = "number"
    value: int


class Sibling(Node):
    """The integer in the field or parameter `name`, or that it points to."""

    kind: Literal["sibling"] = "sibling"
    name: str


class Present(Node):
    """1 when the pointer `name` is not null."""

    kind: Literal["present"] = "present"
    name: str


class Binary(Node):
    """Two operands; the operators are C's."""

    kind: Literal["binary"] = "binary"
    operator: str
    left: Expression
    right: Expression


class When(Node):
    """`condition ? then : otherwise`."""

    kind: Literal["when"] = "when"
    condition: Expression
    then: Expression
    otherwise: Expression


Expression = Annotated[Number | Sibling | Present | Binary | When, Field(discriminator="kind")]

# Types


class Scalar(Node):
    """A primitive; `word` is its name in the vocabulary: Long, WChar, NtStatus."""

    kind: Literal["scalar"] = "scalar"
    word: str


class Guid(Node):
    """A UUID."""

    kind: Literal["guid"] = "guid"


class Defined(Node):
    """A structure, union, enumeration or context handle, by the key of its definition."""

    kind: Literal["defined"] = "defined"
    key: str


class Ranged(Node):
    """An integer with [range]."""

    kind: Literal["range"] = "range"
    target: Scalar | Defined
    lowest: int
    highest: int


PointerKind = Literal["ref", "unique", "ptr"]


class Pointer(Node):
    """A pointer. A top-level [ref] pointer is not in the model: the parameter is its target."""

    kind: Literal["pointer"] = "pointer"
    pointer: PointerKind
    target: Type
    lenient: bool = False
    """[disable_consistency_check]: it may be null beside a size that is not 0."""


class Array(Node):
    """An array: `bound` is None when it is conformant."""

    kind: Literal["array"] = "array"
    element: Type
    bound: int | None = None
    size: Expression | None = None
    length: Expression | None = None
    first: Expression | None = None
    limits: tuple[int, int] | None = None


class String(Node):
    """A [string]; `unit` is Char, WChar or Byte."""

    kind: Literal["string"] = "string"
    unit: str
    bound: int | None = None
    size: Expression | None = None
    limits: tuple[int, int] | None = None


class Selected(Node):
    """A use of a non-encapsulated union: `switch` selects the arm."""

    kind: Literal["selected"] = "selected"
    union: Defined
    switch: Expression


Type = Annotated[
    Scalar | Guid | Defined | Ranged | Pointer | Array | String | Selected,
    Field(discriminator="kind"),
]

# Definitions


class Member(Node):
    """A field of a structure. `auto`: an array of the structure determines it."""

    name: str
    type: Type
    auto: bool = False
    span: Any = Field(default=None, exclude=True, repr=False)


class Case(Node):
    """A value of a union's tag, and what it selects; None carries nothing."""

    value: int
    name: str | None
    type: Type | None
    span: Any = Field(default=None, exclude=True, repr=False)


class Default(Node):
    """The arm for every other value of the tag."""

    name: str | None = None
    type: Type | None = None


class Structure(Node):
    """struct."""

    kind: Literal["struct"] = "struct"
    key: str
    name: str
    members: tuple[Member, ...]


class UnionType(Node):
    """A non-encapsulated union."""

    kind: Literal["union"] = "union"
    key: str
    name: str
    tag: Scalar | Defined
    cases: tuple[Case, ...]
    default: Default | None = None
    ms_union: bool = False


class SwitchUnion(Node):
    """An encapsulated union: a structure of `selector` and `member`."""

    kind: Literal["switch_union"] = "switch_union"
    key: str
    name: str
    selector: str
    member: str
    union: UnionType


class Enumerator(Node):
    """A name of an enumeration."""

    name: str
    value: int


class Enumeration(Node):
    """enum; `wide` is [v1_enum]."""

    kind: Literal["enum"] = "enum"
    key: str
    name: str
    members: tuple[Enumerator, ...]
    wide: bool = False


class ContextType(Node):
    """A type of context handles; `closed_by` is the operation that ends one."""

    kind: Literal["context"] = "context"
    key: str
    name: str
    closed_by: str | None = None


Definition = Annotated[Structure | UnionType | SwitchUnion | Enumeration | ContextType, Field(discriminator="kind")]


class Constant(Node):
    """const."""

    name: str
    value: bool | int | float | str | None


class Alias(Node):
    """A name of a type: a typedef or a tag."""

    name: str
    type: Type


# Operations


class Parameter(Node):
    """A parameter that travels; handle_t does not. `auto`: an [in] array determines it."""

    name: str
    type: Type
    is_in: bool
    is_out: bool
    auto: bool = False
    by_value: bool = Field(default=False, exclude=True)
    span: Any = Field(default=None, exclude=True, repr=False)


class Operation(Node):
    """An operation; `returns` is None for void."""

    name: str
    number: int
    parameters: tuple[Parameter, ...]
    returns: Type | None = None
    span: Any = Field(default=None, exclude=True, repr=False)


class Interface(Node):
    """An interface and its operations."""

    name: str
    uuid: str
    version: tuple[int, int]
    endpoints: tuple[str, ...] = ()
    operations: tuple[Operation, ...] = ()


class Model(Node):
    """All that a stub is made from. Definitions stand in the order in which they were completed."""

    interfaces: tuple[Interface, ...]
    definitions: tuple[Definition, ...]
    constants: tuple[Constant, ...]
    aliases: tuple[Alias, ...]


for _node in (
    Binary,
    When,
    Pointer,
    Array,
    String,
    Selected,
    Member,
    Case,
    Default,
    Alias,
    Parameter,
    Operation,
    Model,
):
    _node.model_rebuild()
