"""The compiled codec at its border: vectors both ways, damage, wrong values, explanations, limits."""

from __future__ import annotations

import dataclasses
import struct
from array import array
from typing import Any
from uuid import UUID

import pytest

from lrpc.runtime.ndr.budget import MAX_DEPTH, NESTED_COST
from lrpc.runtime.ndr.compiler import NOTHING, Codec, compiled, compiled_type
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.expression import this
from lrpc.runtime.ndr.layout import (
    GUID,
    Boolean,
    Byte,
    Char,
    ConformantArray,
    ContextHandle,
    Dimension,
    Double,
    Encoding,
    FixedArray,
    Float,
    Layout,
    Long,
    MultiArray,
    Parameters,
    Range,
    RefPtr,
    Short,
    String,
    Struct,
    UniquePtr,
    USmall,
    WChar,
)
from lrpc.runtime.ndr.places import MAX_REREAD, REREAD_STEPS

Node = dataclasses.make_dataclass("Node", ["v", "next"], slots=True)
Fork = dataclasses.make_dataclass("Fork", ["left", "right"], slots=True)
NODE: Struct = Struct(Node, "v" / Long, "next" / UniquePtr(lambda: NODE))
FORK: Struct = Struct(Fork, "left" / UniquePtr(lambda: FORK), "right" / UniquePtr(lambda: FORK))


def whole(layout: Layout, value: Any) -> tuple[Parameters, tuple[Any, ...]]:
    """A layout as parameters, and its value."""
    if isinstance(layout, Parameters):
        return layout, tuple(value.values())
    return Parameters("value" / layout), (value,)


def octets(layout: Layout, value: Any, encoding: Encoding = Encoding.NDR) -> bytes:
    return b"".join(compiled_type(layout, encoding).encode((value,)))


def test_vector_is_what_the_codec_writes(vector, encoding):
    parameters, values = whole(vector.layout, vector.value)
    assert b"".join(compiled(parameters, NOTHING, encoding).encode(values)) == vector.octets(encoding)


@pytest.mark.parametrize("buffer", [bytes, bytearray, memoryview])
def test_vector_is_what_the_codec_reads(vector, encoding, buffer):
    parameters, values = whole(vector.layout, vector.value)
    assert compiled(parameters, NOTHING, encoding).decode(buffer(vector.octets(encoding))) == values


def test_truncated_vector_is_refused_at_every_cut(vector, encoding):
    codec = compiled(whole(vector.layout, vector.value)[0], NOTHING, encoding)
    stub = vector.octets(encoding)
    for cut in range(len(stub)):
        with pytest.raises(NdrError):
            codec.decode(stub[:cut])


def test_octets_behind_a_vector_do_not_matter(vector, encoding):
    parameters, values = whole(vector.layout, vector.value)
    assert compiled(parameters, NOTHING, encoding).decode(vector.octets(encoding) + b"\xff" * 8) == values


def test_codec_is_made_once_for_each_encoding():
    parameters = Parameters("a" / Long)
    assert compiled(parameters, NOTHING, Encoding.NDR) is compiled(parameters, NOTHING, Encoding.NDR)
    assert compiled(parameters, NOTHING, Encoding.NDR) is not compiled(parameters, NOTHING, Encoding.NDR64)
    assert compiled_type(Long) is compiled_type(Long)


# Errors


