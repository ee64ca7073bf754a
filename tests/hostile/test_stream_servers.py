"""Servers that break the connection-oriented protocol, against a client in each face (R11, R12 of docs/threats.md).

What comes of it is a typed error, in time; nobody gets somebody else's answer, and nothing is left.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import lrpc
from lrpc.runtime import ncacn
from lrpc.runtime.status import Ran

WATCHDOG = 20.0
SHORT = 0.5
SUM = struct.pack("<I", 5)
"""What Add(2, 3) gives."""


@pytest.fixture(params=["blocking", "asyncio"])
def connect(request: pytest.FixtureRequest, clients_of: Any) -> Any:
    return clients_of(request.param)


@pytest.fixture(params=["ncacn_ip_tcp", "memory"])
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def response(call_id: int, stub: bytes = SUM, flags: int = 3, kind: int = 2) -> bytes:
    """A response PDU, octet by octet."""
    header = struct.pack("<BBBBIHHI", 5, 0, kind, flags, 0x10, 24 + len(stub), 0, call_id)
    return header + struct.pack("<IHBB", len(stub), 0, 0, 0) + stub


class Stream:
    """The honest half of a server on TCP: it answers the bind, and says what call came."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.association = ncacn.ServerAssociation(secondary_address="", group_id=lambda asked: asked or 1)

    def bind_ack(self) -> bytes:
        [event] = self._events()
        return self.association.accept(event, ncacn.negotiate(event.contexts, lambda syntax: True))

    def bound(self) -> Stream:
        self.connection.send(self.bind_ack(), WATCHDOG)
        return self

    def call_id(self) -> int:
        [event] = self._events()
        return int(event.call_id)

    def say(self, octets: bytes) -> None:
        self.connection.send(octets, WATCHDOG)

    def wait(self) -> None:
        """Until the client has had enough."""
        while self.connection.receive(WATCHDOG):
            continue

    def _events(self) -> list[Any]:
        while True:
            octets = self.connection.receive(WATCHDOG)
            if not octets:
                raise lrpc_disconnected()
            if events := self.association.receive_data(octets):
                return list(events)


def lrpc_disconnected() -> Exception:
    from lrpc.transports.errors import Disconnected

    return Disconnected("the client has gone")


def test_an_honest_server_is_understood(connect: Any, liars: Any, protocol: str) -> None:
    def script(connection: Any) -> None:
        server = Stream(connection).bound()
        while True:
            server.say(response(server.call_id()))

    client = connect(liars(protocol, script).binding)
    assert [client.Add(2, 3) for _ in range(5)] == [5] * 5


def test_an_answer_to_a_bind_cut_anywhere_grants_nothing(connect: Any, liars: Any, protocol: str) -> None:
    cuts: Iterator[int] = itertools.count()

    def script(connection: Any) -> None:
        connection.send(Stream(connection).bind_ack()[: next(cuts)] or b"", WATCHDOG)
        connection.close()

    liar = liars(protocol, script)
    for _ in range(50):
        with pytest.raises(lrpc.RpcError) as caught:
            connect(liar.binding, policy=lrpc.Policy(retries=0))
        assert isinstance(caught.value, lrpc.ServerUnavailable | lrpc.ProtocolError)
        assert caught.value.ran is Ran.NO


def test_an_answer_to_a_bind_that_does_not_end_is_late(connect: Any, liars: Any, protocol: str) -> None:
    def script(connection: Any) -> None:
        ack = Stream(connection).bind_ack()
        done = threading.Event()
        for octet in ack[:-1]:
            connection.send(bytes([octet]), WATCHDOG)
            done.wait(0.005)
        while connection.receive(WATCHDOG):
            continue

    with pytest.raises(lrpc.DeadlineExceeded) as caught:
        connect(liars(protocol, script).binding, timeout=SHORT)
    assert caught.value.ran is Ran.NO


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        bytes(100),
        response(1),
        response(1, kind=3),
        b"\x05\x00\x0d\x03" + bytes(200),
    ],
)
def test_a_bind_answered_by_anything_else_is_a_typed_error(
    connect: Any, liars: Any, protocol: str, answer: bytes
) -> None:
    def script(connection: Any) -> None:
        Stream(connection).bind_ack()
        connection.send(answer, WATCHDOG)
        connection.close()

    with pytest.raises(lrpc.RpcError) as caught:
        connect(liars(protocol, script).binding)
    assert caught.value.ran is Ran.NO


