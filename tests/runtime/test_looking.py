"""Looking before the loop is asked: only while it pays, and at nobody's cost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from lrpc.runtime import looking
from lrpc.runtime.looking import MOST_SKIPPED, MOST_UNSEEN, SOON, TURN, Looking


class Clock:
    """Stands still until it is moved."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.given_way = 0
        self.busy = 0.0
        """Seconds that others use of the processor when they get it."""
        monkeypatch.setattr(looking.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(looking, "_give_way", self._give_way)

    def _give_way(self) -> None:
        self.given_way += 1
        self.now += self.busy


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def in_loop(work: Callable[[], None]) -> None:
    async def run() -> None:
        work()

    asyncio.run(run())


def test_what_has_come_is_found_once_others_had_the_processor(clock: Clock) -> None:
    def work() -> None:
        looks = Looking()
        looks.begin()
        assert looks.look(lambda: clock.given_way) == 1

    in_loop(work)


def test_nothing_is_looked_for_when_the_loop_has_had_no_turn_for_long(clock: Clock) -> None:
    def work() -> None:
        looks = Looking()
        assert looks.look(lambda: 1) is None
        looks.begin()
        clock.now += TURN * 1.01
        assert looks.look(lambda: 1) is None
        assert clock.given_way == 0
        looks.begin()
        assert looks.look(lambda: 1) == 1

    in_loop(work)


def test_nothing_is_looked_for_while_something_is_ready_to_run(clock: Clock) -> None:
    async def run() -> None:
        looks = Looking()
        looks.begin()
        asyncio.get_running_loop().call_soon(lambda: None)
        assert looks.look(lambda: 1) is None
        await asyncio.sleep(0)
        assert looks.look(lambda: 1) == 1

    asyncio.run(run())


def test_a_loop_that_does_not_tell_what_is_ready_is_never_kept(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking.asyncio, "get_running_loop", object)
    looks = Looking()
    looks.begin()
    assert looks.look(lambda: 1) is None


def test_where_no_way_can_be_given_there_is_but_a_glance(monkeypatch: pytest.MonkeyPatch) -> None:
    def work() -> None:
        looks = Looking()
        looks.begin()
        assert looks.look(lambda: 1) == 1

    monkeypatch.setattr(looking, "_give_way", None)
    in_loop(work)


@pytest.mark.parametrize("why", ["nothing is there", "it takes too long"])
def test_looks_in_vain_grow_rare(clock: Clock, why: str) -> None:
    def work() -> None:
        looks, taken = Looking(), None if why == "nothing is there" else 1
        clock.busy = 0.0 if taken is None else SOON * 1.01
        for _ in range(MOST_SKIPPED * 20):
            looks.begin()
            assert looks.look(lambda: taken) in (taken, None)
        assert clock.given_way < 30

    in_loop(work)


def test_a_look_that_finds_something_soon_brings_them_back(clock: Clock) -> None:
    def work() -> None:
        looks = Looking()
        for _ in range(3):
            looks.begin()
            looks.look(lambda: None)
        looks.begin()
        found = sum(looks.look(lambda: 1) or 0 for _ in range(MOST_SKIPPED + 10))
        assert found >= 10

    in_loop(work)


def test_where_others_need_the_processor_there_is_a_long_rest(clock: Clock) -> None:
    def work() -> None:
        looks = Looking()
        looks.begin()
        clock.busy = 0.03
        looks.look(lambda: 1)
        clock.busy = 0.0
        for _ in range(1000):
            clock.now += 0.002
            looks.begin()
            looks.look(lambda: 1)
        assert clock.given_way == 1
        clock.now += 1.0
        looks.begin()
        for _ in range(MOST_SKIPPED):
            looks.look(lambda: 1)
        assert clock.given_way > 1

    in_loop(work)


def test_glances_between_looks_find_what_is_there_and_grow_rare_in_vain(clock: Clock) -> None:
    def work() -> None:
        looks, glances = Looking(), 0

        def receive() -> int | None:
            nonlocal glances
            glances += 1
            return None

        looks.begin()
        clock.busy = 0.03
        looks.look(receive)
        for _ in range(MOST_UNSEEN * 20):
            looks.begin()
            looks.look(receive)
        assert glances < 30
        looks.begin()
        assert sum(looks.look(lambda: 1) or 0 for _ in range(MOST_UNSEEN + 10)) >= 10
        assert clock.given_way == 1

    in_loop(work)
