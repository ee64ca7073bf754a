"""Values to octets: what primitives take, and what they refuse."""

from __future__ import annotations

import enum
import math
import struct
from typing import Any
from uuid import UUID

import pytest

from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.expression import this
from lrpc.runtime.ndr.layout import (
    GUID,
    Boolean,
    Byte,
    ConformantVaryingArray,
    ContextHandle,
    Encoding,
    Enum,
    Float,
    Hyper,
    Layout,
    Long,
    Parameters,
    Range,
    Short,
    Struct,
)


class Color(enum.IntEnum):
    RED = 1


def refused(layout: Layout, value: Any, **keywords: Any) -> NdrError:
    with pytest.raises(NdrError) as caught:
        layout.build(value, **keywords)
    assert caught.value.offset is None
    return caught.value


@pytest.mark.parametrize(
    ("layout", "value"),
    [
        (Byte, 256),
        (Byte, -1),
        (Short, 1 << 15),
        (Long, None),
        (Long, "1"),
        (Long, 1.5),
        (Hyper, 1 << 63),
        (Float, 1e300),
        (Float, "x"),
        (Enum(Color), None),
        (Enum(Color, v1=True), -1),
        (Range(Long, 1, 3), None),
    ],
)
def test_value_that_does_not_fit_its_scalar_is_refused(layout, value):
    error = refused(Struct(dict, "x" / layout), {"x": value})
    assert error.path == "x"
    assert "does not fit" in error.reason


def test_long_values_are_cut_short_in_messages():
    assert refused(Long, "x" * 1000).reason.startswith("['xxx")
    assert len(refused(Long, "x" * 1000).reason) < 80


def test_boolean_is_one_octet_of_one():
    assert Boolean.build(True) == b"\1"


@pytest.mark.parametrize("value", [-1, 0x8000])
def test_enumeration_of_16_bits_sends_0_to_32767_only(value, encoding):
    assert refused(Enum(Color), value, encoding=encoding).status == 0x6F5


def test_range_is_checked_before_sending():
    assert Range(Long, 1, 3).build(3) == b"\3\0\0\0"
    assert refused(Range(Long, 1, 3), 0).status == 0x6C6


def test_nan_is_sent():
    assert math.isnan(struct.unpack("<f", Float.build(math.nan))[0])


@pytest.mark.parametrize("value", [None, "12345778-1234-abcd-ef00-0123456789ac", 5])
def test_uuid_has_to_be_a_uuid(value):
    assert "is no UUID" in refused(GUID, value).reason


@pytest.mark.parametrize("value", [5, (1,), (1, 2), (-1, UUID(int=1)), "ab"])
def test_context_handle_has_to_be_attributes_and_uuid(value):
    assert refused(Parameters("h" / ContextHandle("H")), {"h": value}).path == "h"


def test_null_context_handle_is_twenty_zeros(encoding):
    assert ContextHandle("H").build(None, encoding=encoding) == bytes(20)


def test_count_that_no_word_holds_is_refused():
    layout = ConformantVaryingArray(Byte, this.n, 0)
    assert "does not fit 4 octets" in refused(layout, b"", outer={"n": 1 << 32}).reason
    assert layout.build(b"", outer={"n": 1 << 32}, encoding=Encoding.NDR64)[:8] == b"\0\0\0\0\1\0\0\0"


def test_gaps_are_zeros_and_as_wide_as_the_type_in_its_encoding(encoding):
    layout = Parameters("a" / Byte, "b" / Enum(Color, v1=False))
    octets = layout.build({"a": 0xFF, "b": 1}, encoding=encoding)
    assert len(octets) == (8 if encoding.wide else 4)
    assert not any(octets[1 : len(octets) // 2])


def test_uuid_is_swapped_by_field():
    identity = UUID("12345778-1234-abcd-ef00-0123456789ac")
    assert GUID.build(identity) == identity.bytes_le
    assert GUID.build(identity, encoding=Encoding.NDR_BIG) == identity.bytes
