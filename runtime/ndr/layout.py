"""The vocabulary: what a type looks like on the wire, as data.

Generated stubs are written in these words; three readers understand them: construct itself
(`reference.py`), the codec compiler (`compiler.py`) and the JSON form (`json_form.py`).

Rules of this file:
- a layout is immutable once built, and says the same for NDR 2.0 (either order) and NDR64;
- a layout knows no octets: sizes and alignments per encoding are facts, the walk is the readers';
- values are Python's: int, float, bool, str, bytes, list, uuid.UUID, None, and the stub's dataclasses.

Sources: C706 chapter 14; MS-RPCE 2.2.4 and 2.2.5.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

import construct  # type: ignore[import-untyped]

from .expression import Expression, Operand, as_expression


class Encoding(enum.Enum):
    """A transfer syntax with a byte order: what the octets of a stub are written in."""

    NDR = "<", False
    NDR_BIG = ">", False
    NDR64 = "<", True

    def __init__(self, order: str, wide: bool) -> None:
        self.order = order
        """`<` or `>`, as in the struct module."""
        self.wide = wide
        """Counts, referent ids and pointers take 8 octets (NDR64) instead of 4."""
        self.word = 8 if wide else 4
        """Size and alignment of a count or referent id in octets."""


class Auto(int):
    """A count that its array determines: the encoder fills it in."""

    def __repr__(self) -> str:
        return "AUTO"


AUTO: Final[int] = Auto(-(1 << 70))  # fits no integer of the wire: one that nothing fills in is an error


class Layout(construct.Construct):  # type: ignore[misc]
    """Base of every word of the vocabulary. `"name" / layout` makes a field of it.

    `layout.build(value, encoding=Encoding.NDR)` and `layout.parse(octets, encoding=...)` are construct's
    own calls, answered by the reference reader.
    """

    def __init__(self) -> None:
        super().__init__()
        self.flagbuildnone = True

    if TYPE_CHECKING:  # construct has no types of its own

        def parse(self, data: bytes, **contextkw: Any) -> Any: ...

        def build(self, obj: Any, **contextkw: Any) -> bytes: ...

    # A Field stays data, where construct's own answer, a Renamed, would parse by itself.
    def __rtruediv__(self, name: str) -> Field:  # pyright: ignore[reportIncompatibleMethodOverride]
        return Field(name, self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        from . import reference

        return reference.parse(self, stream, context, path)

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        from . import reference

        return reference.build(self, obj, stream, context, path)


class Field:
    """A named layout: a member of a structure, or a parameter."""

    __slots__ = ("layout", "name")

    def __init__(self, name: str, layout: Layout) -> None:
        self.name = name
        self.layout = layout

    def __repr__(self) -> str:
        return f"{self.name!r} / {self.layout!r}"


# Scalars


class Scalar(Layout):
    """A primitive type (C706 14.2). Its size is its alignment."""

    def __init__(self, name: str, code: str, size: int, *, wide_code: str | None = None, wide_size: int | None = None):
        super().__init__()
        self.idl = name
        self._codes = (code, wide_code or code)
        self._sizes = (size, wide_size or size)

    def code(self, encoding: Encoding) -> str:
        """The letter of the struct module."""
        return self._codes[encoding.wide]

    def size(self, encoding: Encoding) -> int:
        """Octets, which is the alignment too."""
        return self._sizes[encoding.wide]

    def __repr__(self) -> str:
        return self.idl


Boolean: Final = Scalar("boolean", "?", 1)
Byte: Final = Scalar("byte", "B", 1)
Char: Final = Scalar("char", "B", 1)
Small: Final = Scalar("small", "b", 1)
USmall: Final = Scalar("unsigned small", "B", 1)
Short: Final = Scalar("short", "h", 2)
UShort: Final = Scalar("unsigned short", "H", 2)
WChar: Final = Scalar("wchar_t", "H", 2)
Long: Final = Scalar("long", "i", 4)
ULong: Final = Scalar("unsigned long", "I", 4)
Hyper: Final = Scalar("hyper", "q", 8)
UHyper: Final = Scalar("unsigned hyper", "Q", 8)
Int3264: Final = Scalar("__int3264", "i", 4, wide_code="q", wide_size=8)
UInt3264: Final = Scalar("unsigned __int3264", "I", 4, wide_code="Q", wide_size=8)
Float: Final = Scalar("float", "f", 4)
Double: Final = Scalar("double", "d", 8)


class Enum(Scalar):
    """An enumeration: 16 bits in NDR, 32 in NDR64; `v1=True` ([v1_enum]) is 32 in both (C706 14.2.5, MS-RPCE 2.2.5.2).

    A value reads as a member of `members` when it is one and as a plain int otherwise. The 16-bit form
    refuses to send values outside 0..32767 and accepts all 16 bits.
    """

    def __init__(self, members: type[enum.IntEnum], *, v1: bool = False) -> None:
        if v1:
            super().__init__(members.__name__, "I", 4)
        else:
            super().__init__(members.__name__, "H", 2, wide_code="I", wide_size=4)
        self.members = members
        self.v1 = v1
        self.by_value: dict[int, enum.IntEnum] = {int(member): member for member in members}


class Status(Scalar):
    """A 32-bit status. family: `win32` (error_status_t), `ntstatus` or `hresult`; says which values mean failure.

    An operation that returns one raises StatusError for a failure.
    """

    def __init__(self, name: str, family: str) -> None:
        super().__init__(name, "I", 4)
        self.family = family


ErrorStatus: Final = Status("error_status_t", "win32")
NtStatus: Final = Status("NTSTATUS", "ntstatus")
HResult: Final = Status("HRESULT", "hresult")


class Guid(Layout):
    """A UUID: {u32, u16, u16, 8 octets}, aligned to 4, as uuid.UUID (C706 A.1)."""

    def __repr__(self) -> str:
        return "GUID"


GUID: Final = Guid()


class Range(Layout):
    """[range(lowest, highest)] on an integer: checked when reading and before sending."""

    def __init__(self, layout: Scalar, lowest: int, highest: int) -> None:
        super().__init__()
        self.layout = layout
        self.lowest = lowest
        self.highest = highest


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


# Arrays and strings


class Array(Layout):
    """An array. Words for its four kinds: FixedArray, VaryingArray, ConformantArray, ConformantVaryingArray.

    bound: the fixed number of items, None when conformant. size, length, first: [size_is], [length_is],
    [first_is] in items. limits: [range] on the maximum count.

    Values: bytes for items of Byte and Char, str (UTF-16 code units, no terminator added or taken) for
    WChar, otherwise a list. With a `first` that is not 0 the items before it are not sent.
    """

    def __init__(
        self,
        element: Layout,
        *,
        bound: int | None = None,
        size: Operand | None = None,
        length: Operand | None = None,
        first: Operand | None = None,
        limits: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self.element = element
        self.bound = bound
        self.size = None if size is None else as_expression(size)
        self.length = None if length is None else as_expression(length)
        self.first = None if first is None else as_expression(first)
        self.limits = limits

    @property
    def conformant(self) -> bool:
        """A maximum count travels with the array."""
        return self.bound is None

    @property
    def varying(self) -> bool:
        """An offset and an actual count travel with the array."""
        return self.length is not None or self.first is not None


def FixedArray(element: Layout, bound: int) -> Array:  # noqa: N802 -- a word of the vocabulary
    """`T a[bound]`: the items and nothing else (C706 14.3.3.1)."""
    return Array(element, bound=bound)


def VaryingArray(element: Layout, bound: int, length: Operand, first: Operand = 0) -> Array:  # noqa: N802
    """`[length_is(length)] T a[bound]`: offset, actual count, items (C706 14.3.3.3)."""
    return Array(element, bound=bound, length=length, first=first)


def ConformantArray(  # noqa: N802
    element: Layout, size: Operand | None = None, *, limits: tuple[int, int] | None = None
) -> Array:
    """`[size_is(size)] T a[]`: maximum count, items (C706 14.3.3.2)."""
    return Array(element, size=size, limits=limits)


def ConformantVaryingArray(  # noqa: N802
    element: Layout,
    size: Operand | None,
    length: Operand,
    first: Operand = 0,
    *,
    limits: tuple[int, int] | None = None,
) -> Array:
    """`[size_is(size), length_is(length)] T a[]`: maximum count, offset, actual count, items (C706 14.3.3.4)."""
    return Array(element, size=size, length=length, first=first, limits=limits)


class String(Layout):
    """[string]: conformant varying, or varying when `bound` is given (C706 14.3.5). str; terminated on the wire only.

    unit: Char (UTF-8, other octets kept by surrogateescape), WChar (UTF-16) or Byte. size: [size_is] in
    units, terminator included. limits: [range] on the maximum count.
    """

    def __init__(
        self,
        unit: Scalar,
        *,
        bound: int | None = None,
        size: Operand | None = None,
        limits: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self.unit = unit
        self.bound = bound
        self.size = None if size is None else as_expression(size)
        self.limits = limits


# Pointers


class Pointer(Layout):
    """A pointer; `target` may be a function that gives the layout, for types that contain themselves.

    A top-level [ref] pointer has no word: the parameter is its target. lenient: [disable_consistency_check], a null
    pointer may stand beside a size that is not 0 (MS-RPCE 3.1.1.5.3.3).
    """

    def __init__(self, target: Layout | Callable[[], Layout], *, lenient: bool = False) -> None:
        super().__init__()
        self._target = target
        self.lenient = lenient

    @property
    def target(self) -> Layout:
        """What is pointed to."""
        if not isinstance(self._target, Layout):
            self._target = self._target()
        return self._target


class RefPtr(Pointer):
    """An embedded [ref] pointer: a placeholder, then the deferred pointee; never null (C706 14.3.12.1)."""


class UniquePtr(Pointer):
    """A [unique] pointer: a referent id, then the deferred pointee; None when null (C706 14.3.12.2)."""


class FullPtr(Pointer):
    """A full pointer ([ptr]): as UniquePtr, and a pointee met again is sent once (C706 14.3.12.2).

    Python identity says what is the same: dataclass instances and lists by themselves, an int, float, str
    or bytes when it was made by `shared(value)`.
    """


class SharedInt(int):
    """An int with an identity, for full pointers."""


class SharedFloat(float):
    """A float with an identity, for full pointers."""


class SharedStr(str):
    """A str with an identity, for full pointers."""

    __slots__ = ()


class SharedBytes(bytes):
    """A bytes with an identity, for full pointers."""


T = TypeVar("T")
_SHARED: Final[dict[type, Callable[[Any], Any]]] = {
    int: SharedInt,
    float: SharedFloat,
    str: SharedStr,
    bytes: SharedBytes,
}
UNSHARED: Final = frozenset((int, float, str, bytes, bool, type(None)))
"""Types whose instances Python may merge: their identity says nothing."""


def shared(value: T) -> T:
    """Give an int, float, str or bytes an identity, so that two full pointers can share it."""
    box = _SHARED.get(type(value))
    return value if box is None else box(value)


# Parameters


class ContextHandle(Layout):
    """A context handle: 20 octets, aligned to 4, in both syntaxes (C706 6.1.6, MS-RPCE 2.2.4.12).

    name: its IDL type. closed_by: the operation that closes it, if the interface has one.
    At this level the value is (attributes, uuid), or None for the null handle.
    """

    def __init__(self, name: str, *, closed_by: str | None = None) -> None:
        super().__init__()
        self.name = name
        self.closed_by = closed_by


class Parameters(Layout):
    """What travels in one direction of a call: the parameters one after the other, each a top-level item.

    The reader is given the values of the other direction for correlations that name them
    (`outer`), and gives and takes a plain dict by name.
    """

    def __init__(self, *fields: Field) -> None:
        super().__init__()
        self.fields = fields
