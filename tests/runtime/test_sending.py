"""A wire shared by threads when no more fits into its sockets, against a server that reads only between answers.

The server is the test itself: what it sends, it sends with patience, and meanwhile it reads nothing.
"""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest

import lrpc
from lrpc.runtime import ncacn, ncalrpc
from lrpc.runtime.call import Limits
from lrpc.runtime.channel import BlockingChannel
from lrpc.runtime.lrpc_wire import LrpcWire
from lrpc.runtime.ncacn.pdu import Fault, Response
from lrpc.runtime.pdu_wire import PduWire
from lrpc.runtime.status import Ran
from lrpc.transports import alpc, memory, tcp
from lrpc.transports.seam import Peer
from lrpc.transports.unix import PacketConnection

WATCHDOG = 20.0
FRAGMENT = 4000
LARGE = bytes(9 << 20)
"""More than fits into the sockets, and into the queues of `memory`."""
SMALL_BUFFER = 20_000
INLINE = bytes(8000)
LIMITS = ncacn.Limits(max_request=16 << 20)


class GatedWire(PduWire):
    """Holds up who has the turn to read, before it sends."""

    gate: threading.Event | None = None

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.entered = threading.Event()

    def exchange(self, opnum: int, parts: Sequence[Any], timeout: float) -> Any:
        if self.gate is not None:
            self.entered.set()
            assert self.gate.wait(WATCHDOG)
        return super().exchange(opnum, parts, timeout)


