"""VARIANT: a value that says its type ([MS-OAUT] 2.2.29).

`Variant.of` chooses the type for a Python value; what is read keeps the type that it came with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final, TypeAlias

from .safearray import SafeArray, boolean_wire, error_wire, retyped
from .types import TYPE_MASK, VT, currency, currency_wire, decimal, decimal_wire, moment, moment_wire, name_of


@dataclass(slots=True)
class Variant:
    """A value of automation.

    vt: a `VT`, with VT.ARRAY for an array of it and VT.BYREF for a reference to it. value: docs/automation.md says
    what, for each type; of a reference what it refers to, None for a null one.
    """

    vt: int
    value: Any = None

    def __repr__(self) -> str:
        return f"Variant({name_of(self.vt)}, {self.value!r})"

    @staticmethod
    def of(value: Any) -> Variant:
        """The Variant for a Python value; one is given back as it is. TypeError for what has no type of automation."""
        match value:
            case Variant():
                return value
            case None:
                return Variant(VT.EMPTY)
            case bool():
                return Variant(VT.BOOL, value)
            case int():
                return Variant(_integer(value), value)
            case float():
                return Variant(VT.R8, value)
            case str():
                return Variant(VT.BSTR, value)
            case Decimal():
                return Variant(VT.DECIMAL, value)
            case date():
                return Variant(VT.DATE, value)
            case SafeArray(vt=vt):
                return Variant(VT.ARRAY | vt, value)
            case bytes() | bytearray() | memoryview():
                return Variant(VT.ARRAY | VT.UI1, value)
            case list() | tuple():
                return Variant(VT.ARRAY | VT.VARIANT, value)
            case _:
                raise TypeError(f"automation has no type for {type(value).__name__}; say it: Variant(vt, value)")


ArrayValue: TypeAlias = SafeArray | Sequence[Any]
"""What a SAFEARRAY may be given as: bytes are one of VT_UI1, a list is one of VARIANTs."""
VariantValue: TypeAlias = Variant | bool | int | float | str | Decimal | date | ArrayValue | None
"""What a VARIANT may be given as."""


def _integer(value: int) -> VT:
    """The smallest of the types that scripts use."""
    for vt, lowest, bits in ((VT.I4, -(1 << 31), 32), (VT.I8, -(1 << 63), 64), (VT.UI8, 0, 64)):
        if lowest <= value < lowest + (1 << bits):
            return vt
    return VT.DECIMAL


@dataclass(slots=True)
class WireDecimal:
    """DECIMAL."""

    wReserved: int  # noqa: N815 -- the specification's names, here and below
    scale: int
    sign: int
    Hi32: int
    Lo64: int


@dataclass(slots=True)
class Arm:
    """The union in a _wireVARIANT: its own tag, and a value."""

    tag: int
    value: Any


@dataclass(slots=True)
class WireVariant:
    """_wireVARIANT."""

    clSize: int  # noqa: N815
    rpcReserved: int  # noqa: N815
    vt: int
    wReserved1: int  # noqa: N815
    wReserved2: int  # noqa: N815
    wReserved3: int  # noqa: N815
    varUnion: Arm  # noqa: N815


def to_wire(value: Any, size: int = 0) -> WireVariant:
    """What travels for a Variant, or for a value that `Variant.of` has one for. size: of all of it, in octets."""
    found = Variant.of(value)
    return WireVariant((size + 7) // 8, 0, found.vt, 0, 0, 0, Arm(_tag(found.vt), _outward(found)))


def from_wire(wire: WireVariant | None) -> Variant:
    """The Variant; VT_EMPTY for a null pointer, which Windows never sends. ValueError where type and tag differ."""
    if wire is None:
        return Variant(VT.EMPTY)
    if wire.varUnion.tag != _tag(wire.vt):
        raise ValueError(f"a value of {name_of(wire.varUnion.tag)} in a VARIANT of {name_of(wire.vt)}")
    return Variant(wire.vt, _inward(wire.vt, wire.varUnion.value))


def _tag(vt: int) -> int:
    """What selects the arm: arrays of all types have one in common."""
    return vt & (VT.ARRAY | VT.BYREF) if vt & VT.ARRAY else vt


def _inward(vt: int, value: Any) -> Any:
    if vt & VT.ARRAY:
        return value if value is None else retyped(value, vt & TYPE_MASK)
    read = _READ.get(vt & TYPE_MASK)
    return value if read is None or value is None else read(value)


def _outward(found: Variant) -> Any:
    kind, value = found.vt & TYPE_MASK, found.value
    if found.vt & VT.ARRAY:
        return SafeArray(kind, value) if isinstance(value, list | tuple | bytes | bytearray | memoryview) else value
    if value is None:
        return None
    written = _WRITTEN.get(kind)
    return value if written is None else written(value)


def _decimal(wire: WireDecimal) -> Decimal:
    return decimal(wire.scale, wire.sign, wire.Hi32 << 64 | wire.Lo64)


def _decimal_wire(value: Any) -> WireDecimal:
    scale, sign, digits = decimal_wire(value)
    return WireDecimal(0, scale, sign, digits >> 64, digits & (1 << 64) - 1)


_READ: Final[dict[int, Callable[[Any], Any]]] = {
    VT.BOOL: bool,
    VT.CY: currency,
    VT.DATE: moment,
    VT.DECIMAL: _decimal,
}
_WRITTEN: Final[dict[int, Callable[[Any], Any]]] = {
    VT.BOOL: boolean_wire,
    VT.CY: currency_wire,
    VT.DATE: moment_wire,
    VT.ERROR: error_wire,
    VT.DECIMAL: _decimal_wire,
}