@pytest.mark.parametrize(
    ("layout", "value"),
    [
        (Long, "1"),
        (Long, None),
        (Long, 1.5),
        (Long, 1 << 31),
        (Double, "x"),
        (Range(Long, 1, 2), "x"),
        (Range(Long, 1, 2), 3),
        (NODE, None),
        (NODE, {}),
        (NODE, 5),
        (String(WChar), 5),
        (String(WChar), b"x"),
        (String(Char), None),
        (String(WChar), "a\0b"),
        (GUID, "x"),
        (GUID, None),
        (ContextHandle("H"), 5),
        (ContextHandle("H"), (1, 2)),
        (ContextHandle("H"), (1, UUID(int=1), 3)),
        (RefPtr(Long), None),
        (ConformantArray(Long), 5),
        (ConformantArray(Long), "ab"),
        (ConformantArray(Long), {1: 2}),
        (ConformantArray(Long), [1, None]),
        (ConformantArray(Long), [1 << 31]),
        (ConformantArray(Float), [1e300]),
        (ConformantArray(Boolean), "ab"),
        (ConformantArray(NODE), {}),
        (ConformantArray(Byte), "ab"),
        (ConformantArray(Byte), [256]),
        (ConformantArray(WChar), b"ab"),
        (FixedArray(Byte, 2), b"abc"),
        (FixedArray(Long, 2), [1]),
        (FixedArray(Long, 20), [1]),
    ],
    ids=repr,
)
def test_wrong_value_is_an_ndr_error(layout, value, encoding):
    with pytest.raises(NdrError):
        octets(layout, value, encoding)


def test_wrong_number_of_values_is_an_ndr_error():
    with pytest.raises(NdrError, match="2 values for 1 parameters"):
        compiled(Parameters("a" / Long)).encode((1, 2))


def test_refused_stub_is_explained_with_the_field():
    codec = compiled(Parameters("a" / Long, "n" / NODE))
    with pytest.raises(NdrError, match=r"n\.next"):
        codec.decode(struct.pack("<III", 1, 2, 3))


def test_refused_value_is_explained_with_the_field():
    with pytest.raises(NdrError, match=r"n\.next\.v"):
        compiled(Parameters("n" / NODE)).encode((Node(1, Node("x", None)),))


def test_stub_too_long_to_read_again_has_its_place_from_the_codec():
    parameters = Parameters("x" / ConformantArray(Byte), "r" / RefPtr(Long))
    stub = struct.pack("<I", MAX_REREAD) + bytes(MAX_REREAD) + bytes(8)
    with pytest.raises(NdrError) as caught:
        compiled(parameters).decode(stub)
    assert caught.value.status == 0x6F4
    assert str(caught.value) == "r: a [ref] pointer is null at offset 0x100008 (C706 14.3.12.1)"


def test_stub_with_too_many_fields_to_read_again_has_its_place_from_the_codec():
    parameters = Parameters("x" / ConformantArray(NODE))
    good = struct.pack("<II", 7, 0) * REREAD_STEPS
    with pytest.raises(NdrError, match=r"^x\[4096\]\.next.*the stub ends here at offset 0x800c"):
        compiled(parameters).decode(struct.pack("<I", REREAD_STEPS + 1) + good + struct.pack("<II", 7, 1))


def test_failure_that_only_the_codec_finds_is_an_ndr_error():
    """The reference reader takes a mapping for a structure, calls do not."""
    with pytest.raises(NdrError, match="takes an object with the attribute v, not dict"):
        octets(NODE, {"v": 1, "next": None})


def test_layout_that_cannot_be_read_is_the_programmers_error():
    parameters = Parameters("a" / Parameters())
    with pytest.raises(TypeError):
        compiled(parameters).decode(b"")
    with pytest.raises(TypeError):
        compiled(parameters).encode((1,))


def test_values_of_the_other_direction_are_used_and_explained():
    request = Parameters("n" / Long)
    codec = Codec(Parameters("a" / UniquePtr(ConformantArray(Short, this.n))), request, Encoding.NDR)
    stub = b"".join(codec.encode(([1, 2],), (2,)))
    assert codec.decode(stub, (2,)) == ([1, 2],)
    with pytest.raises(NdrError, match="siblings say 3"):
        codec.decode(stub, (3,))
    with pytest.raises(NdrError, match="siblings say 3"):
        codec.encode(([1, 2],), (3,))


# Limits


def chain(length: int) -> Any:
    node = None
    for index in range(length):
        node = Node(index, node)
    return node


@pytest.mark.parametrize("length", [1, 1_000, 100_000])
def test_list_of_any_length_is_read_and_written(length):
    stub = octets(NODE, chain(length))
    node = compiled_type(NODE).decode(stub)[0]
    for index in reversed(range(length)):
        assert node.v == index
        node = node.next
    assert node is None