class Server:
    """Bound; does what it is told."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self._engine = ncacn.ServerAssociation(secondary_address="x", group_id=lambda _: 1, limits=LIMITS)
        self._events: list[Any] = []

    def bind(self) -> None:
        event = self._next(ncacn.BindRequested)
        results = ncacn.negotiate(event.contexts, lambda _: True)
        self.connection.send(self._engine.accept(event, results), WATCHDOG)

    def take(self) -> int:
        """The key of the next call."""
        return int(self._next(ncacn.RequestReceived).call_id)

    def answer(self, key: int, stub: bytes) -> None:
        """By hand, for the engine answers no call that was given up."""
        for offset in range(0, len(stub) or 1, FRAGMENT):
            flags = (0 if offset else 1) | (2 if offset + FRAGMENT >= len(stub) else 0)
            pdu = Response(key, 0, stub[offset : offset + FRAGMENT], flags=flags)
            self.connection.send(pdu.serialize(), WATCHDOG)

    def refuse(self, key: int) -> None:
        self.connection.send(Fault(key, 0, 5).serialize(), WATCHDOG)

    def _next(self, kind: type) -> Any:
        while True:
            while self._events:
                if isinstance(event := self._events.pop(0), kind):
                    return event
            self._events += self._engine.receive_data(self.connection.receive(WATCHDOG))


def packets() -> tuple[socket.socket, socket.socket]:
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in ends:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER)
    return ends


def piped() -> tuple[Any, Any]:
    one, two = packets()
    return PacketConnection(one, Peer(), 1 << 16), PacketConnection(two, Peer(), 1 << 16)


def streamed() -> tuple[Any, Any]:
    listener = tcp.listen(("127.0.0.1", 0))
    client = tcp.connect(tcp.parse_address(listener.address))
    server = listener.accept(WATCHDOG)
    listener.close()
    return client, server


@pytest.fixture(params=[piped, streamed, memory.pair])
def joined(
    request: pytest.FixtureRequest, threads: ThreadPoolExecutor, calculator: Any
) -> Iterator[tuple[BlockingChannel, GatedWire, Server]]:
    """A channel that is bound, its wire, and the server."""
    client, end = request.param()
    wire, server = GatedWire(client, Limits()), Server(end)
    binding = threads.submit(server.bind)
    wire.bind(calculator.Calculator.interface, WATCHDOG)
    binding.result(WATCHDOG)
    yield BlockingChannel(wire, WATCHDOG), wire, server
    client.close()
    end.close()


def abandon(channel: BlockingChannel) -> None:
    """A call that nobody waits for any more; its answer will come all the same."""
    with pytest.raises(lrpc.DeadlineExceeded), lrpc.deadline(0.02):
        channel.call(0, [b""])


def begun(server: Server, until: Callable[[Callable[[], bool]], None]) -> None:
    """A call is being sent: its beginning is there."""
    descriptor = server.connection.fileno()
    until(lambda: bool(select.select([descriptor], [], [], 0)[0]))


def test_a_lone_call_leaves_while_an_answer_comes_that_nobody_waits_for(
    joined: Any, threads: ThreadPoolExecutor
) -> None:
    channel, _, server = joined
    abandon(channel)
    key = server.take()
    call = threads.submit(channel.call, 0, [LARGE])
    server.answer(key, LARGE)
    server.answer(server.take(), b"answer")
    assert call.result(WATCHDOG)[0] == b"answer"


def test_a_call_that_has_the_turn_to_read_reads_while_it_is_sent(joined: Any, threads: ThreadPoolExecutor) -> None:
    channel, wire, server = joined
    wire.gate = threading.Event()
    lone = threads.submit(channel.call, 0, [LARGE])
    assert wire.entered.wait(WATCHDOG)
    other = threads.submit(channel.call, 0, [LARGE])
    key = server.take()
    wire.gate.set()
    server.answer(key, LARGE)
    assert len(other.result(WATCHDOG)[0]) == len(LARGE)
    server.answer(server.take(), b"answer")
    assert lone.result(WATCHDOG)[0] == b"answer"


def test_a_call_that_waits_for_the_turn_to_send_keeps_not_that_to_read(
    joined: Any, threads: ThreadPoolExecutor, until: Any
) -> None:
    channel, wire, server = joined
    abandon(channel)
    forgotten = server.take()
    wire.gate = threading.Event()
    lone = threads.submit(channel.call, 0, [b"small"])
    assert wire.entered.wait(WATCHDOG)
    other = threads.submit(channel.call, 0, [LARGE])
    begun(server, until)
    wire.gate.set()
    server.answer(forgotten, LARGE)
    for call in (other, lone):
        server.answer(server.take(), b"answer")
        assert call.result(WATCHDOG)[0] == b"answer"


def test_a_call_that_is_being_sent_takes_over_the_turn_to_read(
    joined: Any, threads: ThreadPoolExecutor, until: Any
) -> None:
    channel, wire, server = joined
    abandon(channel)
    forgotten = server.take()
    leader = threads.submit(channel.call, 0, [b""])
    first = server.take()
    follower = threads.submit(channel.call, 0, [LARGE])
    begun(server, until)
    server.answer(first, b"first")
    assert leader.result(WATCHDOG)[0] == b"first"
    server.answer(forgotten, LARGE)
    server.answer(server.take(), b"second")
    assert follower.result(WATCHDOG)[0] == b"second"
    wire.gate = None
    again = threads.submit(channel.call, 0, [b""])
    server.answer(server.take(), b"third")
    assert again.result(WATCHDOG)[0] == b"third"


def test_a_fault_that_comes_early_is_raised_and_the_connection_stays(
    joined: Any, threads: ThreadPoolExecutor, until: Any
) -> None:
    channel, _, server = joined
    call = threads.submit(channel.call, 0, [LARGE])
    begun(server, until)
    server.refuse(2)  # 1 was the bind
    assert server.take() == 2
    assert isinstance(call.exception(WATCHDOG), lrpc.AccessDenied)
    call = threads.submit(channel.call, 0, [b""])
    server.answer(server.take(), b"answer")
    assert call.result(WATCHDOG)[0] == b"answer"


def test_a_fault_that_comes_early_is_raised_though_the_server_reads_no_more(
    joined: Any, threads: ThreadPoolExecutor, until: Any
) -> None:
    channel, _, server = joined

    def hurried() -> None:
        with lrpc.deadline(0.5):
            channel.call(0, [LARGE])

    call = threads.submit(hurried)
    begun(server, until)
    server.refuse(2)
    assert isinstance(call.exception(WATCHDOG), lrpc.AccessDenied)
    with pytest.raises(lrpc.ConnectionLost, match="had ended before"):
        channel.call(0, [b""])


def test_a_call_cut_short_by_its_deadline_ends_the_connection(joined: Any) -> None:
    channel, _, _ = joined
    with pytest.raises(lrpc.DeadlineExceeded) as caught, lrpc.deadline(0.05):
        channel.call(0, [LARGE])
    assert caught.value.ran is Ran.UNKNOWN
    with pytest.raises(lrpc.ConnectionLost, match="had ended before") as after:
        channel.call(0, [b""])
    assert after.value.ran is Ran.NO


def test_a_server_that_leaves_ends_a_call_that_is_being_sent(
    joined: Any, threads: ThreadPoolExecutor, until: Any
) -> None:
    channel, _, server = joined
    calls = [threads.submit(channel.call, 0, [LARGE]) for _ in range(3)]
    begun(server, until)
    server.connection.close()
    for call in calls:
        assert isinstance(call.exception(WATCHDOG), lrpc.ConnectionLost)


@pytest.mark.parametrize("joined", [piped, memory.pair], indirect=True)
def test_a_call_that_found_no_room_leaves_no_trace(joined: Any, threads: ThreadPoolExecutor) -> None:
    channel, wire, server = joined
    noise = 0
    while wire.connection.send_now(bytes(4000)):
        noise += 1
    with pytest.raises(lrpc.DeadlineExceeded) as caught, lrpc.deadline(0.02):
        channel.call(0, [bytes(4000)])
    assert caught.value.ran is Ran.NO
    for _ in range(noise):
        server.connection.receive(WATCHDOG)
    call = threads.submit(channel.call, 0, [b""])
    server.answer(server.take(), b"answer")
    assert call.result(WATCHDOG)[0] == b"answer"


@pytest.mark.parametrize("object", [None, UUID(int=7)], ids=["plain", "of an object"])
def test_a_local_call_leaves_while_answers_come_that_nobody_waits_for(
    threads: ThreadPoolExecutor, calculator: Any, object: UUID | None
) -> None:
    one, two = packets()
    client, server = alpc.CommunicationPort(one, Peer()), alpc.CommunicationPort(two, Peer())
    wire, engine = LrpcWire(client, Limits(), object), ncalrpc.ServerAssociation()

    def bind() -> None:
        asked = server.receive_message(WATCHDOG)
        event: Any = engine.receive(asked.data)
        server.send_message(engine.accept(event), asked.message_id, alpc.LPC_REPLY, None, WATCHDOG)

    binding = threads.submit(bind)
    wire.bind(calculator.Calculator.interface, WATCHDOG)
    binding.result(WATCHDOG)
    channel = BlockingChannel(wire, WATCHDOG)
    given_up: list[lrpc.DeadlineExceeded] = []
    while not given_up or given_up[-1].ran is not Ran.NO:  # until there is no room
        with pytest.raises(lrpc.DeadlineExceeded) as caught, lrpc.deadline(0.05):
            channel.call(0, [INLINE])
        given_up.append(caught.value)
    call = threads.submit(channel.call, 0, [INLINE])
    for _ in range(20):
        server.send_message(engine.respond(999, [INLINE]).data, 999, alpc.LPC_REPLY, None, WATCHDOG)
    requests = len(given_up)  # but for the last, which has not left, and with the one that waits
    while requests:
        asked = server.receive_message(WATCHDOG)
        if isinstance(engine.receive(asked.data), ncalrpc.Cancelled):
            continue
        requests -= 1
        server.send_message(engine.respond(asked.message_id, [b"answer"]).data, asked.message_id, alpc.LPC_REPLY)
    assert call.result(WATCHDOG)[0] == b"answer"
    client.close()
    server.close()
