"""Whole frames, for those who pack and parse them: what a port does with them, and does not."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from lrpc.transports.alpc import LPC_DATAGRAM, LPC_PORT_CLOSED, LPC_REPLY, LPC_REQUEST, CommunicationPort, PortMessage
from lrpc.transports.alpc.messages import message as wire
from lrpc.transports.errors import BadFrame, Disconnected, MessageTooLong, TimedOut

WATCHDOG = 20.0
Ports = tuple[CommunicationPort, CommunicationPort]
Raw = tuple[CommunicationPort, socket.socket]

REQUEST = wire.pack(LPC_REQUEST, 7, b"data")
REPLY = wire.pack(LPC_REPLY, 7, b"answer")


def full(port: CommunicationPort) -> None:
    """Leaves no room on the way to the peer."""
    while port.send_message_now(bytes(60_000), type=LPC_DATAGRAM):
        pass
    while port.send_message_now(b"", type=LPC_DATAGRAM):
        pass


def test_frames_may_be_packed_and_parsed_by_others(ports: Ports) -> None:
    assert ports[1].receive_frame_now() is None
    ports[0].send_frame(REQUEST, WATCHDOG)
    frame = ports[1].receive_frame_now()
    assert frame is not None
    assert ports[1].understood_now(frame) == PortMessage(LPC_REQUEST, 7, b"data")
    assert ports[0].send_frame_now(REQUEST)
    assert ports[1].receive_frame(WATCHDOG) == REQUEST


def test_a_frame_is_sent_and_the_next_one_received_in_one_step(ports: Ports, threads: ThreadPoolExecutor) -> None:
    def answer() -> None:
        for _ in range(2):
            assert ports[1].receive_frame(WATCHDOG) == REQUEST
            ports[1].send_frame(REPLY, WATCHDOG)

    answering = threads.submit(answer)
    for limit in (WATCHDOG, None):
        assert ports[0].send_wait_receive(REQUEST, limit, limit) == REPLY
    answering.result(WATCHDOG)


def test_a_frame_that_was_for_the_port_itself_is_followed_by_the_next(raw: Raw) -> None:
    raw[1].send(wire.pack(wire.VIEW_RELEASE, 1, bytes(8)))
    raw[1].send(REPLY)
    frame = raw[0].send_wait_receive(REQUEST, WATCHDOG, WATCHDOG)
    assert raw[0].understood(frame, WATCHDOG) == PortMessage(LPC_REPLY, 7, b"answer")


def test_releases_go_in_front_of_a_frame(ports: Ports) -> None:
    sends: list[Callable[[], object]] = [
        lambda: ports[0].send_frame(REQUEST, WATCHDOG),
        lambda: ports[0].send_frame_now(REQUEST),
        lambda: ports[0].send_wait_receive(REQUEST, WATCHDOG, 0.01),
    ]
    for send in sends:
        view = ports[1].allocate(1)
        ports[1].send_message(b"", view=view)
        ports[0].release(ports[0].receive_message(WATCHDOG))
        try:
            send()
        except TimedOut as late:
            assert late.sent
        assert ports[1].receive_message(WATCHDOG).data == b"data"
        assert not ports[1]._sharing._lent


def test_an_error_tells_whether_the_frame_was_sent(ports: Ports) -> None:
    with pytest.raises(TimedOut) as late:
        ports[0].send_wait_receive(REQUEST, WATCHDOG, 0.01)
    assert late.value.sent
    full(ports[0])
    assert not ports[0].send_frame_now(REQUEST)
    assert not ports[0].lend_now(b"", [b"x"], 1, 7, LPC_REQUEST)
    for send in (
        lambda: ports[0].send_frame(REQUEST, 0.01),
        lambda: ports[0].send_wait_receive(REQUEST, 0.01, WATCHDOG),
        lambda: ports[0].lend(b"", [b"x"], 1, 7, LPC_REQUEST, 0.01),
        lambda: ports[0].lend_wait_receive(b"", [b"x"], 1, 7, 0.01, WATCHDOG),
    ):
        with pytest.raises(TimedOut) as unsent:
            send()
        assert not unsent.value.sent


def test_each_step_waits_for_as_long_as_it_is_told(ports: Ports) -> None:
    def bounds() -> tuple[int, ...]:
        options = (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO)
        return tuple(
            struct.unpack("ll", ports[0]._socket.getsockopt(socket.SOL_SOCKET, each, 16))[0] for each in options
        )

    for limits in ((3, 5), (3, 7), (9, 7)):
        ports[1].send_frame(REPLY, WATCHDOG)
        assert ports[0].send_wait_receive(REQUEST, *limits) == REPLY
        assert bounds() == limits
    for limits in ((3, 5), (3, 7), (9, 7)):
        ports[1].send_frame(REPLY, WATCHDOG)
        assert ports[0].lend_wait_receive(b"", [b"x"], 1, 7, *limits) == REPLY
        assert bounds() == limits
    ports[0].send_frame(REQUEST, 11)
    assert bounds() == (11, 7)
    ports[0].lend(b"", [b"x"], 1, 8, LPC_REQUEST, 13)
    assert bounds() == (13, 7)
    ports[1].send_frame(REPLY, WATCHDOG)
    assert ports[0].receive_frame(15) == REPLY
    assert bounds() == (13, 15)


def test_a_frame_longer_than_the_peer_takes_is_refused(make_ports: Callable[..., Ports]) -> None:
    one, two = make_ports(max_message=6)
    long = wire.pack(LPC_REQUEST, 7, b"1234567")
    two.send_frame(REPLY, WATCHDOG)
    assert one.send_wait_receive(REQUEST, WATCHDOG, WATCHDOG) == REPLY
    assert two.receive_frame(WATCHDOG) == REQUEST
    for send in (
        lambda: one.send_frame(long, WATCHDOG),
        lambda: one.send_frame_now(long),
        lambda: one.send_wait_receive(long, WATCHDOG, WATCHDOG),
    ):
        with pytest.raises(MessageTooLong):
            send()
    one.send_frame(REPLY, WATCHDOG)
    assert one.send_frame_now(REPLY)
    for _ in range(2):
        assert two.receive_frame(WATCHDOG) == REPLY


def test_a_peer_that_has_gone_is_an_empty_frame_and_takes_none(ports: Ports) -> None:
    ports[1].close()
    assert ports[0].receive_frame(WATCHDOG) == ports[0].receive_frame_now() == b""
    assert ports[0].understood(b"").type == LPC_PORT_CLOSED
    for send in (
        lambda: ports[0].send_frame(REQUEST, WATCHDOG),
        lambda: ports[0].send_frame_now(REQUEST),
        lambda: ports[0].send_wait_receive(REQUEST, WATCHDOG, WATCHDOG),
        lambda: ports[0].lend(b"", [b"x"], 1, 7, LPC_REQUEST, WATCHDOG),
        lambda: ports[0].lend_now(b"", [b"x"], 1, 7, LPC_REQUEST),
        lambda: ports[0].lend_wait_receive(b"", [b"x"], 1, 7, WATCHDOG, WATCHDOG),
    ):
        with pytest.raises(Disconnected) as gone:
            send()
        assert not gone.value.sent


def test_a_peer_that_goes_meanwhile_is_an_empty_frame(raw: Raw, threads: ThreadPoolExecutor) -> None:
    def hear_and_go() -> None:
        assert raw[1].recv(1000) == REQUEST
        raw[1].shutdown(socket.SHUT_RDWR)

    going = threads.submit(hear_and_go)
    assert raw[0].send_wait_receive(REQUEST, WATCHDOG, WATCHDOG) == b""
    going.result(WATCHDOG)


def test_a_frame_that_cannot_be_is_found_when_it_is_to_be_understood(raw: Raw) -> None:
    raw[1].send(REQUEST[:-1])
    frame = raw[0].receive_frame(WATCHDOG)
    with pytest.raises(BadFrame):
        raw[0].understood(frame)
    assert raw[0].fileno() == -1
