"""The client's end of the connection-oriented protocol, joined to a server by hand."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import lrpc
from lrpc.runtime import ncacn
from lrpc.runtime.call import Limits
from lrpc.runtime.pdu_wire import PduWire
from lrpc.runtime.status import Ran
from lrpc.transports import memory

WATCHDOG = 20.0


@pytest.fixture
def joined() -> Any:
    """A wire and the server's end of its connection."""
    client, server = memory.pair()
    yield PduWire(client, Limits()), server
    client.close()
    server.close()


def test_a_server_that_closes_before_it_is_bound_did_nothing(joined: Any, calculator: Any) -> None:
    wire, server = joined
    server.close()
    with pytest.raises(lrpc.ConnectionLost) as caught:
        wire.bind(calculator.Calculator.interface, WATCHDOG)
    assert caught.value.ran is Ran.NO


def test_a_bind_takes_no_longer_than_it_may(joined: Any, calculator: Any) -> None:
    wire, _ = joined
    with pytest.raises(lrpc.DeadlineExceeded) as caught:
        wire.bind(calculator.Calculator.interface, 0.02)
    assert caught.value.ran is Ran.NO


def test_a_bind_nak_says_why(joined: Any, calculator: Any) -> None:
    wire, server = joined
    server.send(bytes.fromhex("05000d03 10000000 18000000 01000000 0400 010500 000000"))
    with pytest.raises(lrpc.BindRefused, match=r"reason 4: protocol version not supported; the server speaks 5\.0"):
        wire.bind(calculator.Calculator.interface, WATCHDOG)


def test_nobody_is_told_of_a_call_that_was_not_made(joined: Any) -> None:
    wire, server = joined
    wire.abandon(5)
    assert server.receive_now() is None


def test_nothing_has_arrived_until_it_has(joined: Any) -> None:
    wire, server = joined
    assert wire.receive_now() is None
    server.close()
    with pytest.raises(lrpc.ConnectionLost):
        wire.receive_now()
    with pytest.raises(lrpc.ConnectionLost):
        wire.receive(WATCHDOG)


# What becomes of a call that is given up


def bound_to(joined: Any, calculator: Any, *, multiplex: bool = True, features: bool = True) -> tuple[Any, Any]:
    """The wire, and the engine of a server with these gifts."""
    wire, server = joined
    engine = ncacn.ServerAssociation(secondary_address="", group_id=lambda asked: asked or 7)

    def serve() -> None:
        octets = server.receive(WATCHDOG)
        [event] = engine.receive_data(octets if multiplex else octets[:3] + bytes([octets[3] & ~0x10]) + octets[4:])
        results = ncacn.negotiate(event.contexts, lambda _: True, features=3 if features else 0)
        server.send(engine.accept(event, results))

    thread = threading.Thread(target=serve)
    thread.start()
    wire.bind(calculator.Calculator.interface, WATCHDOG)
    thread.join(WATCHDOG)
    return wire, engine


def sent(joined: Any, wire: Any) -> int:
    """The key of a call that is on its way."""
    message = wire.compose(0, [b"12345678"])
    for _ in wire.transmitting(message):
        raise AssertionError
    key: int = message.key
    return key


def heard(joined: Any, engine: Any) -> list[Any]:
    events: list[Any] = []
    while (octets := joined[1].receive_now()) is not None:
        events += engine.receive_data(octets)
    return [type(event) for event in events]


def test_a_server_that_keeps_the_connection_hears_that_a_call_is_cancelled_and_orphaned(
    joined: Any, calculator: Any
) -> None:
    wire, engine = bound_to(joined, calculator)
    wire.abandon(sent(joined, wire))
    assert heard(joined, engine) == [ncacn.RequestReceived, ncacn.CancelReceived, ncacn.Orphaned]
    key = sent(joined, wire)
    wire.cancel(key)
    wire.abandon(key, cancelled=True)
    assert heard(joined, engine) == [ncacn.RequestReceived, ncacn.CancelReceived, ncacn.Orphaned]


def test_a_server_that_does_not_keep_the_connection_is_never_told_that_a_call_is_orphaned(
    joined: Any, calculator: Any
) -> None:
    wire, engine = bound_to(joined, calculator, features=False)
    key = sent(joined, wire)
    wire.abandon(key)
    assert heard(joined, engine) == [ncacn.RequestReceived, ncacn.CancelReceived]
    joined[1].send(engine.respond(key, 0, b"late")[0])
    assert wire.receive(WATCHDOG) == []
    with pytest.raises(lrpc.ConnectionLost):  # part of a request cannot be taken back
        wire.given_up(wire.begin(0))


def test_a_call_given_up_at_a_server_that_takes_one_at_a_time_ends_the_connection(joined: Any, calculator: Any) -> None:
    wire, _ = bound_to(joined, calculator, multiplex=False, features=False)
    assert not wire.multiplex
    with pytest.raises(lrpc.ConnectionLost):
        wire.abandon(sent(joined, wire))
