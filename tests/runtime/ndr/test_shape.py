"""What the compiler knows of a layout before it writes code."""

from __future__ import annotations

import dataclasses

import pytest

from lrpc.runtime.ndr import shape
from lrpc.runtime.ndr.expression import this
from lrpc.runtime.ndr.layout import (
    GUID,
    NO_ARM,
    Boolean,
    Byte,
    Char,
    ConformantArray,
    ConformantVaryingArray,
    ContextHandle,
    EncapsulatedUnion,
    Encoding,
    FixedArray,
    FullPtr,
    Guid,
    Hyper,
    Layout,
    Long,
    Parameters,
    Range,
    Short,
    String,
    Struct,
    SwitchIs,
    Union,
    UniquePtr,
    VaryingArray,
    WChar,
)

Two = dataclasses.make_dataclass("Two", ["a", "b"])
HB = Struct(Two, "a" / Hyper, "b" / Byte)
U = Union(Byte, {1: Long, 2: Hyper})
TREE: Struct = Struct(Two, "a" / Long, "b" / UniquePtr(lambda: TREES))
TREES = ConformantArray(TREE, this.a)


@pytest.mark.parametrize(
    ("layout", "ndr", "ndr64"),
    [
        (Short, 2, 2),
        (Range(Hyper, 0, 1), 8, 8),
        (GUID, 4, 4),
        (ContextHandle("H"), 4, 4),
        (UniquePtr(Byte), 4, 8),
        (HB, 8, 8),
        (Struct(Two), 1, 1),
        (SwitchIs(U, this.t), 8, 8),
        (EncapsulatedUnion(Two, "t", "u", U), 8, 8),
        (ConformantArray(Short), 2, 2),
        (String(WChar), 2, 2),
    ],
    ids=repr,
)
def test_alignment_is_that_of_the_widest_part(layout, ndr, ndr64):
    assert shape.alignment(layout, Encoding.NDR) == ndr
    assert shape.alignment(layout, Encoding.NDR64) == ndr64


def test_parameters_have_no_alignment():
    with pytest.raises(TypeError):
        shape.alignment(Parameters(), Encoding.NDR)


@pytest.mark.parametrize(
    ("layout", "ndr", "ndr64"),
    [
        (Long, 4, 4),
        (Range(Short, 0, 1), 2, 2),
        (GUID, 16, 16),
        (ContextHandle("H"), 20, 20),
        (UniquePtr(Byte), 4, 8),
        (HB, 9, 16),
        (Struct(Two, "a" / Byte, "b" / FixedArray(Hyper, 0)), 1, 8),
        (Struct(Two, "a" / Byte, "b" / String(Char)), None, None),
        (FixedArray(HB, 2), 25, 32),
        (FixedArray(HB, 0), 0, 0),
        (FixedArray(Byte, 1000), 1000, 1000),
        (FixedArray(WChar, 1000), 2000, 2000),
        (FixedArray(Long, shape.UNROLL), 4 * shape.UNROLL, 4 * shape.UNROLL),
        (FixedArray(Long, shape.UNROLL + 1), None, None),
        (FixedArray(FixedArray(Long, 4), 5), None, None),
        (FixedArray(String(Char, bound=2), 2), None, None),
        (VaryingArray(Long, 3, this.n), None, None),
        (ConformantArray(Long), None, None),
        (SwitchIs(U, this.t), None, None),
    ],
    ids=repr,
)
def test_fixed_size_counts_gaps_and_trailing_pads(layout, ndr, ndr64):
    assert shape.fixed_size(layout, Encoding.NDR) == ndr
    assert shape.fixed_size(layout, Encoding.NDR64) == ndr64


def test_array_without_items_asks_for_no_alignment():
    assert shape.lead(FixedArray(Hyper, 0), Encoding.NDR) == 1
    assert shape.lead(FixedArray(FixedArray(Hyper, 1), 2), Encoding.NDR) == 8
    assert shape.lead(HB, Encoding.NDR) == 8


