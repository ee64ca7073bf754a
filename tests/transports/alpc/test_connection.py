from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from lrpc.transports import alpc, pipe, unix
from lrpc.transports.alpc import CommunicationPort, ConnectionPort, PortAttributes
from lrpc.transports.alpc.messages import message as wire
from lrpc.transports.alpc.messages.port_attributes import MAX_CONNECTION_DATA, pack_terms
from lrpc.transports.errors import (
    AccessDenied,
    BadFrame,
    ConnectionRefused,
    Disconnected,
    MessageTooLong,
    NameCollision,
    NameNotFound,
    ServerSidMismatch,
    TimedOut,
)
from lrpc.transports.namespace import current
from lrpc.transports.seam import Peer
from lrpc.transports.security import SddlError, SidError, impersonate

WATCHDOG = 20.0
NAME = "\\RPC Control\\calc"
OTHER_USER = os.geteuid() + 4711


@pytest.fixture
def port() -> Iterator[ConnectionPort]:
    port = alpc.create_port("calc")
    yield port
    port.close()


def raw_client() -> socket.socket:
    """A client that has connected and says nothing."""
    return current(alpc.DIRECTORY).connect("calc", None, WATCHDOG)


def asking(threads: ThreadPoolExecutor, **options: object) -> Future[CommunicationPort]:
    return threads.submit(alpc.connect, "calc", WATCHDOG, **options)  # type: ignore[arg-type]


# Asking and answering


def test_both_sides_say_something_while_connecting(port: ConnectionPort, threads: ThreadPoolExecutor) -> None:
    connecting = asking(threads, data=b"let me in")
    request = port.listen(WATCHDOG)
    assert request.data == b"let me in"
    assert (request.peer.pid, request.peer.uid, request.peer.address) == (os.getpid(), os.geteuid(), NAME)
    server = request.accept(b"welcome", context={"client": 1})
    client = connecting.result(WATCHDOG)
    assert (client.connection_data, server.connection_data) == (b"welcome", b"let me in")
    assert server.context == {"client": 1}
    assert client.context is None
    client.close()
    server.close()


def test_a_refusal_carries_the_reason(port: ConnectionPort, threads: ThreadPoolExecutor) -> None:
    connecting = asking(threads)
    port.listen(WATCHDOG).refuse(b"closed on Sundays")
    with pytest.raises(ConnectionRefused) as refused:
        connecting.result(WATCHDOG)
    assert refused.value.data == b"closed on Sundays"
    assert refused.value.status == 0xC0000041


def test_a_client_that_left_cannot_be_accepted_and_need_not_be_refused(port: ConnectionPort) -> None:
    for verdict in ("accept", "refuse", "close"):
        with raw_client() as client:
            client.send(pack_terms(alpc.LPC_CONNECTION_REQUEST, 0, PortAttributes(), b""))
        request = port.listen(WATCHDOG)
        if verdict == "accept":
            with pytest.raises(Disconnected):
                request.accept()
        else:
            getattr(request, verdict)()


def test_a_server_that_goes_away_is_a_refusal(threads: ThreadPoolExecutor) -> None:
    port = alpc.create_port("calc")
    connecting = asking(threads)
    request = port.listen(WATCHDOG)
    request.close()
    with pytest.raises(ConnectionRefused):
        connecting.result(WATCHDOG)
    connecting = asking(threads)
    assert select.select([port.fileno()], [], [], WATCHDOG)[0]
    port.close()
    with pytest.raises(ConnectionRefused):
        connecting.result(WATCHDOG)


def test_a_server_that_does_not_answer_times_out(port: ConnectionPort) -> None:
    with pytest.raises(TimedOut):
        alpc.connect("calc", 0.02)


def test_too_much_to_say_is_refused(port: ConnectionPort, threads: ThreadPoolExecutor) -> None:
    with pytest.raises(MessageTooLong):
        alpc.connect("calc", WATCHDOG, data=bytes(MAX_CONNECTION_DATA + 1))
    connecting = asking(threads, data=bytes(MAX_CONNECTION_DATA))
    server = port.accept(WATCHDOG)
    assert len(server.connection_data) == MAX_CONNECTION_DATA
    connecting.result(WATCHDOG).close()
    server.close()


