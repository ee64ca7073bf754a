"""What is borrowed of a peer, and what a hostile one may try with descriptors, sections and releases."""

from __future__ import annotations

import array
import fcntl
import os
import socket
import struct
from collections.abc import Callable

import pytest

from lrpc.transports.alpc import LPC_PORT_CLOSED, LPC_REPLY, LPC_REQUEST, CommunicationPort
from lrpc.transports.alpc.memory import lending
from lrpc.transports.alpc.memory.section import SECTION_SPAN, SectionLimits
from lrpc.transports.alpc.messages import message as wire
from lrpc.transports.alpc.messages.attributes import VIEW_SECURED_ACCESS
from lrpc.transports.errors import BadFrame, TimedOut
from tests.transports.alpc.memory.lending import filled, taken

WATCHDOG = 20.0
Raw = tuple[CommunicationPort, socket.socket]
SIZE = 1 << 16
AT_ZERO = struct.pack("<QQ", SIZE, 0)


# Sections, and what may be tried with descriptors


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


def test_a_good_section_is_taken_once(raw: Raw) -> None:
    pass_section(raw, [memfd(SIZE, 7)], AT_ZERO)
    raw[1].send(wire.pack(LPC_REQUEST, 1, b"", wire.ViewAttribute(0, 1, 0, SIZE)))
    assert raw[0].receive_message(WATCHDOG).view == bytes(SIZE)
    pass_section(raw, [memfd(SIZE, 7)], AT_ZERO)
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
    pass_section(raw, make(), AT_ZERO)
    with pytest.raises(BadFrame):
        raw[0].receive_message(WATCHDOG)
    assert raw[0].fileno() == -1
    assert open_descriptors() == before - 1


def test_a_section_larger_than_we_map_is_refused(raw: Raw) -> None:
    pass_section(raw, [memfd(1 << 21, 7)], struct.pack("<QQ", 1 << 21, 0))
    with pytest.raises(BadFrame):
        raw[0].receive_message(WATCHDOG)


@pytest.mark.parametrize("data", [b"", bytes(15), bytes(17), bytes(16), struct.pack("<QQ", SIZE, 1)])
def test_a_section_with_a_wrong_announcement_is_refused(raw: Raw, data: bytes) -> None:
    pass_section(raw, [memfd(SIZE, 7)], data)
    with pytest.raises(BadFrame):
        raw[0].receive_message(WATCHDOG)


@pytest.mark.parametrize("kind", [LPC_REQUEST, wire.MEMORY])
def test_descriptors_in_another_message_end_the_connection(
    raw: Raw, open_descriptors: Callable[[], int], kind: int
) -> None:
    before = open_descriptors()
    pass_section(raw, [os.dup(0)], b"data", kind)
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
    pass_section(raw, [memfd(SIZE, 7)], AT_ZERO)
    raw[1].send(wire.pack(LPC_REQUEST, 1, b"", wire.ViewAttribute(0, *view)))
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
    assert taken(raw[0]) > 0


def test_a_peer_that_passes_more_than_the_total_is_cut_off(make_raw: Callable[..., Raw]) -> None:
    raw = make_raw(SectionLimits(SIZE, SIZE, 2 * SIZE))
    for number in range(3):
        pass_section(raw, [memfd(SIZE, 7)], struct.pack("<QQ", SIZE, number * SECTION_SPAN))
    with pytest.raises(BadFrame):
        raw[0].receive_message(WATCHDOG)


def test_a_peer_that_passes_sections_without_end_is_cut_off(raw: Raw) -> None:
    with pytest.raises(BadFrame):
        for number in range(lending.MAX_SECTIONS + 1):
            pass_section(raw, [memfd(4096, 7)], struct.pack("<QQ", 4096, number * SECTION_SPAN))
            raw[0].receive_message_now()
    assert raw[0].fileno() == -1


def test_a_peer_that_only_announces_is_cut_off(raw: Raw) -> None:
    for _ in range(lending.MAX_SECTIONS):
        raw[1].send(wire.pack(wire.SECTION_NOTICE, 1, b""))
        assert raw[0].receive_message_now() is None
    raw[1].send(wire.pack(wire.SECTION_NOTICE, 1, b""))
    with pytest.raises(BadFrame):
        raw[0].receive_message_now()


def test_a_view_that_says_it_is_secure_and_is_not_ends_the_connection(raw: Raw) -> None:
    pass_section(raw, [memfd(SIZE, 7)], AT_ZERO)
    raw[1].send(wire.pack(LPC_REQUEST, 1, b"", wire.ViewAttribute(VIEW_SECURED_ACCESS, 1, 0, 1)))
    with pytest.raises(BadFrame):
        raw[0].receive_message(WATCHDOG)


