"""SAFEARRAY: items, dimensions, and what the octets say of themselves ([MS-OAUT] 2.2.30)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from lrpc.runtime.automation import SAFEARRAY, VT, Bound, Record, SafeArray, Variant
from lrpc.runtime.automation.safearray import (
    MAX_DIMENSIONS,
    Items,
    Union,
    WireSafeArray,
    from_wire,
    retyped,
    to_wire,
)
from lrpc.runtime.ndr.compiler import compiled_type
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.layout import AUTO, Encoding

IID = UUID("00000131-0000-0000-c000-000000000046")
ARRAYS = [
    SafeArray(VT.I1, [-128, 127]),
    SafeArray(VT.UI1, b"\0\xff"),
    SafeArray(VT.I2, [-32768, 32767]),
    SafeArray(VT.UI2, [0, 65535]),
    SafeArray(VT.BOOL, [True, False]),
    SafeArray(VT.I4, [-(1 << 31)]),
    SafeArray(VT.UI4, [(1 << 32) - 1]),
    SafeArray(VT.INT, [-1]),
    SafeArray(VT.UINT, [1]),
    SafeArray(VT.ERROR, [0x80020004]),
    SafeArray(VT.R4, [1.5, -0.25]),
    SafeArray(VT.I8, [-(1 << 63)]),
    SafeArray(VT.UI8, [(1 << 64) - 1]),
    SafeArray(VT.R8, [1e300]),
    SafeArray(VT.CY, [Decimal("1.5000")]),
    SafeArray(VT.DATE, [datetime(2020, 2, 29, 12)]),
    SafeArray(VT.BSTR, ["a", "", None]),
    SafeArray(VT.VARIANT, [Variant(VT.I4, 1), Variant(VT.BSTR, "x"), Variant(VT.EMPTY)]),
    SafeArray(VT.UNKNOWN, [b"MEOW", None]),
    SafeArray(VT.DISPATCH, [None]),
    SafeArray(VT.UNKNOWN, [b"MEOW"], iid=IID),
    SafeArray(VT.DISPATCH, [b"MEOW", None], iid=IID),
    SafeArray(VT.RECORD, [Record(1, b"MEOW", b"\1\2"), Record(0, None, None)]),
    SafeArray(VT.I4, []),
    SafeArray(VT.BSTR, []),
    SafeArray(VT.I4, [1, 2], [Bound(2, -5)]),
    SafeArray(VT.I4, [1, 2, 3, 4, 5, 6], [Bound(2), Bound(3, 1)]),
    SafeArray(VT.I4, [5], features=0),
    SafeArray(VT.BSTR, ["x"], features=0x100),
    SafeArray(VT.UNKNOWN, [None], features=0x240),
]


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize("array", ARRAYS, ids=repr)
def test_array_survives_in_both_readers(array: SafeArray, encoding: Encoding) -> None:
    codec = compiled_type(SAFEARRAY, encoding)
    stub = b"".join(codec.encode((array,)))
    assert SAFEARRAY.build(array, encoding=encoding) == stub
    assert codec.decode(stub) == (array,)
    assert SAFEARRAY.parse(stub, encoding=encoding) == array


def test_array_is_on_the_wire_as_the_specification_has_it() -> None:
    stub = b"".join(compiled_type(SAFEARRAY).encode((SafeArray(VT.I2, [1, 2, 3, 4, 5, 6], [Bound(3), Bound(2, 1)]),)))
    assert stub.hex(" ", 4) == (
        "00000200 02000000 "  # the pointer, the maximum count of the bounds
        "02008000 02000000 00000200 "  # two dimensions, FADF_HAVEVARTYPE, two octets each, VT_I2
        "02000000 06000000 04000200 "  # SF_I2, six items
        "02000000 01000000 03000000 00000000 "  # the rightmost dimension first
        "06000000 01000200 03000400 05000600"
    )


def test_null_array_is_none() -> None:
    assert b"".join(compiled_type(SAFEARRAY).encode((None,))) == bytes(4)
    assert compiled_type(SAFEARRAY).decode(bytes(4)) == (None,)


@pytest.mark.parametrize(
    ("value", "array"),
    [
        (b"ab", SafeArray(VT.UI1, b"ab")),
        (bytearray(b"ab"), SafeArray(VT.UI1, b"ab")),
        ([1, "a"], SafeArray(VT.VARIANT, [Variant(VT.I4, 1), Variant(VT.BSTR, "a")])),
        ((), SafeArray(VT.VARIANT, [])),
    ],
)
def test_octets_and_lists_are_arrays(value: Any, array: SafeArray) -> None:
    codec = compiled_type(SAFEARRAY)
    assert codec.decode(b"".join(codec.encode((value,)))) == (array,)


# Dimensions


def test_leftmost_index_changes_fastest() -> None:
    array = SafeArray.of([[1, 2, 3], [4, 5, 6]], VT.I4, dimensions=2)
    assert array == SafeArray(VT.I4, [1, 4, 2, 5, 3, 6], [Bound(2), Bound(3)])
    assert array.nested() == [[1, 2, 3], [4, 5, 6]]


def test_lists_in_lists_in_lists_come_back() -> None:
    rows = [[[n, -n] for n in range(3)] for _ in range(4)]
    array = SafeArray.of(rows, VT.I2, dimensions=3)
    assert ([bound.count for bound in array.bounds], array.nested()) == ([4, 3, 2], rows)
    assert SafeArray.of(b"ab", VT.UI1).items == b"ab"
    assert SafeArray.of([], dimensions=2).nested() == []
    assert SafeArray(VT.UI1, b"ab").nested() == [97, 98]


def test_rows_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="rows of different lengths"):
        SafeArray.of([[1], [2, 3]], dimensions=2)


# What is refused


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (SafeArray(VT.DECIMAL, [Decimal(1)]), "no array has items of VT_DECIMAL"),
        (SafeArray(VT.EMPTY, []), "no array has items of VT_EMPTY"),
        (SafeArray(VT.I4, [1, 2], [Bound(3)]), "2 items in dimensions that hold 3"),
        (SafeArray(VT.I4, [1], [Bound(1)] * (MAX_DIMENSIONS + 1)), "an array of 65 dimensions"),
        (SafeArray(VT.I4, [1], features=0x100), "features 0x100 on an array of the form 0x3"),
        (SafeArray(VT.I1, [128]), "signed char is greater than maximum"),
        (SafeArray(VT.I2, [40000]), "32767"),
        (SafeArray(VT.R4, [1e300]), "float too large"),
        (SafeArray(VT.BSTR, "text"), "an array takes a list, not str"),
        (SafeArray(VT.BSTR, [5]), "a BSTR is a str, not int"),
        (SafeArray(VT.RECORD, [5]), "int where a Record is wanted"),
        (5, "int where a SafeArray is wanted"),
    ],
)
def test_array_that_cannot_be_is_refused_by_both(array: Any, message: str) -> None:
    with pytest.raises(NdrError, match=message):
        compiled_type(SAFEARRAY).encode((array,))
    with pytest.raises(NdrError, match=message):
        SAFEARRAY.build(array)


GOOD = WireSafeArray(1, 0x80, 4, VT.I4 << 16, Union(VT.I4, Items(1, [5])), [Bound(1)])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fFeatures": 0x180}, "features 0x180 on an array of the form 0x3"),
        ({"fFeatures": 0xC0}, "features 0xc0"),
        ({"cLocks": VT.I2 << 16}, "items of VT_I2 in the form 0x3"),
        ({"cLocks": VT.DECIMAL << 16}, "items of VT_DECIMAL in the form 0x3"),
        ({"fFeatures": 0}, "an array without a type says VT_I4"),
        ({"rgsabound": [Bound(2)]}, "1 items in dimensions that hold 2"),
        ({"rgsabound": []}, "an array of 0 dimensions"),
        ({"rgsabound": [Bound(1)] * 65}, "an array of 65 dimensions"),
        ({"uArrayStructs": Union(10, None)}, "SF_ERROR"),
    ],
)
def test_array_that_contradicts_itself_is_refused(changes: dict[str, Any], message: str) -> None:
    assert from_wire(GOOD) == SafeArray(VT.I4, [5])
    with pytest.raises(ValueError, match=message):
        from_wire(replace(GOOD, **changes))


def test_memory_of_the_sender_is_not_looked_at() -> None:
    assert from_wire(replace(GOOD, fFeatures=0x80 | 0x17, cLocks=VT.I4 << 16 | 3, cbElements=99)) == from_wire(GOOD)


def test_array_that_does_not_say_its_type_has_that_of_its_form_until_it_is_told() -> None:
    wire = replace(GOOD, fFeatures=0, cLocks=0, uArrayStructs=Union(VT.I4, Items(1, [0x3FC00000])))
    found = from_wire(wire)
    assert found == SafeArray(VT.I4, [0x3FC00000], features=0)
    assert found is not None
    assert retyped(found, VT.R4) == SafeArray(VT.R4, [1.5], features=0)
    assert retyped(found, VT.I8) is found
    assert to_wire(retyped(found, VT.R4)) == replace(
        wire, cDims=AUTO, uArrayStructs=Union(VT.I4, Items(AUTO, [0x3FC00000]))
    )
