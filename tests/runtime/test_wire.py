"""The client's engines on their transports, joined to a server by hand."""

from __future__ import annotations

from typing import Any

import pytest

import lrpc
from lrpc.runtime.call import Limits
from lrpc.runtime.status import Ran
from lrpc.runtime.wire import PduWire, lost
from lrpc.transports import errors, memory

WATCHDOG = 20.0


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (errors.TimedOut("x"), lrpc.DeadlineExceeded),
        (errors.BadFrame("x"), lrpc.ProtocolError),
        (errors.Disconnected("x"), lrpc.ConnectionLost),
        (errors.QuotaExceeded("x"), lrpc.RpcError),
        (errors.MessageTooLong("x"), lrpc.RpcError),
        (errors.ResourcesExhausted("x"), lrpc.RpcError),
    ],
)
def test_errors_of_transports_become_errors_of_calls(error: errors.TransportError, kind: type[lrpc.RpcError]) -> None:
    assert type(lost(error)) is kind
    assert lost(error).ran is Ran.UNKNOWN
    assert lost(error, sent=False).ran is Ran.NO


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
    with pytest.raises(lrpc.BindRefused, match=r"reason 4; the server speaks 5\.0"):
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
