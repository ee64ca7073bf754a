"""A flat call of an asyncio client has the octets of a plain one, and ends at once or is waited for.

Where something else of its connection is in its way, it is left to the general one.
"""

from __future__ import annotations

import asyncio
import itertools
import struct
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lrpc
from lrpc.runtime import plain
from lrpc.runtime.carrier import Awaited
from lrpc.runtime.flat import Way, ends_of
from lrpc.runtime.flat_prompt import Hands, calling_now
from lrpc.runtime.prompt import Places
from lrpc.transports import errors as transport

CLIENT = struct.pack("<QQ", 4711, 0)
BINDING = 2
WATCHDOG = 20.0
calc: Any = lrpc.load("""
[uuid(6c2f0d0a-7a35-4a1b-9a53-3c1f0e5f9f33), version(1.0)]
interface Calc { long Add([in] long a, [in] long b); long Text([in, string] wchar_t *text); }
""")
[ADD, TEXT] = calc.Calc.interface.operations
LONGS = st.integers(-(2**31), 2**31 - 1)


class End:
    """A client's end, whose port has a peer that is a function from frames to frames; it may raise, or say nothing."""

    def __init__(self, peer: Callable[[bytes], Any], *, room: bool = True, seen: bool = True) -> None:
        self._peer = peer
        self._room = room
        self._seen = seen
        self.frames: list[bytes] = []
        self.awaited: list[int] = []
        self.heard: list[Any] = []
        self.prompts: dict[int, Any] = {}
        self.waiting: dict[int, Any] = {}
        self.unsaid: deque[Any] = deque()
        self.sending = Places(1)
        hands: Any = Hands(self.prompts, self.waiting, self.sending, self._look, self._waits, lambda *_: None)
        port: Any = self
        way = Way(CLIENT, BINDING, itertools.count(5).__next__, port, self.unsaid)
        self.call = calling_now(ends_of(ADD.opnum, ADD.flat, way), way, hands, self._heard)

    def send_frame_now(self, frame: bytes) -> bool:
        if self._room:
            self.frames.append(frame)
        return self._room

    def receive_frame_now(self) -> bytes | None:
        answer: bytes | None = self._peer(self.frames[-1])
        return answer

    def _look(self, receive: Callable[[], bytes | None]) -> bytes | None:
        return receive() if self._seen else None

    def _waits(self, key: int) -> Any:
        self.awaited.append(key)
        return key

    def _heard(self, key: int, what: Any) -> Any:
        self.heard.append((key, what))
        return key


def reply(frame: bytes, stub: bytes, *, late: int = 0) -> bytes:
    """The answer to a request's frame; late: to the call so many before."""
    request = plain.read_request(frame)
    assert request is not None
    return plain.response(bytes(16), request[0] - late, request[1] - late, stub)


def adding(frame: bytes) -> bytes:
    request = plain.read_request(frame)
    assert request is not None
    return reply(frame, struct.pack("<i", sum(struct.unpack("<ii", request[4]))))


@given(LONGS, st.integers(0, 0))
def test_a_request_has_the_octets_of_a_plain_one_and_its_result_is_read(a: int, b: int) -> None:
    end = End(adding)
    assert end.call((a, b)) == a
    [stub] = ADD.ndr.request.encode((a, b))
    assert end.frames == [plain.request(CLIENT, 5, BINDING, ADD.opnum, stub)]
    assert not end.awaited


@pytest.mark.parametrize("values", [(), (1,), (1, 2, 3), (2**31, 1), ("1", 2)])
def test_values_that_do_not_fit_are_left_to_the_general_way(values: tuple[Any, ...]) -> None:
    end = End(adding)
    assert end.call(values) is None
    assert not end.frames


def test_nothing_happens_while_anything_else_is_under_way() -> None:
    end = End(adding)
    ways: tuple[tuple[Callable[[], Any], Callable[[], Any]], ...] = (
        (lambda: end.prompts.setdefault(1), end.prompts.clear),
        (lambda: end.waiting.setdefault(1), end.waiting.clear),
        (lambda: end.unsaid.append(b"cancel"), end.unsaid.clear),
        (lambda: setattr(end.sending, "free", 0), lambda: setattr(end.sending, "free", 1)),
    )
    for begin, stop in ways:
        begin()
        assert end.call((2, 3)) is None
        stop()
    with lrpc.deadline(5.0):
        assert end.call((2, 3)) is None
    assert not end.frames
    assert end.call((2, 3)) == 5


def test_a_call_for_which_there_is_no_room_is_left_to_the_general_way() -> None:
    end = End(adding, room=False)
    assert end.call((2, 3)) is None
    assert not end.awaited


@pytest.mark.parametrize("end", [End(adding, seen=False), End(lambda frame: None)])
def test_an_answer_that_is_not_there_at_once_is_waited_for(end: End) -> None:
    assert end.call((2, 3)) == Awaited(5)  # type: ignore[arg-type]
    assert end.awaited == [5]


