"""VARIANT: which type a Python value has, and which values a type has ([MS-OAUT] 2.2.29)."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from lrpc.runtime.automation import VARIANT, VT, SafeArray, Variant
from lrpc.runtime.automation.variant import Arm, WireVariant, from_wire
from lrpc.runtime.ndr.compiler import compiled_type
from lrpc.runtime.ndr.errors import NdrError


@pytest.mark.parametrize(
    ("value", "vt"),
    [
        (None, VT.EMPTY),
        (True, VT.BOOL),
        (5, VT.I4),
        (-(1 << 31), VT.I4),
        (1 << 31, VT.I8),
        (-(1 << 63), VT.I8),
        (1 << 63, VT.UI8),
        (1 << 64, VT.DECIMAL),
        (1.5, VT.R8),
        ("x", VT.BSTR),
        (Decimal("1.5"), VT.DECIMAL),
        (datetime(2020, 1, 1), VT.DATE),
        (date(2020, 1, 1), VT.DATE),
        (b"x", VT.ARRAY | VT.UI1),
        ([1], VT.ARRAY | VT.VARIANT),
        ((), VT.ARRAY | VT.VARIANT),
        (SafeArray(VT.I2, [1]), VT.ARRAY | VT.I2),
        (Variant(VT.CY, 5), VT.CY),
    ],
)
def test_python_value_has_a_type(value: Any, vt: int) -> None:
    assert Variant.of(value).vt == vt
    codec = compiled_type(VARIANT)
    assert codec.decode(b"".join(codec.encode((value,))))[0].vt == vt


@pytest.mark.parametrize("value", [object(), {"a": 1}, {1}, 1j])
def test_what_automation_has_no_type_for_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="automation has no type for"):
        Variant.of(value)
    with pytest.raises(NdrError, match="automation has no type for"):
        compiled_type(VARIANT).encode((value,))


def test_variant_shows_its_type() -> None:
    assert repr(Variant(VT.BYREF | VT.I4, 5)) == "Variant(VT_BYREF|VT_I4, 5)"


def test_array_of_a_variant_may_be_a_list() -> None:
    codec = compiled_type(VARIANT)
    [found] = codec.decode(b"".join(codec.encode((Variant(VT.ARRAY | VT.I2, [1, 2]),))))
    assert found == Variant(VT.ARRAY | VT.I2, SafeArray(VT.I2, [1, 2]))


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        (Variant(VT.I4, "x"), "does not fit long"),
        (Variant(VT.UI1, 256), "256"),
        (Variant(VT.DECIMAL, 1.5), "float where a Decimal is wanted"),
        (Variant(VT.BSTR, 5), "a BSTR is a str, not int"),
        (Variant(VT.ARRAY | VT.I4, 5), "int where a SafeArray is wanted"),
        (Variant(VT.VARIANT, 5), "VT_VARIANT|no arm"),
        (Variant(0x1003, 5), "no arm"),
        (Variant(VT.BYREF, 5), "no arm"),
        (Variant(VT.EMPTY, 5), "holds nothing|no data|None"),
    ],
)
def test_value_that_does_not_fit_its_type_is_refused_by_both(variant: Variant, message: str) -> None:
    with pytest.raises(NdrError, match=message):
        compiled_type(VARIANT).encode((variant,))
    with pytest.raises(NdrError, match=message):
        VARIANT.build(variant)


def test_null_pointer_is_empty() -> None:
    assert compiled_type(VARIANT).decode(bytes(4)) == (Variant(VT.EMPTY),)


def test_any_boolean_that_is_not_zero_is_true() -> None:
    assert from_wire(WireVariant(3, 0, VT.BOOL, 0, 0, 0, Arm(VT.BOOL, 1))) == Variant(VT.BOOL, True)


@pytest.mark.parametrize(
    ("vt", "tag"), [(VT.I4, VT.I2), (VT.ARRAY | VT.I4, VT.ARRAY | VT.I4), (VT.ARRAY | VT.BYREF | VT.I4, VT.ARRAY)]
)
def test_tag_that_is_not_that_of_the_type_is_refused(vt: int, tag: int) -> None:
    with pytest.raises(ValueError, match="in a VARIANT of"):
        from_wire(WireVariant(3, 0, vt, 0, 0, 0, Arm(tag, None)))


def test_array_without_a_type_takes_that_of_the_variant() -> None:
    codec = compiled_type(VARIANT)
    sent = Variant(VT.ARRAY | VT.R4, SafeArray(VT.R4, [1.5], features=0))
    assert codec.decode(b"".join(codec.encode((sent,)))) == (sent,)
