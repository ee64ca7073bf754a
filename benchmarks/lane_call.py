"""Small calls on one machine, where the work is in getting across: add(int, int) over ALPC, with and without lanes.

Against them: a C program that sends to and fro by a SEQPACKET socket (`ping_pong.c`, compiled here; without a compiler
its rows are left out), the fastest blocking peers in Python, and gRPC on a Unix socket. On one processor the minimum
of the rounds counts, on two the median: what is measured there is how long it takes to be woken, which varies.
"""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import lrpc
from lrpc.transports.alpc.lane_setup import SWITCH

from . import network_peers, network_servers
from .idle_connections import memory, reporting
from .local_call import Bench, pickle_server, stub
from .many_clients import CLIENTS, Crowd, rates
from .measure import Row, Timing, Work, compare, peer, pin
from .network_call import AsyncAdd, grpc_aio, lrpc_client, several

EACH = 1000
"""Calls in a round."""
SLOW_CALLS = 100
PAUSE = 0.002
"""Seconds between slow calls."""
IDLE = 200
"""Connections that do nothing."""


def serve(ready: Connection, name: str, lane: str, threads: int | None = None, workers: int = 0) -> None:
    os.environ[SWITCH] = lane
    with lrpc.Server(limits=network_servers.LIMITS, threads=threads, workers=workers) as server:
        server.register(Bench())
        server.listen(f"ncalrpc:[{name}]")
        server.start()
        ready.send(f"ncalrpc:[{name}]")
        server.serve_forever()


def serve_async(ready: Connection) -> None:
    async def run() -> None:
        async with lrpc.AsyncServer() as server:
            server.register(network_servers.AsyncBench())
            await server.listen("ncalrpc:[async]")
            ready.send("ncalrpc:[async]")
            await server.serve_forever()

    asyncio.run(run())


def run(which: str) -> list[Row]:
    """The rows of the report for one way of pinning."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LRPC_NAMESPACE"] = folder
        os.environ.pop(SWITCH, None)
        processors = sorted(os.sched_getaffinity(0))
        with ExitStack() as stack:
            enter = stack.enter_context
            lanes = enter(peer(serve, which, "lanes", "1"))
            plain = enter(peer(serve, which, "plain", "0"))
            pickles = enter(peer(pickle_server, which, f"{folder}/pickle"))
            floor = enter(ping_pong(which, folder, processors))
            pin(which, 0)
            calls: dict[str, Work] = {"lane": enter(lrpc_client(lanes)), "socket": enter(lrpc_client(plain))}
            calls["multiprocessing.connection"] = enter(pickled(pickles))
            rows = [*_small(calls, floor, which)]
            if which == "diff":
                rows += [_apart(calls), *_idle()]
        return rows


def run_peers() -> list[Row]:
    """The rows against gRPC, on one processor, and those of eight clients. gRPC stands no fork: to be run apart."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LRPC_NAMESPACE"] = folder
        with ExitStack() as stack:
            enter = stack.enter_context
            ours = {
                f"workers={count}": enter(peer(serve, "free", f"crowd{count}", "1", None, count)) for count in (0, 2)
            }
            rows = _crowds(ours, enter(peer(network_peers.pickle_server, "free")))
            if "grpc" in network_peers.missing():
                return rows
            blocking, looping = enter(peer(serve, "same", "grpc", "1")), enter(peer(serve_async, "same"))
            theirs = [
                enter(peer(each, "same", f"unix:{folder}/{each.__name__}"))
                for each in (network_peers.grpc_server, network_peers.grpc_aio_server)
            ]
            pin("same", 0)
            with lrpc_client(blocking) as add, network_peers.grpc_client(theirs[0]) as other:
                timings = compare({"ours": add, "grpcio": other}, each=100, rounds=30)
            rows.append(_over("add over ALPC / grpcio on a Unix socket (same)", timings["ours"], timings["grpcio"], 20))
            return [*rows, _asynchronous(looping, theirs[1])]


