"""The writing half: arrays of several dimensions, arrays of strings, and pipes."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from lrpc.runtime.ndr.compiler import compiled
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.expression import this
from lrpc.runtime.ndr.layout import (
    Array,
    Byte,
    Char,
    Dimension,
    Encoding,
    Layout,
    Long,
    MultiArray,
    Parameters,
    Pipe,
    PipeItems,
    String,
    UniquePtr,
    WChar,
)
from lrpc.runtime.ndr.layout_arrays import CHUNK_ITEMS


def words(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


def write(layout: Layout, value: Any, encoding: Encoding = Encoding.NDR, **siblings: int) -> bytes:
    """What the codec writes behind the siblings; the reference writer has to agree."""
    parameters = Parameters(*(name / Long for name in siblings), "a" / layout)
    named = {**siblings, "a": value}
    octets = b"".join(compiled(parameters, Parameters(), encoding).encode(tuple(named.values())))
    assert octets == parameters.build(named, encoding=encoding)
    return octets[4 * len(siblings) :]


def refused(layout: Layout, value: Any, **siblings: int) -> NdrError:
    """What the codec says; the reference writer has to refuse it with the same status."""
    parameters = Parameters(*(name / Long for name in siblings), "a" / layout)
    named = {**siblings, "a": value}
    with pytest.raises(NdrError) as caught:
        compiled(parameters).encode(tuple(named.values()))
    with pytest.raises(NdrError) as again:
        parameters.build(named)
    assert caught.value.status == again.value.status
    return caught.value


OPEN = (Dimension(), Dimension())
PART = Dimension(size=this.n, length=this.l, first=this.f)


@pytest.mark.parametrize(
    ("layout", "value", "stub"),
    [
        (MultiArray(Long, *OPEN), [[1, 2], (3, 4)], words(2, 2, 1, 2, 3, 4)),
        (MultiArray(Byte, *OPEN), [b"ab", [99, 100]], words(2, 2) + b"abcd"),
        (MultiArray(WChar, *OPEN), ["\ud83d", "\ude00"], words(2, 1) + b"\x3d\xd8\x00\xde"),
        (MultiArray(Byte, Dimension(1), Dimension(2), Dimension(2)), [[b"ab", b"cd"]], b"abcd"),
        (MultiArray(Long, *OPEN), [], words(0, 0)),
        (MultiArray(Long, *OPEN), [[], []], words(2, 0)),
        (Array(String(Char)), ["a", "bc"], words(2, 3, 0, 2) + b"a\0\0\0" + words(0, 3) + b"bc\0"),
        (Array(String(Char)), [], words(0, 0)),
        (Array(String(Char, bound=3), bound=1), ["a"], words(0, 2) + b"a\0"),
    ],
)
def test_items_are_in_row_major_order_behind_all_counts(layout, value, stub):
    assert write(layout, value) == stub


def test_dimension_below_one_without_items_has_what_its_siblings_say():
    layout = MultiArray(Byte, Dimension(), Dimension(size=this.n))
    assert write(layout, [], n=7) == words(0, 7)
    assert write(MultiArray(Byte, Dimension(), PART), [], n=7, l=3, f=2) == words(0, 7, 0, 0, 2, 3)


def test_part_of_a_dimension_goes_with_its_offset():
    assert write(MultiArray(Byte, PART), b"ab", n=4, l=2, f=1) == words(4, 1, 2) + b"ab"


@pytest.mark.parametrize(
    ("layout", "value"),
    [
        (MultiArray(Long, *OPEN), [[1, 2], [3]]),
        (MultiArray(Byte, *OPEN), [b"ab", b"c"]),
        (MultiArray(WChar, *OPEN), ["ab", "c"]),
        (MultiArray(Long, *OPEN), [1, 2]),
        (MultiArray(Long, *OPEN), 5),
        (MultiArray(Byte, *OPEN), [1]),
        (MultiArray(WChar, *OPEN), [b"a"]),
        (MultiArray(WChar, Dimension()), 5),
        (MultiArray(Byte, Dimension(2)), b"a"),
        (MultiArray(Byte, Dimension(size=this.n)), b"a"),
        (MultiArray(Byte, Dimension(size=this.n, length=this.n)), b"a"),
        (MultiArray(Byte, Dimension(size=this.n, first=this.n + 1)), b""),
        (MultiArray(Byte, Dimension(size=this.n, length=0, first=this.n - 3)), b""),
        (MultiArray(Byte, Dimension(limits=(2, 3))), b"a"),
        (Array(String(Char, bound=2)), ["ab"]),
        (Array(String(Char, size=this.n)), ["ab"]),
        (Array(String(Char, limits=(0, 2))), ["ab"]),
        (Array(String(Char)), ["a\0b"]),
        (Array(String(Char)), [5]),
        (Pipe(Byte), 5),
        (Pipe(Byte), "ab"),
        (Pipe(Byte), [5]),
        (Pipe(Long), None),
        (Pipe(Long), ["x"]),
    ],
)
def test_value_that_its_counts_contradict_is_refused(layout, value):
    refused(layout, value, n=2)


def test_pipe_is_written_in_chunks_and_ends_in_an_empty_one():
    assert write(Pipe(Byte), [b"a", b"", b"bc"]) == words(1) + b"a\0\0\0" + words(2) + b"bc\0\0" + words(0)
    assert write(Pipe(Byte), b"") == words(0)
    octets = write(Pipe(Byte), b"a", Encoding.NDR64)
    assert octets == struct.pack("<QB7xq2q", 1, 0x61, -1, 0, 0)


def test_chunk_holds_no_more_items_than_a_buffer_of_the_peer():
    octets = write(Pipe(Byte), [bytes(1 << 16) + b"a"])
    assert octets[:4] + octets[4 + (1 << 16) :] == words(1 << 16, 1) + b"a\0\0\0" + words(0)
    assert write(Pipe(Long), range(CHUNK_ITEMS + 1))[-12:] == words(1, CHUNK_ITEMS, 0)


def test_chunks_of_a_pipe_that_came_are_kept():
    items = PipeItems([1, 2, 3])
    items.counts = [1, 2]
    assert write(Pipe(Long), items) == words(1, 1, 2, 2, 3, 0)


def test_items_of_a_pipe_with_pointers_are_the_programmers_error():
    with pytest.raises(TypeError):
        compiled(Parameters("p" / Pipe(UniquePtr(Long)))).encode(([],))


def test_pointees_of_all_rows_come_behind_all_items():
    layout = MultiArray(UniquePtr(Byte), *OPEN)
    assert write(layout, [[1, None], [2, 3]]) == words(2, 2, 0x20000, 0, 0x20004, 0x20008) + b"\1\2\3"


@pytest.mark.parametrize(
    ("value", "counts"), [(b"", []), (b"ab", [2]), (b"abcdefg", [3, 3, 1]), ([b"ab", b"cde"], [2, 3])]
)
def test_chunks_of_a_pipe_keep_to_its_range(value, counts):
    parameters = Parameters("p" / Pipe(Byte, limits=(1, 3)))
    stub = b"".join(compiled(parameters).encode((value,)))
    assert stub == parameters.build({"p": value})
    assert list(parameters.parse(stub)["p"].counts) == counts


def test_chunk_below_the_range_of_its_pipe_is_refused():
    parameters = Parameters("p" / Pipe(Byte, limits=(2, 3)))
    for write in (lambda: compiled(parameters).encode((b"abcd",)), lambda: parameters.build({"p": b"abcd"})):
        with pytest.raises(NdrError, match="a chunk of 1 items is outside") as caught:
            write()
        assert caught.value.status == 0x6C6