def nested(depth: int) -> bytes:
    """Forks of which each is the left one of another."""
    return struct.pack("<II", 1, 2) * depth + bytes(8 + 8 * depth)


def test_nesting_up_to_the_limit_is_read():
    fork = compiled_type(FORK).decode(nested(MAX_DEPTH))[0]
    depth = 0
    while fork.left is not None:
        fork, depth = fork.left, depth + 1
    assert depth == MAX_DEPTH
    assert len(octets(FORK, fork)) == 8


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 2_000, 100_000])
def test_nesting_beyond_the_limit_is_refused(depth):
    with pytest.raises(NdrError, match="deep"):
        compiled_type(FORK).decode(nested(depth))


def test_nesting_beyond_the_limit_is_not_written():
    fork = Fork(None, None)
    for _ in range(MAX_DEPTH + 1):
        fork = Fork(fork, Fork(None, None))
    with pytest.raises(NdrError, match="deep"):
        octets(FORK, fork)


def test_value_that_contains_itself_is_refused():
    node = Node(1, None)
    node.next = node
    with pytest.raises(NdrError):
        octets(NODE, node)


def test_items_are_counted_against_the_budget():
    codec = compiled_type(ConformantArray(Struct(Node, "v" / Long, "next" / Long)))
    stub = struct.pack("<I", 3) + bytes(24)
    assert len(codec.decode(stub, items=3)[0]) == 3
    with pytest.raises(NdrError, match="budget"):
        codec.decode(stub, items=2)


def test_items_without_octets_are_counted_against_the_budget():
    codec = compiled_type(ConformantArray(Struct(dataclasses.make_dataclass("Empty", []))))
    assert len(codec.decode(struct.pack("<I", 1000))[0]) == 1000
    with pytest.raises(NdrError):
        codec.decode(struct.pack("<I", 0xFFFF_FFFF))


def test_nested_structures_are_counted_against_the_budget():
    stub = octets(NODE, chain(10))
    codec = compiled_type(NODE)
    assert codec.decode(stub, items=9 * NESTED_COST)[0].v == 9
    with pytest.raises(NdrError, match="budget"):
        codec.decode(stub, items=9 * NESTED_COST - 1)


@pytest.mark.parametrize("count", [4, 0x7FFF_FFFF, 0xFFFF_FFFF])
@pytest.mark.parametrize("element", [Byte, WChar, Long, Boolean, GUID, String(Char, bound=3), NODE], ids=repr)
def test_count_beyond_the_stub_takes_no_memory(element, count):
    with pytest.raises(NdrError):
        compiled_type(ConformantArray(element)).decode(struct.pack("<I", count) + bytes(3))


# Buffers


@pytest.mark.parametrize(
    ("element", "value", "expected"),
    [
        (Byte, b"ab", b"ab"),
        (Byte, bytearray(b"ab"), b"ab"),
        (Byte, memoryview(b"ab"), b"ab"),
        (Byte, memoryview(b"a-b-")[::2], b"ab"),
        (Byte, [97, 98], b"ab"),
        (Byte, array("H", [1]), struct.pack("=H", 1)),
        (USmall, b"ab", b"ab"),
        (USmall, bytearray(b"ab"), b"ab"),
        (Long, array("i", [1, -2]), struct.pack("<2i", 1, -2)),
        (Long, array("h", [1, -2]), struct.pack("<2i", 1, -2)),
        (Long, memoryview(array("i", [1, 0, -2, 0]))[::2], struct.pack("<2i", 1, -2)),
        (Long, range(2), struct.pack("<2i", 0, 1)),
        (Long, (1, True), struct.pack("<2i", 1, 1)),
        (Long, b"ab", struct.pack("<2i", 97, 98)),
        (Float, array("f", [1.5]), struct.pack("<f", 1.5)),
        (Float, [1, 2.5], struct.pack("<2f", 1, 2.5)),
        (Boolean, (7, 0), b"\1\0"),
    ],
)
def test_array_takes_buffers_and_sequences(element, value, expected):
    layout = ConformantArray(element)
    assert octets(layout, value)[4:] == expected
    size = struct.calcsize(element.code(Encoding.NDR))
    swapped = b"".join(expected[at : at + size][::-1] for at in range(0, len(expected), size))
    assert octets(layout, value, Encoding.NDR_BIG)[4:] == swapped


