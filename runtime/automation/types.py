"""The types of automation by their numbers, and scalars that Python has a better type for: money, dates, decimals.

Each scalar has a pair of functions: from what travels, and to it. Sources: [MS-OAUT] 2.2.7, 2.2.24 to 2.2.26.
"""

from __future__ import annotations

import enum
import math
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final


class VT(enum.IntEnum):
    """VARENUM: the types of a VARIANT, and the two that go with another one, ARRAY and BYREF."""

    EMPTY = 0
    NULL = 1
    I2 = 2
    I4 = 3
    R4 = 4
    R8 = 5
    CY = 6
    DATE = 7
    BSTR = 8
    DISPATCH = 9
    ERROR = 10
    BOOL = 11
    VARIANT = 12
    UNKNOWN = 13
    DECIMAL = 14
    I1 = 16
    UI1 = 17
    UI2 = 18
    UI4 = 19
    I8 = 20
    UI8 = 21
    INT = 22
    UINT = 23
    RECORD = 36
    ARRAY = 0x2000
    BYREF = 0x4000


TYPE_MASK: Final = 0x0FFF
"""The type without ARRAY and BYREF."""


def name_of(vt: int) -> str:
    """A type in words: `VT_BYREF|VT_ARRAY|VT_I4`."""
    flags = [f"VT_{flag.name}" for flag in (VT.BYREF, VT.ARRAY) if vt & flag]
    rest = vt & ~(VT.BYREF | VT.ARRAY)
    return "|".join([*flags, f"VT_{VT(rest).name}" if rest in _NUMBERS else f"{rest:#x}"])


_NUMBERS: Final = frozenset(int(one) for one in VT)


# CURRENCY: ten thousandths in 64 bits

_CURRENCY_DIGITS: Final = 4


def currency(number: int) -> Decimal:
    """The amount of a CURRENCY."""
    return _decimal(number, _CURRENCY_DIGITS)


def currency_wire(value: Any) -> int:
    """A CURRENCY of a Decimal or int. ValueError when it has more than four digits behind the point, or too many."""
    found, scale = _scaled(value, _CURRENCY_DIGITS)
    number: int = found * 10 ** (_CURRENCY_DIGITS - scale)
    if not -(1 << 63) <= number < 1 << 63:
        raise ValueError(f"{value} is too large for VT_CY")
    return number


# DECIMAL: a sign, 96 bits, and how many of its digits are behind the point

_DECIMAL_DIGITS: Final = 28
_NEGATIVE: Final = 0x80


def decimal(scale: int, sign: int, digits: int) -> Decimal:
    """The number of a DECIMAL. ValueError for a scale or a sign that there is not."""
    if scale > _DECIMAL_DIGITS or sign not in (0, _NEGATIVE):
        raise ValueError(f"a DECIMAL of scale {scale} and sign {sign:#x}")
    return _decimal(digits, scale, negative=sign == _NEGATIVE)


def decimal_wire(value: Any) -> tuple[int, int, int]:
    """Scale, sign and digits of a Decimal or int. ValueError when they do not fit."""
    number, scale = _scaled(value, _DECIMAL_DIGITS)
    if abs(number) >= 1 << 96:
        raise ValueError(f"{value} is too large for VT_DECIMAL")
    negative = number < 0 or (isinstance(value, Decimal) and value.is_signed())
    return scale, _NEGATIVE * negative, abs(number)


def _decimal(number: int, scale: int, *, negative: bool = False) -> Decimal:
    """Without the rounding of a context."""
    digits = tuple(int(digit) for digit in str(abs(number)))
    return Decimal((int(negative or number < 0), digits, -scale))


def _scaled(value: Any, most: int) -> tuple[int, int]:
    """A number as an integer and how many of its digits are behind the point, at most `most`."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise TypeError(f"{type(value).__name__} where a Decimal is wanted")
    sign, digits, exponent = Decimal(value).as_tuple()
    if not isinstance(exponent, int) or exponent > most + 40:
        raise ValueError(f"{value} is no number that fits")
    kept = list(digits)
    while exponent < -most and kept and kept[-1] == 0:
        kept.pop()
        exponent += 1
    if exponent < -most and any(kept):
        raise ValueError(f"{value} has more than {most} digits behind the point")
    number = int("".join(map(str, kept)) or "0") * 10 ** max(0, exponent)
    return -number if sign else number, min(most, max(0, -exponent))


# DATE: days since the end of 1899 as a double; the fraction is the time of day, also of days before

_FIRST: Final = datetime(1899, 12, 30)
_DAY: Final = 86_400_000_000
"""Microseconds."""


def moment(days: float) -> datetime | float:
    """The time of a DATE, to the microsecond; the number itself where datetime has none for it."""
    if not math.isfinite(days):
        return days
    whole = math.trunc(days)
    try:
        return _FIRST + timedelta(days=whole, microseconds=round(abs(days - whole) * _DAY))
    except OverflowError:
        return days


def moment_wire(value: Any) -> float:
    """A DATE of a datetime, a date, or a number of days. ValueError for a time with a time zone, which DATE has not."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, date):
        raise TypeError(f"{type(value).__name__} where a datetime is wanted")
    at = value if isinstance(value, datetime) else datetime.combine(value, time())
    if at.tzinfo is not None:
        raise ValueError(f"{at} has a time zone, VT_DATE has none")
    since = at - _FIRST
    fraction = (since.seconds * 1_000_000 + since.microseconds) / _DAY
    return since.days + fraction if since.days >= 0 else since.days - fraction
