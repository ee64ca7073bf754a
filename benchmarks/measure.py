"""Timing that holds on a noisy machine: contenders take turns, the minimum of many rounds counts, ratios compare.

A peer runs in a process of its own. `--pin same` puts both on one processor, `--pin diff` on two.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

Work = Callable[[], object]


def pin(which: str, role: int) -> None:
    """Bind this process: role 0 is the caller, 1 its peer. "free": bind nothing."""
    if which == "free":
        return
    processors = sorted(os.sched_getaffinity(0))
    chosen = processors[0] if which == "same" or len(processors) < 2 else processors[role]
    os.sched_setaffinity(0, {chosen})


@contextmanager
def peer(target: Callable[..., None], which: str, *arguments: Any) -> Iterator[Any]:
    """Run `target(ready, *arguments)` in a process of its own; what it sends through `ready` is the address."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=_peer, args=(target, which, theirs, arguments), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def apart(work: Callable[..., list[Row]], *arguments: Any) -> list[Row]:
    """Run it in a process of its own: what it makes of that, such as by loading gRPC, which stands no fork, is gone."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
        return pool.submit(work, *arguments).result()


def _peer(target: Callable[..., None], which: str, ready: Connection, arguments: tuple[Any, ...]) -> None:
    pin(which, 1)
    target(ready, *arguments)


@dataclass
class Timing:
    """Seconds for one piece of work: the best round, and how far the middle one was from it."""

    best: float
    median: float

    @property
    def noise(self) -> float:
        """The median over the minimum, less one."""
        return self.median / self.best - 1


def compare(contenders: dict[str, Work], *, each: int, rounds: int, alone: bool = False) -> dict[str, Timing]:
    """Time contenders in turns: `rounds` times `each` calls of every one.

    alone: work that waits for nobody. Its clock is that of the thread, which stands still while other processes have
    the processor, as happens more often in long work than in short; and a call that does not count comes first.
    """
    clock = time.thread_time if alone else time.perf_counter
    samples: dict[str, list[float]] = {name: [] for name in contenders}
    for work in contenders.values():
        work()
    for _ in range(rounds):
        for name, work in contenders.items():
            if alone:
                work()
            samples[name].append(_time(work, each, clock))
    return {name: Timing(min(times), statistics.median(times)) for name, times in samples.items()}


def _time(work: Work, each: int, clock: Callable[[], float]) -> float:
    begin = clock()
    for _ in range(each):
        work()
    return (clock() - begin) / each


@dataclass
class Row:
    """A line of the report: what was measured, the ratio, the goal that it is held to."""

    work: str
    ours: str
    theirs: str
    ratio: float
    goal: str
    met: bool | None
    """None: there is no goal."""
    noise: float


def report(rows: Sequence[Row]) -> None:
    """Print the rows."""
    print(f"{'ratio':>7}  {'goal':<13} {'':<4} {'ours':>9} {'theirs':>10}  noise  work")
    for row in rows:
        verdict = {True: "met", False: "MISS", None: ""}[row.met]
        figures = f"{row.ratio:7.2f}  {row.goal:<13} {verdict:<4} {row.ours:>9} {row.theirs:>10}"
        print(f"{figures}  {row.noise:4.0%}  {row.work}")
