"""Clients that ask to be let in, through a server's one queue, and the verdict."""

from __future__ import annotations

import errno
import os
import threading
from typing import Any

import pytest

from lrpc.transports import alpc
from lrpc.transports.alpc.beside import Beside
from lrpc.transports.alpc.messages.message import pack
from lrpc.transports.errors import (
    ConnectionRefused,
    Disconnected,
    InvalidParameter,
    MessageTooLong,
    QuotaExceeded,
    ReplyMismatch,
    TimedOut,
)

WATCHDOG = 20.0


def test_both_sides_say_something_and_the_context_comes_with_every_message(joined_port: Any) -> None:
    connecting, request = joined_port.ask(data=b"let me in")
    assert (request.type, request.data, request.client_id[0]) == (
        alpc.LPC_CONNECTION_REQUEST,
        b"let me in",
        os.getpid(),
    )
    assert request.needs_release
    assert request.port is None
    port = request.accept(b"welcome", context={"client": 1})
    client = connecting.result(WATCHDOG)
    assert (client.connection_data, port.connection_data) == (b"welcome", b"let me in")
    client.datagram(b"hello")
    message = joined_port.server.receive(WATCHDOG)
    assert message.port_context == message.attributes.context.port_context == {"client": 1}
    client.close()


def test_a_refusal_carries_data_and_a_status_with_its_name(joined_port: Any) -> None:
    connecting, request = joined_port.ask()
    request.refuse(b"closed on Sundays", status=0xC0000044)
    with pytest.raises(ConnectionRefused) as refused:
        connecting.result(WATCHDOG)
    assert (refused.value.data, refused.value.status) == (b"closed on Sundays", 0xC0000044)
    assert refused.value.name == "QUOTA_EXCEEDED"


def test_a_verdict_is_given_once(joined_port: Any) -> None:
    connecting, request = joined_port.ask()
    request.accept()
    for verdict in (request.accept, request.refuse):
        with pytest.raises(ReplyMismatch):
            verdict()
    with pytest.raises(ReplyMismatch):
        request.reply(b"")
    client = connecting.result(WATCHDOG)
    client.post(b"")
    message = joined_port.server.receive(WATCHDOG)
    for verdict in (message.accept, message.refuse):
        with pytest.raises(ReplyMismatch):
            verdict()
    message.release()
    client.close()


def test_a_verdict_that_cannot_be_given_leaves_the_client_waiting(joined_port: Any) -> None:
    connecting, request = joined_port.ask()
    for verdict in (request.accept, request.refuse):
        with pytest.raises(MessageTooLong):
            verdict(bytes(5000))
        with pytest.raises(TypeError):
            verdict("text")
    for status in (0, -1, 1 << 32):  # 0 would let it in
        with pytest.raises(InvalidParameter):
            request.refuse(status=status)
    assert request.needs_release
    request.accept(b"at last")
    with connecting.result(WATCHDOG) as client:
        assert client.connection_data == b"at last"


def test_a_released_request_to_connect_is_a_refusal(joined_port: Any) -> None:
    connecting, request = joined_port.ask()
    request.release()
    with pytest.raises(ConnectionRefused):
        connecting.result(WATCHDOG)


def test_a_client_that_waited_too_long_is_found_canceled(joined_port: Any) -> None:
    connecting, request = joined_port.ask(0.2)
    with pytest.raises(TimedOut):
        connecting.result(WATCHDOG)
    notice = joined_port.server.receive(WATCHDOG)
    assert (notice.type, notice.message_id) == (alpc.LPC_CANCELED, request.message_id)
    notice.release()
    with pytest.raises(Disconnected):
        request.accept()
    assert not request.needs_release


def test_a_client_connects_without_waiting(joined_port: Any) -> None:
    client = alpc.connect(joined_port.name, WATCHDOG, data=b"hello", wait=False)
    with pytest.raises(TimedOut):
        client.receive(0.01)
    joined_port.server.receive(WATCHDOG).accept(b"welcome")
    reply = client.receive(WATCHDOG)
    assert (reply.type, reply.data) == (alpc.LPC_CONNECTION_REPLY, b"welcome")
    number = client.post(b"now")
    joined_port.server.receive(WATCHDOG).reply(b"then")
    assert client.receive(WATCHDOG).message_id == number
    client.close()


