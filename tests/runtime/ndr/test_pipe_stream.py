"""Pipes piece by piece: the same octets and values as whole ones, however they are cut and wherever they begin."""

from __future__ import annotations

import dataclasses
import itertools
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrpc.runtime.ndr.compiler import Codec
from lrpc.runtime.ndr.errors import RPC_S_INVALID_BOUND, NdrError
from lrpc.runtime.ndr.layout import (
    Byte,
    Char,
    Encoding,
    Field,
    Hyper,
    Layout,
    Long,
    Parameters,
    Pipe,
    Range,
    RefPtr,
    Short,
    String,
    Struct,
    UniquePtr,
    WChar,
)
from lrpc.runtime.ndr.pipe_stream import PipeReader, PipeWriter, lead


@dataclasses.dataclass(slots=True)
class Mixed:
    a: int
    b: int
    c: int


@dataclasses.dataclass(slots=True)
class Nothing:
    pass


_MIXED = Struct(Mixed, "a" / Byte, "b" / Hyper, "c" / Byte)
_small = st.integers(0, 100)
KINDS: list[tuple[Layout, Any]] = [
    (Byte, st.binary(max_size=40)),
    (Char, st.binary(max_size=40)),
    (Short, st.lists(_small, max_size=9)),
    (WChar, st.lists(_small, max_size=9)),
    (Long, st.lists(_small, max_size=9)),
    (Hyper, st.lists(_small, max_size=9)),
    (_MIXED, st.lists(st.builds(Mixed, _small, _small, _small), max_size=9)),
]


def whole(pipe: Pipe, encoding: Encoding, phase: int) -> Codec:
    """The codec of a whole pipe behind `phase` octets."""
    return Codec(Parameters(lead(phase), Field("pipe", pipe)), Parameters(), encoding)


def written(pipe: Pipe, encoding: Encoding, offset: int, pieces: list[Any]) -> bytes:
    writer = PipeWriter(pipe, encoding, offset)
    octets = b"".join(part for piece in pieces for part in writer.write(piece)) + b"".join(writer.end())
    assert writer.offset == offset + len(octets)
    return octets


def read(pipe: Pipe, encoding: Encoding, offset: int, pieces: list[bytes], **options: Any) -> tuple[Any, PipeReader]:
    """What comes out, and the reader."""
    reader = PipeReader(pipe, encoding, offset, name="p", **options)
    found: Any = b"" if pipe.octets else []
    for piece in pieces:
        reader.feed(piece)
        while (items := reader.read()) is not None:
            assert items, "a piece without items"
            found += items
    return found, reader


def cut(octets: bytes, places: list[int]) -> list[bytes]:
    ends = [0, *sorted(min(place, len(octets)) for place in places), len(octets)]
    return [octets[begin:end] for begin, end in itertools.pairwise(ends)]


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from(KINDS), st.sampled_from(list(Encoding)), st.integers(0, 9))
def test_pieces_are_the_whole_pipe_in_any_cut(data: Any, kind: Any, encoding: Encoding, offset: int) -> None:
    element, items = kind
    pipe, pieces = Pipe(element), data.draw(st.lists(items, max_size=4))
    octets = written(pipe, encoding, offset, pieces)
    codec = whole(pipe, encoding, offset)
    _, value = codec.decode(bytes(offset) + octets)
    all_items = b"".join(pieces) if pipe.octets else [item for piece in pieces for item in piece]
    assert value == all_items
    assert b"".join(codec.encode((bytes(offset), value)))[offset:] == octets
    assert codec.parameters.build({"lead": bytes(offset), "pipe": value}, encoding=encoding)[offset:] == octets
    places = data.draw(st.lists(st.integers(0, len(octets) + 4), max_size=5))
    found, reader = read(pipe, encoding, offset, cut(octets + b"rest", places))
    assert found == all_items
    assert reader.ended
    assert reader.offset == offset + len(octets)
    assert reader.rest() == b"rest"


@pytest.mark.parametrize("size", range(1, 40))
def test_octets_end_where_a_fragment_may(encoding: Encoding, size: int) -> None:
    writer = PipeWriter(Pipe(Byte), encoding)
    for _ in range(3):
        writer.write(bytes(size))
        assert writer.offset % 8 == 0


@pytest.mark.parametrize("element", [Short, Long, Hyper])
def test_several_items_end_where_a_fragment_may(element: Layout) -> None:
    writer = PipeWriter(Pipe(element), Encoding.NDR)
    for count in (2, 3, 4, 7):
        writer.write(list(range(count)))
        assert writer.offset % 8 == 0


def test_no_items_are_no_octets() -> None:
    assert PipeWriter(Pipe(Byte), Encoding.NDR).write(b"") == []
    assert PipeWriter(Pipe(Long), Encoding.NDR).write([]) == []


def test_many_items_are_several_chunks() -> None:
    octets = written(Pipe(Long), Encoding.NDR, 0, [list(range(10_000))])
    assert struct.unpack_from("<I", octets) == (4096,)
    found, _ = read(Pipe(Long), Encoding.NDR, 0, [octets])
    assert found == list(range(10_000))


