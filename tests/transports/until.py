"""Waiting for another thread to get there, and for what runs in a loop."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable

WATCHDOG = 20.0


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WATCHDOG
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        os.sched_yield()


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def watched() -> None:
        async with asyncio.timeout(WATCHDOG):
            await scenario()

    asyncio.run(watched())
