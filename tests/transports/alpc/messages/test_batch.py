from __future__ import annotations

import asyncio
import os
import select
import socket
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrpc.transports import alpc
from lrpc.transports.alpc import (
    LPC_DATAGRAM,
    LPC_PORT_CLOSED,
    LPC_REPLY,
    LPC_REQUEST,
    CommunicationPort,
    PortAttributes,
)
from lrpc.transports.alpc.asynchronous import AsyncPort
from lrpc.transports.alpc.messages import batch as batch_module
from lrpc.transports.alpc.messages import message as wire
from lrpc.transports.alpc.messages.batch import Run, is_last, packets, unpack
from lrpc.transports.errors import BadFrame, Disconnected, InvalidParameter, MessageTooLong, TimedOut

WATCHDOG = 20.0
Ports = tuple[CommunicationPort, CommunicationPort]
Raw = tuple[CommunicationPort, socket.socket]
SMALL = [b"message %d" % number for number in range(100)]


class Counted:
    """A port's socket that counts what it is asked for."""

    def __init__(self, port: CommunicationPort) -> None:
        self.sends = self.receives = 0
        self._socket = port._socket
        port._send = self._send  # type: ignore[assignment]
        port._recv = self._recv

    def _send(self, data: bytes, flags: int) -> int:
        self.sends += 1
        return self._socket.send(data, flags)

    def _recv(self, size: int, flags: int = 0) -> bytes:
        self.receives += 1
        return self._socket.recv(size, flags)


def received(port: CommunicationPort, count: int) -> list[bytes]:
    return [port.receive_message(WATCHDOG).data for _ in range(count)]


# Sending and receiving


def test_a_hundred_messages_are_two_system_calls_at_each_end(ports: Ports) -> None:
    sending, receiving = Counted(ports[0]), Counted(ports[1])
    with ports[0].batch() as batch:
        for data in SMALL:
            batch.datagram(data)
    assert received(ports[1], 100) == SMALL
    ports[0].send_message(b"behind")
    assert received(ports[1], 1) == [b"behind"]
    assert (sending.sends, receiving.receives) == (2 + 1, 2 + 1)


def test_a_batch_comes_as_one_list(ports: Ports) -> None:
    with ports[0].batch() as batch:
        for data in SMALL:
            batch.datagram(data)
    messages = ports[1].receive_messages(WATCHDOG)
    assert [message.data for message in messages] == SMALL
    assert {message.type for message in messages} == {LPC_DATAGRAM}
    assert len({message.message_id for message in messages}) == 100
    ports[0].send_message(b"single")
    assert [message.data for message in ports[1].receive_messages(WATCHDOG)] == [b"single"]


def test_the_rest_of_a_batch_that_was_begun_comes_as_one_list(ports: Ports) -> None:
    with ports[0].batch() as batch:
        for data in SMALL:
            batch.datagram(data)
    assert received(ports[1], 40) == SMALL[:40]
    assert [message.data for message in ports[1].receive_messages(WATCHDOG)] == SMALL[40:]


def test_many_requests_are_answered_in_one_packet(ports: Ports) -> None:
    answers = Counted(ports[1])
    with ports[0].batch() as batch:
        ids = [batch.send(data) for data in SMALL]
    with ports[1].batch() as answering:
        for request in ports[1].receive_messages(WATCHDOG):
            assert request.type == LPC_REQUEST
            answering.reply(request, request.data.upper())
    replies = ports[0].receive_messages(WATCHDOG)
    assert [(reply.type, reply.message_id) for reply in replies] == [(LPC_REPLY, number) for number in ids]
    assert [reply.data for reply in replies] == [data.upper() for data in SMALL]
    assert answers.sends == 2


def test_messages_of_several_types_keep_their_order(ports: Ports) -> None:
    sending = Counted(ports[0])
    with ports[0].batch() as batch:
        batch.datagram(b"1")
        batch.send(b"2", 77)
        batch.send(b"3", 78)
        batch.send(b"4", 77)
        batch.send(b"5", 12, LPC_REPLY)
        batch.datagram(b"6")
    messages = ports[1].receive_messages(WATCHDOG)
    assert [message.data for message in messages] == [b"1", b"2", b"3", b"4", b"5", b"6"]
    assert [message.type for message in messages] == [3, 1, 1, 1, 2, 3]
    assert [message.message_id for message in messages[1:5]] == [77, 78, 77, 12]
    assert sending.sends == 2


