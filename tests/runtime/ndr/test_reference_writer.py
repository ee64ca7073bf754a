"""What the writer refuses and writes, beyond the vectors."""

from __future__ import annotations

import array
import dataclasses
import enum
import math
import struct
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.expression import this
from lrpc.runtime.ndr.layout import (
    AUTO,
    GUID,
    Array,
    Boolean,
    Byte,
    Char,
    ConformantArray,
    ConformantVaryingArray,
    ContextHandle,
    EncapsulatedUnion,
    Encoding,
    Enum,
    FixedArray,
    Float,
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
    Union,
    UniquePtr,
    UShort,
    VaryingArray,
    WChar,
    shared,
)


class Color(enum.IntEnum):
    RED = 1


@dataclasses.dataclass
class Node:
    v: int
    next: Any


NODE: Struct = Struct(Node, "v" / Long, "next" / UniquePtr(lambda: NODE))
RING: Struct = Struct(Node, "v" / Long, "next" / FullPtr(lambda: RING))


def refused(layout: Layout, value: Any, **keywords: Any) -> NdrError:
    with pytest.raises(NdrError) as caught:
        layout.build(value, **keywords)
    assert caught.value.offset is None
    return caught.value


# Scalars


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


# Members


def test_members_come_from_attributes_or_keys():
    layout = Struct(dict, "v" / Long)
    assert layout.build({"v": 1}) == layout.build(SimpleNamespace(v=1)) == b"\1\0\0\0"


@pytest.mark.parametrize("value", [{}, SimpleNamespace(), None, 5])
def test_missing_member_is_refused(value):
    assert "has no v" in refused(Parameters("r" / Struct(dict, "v" / Long)), {"r": value}).reason


# Arrays


@pytest.mark.parametrize("value", [b"abc", bytearray(b"abc"), memoryview(b"abc"), [97, 98, 99], (97, 98, 99)])
def test_byte_array_takes_any_buffer_or_list(value):
    assert ConformantArray(Byte).build(value) == b"\3\0\0\0abc"


def test_byte_array_takes_the_octets_of_a_wider_buffer():
    assert ConformantArray(Char).build(memoryview(struct.pack("=H", 0x6161)).cast("H")) == b"\2\0\0\0aa"


def test_array_of_numbers_takes_any_sequence():
    octets = ConformantArray(Long).build([1, 2])
    assert ConformantArray(Long).build(array.array("i", [1, 2])) == octets
    assert ConformantArray(Long).build(memoryview(array.array("i", [1, 2]))) == octets
    assert ConformantArray(Long).build(range(1, 3)) == octets


@pytest.mark.parametrize(
    ("element", "value"),
    [
        (Byte, "abc"),
        (Byte, 5),
        (Byte, None),
        (Byte, [256]),
        (Byte, ["a"]),
        (Byte, memoryview(b"abcd")[::2]),
        (WChar, [97]),
        (WChar, None),
        (Long, None),
        (Long, 5),
        (Long, "12"),
        (Long, {}),
    ],
)
def test_value_that_is_no_array_of_its_element_is_refused(element, value):
    error = refused(Parameters("a" / ConformantArray(element)), {"a": value})
    assert error.path == "a"
    assert "is no array of" in error.reason


def test_element_that_does_not_fit_is_named():
    pair = Struct(dict, "v" / Short)
    error = refused(Parameters("a" / ConformantArray(pair)), {"a": [{"v": 1}, {"v": None}]})
    assert error.path == "a[1].v"


@pytest.mark.parametrize(
    ("layout", "value"),
    [
        (FixedArray(Byte, 3), b"ab"),
        (FixedArray(Long, 1), [1, 2]),
        (ConformantArray(Byte, this.n), b"abc"),
        (ConformantVaryingArray(Byte, this.n, this.m), b"ab"),
        (ConformantVaryingArray(Byte, this.m, this.n), b"ab"),
        (VaryingArray(Byte, 1, this.n), b"ab"),
        (ConformantArray(Byte, this.n - 3), b""),
        (VaryingArray(Byte, 4, this.n, this.n - 3), b"ab"),
        (Array(Byte, bound=3, first=this.m), b"a"),
        (String(Char, bound=2), "ab"),
        (String(WChar, size=this.n), "ab"),
    ],
)
def test_counts_that_contradict_the_value_are_refused(layout, value):
    assert refused(Parameters("a" / layout), {"a": value}, outer={"n": 2, "m": 1}).path == "a"


def test_array_with_first_is_only_sends_the_rest():
    octets = Array(Byte, bound=3, first=this.m).build(b"ab", outer={"m": 1})
    assert octets == b"\1\0\0\0\2\0\0\0ab"


def test_limits_are_checked_before_sending():
    assert refused(ConformantArray(Byte, limits=(1, 2)), b"").status == 0x6C6
    assert refused(String(Char, limits=(0, 1)), "a").status == 0x6C6


