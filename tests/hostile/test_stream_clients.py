"""Clients that break the connection-oriented protocol, over TCP and pipes, against a live server."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lrpc.runtime import ncacn
from lrpc.transports.errors import TransportError

WATCHDOG = 20.0
ECHO = 5
STUB = struct.pack("<II", 8, 8) + b"12345678"
"""Of Echo: n, then the conformance of the array, then its octets."""


@pytest.fixture(params=["ncacn_ip_tcp", "ncacn_np"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(calculator: Any) -> ncacn.ClientAssociation:
    """Speaks for a raw connection; it is told that all went well."""
    return ncacn.ClientAssociation()


@pytest.fixture
def syntax(calculator: Any) -> ncacn.SyntaxId:
    interface = calculator.Calculator.interface
    return ncacn.SyntaxId(interface.uuid, *interface.version)


@pytest.fixture
def conversation(syntax: ncacn.SyntaxId) -> tuple[bytes, bytes]:
    """A bind and a request that are in order."""
    association = ncacn.ClientAssociation()
    bind = association.bind([ncacn.ContextRequest(0, syntax, [ncacn.NDR])])
    return bind, request(1, STUB)


def request(call_id: int, stub: bytes, *, flags: int = 3, opnum: int = ECHO, size: int | None = None) -> bytes:
    """A request PDU, octet by octet."""
    length = 24 + len(stub) if size is None else size
    header = struct.pack("<BBBBIHHI", 5, 0, 0, flags, 0x10, length, 0, call_id)
    return header + struct.pack("<IHH", len(stub), 0, opnum) + stub


def send(connection: Any, *messages: bytes) -> None:
    """The server may close before it has all."""
    with contextlib.suppress(TransportError):
        for message in messages:
            connection.send(message, WATCHDOG)


def half_close(connection: Any) -> None:
    import socket

    with contextlib.suppress(OSError):
        connection._timed.socket.shutdown(socket.SHUT_WR)


# Cut, and changed


def test_the_conversation_is_in_order(victim: Any, conversation: tuple[bytes, bytes], drain: Any) -> None:
    connection = victim.connect()
    send(connection, *conversation)
    half_close(connection)
    answer = drain(connection)
    connection.close()
    assert answer.endswith(STUB[4:])
    assert len(victim.world.data) == 1
    victim.survives()


def test_a_conversation_cut_anywhere_ends_quietly(
    victim: Any, conversation: tuple[bytes, bytes], drain: Any, transport: str
) -> None:
    bind, call = conversation
    for cut in range(len(bind) + len(call)):
        connection = victim.connect()
        if transport == "ncacn_np":
            send(connection, *(part for part in (bind[:cut], call[: max(cut - len(bind), 0)]) if part))
        else:
            send(connection, (bind + call)[:cut])
        if cut % 3:
            half_close(connection)
            drain(connection)
        connection.close()
    assert victim.world.data == []
    victim.survives()


def test_a_conversation_one_octet_at_a_time_is_understood(
    victim: Any, conversation: tuple[bytes, bytes], drain: Any
) -> None:
    connection = victim.connect()
    send(connection, *(bytes([octet]) for part in conversation for octet in part))
    half_close(connection)
    assert drain(connection).endswith(STUB[4:])
    connection.close()
    victim.survives()


def test_changed_conversations_end_in_an_answer_or_the_end(
    victim: Any, conversation: tuple[bytes, bytes], drain: Any, mutate: Callable[..., Iterator[bytes]], transport: str
) -> None:
    bind, call = conversation
    for index, mutant in enumerate(mutate(bind + call, 250, seed=7)):
        connection = victim.connect()
        send(connection, *((bind, mutant[len(bind) :] or b"x") if index % 2 else (mutant,)))
        half_close(connection)
        drain(connection)
        connection.close()
    victim.survives()


# Other protocols, and lies


GARBAGE = {
    "http": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "tls": bytes.fromhex("16030102000100") + b"\x01" * 300,
    "smb": b"\x00\x00\x00\x85\xffSMBr" + bytes(100),
    "ssh": b"SSH-2.0-OpenSSH_9.9\r\n",
    "zeros": bytes(4096),
    "ones": b"\xff" * 4096,
    "version 4": b"\x04" + bytes(99),
}


@pytest.mark.parametrize("name", sorted(GARBAGE))
def test_other_protocols_are_shown_out(victim: Any, name: str, drain: Any) -> None:
    connection = victim.connect()
    send(connection, GARBAGE[name])
    assert len(drain(connection)) < 200
    connection.close()
    victim.survives()


@pytest.mark.parametrize("size", [0, 1, 15, 16, 23, 25, 5841, 65535])
def test_a_length_that_lies_does_no_harm(victim: Any, conversation: tuple[bytes, bytes], size: int, drain: Any) -> None:
    connection = victim.connect()
    send(connection, conversation[0], request(1, STUB, size=size))
    victim.check()
    half_close(connection)
    drain(connection)
    connection.close()
    assert victim.world.data == []
    victim.survives()


def test_a_request_before_a_bind_is_a_protocol_error(
    victim: Any, conversation: tuple[bytes, bytes], drain: Any
) -> None:
    connection = victim.connect()
    send(connection, conversation[1])
    drain(connection)
    connection.close()
    assert victim.world.data == []
    victim.survives()


def test_a_second_bind_is_a_protocol_error(victim: Any, conversation: tuple[bytes, bytes], drain: Any) -> None:
    connection = victim.connect()
    send(connection, conversation[0], conversation[0])
    drain(connection)
    connection.close()
    victim.survives()


@pytest.mark.parametrize("flags", [0, 2])
def test_a_fragment_without_its_first_is_a_protocol_error(
    victim: Any, conversation: tuple[bytes, bytes], flags: int, drain: Any
) -> None:
    connection = victim.connect()
    send(connection, conversation[0], request(1, STUB, flags=flags))
    drain(connection)
    connection.close()
    assert victim.world.data == []
    victim.survives()


def test_fragments_that_never_end_are_ended(victims: Any, face: str, transport: str, conversation: Any) -> None:
    victim = victims(face, transport, max_request=100_000)
    connection = victim.connect()
    connection.send(conversation[0], WATCHDOG)
    sent = 0
    with pytest.raises(TransportError):
        connection.send(request(1, bytes(4000), flags=1), WATCHDOG)
        while sent < 64 << 20:
            connection.send(request(1, bytes(4000), flags=0), WATCHDOG)
            sent += 4000
    connection.close()
    assert victim.world.data == []
    victim.survives()


def test_fragments_of_nothing_are_ended(victims: Any, face: str, transport: str, conversation: Any) -> None:
    victim = victims(face, transport)
    connection = victim.connect()
    connection.send(conversation[0], WATCHDOG)
    block = request(1, b"", flags=0) * 64
    with pytest.raises(TransportError):
        connection.send(request(1, b"", flags=1), WATCHDOG)
        for _ in range(10_000):
            connection.send(block, WATCHDOG)
    connection.close()
    victim.survives()


def test_a_client_that_trickles_its_bind_is_dropped(
    victims: Any, face: str, transport: str, conversation: Any, drain: Any
) -> None:
    victim = victims(face, transport, handshake=0.1)
    connection = victim.connect()
    send(connection, conversation[0][:20])
    assert drain(connection) == b""
    connection.close()
    victim.survives()


def test_a_client_that_only_binds_what_is_refused_is_dropped(
    victims: Any, face: str, transport: str, drain: Any
) -> None:
    from uuid import UUID

    victim = victims(face, transport, handshake=0.1)
    connection = victim.connect()
    stranger = ncacn.SyntaxId(UUID(int=1), 1, 0)
    send(connection, ncacn.ClientAssociation().bind([ncacn.ContextRequest(0, stranger, [ncacn.NDR])]))
    assert drain(connection)
    connection.close()
    victim.survives()


def test_a_client_that_does_not_read_holds_up_nobody(
    victims: Any, face: str, transport: str, conversation: Any
) -> None:
    victim = victims(face, transport)
    connection = victim.connect()
    big = struct.pack("<II", 4000, 4000) + bytes(4000)
    connection.send(conversation[0], WATCHDOG)
    with contextlib.suppress(TransportError):
        for call_id in range(1, 3000):
            connection.send(request(call_id, big), 0.05)
    victim.check()
    connection.close()
    victim.survives()


def test_an_association_group_of_nobody_is_refused(victim: Any, syntax: ncacn.SyntaxId, drain: Any) -> None:
    for group in (77, 0x7FFFFFFF, 0xFFFFFFFF):
        connection = victim.connect()
        send(connection, ncacn.ClientAssociation().bind([ncacn.ContextRequest(0, syntax, [ncacn.NDR])], group))
        assert drain(connection)[2] == 13  # bind_nak
        connection.close()
    victim.survives()


def test_the_connections_of_a_group_share_its_handles(victim: Any, syntax: ncacn.SyntaxId) -> None:
    offer = [ncacn.ContextRequest(0, syntax, [ncacn.NDR])]

    def join(group: int) -> tuple[Any, int]:
        connection, association = victim.connect(), ncacn.ClientAssociation()
        connection.send(association.bind(offer, group), WATCHDOG)
        [event] = association.receive_data(connection.receive(WATCHDOG))
        assert isinstance(event, ncacn.BindAnswered)
        return connection, event.group_id

    def call(connection: Any, opnum: int, stub: bytes) -> bytes:
        connection.send(request(1, stub, opnum=opnum), WATCHDOG)
        answer = connection.receive(WATCHDOG)
        assert answer[2] == 2, answer
        return bytes(answer[24:])

    one, group = join(0)
    two, same = join(group)
    assert same == group
    name = struct.pack("<III", 2, 0, 2) + "x\0".encode("utf-16-le")
    handle = call(one, 2, name)[:20]
    one.close()
    assert call(two, 4, handle) == struct.pack("<I", 1)
    assert victim.world.closed.empty()
    two.close()
    assert victim.world.closed_within_watchdog() == "x"
    victim.survives()