def test_a_view_with_a_flag_that_there_is_not_ends_the_connection(raw: Raw) -> None:
    unmap_existing = 0x10000
    pass_section(raw, [memfd(SIZE, 7)], AT_ZERO)
    raw[1].send(wire.pack(LPC_REQUEST, 1, b"", wire.ViewAttribute(unmap_existing, 1, 0, 1)))
    with pytest.raises(BadFrame):
        raw[0].receive_message(WATCHDOG)


def test_a_secure_section_has_one_view(raw: Raw) -> None:
    pass_section(raw, [memfd(SIZE, 15)], AT_ZERO)
    frame = wire.pack(LPC_REQUEST, 1, b"", wire.ViewAttribute(VIEW_SECURED_ACCESS, 1, 0, 1))
    raw[1].send(frame)
    assert raw[0].receive_message(WATCHDOG).secured
    raw[1].send(frame)
    with pytest.raises(BadFrame):
        raw[0].receive_message(WATCHDOG)


def test_a_view_larger_than_we_take_ends_the_connection(make_raw: Callable[..., Raw]) -> None:
    raw = make_raw(SectionLimits(SIZE, 100, SIZE))
    pass_section(raw, [memfd(SIZE, 7)], AT_ZERO)
    raw[1].send(wire.pack(LPC_REQUEST, 1, b"", wire.ViewAttribute(0, 1, 0, 100)))
    assert raw[0].receive_message(WATCHDOG).view == bytes(100)
    raw[1].send(wire.pack(LPC_REQUEST, 1, b"", wire.ViewAttribute(0, 1, 0, 101)))
    with pytest.raises(BadFrame):
        raw[0].receive_message(WATCHDOG)


def test_a_section_that_nobody_has_can_go(raw: Raw) -> None:
    raw[1].send(wire.pack(wire.SECTION_GONE, 1, bytes(8)))
    raw[1].send(wire.pack(LPC_REQUEST, 1, b"still here"))
    assert raw[0].receive_message(WATCHDOG).data == b"still here"


def test_what_comes_while_the_port_is_closed_is_let_go(raw: Raw, open_descriptors: Callable[[], int]) -> None:
    before = open_descriptors()
    raw[0].close()
    for kind, data in ((wire.SECTION, AT_ZERO), (wire.MEMORY, b"")):
        raw[0]._sharing.take(wire.pack(kind, 1, data), [memfd(SIZE, 7)], False)
    assert open_descriptors() == before - 1
    assert (raw[0]._sharing.incoming, raw[0].take_granted()) == ({}, -1)


def test_the_port_view_of_a_peer_is_there_until_the_port_is_closed(raw: Raw) -> None:
    pass_section(raw, [memfd(SIZE, 7)], struct.pack("<QQ", SIZE, lending.PORT_VIEW_BASE))
    raw[1].send(wire.pack(LPC_REQUEST, 1, b""))
    assert raw[0].remote_port_view is None
    raw[0].receive_message(WATCHDOG)
    assert raw[0].remote_port_view == bytes(SIZE)
    raw[0].close()
    assert raw[0].remote_port_view is None


# Releases in front of a message


def releases(*numbers: int) -> bytes:
    return wire.pack(wire.VIEW_RELEASE, 1, struct.pack(f"<{len(numbers)}Q", *numbers))


def test_a_message_comes_with_the_releases_in_front_of_it_in_one_packet(raw: Raw) -> None:
    bare = raw[1]
    raw[0].send_message(b"", view=filled(raw[0], b"lent"))
    for _ in range(3):  # the announcement, the section, the message
        bare.recv(1000)
    bare.send(releases(1) + wire.pack(LPC_REQUEST, 1, b"behind"))
    assert raw[0].receive_message(WATCHDOG).data == b"behind"
    assert taken(raw[0]) == 0


def test_any_number_of_releases_in_a_packet_is_taken(raw: Raw) -> None:
    raw[1].send(releases() * 2000)
    raw[1].send(releases(7) * 1000 + wire.pack(LPC_REQUEST, 1, b"behind"))
    assert raw[0].receive_message(WATCHDOG).data == b"behind"


@pytest.mark.parametrize(
    "packet",
    [
        releases(1)[:-1],
        releases(1) + b"x",
        releases(1) + releases(1)[:7],
        wire.pack(wire.VIEW_RELEASE, 1, bytes(9)) + releases(1),
        wire.pack(wire.VIEW_RELEASE, 0, bytes(8)),
        wire.pack(wire.VIEW_RELEASE, 1, bytes(8), wire.ViewAttribute()),
        releases(1) + wire.pack(LPC_REQUEST, 0, b""),
    ],
    ids=range(7),
)
def test_releases_that_are_none_end_the_connection(raw: Raw, packet: bytes) -> None:
    raw[1].send(packet)
    with pytest.raises(BadFrame):
        raw[0].receive_message(WATCHDOG)
    assert raw[0].fileno() == -1
