"""Values of automation as JSON, and what JSON is taken for them."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from lrpc.runtime.automation import BSTR, SAFEARRAY, VARIANT, VT, Bound, OddBstr, Record, SafeArray, Variant
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.json_form import from_json, to_json
from lrpc.runtime.ndr.layout import Layout

IID = UUID("00000131-0000-0000-c000-000000000046")
FORMS: list[tuple[Layout, Any, Any]] = [
    (BSTR, None, None),
    (BSTR, "a\0b", "a\0b"),
    (BSTR, OddBstr("ab"), {"octets": [97, 0, 98]}),
    (VARIANT, Variant(VT.EMPTY), {"type": "VT_EMPTY", "value": None}),
    (VARIANT, Variant(VT.I4, 5), {"type": "VT_I4", "value": 5}),
    (VARIANT, Variant(VT.BOOL, True), {"type": "VT_BOOL", "value": True}),
    (VARIANT, Variant(VT.R8, float("inf")), {"type": "VT_R8", "value": "inf"}),
    (VARIANT, Variant(VT.CY, Decimal("1.5000")), {"type": "VT_CY", "value": "1.5000"}),
    (VARIANT, Variant(VT.DATE, datetime(2020, 1, 2, 3)), {"type": "VT_DATE", "value": "2020-01-02T03:00:00"}),
    (VARIANT, Variant(VT.DATE, 1e9), {"type": "VT_DATE", "value": 1e9}),
    (VARIANT, Variant(VT.BYREF | VT.BSTR, "x"), {"type": "VT_BYREF|VT_BSTR", "value": "x"}),
    (VARIANT, Variant(VT.DISPATCH, b"\1\2"), {"type": "VT_DISPATCH", "value": [1, 2]}),
    (VARIANT, Variant(VT.DISPATCH, None), {"type": "VT_DISPATCH", "value": None}),
    (
        VARIANT,
        Variant(VT.BYREF | VT.VARIANT, Variant(VT.NULL)),
        {"type": "VT_BYREF|VT_VARIANT", "value": {"type": "VT_NULL", "value": None}},
    ),
    (
        VARIANT,
        Variant(VT.RECORD, Record(1, None, b"\1")),
        {"type": "VT_RECORD", "value": {"flags": 1, "info": None, "data": [1]}},
    ),
    (
        VARIANT,
        Variant(VT.ARRAY | VT.I2, SafeArray(VT.I2, [1, 2])),
        {"type": "VT_ARRAY|VT_I2", "value": {"type": "VT_I2", "items": [1, 2]}},
    ),
    (SAFEARRAY, None, None),
    (SAFEARRAY, SafeArray(VT.UI1, b"ab"), {"type": "VT_UI1", "items": [97, 98]}),
    (
        SAFEARRAY,
        SafeArray(VT.UNKNOWN, [b"\1", None], [Bound(1, -1), Bound(2, 0)], iid=IID, features=0x240),
        {
            "type": "VT_UNKNOWN",
            "items": [[1], None],
            "bounds": [[1, -1], [2, 0]],
            "iid": str(IID),
            "features": 0x240,
        },
    ),
]


@pytest.mark.parametrize(("layout", "value", "data"), FORMS, ids=[repr(form[1]) for form in FORMS])
def test_value_has_a_json_form_and_comes_back(layout: Layout, value: Any, data: Any) -> None:
    assert to_json(layout, value) == data
    found = from_json(layout, json.loads(json.dumps(data)))
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("layout", "data", "value"),
    [
        (VARIANT, None, Variant(VT.EMPTY)),
        (VARIANT, 5, Variant(VT.I4, 5)),
        (VARIANT, "x", Variant(VT.BSTR, "x")),
        (VARIANT, [1, None], Variant(VT.ARRAY | VT.VARIANT, [Variant(VT.I4, 1), Variant(VT.EMPTY)])),
        (VARIANT, {"type": "VT_ARRAY|VT_UI1", "value": [1, 2]}, Variant(VT.ARRAY | VT.UI1, SafeArray(VT.UI1, b"\1\2"))),
        (SAFEARRAY, [1], SafeArray(VT.VARIANT, [Variant(VT.I4, 1)])),
    ],
)
def test_json_that_stands_for_itself_is_taken(layout: Layout, data: Any, value: Any) -> None:
    assert from_json(layout, data) == value


@pytest.mark.parametrize(
    ("layout", "data", "message"),
    [
        (BSTR, 5, "int where text is wanted"),
        (BSTR, {"octets": [300]}, "bytes must be in range"),
        (BSTR, {"text": "x"}, "'text' is not a member"),
        (VARIANT, {"type": "VT_I4"}, "'value' is missing"),
        (VARIANT, {"type": "VT_I5", "value": 1}, "'VT_I5' is no type of automation"),
        (VARIANT, {"type": 5, "value": 1}, "int where the name of a type is wanted"),
        (VARIANT, {"type": "VT_DATE", "value": "2020-13-01"}, "month"),
        (SAFEARRAY, {"type": "VT_I4", "items": 5}, "int where a list is wanted"),
        (SAFEARRAY, 5, "int where an object is wanted"),
    ],
)
def test_json_that_is_no_such_value_is_refused(layout: Layout, data: Any, message: str) -> None:
    with pytest.raises(NdrError, match=message):
        from_json(layout, data)


def test_value_that_has_no_type_is_refused() -> None:
    with pytest.raises(NdrError, match="automation has no type for object"):
        to_json(VARIANT, object())


def test_deep_json_is_refused_not_fatal() -> None:
    data: Any = 5
    for _ in range(5000):
        data = [data]
    with pytest.raises(NdrError):
        from_json(VARIANT, data)
