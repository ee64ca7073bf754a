"""The channel of an asyncio client that is called back: callbacks are tasks of their calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest

import lrpc

WATCHDOG = 20.0
whose: ContextVar[str] = ContextVar("whose", default="nobody's")


@pytest.fixture
def client_face() -> str:
    return "asyncio"


def test_a_callback_has_the_context_of_its_call(sides: Any, binding_for: Callable[[str], str], world: Any) -> None:
    seen: list[tuple[str, float]] = []

    class Curious(type(sides.desk())):  # type: ignore[misc]
        async def Confirm(self, article: int, depth: int) -> int:
            seen.append((whose.get(), lrpc.runtime.call.time_left(1000.0)))  # type: ignore[attr-defined]
            return article

    shop = sides.connect(sides.listen(binding_for("ncalrpc")), desk=Curious(world), timeout=5.0)

    async def sell() -> None:
        whose.set("mine")
        assert await shop.client.Sell(1, 0) == 1

    shop.loop.run(sell())
    assert seen[0][0] == "mine"
    assert 0 < seen[0][1] <= 5.0


def test_a_call_that_is_cancelled_cancels_its_callback(
    sides: Any, binding_for: Callable[[str], str], world: Any
) -> None:
    cancelled = asyncio.Event()

    class Patient(type(sides.desk())):  # type: ignore[misc]
        async def Confirm(self, article: int, depth: int) -> int:
            world.entered.set()
            try:
                await asyncio.sleep(WATCHDOG)
            except asyncio.CancelledError:
                cancelled.set()
                raise
            return article

    shop = sides.connect(sides.listen(binding_for("ncalrpc")), desk=Patient(world))

    async def sell() -> None:
        selling = asyncio.create_task(shop.client.Sell(1, 0))
        assert await asyncio.to_thread(world.entered.wait, WATCHDOG)
        selling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await selling
        await asyncio.wait_for(cancelled.wait(), WATCHDOG)
        assert await shop.client.Plain(1) == 2  # the method was told, or a blocking server would not serve this

    shop.loop.run(sell())


def test_more_calls_than_places_call_back_and_are_called(shop: Any) -> None:
    """Calls within callbacks have the places of the calls outside, or all would wait for each other."""

    async def sell() -> list[int]:
        return await asyncio.gather(*(shop.client.Sell(n, 2) for n in range(200)))

    assert shop.loop.run(sell()) == [2 * (n + 2) for n in range(200)]
