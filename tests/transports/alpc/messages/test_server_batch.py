"""Answers to many clients that go together."""

from __future__ import annotations

from typing import Any

import pytest

from lrpc.transports.alpc import LPC_LOST_REPLY
from lrpc.transports.errors import InvalidParameter, ReplyMismatch

WATCHDOG = 20.0


def test_answers_to_many_clients_go_in_a_packet_for_each(joined_port: Any) -> None:
    clients = [joined_port.connect()[0] for _ in range(3)]
    numbers = [[client.post(b"%d" % number, number) for number in range(50)] for client in clients]
    with joined_port.server.batch() as batch:
        for _ in range(150):
            message = joined_port.server.receive(WATCHDOG)
            message.reply(b"re " + message.data, batch=batch)
            assert not message.needs_release
        assert len(batch) == 150
    for client, posted in zip(clients, numbers, strict=True):
        replies = [client.receive(WATCHDOG) for _ in posted]
        assert [reply.message_id for reply in replies] == posted
        assert [reply.data for reply in replies] == [b"re %d" % number for number in range(50)]
        assert [reply.attributes.context.message_context for reply in replies] == [*range(50)]
        assert not client.outstanding


def test_a_hundred_answers_take_two_sends(joined_port: Any) -> None:
    client, port = joined_port.connect()
    for _ in range(100):
        client.post(b"")
    messages = [joined_port.server.receive(WATCHDOG) for _ in range(100)]
    sends = list[int]()
    send = port._send

    def count(frame: bytes, flags: int) -> int:
        sends.append(len(frame))
        sent: int = send(frame, flags)
        return sent

    port._send = count
    with port.batch() as batch:
        for message in messages:
            message.reply(b"x", batch=batch)
    assert len(sends) == 2
    assert [client.receive(WATCHDOG).data for _ in messages] == [b"x"] * 100


def test_an_answer_in_a_batch_does_not_overtake_what_waits(make_joined: Any) -> None:
    joined = make_joined()
    client, port = joined.connect()
    client.post(b"")
    message = joined.server.receive(WATCHDOG)
    for _ in range(1000):  # more than the socket holds
        port.datagram(bytes(1000))
    assert len(port.exchange.outbox)
    with joined.server.batch() as batch:
        batch.reply(message, b"last")
    reading = joined.call(joined.server.queue_messages().queue.read_while, lambda: len(port.exchange.outbox) > 0)
    came = [client.receive(WATCHDOG) for _ in range(1001)]
    assert came[-1].data == b"last"
    reading.result(WATCHDOG)


def test_what_does_not_go_in_a_batch_is_refused_and_can_be_answered_otherwise(joined_port: Any) -> None:
    (one, port), (two, other) = joined_port.connect(), joined_port.connect()
    one.post(b"")
    message = joined_port.server.receive(WATCHDOG)
    with joined_port.server.batch() as batch, other.batch() as of_other:
        view = port.allocate(10)
        for wrong in ({"view": view, "batch": batch}, {"handles": [0], "batch": batch}, {"batch": of_other}):
            with pytest.raises(InvalidParameter):
                message.reply(**wrong)
        port.discard(view)
        message.reply(b"first", batch=batch)
        with pytest.raises(ReplyMismatch):
            message.reply(b"again", batch=batch)
    assert one.receive(WATCHDOG).data == b"first"
    assert two.receive_now() is None


def test_answers_to_who_has_gone_hold_up_nobody_elses(joined_port: Any) -> None:
    (one, _), (two, _) = joined_port.connect(), joined_port.connect()
    for client in (one, two):
        client.post(b"")
    messages = [joined_port.server.receive(WATCHDOG) for _ in range(2)]
    with joined_port.server.batch() as batch:
        for message in messages:
            batch.reply(message, b"x")
        one.close()
    assert two.receive(WATCHDOG).data == b"x"


def test_an_answer_in_a_batch_to_who_has_canceled_is_lost(joined_port: Any) -> None:
    client, port = joined_port.connect()
    message = joined_port.canceled(client)
    with port.batch() as batch:
        message.reply(b"late", batch=batch)
        assert not len(batch)
    lost = joined_port.server.receive(WATCHDOG)
    assert (lost.type, lost.message_id) == (LPC_LOST_REPLY, message.message_id)
