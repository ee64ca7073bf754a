"""Words for arrays, strings and pipes: what travels with each, and how a pipe is cut."""

from __future__ import annotations

import array

import pytest

from lrpc.runtime.ndr.expression import Number, this
from lrpc.runtime.ndr.layout import (
    Byte,
    Char,
    ConformantArray,
    ConformantVaryingArray,
    Dimension,
    FixedArray,
    Long,
    MultiArray,
    Pipe,
    PipeItems,
    String,
    VaryingArray,
    WChar,
)
from lrpc.runtime.ndr.layout_arrays import CHUNK_ITEMS, CHUNK_OCTETS


def test_array_words_differ_in_what_travels():
    kinds = [
        FixedArray(Byte, 3),
        VaryingArray(Byte, 3, this.n),
        ConformantArray(Byte, this.n),
        ConformantVaryingArray(Byte, this.m, this.n),
    ]
    assert [(a.conformant, a.varying) for a in kinds] == [(False, False), (False, True), (True, False), (True, True)]
    assert kinds[1].first == Number(0)


def test_strings_and_limits_keep_what_they_were_given():
    string = String(WChar, size=this.n, limits=(0, 9))
    assert (string.unit, string.bound, string.size, string.limits) == (WChar, None, this.n, (0, 9))


def test_limits_go_to_the_dimensions_that_have_none():
    array = MultiArray(Byte, Dimension(limits=(1, 2)), Dimension(size=this.n), limits=(0, 9))
    assert [dimension.limits for dimension in array.dimensions] == [(1, 2), (0, 9)]
    assert array.dimensions[1].size == this.n


def test_array_travels_with_counts_as_soon_as_one_dimension_needs_them():
    kinds = [
        MultiArray(Byte, Dimension(2), Dimension(3)),
        MultiArray(Byte, Dimension(2), Dimension(size=this.n)),
        MultiArray(Byte, Dimension(2), Dimension(3, length=this.n)),
        MultiArray(String(Char), Dimension(2)),
        MultiArray(String(Char, bound=4), Dimension(2)),
    ]
    forms = [(array.conformant, array.varying) for array in kinds]
    assert forms == [(False, False), (True, False), (False, True), (True, False), (False, False)]


def test_array_of_strings_has_their_dimension_beside_its_own():
    many = ConformantArray(String(Char, size=this.m, limits=(1, 5)), this.n).many
    assert many is not None
    assert [(one.size, one.limits) for one in many.counted] == [(this.n, None), (this.m, (1, 5))]
    assert ConformantArray(Char).many is None


def test_octets_are_cut_where_a_buffer_of_the_peer_ends():
    parts = [len(part) for part in Pipe(Byte).chunks(bytes(2 * CHUNK_OCTETS + 1))]
    assert parts == [CHUNK_OCTETS, CHUNK_OCTETS, 1]
    assert [len(part) for part in Pipe(Long).chunks(range(CHUNK_ITEMS + 1))] == [CHUNK_ITEMS, 1]


@pytest.mark.parametrize(
    ("pipe", "value", "parts"),
    [
        (Pipe(Byte), b"", []),
        (Pipe(Byte), [b"ab", b"", bytearray(b"c")], [b"ab", b"c"]),
        (Pipe(Char), memoryview(array.array("H", [0x6161])), [b"aa"]),
        (Pipe(Long), [], []),
        (Pipe(Long), (value for value in (1, 2)), [[1, 2]]),
        (Pipe(WChar), [0xD800], [[0xD800]]),
    ],
)
def test_no_chunk_is_empty(pipe, value, parts):
    assert [bytes(part) if pipe.octets else part for part in pipe.chunks(value)] == parts


def test_chunks_are_kept_while_they_make_up_the_value():
    items = PipeItems([1, 2, 3])
    items.counts = [1, 2]
    assert list(Pipe(Long).chunks(items)) == [[1], [2, 3]]
    items.append(4)
    assert list(Pipe(Long).chunks(items)) == [[1, 2, 3, 4]]


@pytest.mark.parametrize("value", [5, None, ["a"], [1]])
def test_what_holds_no_octets_is_no_pipe_of_them(value):
    with pytest.raises(TypeError):
        list(Pipe(Byte).chunks(value))
