from __future__ import annotations

import errno
import os
import resource
import socket
import struct
from collections.abc import Callable, Iterator

import pytest

from lrpc.transports import sockets
from lrpc.transports.errors import Disconnected, ResourcesExhausted, TimedOut, TransportError
from lrpc.transports.sockets import Acceptor, TimedSocket, after_failed_receive, timeval

WATCHDOG = 20.0


@pytest.fixture
def ends() -> Iterator[tuple[TimedSocket, TimedSocket]]:
    one, two = (TimedSocket(end) for end in socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET))
    yield one, two
    one.close()
    two.close()


@pytest.mark.parametrize(
    ("timeout", "parts"),
    [(None, (0, 0)), (0.0, (0, 1)), (-1.0, (0, 1)), (0.25, (0, 250_000)), (2.0, (2, 0)), (1e-9, (0, 1))],
)
def test_a_timeout_becomes_a_timeval_that_never_means_for_ever_by_accident(
    timeout: float | None, parts: tuple[int, int]
) -> None:
    assert struct.unpack("@ll", timeval(timeout)) == parts


def test_a_default_timeout_of_the_process_does_not_reach_connections() -> None:
    socket.setdefaulttimeout(0.5)
    try:
        one, two = socket.socketpair()
    finally:
        socket.setdefaulttimeout(None)
    with one, two:
        assert TimedSocket(one).socket.gettimeout() is None


def test_the_bound_is_set_again_only_when_it_changes(
    ends: tuple[TimedSocket, TimedSocket], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: list[float | None] = []
    bound = TimedSocket.bound_receives
    monkeypatch.setattr(
        TimedSocket, "bound_receives", lambda self, timeout: (settings.append(timeout), bound(self, timeout))[1]
    )
    for timeout in (None, 1.0, 1.0, 2.0, 2.0, None):
        ends[0].send(b"x", None)
        assert ends[1].receive(timeout) == b"x"
    assert settings == [1.0, 2.0, None]


def test_octets_that_nobody_looks_at_are_dropped_a_room_at_a_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        one, two = TimedSocket(socket.create_connection(listening.getsockname())), TimedSocket(listening.accept()[0])
        assert two.discard() == 0
        one.socket.sendall(bytes(1000))
        assert two.socket.recv(1000, socket.MSG_PEEK | socket.MSG_WAITALL) == bytes(1000)
        assert two.discard() == 1000
        assert two.receive_now() is None
        one.close()
        assert two.receive(WATCHDOG) == b""
        assert two.discard() == 0
        two.close()
        assert two.discard() == 0


def test_octets_behind_a_reset_are_not_lost(ends: tuple[TimedSocket, TimedSocket]) -> None:
    ends[0].send(b"unread", None)
    ends[1].send(b"kept", None)
    ends[1].close()
    assert [ends[0].receive(WATCHDOG), ends[0].receive(WATCHDOG)] == [b"kept", b""]


def test_a_failure_that_is_no_end_is_reported() -> None:
    with pytest.raises(TransportError, match="receiving"):
        after_failed_receive(OSError(errno.EIO, "broken"), lambda size, flags: b"")


def test_a_reset_that_goes_on_is_the_end() -> None:
    def still_reset(size: int, flags: int) -> bytes:
        raise ConnectionResetError(errno.ECONNRESET, "reset")

    assert after_failed_receive(ConnectionResetError(errno.ECONNRESET, "reset"), still_reset) == b""


@pytest.fixture
def acceptor() -> Iterator[Acceptor]:
    listening = socket.create_server(("127.0.0.1", 0))
    acceptor = Acceptor(listening)
    yield acceptor
    acceptor.close()


def address_of(acceptor: Acceptor) -> tuple[str, int]:
    with socket.socket(fileno=os.dup(acceptor.fileno())) as twin:
        host, port = twin.getsockname()
    return host, port


def test_out_of_descriptors_a_client_is_dropped_and_the_listener_lives(acceptor: Acceptor) -> None:
    first = socket.create_connection(address_of(acceptor))
    second = socket.create_connection(address_of(acceptor))
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, limits[1]))
    try:
        with pytest.raises(ResourcesExhausted):
            acceptor.accept(WATCHDOG)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    with first, second:
        assert first.recv(1) == b""
        with acceptor.accept(WATCHDOG) as accepted:
            assert accepted.getpeername() == second.getsockname()


def test_an_acceptor_without_a_reserve_still_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*arguments: object) -> int:
        raise OSError(errno.EMFILE, "none left")

    monkeypatch.setattr(sockets.os, "open", none_left)
    acceptor = Acceptor(socket.create_server(("127.0.0.1", 0)))
    acceptor.close()
    with pytest.raises(Disconnected):
        acceptor.accept_now()


def test_a_client_that_left_before_it_was_accepted_is_no_error(
    acceptor: Acceptor, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Aborted:
        def accept(self) -> None:
            raise ConnectionAbortedError(errno.ECONNABORTED, "left")

    listening = acceptor._socket
    monkeypatch.setattr(acceptor, "_socket", Aborted())
    assert acceptor.accept_now() is None
    monkeypatch.setattr(acceptor, "_socket", listening)


def test_waiting_for_nobody_times_out(acceptor: Acceptor, open_descriptors: Callable[[], int]) -> None:
    before = open_descriptors()
    for timeout in (0.0, 0.01):
        with pytest.raises(TimedOut):
            acceptor.accept(timeout)
    assert open_descriptors() == before