def test_a_response_cut_anywhere_may_have_run(connect: Any, liars: Any, protocol: str) -> None:
    cuts: Iterator[int] = itertools.count()

    def script(connection: Any) -> None:
        server = Stream(connection).bound()
        whole = response(server.call_id())
        if part := whole[: next(cuts)]:
            server.say(part)
        connection.close()

    liar = liars(protocol, script)
    for _ in range(len(response(1))):
        client = connect(liar.binding)
        with pytest.raises(lrpc.ConnectionLost) as caught:
            client.Add(2, 3)
        assert caught.value.ran is Ran.UNKNOWN


def test_a_response_that_does_not_end_is_late(connect: Any, liars: Any, protocol: str) -> None:
    def script(connection: Any) -> None:
        server = Stream(connection).bound()
        server.say(response(server.call_id())[:-1])
        server.wait()

    client = connect(liars(protocol, script).binding, timeout=SHORT)
    with pytest.raises(lrpc.DeadlineExceeded) as caught:
        client.Add(2, 3)
    assert caught.value.ran is Ran.UNKNOWN


def test_r12_fragments_that_never_end_are_late_or_too_much(connect: Any, liars: Any, protocol: str) -> None:
    def script(connection: Any) -> None:
        server = Stream(connection).bound()
        call_id = server.call_id()
        server.say(response(call_id, bytes(8), flags=1))
        while True:
            server.say(response(call_id, bytes(8), flags=0) * 10)

    liar = liars(protocol, script)
    limited = connect(liar.binding, limits=lrpc.Limits(max_response=1000))
    with pytest.raises(lrpc.ProtocolError):
        limited.Add(2, 3)
    limited.close()
    with pytest.raises((lrpc.DeadlineExceeded, lrpc.ProtocolError)):
        connect(liar.binding, timeout=SHORT).Add(2, 3)


@pytest.mark.parametrize("wrong", [1, 2, 77, 0xFFFFFFFF])
def test_r11_an_answer_to_a_call_that_was_not_made_ends_the_connection(
    connect: Any, liars: Any, protocol: str, wrong: int
) -> None:
    def script(connection: Any) -> None:
        server = Stream(connection).bound()
        server.say(response(server.call_id() + wrong & 0xFFFFFFFF))
        server.wait()

    client = connect(liars(protocol, script).binding)
    with pytest.raises((lrpc.ProtocolError, lrpc.ConnectionLost)) as caught:
        client.Add(2, 3)
    assert caught.value.ran is Ran.UNKNOWN
    with pytest.raises((lrpc.ProtocolError, lrpc.ConnectionLost)):
        client.Add(2, 3)


def test_r11_a_second_answer_is_nobody_s(connect: Any, liars: Any, protocol: str) -> None:
    def script(connection: Any) -> None:
        server = Stream(connection).bound()
        call_id = server.call_id()
        server.say(response(call_id) + response(call_id, struct.pack("<I", 666)))
        server.say(response(server.call_id(), struct.pack("<I", 667)))
        server.wait()

    client = connect(liars(protocol, script).binding)
    try:
        assert client.Add(2, 3) == 5
        with pytest.raises((lrpc.ProtocolError, lrpc.ConnectionLost)):
            client.Add(2, 4)
    except (lrpc.ProtocolError, lrpc.ConnectionLost) as error:
        assert error.ran is Ran.UNKNOWN


@pytest.mark.parametrize("status", [0, 1, 5, 0x1C010003, 0xDEADBEEF, 0xFFFFFFFF])
def test_r12_any_status_is_a_fault(connect: Any, liars: Any, protocol: str, status: int) -> None:
    def script(connection: Any) -> None:
        server = Stream(connection).bound()
        while True:
            server.say(response(server.call_id(), struct.pack("<II", status, 0), kind=3))

    client = connect(liars(protocol, script).binding)
    for _ in range(2):
        with pytest.raises(lrpc.Fault) as caught:
            client.Add(2, 3)
        assert caught.value.status == status
        assert caught.value.ran is not Ran.YES


def test_t3_a_reset_in_the_middle_of_a_response_is_a_lost_connection(connect: Any, liars: Any) -> None:
    def script(connection: Any) -> None:
        server = Stream(connection).bound()
        server.say(response(server.call_id())[:20])
        linger = struct.pack("ii", 1, 0)
        connection._timed.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        connection.close()

    client = connect(liars("ncacn_ip_tcp", script).binding)
    with pytest.raises(lrpc.ConnectionLost) as caught:
        client.Add(2, 3)
    assert caught.value.ran is Ran.UNKNOWN


