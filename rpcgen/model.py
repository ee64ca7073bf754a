"""The model: what an IDL file means, with every name resolved. It is all that the emitter sees.

Plain, immutable data that prints itself as JSON. Names are those of the IDL; Python's are the emitter's
affair. Counterparts: `binder.py` makes it, `passes.py` checks it, `emitter.py` prints it.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import Field, PlainSerializer, WithJsonSchema

from .model_nodes import Binary as Binary
from .model_nodes import Blob as Blob
from .model_nodes import Expression as Expression
from .model_nodes import Flags as Flags
from .model_nodes import Length as Length
from .model_nodes import Node as Node
from .model_nodes import Number as Number
from .model_nodes import Present as Present
from .model_nodes import Sibling as Sibling
from .model_nodes import SizeOf as SizeOf
from .model_nodes import Text as Text
from .model_nodes import TextList as TextList
from .model_nodes import When as When

_RESERVED: Final = re.compile(r"Opnum\d+(NotUsed|NotImplemented|Reserved)\w*|\w*NotUsedOnWire")
"""Names of operations that are there for their number alone, as the specifications of Windows' protocols have them."""


def _place(span: Any) -> str | None:
    return span if span is None or isinstance(span, str) else f"{span.file}:{span.line}:{span.column}"


Place = Annotated[
    Any,
    PlainSerializer(_place, return_type=str | None, when_used="json"),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "null"}], "title": "file:line:column"}),
]
"""Where a declaration stands: a `diagnostics.Span`; in JSON, and in a model read from it, file:line:column."""


class Attribute(Node):
    """An attribute as written; `effect` says what it does to the stub.

    honoured: something of the stub or the wire follows from it; none: it is known and changes neither;
    unknown: nobody knows it.
    """

    name: str
    arguments: tuple[str, ...] | None = None
    """The text of each slot; None without parentheses."""
    effect: Literal["honoured", "none", "unknown"] = "honoured"
    span: Place = Field(default=None, repr=False)


class Declared(Node):
    """What has a name in the IDL: its documentation, its place and its attributes."""

    doc: str = ""
    """The comment before it (or behind it in its line), without the signs of a comment."""
    attributes: tuple[Attribute, ...] = ()
    span: Place = Field(default=None, repr=False)


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


PointerKind = Literal["ref", "unique", "ptr", "relative", "relative_short"]


class Pointer(Node):
    """A pointer. A top-level [ref] pointer is not in the model: the parameter is its target."""

    kind: Literal["pointer"] = "pointer"
    pointer: PointerKind
    target: Type
    lenient: bool = False
    """[disable_consistency_check]: it may be null beside a size that is not 0."""


class Array(Node):
    """An array: `bound` is None when it is conformant; inline: no count travels, `size` says how many items it has."""

    kind: Literal["array"] = "array"
    element: Type
    bound: int | None = None
    size: Expression | None = None
    length: Expression | None = None
    first: Expression | None = None
    limits: tuple[int, int] | None = None
    inline: bool = False


class String(Node):
    """A [string]; `unit` is Char, WChar or Byte."""

    kind: Literal["string"] = "string"
    unit: str
    bound: int | None = None
    size: Expression | None = None
    limits: tuple[int, int] | None = None


class Selected(Node):
    """A use of a non-encapsulated union: `switch` selects the arm. untagged: and its tag does not travel."""

    kind: Literal["selected"] = "selected"
    union: Defined
    switch: Expression
    untagged: bool = False


class Subcontext(Node):
    """A context of its own around `target`: a header of so many octets, or `size` octets (Samba)."""

    kind: Literal["subcontext"] = "subcontext"
    target: Type
    header: int = 0
    size: Expression | None = None


class Flagged(Node):
    """`flags` in force for all that is inside (Samba)."""

    kind: Literal["flagged"] = "flagged"
    target: Type
    flags: Flags


class Dimension(Node):
    """One dimension of a MultiArray: `bound` is None when it is conformant."""

    bound: int | None = None
    size: Expression | None = None
    length: Expression | None = None
    first: Expression | None = None