def test_one_message_goes_alone_and_none_goes_not(ports: Ports) -> None:
    sending = Counted(ports[0])
    with ports[0].batch() as batch:
        batch.datagram(b"one")
    with ports[0].batch():
        pass
    assert received(ports[1], 1) == [b"one"]
    assert sending.sends == 1


def test_what_does_not_fit_goes_in_the_next_packet(make_ports: Callable[..., Ports]) -> None:
    one, two = make_ports(max_message=1000, max_data=1000)
    datas = [os.urandom(1 + size % 990) for size in range(0, 40_000, 777)]
    with ThreadPoolExecutor(1) as threads, one.batch() as batch:
        receiving = threads.submit(received, two, len(datas))
        for data in datas:
            batch.datagram(data)
        batch.flush(WATCHDOG)
        assert receiving.result(WATCHDOG) == datas


def test_empty_messages_are_messages(ports: Ports) -> None:
    with ports[0].batch() as batch:
        batch.datagram(b"")
        batch.datagram(b"")
    assert received(ports[1], 2) == [b"", b""]


def test_what_waits_can_be_counted(ports: Ports) -> None:
    batch = ports[0].batch()
    batch.datagram(b"1")
    batch.send(b"2")
    assert len(batch) == 2
    batch.flush()
    assert len(batch) == 0


# What goes wrong at the sender


def test_a_request_that_is_too_long_does_not_lose_the_rest(make_ports: Callable[..., Ports]) -> None:
    one, two = make_ports(max_message=100)
    with one.batch() as batch:
        batch.send(b"before")
        with pytest.raises(MessageTooLong):
            batch.send(bytes(101))
        batch.send(b"after")
    assert received(two, 2) == [b"before", b"after"]


def test_a_datagram_that_is_too_long_does_not_lose_the_rest(make_ports: Callable[..., Ports]) -> None:
    one, two = make_ports(max_message=100)
    with pytest.raises(MessageTooLong, match="101"), one.batch() as batch:
        batch.datagram(b"before")
        batch.datagram(bytes(101))
        batch.datagram(bytes(100))
        batch.datagram(b"after")
    assert received(two, 3) == [b"before", bytes(100), b"after"]


def test_an_error_in_between_loses_nothing_that_was_said(ports: Ports) -> None:
    with pytest.raises(ZeroDivisionError), ports[0].batch() as batch:
        batch.datagram(b"said")
        raise ZeroDivisionError
    assert received(ports[1], 1) == [b"said"]


def test_what_found_no_room_still_waits(ports: Ports) -> None:
    while ports[0].send_message_now(bytes(60_000)):
        pass
    while ports[0].send_message_now(b""):
        pass
    batch = ports[0].batch()
    for data in SMALL:
        batch.datagram(data)
    assert not batch.flush_now()
    with pytest.raises(TimedOut):
        batch.flush(0.01)
    assert len(batch) == 2
    seen = list[bytes]()
    while not batch.flush_now():
        seen += [message.data for message in ports[1].receive_messages(WATCHDOG)]
    while SMALL[-1] not in seen:
        seen += [message.data for message in ports[1].receive_messages(WATCHDOG)]
    assert seen[-100:] == SMALL


def test_a_batch_for_nobody_says_so(ports: Ports) -> None:
    ports[1].close()
    batch = ports[0].batch()
    batch.datagram(b"x")
    with pytest.raises(Disconnected):
        batch.flush()


# Who polls


def test_a_port_stays_readable_as_long_as_messages_are_left(ports: Ports) -> None:
    with ports[0].batch() as batch:
        for data in SMALL:
            batch.datagram(data)
    readable = select.poll()
    readable.register(ports[1].fileno(), select.POLLIN)
    seen = list[bytes]()
    while len(seen) < 100:
        assert readable.poll(WATCHDOG * 1000)
        message = ports[1].receive_message_now()
        assert message is not None
        seen.append(message.data)
    assert seen == SMALL
    assert ports[1].receive_message_now() is None
    assert not readable.poll(0)


def test_asyncio_gets_every_message_of_a_batch(ports: Ports) -> None:
    async def receive() -> list[bytes]:
        port = AsyncPort(ports[1])
        return [(await asyncio.wait_for(port.receive_message(), WATCHDOG)).data for _ in range(100)]

    with ports[0].batch() as batch:
        for data in SMALL:
            batch.datagram(data)
    assert asyncio.run(receive()) == SMALL


