"""Threads that are waited for together."""

from __future__ import annotations

import threading
import time

from lrpc.runtime.serving.crew import Crew


def test_join_waits_for_all() -> None:
    crew, gate, done = Crew(), threading.Event(), list[int]()

    def work(number: int) -> None:
        gate.wait(20)
        done.append(number)

    for number in range(3):
        crew.spawn(work, number)
    crew.join(time.monotonic())
    assert done == []
    gate.set()
    crew.join(time.monotonic() + 20)
    assert sorted(done) == [0, 1, 2]


def test_a_thread_does_not_wait_for_itself() -> None:
    crew, joined = Crew(), threading.Event()

    def work() -> None:
        crew.join(time.monotonic() + 20)
        joined.set()

    crew.spawn(work)
    assert joined.wait(20)