class MultiArray(Node):
    """An array that is conformant or varying in a dimension behind its first (C706 4.2.18)."""

    kind: Literal["multi_array"] = "multi_array"
    element: Type
    dimensions: tuple[Dimension, ...]


class Pipe(Node):
    """pipe: a stream of elements. Only a parameter has this type. limits: [range] on the elements of a chunk."""

    kind: Literal["pipe"] = "pipe"
    element: Type
    limits: tuple[int, int] | None = None


class InterfacePointer(Node):
    """What an interface pointer points to. `iid_is` is the name of the sibling that holds the IID, if one does."""

    kind: Literal["interface"] = "interface"
    name: str
    iid: str | None = None
    iid_is: str | None = None


class Ignored(Node):
    """An [ignore] pointer: a placeholder travels."""

    kind: Literal["ignored"] = "ignored"


class Converted(Node):
    """A type of which another one travels: [transmit_as], [represent_as], [wire_marshal], [user_marshal].

    `conversion` is the key of its ConversionType.
    """

    kind: Literal["converted"] = "converted"
    conversion: str


Type = Annotated[
    Scalar | Guid | Defined | Ranged | Pointer | Array | String | Selected
    | MultiArray | Pipe | InterfacePointer | Ignored | Converted | Subcontext | Flagged | Blob | Text | TextList,
    Field(discriminator="kind"),
]  # fmt: skip

# Definitions


class Member(Declared):
    """A field of a structure. auto: an array of the structure determines it; value: it is computed when written."""

    name: str
    type: Type
    auto: bool = False
    value: Expression | str | None = None


class Case(Declared):
    """A value of a union's tag, and what it selects; None carries nothing."""

    value: int
    name: str | None
    type: Type | None


class Default(Declared):
    """The arm for every other value of the tag."""

    name: str | None = None
    type: Type | None = None


class Structure(Declared):
    """struct."""

    kind: Literal["struct"] = "struct"
    key: str
    name: str
    members: tuple[Member, ...]
    flags: Flags | None = None


class UnionType(Declared):
    """A non-encapsulated union."""

    kind: Literal["union"] = "union"
    key: str
    name: str
    tag: Scalar | Defined
    cases: tuple[Case, ...]
    default: Default | None = None
    ms_union: bool = False
    flags: Flags | None = None


class SwitchUnion(Declared):
    """An encapsulated union: a structure of `selector` and `member`."""

    kind: Literal["switch_union"] = "switch_union"
    key: str
    name: str
    selector: str
    member: str
    union: UnionType


class Enumerator(Declared):
    """A name of an enumeration."""

    name: str
    value: int


class Enumeration(Declared):
    """enum; `wide` is [v1_enum].

    bits: how many travel, where the dialect says so. flags: the members are bits of one integer.
    """

    kind: Literal["enum"] = "enum"
    key: str
    name: str
    members: tuple[Enumerator, ...]
    wide: bool = False
    bits: Literal[8, 16, 32, 64] | None = None
    flags: bool = False


class ContextType(Declared):
    """A type of context handles; `closed_by` is the operation that ends one.

    shared: calls that use the same handle may run at the same time ([context_handle_noserialize]).
    """

    kind: Literal["context"] = "context"
    key: str
    name: str
    closed_by: str | None = None
    shared: bool = False


class ConversionType(Declared):
    """A type that the user's own code converts: values of `name` in Python, `wire` on the wire."""

    kind: Literal["conversion"] = "conversion"
    key: str
    name: str
    by: Literal["transmit_as", "represent_as", "wire_marshal", "user_marshal"]
    wire: Type


Definition = Annotated[
    Structure | UnionType | SwitchUnion | Enumeration | ContextType | ConversionType, Field(discriminator="kind")
]


class Constant(Declared):
    """const."""

    name: str
    value: bool | int | float | str | tuple[bool | int | float | str | None, ...] | None


class Alias(Declared):
    """A name of a type: a typedef or a tag."""

    name: str
    type: Type


# Operations


