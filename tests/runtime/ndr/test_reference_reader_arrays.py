"""Octets to values: the counts of arrays, strings and pipes, and what they may cost."""

from __future__ import annotations

import dataclasses
import struct
from typing import Any

import pytest

from lrpc.runtime.ndr import reference_reader_fields
from lrpc.runtime.ndr.budget import MAX_ITEMS
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.expression import this
from lrpc.runtime.ndr.layout import (
    GUID,
    Array,
    Byte,
    Char,
    ConformantArray,
    ConformantVaryingArray,
    ContextHandle,
    Dimension,
    Encoding,
    Layout,
    Long,
    MultiArray,
    Parameters,
    Pipe,
    Short,
    String,
    Struct,
    UniquePtr,
    VaryingArray,
    WChar,
)
from lrpc.runtime.ndr.layout_arrays import EMPTY_ROWS


@dataclasses.dataclass
class Node:
    v: int
    next: Any


NODE: Struct = Struct(Node, "v" / Long, "next" / UniquePtr(lambda: NODE))


def refused(layout: Layout, octets: str | bytes, **keywords: Any) -> NdrError:
    stub = bytes.fromhex(octets) if isinstance(octets, str) else octets
    with pytest.raises(NdrError) as caught:
        layout.parse(stub, **keywords)
    return caught.value


def test_count_that_the_stub_cannot_hold_is_refused_before_memory_is_taken():
    error = refused(ConformantArray(Long), "ff ff ff ff 01 00 00 00")
    assert error.reason == "4294967295 items do not fit in the 4 octets left"
    assert (error.offset, error.status) == (4, 0x6F7)


def test_wide_count_that_the_stub_cannot_hold_is_refused():
    assert "do not fit" in refused(ConformantArray(NODE), b"\xff" * 16, encoding=Encoding.NDR64).reason


def test_least_size_of_a_structure_bounds_its_count():
    pair = Struct(dict, "g" / GUID, "h" / ContextHandle("H"), "s" / String(Char, bound=4), "n" / NODE)
    error = refused(ConformantArray(pair), struct.pack("<I", 3) + bytes(100))
    assert error.reason == "3 items do not fit in the 100 octets left"


@pytest.mark.parametrize("count", [MAX_ITEMS + 1, 0xFFFF_FFFF])
def test_elements_that_take_no_octets_count_against_the_item_limit(count):
    error = refused(ConformantArray(Struct(dict)), struct.pack("<I", count))
    assert error.reason == "more items than the budget of a message"


def test_item_limit_is_for_the_whole_stub(monkeypatch):
    monkeypatch.setattr(reference_reader_fields, "MAX_ITEMS", 10)
    two = Parameters("a" / ConformantArray(Struct(dict)), "b" / ConformantArray(Struct(dict)))
    assert two.parse(struct.pack("<II", 6, 4)) == {"a": [{}] * 6, "b": [{}] * 4}
    assert refused(two, struct.pack("<II", 6, 5)).path == "b"


def test_maximum_count_has_to_be_what_size_is_says():
    layout = Struct(dict, "n" / Long, "a" / ConformantArray(Byte, this.n))
    error = refused(layout, "02 00 00 00 03 00 00 00 61 62")
    assert (error.path, error.reason) == ("a", "the maximum count is 2, the siblings say 3")
    assert error.rule == "MS-RPCE 3.1.1.5.3.2.1.1"


def test_actual_count_has_to_be_what_length_is_says():
    layout = Struct(dict, "n" / Long, "a" / VaryingArray(Byte, 4, this.n))
    assert "actual count" in refused(layout, "03 00 00 00 00 00 00 00 02 00 00 00 61 62").reason


def test_offset_has_to_be_what_first_is_says():
    layout = Struct(dict, "f" / Long, "a" / Array(Byte, bound=4, first=this.f))
    assert layout.parse(bytes.fromhex("01000000 01000000 03000000 616263")) == {"f": 1, "a": b"abc"}
    assert "the offset" in refused(layout, "02 00 00 00 01 00 00 00 03 00 00 00 61 62 63").reason
    assert "actual count" in refused(layout, "01 00 00 00 01 00 00 00 02 00 00 00 61 62").reason


