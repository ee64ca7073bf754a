"""What the reader refuses, accepts and makes, beyond the vectors."""

from __future__ import annotations

import dataclasses
import enum
import math
import struct
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from lrpc.runtime.ndr import reference_reader_fields
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.expression import this
from lrpc.runtime.ndr.layout import (
    GUID,
    Array,
    Boolean,
    Byte,
    Char,
    ConformantArray,
    ConformantVaryingArray,
    ContextHandle,
    Double,
    EncapsulatedUnion,
    Encoding,
    Enum,
    FixedArray,
    FullPtr,
    Hyper,
    Layout,
    Long,
    Parameters,
    Range,
    RefPtr,
    Short,
    String,
    Struct,
    SwitchIs,
    ULong,
    Union,
    UniquePtr,
    VaryingArray,
    WChar,
)


class Color(enum.IntEnum):
    RED = 1


@dataclasses.dataclass
class Node:
    v: int
    next: Any


NODE: Struct = Struct(Node, "v" / Long, "next" / UniquePtr(lambda: NODE))
RING: Struct = Struct(Node, "v" / Long, "next" / FullPtr(lambda: RING))
ID = "00 00 02 00"


def refused(layout: Layout, octets: str | bytes, **keywords: Any) -> NdrError:
    stub = bytes.fromhex(octets) if isinstance(octets, str) else octets
    with pytest.raises(NdrError) as caught:
        layout.parse(stub, **keywords)
    return caught.value


# Counts


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


@pytest.mark.parametrize("count", [1_000_001, 0xFFFF_FFFF])
def test_elements_that_take_no_octets_count_against_the_item_limit(count):
    error = refused(ConformantArray(Struct(dict)), struct.pack("<I", count))
    assert error.reason == "more than 1000000 items"


def test_item_limit_is_for_the_whole_stub(monkeypatch):
    monkeypatch.setattr(reference_reader_fields, "ITEM_LIMIT", 10)
    two = Parameters("a" / ConformantArray(Struct(dict)), "b" / ConformantArray(Struct(dict)))
    assert two.parse(struct.pack("<II", 6, 4)) == {"a": [{}] * 6, "b": [{}] * 4}
    assert refused(two, struct.pack("<II", 6, 5)).path == "b"


def test_maximum_count_has_to_be_what_size_is_says():
    layout = Struct(dict, "n" / Long, "a" / ConformantArray(Byte, this.n))
    error = refused(layout, "02 00 00 00 03 00 00 00 61 62")
    assert (error.path, error.reason) == ("a", "the maximum count is 2, the siblings say 3")
    assert error.rule == "MS-RPCE 3.1.1.5.3"


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
    assert refused(layout, "02 00 00 00 01 00 00 00 02 00 00 00 61 62").reason == "1 + 2 items do not fit in 2"
    assert refused(VaryingArray(Byte, 2, 2), "00 00 00 00 03 00 00 00 61 62 63").reason == "0 + 3 items do not fit in 2"


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


def test_limits_of_a_count_are_checked():
    layout = ConformantArray(Byte, limits=(1, 2))
    assert layout.parse(b"\1\0\0\0a") == b"a"
    assert refused(layout, "00 00 00 00").status == 0x6C6
    assert refused(String(Char, limits=(0, 1)), "02 00 00 00 00 00 00 00 02 00 00 00 61 00").status == 0x6C6


