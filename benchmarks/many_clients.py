"""Eight clients at once over TCP, each a process of its own: how many calls a server answers in a second.

Nothing is pinned: the machine has as many processors as it has. multiprocessing.connection serves a thread to a client.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from multiprocessing.connection import Connection
from typing import Any

from . import network_peers, network_servers
from .measure import Row, Timing, Work, peer
from .network_call import lrpc_client

CLIENTS = 8
ROUNDS = 12
SECONDS = 0.3
"""For a round of one contender."""
GOAL = 1.8


class Crowd:
    """Clients of one server, which call as long as they are told to."""

    def __init__(self, client: Callable[[Any], AbstractContextManager[Work]], address: Any, count: int) -> None:
        context = multiprocessing.get_context("fork")
        self._ends: list[Connection] = []
        self._processes = []
        for _ in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(target=_calling, args=(client, address, theirs), daemon=True)
            process.start()
            theirs.close()
            self._ends.append(ours)
            self._processes.append(process)

    def rate(self, seconds: float) -> float:
        """Calls in a second, of all of them together."""
        for end in self._ends:
            end.send(seconds)
        return sum(end.recv() for end in self._ends)

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join()


def _calling(client: Callable[[Any], AbstractContextManager[Work]], address: Any, told: Connection) -> None:
    with client(address) as call:
        call()
        while True:
            told.send(rate_of(call, told.recv()))


def rate_of(call: Work, seconds: float) -> float:
    """Calls in a second, one after the other."""
    count, begin = 0, time.perf_counter()
    until = begin + seconds
    while (now := time.perf_counter()) < until:
        for _ in range(10):
            call()
        count += 10
    return count / (now - begin)


def rates(crowds: dict[str, Crowd], rounds: int, seconds: float) -> dict[str, Timing]:
    """Seconds for one call, as the whole crowd gets them: the best round and the middle one."""
    found: dict[str, list[float]] = {name: [] for name in crowds}
    for _ in range(rounds):
        for name, crowd in crowds.items():
            found[name].append(1 / crowd.rate(seconds))
    return {name: Timing(min(each), sorted(each)[len(each) // 2]) for name, each in found.items()}


def run(seconds: float = SECONDS) -> list[Row]:
    """A row for each kind of server."""
    with ExitStack() as stack:
        enter = stack.enter_context
        ours = {kind: enter(peer(serve, "free")) for kind, serve in network_servers.EVERY_KIND.items()}
        theirs = enter(peer(network_peers.pickle_server, "free"))
        crowds = {kind: enter(Crowd(lrpc_client, address, CLIENTS)) for kind, address in ours.items()}
        crowds["pickle"] = enter(Crowd(network_peers.pickle_client, theirs, CLIENTS))
        timings = rates(crowds, ROUNDS, seconds)
    pickles = timings.pop("pickle")
    best = min(timings, key=lambda kind: timings[kind].best)
    return [_row(kind, timing, pickles, held=kind == best) for kind, timing in timings.items()]


def _row(kind: str, ours: Timing, theirs: Timing, *, held: bool) -> Row:
    ratio = theirs.best / ours.best
    work = f"{CLIENTS} clients over TCP, server {kind}, times the rate of multiprocessing.connection's threads"
    goal, met = (f"at least {GOAL}", ratio >= GOAL) if held else ("", None)
    return Row(work, f"{1 / ours.best:.0f} /s", f"{1 / theirs.best:.0f} /s", ratio, goal, met, ours.noise)
