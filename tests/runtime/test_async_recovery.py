"""What only a loop can get wrong about connecting anew. The rest is `test_recovery.py`, for both faces."""

from __future__ import annotations

import asyncio
import threading
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