def test_empty_array_leaves_no_gap_in_front_of_its_items():
    layout = Parameters("a" / ConformantArray(Hyper), "b" / Byte)
    assert layout.build({"a": [], "b": 1}) == b"\0\0\0\0\1"
    layout = Parameters("x" / Byte, "a" / FixedArray(WChar, 0), "b" / Byte)
    assert layout.build({"x": 1, "a": "", "b": 2}) == b"\1\2"
    assert layout.parse(b"\1\2") == {"x": 1, "a": "", "b": 2}


# Strings


@pytest.mark.parametrize("value", ["a\0b", "\0", None, b"ab", 5])
def test_string_has_to_be_text_without_nul(value):
    assert "is no text without NUL" in refused(String(WChar), value).reason


def test_string_of_octets_refuses_what_they_cannot_hold():
    assert "cannot be written in char" in refused(String(Char), "\ud800").reason


def test_size_is_may_give_a_string_more_room():
    octets = String(Char, size=this.n).build("ab", outer={"n": 8})
    assert octets == struct.pack("<III", 8, 0, 3) + b"ab\0"
    assert String(Char, size=this.n).parse(octets, outer={"n": 8}) == "ab"


# Unions


def test_union_refuses_tags_without_arm_and_values_without_place():
    layout = Struct(dict, "t" / Long, "u" / SwitchIs(Union(Long, {1: Byte, 2: None}), this.t))
    assert refused(layout, {"t": 3, "u": 1}).status == 0x6C5
    assert refused(layout, {"t": 2, "u": 1}).reason == "the arm for tag 2 holds nothing"
    assert refused(layout, {"t": None, "u": 1}).path == "t"
    assert layout.build({"t": 2, "u": None}) == b"\2\0\0\0\2\0\0\0"


def test_union_without_its_switch_is_refused():
    layout = Parameters("u" / SwitchIs(Union(Long, {1: Byte}), this.t))
    assert refused(layout, {"u": 1}).reason == "nothing selects an arm"
    assert layout.build({"u": 1}, outer={"t": 1}) == b"\1\0\0\0\1"


def test_encapsulated_union_takes_attributes_or_keys():
    layout = EncapsulatedUnion(dict, "t", "u", Union(Short, {1: Byte, 2: None}))
    assert layout.build({"t": 1, "u": 7}) == layout.build(SimpleNamespace(t=1, u=7)) == b"\1\0\7"
    assert refused(layout, {"t": "x", "u": 7}).path == "t"
    assert refused(layout, {"t": 1}).reason == "{'t': 1} has no u"


# Pointers


def test_null_ref_pointer_is_refused_before_sending():
    assert refused(Struct(dict, "p" / RefPtr(Long)), {"p": None}).status == 0x6F4
    assert refused(Struct(dict, "p" / RefPtr(RefPtr(Long))), {"p": None}).status == 0x6F4
    assert RefPtr(UniquePtr(Long)).build(None) == bytes.fromhex("00000200 00000000")
    assert RefPtr(ContextHandle("H")).build(None) == bytes.fromhex("00000200") + bytes(20)
    assert Struct(dict, "p" / RefPtr(Long)).build({"p": 7}) == bytes.fromhex("00000200 07000000")


def test_null_pointer_to_a_size_is_refused():
    layout = Struct(dict, "n" / Long, "p" / UniquePtr(ConformantArray(Byte, this.n)))
    assert refused(layout, {"n": 1, "p": None}).reason == "a null pointer to 1 items"
    assert layout.build({"n": 0, "p": None}) == bytes(8)
    assert refused(COUNTED, {"size": 2, "room": 0, "p": None}).reason == "a null pointer to 1 items"


def test_list_beyond_the_depth_limit_is_refused_without_recursion():
    node = None
    for index in range(1025):
        node = Node(index, node)
    assert len(NODE.build(node)) == 1025 * 8
    assert refused(NODE, Node(0, node)).reason == "more than 1024 pointers deep"
    circle = Node(1, None)
    circle.next = circle
    assert "1024" in refused(NODE, circle).reason


def test_full_pointers_send_a_shared_object_once():
    layout = Parameters("a" / FullPtr(RING), "b" / FullPtr(RING))
    node = Node(5, None)
    octets = layout.build({"a": node, "b": node})
    assert octets == struct.pack("<IIII", 0x20000, 5, 0, 0x20000)
    both = layout.parse(octets)
    assert both["a"] is both["b"]
    equal = layout.build({"a": node, "b": Node(5, None)})
    assert equal == struct.pack("<6I", 0x20000, 5, 0, 0x20004, 5, 0)


def test_circle_of_full_pointers_is_sent_and_read():
    one, two = Node(1, None), Node(2, None)
    one.next, two.next = two, one
    layout = Parameters("p" / FullPtr(RING))
    value = layout.parse(layout.build({"p": one}))["p"]
    assert (value.v, value.next.v) == (1, 2)
    assert value.next.next is value


def test_values_that_python_merges_are_no_aliases():
    layout = Parameters(
        "a" / FullPtr(Enum(Color)), "b" / FullPtr(Enum(Color)), "c" / FullPtr(Short), "d" / FullPtr(Short)
    )
    octets = layout.build({"a": Color.RED, "b": Color.RED, "c": 7, "d": 7})
    assert len(octets) == 4 * 6 + 3 * 2
    seven = shared(7)
    assert layout.build({"a": None, "b": None, "c": seven, "d": seven})[-4:] == struct.pack("<I", 0x20000)


