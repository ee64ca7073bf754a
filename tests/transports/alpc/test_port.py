from __future__ import annotations

import contextlib
import itertools
import random
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lrpc.transports.alpc import (
    LPC_CANCELED,
    LPC_CONNECTION_REPLY,
    LPC_CONNECTION_REQUEST,
    LPC_DATAGRAM,
    LPC_PORT_CLOSED,
    LPC_REPLY,
    LPC_REQUEST,
    MAX_DATA,
    CommunicationPort,
    PortMessage,
)
from lrpc.transports.alpc.messages import message as wire
from lrpc.transports.errors import BadFrame, Disconnected, MessageTooLong, TimedOut
from lrpc.transports.seam import Peer

WATCHDOG = 20.0
Ports = tuple[CommunicationPort, CommunicationPort]
Raw = tuple[CommunicationPort, socket.socket]


# Messages


@pytest.mark.parametrize("kind", [LPC_REQUEST, LPC_REPLY, LPC_DATAGRAM, LPC_CANCELED])
def test_a_message_arrives_with_its_type_and_number(ports: Ports, kind: int) -> None:
    assert ports[0].send_message(b"data", 7, kind) == 7
    assert ports[1].receive_message(WATCHDOG) == PortMessage(kind, 7, b"data")
    assert ports[0].send_message_now(b"", 8, kind) == 8
    assert ports[1].receive_message_now() == PortMessage(kind, 8, b"")


def test_what_is_sent_plainly_is_what_the_codec_says(raw: Raw) -> None:
    raw[0].send_message(b"data", 7, LPC_REPLY)
    frame = raw[1].recv(1000)
    assert wire.unpack(frame) == (LPC_REPLY, 7, b"data", None)
    assert frame[:8] + frame[24:] == wire.pack(LPC_REPLY, 7, b"data")[:8] + wire.pack(LPC_REPLY, 7, b"data")[24:]


def test_numbers_are_fresh_and_never_zero(ports: Ports) -> None:
    numbers = [ports[0].send_message(b"") for _ in range(3)]
    assert len(set(numbers)) == 3
    assert all(numbers)
    ports[0]._ids = itertools.count((1 << 32) - 1)
    assert [ports[0].send_message(b""), ports[0].send_message_now(b"")] == [(1 << 32) - 1, 1]


def test_numbers_are_unique_among_threads(ports: Ports, threads: ThreadPoolExecutor) -> None:
    def send(_: int) -> list[int]:
        return [ports[0].send_message(b"", type=LPC_DATAGRAM, timeout=WATCHDOG) for _ in range(500)]

    receiving = threads.submit(lambda: [ports[1].receive_message(WATCHDOG).message_id for _ in range(2000)])
    numbers = [number for sent in threads.map(send, range(4)) for number in sent]
    assert len(set(numbers)) == 2000
    assert sorted(receiving.result(WATCHDOG)) == sorted(numbers)


@pytest.mark.parametrize("size", [0, 1, MAX_DATA - 1, MAX_DATA])
def test_data_of_every_size_passes(ports: Ports, size: int) -> None:
    data = random.Random(size).randbytes(size)
    ports[0].send_message(data)
    assert ports[1].receive_message(WATCHDOG).data == data


def test_more_data_than_the_peer_takes_is_refused_by_the_sender(make_ports: Callable[..., Ports]) -> None:
    one, two = make_ports(max_message=100)
    for send in (one.send_message, one.send_message_now):
        with pytest.raises(MessageTooLong):
            send(bytes(101))
    one.send_message(bytes(100))
    assert len(two.receive_message(WATCHDOG).data) == 100


def test_more_data_than_we_take_ends_the_connection(make_ports: Callable[..., Ports]) -> None:
    for view_size in (None, 1):
        one, two = make_ports(max_data=100)
        one.send_message(bytes(101), view=None if view_size is None else one.allocate(view_size))
        with pytest.raises(BadFrame):
            two.receive_message(WATCHDOG)
        assert two.fileno() == -1


def test_a_closed_peer_is_a_message(ports: Ports) -> None:
    ports[0].send_message(b"last")
    ports[0].close()
    assert ports[1].receive_message(WATCHDOG).data == b"last"
    assert ports[1].receive_message(WATCHDOG).type == LPC_PORT_CLOSED
    assert ports[1].receive_message_now() == PortMessage(LPC_PORT_CLOSED, 0, b"")
    for send in (ports[1].send_message, ports[1].send_message_now):
        with pytest.raises(Disconnected):
            send(b"x")