def test_offset_of_a_plain_varying_array_has_to_be_zero():
    layout = Struct(dict, "n" / Long, "a" / VaryingArray(Byte, 4, this.n))
    assert "the offset is 1" in refused(layout, "02 00 00 00 01 00 00 00 02 00 00 00 61 62").reason


def test_offset_and_actual_count_have_to_fit_the_maximum():
    layout = ConformantVaryingArray(Byte, this.m, this.n)
    assert refused(layout, "02 00 00 00 01 00 00 00 02 00 00 00 61 62").reason == (
        "offset 1 and actual count 2 exceed maximum count 2"
    )
    varying = refused(VaryingArray(Byte, 2, 2), "00 00 00 00 03 00 00 00 61 62 63")
    assert str(varying) == "actual count 3 exceeds maximum count 2 at offset 0x8 (C706 14.3.3.4)"


def test_limits_of_a_count_are_checked():
    layout = ConformantArray(Byte, limits=(1, 2))
    assert layout.parse(b"\1\0\0\0a") == b"a"
    assert refused(layout, "00 00 00 00").status == 0x6C6
    assert refused(String(Char, limits=(0, 1)), "02 00 00 00 00 00 00 00 02 00 00 00 61 00").status == 0x6C6


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        ("02 00 00 00 01 00 00 00 01 00 00 00 00", "a string at offset 1"),
        ("02 00 00 00 00 00 00 00 02 00 00 00 61 62", "a string without its terminator"),
        ("00 00 00 00 00 00 00 00 00 00 00 00", "a string without its terminator"),
        ("01 00 00 00 00 00 00 00 02 00 00 00 61 00", "actual count 2 exceeds maximum count 1"),
        ("09 00 00 00 00 00 00 00 09 00 00 00 61 00", "string of 9 units takes 9 octets, 2 are left"),
    ],
)
def test_malformed_string_is_refused(octets, reason):
    assert refused(String(Char), octets).reason == reason


def test_half_a_terminator_is_none():
    octets = "02 00 00 00 00 00 00 00 02 00 00 00 61 00 00 62"
    assert refused(String(WChar), octets).reason == "a string without its terminator"


def test_any_octets_of_a_string_come_back():
    octets = bytes.fromhex("04000000 00000000 04000000 80ff6100")
    assert String(Char).build(String(Char).parse(octets)) == octets
    lone = bytes.fromhex("03000000 00000000 03000000 00dc3dd80000")
    assert String(WChar).build(String(WChar).parse(lone)) == lone


def test_dimension_of_its_own_bound_takes_no_other_count():
    layout = MultiArray(Byte, Dimension(2), Dimension())
    assert layout.parse(struct.pack("<II", 2, 1) + b"ab") == [b"a", b"b"]
    assert refused(layout, struct.pack("<II", 3, 1) + b"abc").reason == "3 items in a dimension of 2"


def test_rows_without_items_are_as_few_as_the_stub_and_some_more():
    layout = MultiArray(Long, Dimension(), Dimension())
    most = EMPTY_ROWS + 8
    assert layout.parse(struct.pack("<II", most, 0)) == [[]] * most
    assert refused(layout, struct.pack("<II", most + 1, 0)).reason == f"{most + 1} rows in a stub of 8 octets"


def test_empty_chunk_ends_a_pipe_and_counts_are_kept():
    value = Pipe(Short).parse(bytes.fromhex("01000000 0700 0000 02000000 0800 0900 00000000"))
    assert (value, value.counts) == ([7, 8, 9], [1, 2])
    assert "chunk count" in refused(Pipe(Byte), "01000000 07").reason


def test_chunk_of_ndr64_ends_in_its_negated_count():
    octets = struct.pack("<QB7xqQq", 1, 7, -1, 0, 0)
    assert Pipe(Byte).parse(octets, encoding=Encoding.NDR64) == b"\7"
    wrong = struct.pack("<QB7xqQq", 1, 7, -2, 0, 0)
    assert "a chunk of 1 items ends in" in refused(Pipe(Byte), wrong, encoding=Encoding.NDR64).reason


def test_items_of_a_pipe_have_no_pointers():
    assert refused(Parameters("p" / Pipe(UniquePtr(Long))), bytes(4)).path == "p"