@pytest.mark.parametrize(
    ("layout", "least"),
    [
        (Long, 4),
        (Struct(Two, "a" / Byte, "b" / String(Char)), 9),
        (SwitchIs(U, this.t), 1),
        (EncapsulatedUnion(Two, "t", "u", U), 1),
        (VaryingArray(Long, 3, this.n), 8),
        (ConformantArray(Long), 0),
        (FixedArray(String(Char, bound=4), 2), 16),
        (Parameters(), 0),
    ],
    ids=repr,
)
def test_smallest_is_what_a_value_takes_at_least(layout, least):
    assert shape.smallest(layout, Encoding.NDR) == least


def test_conformant_tail_is_found_at_the_end_only():
    array = ConformantArray(Long)
    assert shape.conformant_tail(array) is array
    assert shape.conformant_tail(Struct(Two, "a" / Long, "b" / Struct(Two, "a" / array))) is array
    assert shape.conformant_tail(String(Char)) is not None
    assert shape.conformant_tail(String(Char, bound=3)) is None
    assert shape.conformant_tail(FixedArray(Long, 3)) is None
    assert shape.conformant_tail(UniquePtr(array)) is None
    assert shape.conformant_tail(Struct(Two)) is None


def test_recursion_is_found_through_arrays_and_unions():
    union = Union(Long, {1: UniquePtr(lambda: TREE)})
    holder = Struct(Two, "a" / Long, "b" / SwitchIs(union, this.a))
    assert {id(TREE), id(TREES)} <= shape.recursive(Parameters("x" / holder))
    assert id(holder) not in shape.recursive(Parameters("x" / holder))
    assert shape.recursive(Parameters("x" / HB, "y" / UniquePtr(HB))) == set()


def test_recursion_is_found_behind_what_was_seen_before():
    """Two circles that share a structure: whichever is found first, all of both are recursive."""
    found: dict[str, Layout] = {}
    found["a"] = Struct(Two, "a" / UniquePtr(lambda: found["b"]), "b" / UniquePtr(lambda: found["c"]))
    found["b"] = Struct(Two, "a" / UniquePtr(lambda: found["a"]))
    found["c"] = Struct(Two, "a" / found["b"])
    recursive = shape.recursive(Parameters("x" / found["a"]))
    assert {id(layout) for layout in found.values()} <= recursive


def test_union_is_exhaustive_with_a_default():
    assert shape.exhaustive(Union(Long, {}, None))
    assert not shape.exhaustive(Union(Long, {1: Byte}, NO_ARM))
    assert shape.arms_alignment(Union(Long, {1: None}), Encoding.NDR) == 1


def test_plain_scalars_are_those_whose_octets_are_their_value():
    assert shape.is_plain(Long)
    assert not shape.is_plain(Boolean)
    assert not shape.is_plain(GUID)


def test_pointers_are_found_in_parts_but_not_in_pointees():
    assert shape.has_pointers(Struct(Two, "a" / FixedArray(SwitchIs(Union(Long, {1: UniquePtr(Long)}), this.t), 2)))
    assert shape.has_pointers(EncapsulatedUnion(Two, "t", "u", Union(Long, {1: UniquePtr(Long)})))
    assert not shape.has_pointers(ConformantArray(HB))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ConformantArray(Long, this.n), ConformantVaryingArray(Long, this.m, this.k)),
        (String(WChar), String(WChar, size=this.n)),
        (UniquePtr(FullPtr(Long)), UniquePtr(FullPtr(Long))),
        (Range(Long, 1, 2), Range(Long, 1, 2)),
        (Guid(), GUID),
    ],
)
def test_same_type_is_seen_through_different_layouts(one, other):
    assert shape.same_type(one) == shape.same_type(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Long, Short),
        (ConformantArray(Long), ConformantArray(Short)),
        (FixedArray(Long, 2), FixedArray(Long, 3)),
        (String(WChar), String(Char)),
        (UniquePtr(Long), FullPtr(Long)),
        (Range(Long, 1, 2), Range(Long, 1, 3)),
        (HB, Struct(Two, "a" / Hyper, "b" / Byte)),
    ],
)
def test_different_types_are_not_the_same(one, other):
    assert shape.same_type(one) != shape.same_type(other)
