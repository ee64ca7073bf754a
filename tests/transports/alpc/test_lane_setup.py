"""Who gets a lane, and what is refused in its place."""

from __future__ import annotations

import array
import itertools
import os
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from lrpc.transports import alpc
from lrpc.transports.alpc import lane_setup
from lrpc.transports.alpc.lane import Lane
from lrpc.transports.alpc.memory import memfd
from lrpc.transports.alpc.messages.port_attributes import DEFAULT_ATTRIBUTES, pack_terms
from lrpc.transports.alpc.slots import SIZE
from lrpc.transports.errors import BadFrame
from lrpc.transports.seam import Peer
from lrpc.transports.sockets import NO_SIGNAL, NO_WAIT

WATCHDOG = 20.0
SELF = Peer(pid=os.getpid())
NUMBERS = itertools.count()


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, two = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    yield one, two
    one.close()
    two.close()


def connected(server: bool | None, client: bool | None) -> tuple[alpc.CommunicationPort, ...]:
    name = f"lane-{next(NUMBERS)}"
    port = alpc.create_port(name, attributes=alpc.PortAttributes(lane=server))
    accepted: list[alpc.CommunicationPort] = []
    acceptor = threading.Thread(target=lambda: accepted.append(port.accept(WATCHDOG)))
    acceptor.start()
    found = alpc.connect(name, WATCHDOG, attributes=alpc.PortAttributes(lane=client))
    acceptor.join(WATCHDOG)
    port.close()
    return found, accepted[0]


def has_lane(port: alpc.CommunicationPort) -> bool:
    return isinstance(port._socket, Lane)  # pyright: ignore[reportPrivateUsage]


# Who gets one


@pytest.mark.parametrize(
    ("server", "client", "expected"),
    [(True, True, True), (True, None, True), (False, True, False), (True, False, False), (False, None, False)],
)
def test_both_ends_have_a_say(server: bool | None, client: bool | None, expected: bool) -> None:
    ports = connected(server, client)
    assert [has_lane(port) for port in ports] == [expected, expected]
    for one, other in (ports, ports[::-1]):
        one.send_message(b"data", 7)
        assert other.receive_message(WATCHDOG).data == b"data"
    for port in ports:
        port.close()


@pytest.mark.parametrize(("said", "expected"), [("0", 0), ("1", lane_setup.LANE)])
def test_the_environment_speaks_where_the_attributes_leave_it_open(
    said: str, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(lane_setup.SWITCH, said)
    assert lane_setup.offer(None) == expected
    assert lane_setup.grant(None, lane_setup.LANE, SELF) == expected
    assert lane_setup.offer(True) == lane_setup.grant(True, lane_setup.LANE, SELF) == lane_setup.LANE
    assert lane_setup.offer(False) == lane_setup.grant(False, lane_setup.LANE, SELF) == 0


@pytest.mark.parametrize(("ours", "theirs", "expected"), [({0}, {0}, 0), ({0}, {1}, 1), ({0, 1}, {0}, 1)])
def test_where_nobody_says_it_takes_two_processors(
    ours: set[int], theirs: set[int], expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(lane_setup.SWITCH, raising=False)

    def affinity(pid: int) -> set[int]:
        return theirs if pid else ours

    monkeypatch.setattr(os, "sched_getaffinity", affinity)
    assert lane_setup.grant(None, lane_setup.LANE, SELF) == expected


def test_a_client_that_has_gone_counts_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(lane_setup.SWITCH, raising=False)
    pid = os.fork()
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)
    own = len(os.sched_getaffinity(0))
    assert lane_setup.grant(None, lane_setup.LANE, Peer(pid=pid)) == (lane_setup.LANE if own > 1 else 0)


def test_processors_that_reorder_stores_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane_setup, "ORDERED", False)
    assert lane_setup.offer(True) == lane_setup.grant(True, lane_setup.LANE, SELF) == 0


def test_nobody_is_sent_memory_who_did_not_ask() -> None:
    assert lane_setup.grant(True, 0, SELF) == 0


def test_a_server_without_descriptors_serves_without_a_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(size: int, *, sealed: bool) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(memfd, "new_memfd", full)
    ports = connected(True, True)
    assert not has_lane(ports[0])
    for port in ports:
        port.close()


def test_a_lane_leaves_no_descriptors() -> None:
    before = len(os.listdir("/proc/self/fd"))
    for port in connected(True, True):
        port.close()
    assert len(os.listdir("/proc/self/fd")) == before


# What is refused


def test_both_ends_share_the_memory_and_are_away_at_first(sockets: tuple[socket.socket, socket.socket]) -> None:
    server = lane_setup.send_with_lane(sockets[0], b"terms", NO_SIGNAL)
    with lane_setup.Delivery(sockets[1]) as delivery:
        assert delivery.recv(100) == b"terms"
        client = delivery.lane()
    for one, other in ((server, client), (client, server)):
        one.send(b"by the socket", NO_SIGNAL)
        assert other.wait(100) == b"by the socket"
        one.send(b"by the lane", NO_SIGNAL)
        with pytest.raises(BlockingIOError):
            (sockets[1] if other is client else sockets[0]).recv(1, NO_WAIT)
        assert other.wait(100) == b"by the lane"


def unsealed() -> int:
    descriptor = os.memfd_create("unsealed")
    os.ftruncate(descriptor, SIZE)
    return descriptor


@pytest.mark.parametrize(
    "make",
    [
        lambda: list[int](),
        lambda: [unsealed()],
        lambda: [memfd.new_memfd(SIZE - 4096, sealed=True)],
        lambda: [memfd.new_memfd(SIZE + 4096, sealed=True)],
        lambda: [memfd.new_memfd(SIZE, sealed=True) for _ in range(2)],
        lambda: [os.open("/dev/null", os.O_RDWR)],
        lambda: [os.open("/", os.O_RDONLY)],
    ],
    ids=["none", "unsealed", "too small", "too large", "two", "a device", "a directory"],
)
def test_what_is_not_a_lane_ends_the_connection_and_is_closed(
    make: Callable[[], list[int]], sockets: tuple[socket.socket, socket.socket]
) -> None:
    before = len(os.listdir("/proc/self/fd"))
    descriptors = make()
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    sockets[0].sendmsg([b"terms"], rights)
    for descriptor in descriptors:
        os.close(descriptor)
    with lane_setup.Delivery(sockets[1]) as delivery, pytest.raises(BadFrame):
        delivery.recv(100)
        delivery.lane()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_server_that_sends_a_lane_unasked_is_taken_at_its_word_only(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    terms = pack_terms(alpc.LPC_CONNECTION_REPLY, 0, DEFAULT_ATTRIBUTES, b"", lane_setup.LANE)
    server = lane_setup.send_with_lane(sockets[0], terms, NO_SIGNAL)
    assert sockets[1].recv(1000) == terms  # without room for descriptors, the kernel drops them
    server.close()