def test_objects_behind_different_types_are_no_aliases():
    seven = shared(7)
    layout = Parameters("a" / FullPtr(Short), "b" / FullPtr(UShort))
    assert layout.parse(layout.build({"a": seven, "b": seven})) == {"a": 7, "b": 7}


def test_pointee_of_a_full_pointer_goes_to_the_first_turn():
    seven = shared(7)
    layout = Struct(dict, "p" / UniquePtr(Struct(dict, "x" / FullPtr(Long))), "q" / FullPtr(Long))
    octets = layout.build({"p": {"x": seven}, "q": seven})
    assert octets == struct.pack("<IIII", 0x20000, 0x20004, 0x20004, 7)


# Counts left to the writer

COUNTED = Struct(
    dict,
    "size" / UShort,
    "room" / UShort,
    "p" / UniquePtr(ConformantVaryingArray(WChar, this.room // 2, this.size // 2)),
)


def test_counts_are_filled_in_from_the_array():
    assert COUNTED.parse(COUNTED.build({"size": AUTO, "room": AUTO, "p": "abc"})) == {"size": 6, "room": 6, "p": "abc"}
    assert COUNTED.parse(COUNTED.build({"size": AUTO, "room": 8, "p": "abc"})) == {"size": 6, "room": 8, "p": "abc"}


def test_counts_beside_a_null_pointer_are_zero():
    assert COUNTED.build({"size": AUTO, "room": AUTO, "p": None}) == bytes(8)
    less = Struct(dict, "n" / Long, "p" / UniquePtr(ConformantArray(Byte, this.n - 1)))
    assert less.build({"n": AUTO, "p": None}) == b"\1" + bytes(7)


def test_counts_of_parameters_and_conformant_structures_are_filled_in():
    inner = Struct(dict, "n" / Long, "a" / ConformantArray(Byte, this.n))
    layout = Parameters("n" / UniquePtr(Long), "a" / ConformantArray(Byte, this.n), "s" / Struct(dict, "i" / inner))
    octets = layout.build({"n": AUTO, "a": b"ab", "s": {"i": {"n": AUTO, "a": b"xyz"}}})
    assert layout.parse(octets) == {"n": 2, "a": b"ab", "s": {"i": {"n": 3, "a": b"xyz"}}}


def test_count_of_a_string_holds_its_terminator():
    layout = Parameters("n" / Long, "s" / String(WChar, size=this.n))
    assert layout.parse(layout.build({"n": AUTO, "s": "\U0001f600"}))["n"] == 3
    assert "is no text" in refused(layout, {"n": AUTO, "s": 5}).reason


def test_count_holds_the_items_before_the_first():
    layout = Parameters("n" / Long, "f" / Long, "l" / Long, "a" / ConformantVaryingArray(Byte, this.n, this.l, this.f))
    values = layout.parse(layout.build({"n": AUTO, "f": 2, "l": AUTO, "a": b"abc"}))
    assert values == {"n": 5, "f": 2, "l": 3, "a": b"abc"}


@pytest.mark.parametrize(
    ("fields", "values", "reason"),
    [
        (("n" / Long,), {}, "no array determines it"),
        (("n" / Long, "a" / ConformantArray(Byte, this.n % 2)), {"a": b""}, "no array determines it"),
        (
            ("n" / Long, "a" / ConformantArray(Byte, this.n), "b" / ConformantArray(Byte, this.n)),
            {"a": b"1", "b": b"22"},
            "contradict",
        ),
        (("n" / Long, "a" / ConformantArray(Byte, this.n * 2)), {"a": b"123"}, "contradict"),
    ],
)
def test_count_that_nothing_determines_is_refused(fields, values, reason):
    error = refused(Parameters("s" / Long, *fields), {"s": 1, "n": AUTO, **values})
    assert reason in error.reason
    assert error.path == "n"


# Layouts that cannot be


@pytest.mark.parametrize(
    ("layout", "value"),
    [
        (Struct(dict, "a" / ConformantArray(Byte), "n" / Long), {"a": b"", "n": 1}),
        (FixedArray(ConformantArray(Byte), 1), [b""]),
        (SwitchIs(Union(Long, {0: ConformantArray(Byte)}), 0), b""),
    ],
)
def test_conformant_array_in_the_middle_is_refused(layout, value):
    assert "only the last member" in refused(layout, value).reason


def test_layout_that_is_no_type_is_refused():
    assert "cannot stand here" in refused(FixedArray(Parameters(), 1), [{}]).reason


def test_count_that_no_word_holds_is_refused():
    layout = ConformantVaryingArray(Byte, this.n, 0)
    assert "does not fit 4 octets" in refused(layout, b"", outer={"n": 1 << 32}).reason
    assert layout.build(b"", outer={"n": 1 << 32}, encoding=Encoding.NDR64)[:8] == b"\0\0\0\0\1\0\0\0"
