"""Turns of tasks at a wire of wax, what is said meanwhile, and the end: see also `test_async_channel.py`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from typing import Any

import pytest

import lrpc
from lrpc.runtime.async_channel import AsyncioChannel
from lrpc.runtime.status import Ran
from tests.runtime.test_async_channel import WaxWire, cancelled, reply, started


class Saying(WaxWire):
    """Counts how often there was to be said what had found no room."""

    def __init__(self) -> None:
        super().__init__()
        self.said = 0
        self.gathering = 0
        self.closings = 0

    def saying(self) -> Generator[int]:
        self.said += 1
        yield from ()

    def flat_now(self, *_: Any) -> Any:
        return lambda values: values

    def close(self) -> None:
        self.closings += 1
        super().close()


def run(script: Callable[[Saying, AsyncioChannel], Awaitable[None]], cancel_timeout: float = 0.0) -> None:
    """Runs it, and sees that the loop has nothing to complain of."""
    complaints: list[Any] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        wire = Saying()
        channel = AsyncioChannel(wire, 20.0, cancel_timeout)  # type: ignore[arg-type]
        await script(wire, channel)
        await channel.close()

    asyncio.run(asyncio.wait_for(main(), 20))
    assert not complaints


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_answers_are_read_until_there_are_no_more() -> None:
    async def script(wire: Saying, channel: AsyncioChannel) -> None:
        tasks = await started(channel, 2)
        for key in (1, 2):
            wire.arrive([(key, reply(b""))])
            await tasks[key - 1]

    run(script)


@pytest.mark.parametrize("cancel_timeout", [0.0, 20.0])
def test_flat_calls_are_made_unless_more_becomes_of_calls(cancel_timeout: float) -> None:
    async def script(wire: Saying, channel: AsyncioChannel) -> None:
        operation: Any = lrpc.load("[uuid(6c2f0d0a-7a35-4a1b-9a53-3c1f0e5f9f33)] interface I { long A([in] long a); }")
        assert (channel.flats[operation.I.interface.operations[0]] is None) == bool(cancel_timeout)

    run(script, cancel_timeout)


def test_a_batch_gathers_until_its_end() -> None:
    async def script(wire: Saying, channel: AsyncioChannel) -> None:
        async with channel.batch():
            async with channel.batch():
                pass
            assert (wire.gathering > 0, wire.said) == (True, 1)
        assert (wire.gathering, wire.said) == (0, 2)

    run(script)


def test_a_call_in_its_turn_that_never_left_fails_and_leaves_the_connection() -> None:
    async def script(wire: Saying, channel: AsyncioChannel) -> None:
        wire.failing = lrpc.RpcError("no room", ran=Ran.NO)
        with lrpc.deadline(20), pytest.raises(lrpc.RpcError, match="no room"):
            await channel.call(0, [b""])
        wire.failing = None
        assert not channel.has_ended()

    run(script)


# The turn of a call with pipes


def test_a_task_that_has_the_connection_makes_no_other_call() -> None:
    async def script(wire: Saying, channel: AsyncioChannel) -> None:
        call: Any = None
        await channel.take_turns(call)
        with lrpc.deadline(20), pytest.raises(lrpc.PipeOrderError):
            await channel.call(0, [b""])
        with pytest.raises(lrpc.PipeOrderError):
            await channel.take_turns(call)
        channel.give_turns()
        [task] = await started(channel)
        wire.arrive([(1, reply(b"x"))])
        assert (await task)[0] == b"x"

    run(script)


def test_who_waits_for_the_rest_of_a_call_and_is_cancelled_gives_the_turn_back() -> None:
    async def script(wire: Saying, channel: AsyncioChannel) -> None:
        wire.full, wire.gone = 1 << 30, 100
        [calling] = await started(channel)
        waiting = asyncio.ensure_future(channel.take_turns(None))  # type: ignore[arg-type]
        await turns()
        assert not waiting.done()
        await cancelled(waiting)
        wire.full = 0
        [later] = await started(channel)
        while wire.sent != [1, 2]:
            await asyncio.sleep(0)
        wire.arrive([(1, reply(b""))], [(2, reply(b""))])
        await asyncio.gather(calling, later)

    run(script)


def test_what_is_to_be_said_waits_for_the_end_of_a_turn() -> None:
    async def script(wire: Saying, channel: AsyncioChannel) -> None:
        [calling] = await started(channel)
        await channel.take_turns(None)  # type: ignore[arg-type]
        await cancelled(calling)
        await turns()
        assert (wire.abandoned, wire.said) == ([1], 0)
        channel.give_turns()
        assert wire.said == 1

    run(script)


def test_what_is_to_be_said_goes_behind_a_call_that_is_sent() -> None:
    async def script(wire: Saying, channel: AsyncioChannel) -> None:
        [waiting] = await started(channel)
        wire.full = 1 << 30
        [sending] = await started(channel)  # in its turn
        await cancelled(waiting)
        wire.full = 0
        while not wire.sent[1:]:
            await asyncio.sleep(0)
        await turns()
        assert wire.said == 1
        wire.arrive([(wire.sent[-1], reply(b"x"))])
        assert (await sending)[0] == b"x"

    run(script)


def test_what_is_to_be_said_waits_for_the_rest_of_a_call_that_is_sent() -> None:
    async def script(wire: Saying, channel: AsyncioChannel) -> None:
        [waiting] = await started(channel)
        wire.full = 1 << 30
        [sending] = await started(channel)  # in its turn
        await cancelled(waiting)
        await turns()
        assert (wire.abandoned, wire.said) == ([1], 0)
        wire.gone = 100
        while channel._rest is None:
            await asyncio.sleep(0)
        await turns()
        assert wire.said == 0
        wire.full = 0
        while not wire.said:
            await asyncio.sleep(0)
        assert wire.sent[-1] > 1
        wire.arrive([(wire.sent[-1], reply(b"x"))])
        assert (await sending)[0] == b"x"

    run(script)


# The end


def test_a_connection_ends_once() -> None:
    async def script(wire: Saying, channel: AsyncioChannel) -> None:
        [task] = await started(channel)
        wire.arrive(lrpc.ProtocolError("nonsense"))
        with pytest.raises(lrpc.ProtocolError):
            await task
        await channel.close()
        assert isinstance(channel.broken, lrpc.ProtocolError)
        assert wire.closings == 1

    run(script)


def test_a_connection_that_has_ended_is_read_no_more() -> None:
    async def script(wire: Saying, channel: AsyncioChannel) -> None:
        descriptor = wire.fileno()
        channel.read(False)
        await channel.close()
        channel.read(True)
        assert not asyncio.get_running_loop().remove_reader(descriptor)

    run(script)


def test_a_call_that_is_cancelled_as_the_connection_ends_is_cancelled() -> None:
    async def script(wire: Saying, channel: AsyncioChannel) -> None:
        with lrpc.deadline(20):
            [task] = await started(channel)
        task.cancel()
        await channel.close()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(script)