@pytest.mark.parametrize(
    "answer",
    [
        lambda frame: reply(frame, bytes(3)),
        lambda frame: reply(frame, bytes(5)),
        lambda frame: reply(frame, bytes(4), late=1),
        lambda frame: b"",
        lambda frame: reply(frame, bytes(4))[:44] + b"\1" + reply(frame, bytes(4))[45:],
        lambda frame: reply(frame, bytes(4))[:4] + b"\1" + reply(frame, bytes(4))[5:],
        lambda frame: reply(frame, bytes(4))[:56] + b"\1" + reply(frame, bytes(4))[57:],
    ],
)
def test_another_answer_is_handed_on_as_it_came(answer: Callable[[bytes], bytes]) -> None:
    end = End(answer)
    assert end.call((2, 3)) == Awaited(5)  # type: ignore[arg-type]
    assert end.heard == [(5, answer(end.frames[0]))]


def test_the_end_of_the_connection_is_handed_on() -> None:
    gone = transport.Disconnected("gone")

    def fail(frame: bytes) -> bytes:
        raise gone

    end = End(fail)
    assert end.call((2, 3)) == Awaited(5)  # type: ignore[arg-type]
    assert end.heard == [(5, gone)]


# Through a server


class Service(calc.AsyncCalc):  # type: ignore[misc]
    def __init__(self) -> None:
        self.gate: asyncio.Future[None] | None = None
        self.cancelled = 0

    async def Add(self, a: int, b: int) -> int:
        if self.gate is not None:
            try:
                await self.gate
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        if a < 0:
            raise ValueError("below 0")
        return a + b

    async def Text(self, text: str) -> int:
        return len(text)


def served(work: Callable[[Any, Service, Any], Any], name: str) -> None:
    """Run `work` with a client, the service and the server, all in one loop."""

    async def main() -> None:
        service = Service()
        async with lrpc.AsyncServer() as server:
            server.register(service)
            binding = str(await server.listen(f"ncalrpc:[{name}]"))
            async with lrpc.connect(calc.AsyncCalcClient, binding) as client:
                await work(client, service, server)

    async def watched() -> None:
        await asyncio.wait_for(main(), WATCHDOG)

    asyncio.run(watched())


def test_calls_are_flat_over_alpc(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(client: Any, service: Service, server: Any) -> None:
        async def refuse(*_: Any) -> None:
            raise AssertionError("the general way")

        monkeypatch.setattr(client._channel, "call", refuse)
        assert [await client.Add(n, 1) for n in range(100)] == list(range(1, 101))
        with pytest.raises(AssertionError, match="general"):
            await client.Text("abc")

    served(work, "test-flat-prompt-calls")


def test_calls_made_together_are_answered_each() -> None:
    async def work(client: Any, service: Service, server: Any) -> None:
        assert await asyncio.gather(*(client.Add(n, 1) for n in range(100))) == list(range(1, 101))

    served(work, "test-flat-prompt-together")


def test_faults_and_arguments_that_do_not_fit_are_what_they_are_elsewhere() -> None:
    async def work(client: Any, service: Service, server: Any) -> None:
        for _ in range(3):
            with pytest.raises(lrpc.ArgumentError, match=r"Add: .*a"):
                await client.Add(2**31, 1)
            with pytest.raises(lrpc.Fault):
                await client.Add(-1, 1)
            assert await client.Add(1, 1) == 2

    served(work, "test-flat-prompt-faults")


def test_a_call_that_waits_can_be_cancelled_and_the_server_is_told() -> None:
    async def work(client: Any, service: Service, server: Any) -> None:
        assert await client.Add(1, 1) == 2
        service.gate = asyncio.get_running_loop().create_future()
        call = asyncio.ensure_future(client.Add(2, 2))
        while not server._tasks:
            await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        while not service.cancelled:
            await asyncio.sleep(0)
        service.gate = None
        assert await client.Add(3, 3) == 6

    served(work, "test-flat-prompt-cancelled")


def test_a_deadline_ends_a_call_that_waits() -> None:
    async def work(client: Any, service: Service, server: Any) -> None:
        assert await client.Add(1, 1) == 2
        service.gate = asyncio.get_running_loop().create_future()
        with lrpc.deadline(0.01), pytest.raises(lrpc.DeadlineExceeded):
            await client.Add(2, 2)

    served(work, "test-flat-prompt-deadline")


def test_a_connection_that_has_ended_makes_no_flat_calls() -> None:
    async def work(client: Any, service: Service, server: Any) -> None:
        assert await client.Add(1, 1) == 2
        await server.stop()
        with pytest.raises(lrpc.RpcError):
            await client.Add(1, 1)
        assert client._channel.flats[ADD] is None

    served(work, "test-flat-prompt-ended")