@contextmanager
def ping_pong(which: str, folder: str, processors: list[int]) -> Iterator[Work | None]:
    """EACH round trips of the C program; None: there is no compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        yield None
        return
    program = f"{folder}/ping_pong"
    subprocess.run([compiler, "-O2", "-o", program, str(Path(__file__).with_name("ping_pong.c"))], check=True)
    places = {"same": (processors[0], processors[0]), "diff": (processors[0], processors[-1])}.get(which, (-1, -1))
    with subprocess.Popen(
        [program, *map(str, places)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        orders, answers = running.stdin, running.stdout

        def go() -> None:
            orders.write(b"\n")
            answers.read(1)

        yield go
        orders.close()


@contextmanager
def pickled(address: str) -> Iterator[Work]:
    with network_peers.PickleClient(address, "AF_UNIX") as connection:

        def add() -> object:
            connection.send(("add", (2, 3)))
            return connection.recv()

        yield add


def _many(work: Work) -> Work:
    def go() -> None:
        for _ in range(EACH):
            work()

    return go


def _small(calls: dict[str, Work], floor: Work | None, which: str) -> Iterator[Row]:
    contenders = {name: _many(call) for name, call in calls.items()} | ({} if floor is None else {"C": floor})
    timings = compare(contenders, each=1, rounds=30)
    each = {name: Timing(timing.best / EACH, timing.median / EACH) for name, timing in timings.items()}
    median = which == "diff"
    if floor is not None:
        goal = 0.25 if median else 2.2
        yield _under(f"add over ALPC / C SEQPACKET ping-pong ({which})", each["lane"], each["C"], goal, median=median)
    if median:
        other = each["multiprocessing.connection"]
        yield _over(f"add over ALPC / multiprocessing.connection ({which})", each["lane"], other, 8, median=True)
    yield _under(
        f"add over ALPC, lanes on over lanes off ({which})", each["lane"], each["socket"], 1.0 if median else 1.1,
        median=median,
    )  # fmt: skip


def _apart(calls: dict[str, Work]) -> Row:
    """Calls with pauses: looking does not pay then, and must not harm."""
    spent: dict[str, list[float]] = {"lane": [], "socket": []}
    for _ in range(SLOW_CALLS):
        for name, times in spent.items():
            time.sleep(PAUSE)
            begin = time.perf_counter()
            calls[name]()
            times.append(time.perf_counter() - begin)
    timings = {name: Timing(min(times), sorted(times)[len(times) // 2]) for name, times in spent.items()}
    return _under("add 2 ms apart, lanes on over lanes off", timings["lane"], timings["socket"], 1.3, median=True)


def _idle() -> Iterator[Row]:
    """What a server with lanes spends on connections that have called and do nothing."""
    for kind, threads, most in (("a thread each", None, None), ("threads=1", 1, 24)):
        each, spent = _idling(threads)
        goal, met = ("", None) if most is None else (f"< {most} KiB", each < most)
        yield Row(
            f"an idle connection with a lane, server {kind}", f"{each:.1f} KiB", "24 KiB", each / 24, goal, met, 0
        )
        yield Row(f"{IDLE} idle connections with lanes, server {kind}: processor time of a second",
                  f"{spent * 1e3:.1f} ms", "0 ms", spent, "< 0.005", spent < 0.005, 0.0)  # fmt: skip


def _idling(threads: int | None) -> tuple[float, float]:
    """KiB of memory that a connection takes of the server, and seconds that it works on them all in a second."""
    serving = partial(serve, name="idle", lane="1", threads=threads)
    gc.collect()
    gc.freeze()  # or a collection, here or there, would part what the server shares with us, and count as its own
    with peer(reporting, "free", serving) as (pid, binding), ExitStack() as stack:
        clients = [stack.enter_context(lrpc_client(binding)) for _ in range(IDLE // 10)]
        before = memory(pid)
        clients += [stack.enter_context(lrpc_client(binding)) for _ in range(IDLE)]
        for call in clients * 5:  # one more than there are slots
            call()
        time.sleep(0.1)  # those who look give up
        each, begin = (memory(pid) - before) / IDLE, processor_time(pid)
        time.sleep(1)
        return each, processor_time(pid) - begin


def processor_time(pid: int) -> float:
    """Seconds that the threads of a process have run."""
    found = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(each.read_text(encoding="ascii").split()[0]) for each in found) / 1e9


def _crowds(ours: dict[str, str], theirs: Any) -> list[Row]:
    """A row for each kind of server, of which the best is held to the goal."""
    with ExitStack() as stack:
        crowds = {kind: stack.enter_context(Crowd(lrpc_client, binding, CLIENTS)) for kind, binding in ours.items()}
        crowds["theirs"] = stack.enter_context(Crowd(network_peers.pickle_client, theirs, CLIENTS))
        timings = rates(crowds, 12, 0.3)
    other = timings.pop("theirs")
    best = min(timings, key=lambda kind: timings[kind].best)
    return [_crowd(kind, timing, other, held=kind == best) for kind, timing in timings.items()]


def _crowd(kind: str, ours: Timing, theirs: Timing, *, held: bool) -> Row:
    ratio = theirs.best / ours.best
    goal, met = ("at least 2.5", ratio >= 2.5) if held else ("", None)
    work = f"{CLIENTS} clients over ALPC, server {kind}, times the rate of multiprocessing.connection's threads"
    return Row(work, f"{1 / ours.best:.0f} /s", f"{1 / theirs.best:.0f} /s", ratio, goal, met, ours.noise)


def _asynchronous(ours: str, theirs: str) -> Row:
    with asyncio.Runner() as runner:
        connecting = lrpc.connect(stub.AsyncBenchClient, ours)
        client = runner.run(connecting.__aenter__())
        other, close = runner.run(grpc_aio(theirs))
        calls: dict[str, AsyncAdd] = {"ours": partial(client.Add, 2, 3), "grpc.aio": other}
        contenders: dict[str, Work] = {
            name: lambda add=add: runner.run(several(add, 1, 100))  # type: ignore[misc]
            for name, add in calls.items()
        }
        timings = compare(contenders, each=1, rounds=30)
        runner.run(close())
        runner.run(connecting.__aexit__(None, None, None))
    each = {name: Timing(timing.best / 100, timing.median / 100) for name, timing in timings.items()}
    return _over("add over ALPC, asyncio / grpc.aio on a Unix socket (same)", each["ours"], each["grpc.aio"], 12)


def _under(work: str, ours: Timing, theirs: Timing, most: float, *, median: bool = False) -> Row:
    one, other = (timing.median if median else timing.best for timing in (ours, theirs))
    return Row(work, f"{one * 1e6:.1f} us", f"{other * 1e6:.1f} us", one / other, f"at most {most}",
               one / other <= most, ours.noise)  # fmt: skip


def _over(work: str, ours: Timing, theirs: Timing, times: int, *, median: bool = False) -> Row:
    row = _under(work, ours, theirs, 1 / times, median=median)
    row.goal = f"at most 1/{times}"
    return row