def test_each_side_keeps_to_the_others_limits(threads: ThreadPoolExecutor) -> None:
    port = alpc.create_port("calc", attributes=PortAttributes(max_message_length=512, max_section_size=1 << 20))
    connecting = asking(threads)
    server = port.accept(WATCHDOG)
    client = connecting.result(WATCHDOG)
    assert client.max_message == 472
    assert server.max_message == alpc.MAX_DATA
    with pytest.raises(MessageTooLong):
        client.send_message(bytes(473))
    for end in (client, server):
        with pytest.raises(MessageTooLong):
            end.allocate((1 << 20) + 1)
        end.close()
    port.close()


# Clients that misbehave


def test_a_silent_client_holds_up_nobody(port: ConnectionPort, threads: ThreadPoolExecutor) -> None:
    with raw_client(), raw_client():
        connecting = asking(threads)
        port.accept(WATCHDOG).close()
        connecting.result(WATCHDOG).close()


def test_a_silent_client_is_dropped_when_its_time_is_over(threads: ThreadPoolExecutor) -> None:
    port = alpc.create_port("calc", attributes=PortAttributes(handshake_timeout=0.02))
    accepting = threads.submit(port.accept)
    with raw_client() as silent:
        silent.settimeout(WATCHDOG)
        assert silent.recv(1) == b""
    port.close()
    with pytest.raises(Disconnected):
        accepting.result(WATCHDOG)


def test_of_too_many_silent_clients_the_oldest_is_dropped(threads: ThreadPoolExecutor) -> None:
    port = alpc.create_port("calc", attributes=PortAttributes(max_pending=3))
    silent = []
    for _ in range(5):
        silent.append(raw_client())
        assert port.listen_now() is None
    connecting = asking(threads)
    port.accept(WATCHDOG).close()
    connecting.result(WATCHDOG).close()
    dropped = []
    for client in silent:
        client.setblocking(False)
        try:
            dropped.append(client.recv(1) == b"")
        except BlockingIOError:
            dropped.append(False)
        client.close()
    assert dropped[:2] == [True, True]
    assert not dropped[-1]
    port.close()


GOOD = pack_terms(alpc.LPC_CONNECTION_REQUEST, 0, PortAttributes(), b"data")


def terms(status: int, length: int, section: int, kind: int = alpc.LPC_CONNECTION_REQUEST) -> bytes:
    return wire.pack(kind, 1, struct.pack("<IIQQQII", status, length, *3 * [section], 0, 0))


@pytest.mark.parametrize(
    "frame",
    [
        *(GOOD[:length] for length in range(len(GOOD))),
        terms(0, 40, 0),
        terms(0, 0, 0),
        terms(0, 65536, 0),
        terms(0, 65535, 0, alpc.LPC_CONNECTION_REPLY),
        terms(0, 65535, 0, alpc.LPC_REQUEST),
        wire.pack(alpc.LPC_CONNECTION_REQUEST, 1, bytes(39)),
        wire.pack(alpc.LPC_CONNECTION_REQUEST, 1, GOOD[48:], wire.ViewAttribute(0, 1, 0, 1)),
        wire.pack(alpc.LPC_CONNECTION_REQUEST, 1, struct.pack("<IIQQQII", 0, 65535, 0, 0, 0, 0, 0) + bytes(4097)),
        bytes(200_000),
    ],
    ids=lambda frame: f"{len(frame)} octets",
)
def test_a_client_that_talks_nonsense_is_dropped(port: ConnectionPort, frame: bytes) -> None:
    with raw_client() as client:
        client.settimeout(WATCHDOG)
        client.send(frame)
        with pytest.raises(TimedOut):
            port.listen(0.01)
        try:
            assert client.recv(1) == b""
        except ConnectionResetError:
            assert client.recv(1) == b""


@pytest.mark.parametrize("length", [0, 10, 47, 48, 71])
def test_a_server_that_talks_nonsense_is_a_bad_frame(threads: ThreadPoolExecutor, length: int) -> None:
    claim = current(alpc.DIRECTORY).claim("calc")
    listening = claim.listen(0o600, 1)
    connecting = asking(threads)
    accepted, _ = listening.accept()
    answer = pack_terms(alpc.LPC_CONNECTION_REPLY, 0, PortAttributes(), b"")
    accepted.send(answer[:length])
    with pytest.raises(BadFrame if length else ConnectionRefused):
        connecting.result(WATCHDOG)
    for one in (accepted, listening, claim):
        one.close()