def test_results_that_are_cut_short_did_run(connect: Any, liars: Any, protocol: str) -> None:
    def script(connection: Any) -> None:
        server = Stream(connection).bound()
        for size in range(4):
            server.say(response(server.call_id(), SUM[:size]))
        server.say(response(server.call_id()))
        server.wait()

    client = connect(liars(protocol, script).binding)
    for _ in range(4):
        with pytest.raises(lrpc.BadStubData) as caught:
            client.Add(2, 3)
        assert caught.value.ran is Ran.YES
    assert client.Add(2, 3) == 5


def test_changed_answers_are_answers_or_typed_errors(
    connect: Any, liars: Any, protocol: str, mutate: Callable[..., Any]
) -> None:
    changed = mutate(response(2), 150, 3)

    def script(connection: Any) -> None:
        server = Stream(connection).bound()
        server.call_id()
        server.say(next(changed) or b"x")
        connection.close()

    liar = liars(protocol, script)
    for _ in range(150):
        client = connect(liar.binding)
        try:
            client.Add(2, 3)
        except lrpc.RpcError as error:
            assert error.ran in tuple(Ran)
        client.close()


# Binds


NO = ncacn.ContextResult(2, 1)
YES = ncacn.ContextResult(0, 0, ncacn.NDR)


@pytest.mark.parametrize(
    "fields",
    [
        {"results": []},
        {"results": [YES, YES]},
        {"results": [ncacn.ContextResult(0, 0, ncacn.NDR64)]},
        {"results": [ncacn.ContextResult(0)]},
        {"results": [ncacn.ContextResult(3, 3)]},
        {"results": [NO]},
        {"results": [ncacn.ContextResult(0xFFFF, 0xFFFF)]},
        {"call_id": 2},
        {"call_id": 0},
        {"max_xmit": 1431},
        {"max_recv": 0},
    ],
    ids=str,
)
def test_an_answer_to_a_bind_that_is_not_one_did_not_run(
    connect: Any, liars: Any, raw: Any, protocol: str, fields: dict[str, Any]
) -> None:
    def script(connection: Any) -> None:
        Stream(connection).bind_ack()
        connection.send(raw.ack(**fields), WATCHDOG)
        while connection.receive(WATCHDOG):
            continue

    with pytest.raises((lrpc.ProtocolError, lrpc.BindRefused)) as caught:
        connect(liars(protocol, script).binding)
    assert caught.value.ran is Ran.NO


@pytest.mark.parametrize("reason", [0, 1, 2, 4, 8, 9, 77, 0xFFFF])
def test_a_bind_refused_for_any_reason_did_not_run(connect: Any, liars: Any, protocol: str, reason: int) -> None:
    def script(connection: Any) -> None:
        Stream(connection).bind_ack()
        connection.send(ncacn.bind_pdu.BindNak(1, reason).serialize(), WATCHDOG)
        connection.close()

    with pytest.raises(lrpc.RpcError) as caught:
        connect(liars(protocol, script).binding)
    assert caught.value.ran is Ran.NO


def test_a_server_that_is_silent_is_late(connect: Any, liars: Any, protocol: str) -> None:
    def script(connection: Any) -> None:
        server = Stream(connection)
        server.bind_ack()
        server.wait()

    with pytest.raises(lrpc.DeadlineExceeded) as caught:
        connect(liars(protocol, script).binding, timeout=SHORT)
    assert caught.value.ran is Ran.NO


# Anything at any time


@pytest.mark.parametrize("name", ["bind_ack", "bind_nak", "alter_context_resp"])
def test_an_answer_to_a_bind_that_was_not_asked_for_ends_the_connection(
    connect: Any, liars: Any, raw: Any, protocol: str, name: str
) -> None:
    def script(connection: Any) -> None:
        server = Stream(connection).bound()
        server.call_id()
        server.say(raw.answers()[name])
        server.wait()

    client = connect(liars(protocol, script).binding)
    with pytest.raises((lrpc.ProtocolError, lrpc.ConnectionLost)) as caught:
        client.Add(2, 3)
    assert caught.value.ran is Ran.UNKNOWN


