"""What the writer refuses and writes, beyond the vectors."""

from __future__ import annotations

import dataclasses
import enum
import struct
from types import SimpleNamespace
from typing import Any

import pytest

from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.expression import this
from lrpc.runtime.ndr.layout import (
    AUTO,
    Byte,
    ConformantArray,
    ConformantVaryingArray,
    ContextHandle,
    EncapsulatedUnion,
    Enum,
    FixedArray,
    FullPtr,
    Layout,
    Long,
    Parameters,
    RefPtr,
    Short,
    String,
    Struct,
    SwitchIs,
    Union,
    UniquePtr,
    UShort,
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


# Members


def test_members_come_from_attributes_or_keys():
    layout = Struct(dict, "v" / Long)
    assert layout.build({"v": 1}) == layout.build(SimpleNamespace(v=1)) == b"\1\0\0\0"


@pytest.mark.parametrize("value", [{}, SimpleNamespace(), None, 5])
def test_missing_member_is_refused(value):
    assert "has no v" in refused(Parameters("r" / Struct(lambda v: v, "v" / Long)), {"r": value}).reason


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


def test_list_of_any_length_is_written_without_recursion():
    node = None
    for index in range(20_000):
        node = Node(index, node)
    assert len(NODE.build(node)) == 20_000 * 8


def test_nesting_beyond_the_limit_is_refused():
    fork: Struct = Struct(dict, "left" / UniquePtr(lambda: fork), "right" / UniquePtr(lambda: fork))
    value = {"left": None, "right": None}
    for _ in range(1024):
        value = {"left": value, "right": {"left": None, "right": None}}
    assert len(fork.build(value)) == 2049 * 8
    assert refused(fork, {"left": value, "right": value}).reason == "structures are nested more than 1,024 deep"


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
    assert "takes str, not int" in refused(layout, {"n": AUTO, "s": 5}).reason


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
