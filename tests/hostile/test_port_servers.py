"""Ports that break LRPC, against a client in each face: a typed error, in time, and nobody else's answer."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import lrpc
from lrpc.runtime import ncalrpc
from lrpc.runtime.ncalrpc import messages
from lrpc.runtime.status import Ran
from lrpc.transports import alpc

WATCHDOG = 20.0
SHORT = 0.5
SUM = struct.pack("<I", 5)
"""What Add(2, 3) gives."""


@pytest.fixture(params=["blocking", "asyncio"])
def connect(request: pytest.FixtureRequest, clients_of: Any) -> Any:
    return clients_of(request.param)


class Port:
    """The honest half of a server on ALPC."""

    def __init__(self, port: Any) -> None:
        self.port = port
        self.association = ncalrpc.ServerAssociation()

    def bind_answer(self) -> tuple[int, bytes]:
        message = self._message()
        event = self.association.receive(message.data)
        assert isinstance(event, ncalrpc.BindRequested)
        return message.message_id, self.association.accept(event)

    def bound(self) -> Port:
        message_id, data = self.bind_answer()
        self.say(data, message_id)
        return self

    def call_id(self) -> int:
        return int(self._message().message_id)

    def say(self, data: bytes, message_id: int, kind: int = alpc.LPC_REPLY) -> None:
        self.port.send_message(data, message_id, kind, None, WATCHDOG)

    def wait(self) -> None:
        while self.port.receive_message(WATCHDOG).type != alpc.LPC_PORT_CLOSED:
            continue

    def _message(self) -> alpc.PortMessage:
        message: alpc.PortMessage = self.port.receive_message(WATCHDOG)
        if message.type == alpc.LPC_PORT_CLOSED:
            raise lrpc_disconnected()
        return message


def lrpc_disconnected() -> Exception:
    from lrpc.transports.errors import Disconnected

    return Disconnected("the client has gone")


def plain(call_id: int, stub: bytes = SUM) -> bytes:
    return messages.pack_response(call_id) + stub


def test_an_honest_port_is_understood(connect: Any, liars: Any) -> None:
    def script(connection: Any) -> None:
        server = Port(connection).bound()
        while True:
            call_id = server.call_id()
            server.say(plain(call_id), call_id)

    client = connect(liars("ncalrpc", script).binding)
    assert [client.Add(2, 3) for _ in range(5)] == [5] * 5


def test_an_answer_to_a_bind_that_is_cut_is_a_protocol_error(connect: Any, liars: Any) -> None:
    cuts: Iterator[int] = itertools.count(1)

    def script(connection: Any) -> None:
        server = Port(connection)
        message_id, data = server.bind_answer()
        server.say(data[: next(cuts)], message_id)
        server.wait()

    liar = liars("ncalrpc", script)
    for _ in range(1, 72):
        with pytest.raises(lrpc.ProtocolError) as caught:
            connect(liar.binding, policy=lrpc.Policy(retries=0))
        assert caught.value.ran is Ran.NO


def test_a_port_that_closes_instead_of_answering_a_bind_is_unavailable(connect: Any, liars: Any) -> None:
    def script(connection: Any) -> None:
        Port(connection).bind_answer()
        connection.close()

    with pytest.raises(lrpc.ServerUnavailable, match="the server closed the port") as caught:
        connect(liars("ncalrpc", script).binding)
    assert caught.value.ran is Ran.NO


def test_a_message_cut_anywhere_is_a_typed_error(connect: Any, liars: Any) -> None:
    cuts: Iterator[int] = itertools.count()

    def script(connection: Any) -> None:
        server = Port(connection).bound()
        call_id = server.call_id()
        server.say(plain(call_id)[: next(cuts)], call_id)
        server.wait()

    liar = liars("ncalrpc", script)
    for cut in range(28):
        with connect(liar.binding) as client, pytest.raises(lrpc.ProtocolError) as caught:
            client.Add(2, 3)
        assert caught.value.ran is (Ran.UNKNOWN if cut < 24 else Ran.YES)


@pytest.mark.parametrize("wrong", [1, 77, 0xFFFFFF00])
def test_a_reply_to_another_message_is_nobody_s(connect: Any, liars: Any, wrong: int) -> None:
    def script(connection: Any) -> None:
        server = Port(connection).bound()
        call_id = server.call_id()
        server.say(plain(call_id + wrong & 0xFFFFFFFF), call_id + wrong & 0xFFFFFFFF)
        server.wait()

    client = connect(liars("ncalrpc", script).binding, timeout=SHORT)
    with pytest.raises((lrpc.DeadlineExceeded, lrpc.ProtocolError)) as caught:
        client.Add(2, 3)
    assert caught.value.ran is Ran.UNKNOWN


def test_a_reply_with_two_numbers_ends_the_connection(connect: Any, liars: Any) -> None:
    def script(connection: Any) -> None:
        server = Port(connection).bound()
        call_id = server.call_id()
        server.say(plain(call_id + 1), call_id)
        server.wait()

    client = connect(liars("ncalrpc", script).binding)
    with pytest.raises((lrpc.ProtocolError, lrpc.ConnectionLost)):
        client.Add(2, 3)
    with pytest.raises((lrpc.ProtocolError, lrpc.ConnectionLost)):
        client.Add(2, 3)


@pytest.mark.parametrize("kind", [alpc.LPC_REQUEST, alpc.LPC_DATAGRAM, alpc.LPC_CANCELED, alpc.LPC_LOST_REPLY])
def test_a_flood_of_what_nobody_asked_for_ends_in_time(connect: Any, liars: Any, kind: int) -> None:
    def script(connection: Any) -> None:
        server = Port(connection).bound()
        server.call_id()
        while True:
            server.say(plain(7777), 7777, kind)

    client = connect(liars("ncalrpc", script).binding, timeout=SHORT)
    with pytest.raises((lrpc.DeadlineExceeded, lrpc.ProtocolError)):
        client.Add(2, 3)
    client.close()


def test_a_flood_of_replies_to_nobody_ends_in_time(connect: Any, liars: Any) -> None:
    def script(connection: Any) -> None:
        server = Port(connection).bound()
        server.call_id()
        while True:
            server.say(plain(7777), 7777)

    client = connect(liars("ncalrpc", script).binding, timeout=SHORT)
    for _ in range(3):
        with pytest.raises((lrpc.DeadlineExceeded, lrpc.ProtocolError, lrpc.ConnectionLost)):
            client.Add(2, 3)
    client.close()


def test_replies_in_views_to_nobody_give_their_memory_back(connect: Any, liars: Any) -> None:
    size, sent = 1 << 20, 300  # several times what a section holds

    def script(connection: Any) -> None:
        server = Port(connection).bound()
        call_id = server.call_id()
        flags = messages.RequestFlag.VIEW_PRESENT
        for _ in range(sent):
            view = connection.allocate(size)
            data = messages.pack_response(7777, flags) + messages.pack_large(size)
            connection.send_message(data, 7777, alpc.LPC_REPLY, view, WATCHDOG)
            while view.section.free_size < 16 << 20:
                connection.receive_message_now()
        server.say(plain(call_id), call_id)
        server.wait()

    client = connect(liars("ncalrpc", script).binding)
    assert client.Add(2, 3) == 5


@pytest.mark.parametrize("lie", ["no view", "size", "endless"])
def test_views_that_lie_end_the_connection(connect: Any, liars: Any, lie: str) -> None:
    def script(connection: Any) -> None:
        server = Port(connection).bound()
        call_id = server.call_id()
        claimed = {"no view": 4, "size": 5000, "endless": 0xFFFFFFFF}[lie]
        data = messages.pack_response(call_id, messages.RequestFlag.VIEW_PRESENT) + messages.pack_large(claimed)
        view = None if lie == "no view" else connection.allocate(4096)
        connection.send_message(data, call_id, alpc.LPC_REPLY, view, WATCHDOG)
        server.wait()

    client = connect(liars("ncalrpc", script).binding)
    with pytest.raises((lrpc.ProtocolError, lrpc.ConnectionLost)) as caught:
        client.Add(2, 3)
    assert caught.value.ran is Ran.UNKNOWN


def test_changed_messages_are_answers_or_typed_errors(connect: Any, liars: Any, mutate: Callable[..., Any]) -> None:
    changed = mutate(plain(1), 150, 4)

    def script(connection: Any) -> None:
        server = Port(connection).bound()
        call_id = server.call_id()
        server.say(next(changed), call_id)
        connection.close()

    liar = liars("ncalrpc", script)
    for _ in range(150):
        client = connect(liar.binding)
        try:
            client.Add(2, 3)
        except lrpc.RpcError as error:
            assert error.ran in tuple(Ran)
        client.close()