def test_a_client_that_did_not_wait_is_told_of_its_refusal(joined_port: Any) -> None:
    client = alpc.connect(joined_port.name, WATCHDOG, wait=False)
    joined_port.server.receive(WATCHDOG).refuse(b"no")
    for _ in range(2):
        with pytest.raises(ConnectionRefused) as refused:
            client.receive(WATCHDOG)
        assert refused.value.data == b"no"
    client.close()


def test_who_may_not_connect_never_comes_into_the_queue(own_namespace: object) -> None:
    server = alpc.create_port("closed", security="D:(D;;0x1;;;WD)")
    with pytest.raises(Exception, match="ACCESS_DENIED"):
        _connect_and_look(server)
    server.close()


def _connect_and_look(server: alpc.ConnectionPort) -> None:
    looking = threading.Thread(target=_look, args=(server,))
    looking.start()
    try:
        alpc.connect("closed", WATCHDOG)
    finally:
        looking.join()


def _look(server: alpc.ConnectionPort) -> None:
    with pytest.raises(TimedOut):
        server.receive(0.3)


def test_only_so_many_clients_wait_for_a_verdict(make_joined: Any) -> None:
    joined = make_joined(max_pending=2)
    waiting = []
    for _ in range(2):
        waiting.append(joined.call(alpc.connect, joined.name, WATCHDOG))
    requests = [joined.server.receive(WATCHDOG) for _ in range(2)]
    refused = joined.call(alpc.connect, joined.name, WATCHDOG)
    with pytest.raises(TimedOut):
        joined.server.receive(0.2)
    with pytest.raises(ConnectionRefused) as error:
        refused.result(WATCHDOG)
    assert error.value.status == QuotaExceeded.status
    for request in requests:
        request.accept()
    for one in waiting:
        one.result(WATCHDOG).close()


@pytest.mark.parametrize("known", [True, False])
def test_a_client_is_let_in_though_there_is_no_descriptor_for_its_process(
    joined_port: Any, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    def none_left(_: Beside) -> None:
        if known:
            raise OSError(errno.EMFILE, "none left")

    monkeypatch.setattr(Beside, "peer_pidfd", none_left)
    client, _ = joined_port.connect()
    client.datagram(b"in")
    assert joined_port.server.receive(WATCHDOG).data == b"in"
    client.close()
    assert joined_port.server.receive(WATCHDOG).type == alpc.LPC_PORT_CLOSED


def test_who_asks_to_be_let_in_is_heard_while_others_send(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    with alpc.connect(joined_port.name, WATCHDOG, wait=False) as other:
        client.datagram(b"beside")
        joined_port.server.queue_messages().queue.read_now()
        came = [joined_port.server.receive(WATCHDOG) for _ in range(len(joined_port.server.queue_messages().queue))]
        assert {message.type for message in came} == {alpc.LPC_DATAGRAM, alpc.LPC_CONNECTION_REQUEST}
        for message in came:
            message.release()
        with pytest.raises(ConnectionRefused):
            other.receive(WATCHDOG)


def test_who_goes_before_it_is_seen_has_not_been_there(joined_port: Any) -> None:
    queue = joined_port.server.queue_messages().queue
    with alpc.connect(joined_port.name, WATCHDOG, wait=False):
        queue.read_now()
        assert len(queue) == 1
    assert joined_port.server.receive_now() is None


def test_who_speaks_before_it_is_let_in_is_heard_afterwards(joined_port: Any) -> None:
    with alpc.connect(joined_port.name, WATCHDOG, wait=False) as client:
        request = joined_port.server.receive(WATCHDOG)
        client._socket.send(pack(alpc.LPC_DATAGRAM, 1, b"early"))
        assert joined_port.server.receive_now() is None
        request.accept()
        assert joined_port.server.receive(WATCHDOG).data == b"early"
