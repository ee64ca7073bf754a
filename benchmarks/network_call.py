"""add(int, int) over TCP: ours against impacket, grpcio, grpc.aio and multiprocessing.connection, in one run.

Every server is a process of its own; `--pin same` puts the caller on the server's processor. The asyncio rows are one
call after the other, and many at once on one connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import lrpc

from . import network_peers, network_servers
from .local_call import stub
from .measure import Row, Timing, Work, compare, peer, pin

AT_ONCE = 64
"""Calls in flight on one connection."""
EACH = 192
"""Calls in a round of the asyncio rows."""
GOALS = {"impacket": 60, "grpcio": 10, "grpc.aio": 10}
AsyncAdd = Callable[[], Awaitable[object]]


def run(which: str, rounds: int = 30) -> list[Row]:
    """The rows of the report for one way of pinning."""
    with servers(which) as addresses:
        pin(which, 0)
        rows = _blocking(addresses, which, rounds)
        return rows + _asynchronous(addresses, which, rounds)


@contextmanager
def servers(which: str) -> Iterator[dict[str, Any]]:
    """Where each server is: our kinds, and the peers that are installed."""
    theirs: dict[str, Callable[..., None]] = {"multiprocessing.connection": network_peers.pickle_server}
    if "impacket" not in network_peers.missing():
        theirs["impacket"] = network_peers.impacket_server
    if "grpc" not in network_peers.missing():
        theirs |= {"grpcio": network_peers.grpc_server, "grpc.aio": network_peers.grpc_aio_server}
    with ExitStack() as stack:
        everybody = {**network_servers.EVERY_KIND, **theirs}
        yield {name: stack.enter_context(peer(serve, which)) for name, serve in everybody.items()}


@contextmanager
def lrpc_client(address: str) -> Iterator[Work]:
    with lrpc.connect(stub.BenchClient, address) as client:
        yield partial(client.Add, 2, 3)


def _blocking(addresses: dict[str, Any], which: str, rounds: int) -> list[Row]:
    clients = {
        "impacket": network_peers.impacket_client,
        "grpcio": network_peers.grpc_client,
        "multiprocessing.connection": network_peers.pickle_client,
    }
    kinds = list(network_servers.EVERY_KIND)
    with ExitStack() as stack:
        contenders = {kind: stack.enter_context(lrpc_client(addresses[kind])) for kind in kinds}
        for name in clients.keys() & addresses.keys():
            contenders[name] = stack.enter_context(clients[name](addresses[name]))
        timings = compare(contenders, each=100, rounds=rounds)
    rows: list[Row] = []
    for name in clients:
        if name in timings:
            goal = GOALS.get(name) if which == "same" else None
            rows.append(_row(f"add over TCP, times as fast as {name}", which, timings[kinds[0]], timings[name], goal))
    for kind in kinds[1:]:
        if "grpcio" in timings:
            work = f"add over TCP, server {kind}, times as fast as grpcio"
            rows.append(_row(work, which, timings[kind], timings["grpcio"], None))
    return rows


def _asynchronous(addresses: dict[str, Any], which: str, rounds: int) -> list[Row]:
    if "grpc.aio" not in addresses:
        return []
    with asyncio.Runner() as runner:
        client = lrpc.connect(stub.AsyncBenchClient, addresses["asyncio"])
        ours = runner.run(client.__aenter__())
        theirs, close = runner.run(grpc_aio(addresses["grpc.aio"]))
        calls = {"ours": partial(ours.Add, 2, 3), "grpc.aio": theirs}
        rows = [_at_once(runner, calls, how_many, which, rounds) for how_many in (1, AT_ONCE)]
        runner.run(close())
        runner.run(client.__aexit__(None, None, None))
    return rows


def _at_once(runner: asyncio.Runner, calls: dict[str, AsyncAdd], how_many: int, which: str, rounds: int) -> Row:
    contenders: dict[str, Work] = {
        name: lambda add=add: runner.run(several(add, how_many))  # type: ignore[misc]
        for name, add in calls.items()
    }
    timings = compare(contenders, each=1, rounds=rounds)
    each = {name: Timing(timing.best / EACH, timing.median / EACH) for name, timing in timings.items()}
    how = "one after the other" if how_many == 1 else f"{how_many} at once"
    work = f"add over TCP, asyncio at both ends, {how}, times as fast as grpc.aio"
    return _row(work, which, each["ours"], each["grpc.aio"], GOALS["grpc.aio"])


async def grpc_aio(target: str) -> tuple[AsyncAdd, AsyncAdd]:
    return network_peers.grpc_aio_client(target)


async def several(add: AsyncAdd, at_once: int, each: int = EACH) -> None:
    """`each` calls, so many of them under way."""

    async def some() -> None:
        for _ in range(each // at_once):
            await add()

    await asyncio.gather(*(some() for _ in range(at_once)))


def _row(work: str, which: str, ours: Timing, theirs: Timing, goal: int | None) -> Row:
    ratio = theirs.best / ours.best
    held = ("", None) if goal is None else (f"at least {goal}", ratio >= goal)
    return Row(
        f"{work} ({which})", f"{ours.best * 1e6:.1f} us", f"{theirs.best * 1e6:.1f} us", ratio, *held, ours.noise
    )
