"""Our servers over TCP, one for each kind, for `measure.peer`. Each sends its binding through `ready`."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import lrpc

from .local_call import Bench, stub

BINDING = "ncacn_ip_tcp:127.0.0.1[0]"
LIMITS = lrpc.Limits(max_connections=4096)
"""All clients of a benchmark are at one address."""


class AsyncBench(stub.AsyncBench):  # type: ignore[misc]
    async def Add(self, a: int, b: int) -> int:  # noqa: N802
        return a + b

    async def Size(self, data: Any, *, n: int) -> int:  # noqa: N802
        return len(data)


def quiet() -> None:
    """What is logged costs what it costs, and goes nowhere."""
    logging.basicConfig(stream=open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - as long as the process


def threads(ready: Connection, count: int | None = None, workers: int = 0) -> None:
    """A thread for each connection, or so many for all of them; in this process, or in so many others."""
    quiet()
    with lrpc.Server(limits=LIMITS, register_endpoints=False, threads=count, workers=workers) as server:
        server.register(Bench())
        ready.send(str(server.listen(BINDING)))
        server.serve_forever()


def asynchronous(ready: Connection, workers: int = 0) -> None:
    """asyncio, one thread; of this process, or of each of so many others."""

    quiet()

    async def serve() -> None:
        async with lrpc.AsyncServer(limits=LIMITS, register_endpoints=False, workers=workers) as server:
            server.register(AsyncBench())
            ready.send(str(await server.listen(BINDING)))
            await server.serve_forever()

    asyncio.run(serve())


KINDS: dict[str, Callable[[Connection], None]] = {
    "threads": threads,
    "threads=1": partial(threads, count=1),
    "threads=4": partial(threads, count=4),
    "asyncio": asynchronous,
}
"""In one process."""
EVERY_KIND: dict[str, Callable[[Connection], None]] = {
    **KINDS,
    "workers=2": partial(threads, workers=2),
    "threads=1, workers=2": partial(threads, count=1, workers=2),
    "asyncio, workers=2": partial(asynchronous, workers=2),
}
