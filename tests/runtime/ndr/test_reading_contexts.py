"""The reading half: contexts, offsets and what is told before, above all from a peer that means harm."""

from __future__ import annotations

import dataclasses
import struct

import pytest

from lrpc.runtime.ndr.compiler import compiled_type
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.expression import this
from lrpc.runtime.ndr.layout import (
    Byte,
    Char,
    ConformantArray,
    Encoding,
    Field,
    FixedArray,
    Long,
    Short,
    Struct,
    ULong,
    Union,
    UniquePtr,
    UShort,
)
from lrpc.runtime.ndr.layout_samba import (
    SERIALIZED,
    UDLONG,
    Counted,
    Flagged,
    Relative,
    Rest,
    Subcontext,
    Text,
    Untagged,
)


def structure(name: str, *fields: Field) -> Struct:
    return Struct(dataclasses.make_dataclass(name, [field.name for field in fields], slots=True), *fields)


NODE: Struct = structure("Node", "value" / ULong, "next" / Relative(lambda: NODE))
LINKS = Counted(Relative(Text(Char)), this.n)
MANY = structure("Many", "n" / ULong, "links" / LINKS)
COUNTED = structure("Sized", "n" / Long, "items" / Counted(UShort, this.n * 2))
SIZED = structure("Context", "n" / Long, "inside" / Subcontext(Rest(), size=this.n))
HEADED = Subcontext(Rest(), 2)
CHOSEN = structure("Chosen", "t" / Short, "u" / Untagged(Union(Short, {1: Byte, 2: ULong, 3: None}), this.t))
STREAM = Subcontext(ULong, SERIALIZED)
HEADER = "01 10 08 00 cc cc cc cc 08 00 00 00 00 00 00 00"


def read(layout, octets, **keywords):
    """The value, which the reference reader reads too."""
    stub = bytes.fromhex(octets) if isinstance(octets, str) else octets
    [value] = compiled_type(layout).decode(stub, **keywords)
    assert layout.parse(stub) == value
    return value


def refused(layout, octets):
    stub = bytes.fromhex(octets) if isinstance(octets, str) else octets
    with pytest.raises(NdrError):
        layout.parse(stub)
    with pytest.raises(NdrError) as caught:
        compiled_type(layout).decode(stub)
    return caught.value


def test_offsets_are_followed_in_any_order():
    value = read(NODE, "01 00 00 00 10 00 00 00 02 00 00 00 00 00 00 00 03 00 00 00 08 00 00 00")
    assert value == NODE.factory(1, NODE.factory(3, NODE.factory(2, None)))


def test_offsets_that_go_in_a_circle_are_refused():
    refused(NODE, "01 00 00 00 08 00 00 00 02 00 00 00 08 00 00 00")


@pytest.mark.parametrize("offset", [0x11, 0x7FFF_FFFF, 0xFFFF_FFFF])
def test_offset_behind_the_end_is_refused(offset):
    refused(NODE, struct.pack("<IIQ", 1, offset, 0))


def test_offset_to_the_end_finds_nothing_to_read():
    assert refused(NODE, struct.pack("<II", 1, 8)).path == "value.next.value"


def test_many_offsets_to_one_place_are_paid_for():
    text, count = b"x" * 1600 + b"\0", 100
    stub = struct.pack(f"<I{count}I", count, *[4 + 4 * count] * count) + text
    assert len(compiled_type(MANY).decode(stub)[0].links) == count
    with pytest.raises(NdrError, match="budget"):
        compiled_type(MANY).decode(stub, items=count * 100)


def test_what_is_behind_an_offset_moves_nothing():
    layout = structure("Two", "a" / Relative(ULong), "b" / UniquePtr(ULong))
    assert read(layout, "0c 00 00 00 00 00 02 00 07 00 00 00 09 00 00 00") == layout.factory(9, 7)


def test_counted_items_need_no_count_of_their_own():
    assert read(COUNTED, "01 00 00 00 05 00 06 00").items == [5, 6]


def test_count_may_have_a_byte_order_of_its_own():
    layout = structure("Orders", "n" / Flagged(UShort, order=">"), "items" / Counted(Byte, this.n))
    assert read(layout, "00 02 05 06") == layout.factory(2, b"\5\6")


def test_count_may_be_what_a_conversion_makes():
    layout = structure("Halves", "n" / UDLONG, "items" / Counted(Byte, this.n), "c" / Subcontext(Byte, size=this.n))
    assert read(layout, "02 00 00 00 00 00 00 00 05 06 07 00") == layout.factory(2, b"\5\6", 7)
    refused(layout, "02 00 00 00 ff ff ff ff 05 06 07 00")


