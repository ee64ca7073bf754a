"""The client's end of LRPC, joined to a server's engine by hand."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any
from uuid import UUID

import pytest

import lrpc
from lrpc.runtime import ncalrpc, plain
from lrpc.runtime.async_channel import AsyncioChannel
from lrpc.runtime.call import Limits
from lrpc.runtime.flat_prompt import Hands
from lrpc.runtime.lrpc_wire import LrpcWire, within
from lrpc.runtime.ndr.layout import Encoding
from lrpc.runtime.outcomes import dropped
from lrpc.runtime.pipes.piping import Piece
from lrpc.runtime.prompt import Places
from lrpc.transports import alpc
from lrpc.transports.alpc.memory.lending import ATTRIBUTES, LENT
from lrpc.transports.alpc.messages import message
from lrpc.transports.errors import ResourcesExhausted
from lrpc.transports.seam import Peer

WATCHDOG = 20.0
LARGE = bytes(range(256)) * 400


class Bound:
    """A wire, the server's end of its port, and the engine there."""

    def __init__(
        self,
        interface: Any,
        limits: Limits = Limits(),  # noqa: B008
        object: UUID | None = None,
        encodings: Sequence[Encoding] = (Encoding.NDR,),
    ) -> None:
        one, two = (
            alpc.CommunicationPort(end, Peer()) for end in socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        )
        self.wire, self.port = LrpcWire(one, limits, object), two
        self.engine = ncalrpc.ServerAssociation()
        thread = threading.Thread(target=self._bind)
        thread.start()
        self.wire.bind(interface, WATCHDOG, encodings=encodings)
        thread.join(WATCHDOG)

    def _bind(self) -> None:
        asked = self.port.receive_message(WATCHDOG)
        self.bound: Any = self.engine.receive(asked.data)
        self.port.send_message(self.engine.accept(self.bound), asked.message_id, alpc.LPC_REPLY, None, WATCHDOG)

    def next(self) -> Any:
        return self.engine.receive(self.port.receive_message(WATCHDOG).data)

    def asked(self, size: int) -> tuple[int, Any]:
        """The number and the octets of the next call, which is in a view of that size."""
        message = self.port.receive_message(WATCHDOG)
        assert message.view is not None
        assert len(message.view) == size
        return message.message_id, message.view

    def answer(self, key: int, octets: bytes) -> None:
        """In a view."""
        data = plain.large_response(key, len(octets))
        self.port.lend(data, [octets], len(octets), key, alpc.LPC_REPLY, WATCHDOG)

    def meet(self) -> None:
        """Have both ends pass their sections, which takes more than one step."""
        key = self.wire.lend(0, [LARGE])
        assert self.asked(len(LARGE))[0] == key
        self.answer(key, LARGE)
        [(arrived, reply)] = self.come()
        assert (arrived, reply[0]) == (key, LARGE)
        reply[2]()

    def come(self) -> Any:
        """What has come, after what was for the port itself."""
        for _ in range(5):
            if (arrivals := self.wire.receive_now()) is not None:
                return arrivals
        return None

    def close(self) -> None:
        self.wire.close()
        self.port.close()


