"""Octets to values: what primitives become, and the checks that wait for siblings."""

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
    BitSet,
    Boolean,
    Byte,
    ConformantArray,
    ConformantVaryingArray,
    ContextHandle,
    Double,
    Encoding,
    Enum,
    Hyper,
    Layout,
    Long,
    Parameters,
    Range,
    Short,
    Struct,
    UniquePtr,
    UShort,
    WChar,
)


class Color(enum.IntEnum):
    RED = 1


ID = "00 00 02 00"


def refused(layout: Layout, octets: str | bytes, **keywords: Any) -> NdrError:
    stub = bytes.fromhex(octets) if isinstance(octets, str) else octets
    with pytest.raises(NdrError) as caught:
        layout.parse(stub, **keywords)
    return caught.value


def test_size_may_travel_after_its_array():
    layout = Parameters("a" / ConformantArray(Byte, this.n), "n" / Short)
    assert layout.parse(b"\2\0\0\0ab\2\0") == {"a": b"ab", "n": 2}
    assert refused(layout, b"\2\0\0\0ab\3\0").path == "a"


def test_size_behind_a_pointer_is_the_integer_it_points_to():
    layout = Parameters("n" / UniquePtr(Long), "a" / UniquePtr(ConformantArray(Byte, this.n)))
    octets = bytes.fromhex(f"{ID} 02 00 00 00 {ID} 02 00 00 00 61 62")
    assert layout.parse(octets) == {"n": 2, "a": b"ab"}
    assert refused(layout, f"00 00 00 00 {ID} 00 00 00 00").reason == "n gives a size but is null"
    assert layout.parse(bytes(8)) == {"n": None, "a": None}


def test_null_pointer_to_a_size_or_a_length_is_refused():
    array = ConformantVaryingArray(WChar, this.room // 2, this.size // 2)
    layout = Struct(dict, "size" / Short, "room" / Short, "p" / UniquePtr(array))
    assert layout.parse(bytes(8)) == {"size": 0, "room": 0, "p": None}
    for counts in ("0000 0200", "0200 0000"):
        error = refused(Parameters("s" / layout), counts + "00 00 00 00")
        assert (error.path, error.reason) == ("s.p", "a null pointer to 1 items")


def test_boolean_other_than_one_is_true():
    assert Boolean.parse(b"\x02") is True


def test_enumeration_reads_members_and_keeps_other_values():
    assert Enum(Color).parse(b"\1\0") is Color.RED
    assert Enum(Color).parse(b"\xff\xff") == 0xFFFF
    assert refused(Enum(Color), "00 00 01 00", encoding=Encoding.NDR64).status == 0x6F5
    assert Enum(Color, v1=True).parse(b"\0\0\1\0", encoding=Encoding.NDR64) == 0x10000


def test_range_is_checked():
    assert Range(Long, 1, 3).parse(b"\3\0\0\0") == 3
    error = refused(Range(Long, 1, 3), "04 00 00 00")
    assert (error.reason, error.status) == ("4 is outside 1..3", 0x6C6)


def test_floats_keep_their_bits():
    for value in (math.inf, -0.0, 5e-324):
        assert Double.build(Double.parse(struct.pack("<d", value))) == struct.pack("<d", value)
    assert math.isnan(Double.parse(struct.pack("<d", math.nan)))


def test_uuid_is_swapped_by_field():
    identity = UUID("12345778-1234-abcd-ef00-0123456789ac")
    assert GUID.parse(identity.bytes_le) == identity
    assert GUID.parse(identity.bytes, encoding=Encoding.NDR_BIG) == identity


def test_null_context_handle_is_none():
    handle = ContextHandle("H")
    assert handle.parse(bytes(20)) is None
    assert handle.parse(b"\1" + bytes(19)) == (1, UUID(int=0))
    assert handle.parse(b"\0\0\0\1" + bytes(15) + b"\2", encoding=Encoding.NDR_BIG) == (1, UUID(int=2))


def test_gap_may_hold_anything():
    assert Struct(dict, "a" / Byte, "b" / Long).parse(bytes.fromhex("01 ffffff 02000000")) == {"a": 1, "b": 2}


@pytest.mark.parametrize("octets", [b"", b"\1", b"\1\0\0"])
def test_stub_that_ends_early_says_what_is_wanted_and_what_is_left(octets):
    error = refused(Long, octets)
    assert (error.reason, error.offset) == (f"long takes 4 octets, {len(octets)} are left", 0)


def test_stub_that_ends_in_a_gap_has_nothing_left():
    error = refused(Parameters("a" / Byte, "b" / Hyper), b"\1\0\0")
    assert (error.path, error.offset, error.reason) == ("b", 8, "hyper takes 8 octets, 0 are left")


def test_bits_without_a_name_are_kept():
    class Access(enum.IntFlag):
        READ = 1

    assert BitSet(Access, UShort).parse(b"\1\x80") == 0x8001
    assert Access.READ in BitSet(Access, UShort).parse(b"\1\x80")
