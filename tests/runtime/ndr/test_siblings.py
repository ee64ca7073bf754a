"""What correlations and unions ask of the compiler."""

from __future__ import annotations

from array import array

import pytest

from lrpc.runtime.ndr.expression import Inverse, this
from lrpc.runtime.ndr.layout import (
    Byte,
    ConformantArray,
    ConformantVaryingArray,
    FixedArray,
    Long,
    RefPtr,
    String,
    Struct,
    SwitchIs,
    Union,
    UniquePtr,
    WChar,
)
from lrpc.runtime.ndr.siblings import below, branches, correlated, counts_of, expressions, items_in, speaks


def test_branches_join_the_tags_of_one_arm():
    union = Union(Long, {1: Byte, 2: None, 3: Byte, 4: None}, Long)
    assert list(branches(union, "t")) == [("if t in (1, 3):", Byte), ("elif t in (2, 4):", None), ("else:", Long)]


def test_branches_of_a_union_with_nothing_but_a_default():
    assert list(branches(Union(Long, {}, None), "t")) == [("if True:", None)]


def test_correlated_names_are_those_of_one_scope():
    inner = Struct(list, "x" / ConformantArray(Long, this.hidden))
    arm = UniquePtr(ConformantArray(Long, this.arm))
    fields = (
        "a" / UniquePtr(ConformantVaryingArray(UniquePtr(String(WChar, size=this.s)), this.m, this.l, this.f)),
        "u" / SwitchIs(Union(Long, {1: arm, 2: inner}), this.t),
        "i" / inner,
    )
    assert correlated(fields) == {"s", "m", "l", "f", "t", "arm"}


def test_below_ends_in_a_type_that_contains_itself():
    layout = UniquePtr(lambda: layout)
    assert list(below(layout)) == [layout]


def test_layout_speaks_when_something_below_it_does():
    assert speaks(UniquePtr(ConformantArray(Long, this.n)))
    assert not speaks(UniquePtr(ConformantArray(Long)))
    assert expressions(Long) == []


def test_counts_are_found_through_pointers():
    array = ConformantVaryingArray(Long, this.n * 2, this.k + this.j)
    assert counts_of(RefPtr(UniquePtr(array))) == [(array, Inverse("n", per=2))]
    assert counts_of(UniquePtr(Long)) == []


@pytest.mark.parametrize(
    ("value", "layout", "count"),
    [
        (None, ConformantArray(Long), 0),
        ("a\U0001f600", ConformantArray(WChar), 3),
        (array("H", [1, 2]), ConformantArray(Byte), 4),
        ([1, 2], FixedArray(Long, 2), 2),
    ],
)
def test_items_in_a_value_are_counted_as_they_are_sent(value, layout, count):
    assert items_in(value, layout) == count


def test_what_has_no_length_has_no_items():
    with pytest.raises(TypeError):
        items_in(5, ConformantArray(Long))
