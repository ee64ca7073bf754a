"""What no peer may send: it ends its own connection, and nothing else."""

from __future__ import annotations

import random
import struct
import threading
from typing import Any

import pytest

from lrpc.transports import alpc
from lrpc.transports.alpc.exchange import MAX_CALLBACK_DEPTH, SERVERS
from lrpc.transports.alpc.messages import message as wire
from lrpc.transports.alpc.messages.attributes import AttributeBlock, ContextAttribute
from lrpc.transports.alpc.messages.port_message import PortMessageHeader
from lrpc.transports.errors import BadFrame, Disconnected, QuotaExceeded

WATCHDOG = 20.0
_BLOCK = AttributeBlock(context=ContextAttribute())


def _header(kind: int, message_id: int, callback_id: int = 0) -> PortMessageHeader:
    return PortMessageHeader(0, 0, kind, 0, 0, 0, message_id, callback_id)


@pytest.mark.parametrize(
    ("header", "data"),
    [
        (_header(alpc.LPC_REQUEST, SERVERS | 1), b""),
        (_header(alpc.LPC_REPLY, 5), b""),
        (_header(alpc.LPC_PORT_CLOSED, 5), b""),
        (_header(alpc.LPC_CLIENT_DIED, 5), b""),
        (_header(alpc.LPC_CONNECTION_REQUEST, 5), b""),
        (_header(0x1001, 5), b""),
        (_header(0x8001, 5), b""),
        (_header(alpc.LPC_REQUEST, 0), b""),
        (_header(wire.TERMINATION_PORT, 5), b"abc"),
        (_header(wire.TERMINATION_PORT, 5), struct.pack("<I", 1)),
        (_header(wire.TERMINATION_PORT, 5), b"12345678"),
        (_header(wire.SECTION, 5), b"abcdefgh"),
    ],
    ids=str,
)
def test_a_client_that_talks_nonsense_ends_its_own_connection(
    joined_port: Any, header: PortMessageHeader, data: bytes
) -> None:
    good, _ = joined_port.connect(context="good")
    bad, _ = joined_port.connect(context="bad")
    bad._socket.send(wire.compose(header, _BLOCK, data))
    closed = joined_port.server.receive(WATCHDOG)
    assert (closed.type, closed.port_context) == (alpc.LPC_PORT_CLOSED, "bad")
    good.datagram(b"goes on")
    assert joined_port.server.receive(WATCHDOG).data == b"goes on"


def test_a_number_that_waits_for_an_answer_cannot_be_used_again(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    client._socket.send(wire.compose(_header(alpc.LPC_REQUEST, 7), _BLOCK, b"once"))
    held = joined_port.server.receive(WATCHDOG)
    assert held.data == b"once"
    client._socket.send(wire.compose(_header(alpc.LPC_REQUEST, 7), _BLOCK, b"twice"))
    notices = [joined_port.server.receive(WATCHDOG) for _ in range(2)]
    assert [notice.type for notice in notices] == [alpc.LPC_CANCELED, alpc.LPC_PORT_CLOSED]
    for message in (held, *notices):
        message.release()


def test_replies_and_cancels_for_nobody_are_passed_over(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    for header in (
        _header(alpc.LPC_REPLY, SERVERS | 77),
        _header(alpc.LPC_REPLY, 5, SERVERS | 77),
        _header(alpc.LPC_CANCELED, 5),
        _header(alpc.LPC_CANCELED, SERVERS | 5),
        _header(alpc.LPC_LOST_REPLY, SERVERS | 5),
        _header(alpc.LPC_REQUEST, 5, 6),
    ):
        client._socket.send(wire.compose(header, _BLOCK, b""))
    client.datagram(b"goes on")
    assert joined_port.server.receive(WATCHDOG).data == b"goes on"


@pytest.mark.parametrize(
    "header",
    [
        _header(alpc.LPC_REPLY, SERVERS | 5),
        _header(alpc.LPC_REQUEST, 5),
        _header(alpc.LPC_CONNECTION_REPLY, 5),
        _header(wire.TERMINATION_PORT, SERVERS | 5),
        _header(wire.SECTION, SERVERS | 5),
    ],
    ids=str,
)
def test_a_server_that_talks_nonsense_ends_its_own_connection(joined_port: Any, header: PortMessageHeader) -> None:
    client, port = joined_port.connect()
    port._socket.send(wire.compose(header, _BLOCK, b"data"))
    with pytest.raises(BadFrame):
        client.receive(WATCHDOG)
    with pytest.raises(Disconnected):
        client.post(b"")
    assert joined_port.server.receive(WATCHDOG).type == alpc.LPC_PORT_CLOSED


def test_a_server_that_calls_back_without_end_ends_its_own_connection(joined_port: Any) -> None:
    client, port = joined_port.connect()
    go = threading.Event()

    def slow(_: alpc.Message) -> bytes:
        go.wait(WATCHDOG)
        return b""

    asking = joined_port.call(client.request, b"R", timeout=WATCHDOG, on_callback=slow)
    message = joined_port.server.receive(WATCHDOG)
    for number in range(MAX_CALLBACK_DEPTH + 2):
        port._socket.send(
            wire.compose(_header(alpc.LPC_REQUEST, message.message_id, SERVERS | 100 + number), _BLOCK, b"")
        )
    with pytest.raises(BadFrame):
        while True:
            client.receive(WATCHDOG)
    go.set()
    with pytest.raises(Disconnected):
        asking.result(WATCHDOG)
    while (notice := joined_port.server.receive(WATCHDOG)).type != alpc.LPC_PORT_CLOSED:
        notice.release()


def test_a_server_that_sends_without_end_fills_nobody_up(joined_port: Any) -> None:
    client, port = joined_port.connect(attributes=alpc.PortAttributes(max_pool_usage=1 << 16))
    asking = joined_port.call(client.request, b"R", timeout=WATCHDOG)
    message = joined_port.server.receive(WATCHDOG)
    for _ in range(100):
        port.datagram(bytes(1000))
    with pytest.raises(QuotaExceeded):
        asking.result(WATCHDOG)
    for _ in range(100):
        assert len(client.receive(WATCHDOG).data) == 1000
    notice = joined_port.server.receive(WATCHDOG)
    assert (notice.type, notice.message_id) == (alpc.LPC_CANCELED, message.message_id)
    notice.release()


def test_any_octets_leave_the_server_serving(joined_port: Any) -> None:
    good, _ = joined_port.connect(context="good")
    seed = wire.compose(_header(alpc.LPC_REQUEST, 7), _BLOCK, b"some data")
    chance = random.Random(3)
    for _ in range(60):
        bad, _ = joined_port.connect(context="bad")
        mutated = bytearray(seed)
        for _ in range(chance.randrange(1, 4)):
            mutated[chance.randrange(len(seed))] = chance.randrange(256)
        bad._socket.send(bytes(mutated[: chance.randrange(1, len(seed) + 1)]))
        bad.close()
        message = joined_port.server.receive(WATCHDOG)
        while message.type != alpc.LPC_PORT_CLOSED:
            message.release()
            message = joined_port.server.receive(WATCHDOG)
    good.datagram(b"goes on")
    assert joined_port.server.receive(WATCHDOG).data == b"goes on"