@pytest.mark.parametrize("octets", ["ff ff ff ff 05 00", "ff ff ff 7f 05 00", "02 00 00 00 05 00 06 00"])
def test_count_that_the_octets_cannot_hold_is_refused(octets):
    refused(COUNTED, octets)


def test_context_takes_its_size_whatever_its_contents_take():
    layout = structure("Then", "n" / ULong, "inside" / Subcontext(UShort, size=this.n), "z" / Byte)
    assert read(layout, "05 00 00 00 01 00 ff ff ff 09") == layout.factory(5, 1, 9)


@pytest.mark.parametrize("octets", ["05 00 00 00 01", "ff ff ff ff 01", "00 00 00 80 01"])
def test_size_of_a_context_that_is_not_there_is_refused(octets):
    refused(SIZED, octets)


def test_header_of_a_context_that_is_not_there_is_refused():
    refused(HEADED, "05 00 01")
    refused(HEADED, "05")


def test_contents_cannot_leave_their_context():
    refused(Subcontext(ULong, 2), "02 00 01 00 00 00")
    refused(Subcontext(ConformantArray(Byte), 2), "05 00 02 00 00 00 61 62")
    refused(Subcontext(structure("Far", "p" / Relative(Byte)), 2), "04 00 05 00 00 00 07")


def test_alignment_counts_from_the_context():
    layout = structure("Odd", "a" / Byte, "inside" / Subcontext(ULong))
    assert read(layout, "01 05 00 00 00") == layout.factory(1, 5)


def test_context_and_its_size_have_to_agree():
    layout = structure("Both", "n" / UShort, "inside" / Subcontext(Rest(), 2, size=this.n))
    assert read(layout, "02 00 02 00 61 62") == layout.factory(2, b"ab")
    refused(layout, "03 00 02 00 61 62 63")


def test_serialized_context_is_read_in_its_own_byte_order():
    assert read(STREAM, HEADER + "05 00 00 00 00 00 00 00") == 5
    assert read(STREAM, "01 00 00 08 cc cc cc cc 00 00 00 08 00 00 00 00 00 00 00 05 00 00 00 00") == 5


@pytest.mark.parametrize("at", [0, 1, 2, 8])
def test_serialized_context_with_another_header_is_refused(at):
    stub = bytearray.fromhex(HEADER + "05 00 00 00 00 00 00 00")
    stub[at] += 1
    refused(STREAM, bytes(stub))


def test_union_without_its_tag_is_what_its_sibling_says():
    assert read(CHOSEN, "01 00 07") == CHOSEN.factory(1, 7)
    assert read(CHOSEN, "02 00 00 00 07 00 00 00") == CHOSEN.factory(2, 7)
    assert read(CHOSEN, "03 00") == CHOSEN.factory(3, None)
    assert refused(CHOSEN, "04 00").status == 0x6C5


def test_count_that_comes_behind_is_refused():
    refused(structure("Late", "items" / Counted(Byte, this.n), "n" / ULong), "01 00 00 00 01 00 00 00")


def test_flags_reach_through_pointers_and_end_with_their_layout():
    layout = structure("Mixed", "a" / Flagged(UniquePtr(structure("In", "x" / Byte, "y" / ULong)), align=0, order=">"))
    outer = structure("Outer", "a" / layout, "b" / ULong)
    value = read(outer, "00 02 00 00 09 00 00 00 01 00 00 00 07")
    assert (value.b, value.a.a.y) == (9, 7)


def test_context_of_many_structures_in_each_other_is_bounded():
    nested: Struct = structure("Nested", "next" / Subcontext(UniquePtr(lambda: nested), 2))
    assert read(nested, "04 00 00 00 00 00") == nested.factory(None)
    stub = b""
    for _ in range(2000):
        stub = struct.pack("<HI", min(len(stub) + 4, 0xFFFF), 1) + stub
    refused(nested, stub)


def test_octets_of_arrays_in_a_context_are_those_of_the_stub():
    layout = Subcontext(FixedArray(Byte, 40), 4)
    stub = struct.pack("<I", 40) + bytes(range(40))
    value = compiled_type(layout).decode(stub, octets=memoryview)[0]
    assert bytes(value) == bytes(range(40))
    assert compiled_type(layout, Encoding.NDR64).decode(struct.pack("<Q", 40) + bytes(40)) == (bytes(40),)
