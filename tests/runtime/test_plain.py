"""The short way makes the octets of the long one, and takes nothing that the long one would take differently."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrpc.runtime import ncalrpc, plain
from lrpc.transports import alpc
from lrpc.transports.alpc.messages import message
from tests.runtime.associations import joined

CLIENT = struct.pack("<QQ", 4711, 0)
LARGE = ncalrpc.INLINE + 1
FRAMES = st.binary(max_size=64)
HEADERS = pytest.mark.parametrize(
    ("offset", "what"),
    [
        (4, "its type"),
        (2, "its length"),
        (0, "its data's length"),
        (44, "an attribute"),
        (48, "LRPC's type"),
        (56, "a flag"),
    ],
)


def framed(kind: int, message_id: int, data: bytes) -> bytes:
    """A frame as CommunicationPort.send_message makes it."""
    return message.FRAME.pack(len(data), len(data) + 40, kind, CLIENT, message_id, 0, 0) + data


@given(st.integers(1, 2**32 - 1), st.integers(0, 2**16 - 1), FRAMES)
def test_request_is_what_association_and_port_make(call_id: int, opnum: int, stub: bytes) -> None:
    client, _, binding_id = joined()
    data = client.request(call_id, binding_id, opnum, [stub]).data
    assert plain.request(CLIENT, call_id, binding_id, opnum, stub) == framed(alpc.LPC_REQUEST, call_id, data)


@given(st.integers(1, 2**32 - 1), FRAMES)
def test_response_is_what_association_and_port_make(call_id: int, stub: bytes) -> None:
    _, server, _ = joined()
    data = server.respond(call_id, [stub]).data
    assert plain.response(CLIENT, 77, call_id, stub) == framed(alpc.LPC_REPLY, 77, data)


@given(st.integers(1, 2**32 - 1), st.integers(0, 2**16 - 1))
def test_large_request_says_what_the_association_does_and_reads_back(call_id: int, opnum: int) -> None:
    client, _, binding_id = joined()
    data = client.request(call_id, binding_id, opnum, [bytes(LARGE)]).data
    assert plain.large_request(call_id, binding_id, opnum, 0, LARGE) == data
    assert plain.read_large_request(data)[2:] == (call_id, binding_id, opnum, 0, LARGE)


@given(st.integers(1, 2**32 - 1))
def test_large_response_says_what_the_association_does(call_id: int) -> None:
    _, server, _ = joined()
    assert plain.large_response(call_id, LARGE) == server.respond(call_id, [bytes(LARGE)]).data


@given(st.integers(1, 2**32 - 1), st.integers(0, 2**32 - 1), FRAMES)
def test_request_reads_back(call_id: int, opnum: int, stub: bytes) -> None:
    assert plain.read_request(plain.request(CLIENT, call_id, 2, opnum, stub)) == (call_id, call_id, 2, opnum, stub)


@given(st.integers(1, 2**32 - 1), FRAMES)
def test_response_reads_back(call_id: int, stub: bytes) -> None:
    frame = plain.response(CLIENT, call_id, call_id, stub)
    assert plain.read_response(frame, call_id) == stub
    assert plain.read_answer(frame) == (call_id, stub)


@pytest.mark.parametrize("cut", range(plain.REQUEST_SIZE + 3))
def test_request_cut_short_is_not_plain(cut: int) -> None:
    assert plain.read_request(plain.request(CLIENT, 1, 0, 3, b"abc")[:cut]) is None


@pytest.mark.parametrize("cut", range(plain.RESPONSE_SIZE + 3))
def test_response_cut_short_is_not_plain(cut: int) -> None:
    frame = plain.response(CLIENT, 1, 1, b"abc")[:cut]
    assert plain.read_response(frame, 1) is None
    assert plain.read_answer(frame) is None


def test_request_with_octets_behind_it_is_not_plain() -> None:
    assert plain.read_request(plain.request(CLIENT, 1, 0, 3, b"abc") + b"d") is None


def test_response_to_another_call_is_not_plain() -> None:
    frame = plain.response(CLIENT, 1, 1, b"abc")
    assert plain.read_response(frame, 2) is None
    assert plain.read_response(plain.response(CLIENT, 1, 2, b"abc"), 1) is None
    assert plain.read_response(plain.response(CLIENT, 2, 1, b"abc"), 1) is None
    assert plain.read_answer(plain.response(CLIENT, 1, 2, b"abc")) is None


@HEADERS
def test_request_that_differs_in_the_header_is_not_plain(offset: int, what: str) -> None:
    frame = bytearray(plain.request(CLIENT, 1, 0, 3, b"abc"))
    frame[offset] ^= 0x40
    assert plain.read_request(bytes(frame)) is None, what


@HEADERS
def test_response_that_differs_in_the_header_is_not_plain(offset: int, what: str) -> None:
    frame = bytearray(plain.response(CLIENT, 1, 1, b"abc"))
    frame[offset] ^= 0x40
    assert plain.read_response(bytes(frame), 1) is None, what
    assert plain.read_answer(bytes(frame)) is None, what


def test_request_without_a_message_id_is_not_plain() -> None:
    frame = bytearray(plain.request(CLIENT, 1, 0, 3, b"abc"))
    frame[24:28] = bytes(4)
    assert plain.read_request(bytes(frame)) is None


@given(st.binary(max_size=200))
def test_any_octets_are_a_call_or_not_plain(frame: bytes) -> None:
    assert plain.read_request(frame) is None or len(frame) >= plain.REQUEST_SIZE
    assert plain.read_response(frame, 1) is None or len(frame) >= plain.RESPONSE_SIZE
    assert plain.read_answer(frame) is None or len(frame) >= plain.RESPONSE_SIZE
