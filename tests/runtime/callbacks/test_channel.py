"""The channel of a blocking client that is called back: which thread serves, and what a server may not do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import lrpc
from lrpc.runtime.channel import BlockingChannel
from lrpc.runtime.sending import Slot
from lrpc.runtime.wire import Back, Outcome

WATCHDOG = 20.0


@pytest.fixture
def client_face() -> str:
    return "blocking"


def test_the_thread_that_waits_serves_its_callbacks(shop: Any, world: Any, threads: ThreadPoolExecutor) -> None:
    def sell(n: int) -> tuple[int, int]:
        return shop.Sell(n, 0), threading.get_ident()

    found = list(threads.map(sell, range(40)))
    assert [result for result, _ in found] == [2 * n for n in range(40)]
    assert sorted(world.threads) == sorted(ident for _, ident in found)


def test_other_threads_read_while_one_serves(shop: Any, world: Any, threads: ThreadPoolExecutor, face: str) -> None:
    hanging = threads.submit(shop.Sell, 1, -1)
    assert world.entered.wait(WATCHDOG)
    others = [threads.submit(shop.Plain, n) for n in range(8)]
    if face == "asyncio":
        assert [other.result(WATCHDOG) for other in others] == list(range(1, 9))
    world.gate.set()
    assert hanging.result(WATCHDOG) == 2
    assert [other.result(WATCHDOG) for other in others] == list(range(1, 9))


def test_the_deadline_of_a_call_holds_for_calls_of_its_callbacks(
    sides: Any, binding_for: Callable[[str], str], world: Any
) -> None:
    seen: list[float] = []

    class Timed(type(sides.desk())):  # type: ignore[misc]
        def Confirm(self, article: int, depth: int) -> int:
            seen.append(lrpc.runtime.call.time_left(1000.0))  # type: ignore[attr-defined]
            return article

    shop = sides.connect(sides.listen(binding_for("ncalrpc")), desk=Timed(world), timeout=5.0)
    assert shop.Sell(1, 0) == 1
    assert 0 < seen[0] <= 5.0


@pytest.mark.parametrize("cancel_timeout", [0.0, WATCHDOG])
def test_a_call_whose_time_ends_in_a_callback_is_given_up_behind_it(
    sides: Any, binding_for: Callable[[str], str], world: Any, cancel_timeout: float
) -> None:
    """Though the other callbacks of the call would find the server in time."""
    served: list[str] = []

    class Slow(type(sides.desk())):  # type: ignore[misc]
        def Alarm(self, floor: int) -> int:
            served.append("Alarm")
            while lrpc.runtime.call.time_left(WATCHDOG) > 0:  # type: ignore[attr-defined]
                time.sleep(0.001)
            return floor

        def Confirm(self, article: int, depth: int) -> int:
            served.append("Confirm")
            return article

    policy = lrpc.Policy(cancel_timeout=cancel_timeout)
    shop = sides.connect(sides.listen(binding_for("ncalrpc")), desk=Slow(world), policy=policy)
    with pytest.raises(lrpc.DeadlineExceeded), lrpc.deadline(0.05):
        shop.Ring(1)
    assert served == ["Alarm"]
    assert shop.Plain(1) == 2
    assert shop.Sell(1, 0) == 1


def test_a_callback_that_comes_when_the_time_of_its_call_is_over_is_not_served(
    shop: Any, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = BlockingChannel._outcome

    def slow(channel: BlockingChannel, key: int, slot: Slot, until: float) -> Outcome:
        found = outcome(channel, key, slot, until)
        while isinstance(found, Back) and time.monotonic() < until:
            time.sleep(0.001)
        return found

    with monkeypatch.context() as patched:
        patched.setattr(BlockingChannel, "_outcome", slow)
        with pytest.raises(lrpc.DeadlineExceeded), lrpc.deadline(0.05):
            shop.Sell(1, 0)
    assert world.threads == []
    assert shop.Sell(1, 0) == 2


def test_an_interrupted_callback_is_answered_all_the_same(
    sides: Any, binding_for: Callable[[str], str], world: Any
) -> None:
    class Interrupted(type(sides.desk())):  # type: ignore[misc]
        def Confirm(self, article: int, depth: int) -> int:
            raise KeyboardInterrupt

    shop = sides.connect(sides.listen(binding_for("ncalrpc")), desk=Interrupted(world))
    with pytest.raises(KeyboardInterrupt):
        shop.Sell(1, 0)
    assert shop.Plain(1) == 2
