"""The vocabulary: encodings, what every layout is, and the primitive types.

The words are imported from `layout.py`, whose rules hold here too. Sources: C706 14.2; MS-RPCE 2.2.4, 2.2.5.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, Final

import construct  # type: ignore[import-untyped]


class Encoding(enum.Enum):
    """A transfer syntax with a byte order: what the octets of a stub are written in."""

    NDR = "<", False
    NDR_BIG = ">", False
    NDR64 = "<", True

    __hash__ = object.__hash__  # codecs are found by it on every call, and enum's hashes the name

    def __init__(self, order: str, wide: bool, pad: int = 1, reverse: bool = False) -> None:
        self.order = order
        """`<` or `>`, as in the struct module."""
        self.wide = wide
        """Counts, referent ids and pointers take 8 octets (NDR64) instead of 4."""
        self.word = 8 if wide else 4
        """Size and alignment of a count or referent id in octets."""
        self.pad = pad  # type: ignore[misc]
        """What pointees of Relative are aligned to, in Samba's NDR; 0: nothing at all is aligned (NDR_NOALIGN)."""
        self.reverse = reverse  # type: ignore[misc]
        """Pointees of Relative go to the end of their context (NDR_RELATIVE_REVERSE)."""

    @property
    def packed(self) -> bool:
        """Nothing is aligned."""
        return self.pad == 0

    def under(self, *, order: str | None = None, pad: int | None = None, reverse: bool | None = None) -> Encoding:
        """This one with flags of Samba's NDR; a given byte order ends NDR64. The same one for the same flags."""
        plain = _PLAIN[order or self.order, self.wide and order is None]
        pad = self.pad if pad is None else pad
        reverse = self.reverse if reverse is None else reverse
        if (pad, reverse) == (1, False):
            return plain
        return _FLAGGED.get((plain, pad, reverse)) or plain._flagged(pad, reverse)

    def _flagged(self, pad: int, reverse: bool) -> Encoding:
        """Not among the members that there are, as the compound members of an enum.Flag."""
        made = object.__new__(Encoding)
        made._name_, made._value_ = f"{self.name}_{pad}{'R' * reverse}", self.value
        Encoding.__init__(made, self.order, self.wide, pad, reverse)
        return _FLAGGED.setdefault((self, pad, reverse), made)


_PLAIN: Final = {(encoding.order, encoding.wide): encoding for encoding in Encoding}
_FLAGGED: Final[dict[tuple[Encoding, int, bool], Encoding]] = {}


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
    refuses to send values outside 0..32767 and accepts all 16 bits. bits: so many in both, unsigned: Samba's enum8bit.
    """

    def __init__(self, members: type[enum.IntEnum], *, v1: bool = False, bits: int | None = None) -> None:
        if bits is not None:
            v1 = True
            super().__init__(members.__name__, {8: "B", 16: "H", 32: "I", 64: "Q"}[bits], bits // 8)
        elif v1:
            super().__init__(members.__name__, "I", 4)
        else:
            super().__init__(members.__name__, "H", 2, wide_code="I", wide_size=4)
        self.members = members
        self.v1 = v1
        self.by_value: dict[int, enum.IntEnum] = {int(member): member for member in members}


class BitSet(Scalar):
    """An integer whose bits have names: the bitmap of the pidl dialect. members: an IntFlag, with boundary KEEP.

    A value reads as an instance of `members`, unknown bits kept; any integer that fits is written.
    """

    KEPT: Final = 1 << 10
    """Different values that get the enumeration's own instances: those live as long as it does."""

    def __init__(self, members: type[enum.IntFlag], scalar: Scalar) -> None:
        narrow, wide = scalar.size(Encoding.NDR), scalar.size(Encoding.NDR64)
        code, wide_code = scalar.code(Encoding.NDR), scalar.code(Encoding.NDR64)
        super().__init__(members.__name__, code, narrow, wide_code=wide_code, wide_size=wide)
        self.members = members
        self.by_value: dict[int, Any] = {}

    def member(self, value: int) -> Any:
        """The instance for a value; a negative one stays an int."""
        found = self.by_value.get(value, value)
        if found is not value or value < 0:
            return found
        if len(self.by_value) < self.KEPT:
            found = self.by_value[value] = self.members(value)
        else:  # a peer that sends ever new values shall not fill the enumeration
            found = int.__new__(self.members, value)
            vars(found).update(_value_=value, _name_=None)
        return found


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
