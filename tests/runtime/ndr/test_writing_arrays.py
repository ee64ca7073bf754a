"""The writing half: arrays and strings."""

from __future__ import annotations

import dataclasses
import struct
from typing import Any

import pytest

from lrpc.runtime.ndr.compiler import compiled
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.expression import this
from lrpc.runtime.ndr.layout import (
    Boolean,
    Byte,
    Char,
    ConformantArray,
    ConformantVaryingArray,
    Encoding,
    FixedArray,
    Hyper,
    Long,
    Parameters,
    Short,
    String,
    Struct,
    SwitchIs,
    Union,
    UniquePtr,
    VaryingArray,
    WChar,
)

Two = dataclasses.make_dataclass("Two", ["a", "b"], slots=True)
Empty = dataclasses.make_dataclass("Empty", [])
GAPPED = Struct(Two, "a" / Short, "b" / Byte)


@pytest.mark.parametrize(
    ("layout", "value"),
    [
        (ConformantArray(Hyper), []),
        (ConformantArray(Hyper), [1, 2]),
        (ConformantArray(WChar), ""),
        (ConformantArray(WChar), "a\0\ud800"),
        (ConformantArray(Boolean), [True, False]),
        (ConformantArray(GAPPED), []),
        (ConformantArray(GAPPED), [Two(1, 2), Two(3, 4)]),
        (ConformantArray(Struct(Empty)), [Empty()]),
        (ConformantArray(UniquePtr(GAPPED)), [Two(1, 2), None, Two(3, 4)]),
        (ConformantArray(String(Char, bound=4)), ["a", "", "abc"]),
        (ConformantArray(FixedArray(UniquePtr(Long), 2)), [[1, None], [None, 2]]),
        (ConformantArray(FixedArray(UniquePtr(Long), 20)), [[1] * 20, [None] * 20]),
        (ConformantArray(Struct(Two, "a" / FixedArray(UniquePtr(Byte), 20), "b" / Byte)), [Two([None] * 20, 1)]),
        (ConformantVaryingArray(Short, 4, 2, 1), [5, 6]),
        (VaryingArray(GAPPED, 4, 2), [Two(1, 2), Two(3, 4)]),
        (FixedArray(GAPPED, 0), []),
        (FixedArray(GAPPED, 2), [Two(1, 2), Two(3, 4)]),
        (FixedArray(FixedArray(WChar, 2), 2), ["ab", "cd"]),
        (FixedArray(WChar, 0), ""),
        (FixedArray(Long, 40), list(range(40))),
        (FixedArray(UniquePtr(String(WChar)), 40), ["x"] * 40),
        (FixedArray(Byte, 3), b"abc"),
        (String(WChar), "a\U0001f600"),
        (String(WChar, bound=4), "abc"),
        (String(Char), "\xe9\udcff"),
        (String(Byte), ""),
    ],
)
@pytest.mark.parametrize("before", [0, 1, 3])
def test_both_readers_write_the_same_at_any_offset(layout, value, before, encoding):
    fields = [f"x{index}" / Byte for index in range(before)]
    named: dict[str, Any] = {field.name: 0xEE for field in fields} | {"a": value, "z": 7}
    for last in (Byte, Hyper):
        parameters = Parameters(*fields, "a" / layout, "z" / last)
        octets = b"".join(compiled(parameters, Parameters(), encoding).encode(tuple(named.values())))
        assert octets == parameters.build(named, encoding=encoding)
        assert compiled(parameters, Parameters(), encoding).decode(octets) == tuple(named.values())


def test_array_without_items_has_no_gap():
    parameters = Parameters("a" / ConformantArray(Hyper), "z" / Byte)
    assert b"".join(compiled(parameters).encode(([], 7))) == bytes(4) + b"\x07"


def test_last_item_has_no_gap_behind_it_in_ndr():
    parameters = Parameters("a" / ConformantArray(GAPPED), "z" / Byte)
    value = ([Two(1, 2), Two(3, 4)], 5)
    octets = b"".join(compiled(parameters).encode(value))
    assert octets == struct.pack("<IhBxhBB", 2, 1, 2, 3, 4, 5)
    wide = b"".join(compiled(parameters, Parameters(), Encoding.NDR64).encode(value))
    assert wide == struct.pack("<QhBxhBxB", 2, 1, 2, 3, 4, 5)


def test_elements_that_are_ms_unions_align_to_the_widest_arm():
    union = Union(Short, {1: Byte, 2: Hyper}, ms_union=True)
    parameters = Parameters("t" / Short, "u" / ConformantArray(SwitchIs(union, this.t)))
    octets = b"".join(compiled(parameters).encode((1, [7, 8])))
    assert octets == struct.pack("<HxxI", 1, 2) + struct.pack("<H6xB7x", 1, 7) + struct.pack("<H6xB", 1, 8)


@pytest.mark.parametrize(
    ("layout", "value"),
    [
        (String(WChar, bound=2), "ab"),
        (String(Char, bound=2), "\xe9"),
        (String(WChar, limits=(2, 3)), ""),
        (ConformantArray(Byte, limits=(2, 3)), b"a"),
        (String(WChar), "\0"),
        (String(Char), "\ud800"),
    ],
)
def test_what_does_not_fit_is_refused(layout, value):
    with pytest.raises(NdrError):
        compiled(Parameters("a" / layout)).encode((value,))


def test_longest_bounded_string_is_written():
    parameters = Parameters("a" / String(WChar, bound=2))
    assert b"".join(compiled(parameters).encode(("a",))) == parameters.build({"a": "a"})