def test_items_are_there_before_their_chunk_is_whole() -> None:
    reader = PipeReader(Pipe(Byte), Encoding.NDR)
    reader.feed(struct.pack("<I", 0x7FFF_FFFF) + b"abc")
    assert reader.read() == b"abc"
    assert reader.read() is None
    reader.feed(b"de")
    assert reader.read() == b"de"


def test_a_reader_holds_no_more_than_it_was_fed() -> None:
    reader = PipeReader(Pipe(Long), Encoding.NDR)
    reader.feed(struct.pack("<I", 1 << 20))
    for number in range(1000):
        reader.feed(struct.pack("<I", number))
        assert reader.read() == [number]
    assert reader.rest() == b""


def test_a_count_beyond_what_a_chunk_may_have_is_refused(encoding: Encoding) -> None:
    reader = PipeReader(Pipe(Byte), encoding, name="data")
    reader.feed(struct.pack(encoding.order + ("Q" if encoding.wide else "I"), 1 << 31))
    with pytest.raises(NdrError, match=r"data\[0\]: a chunk of 2147483648 items at offset 0x0"):
        reader.read()


def test_items_without_octets_are_bounded() -> None:
    reader = PipeReader(Pipe(Struct(Nothing)), Encoding.NDR, name="p")
    reader.feed(struct.pack("<II", 5, 1 << 30))
    assert reader.read() == [Nothing()] * 5
    with pytest.raises(NdrError, match=r"p\[1\]"):
        reader.read()


@pytest.mark.parametrize("wrong", [0, 3, (1 << 64) - 4])
def test_a_chunk_without_its_negated_count_is_refused(wrong: int) -> None:
    reader = PipeReader(Pipe(Byte), Encoding.NDR64)
    reader.feed(struct.pack("<Q3s5xQ", 3, b"abc", wrong))
    assert reader.read() == b"abc"
    with pytest.raises(NdrError, match="ends in"):
        reader.read()


def test_counts_are_held_to_their_range() -> None:
    octets = written(Pipe(Byte), Encoding.NDR, 0, [b"abc"])
    assert read(Pipe(Byte), Encoding.NDR, 0, [octets], limits=(1, 3))[0] == b"abc"
    with pytest.raises(NdrError, match="outside") as caught:
        read(Pipe(Byte), Encoding.NDR, 0, [octets], limits=(4, 9))
    assert caught.value.status == RPC_S_INVALID_BOUND


def test_an_item_that_does_not_fit_is_refused_as_in_a_whole_pipe(encoding: Encoding) -> None:
    pipe = Pipe(Range(Short, 0, 9))
    good = written(Pipe(Short), encoding, 0, [[1, 7]])
    bad = good.replace(struct.pack(encoding.order + "h", 7), struct.pack(encoding.order + "h", 10))
    with pytest.raises(NdrError) as whole_error:
        whole(pipe, encoding, 0).decode(bad)
    with pytest.raises(NdrError) as error:
        read(pipe, encoding, 0, [bad])
    assert (error.value.status, error.value.reason, error.value.offset) == (
        whole_error.value.status, whole_error.value.reason, whole_error.value.offset,
    )  # fmt: skip


def test_an_item_that_does_not_fit_is_not_written() -> None:
    with pytest.raises(NdrError):
        PipeWriter(Pipe(Short), Encoding.NDR).write([1, 1 << 20])


@pytest.mark.parametrize("element", [UniquePtr(Long), RefPtr(Long), String(WChar)])
def test_items_with_pointers_or_of_varying_size_are_no_pipe(element: Layout) -> None:
    with pytest.raises(TypeError):
        PipeReader(Pipe(element), Encoding.NDR)


# Where the parameters in front end


def test_a_codec_says_where_its_parameters_end(encoding: Encoding) -> None:
    codec = Codec(Parameters("a" / Short, "b" / UniquePtr(String(WChar)), "c" / Byte), Parameters(), encoding)
    stub = b"".join(codec.encode((7, "hello", 9)))
    assert codec.decode_front(stub + b"more") == ((7, "hello", 9), len(stub))
    assert all(codec.decode_front(stub[:size]) is None for size in range(len(stub)))


def test_no_parameters_end_at_once() -> None:
    assert Codec(Parameters(), Parameters(), Encoding.NDR).decode_front(b"more") == ((), 0)


def test_chunks_keep_to_the_range_of_their_pipe():
    pipe = Pipe(Byte, limits=(1, 3))
    writer, reader = PipeWriter(pipe, Encoding.NDR), PipeReader(pipe, Encoding.NDR, name="p")
    octets = b"".join([*map(bytes, writer.write(b"abcdefg")), *map(bytes, writer.end())])
    assert list(Parameters("p" / pipe).parse(octets)["p"].counts) == [3, 3, 1]
    with pytest.raises(NdrError, match=r"chunk count 4 is outside \(1, 3\)") as caught:
        reader.feed(bytes.fromhex("04000000 61626364"))
        reader.read()
    assert (caught.value.rule, caught.value.status) == ("MS-RPCE 3.1.1.5.3.2.2.4", 0x6C6)