def test_views_and_batches_keep_their_order(ports: Ports) -> None:
    for number in range(3):
        with ports[0].batch() as batch:
            batch.datagram(b"a%d" % number)
            batch.datagram(b"b%d" % number)
        view = ports[0].allocate(3)
        view.buffer[:] = b"c%d " % number
        ports[0].send_message(b"", type=LPC_DATAGRAM, view=view)
    seen = [ports[1].receive_message(WATCHDOG) for _ in range(9)]
    assert [bytes(message.view or message.data) for message in seen] == [
        b"a0",
        b"b0",
        b"c0 ",
        b"a1",
        b"b1",
        b"c1 ",
        b"a2",
        b"b2",
        b"c2 ",
    ]


def test_what_is_held_of_a_closed_port_is_gone(ports: Ports) -> None:
    with ports[0].batch() as batch:
        for data in SMALL:
            batch.datagram(data)
    ports[1].receive_message(WATCHDOG)
    ports[1].close()
    assert ports[1].receive_message(WATCHDOG).type == LPC_PORT_CLOSED


@pytest.mark.parametrize("lane", [False, True])
def test_the_datagrams_of_a_batch_come_to_the_queue_of_a_server(lane: bool) -> None:
    attributes = PortAttributes(lane=lane)
    server = alpc.create_port("batches", attributes=attributes)
    with ThreadPoolExecutor(1) as threads:
        connecting = threads.submit(alpc.connect, "batches", WATCHDOG, attributes=attributes)
        server.receive(WATCHDOG).accept()
        client = connecting.result(WATCHDOG)
    client.datagram(b"before")
    with client.batch() as batch:
        for data in SMALL:
            batch.datagram(data)
    client.datagram(b"after")
    messages = [server.receive(WATCHDOG) for _ in range(102)]
    assert [message.data for message in messages] == [b"before", *SMALL, b"after"]
    assert {message.type for message in messages} == {LPC_DATAGRAM}
    client.close()
    server.close()


def test_requests_that_are_posted_in_a_batch_are_answered_each(threads: ThreadPoolExecutor) -> None:
    server = alpc.create_port("batches")
    connecting = threads.submit(alpc.connect, "batches", WATCHDOG)
    port = server.receive(WATCHDOG).accept()
    client = connecting.result(WATCHDOG)
    with client.batch() as batch:
        numbers = [client.post(data, context=data, batch=batch) for data in SMALL]
        with pytest.raises(InvalidParameter):
            client.post(b"", batch=batch, work_on_behalf=True)
    with port.batch() as batch:
        for message in [server.receive(WATCHDOG) for _ in SMALL]:
            batch.reply(message, message.data.upper())
    replies = [client.receive(WATCHDOG) for _ in SMALL]
    assert [reply.message_id for reply in replies] == numbers
    for data, reply in zip(SMALL, replies, strict=True):
        assert (reply.data, reply.attributes.context.message_context) == (data.upper(), data)
    client.close()
    server.close()


# Any octets


@given(
    st.lists(
        st.builds(
            Run, st.sampled_from([1, 2, 3]), st.integers(1, 9), st.lists(st.binary(max_size=40), min_size=1, max_size=9)
        ),
        min_size=1,
    ),
    st.integers(60, 500),
)
def test_what_is_packed_is_unpacked(runs: list[Run], most: int) -> None:
    seen = list[tuple[int, int, bytes]]()
    for kind, number, data in packets(runs, most):
        assert len(data) <= most
        if kind == wire.BATCH:
            seen += [message[:3] for message in unpack(bytes(data))]
        else:
            seen.append((kind, number, bytes(data)))
    assert seen == [(kind, first + at, data) for kind, first, datas in runs for at, data in enumerate(datas)]


@pytest.mark.parametrize(
    ("counts", "most", "sizes"),
    [([5], 68, [68, 0]), ([5], 67, [56, 10, 0]), ([3, 2], 76, [76, 0]), ([3, 2], 75, [44, 32, 0])],
)
def test_a_packet_is_filled_to_the_last_octet(counts: list[int], most: int, sizes: list[int]) -> None:
    runs = [Run(LPC_DATAGRAM, 1, [bytes(10)] * count) for count in counts]  # 8 octets each, and 12 for a message
    assert [len(data) for _, _, data in packets(runs, most)] == sizes


