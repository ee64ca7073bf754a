from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lrpc.transports import unix
from lrpc.transports.errors import BadFrame, NameNotFound, NotSupported, ResourcesExhausted, TimedOut
from lrpc.transports.namespace import Namespace
from lrpc.transports.seam import Peer

OWN = frozenset({os.geteuid()})
WATCHDOG = 20.0


@pytest.fixture
def raw() -> Iterator[tuple[unix.PacketConnection, socket.socket]]:
    """A connection, and the bare socket at its other end."""
    one, two = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection = unix.PacketConnection(one, Peer(address="raw"), 1000)
    yield connection, two
    connection.close()
    two.close()


@pytest.mark.parametrize("size", [1001, 65536, 200_000])
def test_a_message_longer_than_allowed_ends_the_connection(
    raw: tuple[unix.PacketConnection, socket.socket], size: int
) -> None:
    raw[1].send(bytes(size))
    with pytest.raises(BadFrame):
        raw[0].receive(WATCHDOG)
    assert raw[0].fileno() == -1


def test_a_message_longer_than_allowed_ends_the_connection_without_waiting_too(
    raw: tuple[unix.PacketConnection, socket.socket],
) -> None:
    raw[1].send(bytes(1001))
    assert select.select([raw[0].fileno()], [], [], WATCHDOG)[0]
    with pytest.raises(BadFrame):
        raw[0].receive_now()
    assert raw[0].fileno() == -1


def test_descriptors_that_nobody_asked_for_are_not_kept(
    raw: tuple[unix.PacketConnection, socket.socket], open_descriptors: Callable[[], int]
) -> None:
    before = open_descriptors()
    socket.send_fds(raw[1], [b"here you are"], [0, 1, 2])
    assert raw[0].receive(WATCHDOG) == b"here you are"
    assert open_descriptors() == before


def test_an_empty_packet_is_the_end(raw: tuple[unix.PacketConnection, socket.socket]) -> None:
    raw[1].send(b"")
    assert raw[0].receive(WATCHDOG) == b""


def test_a_full_backlog_times_out(own_namespace: Path) -> None:
    names = Namespace("\\d", (str(own_namespace),))
    claim = names.claim("calc")
    with claim.listen(0o600, 0), names.connect("calc", OWN, WATCHDOG), pytest.raises(TimedOut):
        names.connect("calc", OWN, 0.02)
    claim.close()


def test_liveness_is_found_out_without_the_holder_noticing(own_namespace: Path) -> None:
    names = Namespace("\\d", (str(own_namespace),))
    claim = names.claim("calc")
    listening = claim.listen(0o600, 1)
    listening.setblocking(False)
    inode = names.open("calc", OWN)
    assert unix.is_live(inode)
    with pytest.raises(BlockingIOError):
        listening.accept()
    listening.close()
    assert not unix.is_live(inode)
    with pytest.raises(NameNotFound):
        unix.connect_inode(inode, "calc", WATCHDOG)
    os.close(inode)
    claim.close()


def test_the_peer_has_its_groups() -> None:
    one, two = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with one, two:
        assert unix.peer_of(one, "x").groups == tuple(os.getgroups())


def test_a_kernel_that_does_not_tell_groups_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unix, "SO_PEERGROUPS", 9999)
    one, two = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with one, two:
        assert unix.peer_of(one, "x").groups is None


def test_no_descriptor_left_is_resources_exhausted(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*arguments: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(unix.socket, "socket", none_left)
    with pytest.raises(ResourcesExhausted):
        unix.packet_socket()


def test_other_systems_are_told_that_it_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unix.sys, "platform", "darwin")
    with pytest.raises(NotSupported):
        unix.require_linux()
