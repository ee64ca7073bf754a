from __future__ import annotations

import array
import fcntl
import os
import resource
import select
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from lrpc.transports.alpc import (
    LPC_DATAGRAM,
    LPC_PORT_CLOSED,
    LPC_REPLY,
    LPC_REQUEST,
    CommunicationPort,
    PortMessage,
    View,
    sharing,
)
from lrpc.transports.alpc import message as wire
from lrpc.transports.errors import BadFrame, Disconnected, MessageTooLong, QuotaExceeded, TimedOut

WATCHDOG = 20.0
Ports = tuple[CommunicationPort, CommunicationPort]
Raw = tuple[CommunicationPort, socket.socket]


def filled(port: CommunicationPort, octets: bytes) -> View:
    view = port.allocate(len(octets))
    view.buffer[:] = octets
    return view


def free_size(port: CommunicationPort) -> int:
    section = port._sharing.outgoing
    return section.size - section.free_size if section is not None else 0


def wait_for(descriptor: int) -> None:
    assert select.select([descriptor], [], [], WATCHDOG)[0]


# Lending and giving back


def test_a_view_arrives_as_octets_that_cannot_be_written(ports: Ports) -> None:
    ports[0].send_message(b"head", view=filled(ports[0], b"payload"))
    message = ports[1].receive_message(WATCHDOG)
    assert (message.type, message.data) == (LPC_REQUEST, b"head")
    assert message.view == b"payload"
    assert message.view is not None
    assert message.view.readonly


def test_a_reply_gives_the_view_of_its_request_back(ports: Ports) -> None:
    number = ports[0].send_message(b"", view=filled(ports[0], b"x"))
    ports[1].receive_message(WATCHDOG)
    assert free_size(ports[0]) > 0
    ports[1].send_message(b"", number, LPC_REPLY)
    ports[0].receive_message(WATCHDOG)
    assert free_size(ports[0]) == 0


def test_a_reply_with_a_view_does_so_too(ports: Ports) -> None:
    number = ports[0].send_message(b"", view=filled(ports[0], b"x"))
    ports[1].receive_message(WATCHDOG)
    ports[1].send_message(b"", number, LPC_REPLY, view=filled(ports[1], b"answer"))
    assert ports[0].receive_message(WATCHDOG).view == b"answer"
    assert free_size(ports[0]) == 0


def test_a_release_goes_in_front_of_the_next_message(ports: Ports) -> None:
    ports[0].send_message(b"", 1, LPC_REPLY, view=filled(ports[0], b"x"))
    ports[1].release(ports[1].receive_message(WATCHDOG))
    assert ports[0].receive_message_now() is None
    assert free_size(ports[0]) > 0
    ports[1].send_message(b"next")
    assert ports[0].receive_message(WATCHDOG).data == b"next"
    assert free_size(ports[0]) == 0


def test_many_releases_do_not_wait(ports: Ports) -> None:
    for _ in range(sharing.LAZY_COUNT):
        ports[0].send_message(b"", 1, LPC_DATAGRAM, view=filled(ports[0], b"x"))
        ports[1].release(ports[1].receive_message(WATCHDOG))
    wait_for(ports[0].fileno())
    assert ports[0].receive_message_now() is None
    assert free_size(ports[0]) == 0


def test_a_large_release_does_not_wait(ports: Ports) -> None:
    ports[0].send_message(b"", view=ports[0].allocate(sharing.LAZY_SIZE))
    ports[1].release(ports[1].receive_message(WATCHDOG))
    wait_for(ports[0].fileno())
    assert ports[0].receive_message_now() is None
    assert free_size(ports[0]) == 0


def test_releasing_twice_or_after_a_reply_takes_nothing_from_others(ports: Ports) -> None:
    number = ports[0].send_message(b"", view=filled(ports[0], b"first"))
    message = ports[1].receive_message(WATCHDOG)
    ports[1].send_message(b"", number, LPC_REPLY)
    ports[0].receive_message(WATCHDOG)
    ports[0].send_message(b"", view=filled(ports[0], b"second"))
    ports[1].release(message)
    ports[1].release(message)
    ports[1].send_message(b"flush")
    ports[0].receive_message(WATCHDOG)
    assert free_size(ports[0]) > 0
    assert ports[1].receive_message(WATCHDOG).view == b"second"


def test_messages_without_a_view_need_no_release(ports: Ports) -> None:
    ports[0].release(PortMessage(LPC_REQUEST, 1, b""))
    assert not ports[0]._releases


def test_a_view_that_was_not_sent_can_be_discarded(ports: Ports) -> None:
    ports[0].discard(ports[0].allocate(100))
    assert free_size(ports[0]) == 0


def test_a_view_that_could_not_be_sent_is_still_ours(ports: Ports) -> None:
    view = filled(ports[0], b"x")
    ports[0].send_message(b"", view=filled(ports[0], b"y"))
    while ports[0].send_message_now(bytes(60_000)):
        pass
    assert ports[0].send_message_now(bytes(60_000), view=view) == 0
    with pytest.raises(TimedOut):
        ports[0].send_message(bytes(60_000), view=view, timeout=0.01)
    assert not any(lent is view for lent in ports[0]._lent_requests.values())
    ports[0].discard(view)


