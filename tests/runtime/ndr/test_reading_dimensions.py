"""The reading half: arrays of several dimensions, arrays of strings, and pipes."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from lrpc.runtime.ndr.compiler import compiled, compiled_type
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.expression import this
from lrpc.runtime.ndr.layout import (
    Array,
    Byte,
    Char,
    Dimension,
    Encoding,
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
    UniquePtr,
    WChar,
)
from lrpc.runtime.ndr.layout_arrays import EMPTY_ROWS


def words(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


def read(layout: Layout, stub: bytes, encoding: Encoding = Encoding.NDR) -> Any:
    """What the codec reads; the reference reader has to agree."""
    found = compiled_type(layout, encoding).decode(stub)[0]
    assert found == layout.parse(stub, encoding=encoding)
    return found


def refused(layout: Layout, stub: bytes, encoding: Encoding = Encoding.NDR) -> NdrError:
    """What the codec says; the reference reader has to refuse it with the same status."""
    with pytest.raises(NdrError) as caught:
        compiled_type(layout, encoding).decode(stub)
    with pytest.raises(NdrError) as again:
        layout.parse(stub, encoding=encoding)
    assert caught.value.status == again.value.status
    return caught.value


OPEN = (Dimension(), Dimension())


@pytest.mark.parametrize(
    ("layout", "stub", "value"),
    [
        (MultiArray(Long, *OPEN), words(2, 2, 1, 2, 3, 4), [[1, 2], [3, 4]]),
        (MultiArray(Byte, *OPEN), words(2, 2) + b"abcd", [b"ab", b"cd"]),
        (MultiArray(WChar, *OPEN), words(2, 1) + b"\x3d\xd8\x00\xde", ["\ud83d", "\ude00"]),
        (MultiArray(Byte, Dimension()), words(2) + b"ab", b"ab"),
        (MultiArray(Byte, Dimension(1), Dimension(2), Dimension(2)), b"abcd", [[b"ab", b"cd"]]),
        (MultiArray(Long, *OPEN), words(0, 7), []),
        (MultiArray(Long, *OPEN), words(2, 0), [[], []]),
        (MultiArray(FixedArray(Byte, 2), *OPEN), words(1, 2) + b"abcd", [[b"ab", b"cd"]]),
        (Array(String(Char)), words(2, 3, 0, 2) + b"a\0\0\0" + words(0, 3) + b"bc\0", ["a", "bc"]),
        (Array(String(WChar), bound=1), words(1, 2, 0, 1) + b"\0\0", [""]),
    ],
)
def test_rows_are_lists_and_the_innermost_is_what_an_array_is(layout, stub, value):
    assert read(layout, stub) == value


def test_gap_stands_in_front_of_items_alone():
    layout = Parameters("a" / MultiArray(Hyper, *OPEN), "z" / Byte)
    assert compiled(layout).decode(words(2, 1) + struct.pack("<2qB", 1, 2, 9)) == ([[1], [2]], 9)
    assert compiled(layout).decode(words(0, 1) + b"\x09") == ([], 9)


def test_pointees_of_all_rows_come_behind_all_items():
    layout = Parameters("a" / MultiArray(UniquePtr(Byte), *OPEN), "z" / Byte)
    assert compiled(layout).decode(words(2, 2, 4, 0, 8, 12) + b"\1\2\3\4") == ([[1, None], [2, 3]], 4)


@pytest.mark.parametrize(
    ("layout", "stub", "status"),
    [
        (MultiArray(Byte, Dimension(2), Dimension()), words(3, 1) + b"abc", 0x6F7),
        (MultiArray(Byte, Dimension(limits=(1, 2)), Dimension()), words(3, 1) + b"abc", 0x6C6),
        (MultiArray(Byte, *OPEN, limits=(1, 2)), words(1, 3) + b"abc", 0x6C6),
        (MultiArray(Byte, Dimension(2, length=2, first=1)), words(1, 2) + b"ab", 0x6F7),
        (MultiArray(Byte, Dimension(2, length=1)), words(0, 2) + b"ab", 0x6F7),
        (MultiArray(Byte, Dimension(2, length=1)), words(1, 1) + b"a", 0x6F7),
        (MultiArray(Byte, *OPEN), words(2, 2) + b"abc", 0x6F7),
        (MultiArray(Byte, *OPEN), words(0xFFFF_FFFF, 0xFFFF_FFFF), 0x6F7),
        (Array(String(Char)), words(1, 1, 0, 2) + b"a\0", 0x6F7),
        (Array(String(Char, limits=(1, 2))), words(1, 3, 0, 2) + b"a\0", 0x6C6),
        (Array(String(Char)), words(1, 2, 0, 2) + b"ab", 0x6F7),
    ],
)
def test_counts_that_do_not_hold_are_refused(layout, stub, status):
    assert refused(layout, stub).status == status


def test_rows_without_items_are_as_few_as_the_stub_and_some_more():
    layout = MultiArray(Long, *OPEN)
    most = EMPTY_ROWS + 8
    assert read(layout, words(most, 0)) == [[]] * most
    assert "rows" in refused(layout, words(most + 1, 0)).reason
    deep = MultiArray(Long, *OPEN, Dimension())
    assert "rows" in refused(deep, words(1 << 20, 1 << 20, 0)).reason


def test_counts_are_held_against_siblings_that_come_behind():
    layout = Parameters("a" / MultiArray(Byte, Dimension(size=this.m), Dimension(size=this.n)), "m" / Byte, "n" / Byte)
    assert compiled(layout).decode(words(1, 2) + b"ab\1\2") == ([b"ab"], 1, 2)
    for counts in (b"\2\2", b"\1\1"):
        with pytest.raises(NdrError, match="siblings"):
            compiled(layout).decode(words(1, 2) + b"ab" + counts)


def test_conformant_dimension_in_the_middle_is_the_programmers_error():
    with pytest.raises(TypeError):
        compiled(Parameters("s" / Struct(dict, "a" / MultiArray(Byte, *OPEN), "b" / Byte))).decode(bytes(9))


def test_chunks_of_a_pipe_are_kept_in_their_counts():
    octets = read(Pipe(Byte), words(1) + b"a\0\0\0" + words(2) + b"bc\0\0" + words(0))
    assert (octets, octets.counts) == (b"abc", [1, 2])
    items = read(Pipe(Short), words(1) + b"\1\0\0\0" + words(2) + b"\2\0\3\0" + words(0))
    assert (items, items.counts) == ([1, 2, 3], [1, 2])


@pytest.mark.parametrize("stub", [b"", words(1), words(1) + b"a", words(0xFFFF_FFFF) + b"a\0\0\0" + words(0)])
def test_pipe_that_does_not_end_is_refused(stub):
    refused(Pipe(Byte), stub)


def test_chunk_of_ndr64_ends_in_its_negated_count():
    stub = struct.pack("<QB7xq2q", 1, 7, -1, 0, 0)
    assert read(Pipe(Byte), stub, Encoding.NDR64) == b"\7"
    refused(Pipe(Byte), struct.pack("<QB7xq2q", 1, 7, -2, 0, 0), Encoding.NDR64)
    refused(Pipe(Byte), struct.pack("<QB7xq2q", 1, 7, -1, 0, 1), Encoding.NDR64)


def test_items_of_a_pipe_with_pointers_are_the_programmers_error():
    with pytest.raises(TypeError):
        compiled(Parameters("p" / Pipe(UniquePtr(Long)))).decode(bytes(4))
