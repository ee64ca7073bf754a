"""Data entries of requests between ports, by each of the three ways."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lrpc.transports import alpc
from lrpc.transports.alpc.memory import process_memory
from lrpc.transports.alpc.memory.direct import MAX_PULL
from lrpc.transports.alpc.messages import message as wire
from lrpc.transports.alpc.messages.attributes import AttributeBlock, ContextAttribute
from lrpc.transports.alpc.messages.port_message import LPC_DATAGRAM, LPC_REQUEST, PortMessageHeader
from lrpc.transports.alpc.received import Message, State
from lrpc.transports.errors import (
    AccessDenied,
    Canceled,
    Disconnected,
    InvalidParameter,
    MessageTooLong,
    ReplyMismatch,
    TimedOut,
)

WATCHDOG = 20.0


class Forbidding:
    """A kernel without process_vm_readv."""

    def process_vm_readv(self, *arguments: object) -> int:
        return -1

    process_vm_writev = process_vm_readv


@pytest.fixture(params=["asking", "process_vm", "descriptor"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param != "process_vm":
        monkeypatch.setattr(process_memory, "_libc", Forbidding())
    return str(request.param)


@pytest.fixture
def server() -> Iterator[Any]:
    port = alpc.create_port("direct")
    yield port
    port.close()


@pytest.fixture
def connected(server: Any, threads: ThreadPoolExecutor) -> Iterator[Callable[[], Any]]:
    """Connects clients, which are closed at the end."""
    made: list[Any] = []

    def connect() -> Any:
        connecting: Future[Any] = threads.submit(alpc.connect, "direct", WATCHDOG)
        server.receive(WATCHDOG).accept()
        made.append(connecting.result(WATCHDOG))
        return made[-1]

    yield connect
    for client in made:
        client.close()


@pytest.fixture
def client(connected: Callable[[], Any], way: str) -> Any:
    """A client whose server gets at its memory that way."""
    made = connected()
    if way == "descriptor":
        made.grant_memory()
    return made


Asking = Callable[..., Future[Any]]


@pytest.fixture
def asking(threads: ThreadPoolExecutor) -> Asking:
    """A request in a thread of its own."""

    def ask(client: Any, data: bytes = b"", **named: Any) -> Future[Any]:
        return threads.submit(lambda: client.request(data, **named))

    return ask


def asked_of(message: Any, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The pull messages that are sent from now on."""
    pulls: list[bytes] = []
    kind = type(message._origin)
    pull = kind.pull

    def noted(self: Any, message: Any, timeout: float | None, asked: bytes) -> Any:
        pulls.append(asked)
        return pull(self, message, timeout, asked)

    monkeypatch.setattr(kind, "pull", noted)
    return pulls


def wait_for(server: Any, kind: int) -> None:
    """Takes messages until one of a type has come."""
    while (message := server.receive(WATCHDOG)).type != kind:
        message.release()
    message.release()


