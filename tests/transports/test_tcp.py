from __future__ import annotations

import select
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from lrpc.transports import sockets, tcp
from lrpc.transports.errors import ConnectFailed, Disconnected, NameCollision, NameInvalid, NameNotFound, TimedOut
from tests.transports.until import until

WATCHDOG = 20.0


@pytest.fixture
def listener() -> Iterator[tcp.TcpListener]:
    listener = tcp.listen()
    yield listener
    listener.close()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("host:80", ("host", 80)),
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("[::1]:65535", ("::1", 65535)),
        (":7", ("", 7)),
        (("host", 80), ("host", 80)),
    ],
)
def test_an_address_has_a_host_and_a_port(text: tcp.Address, parts: tuple[str, int]) -> None:
    assert tcp.parse_address(text) == parts


@pytest.mark.parametrize(
    "text", ["host", "host:", "host:x", "host:65536", "host:-1", "::1:80", "host:\u0661", "host:1 "]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(NameInvalid):
        tcp.parse_address(text)


def test_a_listener_is_on_loopback_and_says_its_real_port(listener: tcp.TcpListener) -> None:
    host, port = tcp.parse_address(listener.address)
    assert host == "127.0.0.1"
    assert port > 0


def test_ipv6_addresses_are_written_in_brackets() -> None:
    listener = tcp.listen("[::1]:0")
    client = tcp.connect(listener.address, WATCHDOG)
    server = listener.accept(WATCHDOG)
    assert client.peer.address == listener.address
    assert listener.address.startswith("[::1]:")
    for one in (client, server, listener):
        one.close()


def test_a_host_that_does_not_exist_is_a_name_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*arguments: object, **options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(tcp.socket, "getaddrinfo", unknown)
    with pytest.raises(NameNotFound):
        tcp.connect("no-such-host.invalid:1", WATCHDOG)
    with pytest.raises(NameNotFound):
        tcp.listen("no-such-host.invalid:1")


@pytest.mark.parametrize("host", ["a..b", "x" * 70])
def test_what_is_no_host_name_is_invalid(host: str) -> None:
    with pytest.raises(NameInvalid, match="is no host name"):
        tcp.connect((host, 1), WATCHDOG)
    with pytest.raises(NameInvalid, match="is no host name"):
        tcp.listen((host, 0))


def test_a_taken_port_is_a_collision(listener: tcp.TcpListener) -> None:
    with pytest.raises(NameCollision):
        tcp.listen(listener.address)


def test_an_address_of_another_machine_cannot_be_listened_on() -> None:
    with pytest.raises(NameInvalid):
        tcp.listen("192.0.2.1:0")


def test_a_dead_peer_is_noticed_as_soon_as_is_asked_for() -> None:
    listener = tcp.listen(("127.0.0.1", 0), keepalive=6)
    client = tcp.connect(listener.address, WATCHDOG, keepalive=0)
    server = listener.accept(WATCHDOG)
    with socket.socket(fileno=socket.dup(server.fileno())) as twin:
        names = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT)
        assert [twin.getsockopt(socket.IPPROTO_TCP, name) for name in names] == [3, 1, 3, 6000]
    with socket.socket(fileno=socket.dup(client.fileno())) as twin:
        assert not twin.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    for end in (client, server, listener):
        end.close()


def test_small_messages_are_not_held_back_and_dead_peers_are_noticed(listener: tcp.TcpListener) -> None:
    client = tcp.connect(listener.address, WATCHDOG)
    server = listener.accept(WATCHDOG)
    for end in (client, server):
        with socket.socket(fileno=socket.dup(end.fileno())) as twin:
            assert twin.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert twin.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert twin.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 15
        end.close()


def test_a_stream_that_was_cut_short_is_closed(listener: tcp.TcpListener) -> None:
    client = tcp.connect(listener.address, WATCHDOG)
    server = listener.accept(WATCHDOG)
    with pytest.raises(TimedOut):
        client.send(bytes(64 << 20), 0.05)
    with pytest.raises(Disconnected):
        client.send(b"more")
    server.close()


