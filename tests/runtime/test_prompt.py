"""A prompt has its task go on in the callback that brings the result; places are taken in order."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from lrpc.runtime.prompt import Places, Prompt


class Failure(Exception):
    pass


def ran(script: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(script(), debug=True)


async def waiting(prompt: Prompt[Any]) -> asyncio.Task[Any]:
    async def wait() -> Any:
        return await prompt

    task = asyncio.ensure_future(wait())
    await asyncio.sleep(0)
    return task


async def in_callback(work: Callable[[], object]) -> None:
    """Run it where no task is current."""
    done = asyncio.get_running_loop().create_future()

    def run() -> None:
        work()
        done.set_result(None)

    asyncio.get_running_loop().call_soon(run)
    await done


def new(cancelled: Callable[[int], object] = lambda _: None) -> Prompt[Any]:
    return Prompt(asyncio.get_running_loop(), cancelled, 7)


def test_the_task_has_gone_on_when_the_result_has_been_set() -> None:
    async def script() -> None:
        prompt = new()
        task = await waiting(prompt)
        seen: list[bool] = []

        def bring() -> None:
            prompt.set_now(7)
            seen.append(task.done())

        await in_callback(bring)
        assert (seen, await task) == ([True], 7)

    ran(script)


def test_a_result_that_need_not_be_prompt_comes_in_the_next_turn() -> None:
    async def script() -> None:
        prompt = new()
        task = await waiting(prompt)
        prompt.set_result(7)
        assert not task.done()
        assert await task == 7
        early = new()
        early.set_result(8)
        assert await early == 8

    ran(script)


def test_an_error_is_raised_and_held_by_nobody() -> None:
    async def script() -> None:
        prompt = new()
        task = await waiting(prompt)
        error = Failure("no")
        gone = weakref.ref(error)
        prompt.set_result(error)
        await asyncio.wait((task,))
        assert isinstance(task.exception(), Failure)
        gc.disable()
        try:
            del error, task
            assert gone() is None
        finally:
            gc.enable()

    asyncio.run(script())


def test_a_cancelled_task_tells_and_is_cancelled() -> None:
    async def script() -> None:
        told: list[int] = []
        prompt = new(told.append)
        task = await waiting(prompt)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert told == [7]
        assert prompt.cancelled()
        assert not prompt.cancel()

    ran(script)


def test_a_time_limit_ends_the_wait() -> None:
    async def script() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await new()

    ran(script)


def test_places_are_taken_in_order_and_those_who_leave_the_queue_take_none() -> None:
    async def script() -> None:
        places, order = Places(1), list[int]()

        async def enter(number: int) -> None:
            async with places:
                order.append(number)
                await asyncio.sleep(0)

        async with places:
            tasks = [asyncio.ensure_future(enter(number)) for number in range(4)]
            await asyncio.sleep(0)
            tasks[1].cancel()
            await asyncio.sleep(0)
            assert order == []
        tasks[2].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert order == [0, 3]
        assert places.free == 1

    ran(script)


def test_a_place_given_to_one_who_is_cancelled_at_that_moment_goes_to_the_next() -> None:
    async def script() -> None:
        places = Places(1)
        places.free -= 1
        first, second = (asyncio.ensure_future(places.__aenter__()) for _ in range(2))
        await asyncio.sleep(0)
        places.give()
        first.cancel()
        await second
        assert first.cancelled()
        assert places.free == 0

    ran(script)
