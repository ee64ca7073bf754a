"""The reference reader as construct calls it."""

from __future__ import annotations

import io

import construct
import pytest

from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.expression import this
from lrpc.runtime.ndr.layout import (
    Byte,
    ConformantArray,
    Encoding,
    Hyper,
    Long,
    Parameters,
    String,
    Struct,
    UniquePtr,
    WChar,
)
from lrpc.runtime.ndr.reference import Span

PAIR = Struct(dict, "c" / Byte, "n" / Long)


def test_encoding_is_little_endian_ndr_unless_given():
    assert Long.build(1) == b"\1\0\0\0"
    assert Long.build(1, encoding=Encoding.NDR_BIG) == b"\0\0\0\1"
    assert Long.parse(b"\0\0\0\1", encoding=Encoding.NDR_BIG) == 1


def test_alignment_counts_from_where_the_stub_starts():
    stream = io.BytesIO(b"!\7\0\0\0\1\0\0\0tail")
    stream.read(1)
    assert PAIR.parse_stream(stream) == {"c": 7, "n": 1}
    assert stream.read() == b"tail"


def test_build_aligns_from_where_it_starts():
    stream = io.BytesIO()
    stream.write(b"!")
    PAIR.build_stream({"c": 7, "n": 1}, stream)
    assert stream.getvalue() == b"!\7\0\0\0\1\0\0\0"


def test_layout_inside_a_construct_takes_the_keywords_of_the_outermost_call():
    packet = construct.Struct("kind" / construct.Byte, construct.Renamed(PAIR, "body"))
    octets = b"\2\7\0\0\0\0\0\0\1"
    parsed = packet.parse(octets, encoding=Encoding.NDR_BIG)
    assert (parsed.kind, parsed.body) == (2, {"c": 7, "n": 1})
    assert packet.build(parsed, encoding=Encoding.NDR_BIG) == octets


def test_error_inside_a_construct_carries_the_whole_path():
    packet = construct.Struct(construct.Renamed(PAIR, "body"))
    with pytest.raises(NdrError) as caught:
        packet.parse(b"\7\0\0\0\1")
    assert caught.value.path == "body.n"
    assert caught.value.offset == 4


def test_nothing_is_written_when_a_value_does_not_fit():
    stream = io.BytesIO()
    layout = Parameters("a" / Long, "n" / Long, "p" / UniquePtr(ConformantArray(Long, this.n)))
    with pytest.raises(NdrError):
        layout.build_stream({"a": 1, "n": 3, "p": [1, 2]}, stream)
    assert stream.getvalue() == b""


def test_outer_gives_the_values_of_the_other_direction():
    reply = Parameters("back" / ConformantArray(Byte, this.n))
    octets = b"\2\0\0\0ab"
    assert reply.build({"back": b"ab"}, outer={"n": 2}) == octets
    assert reply.parse(octets, outer={"n": 2}) == {"back": b"ab"}
    with pytest.raises(NdrError, match="siblings say 3"):
        reply.parse(octets, outer={"n": 3})
    with pytest.raises(NdrError):
        reply.build({"back": b"ab"}, outer={"n": 3})


def test_own_values_come_before_those_of_the_other_direction():
    both = Parameters("n" / Long, "back" / ConformantArray(Byte, this.n))
    assert both.parse(b"\1\0\0\0\1\0\0\0a", outer={"n": 5}) == {"n": 1, "back": b"a"}


def test_without_the_other_direction_a_size_is_what_it_is():
    reply = Parameters("back" / ConformantArray(Byte, this.n))
    assert reply.parse(reply.build({"back": b"ab"})) == {"back": b"ab"}


def test_outer_serves_a_single_layout_too():
    array = ConformantArray(Byte, this.n)
    with pytest.raises(NdrError):
        array.parse(b"\1\0\0\0a", outer={"n": 2})
    assert array.build(b"ab", outer={"n": 2}) == b"\2\0\0\0ab"


def test_null_array_beside_its_needed_size_is_an_answer_but_no_request():
    layout = Parameters("data" / UniquePtr(ConformantArray(Byte, this.size)), "size" / Long)
    octets = bytes(4) + b"\5\0\0\0"
    with pytest.raises(NdrError, match="a null pointer to 5 items"):
        layout.parse(octets)
    assert layout.parse(octets, outer={"size": 0}) == {"data": None, "size": 5}
    assert layout.build({"data": None, "size": 5}, outer={"size": 0}) == octets


def test_trace_lists_every_octet_but_the_gaps():
    spans: list[Span] = []
    layout = Parameters("s" / UniquePtr(String(WChar)), "h" / Hyper)
    layout.parse(bytes.fromhex("00000200 02000000 00000000 02000000 61000000 00000000 0100000000000000"), trace=spans)
    assert [(span.offset, span.size, span.path, span.meaning) for span in spans] == [
        (0, 4, "s", "referent id"),
        (4, 4, "s", "maximum count"),
        (8, 4, "s", "offset"),
        (12, 4, "s", "actual count"),
        (16, 4, "s", "string of 2 units"),
        (24, 8, "h", "hyper"),
    ]
    assert spans[1].rule == "C706 14.3.7.1"
