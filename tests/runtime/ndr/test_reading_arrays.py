"""The reading half: arrays and strings."""

from __future__ import annotations

import dataclasses
import struct
from typing import Any

import pytest

from lrpc.runtime.ndr.compiler import compiled, compiled_type
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.expression import this
from lrpc.runtime.ndr.layout import (
    Array,
    Byte,
    Char,
    ConformantArray,
    ConformantVaryingArray,
    Double,
    Encoding,
    FixedArray,
    Hyper,
    Layout,
    Long,
    Parameters,
    Short,
    String,
    Struct,
    UniquePtr,
    VaryingArray,
    WChar,
)

Two = dataclasses.make_dataclass("Two", ["a", "b"], slots=True)
Empty = dataclasses.make_dataclass("Empty", [])


def words(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


def read(layout: Layout, stub: bytes, encoding: Encoding = Encoding.NDR) -> Any:
    return compiled_type(layout, encoding).decode(stub)[0]


def test_numbers_follow_the_byte_order():
    assert read(ConformantArray(Short), struct.pack("<I2h", 2, 1, -2)) == [1, -2]
    assert read(ConformantArray(Short), struct.pack(">I2h", 2, 1, -2), Encoding.NDR_BIG) == [1, -2]
    assert read(ConformantArray(Double), struct.pack(">I4xd", 1, 0.5), Encoding.NDR_BIG) == [0.5]
    assert read(ConformantArray(WChar), struct.pack(">I2H", 2, 0x61, 0xD800), Encoding.NDR_BIG) == "a\ud800"


@pytest.mark.parametrize("element", [Hyper, Double, UniquePtr(Long), Struct(Two, "a" / Hyper, "b" / Byte)], ids=repr)
def test_array_without_items_has_no_gap(element):
    codec = compiled(Parameters("a" / ConformantArray(element), "z" / Long))
    assert codec.decode(words(0, 7)) == ([], 7)


def test_gaps_stand_between_items_but_not_behind_the_last():
    item = Struct(Two, "a" / Short, "b" / Byte)
    codec = compiled(Parameters("a" / ConformantArray(item), "z" / Byte))
    assert codec.decode(words(2) + bytes.fromhex("0100 02 ee 0300 04 05")) == ([Two(1, 2), Two(3, 4)], 5)
    with pytest.raises(NdrError):
        codec.decode(words(2) + bytes.fromhex("0100 02 ee 0300"))


def test_items_without_octets_are_read():
    assert read(ConformantArray(Struct(Empty)), words(2)) == [Empty(), Empty()]
    assert read(ConformantArray(FixedArray(Byte, 0)), words(2)) == [b"", b""]


@pytest.mark.parametrize("bound", [0, 2, 40])
def test_fixed_arrays_are_their_items(bound):
    assert read(FixedArray(Long, bound), words(*range(bound))) == list(range(bound))
    assert read(FixedArray(UniquePtr(Short), bound), bytes(4 * bound)) == [None] * bound
    assert read(FixedArray(Char, bound), b"x" * bound) == b"x" * bound
    assert read(FixedArray(WChar, bound), b"x\0" * bound) == "x" * bound


def test_arrays_of_varying_items_are_read_one_by_one():
    layout = ConformantArray(String(Char, bound=4))  # C706 14.3.5: the strings' maximum count is beside the array's
    assert read(layout, words(2, 4, 0, 2) + b"a\0\0\0" + words(0, 3) + b"bc\0") == ["a", "bc"]
    layout = ConformantArray(VaryingArray(Hyper, 2, this.n))
    codec = compiled(Parameters("n" / Long, "a" / layout))
    assert codec.decode(words(1, 2, 0, 1) + struct.pack("<q", 5) + words(0, 1) + struct.pack("<q", 6)) == (
        1,
        [[5], [6]],
    )


@pytest.mark.parametrize(
    ("counts", "good"),
    [((3, 0, 3), True), ((3, 1, 2), False), ((3, 0, 2), False), ((3, 1, 3), False), ((3, 0xFFFF_FFFF, 1), False)],
)
def test_varying_array_without_expressions_is_whole(counts, good):
    layout = ConformantVaryingArray(Byte, None, this.elsewhere)
    layout.length = None
    stub = words(*counts) + bytes(3)
    if good:
        assert read(layout, stub) == bytes(3)
    else:
        with pytest.raises(NdrError):
            read(layout, stub)


def test_varying_array_without_a_first_starts_at_its_beginning():
    codec = compiled(Parameters("n" / Long, "a" / Array(Byte, bound=3, length=this.n)))
    assert codec.decode(words(2, 0, 2) + b"ab") == (2, b"ab")
    with pytest.raises(NdrError):
        codec.decode(words(2, 1, 2) + b"ab")


@pytest.mark.parametrize(("first", "length", "good"), [(0, 3, True), (1, 2, True), (0, 4, False), (2, 2, False)])
def test_varying_array_fits_its_bound(first, length, good):
    codec = compiled(Parameters("f" / Long, "n" / Long, "a" / VaryingArray(Byte, 3, this.n, this.f)))
    stub = words(first, length, first, length) + bytes(length)
    if good:
        assert codec.decode(stub) == (first, length, bytes(length))
    else:
        with pytest.raises(NdrError):
            codec.decode(stub)


@pytest.mark.parametrize("layout", [ConformantArray(Byte, limits=(1, 2)), String(Char, limits=(1, 2))], ids=repr)
@pytest.mark.parametrize("count", [0, 3])
def test_maximum_count_outside_its_range_is_refused(layout, count):
    with pytest.raises(NdrError) as caught:
        read(layout, words(count, 0, count) + bytes(4))
    assert caught.value.status == 0x6C6


def test_conformant_array_in_the_middle_is_the_programmers_error():
    with pytest.raises(TypeError):
        read(Struct(Two, "a" / ConformantArray(Byte), "b" / Byte), bytes(9))


@pytest.mark.parametrize(
    ("counts", "octets", "good"),
    [
        ((2, 0, 2), b"a\0b\0", False),
        ((2, 0, 2), b"a\0\0\0", True),
        ((9, 0, 2), b"a\0\0\0", True),
        ((1, 0, 2), b"a\0\0\0", False),
        ((2, 1, 1), b"a\0\0\0", False),
        ((2, 0, 0), b"a\0\0\0", False),
        ((2, 0, 2), b"a\0\0\1", False),
        ((2, 0, 2), b"a\0\0", False),
    ],
)
def test_string_has_its_counts_and_a_terminator(counts, octets, good):
    if good:
        assert read(String(WChar), words(*counts) + octets) == "a"
    else:
        with pytest.raises(NdrError):
            read(String(WChar), words(*counts) + octets)


def test_octets_of_a_string_are_kept():
    assert read(String(Char), words(4, 0, 4) + b"\xc3\xa9\xff\0") == "\xe9\udcff"
    with pytest.raises(NdrError):
        read(String(Byte), words(2, 0, 2) + b"ab")


def test_lone_surrogates_are_kept():
    assert read(String(WChar), words(2, 0, 2) + b"\x00\xd8\0\0") == "\ud800"
    assert read(FixedArray(WChar, 2), b"\x00\xd8\x00\xdc") == "\U00010000"