def test_a_server_reads_one_entry_and_writes_another(
    server: Any, client: Any, asking: Asking, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = os.urandom(3 * MAX_PULL), bytearray(10)
    pending = asking(client, b"data", entries=[source, target])
    message = server.receive(WATCHDOG)
    pulls = asked_of(message, monkeypatch)
    assert message.data == b"data"
    assert message.read(0) == source
    assert message.read(0, 5, 10) == source[5:15]
    message.write(1, b"written", 2)
    assert bool(pulls) is (way == "asking")
    message.reply(b"done")
    assert pending.result(WATCHDOG).data == b"done"
    assert target == b"\0\0written\0"


def test_what_is_not_offered_is_refused(server: Any, client: Any, asking: Asking) -> None:
    pending = asking(client, entries=[b"0123456789", bytearray(4)])
    message = server.receive(WATCHDOG)
    for index, offset, size in ((2, 0, 1), (0, 0, 11), (0, 11, 0), (1, 3, 2)):
        with pytest.raises(InvalidParameter):
            message.read(index, offset, size)
    with pytest.raises(InvalidParameter):
        message.write(1, b"12345")
    with pytest.raises(AccessDenied):
        message.write(0, b"x")
    message.reply()
    pending.result(WATCHDOG)


def test_entries_go_with_the_reply(server: Any, client: Any, asking: Asking) -> None:
    pending = asking(client, entries=[bytearray(4)])
    message = server.receive(WATCHDOG)
    message.reply()
    pending.result(WATCHDOG)
    for use in (lambda: message.read(0), lambda: message.write(0, b"late")):
        with pytest.raises(ReplyMismatch):
            use()


def test_another_connection_does_not_reach_them(
    server: Any, client: Any, connected: Callable[[], Any], asking: Asking
) -> None:
    stranger = connected()
    waiting = [asking(client, b"a", entries=[b"secret"]), asking(stranger, b"b", entries=[b"other"])]
    messages = {message.data: message for message in (server.receive(WATCHDOG), server.receive(WATCHDOG))}
    forged = Message(messages[b"b"]._origin, LPC_REQUEST, 0x7FFF0000, state=State.HELD)
    with pytest.raises(ReplyMismatch):
        forged._origin.pull(forged, WATCHDOG, b"")
    forged.state = State.OVER
    assert messages[b"b"].read(0) == b"other"
    for message in messages.values():
        message.reply()
    for pending in waiting:
        pending.result(WATCHDOG)


def test_a_message_without_entries_has_none(server: Any, client: Any, asking: Asking) -> None:
    pending = asking(client, b"plain")
    message = server.receive(WATCHDOG)
    with pytest.raises(InvalidParameter):
        message.read(0)
    message.reply()
    pending.result(WATCHDOG)
    client.datagram(b"datagram")
    with pytest.raises(ReplyMismatch):
        server.receive(WATCHDOG).read(0)


def test_who_may_stop_waiting_is_asked_before_it_is_written_to(
    server: Any, client: Any, asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = bytearray(4)
    pending = asking(client, entries=[target], timeout=WATCHDOG)
    message = server.receive(WATCHDOG)
    pulls = asked_of(message, monkeypatch)
    message.write(0, b"asks")
    assert len(pulls) == 1
    message.reply()
    pending.result(WATCHDOG)
    assert target == b"asks"


def test_a_request_that_was_given_up_is_not_reached_any_more(server: Any, client: Any, asking: Asking) -> None:
    octets = bytearray(b"here")
    pending = asking(client, entries=[octets], timeout=0.5)
    message = server.receive(WATCHDOG)
    with pytest.raises(TimedOut):
        pending.result(WATCHDOG)
    wait_for(server, alpc.LPC_CANCELED)
    for use in (lambda: message.read(0), lambda: message.write(0, b"late")):
        with pytest.raises(Canceled):
            use()
    octets.append(1)  # nobody holds it


def test_a_client_that_is_gone_is_not_read(server: Any, client: Any, asking: Asking) -> None:
    pending = asking(client, entries=[b"here"])
    message = server.receive(WATCHDOG)
    client.close()
    wait_for(server, alpc.LPC_PORT_CLOSED)
    with pytest.raises(Canceled):
        message.read(0, timeout=WATCHDOG)
    with pytest.raises(Disconnected):
        pending.result(WATCHDOG)


def test_pulls_are_served_by_the_thread_that_waits(
    server: Any, connected: Callable[[], Any], threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_memory, "_libc", Forbidding())
    client = connected()
    served: list[int] = []
    serve = type(client.direct).serve

    def noted(self: Any, message_id: int, asked: bytes) -> Any:
        served.append(threading.get_ident())
        return serve(self, message_id, asked)

    monkeypatch.setattr(type(client.direct), "serve", noted)
    pending = threads.submit(lambda: (client.request(entries=[b"x"]), threading.get_ident()))
    message = server.receive(WATCHDOG)
    message.read(0)
    message.reply()
    assert served == [pending.result(WATCHDOG)[1]]


def test_pulls_and_callbacks_go_together(server: Any, client: Any, asking: Asking) -> None:
    pending = asking(client, entries=[b"first"], on_callback=lambda message: message.data + b"!")
    message = server.receive(WATCHDOG)
    assert message.read(0) == b"first"
    assert message.call_back(b"called", WATCHDOG).data == b"called!"
    assert message.read(0, 1) == b"irst"
    message.reply()
    pending.result(WATCHDOG)


def test_entries_that_do_not_fit_in_the_message_are_refused(server: Any, client: Any) -> None:
    with pytest.raises(MessageTooLong):
        client.request(bytes(65_490), entries=[b"x"])
    with pytest.raises(MessageTooLong):
        client.request(entries=[b"x"] * 65)


@pytest.mark.parametrize(
    ("kind", "callback", "offset", "data"),
    [
        (LPC_DATAGRAM, 0, 40, bytes(8 + 24)),
        (LPC_REQUEST, 5, 40, bytes(8 + 24)),
        (LPC_REQUEST, 0, 39, bytes(8 + 24)),
        (LPC_REQUEST, 0, 73, bytes(8 + 24)),
        (LPC_REQUEST, 0, 40, b"\xff" * (8 + 24)),
        (wire.DATA_PULL, 0, 0, bytes(24)),
    ],
)
def test_entries_where_none_belong_end_the_connection(
    server: Any, connected: Callable[[], Any], kind: int, callback: int, offset: int, data: bytes
) -> None:
    client = connected()
    block = AttributeBlock(context=ContextAttribute())
    header = PortMessageHeader(0, 0, kind, offset, 0, 0, 7, callback)
    client._socket.send(wire.compose(header, block, data))
    assert server.receive(WATCHDOG).type == alpc.LPC_PORT_CLOSED
    with pytest.raises(Disconnected):
        client.request(b"after", timeout=WATCHDOG)


@pytest.mark.parametrize("way", ["asking"], indirect=True)
@pytest.mark.parametrize("lent", ["file", "pipe", "memory of another"])
def test_a_descriptor_that_is_not_its_memory_is_never_read(
    server: Any, client: Any, asking: Asking, lent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"forged" * 100_000)
    reading, writing = os.pipe()
    descriptor = {
        "file": lambda: os.open(tmp_path / "file", os.O_RDWR),
        "pipe": lambda: os.dup(reading),
        "memory of another": lambda: os.open(f"/proc/{os.getppid()}/mem", os.O_RDONLY),
    }[lent]()
    monkeypatch.setattr(process_memory, "open_own_memory", lambda: descriptor)
    client.grant_memory()
    looked: list[int] = []
    monkeypatch.setattr(process_memory.GrantedMemory, "read", lambda self, address, into: looked.append(address))
    pending = asking(client, entries=[b"octets"])
    message = server.receive(WATCHDOG)
    assert message.read(0) == b"octets"
    assert not looked
    message.reply()
    pending.result(WATCHDOG)
    os.close(reading)
    os.close(writing)


def test_nothing_is_left_open(
    server: Any, connected: Callable[[], Any], asking: Asking, open_descriptors: Callable[[], int]
) -> None:
    connected()
    before = open_descriptors()
    for _ in range(5):
        client = connected()
        client.grant_memory()
        pending = asking(client, entries=[b"octets"])
        message = server.receive(WATCHDOG)
        assert message.read(0) == b"octets"
        message.reply()
        pending.result(WATCHDOG)
        client.close()
        wait_for(server, alpc.LPC_PORT_CLOSED)
        del message, pending, client
    assert open_descriptors() - before <= 5  # the clients that `connected` keeps


def test_data_entries_are_reached_only_as_long_as_the_request_waits(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    number = client.post(b"")
    posted = joined_port.server.receive(WATCHDOG)
    with pytest.raises(InvalidParameter):
        posted.read(0)
    client.cancel(number)
    joined_port.server.receive(WATCHDOG).release()
    with pytest.raises(Canceled):
        posted.read(0)
    client.post(b"")
    released = joined_port.server.receive(WATCHDOG)
    released.release()
    with pytest.raises(ReplyMismatch):
        released.read(0)


def test_what_was_read_while_the_request_ended_is_not_given(joined_port: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client, _ = joined_port.connect()
    asking = joined_port.call(client.request, entries=[b"what stood there"])
    message = joined_port.server.receive(WATCHDOG)

    def read_late(*_: object) -> bytes:
        message.reply()
        return b"what came to stand there since"

    monkeypatch.setattr(type(message.entries), "read", read_late)
    with pytest.raises(ReplyMismatch):
        message.read(0)
    asking.result(WATCHDOG)