def test_a_section_that_could_not_be_passed_on_is_passed_later(ports: Ports) -> None:
    while ports[0].send_message_now(bytes(60_000), type=LPC_DATAGRAM):
        pass
    while ports[0].send_message_now(b"", type=LPC_DATAGRAM):
        pass
    view = filled(ports[0], b"patience")
    sent = 0
    while not sent:
        assert ports[1].receive_message(WATCHDOG).view is None
        sent = ports[0].send_message_now(b"", view=view)
    message = ports[1].receive_message(WATCHDOG)
    while message.view is None:
        message = ports[1].receive_message(WATCHDOG)
    assert message.view == b"patience"


def test_releases_wait_for_room(ports: Ports) -> None:
    ports[0].send_message(b"", view=ports[0].allocate(sharing.LAZY_SIZE))
    message = ports[1].receive_message(WATCHDOG)
    while ports[1].send_message_now(bytes(60_000), type=LPC_DATAGRAM):
        pass
    while ports[1].send_message_now(b"", type=LPC_DATAGRAM):
        pass
    ports[1].release(message)
    assert list(ports[1]._releases) == [message.view_number]
    while ports[0].receive_message_now() is not None:
        pass
    ports[1].send_message(b"now")
    assert ports[0].receive_message(WATCHDOG).data == b"now"
    assert free_size(ports[0]) == 0


def test_a_peer_that_gives_nothing_back_hurts_only_itself(make_ports: Callable[..., Ports]) -> None:
    one, two = make_ports(max_outgoing=1 << 20)
    for _ in range(4):
        one.send_message(b"", view=one.allocate(1 << 18))
    with pytest.raises(QuotaExceeded):
        one.allocate(1)
    with pytest.raises(MessageTooLong):
        one.allocate(1 << 21)
    one.send_message(b"still usable")
    for _ in range(4):
        two.receive_message(WATCHDOG)
    assert two.receive_message(WATCHDOG).data == b"still usable"


def test_ten_thousand_views_leave_descriptors_and_memory_flat(
    ports: Ports, open_descriptors: Callable[[], int]
) -> None:
    def exchange(count: int) -> None:
        for _ in range(count):
            number = ports[0].send_message(b"", view=filled(ports[0], octets))
            request = ports[1].receive_message(WATCHDOG)
            ports[1].send_message(b"", number, LPC_REPLY, view=filled(ports[1], octets))
            del request
            ports[0].release(ports[0].receive_message(WATCHDOG))

    octets = bytes(20_000)
    exchange(100)
    descriptors, memory = open_descriptors(), resident()
    exchange(5_000)
    assert open_descriptors() == descriptors
    assert resident() - memory < 4 << 20
    ports[0].send_message(b"flush")
    ports[1].receive_message(WATCHDOG)
    assert (free_size(ports[0]), free_size(ports[1])) == (0, 0)


def resident() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


def test_threads_share_one_section(ports: Ports, threads: ThreadPoolExecutor) -> None:
    def serve() -> None:
        while (message := ports[1].receive_message(WATCHDOG)).type != LPC_PORT_CLOSED:
            assert message.view is not None
            assert bytes(message.view) == message.data * 5000
            ports[1].send_message(message.data, message.message_id, LPC_REPLY)

    def call(number: int) -> None:
        for _ in range(50):
            view = filled(ports[0], bytes([number]) * 5000)
            with turn:
                ports[0].send_message(bytes([number]), view=view)
                ports[0].receive_message(WATCHDOG)

    turn = threading.Lock()
    serving = threads.submit(serve)
    list(threads.map(call, range(1, 5)))
    ports[0].close()
    serving.result(WATCHDOG)


def test_everything_is_given_back_when_a_connection_ends(
    make_ports: Callable[..., Ports], open_descriptors: Callable[[], int]
) -> None:
    before = open_descriptors()
    for _ in range(20):
        one, two = make_ports()
        for sender, receiver in ((one, two), (two, one)):
            sender.send_message(b"", view=filled(sender, b"x"))
            receiver.receive_message(WATCHDOG)
        one.close()
        two.close()
    assert open_descriptors() == before


def test_a_view_stays_readable_after_the_end(ports: Ports) -> None:
    ports[0].send_message(b"", view=filled(ports[0], b"last words"))
    message = ports[1].receive_message(WATCHDOG)
    ports[0].close()
    ports[1].close()
    assert message.view == b"last words"
    with pytest.raises(Disconnected):
        ports[1].allocate(1)


# What a hostile peer may try with descriptors


def memfd(size: int, seals: int) -> int:
    descriptor = os.memfd_create("test", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, size)
    fcntl.fcntl(descriptor, 1033, seals)
    return descriptor


def pass_section(raw: Raw, descriptors: list[int], data: bytes, kind: int = wire.SECTION) -> None:
    raw[1].send(wire.pack(wire.SECTION_NOTICE, 1, b""))
    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))
    raw[1].sendmsg([wire.pack(kind, 1, data)], [rights])
    for descriptor in descriptors:
        os.close(descriptor)


