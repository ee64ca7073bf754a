"""Values to octets: arrays, strings and pipes, whose counts have to be those of the value."""

from __future__ import annotations

import array
import struct
from typing import Any

import pytest

from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.expression import this
from lrpc.runtime.ndr.layout import (
    Array,
    Byte,
    Char,
    ConformantArray,
    ConformantVaryingArray,
    Dimension,
    FixedArray,
    Hyper,
    Layout,
    Long,
    MultiArray,
    Parameters,
    Pipe,
    Short,
    String,
    Struct,
    VaryingArray,
    WChar,
)


def refused(layout: Layout, value: Any, **keywords: Any) -> NdrError:
    with pytest.raises(NdrError) as caught:
        layout.build(value, **keywords)
    assert caught.value.offset is None
    return caught.value


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


@pytest.mark.parametrize("value", ["a\0b", "\0"])
def test_string_has_to_be_text_without_nul(value):
    assert "is no text without NUL" in refused(String(WChar), value).reason


@pytest.mark.parametrize(("value", "name"), [(None, "None"), (b"ab", "bytes"), (5, "int")])
def test_string_has_to_be_a_str(value, name):
    assert refused(String(WChar), value).reason == f"takes str, not {name}"


def test_string_of_octets_refuses_what_they_cannot_hold():
    assert "cannot be written in char" in refused(String(Char), "\ud800").reason


def test_size_is_may_give_a_string_more_room():
    octets = String(Char, size=this.n).build("ab", outer={"n": 8})
    assert octets == struct.pack("<III", 8, 0, 3) + b"ab\0"
    assert String(Char, size=this.n).parse(octets, outer={"n": 8}) == "ab"


@pytest.mark.parametrize(
    ("value", "path"),
    [([[1, 2], [3]], "a"), ([[1], 2], "a[1]"), ([1, 2], "a[0]"), (5, "a"), (None, "a"), ([[1, 2], None], "a[1]")],
)
def test_rows_of_an_array_are_lists_of_one_length(value, path):
    assert refused(Parameters("a" / MultiArray(Long, Dimension(), Dimension())), {"a": value}).path == path


@pytest.mark.parametrize(
    ("dimension", "reason"),
    [
        (Dimension(3), "2 items where the siblings say 3"),
        (Dimension(size=this.n, length=this.n - 1), "2 items where the siblings say 3"),
        (Dimension(1, length=2), "0 + 2 items do not fit in 1"),
        (Dimension(limits=(3, 4)), "2 items are outside (3, 4)"),
    ],
)
def test_dimension_that_contradicts_the_value_is_refused(dimension, reason):
    layout = Parameters("a" / MultiArray(Byte, dimension, Dimension(1)))
    assert refused(layout, {"a": [b"x", b"y"]}, outer={"n": 4}).reason == reason


def test_strings_of_an_array_share_the_longest_count():
    octets = Array(String(Char)).build(["a", "bcd"])
    assert octets == struct.pack("<4I", 2, 4, 0, 2) + b"a\0\0\0" + struct.pack("<2I", 0, 4) + b"bcd\0"
    error = refused(Array(String(Char, size=this.n)), ["a", "bcd"], outer={"n": 3})
    assert (error.path, error.reason) == ("[1]", "0 + 4 items do not fit in 3")


@pytest.mark.parametrize("value", [5, None, "abc", [1, 2]])
def test_pipe_of_octets_takes_nothing_else(value):
    assert refused(Pipe(Byte), value).rule == "C706 14.3.9"


def test_pipe_keeps_the_chunks_in_which_it_came():
    value = Pipe(Byte).parse(bytes.fromhex("01000000 07 000000 02000000 0809 0000 00000000"))
    assert Pipe(Byte).build(value) == bytes.fromhex("01000000 07 000000 02000000 0809 0000 00000000")
    assert Pipe(Byte).build(bytes(value)) == bytes.fromhex("03000000 070809 00 00000000")