class Parameter(Declared):
    """A parameter that travels; handle_t does not. `auto`: an [in] array determines it.

    binding: [handle], the value also says which server is called. partial: [partial_ignore], a request carries only
    whether the pointer is null. by_value: it was declared without a pointer.
    """

    name: str
    type: Type
    is_in: bool
    is_out: bool
    auto: bool = False
    binding: bool = False
    partial: bool = False
    by_value: bool = False


class Operation(Declared):
    """An operation; `returns` is None for void. `number` is its opnum, that of the interface's callbacks counts apart.

    local: it has a number and does not travel. call_as: the local operation whose place it takes on the wire.
    handle: the name of its handle_t parameter. The rest are the attributes of these names.
    """

    name: str
    number: int
    parameters: tuple[Parameter, ...]
    returns: Type | None = None
    local: bool = False
    call_as: str | None = None
    handle: str | None = None
    idempotent: bool = False
    maybe: bool = False
    broadcast: bool = False

    @property
    def reserved(self) -> bool:
        """Is it there for its number alone, as Opnum3NotUsedOnWire says of itself? Nobody calls such an operation."""
        return _RESERVED.fullmatch(self.name) is not None

    @property
    def travels(self) -> bool:
        """Is there something to call? Neither [local] nor reserved."""
        return not self.local and not self.reserved


class Binding(Node):
    """How the clients of an interface are bound, as its IDL or ACF says: [auto_handle], [implicit_handle] ..."""

    kind: Literal["auto", "implicit", "explicit"]
    type: str | None = None
    name: str | None = None


class Interface(Declared):
    """An interface. `operations` are its own; those of `base` come before them and have the lower numbers.

    object: it is called through the object layer. local: nothing of it travels. imported: it stands in another
    file and is here because one of this file derives from it.
    """

    name: str
    uuid: str
    version: tuple[int, int]
    endpoints: tuple[str, ...] = ()
    operations: tuple[Operation, ...] = ()
    callbacks: tuple[Operation, ...] = ()
    base: str | None = None
    object: bool = False
    local: bool = False
    imported: bool = False
    pointer_default: PointerKind | None = None
    binding: Binding | None = None


# Type libraries: kept, without effect on the stub


class Implemented(Declared):
    """An interface that a coclass has."""

    name: str
    dispatch: bool = False
    source: bool = False
    default: bool = False


class Coclass(Declared):
    """coclass: a class of objects and its interfaces."""

    name: str
    uuid: str | None = None
    interfaces: tuple[Implemented, ...] = ()


class Dispinterface(Declared):
    """dispinterface: what can be called through IDispatch; `interface` when it is another one's."""

    name: str
    uuid: str | None = None
    interface: str | None = None
    properties: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()


class Module(Declared):
    """module: constants and functions of a DLL; its constants stand in the model's, its functions do not travel."""

    name: str
    constants: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()


class Library(Declared):
    """library: what a type library holds, by name."""

    name: str
    uuid: str | None = None
    version: tuple[int, int] = (0, 0)
    imports: tuple[str, ...] = ()
    """importlib."""
    interfaces: tuple[str, ...] = ()
    coclasses: tuple[str, ...] = ()
    dispinterfaces: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()


class Model(Node):
    """All that a stub is made from. Definitions stand in the order in which they were completed."""

    source: str = ""
    """The file that was asked for."""
    dialect: Literal["midl", "pidl"] = "midl"
    doc: str = ""
    """The comment at the head of the file."""
    interfaces: tuple[Interface, ...]
    definitions: tuple[Definition, ...]
    constants: tuple[Constant, ...]
    aliases: tuple[Alias, ...]
    libraries: tuple[Library, ...] = ()
    coclasses: tuple[Coclass, ...] = ()
    dispinterfaces: tuple[Dispinterface, ...] = ()
    modules: tuple[Module, ...] = ()


for _node in (
    Subcontext, Flagged, Pointer, Array, String, Selected, Dimension, MultiArray, Pipe, Member, Case, Default,
    ConversionType, Alias, Parameter, Operation, Model,
):  # fmt: skip
    _node.model_rebuild()
