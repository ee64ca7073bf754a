"""Structures by their members: the same values as one by one."""

from __future__ import annotations

import struct

import pytest

from lrpc.runtime.ndr.columns import FEW, Columns

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
@pytest.mark.parametrize("count", [0, 1, 2, FEW - 1, FEW, FEW + 1, 50])
@pytest.mark.parametrize("buffer", [bytes, bytearray, memoryview])
def test_columns_are_the_members_of_rows(order, text, count, buffer):
    size = struct.calcsize(order + text)
    for stride in (size, -(-size // 8) * 8):
        stub, found = rows(order, text, stride, count)
        columns = Columns(order, text, stride).read(buffer(b"\xff\xff\xff" + stub + b"\xff"), 3, count)
        expected = [list(column) for column in zip(*found, strict=True)]
        assert [list(column) for column in columns] == (expected or [[]] * len(columns))
        assert len(columns) == len(struct.unpack(order + text, bytes(size)))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("count", [2, FEW, 50])
def test_structures_that_are_not_all_there_are_refused(order, count):
    stub, _ = rows(order, "i4xdI", 24, count)
    columns = Columns(order, "i4xdI", 24)
    for cut in range(len(stub)):
        with pytest.raises(struct.error):
            columns.read(stub[:cut], 0, count)