def test_everything_a_failed_connect_held_is_given_back(
    port: ConnectionPort, open_descriptors: Callable[[], int]
) -> None:
    before = open_descriptors()
    for _ in range(3):
        with pytest.raises(TimedOut):
            alpc.connect("calc", 0.001)
    for _ in range(3):  # what they asked is still there, though they are gone
        port.listen(WATCHDOG).close()
    assert open_descriptors() == before


def test_several_threads_may_accept(port: ConnectionPort, threads: ThreadPoolExecutor) -> None:
    accepting = [threads.submit(port.accept, WATCHDOG) for _ in range(3)]
    clients = [asking(threads) for _ in range(3)]
    for one in (*accepting, *clients):
        one.result(WATCHDOG).close()


def test_closing_wakes_every_acceptor_and_drops_who_waits(threads: ThreadPoolExecutor) -> None:
    port = alpc.create_port("calc")
    started = threading.Barrier(4)

    def accept() -> None:
        started.wait(WATCHDOG)
        port.accept()

    accepting = [threads.submit(accept) for _ in range(3)]
    started.wait(WATCHDOG)
    with raw_client() as silent:
        silent.settimeout(WATCHDOG)
        port.close()
        port.close()
        for one in accepting:
            with pytest.raises(Disconnected):
                one.result(WATCHDOG)
        with contextlib.suppress(ConnectionResetError):
            assert silent.recv(1) == b""
    assert port.fileno() == -1
    assert "closed" in repr(port)


# Who may


