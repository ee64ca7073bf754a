"""The client's end of LRPC, joined to a server's engine by hand."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import lrpc
from lrpc.runtime import ncalrpc
from lrpc.runtime.call import Limits
from lrpc.runtime.lrpc_wire import LrpcWire
from lrpc.transports import alpc
from lrpc.transports.errors import ResourcesExhausted
from lrpc.transports.seam import Peer

WATCHDOG = 20.0


class Bound:
    """A wire, the server's end of its port, and the engine there."""

    def __init__(self, interface: Any) -> None:
        one, two = (
            alpc.CommunicationPort(end, Peer()) for end in socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        )
        self.wire, self.port = LrpcWire(one, Limits()), two
        self.engine = ncalrpc.ServerAssociation()
        thread = threading.Thread(target=self._bind)
        thread.start()
        self.wire.bind(interface, WATCHDOG)
        thread.join(WATCHDOG)

    def _bind(self) -> None:
        asked = self.port.receive_message(WATCHDOG)
        event: Any = self.engine.receive(asked.data)
        self.port.send_message(self.engine.accept(event), asked.message_id, alpc.LPC_REPLY, None, WATCHDOG)

    def next(self) -> Any:
        return self.engine.receive(self.port.receive_message(WATCHDOG).data)

    def close(self) -> None:
        self.wire.close()
        self.port.close()


@pytest.fixture
def bound(calculator: Any) -> Iterator[Bound]:
    made = Bound(calculator.Calculator.interface)
    yield made
    made.close()


def test_calls_overlap(bound: Bound) -> None:
    assert bound.wire.multiplex


def test_a_plain_call_without_an_answer_is_late_and_not_yet_given_up(bound: Bound) -> None:
    key, arrived = bound.wire.exchange(0, [b"12345678"], 0.01) or (0, [])
    assert arrived is None
    assert bound.next().call_id == key
    assert bound.port.receive_message_now() is None


def test_a_call_is_cancelled_once(bound: Bound) -> None:
    bound.wire.cancel(5)
    bound.wire.abandon(5, cancelled=True)
    bound.wire.abandon(6)
    assert [bound.next(), bound.next()] == [ncalrpc.Cancelled(5), ncalrpc.Cancelled(6)]


def test_a_server_that_has_gone_is_a_lost_connection(bound: Bound) -> None:
    bound.port.close()
    with pytest.raises(lrpc.ConnectionLost):
        bound.wire.receive(WATCHDOG)


def test_a_call_in_a_view_is_sent_and_answered_in_one_step(bound: Bound) -> None:
    def serve() -> None:
        asked = bound.port.receive_message(WATCHDOG)
        event = bound.engine.receive(asked.data, asked.view)
        assert isinstance(event, ncalrpc.RequestReceived)
        answer = bound.engine.respond(event.call_id, [bytes(event.stub[:4])]).data
        bound.port.send_message(answer, asked.message_id, alpc.LPC_REPLY)

    thread = threading.Thread(target=serve)
    thread.start()
    key, arrived = bound.wire.exchange(0, [b"head", bytes(100_000)], WATCHDOG) or (0, None)
    thread.join(WATCHDOG)
    assert key
    assert arrived == (b"head", bound.wire.encoding, None)
    assert not bound.wire.port._sharing._lent


def test_a_call_in_a_view_that_finds_no_room_has_not_happened(bound: Bound) -> None:
    port = bound.wire.port
    while port.send_message_now(bytes(60_000), type=alpc.LPC_DATAGRAM):
        pass
    while port.send_message_now(b"", type=alpc.LPC_DATAGRAM):
        pass
    assert bound.wire.exchange(0, [bytes(100_000)], WATCHDOG) is None
    port.allocate(79 << 20)  # the whole section but a little: what was taken has come back


def test_a_call_in_a_view_to_a_server_that_has_gone_has_not_run(bound: Bound) -> None:
    bound.port.close()
    with pytest.raises(lrpc.ConnectionLost) as caught:
        bound.wire.exchange(0, [bytes(100_000)], WATCHDOG)
    assert caught.value.ran is lrpc.Ran.NO


def test_a_call_in_a_view_that_has_gone_is_not_made_again_for_want_of_resources(bound: Bound) -> None:
    def exhausted(size: int) -> bytes:
        raise ResourcesExhausted("no descriptor for the section of the answer")

    bound.wire.port._wait = exhausted
    with pytest.raises(lrpc.RpcError, match="no descriptor") as caught:
        bound.wire.exchange(0, [bytes(100_000)], WATCHDOG)
    assert caught.value.ran is lrpc.Ran.UNKNOWN
