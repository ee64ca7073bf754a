"""Rows A of docs/threats.md: clients that forge what ALPC ports are told, pass wrong descriptors, or come in crowds."""

from __future__ import annotations

import array
import fcntl
import os
import pty
import select
import socket
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from lrpc.transports import alpc, namespace
from lrpc.transports.alpc import PortAttributes
from lrpc.transports.alpc.memory import memfd
from lrpc.transports.alpc.memory.section import IncomingSection
from lrpc.transports.alpc.messages import message as wire
from lrpc.transports.alpc.messages.port_attributes import pack_terms
from lrpc.transports.errors import BadFrame, ConnectFailed, TimedOut, TransportError

WATCHDOG = 20.0
SIZE = 1 << 16
SHRINK_GROW_SEAL = 0x7


class Intruder:
    """A client that was let in, and sends octets and descriptors as it likes."""

    def __init__(self, server: alpc.ConnectionPort) -> None:
        self.socket = namespace.current(alpc.DIRECTORY).connect(server.address, None, WATCHDOG)
        self.socket.settimeout(WATCHDOG)
        self.socket.send(pack_terms(alpc.LPC_CONNECTION_REQUEST, 0, PortAttributes(), b""))
        self.port = server.accept(WATCHDOG)
        assert self.socket.recv(1 << 17)

    def pass_section(self, descriptors: list[int], size: int = SIZE, *, notice: bool = True) -> None:
        if notice:
            self.socket.send(wire.pack(wire.SECTION_NOTICE, 1, b""))
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))
        self.socket.sendmsg([wire.pack(wire.SECTION, 1, struct.pack("<QQ", size, 0))], [rights])

    def is_ended(self) -> bool:
        """With BadFrame, and nothing else."""
        with pytest.raises(BadFrame):
            while True:
                self.port.receive_message(WATCHDOG)
        return self.port.fileno() < 0

    def close(self) -> None:
        self.socket.close()
        self.port.close()


@pytest.fixture
def server() -> Iterator[alpc.ConnectionPort]:
    port = alpc.create_port("intruders")
    yield port
    port.close()


@pytest.fixture
def intruder(server: alpc.ConnectionPort) -> Iterator[Intruder]:
    made = Intruder(server)
    yield made
    made.close()


@pytest.fixture
def nothing_left(intruder: Intruder) -> Iterator[None]:
    """Descriptors are what they were, but for the one of the port that was closed."""
    before = len(os.listdir("/proc/self/fd"))
    yield
    assert len(os.listdir("/proc/self/fd")) == before - 1


def sealed(size: int, seals: int, flags: int = os.MFD_ALLOW_SEALING) -> int:
    descriptor = os.memfd_create("intruder", flags | os.MFD_CLOEXEC)
    os.ftruncate(descriptor, size)
    if flags & os.MFD_ALLOW_SEALING:
        fcntl.fcntl(descriptor, 1033, seals)
    return descriptor


def one_of(pair: tuple[int, int]) -> int:
    os.close(pair[1])
    return pair[0]


def fifo(folder: Any) -> int:
    os.mkfifo(folder / "fifo")
    return os.open(folder / "fifo", os.O_RDWR)


def epoll() -> int:
    with select.epoll() as made:
        return os.dup(made.fileno())


STRANGE: dict[str, Callable[[Any], int]] = {
    "pipe": lambda _: one_of(os.pipe()),
    "fifo": fifo,
    "terminal": lambda _: one_of(pty.openpty()),
    "directory": lambda _: os.open("/", os.O_RDONLY),
    "zero": lambda _: os.open("/dev/zero", os.O_RDWR),
    "path": lambda _: os.open("/", os.O_PATH),
    "file": lambda folder: os.open(folder / "file", os.O_RDWR | os.O_CREAT),
    "epoll": lambda _: epoll(),
    "eventfd": lambda _: os.eventfd(0),
    "process": lambda _: os.pidfd_open(os.getpid()),
    "socket": lambda _: socket.socket(socket.AF_UNIX).detach(),
    "unsealed": lambda _: sealed(SIZE, 0),
    "not to be sealed": lambda _: sealed(SIZE, 0, 0),
    "may shrink": lambda _: sealed(SIZE, 0x1 | 0x4),
    "may grow": lambda _: sealed(SIZE, 0x1 | 0x2),
    "future write only": lambda _: sealed(SIZE, 0x1 | 0x10),
    "smaller than it says": lambda _: sealed(SIZE - 4096, SHRINK_GROW_SEAL),
    "larger than it says": lambda _: sealed(SIZE + 4096, SHRINK_GROW_SEAL),
    "empty": lambda _: sealed(0, SHRINK_GROW_SEAL),
    "huge": lambda _: sealed(1 << 60, SHRINK_GROW_SEAL),
}


