"""Types of automation, and the scalars that are money, numbers and dates in Python."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrpc.runtime.automation import VT
from lrpc.runtime.automation.types import (
    currency,
    currency_wire,
    decimal,
    decimal_wire,
    moment,
    moment_wire,
    name_of,
)


@pytest.mark.parametrize(
    ("vt", "name"),
    [
        (VT.I4, "VT_I4"),
        (VT.ARRAY | VT.BSTR, "VT_ARRAY|VT_BSTR"),
        (VT.BYREF | VT.ARRAY | VT.UI1, "VT_BYREF|VT_ARRAY|VT_UI1"),
        (VT.ARRAY, "VT_ARRAY|VT_EMPTY"),
        (99, "0x63"),
        (0x1003, "0x1003"),
    ],
)
def test_type_has_a_name(vt: int, name: str) -> None:
    assert name_of(vt) == name


# Money


@pytest.mark.parametrize(
    ("number", "amount"),
    [(0, "0.0000"), (31400, "3.1400"), (-1, "-0.0001"), ((1 << 63) - 1, "922337203685477.5807"), (-(1 << 63), None)],
)
def test_currency_has_four_digits_behind_the_point(number: int, amount: str | None) -> None:
    assert amount is None or str(currency(number)) == amount
    assert currency_wire(currency(number)) == number


def test_currency_takes_any_number_that_fits() -> None:
    assert currency_wire(3) == 30000
    assert currency_wire(Decimal("3.50000")) == 35000
    assert currency_wire(Decimal("1E+3")) == 10_000_000


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (Decimal("0.00001"), ValueError),
        (Decimal("922337203685477.5808"), ValueError),
        (Decimal("NaN"), ValueError),
        (Decimal("Infinity"), ValueError),
        (Decimal("1E+999999"), ValueError),
        (1.5, TypeError),
        (True, TypeError),
        ("3", TypeError),
    ],
)
def test_what_is_no_currency_is_refused(value: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        currency_wire(value)


# Decimals


@pytest.mark.parametrize(
    ("wire", "text"),
    [
        ((0, 0, 0), "0"),
        ((2, 0x80, 314), "-3.14"),
        ((0, 0x80, 0), "-0"),
        ((28, 0, 1), "1E-28"),
        ((0, 0, (1 << 96) - 1), "79228162514264337593543950335"),
        ((3, 0, 1500), "1.500"),
    ],
)
def test_decimal_keeps_its_digits_and_its_sign(wire: tuple[int, int, int], text: str) -> None:
    assert str(decimal(*wire)) == text
    assert decimal_wire(Decimal(text)) == wire


def test_decimal_is_not_rounded_by_a_context() -> None:
    with localcontext() as context:
        context.prec = 3
        assert decimal_wire(decimal(0, 0, 123456789)) == (0, 0, 123456789)


def test_decimal_takes_what_fits() -> None:
    assert decimal_wire(7) == (0, 0, 7)
    assert decimal_wire(-7) == (0, 0x80, 7)
    assert decimal_wire(Decimal("1E+2")) == (0, 0, 100)
    assert decimal_wire(Decimal("1." + "0" * 40)) == (28, 0, 10**28)


@pytest.mark.parametrize("value", [1 << 96, Decimal("1E-29"), Decimal("1E+30"), Decimal("sNaN"), Decimal("1E+400")])
def test_what_is_no_decimal_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        decimal_wire(value)


@pytest.mark.parametrize(("scale", "sign"), [(29, 0), (0, 1), (255, 0x80)])
def test_decimal_of_another_scale_or_sign_is_refused(scale: int, sign: int) -> None:
    with pytest.raises(ValueError, match="a DECIMAL of scale"):
        decimal(scale, sign, 1)


# Dates

DATES = [
    (0.0, datetime(1899, 12, 30)),
    (1.25, datetime(1899, 12, 31, 6)),
    (-1.25, datetime(1899, 12, 29, 6)),
    (-0.75, datetime(1899, 12, 30, 18)),
    (25569.0, datetime(1970, 1, 1)),
    (-657434.0, datetime(100, 1, 1)),
    (2958465.0, datetime(9999, 12, 31)),
]


@pytest.mark.parametrize(("days", "at"), DATES)
def test_date_is_days_since_the_end_of_1899(days: float, at: datetime) -> None:
    assert moment(days) == at
    assert moment_wire(at) == (abs(days) if days == -0.75 else days)


def test_date_of_windows_is_read() -> None:
    """From a capture of an OPC server: 40e68c16c3fb72ea."""
    days = float.fromhex("0x1.68c16c3fb72eap+15")
    assert moment(days) == datetime(2026, 6, 3, 17, 4, 27)
    assert moment_wire(moment(days)) == days


@pytest.mark.parametrize("days", [math.inf, -math.inf, 3e6, -1e9, 1e308])
def test_date_that_datetime_has_not_stays_a_number(days: float) -> None:
    assert moment(days) == days
    assert moment_wire(days) == days


def test_date_that_is_no_number_stays_none() -> None:
    assert math.isnan(float(moment_wire(moment(math.nan))))


def test_day_is_its_midnight() -> None:
    assert moment_wire(date(1970, 1, 1)) == 25569.0


def test_time_zone_and_other_types_are_refused() -> None:
    with pytest.raises(ValueError, match="has a time zone"):
        moment_wire(datetime(2020, 1, 1, tzinfo=UTC))
    for value in ("2020-01-01", True, None):
        with pytest.raises(TypeError, match="where a datetime is wanted"):
            moment_wire(value)


@given(st.datetimes(min_value=datetime(1721, 1, 1), max_value=datetime(2079, 1, 1)))
def test_date_survives_to_the_microsecond(at: datetime) -> None:
    assert moment(moment_wire(at)) == at


@given(st.floats(-657434, 2958465))
def test_date_that_was_read_is_settled(days: float) -> None:
    at = moment(days)
    assert moment(moment_wire(at)) == at
