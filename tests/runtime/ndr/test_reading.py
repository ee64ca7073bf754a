"""The reading half: structures, pointers, unions, types that contain themselves."""

from __future__ import annotations

import dataclasses
import enum
import struct
from typing import Any

import pytest

from lrpc.runtime.ndr.compiler import NOTHING, Codec, compiled, compiled_type
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.expression import this
from lrpc.runtime.ndr.layout import (
    Boolean,
    Byte,
    ConformantArray,
    Conversion,
    Converted,
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
    Struct,
    SwitchIs,
    Union,
    UniquePtr,
)

Two = dataclasses.make_dataclass("Two", ["a", "b"], slots=True)


class Color(enum.IntEnum):
    RED = 1
    BLUE = 7


COLOR = Enum(Color)


def words(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


def read(layout: Layout, stub: bytes, encoding: Encoding = Encoding.NDR) -> Any:
    return compiled_type(layout, encoding).decode(stub)[0]


# Plain values


def test_octets_of_fixed_size_are_read_at_once():
    pair = Struct(Two, "a" / COLOR, "b" / Boolean)
    assert read(Struct(Two, "a" / Long, "b" / Short), words(1) + b"\x02\x00") == Two(1, 2)
    codec = compiled(Parameters("x" / Struct(Two, "a" / Long, "b" / Short), "y" / pair, "z" / Range(Long, 0, 9)))
    stub = struct.pack("<ihH?xxxi", 1, 2, 7, True, 9)
    assert codec.decode(stub) == (Two(1, 2), Two(Color.BLUE, True), 9)
    for cut in range(len(stub)):
        with pytest.raises(NdrError):
            codec.decode(stub[:cut])


def test_gap_at_the_end_of_a_structure_has_to_be_there_in_ndr64():
    layout = Struct(Two, "a" / Hyper, "b" / Byte)
    assert read(layout, bytes(9)) == read(layout, bytes(16), Encoding.NDR64) == Two(0, 0)
    with pytest.raises(NdrError):
        read(layout, bytes(15), Encoding.NDR64)


def test_boolean_that_is_not_zero_is_true():
    assert compiled(Parameters("a" / Boolean, "b" / Boolean)).decode(b"\x02\x00") == (True, False)
    assert read(ConformantArray(Boolean), words(2) + b"\x80\x00") == [True, False]


def test_enumeration_reads_as_its_member_or_as_an_int():
    codec = compiled(Parameters("a" / COLOR, "b" / COLOR))
    assert [type(value) for value in codec.decode(struct.pack("<HH", 7, 0xFFFF))] == [Color, int]


def test_enumeration_of_16_bits_takes_no_more_in_ndr64():
    assert read(COLOR, words(0xFFFF), Encoding.NDR64) == 0xFFFF
    assert read(Enum(Color, v1=True), words(0xFFFF_FFFF), Encoding.NDR64) == 0xFFFF_FFFF
    with pytest.raises(NdrError) as caught:
        read(COLOR, words(0x1_0001), Encoding.NDR64)
    assert caught.value.status == 0x6F5


def test_range_of_an_enumeration_gives_members():
    assert read(Range(COLOR, 1, 7), struct.pack("<H", 7)) is Color.BLUE
    long = Struct(Two, "a" / Range(COLOR, 1, 7), "b" / FixedArray(Byte, 5000))
    with pytest.raises(NdrError) as caught:
        read(long, words(0x1_0001) + bytes(5000), Encoding.NDR64)
    assert caught.value.status == 0x6F5
    with pytest.raises(NdrError) as caught:
        read(Range(COLOR, 1, 6), struct.pack("<H", 7))
    assert caught.value.status == 0x6C6


def test_gaps_are_not_looked_at():
    assert compiled(Parameters("a" / Byte, "b" / Long)).decode(b"\x01\xee\xee\xee\x02\0\0\0") == (1, 2)


def test_stub_that_ends_in_a_trailing_gap_is_refused():
    layout = Struct(Two, "a" / Hyper, "b" / Byte)
    assert read(layout, bytes(16), Encoding.NDR64) == Two(0, 0)
    for size in range(9, 16):
        with pytest.raises(NdrError):
            read(layout, bytes(size), Encoding.NDR64)
        assert read(layout, bytes(size)) == Two(0, 0)


def test_parameters_without_fields_read_nothing():
    assert compiled(Parameters()).decode(b"") == ()


def test_factory_takes_keyword_only_members():
    factory = dataclasses.make_dataclass("Keyword", ["a", ("b", int, dataclasses.field(kw_only=True))])
    assert read(Struct(factory, "b" / Byte, "a" / Byte), b"\x01\x02") == factory(2, b=1)


# Pointers


def test_referent_ids_of_unique_pointers_mean_nothing():
    assert read(FixedArray(UniquePtr(Short), 2), words(5, 5) + struct.pack("<HH", 1, 2)) == [1, 2]


def test_full_pointers_share_what_their_id_says():
    layout = FixedArray(FullPtr(ConformantArray(Long)), 3)
    first, second, third = read(layout, words(5, 6, 5, 1, 10, 1, 20))
    assert first is third
    assert (first, second) == ([10], [20])


def test_full_pointers_of_numbers_share_an_identity():
    first, second = read(FixedArray(FullPtr(Long), 2), words(5, 5, 1))
    assert first is second


def test_first_in_deferral_order_brings_the_pointee():
    """The id in the pointee of `a` comes before that of `b`, though `b` was read first."""
    inner = Struct(Two, "a" / FullPtr(Long), "b" / Byte)
    outer = Struct(Two, "a" / UniquePtr(inner), "b" / FullPtr(Long))
    value = read(outer, words(1, 9, 9) + b"\x03\0\0\0" + words(77))
    assert value == Two(Two(77, 3), 77)
    assert value.a.a is value.b


def test_full_pointer_to_another_type_is_refused():
    parameters = Parameters("a" / FullPtr(Long), "b" / FullPtr(Short))
    with pytest.raises(NdrError):
        compiled(parameters).decode(words(5, 1, 5, 1))
    assert compiled(parameters).decode(words(5, 1, 6, 1)) == (1, 1)


def test_circle_of_full_pointers_is_read():
    node: Struct = Struct(Two, "a" / Long, "b" / FullPtr(lambda: node))
    parameters = Parameters("p" / FullPtr(node))
    (one,) = compiled(parameters).decode(words(9, 1, 9))
    assert (one.a, one.b) == (1, one)
    (one,) = compiled(parameters).decode(words(9, 1, 8, 2, 9))
    assert (one.a, one.b.a) == (1, 2)
    assert one.b.b is one


def test_circle_goes_through_arrays_unions_and_other_pointers():
    ring: EncapsulatedUnion = EncapsulatedUnion(
        Two, "a", "b", Union(Long, {1: UniquePtr(lambda: ConformantArray(FullPtr(ring))), 2: FullPtr(lambda: ring)})
    )
    parameters = Parameters("p" / FullPtr(ring))
    (value,) = compiled(parameters).decode(words(9, 1, 5, 2, 9, 7, 2, 7))
    assert value.b[0] is value
    assert value.b[1].b is value.b[1]


def test_circle_through_a_list_closes():
    rows: Any = ConformantArray(Struct(Two, "a" / Long, "b" / FullPtr(lambda: ConformantArray(rows.element))))
    (value,) = compiled(Parameters("p" / FullPtr(rows))).decode(words(9, 2, 1, 9, 2, 9))
    assert value[0].b is value[1].b is value


def test_circle_through_what_cannot_be_made_before_its_members_is_refused():
    made_whole = dataclasses.make_dataclass("Whole", ["b"], frozen=True)
    node: Struct = Struct(made_whole, "b" / FullPtr(lambda: node))
    with pytest.raises(NdrError, match="referent 0x9 contains itself through a value that is made whole"):
        compiled(Parameters("p" / FullPtr(node))).decode(words(9, 9))
    conversion = Conversion("c")
    turned: Converted = Converted(Struct(Two, "a" / Long, "b" / FullPtr(lambda: turned)), conversion)
    with pytest.raises(NdrError, match="contains itself"):
        compiled(Parameters("p" / FullPtr(turned))).decode(words(9, 1, 9))
    assert compiled(Parameters("p" / FullPtr(turned))).decode(words(9, 1, 8, 2, 0))[0].b.a == 2


def test_null_ref_pointer_is_refused():
    with pytest.raises(NdrError) as caught:
        read(Struct(Two, "a" / Long, "b" / RefPtr(Long)), words(1, 0, 5))
    assert caught.value.status == 0x6F4


# Unions


def test_tag_without_an_arm_is_refused():
    with pytest.raises(NdrError) as caught:
        read(EncapsulatedUnion(Two, "a", "b", Union(Long, {1: Byte})), words(2, 0))
    assert caught.value.status == 0x6C5


def test_tag_of_an_encapsulated_union_is_a_member():
    assert read(EncapsulatedUnion(Two, "a", "b", Union(COLOR, {7: None})), struct.pack("<H", 7)).a is Color.BLUE


def test_encapsulated_union_is_aligned_by_its_tag_in_ndr():
    parameters = Parameters("x" / Short, "u" / EncapsulatedUnion(Two, "a", "b", Union(Short, {1: Byte, 2: Hyper})))
    assert compiled(parameters).decode(struct.pack("<HHB", 5, 1, 9)) == (5, Two(1, 9))
    assert compiled(parameters).decode(struct.pack("<HHxxxxq", 5, 2, 9)) == (5, Two(2, 9))


def test_arms_of_an_encapsulated_union_may_name_its_tag():
    union = Union(Long, {1: UniquePtr(ConformantArray(Long, this.a)), 2: Long})
    layout = EncapsulatedUnion(Two, "a", "b", union)
    assert read(layout, words(1, 9, 1, 5)) == Two(1, [5])
    with pytest.raises(NdrError):
        read(layout, words(1, 9, 2, 5, 5))


def test_what_follows_a_union_is_aligned_after_each_arm():
    parameters = Parameters("t" / Byte, "u" / SwitchIs(Union(Byte, {1: Byte, 2: Long}, None), this.t), "z" / Short)
    codec = compiled(parameters)
    assert codec.decode(b"\x01\x01\x05\x00\x06\x00") == (1, 5, 6)
    assert codec.decode(b"\x02\x02\x00\x00\x05\x00\x00\x00\x06\x00") == (2, 5, 6)
    assert codec.decode(b"\x03\x03\x06\x00") == (3, None, 6)


def test_elements_that_are_unions_align_their_tags_only():
    union = Union(Short, {1: Byte, 2: Hyper})
    layout = Parameters("t" / Short, "u" / ConformantArray(SwitchIs(union, this.t)))
    stub = struct.pack("<HxxIHBxHB", 1, 2, 1, 7, 1, 8)
    assert compiled(layout).decode(stub) == (1, [7, 8])


def test_elements_that_are_ms_unions_align_to_the_widest_arm():
    union = Union(Short, {1: Byte, 2: Hyper}, ms_union=True)
    layout = Parameters("t" / Short, "u" / ConformantArray(SwitchIs(union, this.t)))
    stub = struct.pack("<HxxI", 1, 2) + struct.pack("<H6xB7x", 1, 7) + struct.pack("<H6xB", 1, 8)
    assert compiled(layout).decode(stub) == (1, [7, 8])


# Types that contain themselves


def test_tree_by_arrays_is_read_and_its_counts_are_checked():
    tree: Struct = Struct(Two, "a" / Long, "b" / UniquePtr(lambda: children))
    children = ConformantArray(tree, this.a)
    assert read(tree, words(1, 5, 1, 0, 0)) == Two(1, [Two(0, None)])
    for stub in (words(2, 5, 1, 0, 0), words(1, 0), words(1, 5, 1, 1, 0)):
        with pytest.raises(NdrError):
            read(tree, stub)


def test_structure_that_contains_itself_through_a_union_is_read():
    node: Struct = Struct(Two, "a" / Long, "b" / SwitchIs(Union(Long, {0: None, 1: UniquePtr(lambda: node)}), this.a))
    assert read(node, words(1, 1, 5, 0, 0)) == Two(1, Two(0, None))
    with pytest.raises(NdrError):
        read(node, words(1, 1, 5, 0, 1, 0))


def test_array_that_contains_itself_through_a_union_checks_the_callers_siblings():
    """The tag is read in the function of the pointee, and held against a member of the caller."""
    node: Struct = Struct(Two, "a" / Long, "b" / UniquePtr(lambda: use))
    use = SwitchIs(Union(Long, {0: None, 1: UniquePtr(node)}), this.a)
    assert read(node, words(0, 5, 0)) == Two(0, None)
    assert read(node, words(1, 5, 1, 6, 0, 0)) == Two(1, Two(0, None))
    with pytest.raises(NdrError):
        read(node, words(0, 5, 1, 6, 0, 0))


def test_two_directions_of_a_type_do_not_disturb_each_other():
    node: Struct = Struct(Two, "a" / Long, "b" / UniquePtr(lambda: node))
    codec = Codec(Parameters("x" / node, "y" / node), NOTHING, Encoding.NDR)
    assert codec.decode(words(1, 5, 2, 0, 3, 0)) == (Two(1, Two(2, None)), Two(3, None))
