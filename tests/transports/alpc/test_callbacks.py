"""Callbacks: what a server asks the thread that waits for its answer."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from lrpc.transports import alpc
from lrpc.transports.alpc.exchange import MAX_CALLBACK_DEPTH
from lrpc.transports.errors import Canceled, Disconnected, QuotaExceeded, ReplyLost, ReplyMismatch, TimedOut

WATCHDOG = 20.0


def test_a_callback_is_served_in_the_thread_that_waits(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    served: list[tuple[int, bytes]] = []

    def answer(message: alpc.Message) -> bytes:
        served.append((threading.get_ident(), message.data))
        assert (message.type, bool(message.callback_id)) == (alpc.LPC_REQUEST, True)
        return b"callback answered"

    def ask() -> tuple[int, bytes]:
        return threading.get_ident(), client.request(b"R", timeout=WATCHDOG, on_callback=answer).data

    asking = joined_port.call(ask)
    message = joined_port.server.receive(WATCHDOG)
    assert message.call_back(b"first", WATCHDOG).data == b"callback answered"
    assert message.call_back(b"second", WATCHDOG).data == b"callback answered"
    message.reply(b"R answered")
    thread, answered = asking.result(WATCHDOG)
    assert answered == b"R answered"
    assert served == [(thread, b"first"), (thread, b"second")]


def test_callbacks_nest(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    depth: list[int] = []

    def nested(message: alpc.Message) -> bytes:
        depth.append(int(message.data))
        if int(message.data) < 6:
            inner = message.call_back(b"%d" % (int(message.data) + 1), WATCHDOG, nested)
            return inner.data
        return b"innermost"

    asking = joined_port.call(client.request, b"0", timeout=WATCHDOG, on_callback=nested)
    message = joined_port.server.receive(WATCHDOG)
    message.reply(message.call_back(b"1", WATCHDOG, nested).data)
    assert asking.result(WATCHDOG).data == b"innermost"
    assert depth == [1, 2, 3, 4, 5, 6]


def test_callbacks_nest_only_so_deep(joined_port: Any) -> None:
    client, _ = joined_port.connect()

    def for_ever(message: alpc.Message) -> bytes:
        return message.call_back(b"", WATCHDOG, for_ever).data

    asking = joined_port.call(client.request, b"", timeout=WATCHDOG, on_callback=for_ever)
    message = joined_port.server.receive(WATCHDOG)
    with pytest.raises((QuotaExceeded, Canceled)):
        message.call_back(b"", WATCHDOG, for_ever)
    with pytest.raises((QuotaExceeded, Canceled)):
        asking.result(WATCHDOG)
    assert MAX_CALLBACK_DEPTH >= 3


def test_a_new_request_may_be_made_within_a_callback(joined_port: Any) -> None:
    client, _ = joined_port.connect()

    def handle(message: alpc.Message) -> None:
        message.reply(b"<inner>" if message.data == b"inner" else message.call_back(b"what", WATCHDOG).data)

    serving = [joined_port.serve(handle, 1) for _ in range(2)]
    outer = client.request(
        b"outer", timeout=WATCHDOG, on_callback=lambda _: client.request(b"inner", timeout=WATCHDOG).data
    )
    assert outer.data == b"<inner>"
    for one in serving:
        one.result(WATCHDOG)


def test_a_callback_on_an_answered_message_is_refused(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    asking = joined_port.call(client.request, b"R", timeout=WATCHDOG)
    message = joined_port.server.receive(WATCHDOG)
    message.reply()
    asking.result(WATCHDOG)
    with pytest.raises(ReplyMismatch):
        message.call_back(b"too late", WATCHDOG)


def test_a_callback_on_a_posted_request_has_nobody_to_serve_it(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    client.post(b"posted")
    message = joined_port.server.receive(WATCHDOG)
    calling = joined_port.call(message.call_back, b"anybody", WATCHDOG)
    with pytest.raises(TimedOut):
        client.receive(0.1)
    with pytest.raises(ReplyMismatch):
        calling.result(WATCHDOG)
    message.reply()


def test_a_client_without_a_handler_releases_callbacks(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    asking = joined_port.call(client.request, b"R", timeout=WATCHDOG)
    message = joined_port.server.receive(WATCHDOG)
    with pytest.raises(Canceled):
        message.call_back(b"anybody", WATCHDOG)
    message.reply(b"still answered")
    assert asking.result(WATCHDOG).data == b"still answered"


def test_a_handler_that_raises_ends_its_request(joined_port: Any) -> None:
    client, _ = joined_port.connect()

    def fail(_: alpc.Message) -> bytes:
        raise LookupError("nothing here")

    asking = joined_port.call(client.request, b"R", timeout=WATCHDOG, on_callback=fail)
    message = joined_port.server.receive(WATCHDOG)
    with pytest.raises(Canceled):
        message.call_back(b"look", WATCHDOG)
    with pytest.raises(LookupError):
        asking.result(WATCHDOG)
    notice = joined_port.server.receive(WATCHDOG)
    assert notice.type == alpc.LPC_CANCELED
    notice.release()


def test_a_callback_to_a_client_that_goes_is_lost(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    asking = joined_port.call(client.request, b"R", on_callback=lambda _: client.close())
    message = joined_port.server.receive(WATCHDOG)
    with pytest.raises(ReplyLost):
        message.call_back(b"who", WATCHDOG)
    with pytest.raises(Disconnected):
        asking.result(WATCHDOG)
    for kind in (alpc.LPC_CANCELED, alpc.LPC_PORT_CLOSED):
        notice = joined_port.server.receive(WATCHDOG)
        assert notice.type == kind
        notice.release()
    with pytest.raises(Canceled):
        message.call_back(b"again", WATCHDOG)


def test_a_callback_is_answered_though_no_more_is_read_from_its_client(make_joined: Any) -> None:
    joined = make_joined(max_pool_usage=100_000)
    client, port = joined.connect()
    asking = joined.call(client.request, b"first", timeout=WATCHDOG, on_callback=lambda _: b"answered")
    message = joined.server.receive(WATCHDOG)
    for _ in range(2):
        client.datagram(bytes(60_000))
    joined.server.queue_messages().queue.read_now()
    assert port.exchange.paused
    assert message.call_back(b"", WATCHDOG).data == b"answered"
    message.reply(b"done")
    assert asking.result(WATCHDOG).data == b"done"