SIZE = 1 << 16


@pytest.mark.parametrize("count", [1, 3])
def test_a_good_section_is_taken_once(raw: Raw, count: int, open_descriptors: Callable[[], int]) -> None:
    pass_section(raw, [memfd(SIZE, 7)], SIZE.to_bytes(8, "little"))
    raw[1].send(wire.pack(LPC_REQUEST, 1, b"", wire.ViewAttribute(1, 0, SIZE)))
    assert raw[0].receive_message(WATCHDOG).view == bytes(SIZE)
    raw[1].send(wire.pack(wire.SECTION_NOTICE, 1, b""))
    with pytest.raises(BadFrame):
        raw[0].receive_message(WATCHDOG)


@pytest.mark.parametrize(
    "make",
    [
        lambda: [memfd(SIZE, 0)],
        lambda: [memfd(SIZE, 0x10 | 0x1)],
        lambda: [memfd(SIZE * 2, 7)],
        lambda: [memfd(1 << 40, 7)],
        lambda: [os.open("/dev/zero", os.O_RDWR)],
        lambda: [os.open("/", os.O_RDONLY)],
        lambda: [os.eventfd(0)],
        lambda: [memfd(SIZE, 7), memfd(SIZE, 7)],
        lambda: [os.dup(0) for _ in range(30)],
    ],
    ids=["unsealed", "future-write", "other size", "huge", "device", "directory", "eventfd", "two", "thirty"],
)
def test_a_bad_section_ends_the_connection_and_leaks_nothing(
    raw: Raw, make: Callable[[], list[int]], open_descriptors: Callable[[], int]
) -> None:
    before = open_descriptors()
    pass_section(raw, make(), SIZE.to_bytes(8, "little"))
    with pytest.raises(BadFrame):
        raw[0].receive_message(WATCHDOG)
    assert raw[0].fileno() == -1
    assert open_descriptors() == before - 1


def test_a_section_larger_than_we_map_is_refused(raw: Raw) -> None:
    pass_section(raw, [memfd(1 << 21, 7)], (1 << 21).to_bytes(8, "little"))
    with pytest.raises(BadFrame):
        raw[0].receive_message(WATCHDOG)


@pytest.mark.parametrize("data", [b"", bytes(7), bytes(9), bytes(8)])
def test_a_section_with_a_wrong_announcement_is_refused(raw: Raw, data: bytes) -> None:
    pass_section(raw, [memfd(SIZE, 7)], data)
    with pytest.raises(BadFrame):
        raw[0].receive_message(WATCHDOG)


def test_descriptors_in_another_message_end_the_connection(raw: Raw, open_descriptors: Callable[[], int]) -> None:
    before = open_descriptors()
    pass_section(raw, [os.dup(0)], b"data", LPC_REQUEST)
    with pytest.raises(BadFrame):
        raw[0].receive_message(WATCHDOG)
    assert open_descriptors() == before - 1


def test_descriptors_that_nobody_announced_are_not_kept(raw: Raw, open_descriptors: Callable[[], int]) -> None:
    before = open_descriptors()
    socket.send_fds(raw[1], [wire.pack(LPC_REQUEST, 1, b"data")], [0, 1, 2])
    assert raw[0].receive_message(WATCHDOG).data == b"data"
    assert open_descriptors() == before


@pytest.mark.parametrize("view", [(1, SIZE, 1), (1, 0, SIZE + 1), (1, 1 << 63, 1 << 63)])
def test_a_view_outside_of_the_section_ends_the_connection(raw: Raw, view: tuple[int, int, int]) -> None:
    pass_section(raw, [memfd(SIZE, 7)], SIZE.to_bytes(8, "little"))
    raw[1].send(wire.pack(LPC_REQUEST, 1, b"", wire.ViewAttribute(*view)))
    with pytest.raises(BadFrame):
        raw[0].receive_message(WATCHDOG)
    assert raw[0].fileno() == -1


def test_plain_messages_pass_while_a_section_is_due(raw: Raw) -> None:
    raw[1].send(wire.pack(wire.SECTION_NOTICE, 1, b""))
    raw[1].send(wire.pack(LPC_REQUEST, 1, b"between"))
    assert raw[0].receive_message(WATCHDOG).data == b"between"
    with pytest.raises(TimedOut):
        raw[0].receive_message(0.01)
    assert raw[0].receive_message_now() is None
    raw[1].close()
    assert raw[0].receive_message(WATCHDOG).type == LPC_PORT_CLOSED


def test_releases_of_what_was_never_lent_are_harmless(raw: Raw) -> None:
    view = raw[0].allocate(10)
    raw[1].send(wire.pack(wire.VIEW_RELEASE, 1, b"\xff" * 8 + view.number.to_bytes(8, "little")))
    raw[1].send(wire.pack(LPC_REPLY, 99, b"never asked"))
    assert raw[0].receive_message(WATCHDOG).data == b"never asked"
    assert free_size(raw[0]) > 0
