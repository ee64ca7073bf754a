"""Requests, replies, callbacks and cancels, through a server's one queue."""

from __future__ import annotations

import random
import socket
import struct
import time
from typing import Any

import pytest

from lrpc.transports import alpc
from lrpc.transports.alpc import exchange as exchange_module
from lrpc.transports.alpc.exchange import SERVERS
from lrpc.transports.alpc.messages import message as wire
from lrpc.transports.alpc.messages.attributes import AttributeBlock, ContextAttribute
from lrpc.transports.alpc.messages.port_message import PortMessageHeader
from lrpc.transports.errors import (
    Canceled,
    Disconnected,
    InvalidParameter,
    MessageTooLong,
    NotSupported,
    ReplyLost,
    ReplyMismatch,
    RequestsNotAllowed,
    TimedOut,
)
from tests.transports.alpc.memory.lending import taken

WATCHDOG = 20.0


# Requests and replies


def test_a_request_is_answered_by_any_thread_of_the_server(joined_port: Any) -> None:
    client, port = joined_port.connect(context="mine")
    asking = joined_port.call(client.request, b"two and two", timeout=WATCHDOG)
    message = joined_port.server.receive(WATCHDOG)
    assert (message.type, message.data, message.needs_release) == (alpc.LPC_REQUEST, b"two and two", True)
    assert message.port is port
    assert message.port_context == "mine"
    joined_port.call(message.reply, b"four").result(WATCHDOG)
    reply = asking.result(WATCHDOG)
    assert (reply.type, reply.data, reply.message_id) == (alpc.LPC_REPLY, b"four", message.message_id)
    assert not reply.needs_release
    assert not message.needs_release