@pytest.mark.parametrize("what", STRANGE)
def test_a1_a_descriptor_that_is_no_section_is_closed_and_never_read(
    intruder: Intruder, nothing_left: None, what: str, tmp_path: Any
) -> None:
    descriptor = STRANGE[what](tmp_path)
    intruder.pass_section([descriptor])
    os.close(descriptor)
    assert intruder.is_ended()


def test_a1_a_section_larger_than_is_mapped_is_refused(intruder: Intruder, nothing_left: None) -> None:
    descriptor = sealed(1 << 40, SHRINK_GROW_SEAL)
    intruder.pass_section([descriptor], 1 << 40)
    os.close(descriptor)
    assert intruder.is_ended()


@pytest.mark.parametrize("size", [wire.MAX_TOTAL + 9, 70_000, 130_000, 200_000])
def test_a1_a_message_longer_than_any_ends_the_connection(intruder: Intruder, size: int) -> None:
    header = wire.FRAME.pack(wire.MAX_DATA, wire.MAX_TOTAL, alpc.LPC_REQUEST, bytes(16), 1, 0, 0)
    intruder.socket.send(header.ljust(size, b"x"))
    assert intruder.is_ended()


def test_a2_a_section_that_was_taken_keeps_its_size(intruder: Intruder) -> None:
    descriptor = sealed(SIZE, SHRINK_GROW_SEAL)
    intruder.pass_section([descriptor])
    intruder.socket.send(wire.pack(alpc.LPC_REQUEST, 1, b"", wire.ViewAttribute(0, 1, 0, SIZE)))
    view = intruder.port.receive_message(WATCHDOG).view
    for size in (0, SIZE // 2, SIZE * 2):
        with pytest.raises(PermissionError):
            os.ftruncate(descriptor, size)
    os.close(descriptor)
    assert view == bytes(SIZE)


def test_a2_a_section_that_shrinks_while_it_is_looked_at_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    descriptor = sealed(SIZE, 0)
    seals_of = memfd._seals_of

    def shrink_first(looked_at: int) -> int:
        os.ftruncate(descriptor, 4096)
        fcntl.fcntl(descriptor, 1033, SHRINK_GROW_SEAL)
        return seals_of(looked_at)

    monkeypatch.setattr(memfd, "_seals_of", shrink_first)
    with pytest.raises(BadFrame):
        IncomingSection(descriptor, SIZE, SIZE)
    os.close(descriptor)


@pytest.mark.parametrize("count", [2, 3, 30, 253])
def test_a3_more_descriptors_than_belong_are_all_closed(intruder: Intruder, nothing_left: None, count: int) -> None:
    descriptor = sealed(SIZE, SHRINK_GROW_SEAL)
    intruder.pass_section([descriptor] * count)
    os.close(descriptor)
    assert intruder.is_ended()


def test_a3_a_section_without_its_descriptor_ends_the_connection(intruder: Intruder, nothing_left: None) -> None:
    intruder.socket.send(wire.pack(wire.SECTION_NOTICE, 1, b""))
    intruder.socket.send(wire.pack(wire.SECTION, 1, struct.pack("<QQ", SIZE, 0)))
    assert intruder.is_ended()


def test_a3_descriptors_that_nobody_announced_are_not_kept(intruder: Intruder) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for count in (1, 9, 253):
        socket.send_fds(intruder.socket, [wire.pack(alpc.LPC_REQUEST, 1, b"data")], [0] * count)
        assert intruder.port.receive_message(WATCHDOG).data == b"data"
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("notice", [True, False])
def test_a3_a_socket_that_is_sent_through_itself_leaves_nothing(server: alpc.ConnectionPort, notice: bool) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        intruder = Intruder(server)
        intruder.pass_section([intruder.socket.fileno()], notice=notice)
        intruder.socket.close()
        with pytest.raises(BadFrame):
            while intruder.port.receive_message(WATCHDOG).type != alpc.LPC_PORT_CLOSED:
                pass
        intruder.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a7_who_finds_no_room_gets_in_as_soon_as_there_is_some() -> None:
    with ThreadPoolExecutor(8) as threads:
        server = alpc.create_port("narrow", attributes=PortAttributes(backlog=1, max_pending=2))
        coming = [threads.submit(alpc.connect, "narrow", WATCHDOG) for _ in range(8)]
        ports = [server.accept(WATCHDOG) for _ in coming]
        clients = [each.result(WATCHDOG) for each in coming]
        for port in (*ports, *clients):
            port.close()
        server.close()


def test_a7_who_finds_no_room_in_time_is_told_so() -> None:
    server = alpc.create_port("narrow", attributes=PortAttributes(backlog=0))
    waiting = list[socket.socket]()
    names = namespace.current(alpc.DIRECTORY)
    with pytest.raises(TransportError):
        for _ in range(10):
            waiting.append(names.connect("narrow", None, 0.05))
    with pytest.raises((TimedOut, ConnectFailed)):
        alpc.connect("narrow", 0.05)
    for each in waiting:
        each.close()
    server.close()
