"""What the reader refuses, accepts and makes, beyond the vectors."""

from __future__ import annotations

import dataclasses
import enum
import struct
from types import SimpleNamespace
from typing import Any

import pytest

from lrpc.runtime.ndr.budget import MAX_DEPTH
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.expression import this
from lrpc.runtime.ndr.layout import (
    Byte,
    ConformantArray,
    EncapsulatedUnion,
    Encoding,
    FixedArray,
    FullPtr,
    Hyper,
    Layout,
    Long,
    Parameters,
    RefPtr,
    Short,
    Struct,
    SwitchIs,
    ULong,
    Union,
    UniquePtr,
)


class Color(enum.IntEnum):
    RED = 1


@dataclasses.dataclass
class Node:
    v: int
    next: Any


@dataclasses.dataclass(slots=True)
class Choice:
    t: int
    u: Any


NODE: Struct = Struct(Node, "v" / Long, "next" / UniquePtr(lambda: NODE))
RING: Struct = Struct(Node, "v" / Long, "next" / FullPtr(lambda: RING))
FORK: Struct = Struct(dict, "left" / UniquePtr(lambda: FORK), "right" / UniquePtr(lambda: FORK))
ID = "00 00 02 00"


def refused(layout: Layout, octets: str | bytes, **keywords: Any) -> NdrError:
    stub = bytes.fromhex(octets) if isinstance(octets, str) else octets
    with pytest.raises(NdrError) as caught:
        layout.parse(stub, **keywords)
    return caught.value


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


@pytest.mark.parametrize("length", [1_026, 100_000])
def test_list_of_any_length_is_read_without_recursion(length):
    octets = struct.pack("<II", 1, 1) * (length - 1) + struct.pack("<II", 1, 0)
    node, found = NODE.parse(octets), 0
    while node is not None:
        node, found = node.next, found + 1
    assert found == length


def nested(depth: int) -> bytes:
    """Forks of which each is the left one of another."""
    return struct.pack("<II", 1, 2) * depth + bytes(8 + 8 * depth)


def test_nesting_up_to_the_limit_is_read():
    fork, depth = FORK.parse(nested(MAX_DEPTH)), 0
    while fork["left"] is not None:
        fork, depth = fork["left"], depth + 1
    assert depth == MAX_DEPTH


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 20_000])
def test_nesting_beyond_the_limit_is_refused(depth):
    error = refused(FORK, nested(depth))
    assert error.reason == "structures are nested more than 1,024 deep"
    assert error.path == "left.left.left.left.left.left.left.left.<1,009 more>.left.left.left.left.left.left.left.left"


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
    ring: EncapsulatedUnion = EncapsulatedUnion(Choice, "t", "u", Union(Long, {1: FullPtr(lambda: ring)}))
    value = Parameters("p" / FullPtr(ring)).parse(struct.pack("<III", 9, 1, 9))["p"]
    assert value.u is value


def test_circle_through_what_cannot_change_is_refused():
    frozen: Struct = Struct(lambda next: (next,), "next" / FullPtr(lambda: frozen))
    error = refused(Parameters("p" / FullPtr(frozen)), struct.pack("<II", 9, 9))
    assert error.reason == "referent 0x9 contains itself through a value that is made whole"
    assert (error.path, error.rule) == ("p.next", "C706 14.3.12.2")


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
