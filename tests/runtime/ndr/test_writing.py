"""The writing half: structures, pointers, unions, types that contain themselves."""

from __future__ import annotations

import dataclasses
import enum
import struct
from typing import Any
from uuid import UUID

import pytest

from lrpc.runtime.ndr.compiler import compiled, compiled_type
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.expression import this
from lrpc.runtime.ndr.layout import (
    AUTO,
    GUID,
    Boolean,
    Byte,
    ConformantArray,
    ConformantVaryingArray,
    ContextHandle,
    EncapsulatedUnion,
    Encoding,
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
    WChar,
    shared,
)

Two = dataclasses.make_dataclass("Two", ["a", "b"], slots=True)


class Color(enum.IntEnum):
    RED = 1


def words(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


def written(layout: Layout, value: Any, encoding: Encoding = Encoding.NDR) -> bytes:
    return b"".join(compiled_type(layout, encoding).encode((value,)))


def both(layouts: Parameters, *values: Any) -> bytes:
    """What the codec and the reference reader write; they have to agree."""
    found = b"".join(compiled(layouts).encode(values))
    assert found == layouts.build({field.name: value for field, value in zip(layouts.fields, values, strict=True)})
    return found


def test_members_of_fixed_size_are_written_at_once():
    two = Struct(Two, "a" / Long, "b" / Short)
    assert written(two, Two(1, 2)) == words(1) + b"\x02\x00"
    assert both(Parameters("x" / two, "y" / FixedArray(Long, 2)), Two(1, 2), [3, 4]) == words(1, 2, 3, 4)
    assert both(Parameters("x" / two, "y" / FixedArray(Long, 20)), Two(1, 2), [3] * 20) == words(1, 2, *[3] * 20)
    assert both(Parameters("x" / Struct(Two, "a" / two, "b" / Long)), Two(Two(1, 2), 3)) == words(1, 2, 3)
    with pytest.raises(NdrError, match=r"value\.b"):
        written(two, Two(1, 1 << 15))


# Plain values


@pytest.mark.parametrize(("value", "octet"), [(True, 1), (7, 1), (False, 0), (0, 0)])
def test_boolean_is_written_as_one_or_zero(value, octet):
    assert written(Boolean, value) == bytes((octet,))


@pytest.mark.parametrize("value", [-1, 0x8000, 0x1_0000])
def test_enumeration_of_16_bits_sends_no_more_than_32767(value, encoding):
    with pytest.raises(NdrError) as caught:
        written(Enum(Color), value, encoding)
    assert caught.value.status == 0x6F5
    assert written(Enum(Color), 0x7FFF, encoding)
    assert written(Enum(Color, v1=True), 0x8000, encoding)


def test_context_handle_is_attributes_and_uuid():
    uuid = UUID("12345778-1234-abcd-ef00-0123456789ac")
    assert written(ContextHandle("H"), (3, uuid)) == words(3) + uuid.bytes_le
    assert written(ContextHandle("H"), (3, uuid), Encoding.NDR_BIG) == struct.pack(">I", 3) + uuid.bytes
    assert written(ContextHandle("H"), None) == bytes(20)
    assert written(GUID, uuid, Encoding.NDR_BIG) == uuid.bytes


def test_gaps_are_zeros():
    parameters = Parameters("s" / String(WChar), "x" / Byte, "y" / Long)
    assert both(parameters, "", 5, 6) == words(1, 0, 1) + b"\0\0\x05\0" + words(6)


def test_parameters_without_fields_write_nothing():
    assert compiled(Parameters()).encode(()) == []


def test_single_pack_is_a_single_part():
    assert compiled(Parameters("a" / Long, "b" / Short)).encode((1, 2)) == [struct.pack("<ih", 1, 2)]


def test_layout_that_cannot_be_written_is_the_programmers_error():
    with pytest.raises(TypeError):
        written(Struct(Two, "a" / Parameters()), Two(1, 2))
    with pytest.raises(ValueError, match="no name"):
        written(Struct(Two, "a b" / Long), Two(1, 2))


# Counts that are left out


@pytest.mark.parametrize(
    ("layouts", "values", "count"),
    [
        (("n" / Long, "a" / ConformantArray(Byte, this.n)), (AUTO, b"abc"), 3),
        (("n" / Long, "a" / UniquePtr(ConformantArray(Byte, this.n))), (AUTO, None), 0),
        (("n" / Long, "a" / RefPtr(UniquePtr(ConformantArray(Byte, this.n)))), (AUTO, b"abc"), 3),
        (("n" / Long, "a" / ConformantArray(Short, this.n // 2)), (AUTO, [1, 2, 3]), 6),
        (("n" / Long, "a" / ConformantArray(Short, this.n * 2)), (AUTO, [1, 2]), 1),
        (("n" / Long, "a" / ConformantArray(Short, this.n - 1)), (AUTO, [1, 2]), 3),
        (("n" / Long, "a" / ConformantVaryingArray(Byte, this.n, 2, 3)), (AUTO, b"ab"), 5),
        (("n" / Long, "a" / ConformantVaryingArray(Byte, 9, this.n)), (AUTO, b"ab"), 2),
        (("n" / Long, "a" / UniquePtr(String(WChar, size=this.n))), (AUTO, "ab"), 3),
        (("n" / UniquePtr(Long), "a" / UniquePtr(ConformantArray(Byte, this.n))), (AUTO, b"ab"), None),
    ],
)
def test_count_that_was_left_out_comes_from_the_array(layouts, values, count):
    octets = both(Parameters(*layouts), *values)
    if count is not None:
        assert octets[:4] == words(count)


def test_count_that_fits_no_array_is_refused():
    parameters = Parameters("n" / Long, "a" / ConformantArray(Short, this.n * 2))
    with pytest.raises(NdrError):
        compiled(parameters).encode((AUTO, [1]))


def test_arrays_that_disagree_on_a_count_are_refused():
    parameters = Parameters(
        "n" / Long, "a" / RefPtr(ConformantArray(Byte, this.n)), "b" / ConformantArray(Byte, this.n)
    )
    assert both(parameters, AUTO, b"ab", b"cd")[:4] == words(2)
    with pytest.raises(NdrError):
        compiled(parameters).encode((AUTO, b"ab", b"c"))


# Pointers


def test_referent_ids_go_up_by_four_in_stream_order():
    assert both(Parameters("a" / FixedArray(UniquePtr(Long), 3)), [1, None, 2])[:12] == words(0x20000, 0, 0x20004)


def test_full_pointers_share_what_is_the_same_object():
    layout = Parameters("a" / FixedArray(FullPtr(ConformantArray(Long)), 3))
    one = [1]
    assert both(layout, [one, [1], one]) == words(0x20000, 0x20004, 0x20000, 1, 1, 1, 1)


def test_full_pointers_do_not_share_what_python_merges():
    layout = FixedArray(FullPtr(Enum(Color)), 2)
    assert both(Parameters("a" / layout), [Color.RED, Color.RED])[:8] == words(0x20000, 0x20004)
    context = (0, UUID(int=1))
    assert both(Parameters("a" / FixedArray(FullPtr(ContextHandle("H")), 2)), [context] * 2)[:8] == words(
        0x20000, 0x20004
    )
    assert both(Parameters("a" / FixedArray(FullPtr(Long), 2)), [5, 5])[:8] == words(0x20000, 0x20004)


def test_full_pointers_of_different_types_share_nothing():
    seven = shared(7)
    assert both(Parameters("a" / FullPtr(Long), "b" / FullPtr(Short)), seven, seven)[8:12] == words(0x20004)


def test_circle_of_full_pointers_is_written():
    node: Struct = Struct(Two, "a" / Long, "b" / FullPtr(lambda: node))
    one = Two(1, None)
    one.b = Two(2, one)
    assert both(Parameters("p" / FullPtr(node)), one) == words(0x20000, 1, 0x20004, 2, 0x20000)


def test_null_ref_pointer_is_refused_before_anything_is_sent():
    with pytest.raises(NdrError) as caught:
        written(Struct(Two, "a" / RefPtr(Long)), Two(None, None))
    assert caught.value.status == 0x6F4


def test_ref_pointer_to_a_pointer_may_lead_to_null():
    assert both(Parameters("a" / RefPtr(UniquePtr(Long))), None) == words(0x20000, 0)
    assert both(Parameters("a" / RefPtr(ContextHandle("H"))), None) == words(0x20000) + bytes(20)


# Unions


def test_value_in_an_empty_arm_is_refused():
    layout = EncapsulatedUnion(Two, "a", "b", Union(Long, {1: None}))
    assert written(layout, Two(1, None)) == words(1)
    with pytest.raises(NdrError):
        written(layout, Two(1, 5))


def test_tag_without_an_arm_is_refused():
    with pytest.raises(NdrError) as caught:
        written(EncapsulatedUnion(Two, "a", "b", Union(Long, {1: None})), Two(2, None))
    assert caught.value.status == 0x6C5


def test_union_without_a_tag_is_refused():
    with pytest.raises(NdrError) as caught:
        written(SwitchIs(Union(Long, {1: Byte}), this.elsewhere), 5)
    assert caught.value.status == 0x6C5


def test_arms_may_name_the_siblings_of_their_union():
    union = Union(Long, {1: UniquePtr(ConformantArray(Byte, this.n)), 2: None})
    parameters = Parameters("n" / Long, "t" / Long, "u" / SwitchIs(union, this.t))
    assert both(parameters, 2, 1, b"ab")[:16] == words(2, 1, 1, 0x20000)
    for wrong in ((1, 1, b"ab"), (1, 1, None)):
        with pytest.raises(NdrError):
            compiled(parameters).encode(wrong)


def test_array_of_unions_without_pointers_has_no_second_pass():
    parameters = Parameters("t" / Long, "u" / ConformantArray(SwitchIs(Union(Long, {1: Byte}), this.t)))
    assert both(parameters, 1, [5, 6])[8:] == words(1) + b"\x05\0\0\0" + words(1) + b"\x06"


# Types that contain themselves


def test_tree_by_arrays_is_written_and_its_counts_are_checked():
    tree: Struct = Struct(Two, "a" / Long, "b" / UniquePtr(lambda: ConformantArray(tree, this.a)))
    parameters = Parameters("t" / tree)
    assert both(parameters, Two(AUTO, [Two(AUTO, None)])) == words(1, 0x20000, 1, 0, 0)
    for wrong in (Two(2, [Two(0, None)]), Two(1, None), Two(1, [Two(1, None)])):
        with pytest.raises(NdrError):
            compiled(parameters).encode((wrong,))


def test_one_array_of_a_tree_serves_two_structures():
    """The function of the array takes the siblings of whoever calls it."""
    tree: Struct = Struct(Two, "a" / Long, "b" / UniquePtr(lambda: children))
    children = ConformantArray(tree, this.a)
    Behind = dataclasses.make_dataclass("Behind", ["b", "a"])
    other = Struct(Behind, "b" / UniquePtr(children), "a" / UniquePtr(Long))
    value = Behind([Two(1, [Two(0, None)])], 1)
    octets = both(Parameters("t" / other), value)
    assert compiled(Parameters("t" / other)).decode(octets) == (value,)


def test_callers_siblings_are_kept_for_items_in_loops():
    """In the second pass of the outer items, `n` is the one of each item."""
    node: Struct = Struct(Two, "a" / Long, "b" / UniquePtr(lambda: ConformantArray(node, this.a)))
    parameters = Parameters("t" / ConformantArray(node))
    value = [Two(2, [Two(0, None), Two(1, [Two(0, None)])]), Two(1, [Two(0, None)]), Two(0, None)]
    assert compiled(parameters).decode(both(parameters, value)) == (value,)
