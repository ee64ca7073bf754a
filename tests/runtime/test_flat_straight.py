"""Flat calls of an asyncio server: those that wait for nothing follow each other, the others go on the general way."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

import lrpc
from lrpc.runtime import plain
from lrpc.runtime.eager import Begun, Waits
from lrpc.runtime.flat import target
from lrpc.runtime.flat_straight import STRAIGHT, FlatTurns
from lrpc.transports.traffic import Traffic

CLIENT = struct.pack("<QQ", 4711, 0)
WATCHDOG = 20.0
calc: Any = lrpc.load("""
[uuid(6c2f0d0a-7a35-4a1b-9a53-3c1f0e5f9f34), version(1.0)]
interface Calc { long Add([in] long a, [in] long b); }
""")


def asked(key: int = 9) -> bytes:
    return plain.request(CLIENT, key, 0, 0, struct.pack("<ii", 2, 3))


class Context:
    """Notes what runs in it."""

    def __init__(self) -> None:
        self.entered = 0

    def run(self, work: Callable[..., Any], *values: Any) -> Any:
        self.entered += 1
        return work(*values)


class End:
    """A port with frames that come one after the other, and the turns of its client."""

    def __init__(self, *coming: bytes, alone: bool = True, room: bool = True) -> None:
        self.coming = list(coming)
        self.room = room
        self.sent: list[bytes] = []
        self.traffic = Traffic()
        self.client: Any = SimpleNamespace(context=Context(), running=0, unread=False)
        self.late: list[Iterator[bool]] = []
        none: Any = None
        self.readers: Any = SimpleNamespace(alone=alone, look=lambda receive: receive())  # type: ignore[misc]
        self.turns = FlatTurns(none, self.readers, self.client, self.late.append)

    def receive_frame_now(self) -> bytes | None:
        return self.coming.pop(0) if self.coming else None

    def send_frame_now(self, frame: bytes) -> bool:
        if self.room:
            self.sent.append(frame)
        return self.room

    def serve(self, flat: Callable[[bytes], bytes | None], frame: bytes | None = None) -> bytes | None:
        port: Any = self
        return self.turns.serve(frame or asked(), {target(0, 0): flat}, port)


def echo(frame: bytes) -> bytes:
    return b"re " + frame


def test_calls_that_follow_each_other_are_answered_in_their_order() -> None:
    end = End(asked(10), asked(11))
    assert end.serve(echo) is None
    assert end.sent == [echo(asked(key)) for key in (9, 10, 11)]
    assert end.client.context.entered == 3


def test_others_have_a_look_after_so_many_calls() -> None:
    end = End(*(asked(key) for key in range(100)))
    assert end.serve(echo) is None
    assert len(end.sent) == STRAIGHT
    assert len(end.coming) == 100 - STRAIGHT + 1
    assert not end.readers.alone


def test_where_several_have_something_to_say_each_has_one_call() -> None:
    end = End(asked(10), alone=False)
    assert end.serve(echo) is None
    assert len(end.sent) == 1
    assert end.coming == [asked(10)]


def test_any_other_frame_is_given_back() -> None:
    other = plain.request(CLIENT, 9, 0, 1, b"")
    end = End(other)
    assert end.serve(echo) == other
    assert end.serve(lambda frame: None) == asked()
    assert len(end.sent) == 1


@pytest.mark.parametrize("state", [{"running": 1}, {"unread": True}])
def test_a_client_whose_calls_run_or_whose_answers_wait_goes_the_general_way(state: dict[str, Any]) -> None:
    end = End()
    vars(end.client).update(state)
    assert end.serve(echo) == asked()
    assert not end.sent


def test_a_method_that_waits_is_counted_once_and_goes_on_where_it_began() -> None:
    end, begun = End(), Begun[Any](None, None)  # type: ignore[arg-type]

    def flat(frame: bytes) -> bytes:
        assert end.client.running == 1
        end.traffic.calls_in += 1
        end.traffic.received(len(frame))
        raise Waits(begun)

    assert end.serve(flat) == asked()
    assert end.traffic == Traffic()
    assert end.client.running == 0
    resumed = end.turns._resumed(lambda *values: values)
    assert resumed(2, 3) is begun
    assert resumed(2, 3) == (2, 3)


def test_an_answer_that_there_is_no_room_for_goes_later() -> None:
    end = End(room=False)
    assert end.serve(echo) is None
    [sending] = end.late
    assert next(sending) is False
    end.room = True
    assert next(sending, None) is None
    assert end.sent == [echo(asked())]


@pytest.mark.parametrize("steps", [[], [False]])
def test_an_answer_that_is_no_flat_one_is_sent_as_it_says(steps: list[bool]) -> None:
    end = End()

    def flat(frame: bytes) -> bytes:
        end.turns.sending = iter(steps)
        return b""

    assert end.serve(flat) is None
    assert len(end.late) == len(steps)
    assert not end.sent


# Through a server


class Service(calc.AsyncCalc):  # type: ignore[misc]
    def __init__(self) -> None:
        self.work: Callable[[], Any] | None = None
        self.seen: list[Any] = []

    async def Add(self, a: int, b: int) -> int:
        task = asyncio.current_task()
        if self.work is not None:
            await self.work()
        self.seen.append((lrpc.caller().transport, task is asyncio.current_task()))
        return a + b


def served(name: str, work: Callable[[Any, Service, Any], Any]) -> None:
    async def main() -> None:
        service = Service()
        async with lrpc.AsyncServer() as server:
            server.register(service)
            binding = str(await server.listen(f"ncalrpc:[{name}]"))
            async with lrpc.connect(calc.AsyncCalcClient, binding) as client:
                assert await client.Add(1, 1) == 2
                await work(client, service, server)

    async def watched() -> None:
        await asyncio.wait_for(main(), WATCHDOG)

    asyncio.run(watched())


async def nothing() -> None:
    return


@pytest.mark.parametrize("wait", [nothing, lambda: asyncio.sleep(0), lambda: asyncio.sleep(0.001)])
def test_a_method_has_its_caller_and_its_task_before_and_after_it_waits(wait: Callable[[], Any]) -> None:
    async def work(client: Any, service: Service, server: Any) -> None:
        service.work = wait
        for _ in range(3):
            assert await client.Add(2, 3) == 5
        assert service.seen == [("ncalrpc", True)] * 4

    served(f"test-flat-turns-{id(wait)}", work)


def test_calls_are_counted_alike_whether_they_wait_or_not() -> None:
    async def work(client: Any, service: Service, server: Any) -> None:
        [session] = server._sessions
        traffic, counts = session.traffic, list[list[int]]()
        for wait in (nothing, lambda: asyncio.sleep(0)):
            service.work = wait
            before = traffic.calls_in, traffic.packets_in, traffic.octets_in, traffic.packets_out
            assert [await client.Add(n, 3) for n in range(5)] == [3, 4, 5, 6, 7]
            after = traffic.calls_in, traffic.packets_in, traffic.octets_in, traffic.packets_out
            counts.append([now - then for now, then in zip(after, before, strict=True)])
        assert counts[0] == counts[1] == [5, 5, 5 * len(asked()), 5]

    served("test-flat-turns-counted", work)


def test_a_timeout_within_a_method_ends_its_wait() -> None:
    async def late() -> None:
        async with asyncio.timeout(0.01):
            await asyncio.get_running_loop().create_future()

    async def work(client: Any, service: Service, server: Any) -> None:
        service.work = late
        with pytest.raises(lrpc.Fault):
            await client.Add(2, 3)
        service.work = None
        assert await client.Add(2, 3) == 5

    served("test-flat-turns-timeout", work)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (asyncio.CancelledError(), lrpc.CallCancelled),
        (SystemExit(), lrpc.Fault),
        (ValueError("no"), lrpc.Fault),
        (lrpc.Fault(5, "mine"), lrpc.Fault),
    ],
)
def test_what_a_method_raises_is_a_fault(error: BaseException, expected: type[Exception]) -> None:
    async def fail() -> None:
        raise error

    async def work(client: Any, service: Service, server: Any) -> None:
        service.work = fail
        for _ in range(3):
            with pytest.raises(expected):
                await client.Add(2, 3)
        service.work = None
        assert await client.Add(2, 3) == 5

    served(f"test-flat-turns-{type(error).__name__}", work)


def test_a_server_that_is_asked_to_stop_lets_its_clients_go() -> None:
    async def work(client: Any, service: Service, server: Any) -> None:
        async def soon() -> None:
            server.stop_soon()

        service.work = soon
        assert await client.Add(2, 3) == 5
        await server._stopping
        with pytest.raises(lrpc.RpcError):
            await client.Add(2, 3)

    served("test-flat-turns-soon", work)