@pytest.mark.parametrize("buffer", [bytes, bytearray, memoryview])
def test_fixed_octets_take_any_buffer(buffer):
    assert octets(FixedArray(Byte, 2), buffer(b"ab")) == b"ab"


def test_byte_array_is_a_view_on_request():
    stub = struct.pack("<I", 3) + b"abc"
    (view,) = compiled_type(ConformantArray(Byte)).decode(memoryview(stub), octets=memoryview)
    assert isinstance(view, memoryview)
    assert view.obj is stub
    assert compiled_type(ConformantArray(Byte)).decode(memoryview(stub)) == (b"abc",)


@pytest.mark.parametrize("element", [Short, Long, Float, Double, USmall], ids=repr)
def test_array_of_numbers_is_a_view_on_request(element, encoding):
    parameters = Parameters("n" / Long, "items" / ConformantArray(element, this.n), "after" / Short)
    codec = compiled(parameters, NOTHING, encoding)
    for numbers in ([], [1, 2, 3], list(range(100))):
        stub = b"".join(codec.encode((len(numbers), numbers, 7)))
        count, view, after = codec.decode(stub, octets=memoryview)
        assert (count, list(view), after) == (len(numbers), numbers, 7) == (*codec.decode(stub)[:1], view.tolist(), 7)
        assert isinstance(view, memoryview)
        assert view.format == element.code(encoding)
        assert (view.obj is stub) == (encoding is not Encoding.NDR_BIG)
        assert b"".join(codec.encode((count, view, after))) == stub


def test_view_of_numbers_keeps_the_memory_of_its_stub():
    stub = bytearray(octets(ConformantArray(Long), [1, 2, 3]))
    (view,) = compiled_type(ConformantArray(Long)).decode(memoryview(stub), octets=memoryview)
    with pytest.raises(BufferError):  # what a mapping of shared memory says too when it is to be closed
        stub.clear()
    stub[4] = 9
    assert view.tolist() == [9, 2, 3]
    view.release()
    stub.clear()


def test_view_of_numbers_is_held_against_the_stub_first():
    for stub in (struct.pack("<II", 3, 0), struct.pack("<I", 0xFFFF_FFFF)):
        with pytest.raises(NdrError):
            compiled_type(ConformantArray(Long)).decode(stub, octets=memoryview)


def test_rows_of_a_view_are_views():
    layout = MultiArray(Long, Dimension(2), Dimension(3))
    stub = octets(layout, [[1, 2, 3], [4, 5, 6]])
    (rows,) = compiled_type(layout).decode(stub, octets=memoryview)
    assert [(type(row), row.tolist()) for row in rows] == [(memoryview, [1, 2, 3]), (memoryview, [4, 5, 6])]


# Floats


@pytest.mark.parametrize("bits", ["000000000000f87f", "010000000000f8ff", "000000000000f07f", "0100000000000000"])
def test_double_keeps_its_bits(bits):
    stub = bytes.fromhex(bits)
    assert octets(Double, compiled_type(Double).decode(stub)[0]) == stub
    many = struct.pack("<II", 1, 0) + stub
    assert octets(ConformantArray(Double), compiled_type(ConformantArray(Double)).decode(many)[0]) == many


@pytest.mark.parametrize("bits", ["0000c07f", "0100c0ff", "0000807f", "01000000"])
def test_float_keeps_its_bits(bits):
    stub = bytes.fromhex(bits)
    assert octets(Float, compiled_type(Float).decode(stub)[0]) == stub
    many = struct.pack("<I", 1) + stub
    assert octets(ConformantArray(Float), compiled_type(ConformantArray(Float)).decode(many)[0]) == many
