"""What only a loop can get wrong about connecting anew. The rest is `test_recovery.py`, for both faces."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest

import lrpc
from lrpc.runtime.async_recovery import AsyncRecovery, in_thread
from lrpc.runtime.policy import Policy
from lrpc.runtime.status import Ran
from lrpc.runtime.stub import Operation

WATCHDOG = 20.0
PLAIN: Operation[None] = Operation(0, "Plain")


class Wire:
    closed = False

    def close(self) -> None:
        self.closed = True


class Channel:
    def __init__(self, wire: Any) -> None:
        self.wire = wire
        self.broken: Any = None


def test_who_stops_waiting_for_a_connection_leaves_none_behind() -> None:
    wire, gate = Wire(), threading.Event()

    def reach() -> Any:
        assert gate.wait(WATCHDOG)
        return wire, None

    async def main() -> None:
        connecting = asyncio.ensure_future(in_thread(reach))
        await asyncio.sleep(0)
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        gate.set()
        while not wire.closed:
            await asyncio.sleep(0.001)

    asyncio.run(asyncio.wait_for(main(), WATCHDOG))


def test_a_connection_that_nobody_waits_for_may_fail() -> None:
    gate, gone, complaints = threading.Event(), threading.Event(), list[Any]()

    def reach() -> Any:
        assert gate.wait(WATCHDOG)
        gone.set()
        raise lrpc.ServerUnavailable("nobody is there")

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: complaints.append(context))
        connecting = asyncio.ensure_future(in_thread(reach))
        await asyncio.sleep(0)
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        gate.set()
        await loop.shutdown_default_executor()
        while asyncio.all_tasks() != {asyncio.current_task()}:
            await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(main())
    gc.collect()  # which finds an error that nobody has looked at
    assert gone.is_set()
    assert not complaints


def lost(reach: Callable[[], Any], timeout: float) -> AsyncRecovery:
    """Of a client whose connection has ended."""
    recovery = AsyncRecovery(Policy(), timeout, reach, Channel)
    recovery.take(Wire(), None).broken = lrpc.ConnectionLost("gone")
    return recovery


def test_a_connection_that_is_not_made_in_time_is_a_call_that_was_not_made() -> None:
    async def reach() -> Any:
        await asyncio.sleep(WATCHDOG)

    async def main() -> None:
        with pytest.raises(lrpc.DeadlineExceeded, match="still being connected") as caught:
            await lost(reach, 0.01).renew()
        assert caught.value.ran is Ran.NO

    asyncio.run(main())


def test_a_server_that_was_reached_and_is_late_is_told_as_it_is() -> None:
    error = lrpc.DeadlineExceeded("no answer to the bind")

    async def reach() -> Any:
        raise error

    async def main() -> None:
        with pytest.raises(lrpc.DeadlineExceeded) as caught:
            await lost(reach, WATCHDOG).renew()
        assert caught.value is error

    asyncio.run(main())


def test_a_call_that_is_not_made_again_leaves_no_circle_behind() -> None:
    errors: list[lrpc.RpcError] = [lrpc.AccessDenied(5)]
    gone = weakref.ref(errors[0])

    async def fail() -> None:
        recovery = AsyncRecovery(Policy(), WATCHDOG, None, Channel)
        recovery.take(Wire(), None)
        with contextlib.suppress(lrpc.AccessDenied):
            await recovery.again(PLAIN, asyncio.Future, errors.pop())

    async def main() -> None:
        gc.disable()
        try:
            await fail()
            assert gone() is None
        finally:
            gc.enable()

    asyncio.run(main())


def test_tasks_that_lost_the_same_connection_make_one_new_one() -> None:
    made: list[Wire] = []

    async def reach() -> Any:
        made.append(Wire())
        return made[-1], None

    async def main() -> None:
        recovery = AsyncRecovery(Policy(), WATCHDOG, reach, Channel)
        recovery.take(Wire(), None).broken = lrpc.ConnectionLost("gone")

        async def call() -> Any:
            return recovery.channel.wire

        error = lrpc.ConnectionLost("gone", ran=Ran.NO)
        wires = await asyncio.gather(*(recovery.again(PLAIN, call, error) for _ in range(10)))
        assert wires == made * 10
        assert len(made) == 1

    asyncio.run(asyncio.wait_for(main(), WATCHDOG))


def test_a_client_that_is_closed_while_it_connects_keeps_no_connection() -> None:
    wire = Wire()

    async def main() -> None:
        recovery = AsyncRecovery(Policy(), WATCHDOG, lambda: (wire, None), Channel)
        recovery.closed = True
        with pytest.raises(lrpc.ConnectionLost):
            recovery.take(wire, None)

    asyncio.run(main())
    assert wire.closed
