"""Structures by their members: the same values as one by one."""

from __future__ import annotations

import struct

import pytest

from lrpc.runtime.ndr.columns import TOGETHER, Columns, numbered

FORMATS = ["i4xdI", "b3xi", "q", "?x2xf", "16sI", "BxH4xQ", "3xB", "hi", "HHHHI8s"]


def rows(order: str, text: str, stride: int, count: int) -> tuple[bytes, list[tuple[object, ...]]]:
    """Octets that differ everywhere, and what is in them."""
    one = struct.Struct(order + text)
    stub = bytes(index * 7 % 61 for index in range(stride * count))
    if count:
        stub = stub[: stride * (count - 1) + one.size]
    return stub, [one.unpack_from(stub, stride * index) for index in range(count)]


@pytest.mark.parametrize("text", FORMATS)
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("count", [1, 2, 3, 50, 300])
@pytest.mark.parametrize("buffer", [bytes, bytearray, memoryview])
def test_columns_are_the_members_of_rows(order, text, count, buffer):
    size = struct.calcsize(order + text)
    for stride in (size, -(-size // 8) * 8):
        stub, found = rows(order, text, stride, count)
        kind = Columns(order, text, stride)
        columns = kind.read(buffer(b"\xff\xff\xff" + stub + b"\xff"), 3, count)
        assert [list(column) for column in columns] == [list(column) for column in zip(*found, strict=True)]
        again = kind.write(*columns)
        assert len(again) == len(stub)
        assert kind.read(again, 0, count) == columns


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("count", [1, 2, 50])
def test_structures_that_are_not_all_there_are_refused(order, count):
    stub, _ = rows(order, "i4xdI", 24, count)
    columns = Columns(order, "i4xdI", 24)
    for cut in range(len(stub)):
        with pytest.raises(struct.error):
            columns.read(stub[:cut], 0, count)


@pytest.mark.parametrize("order", ["<", ">"])
def test_members_are_packed_as_one_by_one(order):
    columns, one = Columns(order, "hxB", 8), struct.Struct(order + "hxB")
    for count in (1, 2, 7, 128, 500):
        first, second = range(-count, 0), [index % 256 for index in range(count)]
        expected = b"".join(one.pack(a, b) + bytes(4) for a, b in zip(first, second, strict=True))
        assert columns.write(first, second) == expected[:-4]
    assert max(columns.together) == 1 << TOGETHER


@pytest.mark.parametrize("wrong", [None, "x", 1 << 15, 1.5], ids=repr)
def test_member_that_does_not_fit_is_refused(wrong):
    columns = Columns("<", "hxB", 8)
    with pytest.raises(struct.error):
        columns.write([1] * 49 + [wrong], [2] * 50)


def test_referents_are_numbered_row_by_row():
    assert [*map(list, numbered(8, "abc")[:-1])] == [[8, 12, 16]]
    first, second, after = numbered(8, ["", "a"], ["b", "c"])
    assert (list(first), list(second), after) == ([8, 16], [12, 20], 24)
    first, second, after = numbered(8, ["", None, "a"], ["b", "c", None])
    assert (list(first), list(second), after) == ([8, 0, 20], [12, 16, 0], 24)
    assert numbered(8, [None, None]) == ([0, 0], 8)
