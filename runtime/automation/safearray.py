"""SAFEARRAY: items of one type in one or more dimensions ([MS-OAUT] 2.2.30).

Items travel, and are kept, in the order of automation: the leftmost index changes fastest. `SafeArray.nested` gives
them as lists in lists. What the octets say of themselves is held against the tables of 2.2.30.10.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from ..ndr.layout import AUTO
from .types import VT, currency, currency_wire, moment, moment_wire, name_of

MAX_DIMENSIONS: Final = 64
"""More than any language of automation has; a peer may claim 65,535."""


@dataclass(frozen=True, slots=True)
class Bound:
    """SAFEARRAYBOUND: how many items a dimension has, and the index of the first."""

    count: int
    lower: int = 0


@dataclass(slots=True)
class Record:
    """wireBRECORD: a structure that describes itself. info: an IRecordInfo, an OBJREF; data: the structure, in NDR."""

    flags: int
    info: bytes | None
    data: bytes | None


@dataclass(slots=True)
class SafeArray:
    """An array of automation.

    vt: the type of the items. items: bytes for VT_UI1, a list for any other; of Variants for VT_VARIANT, of OBJREFs as
    bytes for VT_UNKNOWN and VT_DISPATCH, of Records for VT_RECORD. bounds: the leftmost dimension first; one from 0
    unless given. iid: of the items where they are objects and it travels. features: what of FADF_ travels, None for
    what goes with `vt`.
    """

    vt: int
    items: Any
    bounds: Sequence[Bound] = ()
    iid: UUID | None = field(default=None, kw_only=True)
    features: int | None = field(default=None, kw_only=True)

    def __repr__(self) -> str:
        more = [repr([*self.bounds])] if self.bounds else []
        more += [f"{name}={value!r}" for name in ("iid", "features") if (value := getattr(self, name)) is not None]
        return f"SafeArray({', '.join([name_of(self.vt), repr(self.items), *more])})"

    @staticmethod
    def of(rows: Any, vt: int = VT.VARIANT, *, dimensions: int = 1) -> SafeArray:
        """The array of lists in lists, as deep as there are dimensions. ValueError for rows of different lengths."""
        counts, items = _flattened(rows, dimensions)
        return SafeArray(vt, bytes(items) if vt == VT.UI1 else items, [Bound(count) for count in counts])

    def nested(self) -> Any:
        """Lists in lists: `nested()[i][j]` is the item at (i, j), counted from the lower bounds."""
        if len(self.bounds) < 2:
            return list(self.items)
        return _nested(list(self.items), [bound.count for bound in self.bounds])


def _nested(items: list[Any], counts: list[int]) -> list[Any]:
    first, *rest = counts
    return [_nested(items[at::first], rest) for at in range(first)] if rest else items


def _flattened(rows: Any, dimensions: int) -> tuple[list[int], list[Any]]:
    if dimensions == 1:
        items = list(rows)
        return [len(items)], items
    parts = [_flattened(row, dimensions - 1) for row in rows]
    if any(counts != parts[0][0] for counts, _ in parts):
        raise ValueError("rows of different lengths in one array")
    counts = parts[0][0] if parts else [0] * (dimensions - 1)
    return [len(parts), *counts], [item for items in zip(*(part for _, part in parts), strict=True) for item in items]


# The wire: SF_TYPE, ADVFEATUREFLAGS ([MS-OAUT] 2.2.8, 2.2.9)

SF_ERROR: Final = 10
SF_HAVEIID: Final = 0x800D
RECORD, HAVEIID, HAVEVARTYPE, OF_BSTR, OF_UNKNOWN, OF_DISPATCH, OF_VARIANT = (
    0x20,
    0x40,
    0x80,
    0x100,
    0x200,
    0x400,
    0x800,
)
_SPOKEN: Final = RECORD | HAVEIID | HAVEVARTYPE | OF_BSTR | OF_UNKNOWN | OF_DISPATCH | OF_VARIANT
"""The features that say something on the wire; the others are of the sender's memory."""