def test_a_sender_does_not_wait_for_ever_behind_another(listener: tcp.TcpListener) -> None:
    client = tcp.connect(listener.address, WATCHDOG)
    server = listener.accept(WATCHDOG)
    with client._sending, pytest.raises(TimedOut):
        client.send(b"x", 0.01)
    client.send(b"y")
    assert server.receive(WATCHDOG) == b"y"
    client.close()
    server.close()


def test_closing_with_unread_octets_does_not_lose_what_was_sent(listener: tcp.TcpListener) -> None:
    client = tcp.connect(listener.address, WATCHDOG)
    server = listener.accept(WATCHDOG)
    client.send(bytes(100_000))
    assert select.select([server.fileno()], [], [], WATCHDOG)[0]
    server.send(b"the reason why")
    server.close()
    assert client.receive(WATCHDOG) == b"the reason why"
    client.close()


def test_a_reset_is_an_end(listener: tcp.TcpListener) -> None:
    raw = socket.create_connection(tcp.parse_address(listener.address))
    server = listener.accept(WATCHDOG)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.close()
    assert server.receive(WATCHDOG) == b""
    server.close()


def test_a_client_that_reset_before_it_was_accepted_is_accepted_as_ended(listener: tcp.TcpListener) -> None:
    raw = socket.create_connection(tcp.parse_address(listener.address))
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.close()
    server = listener.accept(WATCHDOG)
    assert server.receive(WATCHDOG) == b""
    server.close()


def test_a_connection_reset_at_once_is_refused(
    monkeypatch: pytest.MonkeyPatch, open_descriptors: Callable[[], int]
) -> None:
    monkeypatch.setattr(tcp.socket, "create_connection", lambda address, timeout: socket.socket())
    before = open_descriptors()
    with pytest.raises(ConnectFailed):  # getpeername says ENOTCONN
        tcp.connect("127.0.0.1:1")
    assert open_descriptors() == before


def test_a_connection_to_itself_is_none(monkeypatch: pytest.MonkeyPatch, open_descriptors: Callable[[], int]) -> None:
    class Narcissus(socket.socket):
        def getpeername(self) -> tuple[str, int]:
            name: tuple[str, int] = self.getsockname()
            return name

    monkeypatch.setattr(tcp.socket, "create_connection", lambda address, timeout: Narcissus())
    before = open_descriptors()
    with pytest.raises(ConnectFailed):
        tcp.connect("127.0.0.1:1")
    assert open_descriptors() == before


def test_a_stream_that_is_drained_is_over_when_its_peer_has_closed_it(listener: tcp.TcpListener) -> None:
    client = tcp.connect(listener.address)
    server = listener.accept(WATCHDOG)
    server.drain()
    assert server.receive(WATCHDOG) == b""
    assert not server.over()
    client.send(b"late")
    until(lambda: server.receive_now() == b"late")
    assert not server.over()
    client.close()
    until(server.over)
    server.close()
    assert server.over()


def test_a_listener_that_is_closed_keeps_its_descriptor_from_the_thread_that_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Or the thread would wait for whatever has the number next."""
    listener, waits, goes_on = tcp.listen(), threading.Event(), threading.Event()
    wait = sockets.wait_readable

    def late(descriptor: int, timeout: float | None, bell: int = -1) -> bool:
        waits.set()
        assert goes_on.wait(WATCHDOG)
        return wait(descriptor, timeout, bell)

    monkeypatch.setattr(sockets, "wait_readable", late)
    monkeypatch.setattr(sockets, "WAKING", WATCHDOG)
    with ThreadPoolExecutor(2) as threads:
        accepting = threads.submit(listener.accept, None)
        assert waits.wait(WATCHDOG)
        descriptor = listener.fileno()
        closing = threads.submit(listener.close)
        with pytest.raises(TimeoutError):
            closing.result(0.05)
        assert listener.fileno() == descriptor
        goes_on.set()
        assert isinstance(accepting.exception(WATCHDOG), Disconnected)
        closing.result(WATCHDOG)
    assert listener.fileno() == -1