def test_null_pointer_to_a_size_or_a_length_is_refused():
    array = ConformantVaryingArray(WChar, this.room // 2, this.size // 2)
    layout = Struct(dict, "size" / Short, "room" / Short, "p" / UniquePtr(array))
    assert layout.parse(bytes(8)) == {"size": 0, "room": 0, "p": None}
    for counts in ("0000 0200", "0200 0000"):
        error = refused(Parameters("s" / layout), counts + "00 00 00 00")
        assert (error.path, error.reason) == ("s.p", "a null pointer to 1 items")


# Strings


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        ("02 00 00 00 01 00 00 00 01 00 00 00 00", "a string at offset 1"),
        ("02 00 00 00 00 00 00 00 02 00 00 00 61 62", "a string without its terminator"),
        ("00 00 00 00 00 00 00 00 00 00 00 00", "a string without its terminator"),
        ("01 00 00 00 00 00 00 00 02 00 00 00 61 00", "0 + 2 items do not fit in 1"),
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


# Scalars


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


# Unions

TAGGED = Struct(dict, "t" / Long, "u" / SwitchIs(Union(Long, {1: Byte, 2: None}), this.t))


def test_tag_without_arm_is_refused():
    error = refused(TAGGED, "03 00 00 00 03 00 00 00 00")
    assert (error.path, error.reason, error.status) == ("u", "no arm for tag 3", 0x6C5)


def test_tag_has_to_be_what_switch_is_says():
    error = refused(TAGGED, "02 00 00 00 01 00 00 00 00")
    assert (error.reason, error.status) == ("the tag is 1, the siblings say 2", 0x6C5)


def test_ms_union_elements_are_aligned_to_their_widest_arm():
    element = SwitchIs(Union(Short, {1: Byte, 2: Hyper}, ms_union=True), this.t)
    layout = Parameters("t" / Short, "a" / FixedArray(element, 2))
    octets = bytes.fromhex("0100000000000000 0100000000000000 05 00000000000000 0100000000000000 06")
    assert layout.parse(octets) == {"t": 1, "a": [5, 6]}
    assert layout.build({"t": 1, "a": [5, 6]}) == octets


def test_encapsulated_union_is_made_by_tag_and_arm():
    layout = EncapsulatedUnion(lambda t, u: (t, u), "t", "u", Union(Short, {1: UniquePtr(Byte)}))
    assert layout.parse(bytes.fromhex(f"01 00 00 00 {ID} 07")) == (1, 7)
    assert refused(layout, "01 00 00 00 01").path == "u"


# Pointers


def test_null_ref_pointer_is_refused():
    layout = Struct(dict, "p" / RefPtr(Long))
    error = refused(layout, "00 00 00 00 07 00 00 00")
    assert (error.path, error.status, error.rule) == ("p", 0x6F4, "C706 14.3.12.1")
    assert layout.parse(bytes.fromhex("ef be ad de 07 00 00 00")) == {"p": 7}


def test_equal_ids_of_unique_pointers_are_no_aliases():
    layout = Struct(dict, "a" / UniquePtr(Long), "b" / UniquePtr(Long))
    assert layout.parse(bytes.fromhex("01000000 01000000 07000000 08000000")) == {"a": 7, "b": 8}


def test_list_at_the_depth_limit_is_read_without_recursion():
    octets = struct.pack("<II", 1, 1) * 1024 + struct.pack("<II", 1, 0)
    node, length = NODE.parse(octets), 0
    while node is not None:
        node, length = node.next, length + 1
    assert length == 1025


@pytest.mark.parametrize("length", [1026, 20_000])
def test_list_beyond_the_depth_limit_is_refused(length):
    error = refused(NODE, struct.pack("<II", 1, 1) * length)
    assert error.reason == "more than 1024 pointers deep"


def test_alias_is_the_same_object():
    layout = Parameters("a" / FullPtr(Long), "b" / FullPtr(Long), "n" / FullPtr(RING), "m" / FullPtr(RING))
    values = layout.parse(struct.pack("<9I", 9, 7, 9, 5, 1, 5, 5, 5, 5)[:28])
    assert values["a"] == 7
    assert values["a"] is values["b"]
    assert values["n"] is values["m"] is values["n"].next


def test_alias_of_another_type_is_refused():
    layout = Parameters("a" / FullPtr(Long), "b" / FullPtr(ULong))
    error = refused(layout, struct.pack("<III", 9, 7, 9))
    assert (error.path, error.rule) == ("b", "C706 14.3.12.2")


def test_circle_through_a_list_and_through_a_dict_closes():
    ring: Struct = Struct(dict, "items" / UniquePtr(FixedArray(FullPtr(lambda: ring), 1)))
    value = Parameters("p" / FullPtr(ring)).parse(struct.pack("<III", 9, 1, 9))["p"]
    assert value["items"][0] is value
    direct: Struct = Struct(dict, "next" / FullPtr(lambda: direct))
    value = Parameters("p" / FullPtr(direct)).parse(struct.pack("<II", 9, 9))["p"]
    assert value["next"] is value


def test_circle_through_an_encapsulated_union_closes():
    ring: EncapsulatedUnion = EncapsulatedUnion(
        lambda t, u: SimpleNamespace(t=t, u=u), "t", "u", Union(Long, {1: FullPtr(lambda: ring)})
    )
    value = Parameters("p" / FullPtr(ring)).parse(struct.pack("<III", 9, 1, 9))["p"]
    assert value.u is value


def test_circle_through_what_cannot_change_is_refused():
    frozen: Struct = Struct(lambda next: (next,), "next" / FullPtr(lambda: frozen))
    error = refused(Parameters("p" / FullPtr(frozen)), struct.pack("<II", 9, 9))
    assert error.reason == "a circle through an unchangeable tuple"


def test_alias_through_a_pointer_in_a_circle_is_resolved():
    ring: Struct = Struct(SimpleNamespace, "a" / FullPtr(FullPtr(lambda: ring)), "b" / FullPtr(FullPtr(lambda: ring)))
    octets = struct.pack("<IIIII", 9, 5, 5, 9, 0)[:16]
    value = Parameters("p" / FullPtr(ring)).parse(octets)["p"]
    assert value.a is value
    assert value.b is value


def test_pointee_of_a_full_pointer_comes_at_the_first_turn():
    inner = Struct(dict, "x" / FullPtr(Long))
    layout = Struct(dict, "p" / UniquePtr(inner), "q" / FullPtr(Long))
    value = layout.parse(struct.pack("<IIII", 1, 9, 9, 7))
    assert value["p"]["x"] is value["q"] == 7


# Layouts that cannot be


@pytest.mark.parametrize(
    "layout",
    [
        Struct(dict, "a" / ConformantArray(Byte), "n" / Long),
        FixedArray(ConformantArray(Byte), 1),
        SwitchIs(Union(Long, {0: ConformantArray(Byte)}), 0),
    ],
)
def test_conformant_array_in_the_middle_is_refused(layout):
    assert "only the last member" in refused(layout, bytes(16)).reason


def test_layout_that_is_no_type_is_refused():
    assert "cannot stand here" in refused(Struct(dict, "u" / Union(Long, {})), bytes(8)).reason
    assert "cannot stand here" in refused(FixedArray(Parameters(), 1), bytes(8)).reason
    assert "cannot stand here" in refused(Union(Long, {}), bytes(8)).reason


def test_truncated_trailing_pad_is_refused():
    layout = Struct(dict, "h" / Hyper, "b" / Byte)
    assert refused(layout, bytes(15), encoding=Encoding.NDR64).rule == "MS-RPCE 2.2.5.3.4.1"
    assert layout.parse(bytes(16), encoding=Encoding.NDR64) == {"h": 0, "b": 0}