_FORMS: Final[dict[int, tuple[int, ...]]] = {
    VT.I1: (VT.I1, VT.UI1),
    VT.I2: (VT.I2, VT.UI2, VT.BOOL),
    VT.I4: (VT.I4, VT.UI4, VT.R4, VT.INT, VT.UINT, VT.ERROR),
    VT.I8: (VT.I8, VT.UI8, VT.R8, VT.CY, VT.DATE),
    VT.BSTR: (VT.BSTR,),
    VT.VARIANT: (VT.VARIANT,),
    VT.UNKNOWN: (VT.UNKNOWN,),
    VT.DISPATCH: (VT.DISPATCH,),
    SF_HAVEIID: (VT.UNKNOWN, VT.DISPATCH),
    VT.RECORD: (VT.RECORD,),
}
"""The types that each form is for, the one first that a form without a type stands for."""
_FORM_OF: Final = {vt: form for form, types in _FORMS.items() for vt in types if form != SF_HAVEIID}
_SIZES: Final[dict[int, int]] = {VT.I1: 1, VT.I2: 2, VT.I4: 4, VT.I8: 8, VT.VARIANT: 16}
"""cbElements, where it is not that of a pointer of 32 bits."""
_POINTER: Final = 4
_PLAIN: Final = frozenset({0, HAVEVARTYPE})
_OBJECT: Final = {VT.UNKNOWN: OF_UNKNOWN, VT.DISPATCH: OF_DISPATCH}
_FEATURES: Final[dict[int, frozenset[int]]] = {
    VT.I1: _PLAIN,
    VT.I2: _PLAIN,
    VT.I4: _PLAIN,
    VT.I8: _PLAIN,
    VT.BSTR: frozenset({OF_BSTR, OF_BSTR | HAVEVARTYPE}),
    VT.VARIANT: frozenset({OF_VARIANT, OF_VARIANT | HAVEVARTYPE}),
    VT.UNKNOWN: frozenset({OF_UNKNOWN, OF_UNKNOWN | HAVEVARTYPE, OF_UNKNOWN | HAVEIID}),
    VT.DISPATCH: frozenset({OF_DISPATCH, OF_DISPATCH | HAVEVARTYPE, OF_DISPATCH | HAVEIID}),
    SF_HAVEIID: frozenset({OF_UNKNOWN | HAVEIID, OF_DISPATCH | HAVEIID}),
    VT.RECORD: frozenset({RECORD}),
}
"""The features that may be with each form ([MS-OAUT] 2.2.30.10)."""


@dataclass(slots=True)
class Items:
    """The items of one form: SAFEARR_BSTR and its kin, BYTE_SIZEDARR and its kin."""

    size: int
    items: Any


@dataclass(slots=True)
class ItemsWithIid:
    """SAFEARR_HAVEIID."""

    size: int
    items: Any
    iid: UUID


@dataclass(slots=True)
class Union:
    """SAFEARRAYUNION."""

    sfType: int  # noqa: N815 -- the specification's names, here and below
    u: Any


@dataclass(slots=True)
class WireSafeArray:
    """_wireSAFEARRAY."""

    cDims: int  # noqa: N815
    fFeatures: int  # noqa: N815
    cbElements: int  # noqa: N815
    cLocks: int  # noqa: N815
    uArrayStructs: Union  # noqa: N815
    rgsabound: list[Bound]


def to_wire(value: Any) -> WireSafeArray | None:
    """What travels for a SafeArray, for bytes, an array of VT_UI1, or for a list, one of VARIANTs; None for none."""
    if value is None:
        return None
    found = as_safe_array(value)
    form = SF_HAVEIID if found.iid is not None and found.vt in _OBJECT else _FORM_OF.get(found.vt)
    if form is None:
        raise ValueError(f"no array has items of {name_of(found.vt)}")
    features = _default_features(found) if found.features is None else found.features
    _check_features(form, features)
    items = to_raw(found.vt, found.items)
    bounds = [*found.bounds] or [Bound(len(items))]
    _check_bounds(bounds, len(items))
    part = ItemsWithIid(AUTO, items, found.iid) if found.iid and form == SF_HAVEIID else Items(AUTO, items)
    locks = found.vt << 16 if features & HAVEVARTYPE else 0
    return WireSafeArray(AUTO, features, _SIZES.get(form, _POINTER), locks, Union(form, part), bounds[::-1])


def from_wire(wire: WireSafeArray | None) -> SafeArray | None:
    """The array. ValueError where what it says of itself is not consistent."""
    if wire is None:
        return None
    form, part = wire.uArrayStructs.sfType, wire.uArrayStructs.u
    if form == SF_ERROR:
        raise ValueError("the sender could not marshal the array (SF_ERROR)")
    features = wire.fFeatures & _SPOKEN
    _check_features(form, features)
    vt = _type_of(form, features, wire.cLocks >> 16)
    bounds = wire.rgsabound[::-1]
    items: Any = [] if part.items is None else part.items
    _check_bounds(bounds, len(items))
    iid = part.iid if form == SF_HAVEIID else None
    found = SafeArray(vt, from_raw(vt, items), () if bounds == [Bound(len(items))] else bounds, iid=iid)
    if features != _default_features(found):
        found.features = features
    return found