def test_sending_without_room_waits_or_says_so(ports: Ports) -> None:
    while ports[0].send_message_now(bytes(60_000)):
        pass
    with pytest.raises(TimedOut):
        ports[0].send_message(b"x" * 60_000, timeout=0.01)


def test_repr_shows_the_state(ports: Ports) -> None:
    assert "open" in repr(ports[0])
    ports[0].close()
    assert "closed" in repr(ports[0])


# Bad frames


def refused(raw: Raw, frame: bytes) -> bool:
    raw[1].send(frame)
    try:
        raw[0].receive_message(WATCHDOG)
    except BadFrame:
        assert raw[0].fileno() == -1
        return True
    return False


GOOD = wire.pack(LPC_REQUEST, 1, b"some data")


@pytest.mark.parametrize("length", range(1, len(GOOD)))
def test_a_frame_cut_anywhere_ends_the_connection(raw: Raw, length: int) -> None:
    assert refused(raw, GOOD[:length])


@pytest.mark.parametrize(
    "frame",
    [
        wire.pack(0, 1, b""),
        wire.pack(LPC_PORT_CLOSED, 1, b""),
        wire.pack(LPC_CONNECTION_REQUEST, 1, b""),
        wire.pack(LPC_CONNECTION_REPLY, 1, b""),
        wire.pack(0x2001, 1, b""),
        wire.pack(LPC_REQUEST, 0, b""),
        wire.pack(LPC_REQUEST, 1, b"", wire.ViewAttribute(0, 1, 0, 1)),
        wire.pack(wire.SECTION, 1, bytes(16)),
        wire.pack(wire.SECTION_NOTICE, 1, b"x"),
        wire.pack(wire.SECTION_NOTICE, 1, b"", wire.ViewAttribute(0, 1, 0, 1)),
        wire.pack(wire.VIEW_RELEASE, 1, bytes(7)),
        wire.pack(wire.SECTION_GONE, 1, bytes(7)),
        wire.pack(wire.VIEW_RELEASE, 1, bytes(8), wire.ViewAttribute(0, 1, 0, 1)),
        GOOD + b"x",
        bytes(200_000),
        b"GET / HTTP/1.1\r\n\r\n" * 3,
    ],
    ids=range(16),
)
def test_a_frame_that_no_peer_may_send_ends_the_connection(raw: Raw, frame: bytes) -> None:
    assert refused(raw, frame)


def test_a_bad_frame_is_refused_without_waiting_as_well(raw: Raw) -> None:
    raw[1].send(b"nonsense")
    with pytest.raises(BadFrame):
        raw[0].receive_message_now()
    assert raw[0].fileno() == -1


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=120), min_size=1, max_size=5), st.booleans())
@example([wire.pack(wire.SECTION_NOTICE, 1, b""), GOOD], True)
def test_any_octets_are_messages_or_a_bad_frame(frames: list[bytes], as_tail: bool) -> None:
    one, two = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    port = CommunicationPort(one, Peer())
    with two:
        for frame in frames:
            two.send(GOOD[:48] + frame if as_tail else frame)
        two.shutdown(socket.SHUT_WR)
        try:
            while port.receive_message(WATCHDOG).type != LPC_PORT_CLOSED:
                pass
        except BadFrame:
            assert port.fileno() == -1
    port.close()


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_a_mutated_frame_is_a_message_or_a_bad_frame(offset: int, value: int) -> None:
    frame = bytearray(GOOD)
    frame[offset] = value
    test_any_octets_are_messages_or_a_bad_frame.hypothesis.inner_test([bytes(frame)], False)  # type: ignore[attr-defined]


def test_frames_for_the_port_itself_do_not_lengthen_a_wait(raw: Raw) -> None:
    stop = threading.Event()

    def flood() -> None:
        with contextlib.suppress(BrokenPipeError):
            while not stop.is_set():
                raw[1].send(wire.pack(wire.VIEW_RELEASE, 1, bytes(8)))

    flooding = threading.Thread(target=flood)
    flooding.start()
    try:
        with pytest.raises(TimedOut):
            raw[0].receive_message(0.05)
    finally:
        stop.set()
        raw[1].shutdown(socket.SHUT_RDWR)
        flooding.join(WATCHDOG)
