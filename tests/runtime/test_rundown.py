"""Run-down: every object once, whatever others do."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from lrpc.runtime.rundown import MAX_THREADS, AsyncRundown, Rundown

WATCHDOG = 20.0


class Thing:
    def __init__(self, gate: threading.Event | None = None, fails: bool = False) -> None:
        self.closed: list[int] = []
        self.gate = gate
        self.fails = fails
        self.entered = threading.Event()

    def close(self) -> None:
        self.closed.append(threading.get_ident())
        self.entered.set()
        if self.gate is not None:
            assert self.gate.wait(WATCHDOG)
        if self.fails:
            raise RuntimeError("does not close")


class AsyncThing:
    def __init__(self, fails: bool = False) -> None:
        self.closed = 0
        self.fails = fails

    async def close(self) -> None:
        await asyncio.sleep(0)
        self.closed += 1
        if self.fails:
            raise RuntimeError("does not close")


def test_everything_is_closed_once_in_other_threads() -> None:
    rundown, things = Rundown(), [Thing() for _ in range(1000)]
    for thing in things:
        rundown(thing, "T")
    assert rundown.wait(WATCHDOG)
    assert [len(thing.closed) for thing in things] == [1] * 1000
    assert threading.get_ident() not in {thing.closed[0] for thing in things}
    assert len({thing.closed[0] for thing in things}) <= MAX_THREADS


def test_one_that_blocks_holds_up_no_other() -> None:
    rundown, gate = Rundown(), threading.Event()
    blocked, others = [Thing(gate) for _ in range(MAX_THREADS - 1)], [Thing() for _ in range(100)]
    for thing in (*blocked, *others):
        rundown(thing, "T")
    assert all(thing.entered.wait(WATCHDOG) for thing in others)
    assert not rundown.wait(0)
    gate.set()
    assert rundown.wait(WATCHDOG)


def test_one_that_fails_is_logged_and_the_others_are_closed(caplog: pytest.LogCaptureFixture) -> None:
    rundown, things = Rundown(), [Thing(fails=True), Thing(), Thing(fails=True)]
    for thing in things:
        rundown(thing, "T")
    rundown(object(), "without close")
    assert rundown.wait(WATCHDOG)
    assert [len(thing.closed) for thing in things] == [1, 1, 1]
    assert caplog.text.count("rundown of a T failed") == 2


def test_an_async_close_is_none_for_a_blocking_server(caplog: pytest.LogCaptureFixture) -> None:
    rundown = Rundown()
    rundown(AsyncThing(), "T")
    assert rundown.wait(WATCHDOG)
    assert "its close is async" in caplog.text


def test_a_machine_without_threads_closes_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", full)
    rundown, thing = Rundown(), Thing()
    rundown(thing, "T")
    assert thing.closed == [threading.get_ident()]
    assert rundown.wait(0)


def test_asyncio_awaits_what_is_a_coroutine(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        rundown = AsyncRundown()
        things: list[Any] = [AsyncThing(), Thing(), AsyncThing(fails=True), Thing(fails=True), object()]
        for thing in things:
            rundown(thing, "T")
        assert await rundown.wait(WATCHDOG)
        assert await rundown.wait(0)
        assert (things[0].closed, things[2].closed) == (1, 1)
        assert things[1].closed == [threading.get_ident()]

    asyncio.run(run())
    assert caplog.text.count("rundown of a T failed") == 2


# Through a server


@pytest.mark.parametrize("transport", ["ncalrpc", "ncacn_ip_tcp"])
def test_a_client_that_leaves_a_thousand_handles_has_them_run_down_once(
    connect: Any, binding: str, world: Any, until: Callable[..., None], transport: str
) -> None:
    client = connect(binding)
    for number in range(1000):
        client.Open(str(number))
    client.close()
    closed = sorted(int(world.closed_within_watchdog()) for _ in range(1000))
    assert closed == list(range(1000))
    assert world.closed.empty()


@pytest.mark.parametrize("transport", ["ncacn_ip_tcp"])
def test_a_server_that_stops_waits_for_its_rundowns(
    hosts: Any, clients_of: Any, binding_for: Callable[[str], str], transport: str, calculator: Any
) -> None:
    host = hosts("blocking")
    done: list[str] = []

    class Slow(calculator.Tally):  # type: ignore[misc, name-defined]
        def close(self) -> None:
            time.sleep(0.2)
            done.append(self.name)

    class Service(calculator.Service):  # type: ignore[misc, name-defined]
        def Open(self, name: str) -> Any:
            return Slow(name, self.world)

    host.server.register(Service(host.world))
    client = clients_of("blocking")(host.listen(binding_for(transport)))
    client.Open("slow")
    host.stop()
    assert done == ["slow"]