def as_safe_array(value: Any) -> SafeArray:
    """The SafeArray that a value stands for."""
    match value:
        case SafeArray():
            return value
        case bytes() | bytearray() | memoryview():
            return SafeArray(VT.UI1, value)
        case list() | tuple():
            items: list[Any] = [*value]  # pyright: ignore[reportUnknownVariableType]
            return SafeArray(VT.VARIANT, items)
        case _:
            raise TypeError(f"{type(value).__name__} where a SafeArray is wanted")


def retyped(found: SafeArray, vt: int) -> SafeArray:
    """An array that travelled without its type, inside a VARIANT that says it."""
    features = _default_features(found) if found.features is None else found.features
    if features & HAVEVARTYPE or vt == found.vt or vt not in _FORMS.get(_FORM_OF[found.vt], ()):
        return found
    items = from_raw(vt, to_raw(found.vt, found.items))
    return SafeArray(vt, items, found.bounds, iid=found.iid, features=features)


def _type_of(form: int, features: int, said: int) -> int:
    if not features & HAVEVARTYPE:
        if said:
            raise ValueError(f"an array without a type says {name_of(said)}")
        return VT.DISPATCH if features & OF_DISPATCH else _FORMS[form][0]
    if said not in _FORMS[form]:
        raise ValueError(f"items of {name_of(said)} in the form {form:#x}")
    return said


def _default_features(found: SafeArray) -> int:
    """What Windows says of an array of such items."""
    if found.vt in _OBJECT:
        return _OBJECT[VT(found.vt)] | (HAVEVARTYPE if found.iid is None else HAVEIID)
    if found.vt == VT.RECORD:
        return RECORD
    return HAVEVARTYPE | {VT.BSTR: OF_BSTR, VT.VARIANT: OF_VARIANT}.get(VT(found.vt), 0)


def _check_features(form: int, features: int) -> None:
    if features not in _FEATURES[form]:
        raise ValueError(f"features {features:#x} on an array of the form {form:#x}")


def _check_bounds(bounds: Sequence[Bound], count: int) -> None:
    """The dimensions hold as many items as there are; without large products."""
    if not 1 <= len(bounds) <= MAX_DIMENSIONS:
        raise ValueError(f"an array of {len(bounds)} dimensions")
    product = 1
    for bound in bounds:
        product *= bound.count
    if product != count:
        raise ValueError(f"{count} items in dimensions that hold {product}")


# Items

_RAW: Final[dict[int, str]] = {VT.I2: "H", VT.I4: "I", VT.I8: "q"}
"""What numbers of a form are in the stub."""
_CODES: Final[dict[int, str]] = {
    VT.I2: "h", VT.UI2: "H", VT.BOOL: "h", VT.I4: "i", VT.UI4: "I", VT.INT: "i", VT.UINT: "I", VT.ERROR: "I",
    VT.R4: "f", VT.I8: "q", VT.UI8: "Q", VT.R8: "d", VT.CY: "q", VT.DATE: "d",
}  # fmt: skip
_READ: Final[dict[int, Callable[[Any], Any]]] = {VT.BOOL: bool, VT.CY: currency, VT.DATE: moment}


def boolean_wire(value: Any) -> int:
    """A VARIANT_BOOL."""
    return -1 if value else 0


def error_wire(value: Any) -> int:
    """An HRESULT, which is unsigned here."""
    return value & 0xFFFF_FFFF if -(1 << 31) <= value < 0 else value  # type: ignore[no-any-return]


_WRITTEN: Final[dict[int, Callable[[Any], Any]]] = {
    VT.BOOL: boolean_wire,
    VT.CY: currency_wire,
    VT.DATE: moment_wire,
    VT.ERROR: error_wire,
}


def from_raw(vt: int, raw: Any) -> Any:
    """Items as values."""
    if vt == VT.UI1:
        return bytes(raw)
    if vt == VT.I1:
        return memoryview(bytes(raw)).cast("b").tolist()
    if vt not in _CODES:
        return list(raw)
    numbers = array(_RAW[_FORM_OF[vt]], raw)
    items = list(struct.unpack(f"={len(numbers)}{_CODES[vt]}", numbers))
    read = _READ.get(vt)
    return items if read is None else [read(item) for item in items]


def to_raw(vt: int, items: Any) -> Any:
    """Values as the items that travel."""
    if vt == VT.UI1:
        return bytes(items)
    if isinstance(items, str):
        raise TypeError("an array takes a list, not str")
    values = list(items)
    if vt == VT.I1:
        return array("b", values).tobytes()
    if vt not in _CODES:
        return values
    written = _WRITTEN.get(vt)
    if written is not None:
        values = [written(value) for value in values]
    octets = struct.pack(f"={len(values)}{_CODES[vt]}", *values)
    return array(_RAW[_FORM_OF[vt]], octets).tolist()