@pytest.mark.parametrize(
    ("sddl", "admitted"),
    [
        (None, False),
        ("D:(A;;GA;;;WD)", True),
        ("D:(D;;CC;;;WD)(A;;GA;;;WD)", False),
        ("D:", False),
        (f"D:(A;;CC;;;S-1-22-1-{OTHER_USER})", True),
        (f"D:(A;;CC;;;S-1-22-2-{OTHER_USER})", True),
    ],
)
def test_another_user_is_admitted_by_the_security_descriptor_only(
    sddl: str | None,
    admitted: bool,
    threads: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port = alpc.create_port("calc", security=sddl)
    monkeypatch.setattr(unix, "peer_of", lambda sock, address: Peer(1, OTHER_USER, OTHER_USER, (), address))
    connecting = asking(threads, server_sid="S-1-1-0")
    if admitted:
        server = port.accept(WATCHDOG)
        assert server.peer.uid == OTHER_USER
        connecting.result(WATCHDOG).close()
        server.close()
    else:
        accepting = threads.submit(port.accept, WATCHDOG)
        with pytest.raises(AccessDenied):
            connecting.result(WATCHDOG)
        port.close()
        with pytest.raises(Disconnected):
            accepting.result(WATCHDOG)
    port.close()


def test_accept_now_passes_over_whom_it_does_not_admit(threads: ThreadPoolExecutor) -> None:
    port = alpc.create_port("calc", security="D:")
    connecting = asking(threads)
    while not connecting.done():
        select.select([port.fileno()], [], [], 0.01)
        assert port.accept_now() is None
    with pytest.raises(AccessDenied):
        connecting.result(WATCHDOG)
    port.close()


@pytest.mark.parametrize(("sddl", "mode"), [(None, 0o600), ("D:(A;;GA;;;WD)", 0o666), ("D:(A;;GA;;;SY)", 0o600)])
def test_the_mode_of_the_socket_follows(own_namespace: Path, sddl: str | None, mode: int) -> None:
    port = alpc.create_port("calc", security=sddl)
    (path,) = own_namespace.rglob("*.socket")
    assert path.stat().st_mode & 0o777 == mode
    port.close()


def test_a_server_of_an_unexpected_user_is_refused(port: ConnectionPort, threads: ThreadPoolExecutor) -> None:
    with pytest.raises(ServerSidMismatch):
        alpc.connect("calc", WATCHDOG, server_sid=f"S-1-22-1-{OTHER_USER}")
    connecting = asking(threads, server_sid=f"S-1-22-1-{os.geteuid()}")
    port.accept(WATCHDOG).close()
    connecting.result(WATCHDOG).close()
    with pytest.raises(SidError):
        alpc.connect("calc", WATCHDOG, server_sid="somebody")


def test_a_server_that_is_not_who_made_the_socket_is_refused_before_anything_is_said(
    port: ConnectionPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unix, "peer_of", lambda sock, address: Peer(1, OTHER_USER, OTHER_USER, (), address))
    with pytest.raises(ServerSidMismatch):
        alpc.connect("calc", WATCHDOG)
    assert port.listen_now() is None


def test_behind_a_socket_of_roots_it_is_the_service_that_has_to_be_the_user(
    port: ConnectionPort, threads: ThreadPoolExecutor, as_other: object, own_namespace: Path
) -> None:
    def accept() -> CommunicationPort:
        with impersonate(Peer(os.getpid(), 1001, 1001)):  # as a service that was given the socket
            return port.accept(WATCHDOG)

    connecting = asking(threads)
    threads.submit(accept).result(WATCHDOG).close()
    with pytest.raises(ServerSidMismatch):
        connecting.result(WATCHDOG)
    [made] = own_namespace.rglob("*.socket")
    os.chown(made, 1001, 1001)  # what SocketUser= of systemd does
    connecting = asking(threads, server_sid="S-1-22-1-1001")
    accepted = threads.submit(accept).result(WATCHDOG)
    connecting.result(WATCHDOG).close()
    accepted.close()


def test_security_that_is_not_understood_creates_no_port() -> None:
    with pytest.raises(SddlError):
        alpc.create_port("calc", security="everybody")
    with pytest.raises(NameNotFound):
        alpc.connect("calc", WATCHDOG)


# Names


def test_ports_and_pipes_have_names_of_their_own(port: ConnectionPort) -> None:
    other = pipe.listen("calc")
    assert alpc.list_ports() == ["calc"]
    with pytest.raises(NameCollision):
        alpc.create_port("\\rpc control\\CALC")
    other.close()


def test_a_full_name_may_be_anywhere(threads: ThreadPoolExecutor) -> None:
    port = alpc.create_port("\\Sessions\\1\\Windows\\ApiPort")
    connecting = threads.submit(alpc.connect, "\\sessions\\1\\windows\\apiport", WATCHDOG)
    port.accept(WATCHDOG).close()
    connecting.result(WATCHDOG).close()
    assert alpc.list_ports("\\Sessions\\1\\Windows") == ["ApiPort"]
    port.close()


def test_a_port_that_could_not_listen_gives_its_name_back(own_namespace: Path) -> None:
    alpc.create_port("calc").close()
    obstacle = own_namespace / "rpc%20control" / "calc.socket"
    obstacle.touch()
    with pytest.raises(NameCollision):
        alpc.create_port("calc")
    obstacle.unlink()
    alpc.create_port("calc").close()


def test_another_process_serves_and_is_known(run_child: Callable[..., object]) -> None:
    source = (
        "from lrpc.transports import alpc\n"
        "port = alpc.create_port('calc')\nprint('ready', flush=True)\n"
        "client = port.accept(20)\n"
        "while (m := client.receive_message(20)).type != alpc.LPC_PORT_CLOSED:\n"
        "    view = client.allocate(len(m.view)); view.buffer[:] = m.view\n"
        "    client.send_message(m.data, m.message_id, alpc.LPC_REPLY, view)\n"
    )
    child = run_child(source)
    assert child.stdout.readline() == b"ready\n"
    client = alpc.connect("calc", WATCHDOG)
    assert client.peer.pid == child.pid
    for size in (1, 100_000, 10 << 20):
        view = client.allocate(size)
        view.buffer[:] = b"v" * size
        number = client.send_message(b"data", view=view)
        reply = client.receive_message(WATCHDOG)
        assert (reply.type, reply.message_id, reply.data) == (alpc.LPC_REPLY, number, b"data")
        assert reply.view == b"v" * size
        client.release(reply)
    child.kill()
    assert client.receive_message(WATCHDOG).type == alpc.LPC_PORT_CLOSED
    client.close()
