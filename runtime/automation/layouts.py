"""The layouts of BSTR, VARIANT and SAFEARRAY, with the Python values that they stand for.

A VARIANT starts with how many octets it takes, pointees included, so one that has any is encoded twice: the first time
by the layouts of `_MEASURING`, where the VARIANTs inside are as many octets as they are known to take. Counterparts:
`bstr.py`, `variant.py` and `safearray.py` have the values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from ..ndr.compiler import compiled_type
from ..ndr.conversion import Conversion
from ..ndr.errors import NdrError
from ..ndr.expression import this
from ..ndr.layout import (
    GUID,
    Byte,
    ConformantArray,
    Converted,
    Double,
    EncapsulatedUnion,
    Encoding,
    Float,
    Hyper,
    InterfacePtr,
    Layout,
    Long,
    RefPtr,
    Short,
    Small,
    Struct,
    UHyper,
    ULong,
    Union,
    UniquePtr,
    UShort,
    USmall,
    WChar,
)
from ..ndr.layout_octets import Octets
from ..ndr.layout_samba import Flagged
from . import bstr, json_form, safearray, variant
from .safearray import SF_ERROR, SF_HAVEIID, Bound, Items, ItemsWithIid, Record, WireSafeArray
from .types import TYPE_MASK, VT
from .variant import Arm, Variant, WireDecimal, WireVariant

_IUNKNOWN: Final = UniquePtr(InterfacePtr("IUnknown", UUID("00000000-0000-0000-c000-000000000046")))
_IDISPATCH: Final = UniquePtr(InterfacePtr("IDispatch", UUID("00020400-0000-0000-c000-000000000046")))
_DECIMAL: Final = Struct(
    WireDecimal, "wReserved" / UShort, "scale" / USmall, "sign" / USmall, "Hi32" / ULong, "Lo64" / UHyper
)


def _converted(
    layout: Layout,
    name: str,
    to_wire: Callable[[Any], Any],
    from_wire: Callable[[Any], Any],
    json: json_form.Pair | None = None,
) -> Converted:
    conversion = Conversion(name).use(to_wire=to_wire, from_wire=from_wire)
    conversion.json = json
    return Converted(layout, conversion)


class LittleEndian(Flagged):
    """What is little-endian whatever the stream is, pointees too ([MS-OAUT] 2.2.23.1, 2.2.29.1, 2.2.30.10)."""

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout, order="<")

    def inside(self, around: Encoding) -> Encoding:
        """NDR64 is little-endian, and goes on."""
        return around if around.order == "<" else super().inside(around)


# BSTR

_BLOB: Final = LittleEndian(
    Struct(bstr.FlaggedWordBlob, "cBytes" / ULong, "clSize" / ULong, "asData" / ConformantArray(WChar, this.clSize))
)
BSTR: Final = _converted(
    UniquePtr(_BLOB), "BSTR", bstr.to_wire, bstr.from_wire, (json_form.bstr_to_json, json_form.bstr_from_json)
)
"""A BSTR: str or None."""

# Records


def _record_wire(value: Any) -> Any:
    if value is None or isinstance(value, Record):
        return value and _WireRecord(value.flags, len(value.data or b""), value.info, value.data)
    raise TypeError(f"{type(value).__name__} where a Record is wanted")


def _record(wire: Any) -> Record | None:
    return wire and Record(wire.fFlags, wire.pRecInfo, wire.pRecord)


class _WireRecord:
    """_wireBRECORD."""

    __slots__ = ("clSize", "fFlags", "pRecInfo", "pRecord")

    def __init__(self, fFlags: int, clSize: int, pRecInfo: bytes | None, pRecord: bytes | None) -> None:  # noqa: N803
        self.fFlags = fFlags
        self.clSize = clSize
        self.pRecInfo = pRecInfo
        self.pRecord = pRecord


_RECORD: Final = _converted(
    UniquePtr(
        Struct(
            _WireRecord,
            "fFlags" / ULong,
            "clSize" / ULong,
            "pRecInfo" / UniquePtr(InterfacePtr("IRecordInfo", UUID("0000002f-0000-0000-c000-000000000046"))),
            "pRecord" / UniquePtr(ConformantArray(Byte, this.clSize)),
        )
    ),
    "BRECORD",
    _record_wire,
    _record,
)

# VARIANT and SAFEARRAY, which contain each other

_SCALARS: Final[dict[int, Layout]] = {
    VT.I1: Small, VT.UI1: USmall, VT.I2: Short, VT.UI2: UShort, VT.I4: Long, VT.UI4: ULong, VT.INT: Long,
    VT.UINT: ULong, VT.I8: Hyper, VT.UI8: UHyper, VT.R4: Float, VT.R8: Double, VT.BOOL: Short, VT.ERROR: ULong,
    VT.CY: Hyper, VT.DATE: Double, VT.DECIMAL: _DECIMAL, VT.BSTR: BSTR, VT.UNKNOWN: _IUNKNOWN, VT.DISPATCH: _IDISPATCH,
}  # fmt: skip
"""The arms of a VARIANT that travel by reference as well."""


class _Family:
    """The layouts of VARIANT and SAFEARRAY. variant_wire gives what travels for a Variant; inner is what is inside
    of both for a VARIANT, unless given the same.
    """

    def __init__(self, variant_wire: Callable[[Any], WireVariant], inner: Layout | None = None) -> None:
        self.variant = _converted(
            UniquePtr(lambda: self._variant),
            "VARIANT",
            variant_wire,
            variant.from_wire,
            (json_form.variant_to_json, json_form.variant_from_json),
        )
        self.safearray = _converted(
            UniquePtr(lambda: self._safearray),
            "SAFEARRAY",
            safearray.to_wire,
            safearray.from_wire,
            (json_form.safe_array_to_json, json_form.safe_array_from_json),
        )
        self._inner = inner or self.variant
        self._safearray = LittleEndian(_safearray(self._inner))
        self._variant = LittleEndian(self._wire_variant())

    def _wire_variant(self) -> Struct:
        """_wireVARIANT ([MS-OAUT] 2.2.29.1)."""
        return Struct(
            WireVariant,
            "clSize" / ULong,
            "rpcReserved" / ULong,
            "vt" / UShort,
            "wReserved1" / UShort,
            "wReserved2" / UShort,
            "wReserved3" / UShort,
            "varUnion" / EncapsulatedUnion(Arm, "tag", "value", self._arms()),
        )

    def _arms(self) -> Union:
        """Its union."""
        array = UniquePtr(self.safearray)
        arms: dict[int, Layout | None] = {
            VT.EMPTY: None,
            VT.NULL: None,
            **_SCALARS,
            **{VT.BYREF | vt: UniquePtr(layout) for vt, layout in _SCALARS.items()},
            VT.ARRAY: array,
            VT.BYREF | VT.ARRAY: UniquePtr(array),
            VT.BYREF | VT.VARIANT: UniquePtr(self._inner),
            VT.RECORD: _RECORD,
            VT.BYREF | VT.RECORD: _RECORD,
        }
        return _union(arms)


def _safearray(of_variants: Layout) -> Struct:
    """_wireSAFEARRAY ([MS-OAUT] 2.2.30.10)."""
    bound = Struct(Bound, "count" / ULong, "lower" / Long)
    forms: dict[int, Layout | None] = {
        SF_ERROR: None,
        SF_HAVEIID: Struct(ItemsWithIid, *_items(_IUNKNOWN), "iid" / GUID),
    }
    for form, item in {
        VT.BSTR: BSTR, VT.UNKNOWN: _IUNKNOWN, VT.DISPATCH: _IDISPATCH, VT.VARIANT: of_variants, VT.RECORD: _RECORD,
    }.items():  # fmt: skip
        forms[form] = Struct(Items, *_items(item))
    for form, item in {VT.I1: Byte, VT.I2: UShort, VT.I4: ULong, VT.I8: Hyper}.items():
        forms[form] = Struct(Items, "size" / ULong, "items" / UniquePtr(ConformantArray(item, this.size)))
    return Struct(
        WireSafeArray,
        "cDims" / UShort,
        "fFeatures" / UShort,
        "cbElements" / ULong,
        "cLocks" / ULong,
        "uArrayStructs" / EncapsulatedUnion(safearray.Union, "sfType", "u", _union(forms)),
        "rgsabound" / ConformantArray(bound, this.cDims),
    )


def _union(arms: Mapping[int, Layout | None]) -> Union:
    """Tags are plain numbers there: they are printed into generated code."""
    return Union(ULong, {int(tag): arm for tag, arm in arms.items()})


def _items(item: Layout) -> tuple[Any, Any]:
    return "size" / ULong, "items" / RefPtr(ConformantArray(item, this.size))


# How many octets a VARIANT takes


@dataclass(slots=True)
class _Sized(Variant):
    """A Variant that knows; those inside of it do too."""

    size: int = 0


class _Whole(Octets):
    """So many octets where a _wireVARIANT will be; the value is their number. It is only written."""

    alignment = 8

    def outward(self, value: Any, offset: int, encoding: Encoding) -> bytes:
        """The gap and the octets."""
        return bytes(-offset % 8 + value)

    def inward(self, stub: bytes | bytearray | memoryview, offset: int, end: int, encoding: Encoding) -> Any:
        """Nothing is read by this word."""
        raise NdrError("a layout that only measures")


def _size_of(value: Any) -> int:
    return value.size  # type: ignore[no-any-return]


_MEASURING: Final = _Family(variant.to_wire, _converted(UniquePtr(_Whole()), "VARIANT", _size_of, Variant.of))

# 16 octets, the tag, and an arm at its own alignment.
_FRONT: Final = 20
_EIGHTS: Final = frozenset({VT.I8, VT.UI8, VT.R8, VT.CY, VT.DATE})
_SMALL: Final[dict[int, int]] = {VT.DECIMAL: 40, VT.EMPTY: _FRONT, VT.NULL: _FRONT}
_POINTERS: Final = frozenset({VT.BSTR, VT.UNKNOWN, VT.DISPATCH, VT.RECORD})


def _sized(value: Any) -> _Sized:
    """A Variant with its size. RecursionError for values deeper than Python's stack."""
    if isinstance(value, _Sized):
        return value
    found = _with_sizes_inside(Variant.of(value))
    if found.vt == VT.BSTR and isinstance(found.value, str):  # the most frequent, and quickly told
        size = _FRONT + 16 + len(bstr.octets_of(found.value))
    elif found.vt & (VT.ARRAY | VT.BYREF) or found.vt in _POINTERS:
        octets = compiled_type(_MEASURING.variant, Encoding.NDR).encode((found,))
        size = sum(map(len, octets)) - 8  # the pointer, and the gap behind it
    elif found.vt in _EIGHTS:
        size = 32
    else:
        size = _SMALL.get(found.vt, _FRONT + 4)
    return _Sized(found.vt, found.value, size)


def _with_sizes_inside(found: Variant) -> Variant:
    if found.value is None or found.vt & TYPE_MASK != VT.VARIANT:
        return found
    if not found.vt & VT.ARRAY:
        return Variant(found.vt, _sized(found.value))
    array = safearray.as_safe_array(found.value)
    return Variant(found.vt, replace(array, items=[_sized(item) for item in array.items]))


def _variant_wire(value: Any) -> WireVariant:
    found = _sized(value)
    return variant.to_wire(found, found.size)


_KNOWING: Final = _Family(_variant_wire)

VARIANT: Final = _KNOWING.variant
"""A VARIANT: Variant; anything that `Variant.of` takes when it is written."""
SAFEARRAY: Final = _KNOWING.safearray
"""A SAFEARRAY: SafeArray or None; bytes and lists when it is written."""
