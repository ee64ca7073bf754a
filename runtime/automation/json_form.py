"""Values of automation as JSON, for `lrpc pack`, `unpack` and `call`: docs/automation.md shows the forms.

Each type has a pair of functions: to JSON, and from it. What stands for itself, such as a number in the place of a
VARIANT, is taken too; what is given has its type beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from .bstr import OddBstr, bstr_of, octets_of
from .safearray import Bound, Record, SafeArray, as_safe_array
from .types import TYPE_MASK, VT, name_of
from .variant import Variant

Pair = tuple[Callable[[Any], Any], Callable[[Any], Any]]


# BSTR


def bstr_to_json(value: Any) -> Any:
    """The text; of an odd number of octets those."""
    if isinstance(value, OddBstr):
        return {"octets": list(octets_of(value))}
    return _typed(value, str | None, "text")


def bstr_from_json(data: Any) -> str | None:
    """The text of either form."""
    if isinstance(data, dict):
        (octets,) = _members(data, "octets")  # pyright: ignore[reportUnknownArgumentType]
        return bstr_of(bytes(octets))
    return _typed(data, str | None, "text")  # type: ignore[no-any-return]


# VARIANT


def variant_to_json(value: Any) -> Any:
    """`{"type": "VT_I4", "value": 5}`."""
    found = Variant.of(value)
    return {"type": name_of(found.vt), "value": _value_to_json(found.vt, found.value)}


def variant_from_json(data: Any) -> Variant:
    """The Variant of that, or of JSON that stands for itself."""
    if not isinstance(data, dict):
        return Variant.of(_items_from_json(VT.VARIANT, data) if isinstance(data, list) else data)
    name, value = _members(data, "type", "value")  # pyright: ignore[reportUnknownArgumentType]
    vt = _type_of(name)
    return Variant(vt, _value_from_json(vt, value))


def _value_to_json(vt: int, value: Any) -> Any:
    if value is None and vt & TYPE_MASK != VT.VARIANT:
        return None
    if vt & VT.ARRAY:
        return safe_array_to_json(SafeArray(vt & TYPE_MASK, value) if isinstance(value, bytes | list) else value)
    return _pair(vt & TYPE_MASK)[0](value)


def _value_from_json(vt: int, data: Any) -> Any:
    if data is None and vt & TYPE_MASK != VT.VARIANT:
        return None
    if vt & VT.ARRAY:
        items = isinstance(data, list)
        return (
            SafeArray(vt & TYPE_MASK, _items_from_json(vt & TYPE_MASK, data)) if items else safe_array_from_json(data)
        )
    return _pair(vt & TYPE_MASK)[1](data)


# SAFEARRAY


def safe_array_to_json(value: Any) -> Any:
    """`{"type": "VT_I2", "items": [1, 2]}`, and what else the array says of itself."""
    if value is None:
        return None
    found = as_safe_array(value)
    data: dict[str, Any] = {"type": name_of(found.vt), "items": [_pair(found.vt)[0](item) for item in found.items]}
    if found.bounds:
        data["bounds"] = [[bound.count, bound.lower] for bound in found.bounds]
    if found.iid is not None:
        data["iid"] = str(found.iid)
    if found.features is not None:
        data["features"] = found.features
    return data


def safe_array_from_json(data: Any) -> SafeArray | None:
    """The array of that, or of a list, one of VARIANTs."""
    if data is None:
        return None
    if isinstance(data, list):
        return SafeArray(VT.VARIANT, _items_from_json(VT.VARIANT, data))
    name, items, bounds, iid, features = _members(data, "type", "items", bounds=[], iid=None, features=None)
    vt = _type_of(name)
    return SafeArray(
        vt,
        _items_from_json(vt, _typed(items, list, "a list")),
        [Bound(*bound) for bound in bounds] or (),
        iid=iid and UUID(iid),
        features=features,
    )


def _items_from_json(vt: int, data: Any) -> Any:
    items = [_pair(vt)[1](item) for item in data]
    return bytes(items) if vt == VT.UI1 else items


# Scalars


def _same(value: Any) -> Any:
    return value


def _number_to_json(value: Any) -> Any:
    return value if math.isfinite(value) else repr(value)


def _number_from_json(data: Any) -> Any:
    return float(data) if data in ("nan", "inf", "-inf") else data


def _date_to_json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else _number_to_json(value)


def _date_from_json(data: Any) -> Any:
    return datetime.fromisoformat(data) if isinstance(data, str) and data[:1].isdigit() else _number_from_json(data)


def _octets_to_json(value: Any) -> Any:
    return None if value is None else list(value)


def _octets_from_json(data: Any) -> Any:
    return None if data is None else bytes(data)


def _record_to_json(value: Any) -> Any:
    if value is None:
        return None
    return {"flags": value.flags, "info": _octets_to_json(value.info), "data": _octets_to_json(value.data)}


def _record_from_json(data: Any) -> Any:
    if data is None:
        return None
    flags, info, octets = _members(data, "flags", "info", "data")
    return Record(flags, _octets_from_json(info), _octets_from_json(octets))


_NUMBER: Final = _number_to_json, _number_from_json
_DECIMAL: Final = str, Decimal
_OBJECT: Final = _octets_to_json, _octets_from_json
_PLAIN: Final = _same, _same
_PAIRS: Final[dict[int, Pair]] = {
    VT.R4: _NUMBER,
    VT.R8: _NUMBER,
    VT.CY: _DECIMAL,
    VT.DECIMAL: _DECIMAL,
    VT.DATE: (_date_to_json, _date_from_json),
    VT.BSTR: (bstr_to_json, bstr_from_json),
    VT.UNKNOWN: _OBJECT,
    VT.DISPATCH: _OBJECT,
    VT.RECORD: (_record_to_json, _record_from_json),
    VT.VARIANT: (variant_to_json, variant_from_json),
}


def _pair(vt: int) -> Pair:
    return _PAIRS.get(vt, _PLAIN)


# Forms


def _type_of(name: Any) -> int:
    """The number of `VT_ARRAY|VT_I4`. ValueError for another name."""
    vt = 0
    for part in _typed(name, str, "the name of a type").split("|"):
        word = part.strip().removeprefix("VT_")
        if word not in VT.__members__:
            raise ValueError(f"{part.strip()[:40]!r} is no type of automation")
        vt |= VT[word]
    return vt


def _typed(value: Any, kind: Any, wanted: str) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{type(value).__name__} where {wanted} is wanted")
    return value


def _members(data: Any, *names: str, **more: Any) -> list[Any]:
    """The members of an object; those in `more` may be missing. ValueError for others."""
    known = _typed(data, dict, "an object")
    strange = [name for name in known if name not in names and name not in more]
    missing = [name for name in names if name not in known]
    if strange or missing:
        raise ValueError(f"{(strange or missing)[0][:40]!r} is {'not a member' if strange else 'missing'}")
    return [known[name] for name in names] + [known.get(name, given) for name, given in more.items()]