@pytest.fixture
def bind(calculator: Any) -> Iterator[Callable[..., Bound]]:
    made: list[Bound] = []

    def make(*options: Any) -> Bound:
        made.append(Bound(calculator.Calculator.interface, *options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def bound(bind: Callable[..., Bound]) -> Bound:
    return bind()


def test_calls_overlap(bound: Bound) -> None:
    assert bound.wire.multiplex


def test_a_plain_call_without_an_answer_is_late_and_not_yet_given_up(bound: Bound) -> None:
    key, arrived = bound.wire.exchange(0, [b"12345678"], 0.01) or (0, [])
    assert arrived is None
    assert bound.next().call_id == key
    assert bound.port.receive_message_now() is None


def test_a_plain_call_goes_behind_what_is_to_be_said(bound: Bound) -> None:
    port, waiting = bound.wire.port, 0
    for size in (60_000, 0):
        while port.send_message_now(bytes(size), type=alpc.LPC_DATAGRAM):
            waiting += 1
    bound.wire.cancel(5)
    key, frame = bound.wire.plain(0, [b"12345678"]) or (0, b"")
    assert bound.wire.send_plain(frame) == 0
    for _ in range(waiting):
        bound.port.receive_message(WATCHDOG)
    assert not bound.wire.tell(0, [b"12345678"])
    assert bound.wire.send_plain(frame) == len(frame)
    assert bound.next() == ncalrpc.Cancelled(5)
    assert bound.next().call_id == key


def test_what_answers_a_flat_call_at_once_and_is_no_plain_reply_is_understood(bound: Bound, calculator: Any) -> None:
    def heard(key: int, arrivals: Any) -> Any:
        return key, arrivals()

    hands: Any = Hands({}, {}, Places(1), lambda receive: receive(), lambda key: key, heard)
    add = calculator.Calculator.interface.operations[0]
    call = bound.wire.flat_now(hands, add, add.flat)
    assert call is not None
    key = bound.wire._association.next_call_id()
    bound.port.send_message(bound.engine.fault(5), key + 1, alpc.LPC_REPLY)
    bound.port.send_frame(message.pack(message.SECTION_NOTICE, 1, b""), WATCHDOG)
    asked: Any = [call((2, 3)), call((2, 3))]
    [(own, [(number, failed)]), (_, nothing)] = [awaited.reply for awaited in asked]
    assert (own, number, type(failed), nothing) == (key + 1, key + 1, lrpc.AccessDenied, [])


def test_an_answer_that_is_none_or_to_no_call_of_its_message_ends_the_connection(bound: Bound) -> None:
    for data in (b"", bytes(bound.engine.respond(9, [b"octets"]).data), bound.engine.refuse(bound.bound)):
        bound.port.send_message(data, 8, alpc.LPC_REPLY)
        with pytest.raises(lrpc.ProtocolError):
            bound.wire.receive(WATCHDOG)


def test_a_call_is_cancelled_once(bound: Bound) -> None:
    bound.wire.cancel(5)
    bound.wire.abandon(5, cancelled=True)
    bound.wire.abandon(6)
    assert [bound.next(), bound.next()] == [ncalrpc.Cancelled(5), ncalrpc.Cancelled(6)]


def test_a_server_that_has_gone_is_a_lost_connection(bound: Bound) -> None:
    bound.port.close()
    with pytest.raises(lrpc.ConnectionLost):
        bound.wire.receive(WATCHDOG)


def test_what_is_told_to_a_server_that_has_gone_has_not_run(bound: Bound) -> None:
    bound.port.close()
    with pytest.raises(lrpc.ConnectionLost) as caught:
        bound.wire.tell(0, [b"12345678"])
    assert caught.value.ran is lrpc.Ran.NO


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
    assert not bound.wire.lend(0, [bytes(100_000)])
    port.allocate(79 << 20)  # the whole section but a little: what was taken has come back


def test_a_call_in_a_view_to_a_server_that_has_gone_has_not_run(bound: Bound) -> None:
    bound.port.close()
    with pytest.raises(lrpc.ConnectionLost) as caught:
        bound.wire.exchange(0, [bytes(100_000)], WATCHDOG)
    assert caught.value.ran is lrpc.Ran.NO
    assert not bound.wire.lend(0, [bytes(100_000)])


def test_a_call_in_a_view_that_has_gone_is_not_made_again_for_want_of_resources(bound: Bound) -> None:
    def exhausted(size: int) -> bytes:
        raise ResourcesExhausted("no descriptor for the section of the answer")

    bound.wire.port._wait = exhausted
    with pytest.raises(lrpc.RpcError, match="no descriptor") as caught:
        bound.wire.exchange(0, [bytes(100_000)], WATCHDOG)
    assert caught.value.ran is lrpc.Ran.UNKNOWN


# Those of asyncio


def test_a_call_that_is_lent_is_answered_in_one_step(bound: Bound, monkeypatch: pytest.MonkeyPatch) -> None:
    bound.meet()
    monkeypatch.setattr(bound.wire, "_arrived", None)
    for _ in range(3):
        key = bound.wire.lend(0, [LARGE[:1000], LARGE[1000:]])
        assert bound.asked(len(LARGE)) == (key, LARGE)
        bound.answer(key, LARGE[1:])
        [(arrived, reply)] = bound.come()
        assert (arrived, reply[:2]) == (key, (LARGE[1:], bound.wire.encoding))
        reply[2]()
        assert [*bound.wire.port.kept] == [len(LARGE)]
        assert not bound.wire.port.lent_requests


def test_a_call_that_is_lent_and_has_a_small_answer_gives_its_view_back(bound: Bound) -> None:
    for _ in range(3):
        key = bound.wire.lend(0, [LARGE])
        assert bound.asked(len(LARGE)) == (key, LARGE)
        bound.port.send_frame(plain.response(bytes(16), key, key, b"small"), WATCHDOG)
        assert bound.come() == [(key, (b"small", bound.wire.encoding, None))]
        assert [*bound.wire.port.kept] == [len(LARGE)]
        assert not bound.wire.port.lent_requests


def test_a_fault_gives_the_view_of_its_call_back(bound: Bound) -> None:
    key = bound.wire.lend(0, [LARGE])
    bound.asked(len(LARGE))
    bound.port.send_message(bound.engine.fault(5), key, alpc.LPC_REPLY)
    [(arrived, fault)] = bound.come()
    assert (arrived, type(fault)) == (key, lrpc.AccessDenied)
    assert not bound.wire.port._sharing._lent


def test_what_is_said_first_goes_before_a_call_that_is_lent(bound: Bound) -> None:
    bound.meet()
    bound.wire._unsaid.append(bound.wire._association.cancel(77))
    key = bound.wire.lend(0, [LARGE])
    assert bound.next() == ncalrpc.Cancelled(77)
    assert bound.asked(len(LARGE)) == (key, LARGE)


@pytest.mark.parametrize(("limits", "object"), [(Limits(), UUID(int=7)), (Limits(max_response=1000), None)])
def test_no_call_of_some_connections_is_lent(bind: Callable[..., Bound], limits: Limits, object: UUID | None) -> None:
    bound = bind(limits, object)
    assert not bound.wire.lend(0, [LARGE])
    assert bound.wire.plain(0, [b""]) is None


def test_a_call_in_the_middle_of_a_callback_is_not_lent(bound: Bound) -> None:
    token = within.set((bound.wire, 7))
    try:
        assert not bound.wire.lend(0, [LARGE])
    finally:
        within.reset(token)


LIES: dict[str, Callable[[int, Any], bytes]] = {
    "more octets than the view": lambda key, view: lent(key, view, plain.large_response(key, len(LARGE) + 1)),
    "another number": lambda key, view: lent(key, view, plain.large_response(key + 1, len(LARGE))),
    "data cut short": lambda key, view: lent(key, view, plain.large_response(key, len(LARGE))[:-1]),
    "a view behind the section": lambda key, view: lent(key, view, plain.large_response(key, len(LARGE)), 80 << 20),
    "a view of no section": lambda key, view: lent(key, view, plain.large_response(key, len(LARGE)), 1 << 40),
    "no view": lambda key, view: plain.response(bytes(16), key, key, b"")[:-24] + plain.large_response(key, len(LARGE)),
}


def lent(key: int, view: Any, data: bytes, off: int = 0) -> bytes:
    """A packet with a view, if it is that."""
    head = LENT.pack(len(data), len(data) + 40, alpc.LPC_REPLY, key, ATTRIBUTES, 1 << 20, view.base + off, view.size)
    return head + data


@pytest.mark.parametrize("lie", LIES)
def test_an_answer_in_a_view_that_lies_ends_the_connection(bound: Bound, lie: str) -> None:
    bound.meet()
    key = bound.wire.lend(0, [LARGE])
    bound.asked(len(LARGE))
    bound.port.send_frame(LIES[lie](key, bound.port.filled([LARGE], len(LARGE))), WATCHDOG)
    with pytest.raises(lrpc.ProtocolError):
        bound.come()


@pytest.mark.parametrize(
    ("data", "stub"),
    [
        (lambda key: plain.large_response(key, 1000), LARGE[:1000]),
        (lambda key: ncalrpc.messages.pack_response(key) + b"copied", b"copied"),
    ],
    ids=["fewer octets", "no word of it"],
)
def test_of_a_view_counts_what_its_message_says(bound: Bound, data: Callable[[int], bytes], stub: bytes) -> None:
    bound.meet()
    key = bound.wire.lend(0, [LARGE])
    bound.asked(len(LARGE))
    bound.port.send_frame(lent(key, bound.port.filled([LARGE], len(LARGE)), data(key)), WATCHDOG)
    [(arrived, reply)] = bound.come()
    assert (arrived, reply[0]) == (key, stub)
    assert not bound.wire.port.lent_requests


def test_an_answer_to_nobody_gives_its_view_back_and_takes_none(bound: Bound) -> None:
    bound.meet()
    key = bound.wire.lend(0, [LARGE])
    bound.asked(len(LARGE))
    bound.answer(77, LARGE)
    [(arrived, reply)] = bound.come()
    assert arrived == 77
    assert [*bound.wire.port.lent_requests] == [key]
    dropped(reply)
    bound.wire.send_plain(plain.request(bytes(16), 5, 0, 0, b""))
    bound.next()
    assert not bound.port._sharing._lent


def test_an_answer_in_a_view_that_is_too_large_for_its_client_is_refused(bind: Callable[..., Bound]) -> None:
    bound = bind(Limits(max_response=len(LARGE)))
    bound.meet()
    key = bound.wire.lend(0, [LARGE])
    bound.asked(len(LARGE))
    bound.answer(key, LARGE + b"!")
    with pytest.raises(lrpc.ResponseTooLarge):
        bound.come()


def test_a_whole_answer_to_a_call_with_pipes_ends_it(bound: Bound) -> None:
    key = bound.wire.begin(0)
    for octets in bound.wire.more(key, Piece([b"all of it"], last=True)):
        bound.wire.send_now(octets)
    bound.next()
    bound.port.send_frame(plain.response(bytes(16), key, key, b"all"), WATCHDOG)
    assert bound.come() == [(key, (b"all", bound.wire.encoding, None))]
    assert bound.wire.given_up(key) == b""


def channelled(bound: Bound, script: Callable[[AsyncioChannel], Awaitable[None]], timeout: float = WATCHDOG) -> None:
    """Run it with a channel of asyncio on the wire."""

    async def main() -> None:
        channel = AsyncioChannel(bound.wire, timeout)
        async with asyncio.timeout(WATCHDOG):
            await script(channel)
        await channel.close()

    asyncio.run(main())


async def sent(channel: AsyncioChannel, octets: bytes) -> asyncio.Task[Any]:
    task = asyncio.ensure_future(channel.call(0, [octets]))
    await asyncio.sleep(0)
    return task


@pytest.mark.parametrize("how", ["cancelled", "late"])
def test_the_view_of_a_call_that_is_given_up_is_the_servers_until_it_answers(bound: Bound, how: str) -> None:
    other = LARGE[::-1]

    async def script(channel: AsyncioChannel) -> None:
        given_up = await sent(channel, LARGE)
        if how == "cancelled":
            given_up.cancel()
        with pytest.raises(asyncio.CancelledError if how == "cancelled" else lrpc.DeadlineExceeded):
            await given_up
        channel._timeout = WATCHDOG
        later = await sent(channel, other)
        key, view = bound.asked(len(LARGE))
        assert bound.next() == ncalrpc.Cancelled(key)
        after, beside = bound.asked(len(LARGE))
        assert (view, beside) == (LARGE, other)
        bound.answer(key, LARGE)
        bound.answer(after, other)
        stub, _, release = await later
        assert stub == other
        release()  # type: ignore[misc]
        assert not bound.wire.port.lent_requests
        assert (await answered(channel, bound))[0] == b"done"
        assert not bound.port._sharing._lent

    channelled(bound, script, WATCHDOG if how == "cancelled" else 0.01)


async def answered(channel: AsyncioChannel, bound: Bound) -> Any:
    """A small call: what is said of views goes with it."""
    task = await sent(channel, b"")
    message = bound.port.receive_message(WATCHDOG)
    bound.port.send_frame(plain.response(bytes(16), message.message_id, message.message_id, b"done"), WATCHDOG)
    return await task


@pytest.mark.parametrize("who", ["client", "server"])
def test_a_large_call_may_have_run_when_its_connection_ends(bound: Bound, who: str) -> None:
    async def script(channel: AsyncioChannel) -> None:
        task = await sent(channel, LARGE)
        _, view = bound.asked(len(LARGE))
        if who == "client":
            await channel.close()
        else:
            bound.port.close()
        with pytest.raises(lrpc.ConnectionLost) as caught:
            await task
        assert caught.value.ran is lrpc.Ran.UNKNOWN
        assert view == LARGE  # which whoever has it reads on

    channelled(bound, script)


def test_a_large_call_to_a_server_that_has_gone_has_not_run_for_asyncio_either(bound: Bound) -> None:
    async def script(channel: AsyncioChannel) -> None:
        bound.port.close()
        with pytest.raises(lrpc.ConnectionLost) as caught:
            await channel.call(0, [LARGE])
        assert caught.value.ran is lrpc.Ran.NO
        assert channel.has_ended()

    channelled(bound, script)


def test_a_large_call_without_room_in_the_section_has_not_run_and_the_next_one_goes(bound: Bound) -> None:
    async def script(channel: AsyncioChannel) -> None:
        taken = bound.wire.port.allocate(80 << 20)
        with pytest.raises(lrpc.RpcError, match="left in the section") as caught:
            await channel.call(0, [LARGE])
        assert caught.value.ran is lrpc.Ran.NO
        bound.wire.port.discard(taken)
        task = await sent(channel, LARGE)
        key, _ = bound.asked(len(LARGE))
        bound.answer(key, LARGE)
        assert (await task)[0] == LARGE

    channelled(bound, script)


def test_a_large_call_without_room_on_its_way_goes_when_there_is(bound: Bound) -> None:
    async def script(channel: AsyncioChannel) -> None:
        filled = 0
        for size in (60_000, 0):
            while bound.wire.port.send_message_now(bytes(size), 7, alpc.LPC_DATAGRAM):
                filled += 1
        task = await sent(channel, LARGE)
        assert not bound.wire.port.lent_requests
        for _ in range(filled):
            bound.port.receive_message(WATCHDOG)
        while not bound.wire.port.lent_requests:
            await asyncio.sleep(0)
        key, view = bound.asked(len(LARGE))
        assert view == LARGE
        bound.answer(key, LARGE)
        assert (await task)[0] == LARGE

    channelled(bound, script)