@given(st.binary(max_size=60))
def test_any_octets_are_messages_or_a_bad_frame(data: bytes) -> None:
    try:
        messages = unpack(data)
    except BadFrame:
        return
    assert all(message.message_id and message.type in wire.PAYLOAD_TYPES for message in messages)


@pytest.mark.parametrize(
    "data",
    [
        b"\x01",
        struct.pack("<HHI", 0, 3, 1),
        struct.pack("<HHIH", 1, 3, 0, 0),
        struct.pack("<HHIHH", 2, 3, 0xFFFFFFFF, 0, 0),
        struct.pack("<HHIH", 1, wire.BATCH, 1, 0),
        struct.pack("<HHIH", 1, wire.SECTION_NOTICE, 1, 0),
        struct.pack("<HHIH", 1, 10, 1, 0),
        struct.pack("<HHIH", 1, 3, 1, 5) + b"four",
        struct.pack("<HHIH", 2, 3, 1, 0),
        struct.pack("<HHI", 0xFFFF, 3, 1),
        struct.pack("<HHIH", 1, 3, 1, 1) + b"xy",
    ],
)
def test_a_batch_that_lies_ends_the_connection(raw: Raw, data: bytes) -> None:
    raw[1].send(wire.pack(wire.BATCH, 1, data))
    with pytest.raises(BadFrame):
        raw[0].receive_message(WATCHDOG)
    assert raw[0].fileno() == -1


def test_numbers_go_as_far_as_they_are_32_bits_wide() -> None:
    two = struct.pack("<HHI2H", 2, LPC_DATAGRAM, 0xFFFFFFFE, 0, 0)
    assert [message.message_id for message in unpack(two)] == [0xFFFFFFFE, 0xFFFFFFFF]
    with pytest.raises(BadFrame):
        unpack(struct.pack("<HHI2H", 2, LPC_DATAGRAM, 0xFFFFFFFF, 0, 0))


def test_the_messages_before_a_batch_that_lies_have_come(raw: Raw) -> None:
    good = struct.pack("<HHIHH", 2, 3, 1, 3, 3) + b"onetwo"
    raw[1].send(wire.pack(wire.BATCH, 1, good))
    raw[1].send(wire.pack(wire.BATCH, 1, b"\xff" * 20))
    assert received(raw[0], 2) == [b"one", b"two"]
    with pytest.raises(BadFrame):
        raw[0].receive_message(WATCHDOG)


def test_the_end_of_a_batch_is_known(raw: Raw) -> None:
    with raw[0].batch() as batch:
        batch.datagram(b"one")
        batch.datagram(b"two")
    packet, end = raw[1].recv(1000), raw[1].recv(1000)
    assert [is_last(frame) for frame in (packet, end)] == [False, True]
    assert not any(is_last(frame) for frame in (b"", end[:-1], wire.pack(alpc.LPC_DATAGRAM, 1, b"")))


def test_ends_of_no_batch_are_harmless(raw: Raw) -> None:
    for _ in range(3):
        raw[1].send(wire.pack(wire.BATCH, 1, b""))
    raw[1].send(wire.pack(LPC_REQUEST, 1, b"hello"))
    assert received(raw[0], 1) == [b"hello"]


def test_a_batch_without_its_end_is_received(raw: Raw) -> None:
    raw[1].send(wire.pack(wire.BATCH, 1, struct.pack("<HHIHH", 2, 3, 1, 3, 3) + b"onetwo"))
    raw[1].close()
    assert received(raw[0], 2) == [b"one", b"two"]
    assert raw[0].receive_message(WATCHDOG).type == LPC_PORT_CLOSED


def test_shapes_of_batches_take_no_memory_to_speak_of() -> None:
    batch_module._shape.cache_clear()
    for number in range(200):
        kind, _, data = next(packets([Run(3, 1, [bytes(number)] * 60)], 60_000))
        assert kind == wire.BATCH
        assert len(unpack(bytes(data))) == 60
    assert batch_module._shape.cache_info().currsize <= batch_module._SHAPES
    before = batch_module._shape.cache_info().currsize
    unpack(bytes(next(packets([Run(3, 1, [b""] * 9000)], 60_000))[2]))
    assert batch_module._shape.cache_info().currsize == before