def test_the_sender_is_told_by_the_kernel_whatever_it_says(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    header = PortMessageHeader(0, 0, alpc.LPC_DATAGRAM, 0, 4711, 4712, 9)
    block = AttributeBlock(context=ContextAttribute(1, 2, 3, 4, 5))
    client._socket.send(wire.compose(header, block, b"forged"))
    message = joined_port.server.receive(WATCHDOG)
    assert message.client_id == (client.peer.pid, 4712)
    assert message.attributes.context.port_context is None
    assert (message.attributes.context.message_id, message.attributes.context.sequence) == (9, 3)


def test_messages_of_two_clients_come_with_their_contexts(joined_port: Any) -> None:
    first, first_port = joined_port.connect(context=1)
    second, second_port = joined_port.connect(context=2)
    assert first_port is not second_port
    second.datagram(b"of the second")
    first.datagram(b"of the first")
    came = {message.port_context: message for message in (joined_port.server.receive(WATCHDOG) for _ in range(2))}
    assert {number: message.data for number, message in came.items()} == {1: b"of the first", 2: b"of the second"}
    assert (came[1].port, came[2].port) == (first_port, second_port)
    assert alpc.list_ports() == [joined_port.name]


def test_a_thousand_posts_are_answered_out_of_order_and_matched(joined_port: Any) -> None:
    client, _ = joined_port.connect()

    def answer_shuffled() -> None:
        held = [joined_port.server.receive(WATCHDOG) for _ in range(1000)]
        random.Random(7).shuffle(held)
        for message in held:
            message.reply(message.data * 2)

    serving = joined_port.call(answer_shuffled)
    numbers = {client.post(b"%d" % cookie, context=cookie): cookie for cookie in range(1000)}
    assert len(numbers) == 1000
    assert set(client.outstanding) == set(numbers)
    replies = [client.receive(WATCHDOG) for _ in range(1000)]
    serving.result(WATCHDOG)
    assert [reply.message_id for reply in replies] != sorted(numbers)
    for reply in replies:
        cookie = reply.attributes.context.message_context
        assert numbers.pop(reply.message_id) == cookie
        assert reply.data == b"%d" % cookie * 2
    assert not client.outstanding


def test_threads_of_one_client_wait_for_their_own_replies(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    serving = joined_port.serve(lambda message: message.reply(message.data[::-1]), 200)

    def ask(name: int) -> None:
        for number in range(50):
            data = b"%d.%d" % (name, number)
            assert client.request(data, timeout=WATCHDOG).data == data[::-1]

    for asking in [joined_port.call(ask, name) for name in range(4)]:
        asking.result(WATCHDOG)
    serving.result(WATCHDOG)


def test_many_threads_of_a_server_take_each_message_once(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    taken: list[bytes] = []

    def take() -> None:
        for _ in range(100):
            taken.append(joined_port.server.receive(WATCHDOG).data)

    taking = [joined_port.call(take) for _ in range(4)]
    for number in range(400):
        client.datagram(b"%d" % number)
    for one in taking:
        one.result(WATCHDOG)
    assert sorted(map(int, taken)) == list(range(400))


def test_datagrams_keep_their_order_and_their_count(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    for number in range(5):
        client.datagram(b"%d" % number)
    messages = [joined_port.server.receive(WATCHDOG) for _ in range(5)]
    assert [message.data for message in messages] == [b"0", b"1", b"2", b"3", b"4"]
    assert [message.attributes.context.sequence for message in messages] == [1, 2, 3, 4, 5]
    with pytest.raises(ReplyMismatch):
        messages[0].reply(b"to what")
    with pytest.raises(ReplyMismatch):
        messages[0].call_back(b"whom")


@pytest.mark.parametrize("kind", [alpc.LPC_EXCEPTION, alpc.LPC_DEBUG_EVENT, alpc.LPC_ERROR_EVENT])
def test_exceptions_and_errors_are_asked_and_answered_as_requests_are(joined_port: Any, kind: int) -> None:
    client, _ = joined_port.connect()
    asking = joined_port.call(client.request, b"hard error", timeout=WATCHDOG, type=kind)
    message = joined_port.server.receive(WATCHDOG)
    assert (message.type, message.data) == (kind, b"hard error")
    message.reply(b"ignore")
    assert asking.result(WATCHDOG).data == b"ignore"
    with pytest.raises(InvalidParameter):
        client.request(b"", type=alpc.LPC_PORT_CLOSED)


def test_a_server_asks_and_tells_its_client(joined_port: Any) -> None:
    client, port = joined_port.connect()
    asking = joined_port.call(port.request, b"are you there", timeout=WATCHDOG)
    question = client.receive(WATCHDOG)
    assert question.message_id & SERVERS
    question.reply(b"yes")
    taking = joined_port.call(joined_port.server.receive, 0.05)
    assert asking.result(WATCHDOG).data == b"yes"
    with pytest.raises(TimedOut):
        taking.result(WATCHDOG)
    port.datagram(b"news")
    assert client.receive(WATCHDOG).data == b"news"


def test_a_peer_that_takes_no_requests_is_asked_nothing(make_joined: Any) -> None:
    joined = make_joined(flags=alpc.PortFlags.WAITABLE_PORT)
    client, _ = joined.connect()
    with pytest.raises(RequestsNotAllowed):
        client.request(b"please", timeout=WATCHDOG)
    with pytest.raises(RequestsNotAllowed):
        client.post(b"please")
    client.datagram(b"then take this")
    assert joined.server.receive(WATCHDOG).data == b"then take this"
    client.peer_flags |= alpc.PortFlags.ALLOW_LPC_REQUESTS  # what a hostile client makes of it
    client.post(b"please")
    assert joined.server.receive(WATCHDOG).type == alpc.LPC_PORT_CLOSED


def test_a_message_is_answered_once(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    client.post(b"one")
    message = joined_port.server.receive(WATCHDOG)
    message.reply(b"first")
    with pytest.raises(ReplyMismatch):
        message.reply(b"second")
    message.release()
    assert client.receive(WATCHDOG).data == b"first"
    with pytest.raises(TimedOut):
        client.receive(0.02)


def test_a_released_request_is_known_to_be(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    asking = joined_port.call(client.request, b"waits", timeout=WATCHDOG)
    joined_port.server.receive(WATCHDOG).release()
    with pytest.raises(Canceled):
        asking.result(WATCHDOG)
    client.post(b"posted", context="cookie")
    joined_port.server.receive(WATCHDOG).release()
    notice = client.receive(WATCHDOG)
    assert (notice.type, notice.attributes.context.message_context) == (alpc.LPC_CANCELED, "cookie")
    assert not client.outstanding


# Cancels


def test_a_request_canceled_before_it_is_picked_up_is_never_seen(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    client.datagram(b"gathered first")
    numbers = [client.post(b"%d" % number) for number in range(3)]
    assert joined_port.server.receive(WATCHDOG).data == b"gathered first"
    client.cancel(numbers[0])
    client.cancel(numbers[1])
    assert client.outstanding == (numbers[2],)
    left = joined_port.server.receive(WATCHDOG)
    assert left.data == b"2"
    left.reply()
    with pytest.raises(TimedOut):
        joined_port.server.receive(0.02)
    with pytest.raises(ReplyMismatch):
        client.cancel(numbers[0])


def test_a_request_canceled_after_it_is_picked_up_is_told_and_its_reply_lost(joined_port: Any) -> None:
    client, _ = joined_port.connect(context="ctx")
    number = client.post(b"long work")
    message = joined_port.server.receive(WATCHDOG)
    client.cancel(number)
    notice = joined_port.server.receive(WATCHDOG)
    assert (notice.type, notice.message_id, notice.port_context) == (alpc.LPC_CANCELED, number, "ctx")
    assert notice.needs_release
    assert not message.needs_release
    with pytest.raises(ReplyMismatch):
        notice.reply(b"it is not a request")
    notice.release()
    message.reply(b"too late")
    lost = joined_port.server.receive(WATCHDOG)
    assert (lost.type, lost.message_id) == (alpc.LPC_LOST_REPLY, number)
    with pytest.raises(ReplyMismatch):
        message.reply(b"again")
    with pytest.raises(TimedOut):
        client.receive(0.02)


def test_a_reply_that_crosses_a_cancel_is_lost_too(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    number = client.post(b"work")
    joined_port.server.receive(WATCHDOG).reply(b"done")
    client.cancel(number)
    with pytest.raises(TimedOut):
        client.receive(0.02)
    lost = joined_port.server.receive(WATCHDOG)
    assert (lost.type, lost.message_id) == (alpc.LPC_LOST_REPLY, number)


def test_a_waiting_thread_is_canceled_by_another(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    asking = joined_port.call(client.request, b"for ever")
    message = joined_port.server.receive(WATCHDOG)
    client.cancel(message.message_id)
    with pytest.raises(Canceled):
        asking.result(WATCHDOG)
    joined_port.server.receive(WATCHDOG).release()
    assert not message.needs_release


def test_a_request_that_times_out_is_withdrawn(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    with pytest.raises(TimedOut):
        client.request(b"quick", timeout=0.01)
    client.datagram(b"what is left")
    assert joined_port.server.receive(WATCHDOG).data == b"what is left"


# The other side is gone


def test_a_server_that_is_gone_has_lost_the_reply(joined_port: Any) -> None:
    client, port = joined_port.connect()
    asking = joined_port.call(client.request, b"R")
    message = joined_port.server.receive(WATCHDOG)
    number = client.post(b"posted", context="cookie")
    port.close()
    with pytest.raises(ReplyLost) as lost:
        asking.result(WATCHDOG)
    assert lost.value.status == 0xC0000253
    canceled, closed = client.receive(WATCHDOG), client.receive(WATCHDOG)
    assert (canceled.type, canceled.message_id) == (alpc.LPC_CANCELED, number)
    assert canceled.attributes.context.message_context == "cookie"
    assert closed.type == alpc.LPC_PORT_CLOSED
    for _ in range(2):
        with pytest.raises(Disconnected):
            client.receive(WATCHDOG)
    with pytest.raises(Disconnected):
        client.request(b"more")
    assert not message.needs_release


def test_a_client_that_is_gone_is_told_once_for_all(joined_port: Any) -> None:
    client, port = joined_port.connect(context="ctx")
    client.post(b"held")
    held = joined_port.server.receive(WATCHDOG)
    client.post(b"in the queue")
    client.datagram(b"still counts")
    client.close()
    came = [joined_port.server.receive(WATCHDOG) for _ in range(3)]
    assert [message.type for message in came] == [alpc.LPC_DATAGRAM, alpc.LPC_CANCELED, alpc.LPC_PORT_CLOSED]
    assert came[1].message_id == held.message_id
    came[1].release()
    assert came[2].port_context == "ctx"
    (began,) = struct.unpack("<Q", came[2].data)
    assert 0 < began < time.clock_gettime(time.CLOCK_BOOTTIME) * 100 + 1
    held.reply(b"for nobody")
    lost = joined_port.server.receive(WATCHDOG)
    assert (lost.type, lost.message_id, lost.port_context) == (alpc.LPC_LOST_REPLY, held.message_id, "ctx")
    assert port.fileno() == -1
    with pytest.raises(TimedOut):
        joined_port.server.receive(0.02)


def test_a_plain_peer_is_answered(joined_port: Any) -> None:
    dialing = joined_port.call(alpc.dial, joined_port.name, WATCHDOG)
    joined_port.server.receive(WATCHDOG).accept()
    with_plain = dialing.result(WATCHDOG)
    number = with_plain.send_message(b"plain")
    joined_port.server.receive(WATCHDOG).reply(b"answer")
    reply = with_plain.receive_message(WATCHDOG)
    assert (reply.type, reply.message_id, reply.data) == (alpc.LPC_REPLY, number, b"answer")
    with_plain.close()


def test_nothing_is_left_of_an_exchange(joined_port: Any) -> None:
    client, port = joined_port.connect()
    serving = joined_port.serve(lambda message: message.reply(), 20)
    for _ in range(20):
        client.request(timeout=WATCHDOG)
    serving.result(WATCHDOG)
    for exchange in (client.exchange, port.exchange):
        assert not exchange._received
        assert not exchange._posted
        assert not exchange._waiting
        assert exchange.queued.size == 0
    assert isinstance(client._socket, socket.socket)


# At the edges


def test_what_could_not_be_posted_is_not_waited_for(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    with pytest.raises(TimedOut):
        while True:
            client.datagram(bytes(60_000), timeout=0.01)
    with pytest.raises(TimedOut):
        client.post(bytes(60_000), timeout=0.01)
    assert client.outstanding == ()
    client.close()
    with pytest.raises(Disconnected):
        client.post(b"")
    assert client.outstanding == ()


def test_nothing_is_posted_in_a_batch_of_a_port_that_is_closed(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    batch = client.batch()
    client.close()
    with pytest.raises(Disconnected):
        client.post(b"", batch=batch)
    assert not len(batch)


def test_a_client_does_not_see_what_its_server_canceled_before(joined_port: Any) -> None:
    client, port = joined_port.connect()
    port.cancel(port.post(b"withdrawn"))
    port.datagram(b"next")
    client.exchange.queue.read_now()  # the first of the three; the rest is there to be read
    assert client.receive(WATCHDOG).data == b"next"


def test_an_answer_that_its_asker_does_not_take_leaves_it_waiting(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    asking = joined_port.call(client.request, b"", timeout=WATCHDOG)
    message = joined_port.server.receive(WATCHDOG)
    with pytest.raises(NotSupported):
        message.reply(b"", handles=[0])
    with pytest.raises(MessageTooLong):
        message.reply(bytes(65_496))
    assert message.needs_release
    message.reply(b"in time")
    assert asking.result(WATCHDOG).data == b"in time"


def test_answers_that_waited_for_a_client_that_goes_are_lost(joined_port: Any) -> None:
    client, port = joined_port.connect()
    numbers = [client.post(b"") for _ in range(10)]
    for message in [joined_port.server.receive(WATCHDOG) for _ in numbers]:
        message.reply(bytes(60_000))
    port.datagram(b"waits too, and is nobody's loss")
    waiting = [outgoing.message_id for outgoing in port.exchange.outbox._waiting][:-1]
    assert waiting
    client.close()
    came = [joined_port.server.receive(WATCHDOG) for _ in range(len(waiting) + 1)]
    assert [(notice.type, notice.message_id) for notice in came[:-1]] == [
        (alpc.LPC_LOST_REPLY, number) for number in waiting
    ]
    assert came[-1].type == alpc.LPC_PORT_CLOSED


def test_what_is_withdrawn_before_it_is_picked_up_counts_no_more(joined_port: Any) -> None:
    client, port = joined_port.connect()
    for number in [client.post(bytes(1000)) for _ in range(5)]:
        client.cancel(number)
    joined_port.server.queue_messages().queue.read_now()
    assert port.exchange.queued.size == 0
    with pytest.raises(TimedOut):
        joined_port.server.receive(0)
    assert not port.exchange._received


def test_requests_that_nobody_has_answered_stop_the_reading(joined_port: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange_module, "MAX_OUTSTANDING", 3)
    client, _ = joined_port.connect()
    numbers = [client.post(b"") for _ in range(6)]
    held = [joined_port.server.receive(WATCHDOG) for _ in range(3)]
    with pytest.raises(TimedOut):
        joined_port.server.receive(0.02)
    for number in numbers[3:]:
        held.pop(0).reply()
        held.append(joined_port.server.receive(WATCHDOG))
        assert held[-1].message_id == number
    for message in held:
        message.release()


def test_the_view_of_a_lost_answer_is_room_again(joined_port: Any) -> None:
    client, port = joined_port.connect()
    message = joined_port.canceled(client)
    message.reply(view=port.allocate(100_000))
    assert joined_port.server.receive(WATCHDOG).type == alpc.LPC_LOST_REPLY
    assert taken(port) == 0
