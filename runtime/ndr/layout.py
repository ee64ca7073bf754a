"""The vocabulary: what a type looks like on the wire, as data.

Generated stubs are written in these words; three readers understand them: construct itself
(`reference.py`), the codec compiler (`compiler.py`) and the JSON form (`json_form.py`).

Rules of this file, and of those that it gathers (`layout_scalars.py`, `layout_arrays.py`, `layout_pointers.py`):
- a layout is immutable once built, and says the same for NDR 2.0 (either order) and NDR64;
- a layout knows no octets: sizes and alignments per encoding are facts, the walk is the readers';
- values are Python's: int, float, bool, str, bytes, list, uuid.UUID, None, and the stub's dataclasses.

Sources: C706 chapter 14; MS-RPCE 2.2.4 and 2.2.5.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Final
from uuid import UUID

from .conversion import Conversion
from .expression import Expression, Operand, as_expression, this
from .layout_arrays import (
    Array,
    ConformantArray,
    ConformantVaryingArray,
    Dimension,
    FixedArray,
    MultiArray,
    Pipe,
    PipeItems,
    PipeOctets,
    String,
    VaryingArray,
)
from .layout_pointers import (
    UNSHARED,
    FullPtr,
    Ignored,
    Mark,
    Pointer,
    RefPtr,
    SharedBytes,
    SharedFloat,
    SharedInt,
    SharedStr,
    UniquePtr,
    has_identity,
    shared,
)
from .layout_scalars import (
    AUTO,
    GUID,
    Auto,
    BitSet,
    Boolean,
    Byte,
    Char,
    Double,
    Encoding,
    Enum,
    ErrorStatus,
    Field,
    Float,
    Guid,
    HResult,
    Hyper,
    Int3264,
    Layout,
    Long,
    NtStatus,
    Range,
    Scalar,
    Short,
    Small,
    Status,
    UHyper,
    UInt3264,
    ULong,
    UShort,
    USmall,
    WChar,
)

__all__ = [
    "AUTO",
    "GUID",
    "NO_ARM",
    "UNSHARED",
    "Array",
    "Auto",
    "BitSet",
    "Boolean",
    "Byte",
    "Char",
    "ConformantArray",
    "ConformantVaryingArray",
    "ContextHandle",
    "Conversion",
    "Converted",
    "Dimension",
    "Double",
    "EncapsulatedUnion",
    "Encoding",
    "Enum",
    "ErrorStatus",
    "Field",
    "FixedArray",
    "Float",
    "FullPtr",
    "Guid",
    "HResult",
    "Hyper",
    "Ignored",
    "Int3264",
    "InterfacePtr",
    "Layout",
    "Long",
    "MInterfacePointer",
    "Mark",
    "MultiArray",
    "NoArm",
    "NtStatus",
    "Parameters",
    "Pipe",
    "PipeItems",
    "PipeOctets",
    "Pointer",
    "Range",
    "RefPtr",
    "Scalar",
    "SharedBytes",
    "SharedFloat",
    "SharedInt",
    "SharedStr",
    "Short",
    "Small",
    "Status",
    "String",
    "Struct",
    "SwitchIs",
    "UHyper",
    "UInt3264",
    "ULong",
    "UShort",
    "USmall",
    "Union",
    "UniquePtr",
    "VaryingArray",
    "WChar",
    "has_identity",
    "shared",
]


# Structures and unions


class Struct(Layout):
    """A structure; `factory` makes the Python value from the members in order (C706 14.3.4).

    Only the last member may be conformant; its maximum count moves to the front of the outermost
    structure (C706 14.3.7.1).
    """

    def __init__(self, factory: Callable[..., Any], *fields: Field) -> None:
        super().__init__()
        self.factory = factory
        self.fields = fields

    def __repr__(self) -> str:
        return f"Struct({getattr(self.factory, '__name__', self.factory)!s})"


class NoArm(enum.Enum):
    """The type of NO_ARM."""

    NO_ARM = "no arm"


NO_ARM: Final = NoArm.NO_ARM


class Union(Layout):
    """A non-encapsulated union: its tag in the layout `tag`, then the arm that the tag selects (C706 14.3.8).

    arms: tag value -> layout, or None for an arm without data. default: the layout for any other tag,
    None for an empty default arm, NO_ARM when the IDL has no default. Its value is the value of the arm.
    A use of the union says which sibling selects the arm: `SwitchIs(U, this.t)`.
    ms_union: [ms_union], arm aligned to the widest arm; NDR 2.0 only (MS-RPCE 2.2.4.5).
    """

    def __init__(
        self,
        tag: Scalar,
        arms: Mapping[int, Layout | None],
        default: Layout | NoArm | None = NoArm.NO_ARM,
        *,
        ms_union: bool = False,
    ) -> None:
        super().__init__()
        self.tag = tag
        self.arms = dict(arms)
        self.default = default
        self.ms_union = ms_union

    def arm(self, tag: int) -> Layout | NoArm | None:
        """The layout that `tag` selects; None for no data, NO_ARM for an invalid tag."""
        return self.arms.get(tag, self.default)

    def layouts(self) -> list[Layout]:
        """The layouts of all arms that carry data."""
        arms = [*self.arms.values(), self.default]
        return [arm for arm in arms if isinstance(arm, Layout)]


class SwitchIs(Layout):
    """A use of a non-encapsulated union whose arm `switch` selects ([switch_is])."""

    def __init__(self, union: Union, switch: Operand) -> None:
        super().__init__()
        self.union = union
        self.switch: Expression = as_expression(switch)


class EncapsulatedUnion(Layout):
    """`union T switch (tag) name {...}`: the tag once, then the arm; `factory(tag, arm)` makes the value."""

    def __init__(self, factory: Callable[..., Any], tag: str, name: str, union: Union) -> None:
        super().__init__()
        self.factory = factory
        self.tag = tag
        self.name = name
        self.union = union


# Parameters


class ContextHandle(Layout):
    """A context handle: 20 octets, aligned to 4, in both syntaxes (C706 6.1.6, MS-RPCE 2.2.4.12).

    name: its IDL type. closed_by: the operation that closes it, if the interface has one. shared: calls that use the
    same handle may run at the same time. At this level the value is (attributes, uuid), or None for the null handle.
    """

    def __init__(self, name: str, *, closed_by: str | None = None, shared: bool = False) -> None:
        super().__init__()
        self.name = name
        self.closed_by = closed_by
        self.shared = shared


class Parameters(Layout):
    """What travels in one direction of a call: the parameters one after the other, each a top-level item.

    The reader is given the values of the other direction for correlations that name them
    (`outer`), and gives and takes a plain dict by name. Pipes travel behind all other parameters;
    pipes_first: before them, as in a response (C706 14.3.9).
    """

    def __init__(self, *fields: Field, pipes_first: bool = False) -> None:
        super().__init__()
        self.fields = fields
        self.pipes_first = pipes_first

    @cached_property
    def in_wire_order(self) -> tuple[Field, ...]:
        """The parameters as they follow each other on the wire."""
        pipes = [field for field in self.fields if isinstance(field.layout, Pipe)]
        others = [field for field in self.fields if not isinstance(field.layout, Pipe)]
        return (*pipes, *others) if self.pipes_first else (*others, *pipes)


# Types whose values the wire has in another form


class Converted(Layout):
    """[transmit_as], [represent_as], [wire_marshal], [user_marshal]: `layout` travels, not the values."""

    def __init__(self, layout: Layout, conversion: Conversion) -> None:
        super().__init__()
        self.layout = layout
        self.conversion = conversion

    def __repr__(self) -> str:
        return f"Converted({self.layout!r}, {self.conversion!r})"


@dataclasses.dataclass(slots=True)
class MInterfacePointer:
    """The wire form of an interface pointer ([MS-DCOM] 2.2.14)."""

    ulCntData: int  # noqa: N815 -- the specification's names
    abData: Any  # noqa: N815


def _marshalled(octets: Any) -> MInterfacePointer:
    return MInterfacePointer(AUTO, octets)


def _unmarshalled(pointer: MInterfacePointer) -> bytes:
    return bytes(pointer.abData)


_MARSHALLED: Final = Conversion("MInterfacePointer").use(to_wire=_marshalled, from_wire=_unmarshalled)


class InterfacePtr(Converted):
    """What an interface pointer points to: `UniquePtr(InterfacePtr("IFoo", IID))` ([MS-DCOM] 2.2.14).

    The value is the OBJREF, as octets. name: of the interface; iid: its UUID, None when `iid_is` gives it at run time.
    """

    def __init__(self, name: str, iid: UUID | None = None, *, iid_is: Operand | None = None) -> None:
        count, data = "ulCntData" / ULong, "abData" / ConformantArray(Byte, this.ulCntData)
        super().__init__(Struct(MInterfacePointer, count, data), _MARSHALLED)
        self.name = name
        self.iid = iid
        self.iid_is = None if iid_is is None else as_expression(iid_is)

    def __repr__(self) -> str:
        return f"InterfacePtr({self.name!r})"