def test_a_shutdown_in_the_middle_of_a_call_leaves_the_call_its_answer(connect: Any, liars: Any, protocol: str) -> None:
    shutdown = ncacn.pdu.Shutdown(0).serialize()

    def script(connection: Any) -> None:
        server = Stream(connection).bound()
        while True:
            call_id = server.call_id()
            server.say(shutdown + response(call_id, SUM[:2], flags=1) + shutdown + response(call_id, SUM[2:], flags=2))

    client = connect(liars(protocol, script).binding)
    assert [client.Add(2, 3) for _ in range(3)] == [5] * 3


def test_an_answer_octet_by_octet_is_understood(connect: Any, liars: Any, protocol: str) -> None:
    def script(connection: Any) -> None:
        server = Stream(connection)
        for octet in server.bind_ack():
            connection.send(bytes([octet]), WATCHDOG)
        while True:
            for octet in response(server.call_id()):
                connection.send(bytes([octet]), WATCHDOG)

    client = connect(liars(protocol, script).binding)
    assert [client.Add(2, 3) for _ in range(3)] == [5] * 3


@pytest.mark.parametrize("context", [1, 0xFF, 0xFFFF])
def test_r11_an_answer_goes_by_its_call_and_not_by_its_context(
    connect: Any, liars: Any, protocol: str, context: int
) -> None:
    def script(connection: Any) -> None:
        server = Stream(connection).bound()
        while True:
            octets = bytearray(response(server.call_id()))
            octets[20:22] = struct.pack("<H", context)  # Windows gives 8 of its 16 bits
            server.say(bytes(octets))

    assert connect(liars(protocol, script).binding).Add(2, 3) == 5


def test_r11_a_lie_to_one_caller_is_nobody_s_answer(
    connect: Any, liars: Any, protocol: str, threads: Any, until: Any
) -> None:
    """Four calls wait; an answer to a fifth that was not made ends them all, and none has a result."""

    def script(connection: Any) -> None:
        server = Stream(connection).bound()
        calls: list[int] = []
        while len(calls) < 4:
            calls += [event.call_id for event in server._events()]
        server.say(response(max(calls) + 1, struct.pack("<I", 666)))
        server.wait()

    client = connect(liars(protocol, script).binding)
    for each in [threads.submit(client.Add, 2, 3) for _ in range(4)]:
        error = each.exception(WATCHDOG)
        assert isinstance(error, lrpc.ProtocolError | lrpc.ConnectionLost)
        assert error.ran is Ran.UNKNOWN


def test_r11_answers_in_any_order_reach_their_callers(connect: Any, liars: Any, protocol: str, threads: Any) -> None:
    def script(connection: Any) -> None:
        server = Stream(connection).bound()
        calls: list[Any] = []
        while len(calls) < 4:
            calls += server._events()
        for call in reversed(calls):
            server.say(response(call.call_id, struct.pack("<I", sum(struct.unpack("<II", call.stub)))))
        server.wait()

    client = connect(liars(protocol, script).binding)
    waiting = [threads.submit(client.Add, number, 10) for number in range(4)]
    assert [each.result(WATCHDOG) for each in waiting] == [10, 11, 12, 13]


def test_r12_a_response_beyond_the_limit_says_so(connect: Any, liars: Any, protocol: str) -> None:
    def script(connection: Any) -> None:
        server = Stream(connection).bound()
        call_id = server.call_id()
        server.say(response(call_id, bytes(900), flags=1) + response(call_id, bytes(900), flags=2))
        server.wait()

    client = connect(liars(protocol, script).binding, limits=lrpc.Limits(max_response=1000))
    with pytest.raises(lrpc.ResponseTooLarge, match="1000 octets") as caught:
        client.Add(2, 3)
    assert caught.value.ran is Ran.UNKNOWN


def test_nothing_of_servers_that_lied_is_kept(
    connect: Any, liars: Any, protocol: str, mutate: Callable[..., Any], until: Any
) -> None:
    changed = iter([b"", *mutate(response(2), 60, 5)])

    def script(connection: Any) -> None:
        server = Stream(connection).bound()
        server.call_id()
        server.say(next(changed) or b"x")
        connection.close()

    def held() -> int:
        gc.collect()
        return sum(isinstance(found, ncacn.ClientAssociation) for found in gc.get_objects())

    def round_() -> None:
        client = connect(liar.binding)
        with contextlib.suppress(lrpc.RpcError):
            client.Add(2, 3)
        client.close()
        connect._open.pop()

    liar = liars(protocol, script)
    round_()
    before, descriptors = held(), len(os.listdir("/proc/self/fd"))
    for _ in range(60):
        round_()
    until(lambda: held() <= before and len(os.listdir("/proc/self/fd")) <= descriptors + 1)
