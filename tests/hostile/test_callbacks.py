"""Servers that call back where they must not, answers that nobody asked for, and records that cannot be read."""

from __future__ import annotations

import struct
from typing import Any

import pytest

import lrpc
from lrpc.runtime import extended, ncalrpc
from lrpc.runtime.ncacn.pdu import Fault
from lrpc.runtime.ncalrpc import messages
from lrpc.transports import alpc

WATCHDOG = 20.0
SUM = struct.pack("<I", 5)


@pytest.fixture(params=["blocking", "asyncio"])
def connect(request: pytest.FixtureRequest, clients_of: Any) -> Any:
    return clients_of(request.param)


class Port:
    """A server on ALPC, as far as the bind."""

    def __init__(self, port: Any) -> None:
        self.port = port
        self.association = ncalrpc.ServerAssociation()
        message = port.receive_message(WATCHDOG)
        event = self.association.receive(message.data)
        assert isinstance(event, ncalrpc.BindRequested)
        self.say(self.association.accept(event), message.message_id)

    def say(self, data: bytes, message_id: int, kind: int = alpc.LPC_REPLY) -> None:
        self.port.send_message(data, message_id, kind, None, WATCHDOG)

    def heard(self) -> tuple[int, Any]:
        message = self.port.receive_message(WATCHDOG)
        return message.message_id, self.association.receive(message.data, message.view)


def test_a_callback_in_a_call_that_nobody_makes_is_denied(connect: Any, liars: Any) -> None:
    answers: list[Any] = []

    def script(connection: Any) -> None:
        server = Port(connection)
        call_id, _ = server.heard()
        for callback_id, message_id in ((1, call_id), (2, call_id + 1000), (3, 0xFFFFFFFF)):
            server.say(messages.pack_callback(callback_id, 0), message_id, alpc.LPC_REQUEST)
            answers.append(server.heard())
        server.say(messages.pack_response(call_id) + SUM, call_id)
        server.heard()

    assert connect(liars("ncalrpc", script).binding).Add(2, 3) == 5
    assert [answer for _, answer in answers] == [ncalrpc.CallbackFailed(number, 1764, False) for number in (1, 2, 3)]


@pytest.mark.parametrize("cut", [8, 20, 63])
def test_a_callback_that_is_cut_is_a_protocol_error(connect: Any, liars: Any, cut: int) -> None:
    def script(connection: Any) -> None:
        server = Port(connection)
        call_id, _ = server.heard()
        server.say(messages.pack_callback(1, 0)[:cut], call_id, alpc.LPC_REQUEST)
        server.heard()

    with pytest.raises(lrpc.ProtocolError):
        connect(liars("ncalrpc", script).binding).Add(2, 3)


def test_a_view_that_is_not_there_is_a_protocol_error(connect: Any, liars: Any) -> None:
    def script(connection: Any) -> None:
        server = Port(connection)
        call_id, _ = server.heard()
        large = messages.pack_callback(1, 0, messages.RequestFlag.VIEW_PRESENT) + messages.pack_large(1 << 20)
        server.say(large, call_id, alpc.LPC_REQUEST)
        server.heard()

    with pytest.raises(lrpc.ProtocolError):
        connect(liars("ncalrpc", script).binding).Add(2, 3)


DETAILS = {
    "nothing of the kind": b"\xff" * 100,
    "cut": extended.build([extended.ErrorRecord(2, parameters=("text",))])[:40],
    "five parameters": extended.build([extended.ErrorRecord(2, parameters=(1, 2, 3, 4))]).replace(
        struct.pack("<h", 4) + bytes(2), struct.pack("<h", 5) + bytes(2)
    ),
    "too many": extended.build([extended.ErrorRecord(2)] * 100),
    "long": bytes(60_000),
}


@pytest.mark.parametrize("name", DETAILS)
def test_records_that_cannot_be_read_hide_no_fault(connect: Any, liars: Any, name: str) -> None:
    def script(connection: Any) -> None:
        server = Port(connection)
        call_id, _ = server.heard()
        server.say(messages.pack_fault(5, detail=DETAILS[name]), call_id)
        call_id, _ = server.heard()
        server.say(messages.pack_response(call_id) + SUM, call_id)
        server.heard()

    client = connect(liars("ncalrpc", script).binding)
    with pytest.raises(lrpc.AccessDenied) as caught:
        client.Add(2, 3)
    assert caught.value.extended == ()
    assert client.Add(2, 3) == 5


@pytest.mark.parametrize("name", DETAILS)
def test_records_in_a_pdu_hide_no_fault_either(connect: Any, liars: Any, name: str) -> None:
    from lrpc.runtime import ncacn

    def script(connection: Any) -> None:
        server = ncacn.ServerAssociation(secondary_address="", group_id=lambda asked: 1)
        while True:
            octets = connection.receive(WATCHDOG)
            if not octets:
                return
            for event in server.receive_data(octets):
                if isinstance(event, ncacn.BindRequested):
                    connection.send(server.accept(event, ncacn.negotiate(event.contexts, lambda _: True)), WATCHDOG)
                elif isinstance(event, ncacn.RequestReceived):
                    fault = Fault.of(event.call_id, event.context_id, 5, DETAILS[name], 3)
                    connection.send(fault.serialize(), WATCHDOG)

    with pytest.raises((lrpc.AccessDenied, lrpc.ProtocolError)) as caught:
        connect(liars("ncacn_ip_tcp", script).binding).Add(2, 3)
    assert caught.value.extended == ()
    assert name == "long" or type(caught.value) is lrpc.AccessDenied


@pytest.mark.parametrize("face", ["blocking", "asyncio"])
def test_answers_to_callbacks_that_nobody_made_are_dropped(hosts: Any, binding_for: Any, face: str) -> None:
    host = hosts(face)
    host.server.register(host.service)
    port = alpc.connect(host.listen(binding_for("ncalrpc")).endpoint, WATCHDOG)
    client = ncalrpc.ClientAssociation()
    interface = host.service.interface
    port.send_message(client.bind(ncalrpc.SyntaxId(interface.uuid, *interface.version)), timeout=WATCHDOG)
    assert not client.receive(port.receive_message(WATCHDOG).data).status  # type: ignore[union-attr]
    for said in (client.reply(7, [b"x"]).data, client.deny(8, 5, begun=True), client.deny(0, 0, begun=False)):
        port.send_message(said, 1, alpc.LPC_REPLY, None, WATCHDOG)
    port.send_message(client.request(9, 0, 0, [struct.pack("<II", 2, 3)]).data, 9, timeout=WATCHDOG)
    answer = port.receive_message(WATCHDOG)
    assert client.receive(answer.data) == ncalrpc.ResponseReceived(9, SUM)
    port.close()
