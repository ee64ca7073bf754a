"""What waits for nothing makes no task; what waits goes on in the task that was current from its first step."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from lrpc.runtime.eager import Begun, Eager, Waits
from lrpc.runtime.status import CallCancelled

variable = contextvars.ContextVar("variable", default="outside")


def ran(work: Callable[[], Coroutine[Any, Any, None]], times: int = 1) -> list[asyncio.Task[None] | None]:
    """The tasks of coroutines that are run from a callback of a loop, one after the other; all have ended."""

    async def main() -> list[asyncio.Task[None] | None]:
        loop, eager = asyncio.get_running_loop(), Eager()
        context = contextvars.copy_context()
        context.run(variable.set, "inside")
        tasks: list[asyncio.Task[None] | None] = []
        done = loop.create_future()

        def run() -> None:
            try:
                for _ in range(times):
                    tasks.append(eager.run(work(), context))
            finally:
                done.set_result(None)

        loop.call_soon(run)
        await done
        await asyncio.gather(*(task for task in tasks if task is not None), return_exceptions=True)
        eager.close()
        return tasks

    return asyncio.run(main(), debug=True)


def test_a_coroutine_that_waits_for_nothing_has_ended_at_once_and_makes_no_task() -> None:
    seen: list[str] = []

    async def work() -> None:
        seen.append(variable.get())

    assert ran(work, times=3) == [None, None, None]
    assert seen == ["inside"] * 3


@pytest.mark.parametrize("wait", [lambda: asyncio.sleep(0), lambda: asyncio.sleep(0.001)])
def test_one_that_waits_goes_on_in_its_task_and_context(wait: Callable[[], Awaitable[None]]) -> None:
    seen: list[Any] = []

    async def work() -> None:
        first = asyncio.current_task()
        await wait()
        seen.append((variable.get(), first is asyncio.current_task()))
        await wait()
        seen.append((variable.get(), first is asyncio.current_task()))

    one, two = ran(work, times=2)
    assert seen == [("inside", True)] * 4
    assert one is not None
    assert two is not None
    assert one is not two
    assert one.exception() is None


def test_timeouts_and_task_groups_work_from_the_first_step() -> None:
    seen: list[str] = []

    async def work() -> None:
        try:
            async with asyncio.timeout(0.001), asyncio.TaskGroup() as group:
                group.create_task(asyncio.sleep(0))
                await asyncio.sleep(60)
        except TimeoutError:
            seen.append("timed out")

    ran(work)
    assert seen == ["timed out"]


@pytest.mark.parametrize("turns", [0, 1, 3])
def test_cancelling_the_task_reaches_what_waits(turns: int) -> None:
    seen: list[str] = []

    async def work() -> None:
        task = asyncio.current_task()
        assert task is not None
        if turns:
            asyncio.get_running_loop().call_later(0.001 * (turns - 1), task.cancel)
        else:
            task.cancel()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    (task,) = ran(work)
    assert seen == ["cancelled"]
    assert task is not None
    assert task.cancelled()


def test_what_cancels_itself_and_ends_spoils_nothing_for_the_next() -> None:
    first = True

    async def work() -> None:
        nonlocal first
        if first:
            first = False
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
        else:
            await asyncio.sleep(0)

    one, two = ran(work, times=2)
    assert one is None
    assert two is not None
    assert two.exception() is None


def test_an_error_of_the_first_step_is_raised_and_no_task_is_left_current() -> None:
    seen: list[Any] = []

    async def work() -> None:
        raise ValueError("at once")

    async def main() -> None:
        loop, eager, done = asyncio.get_running_loop(), Eager(), asyncio.get_running_loop().create_future()

        def run() -> None:
            try:
                eager.run(work(), contextvars.copy_context())
            except ValueError as error:
                seen.extend((str(error), asyncio.current_task()))
            done.set_result(None)

        loop.call_soon(run)
        await done
        eager.close()

    asyncio.run(main())
    assert seen == ["at once", None]


def stepping(function: Callable[..., Any], *values: Any) -> Any:
    """What a stepped function gives or raises in a callback of a loop; Waits: what comes of it in the end."""

    async def main() -> Any:
        loop, eager, context = asyncio.get_running_loop(), Eager(), contextvars.copy_context()
        done: asyncio.Future[Any] = loop.create_future()

        async def go_on(begun: Begun[Any]) -> None:
            done.set_result(await begun)

        def step() -> None:
            try:
                done.set_result(context.run(eager.stepped(function), *values))
            except Waits as waits:
                assert isinstance(eager.attempt(wait(waits.begun), context, go_on), asyncio.Task)
            except BaseException as error:
                done.set_exception(error)

        async def wait(begun: Begun[Any]) -> Any:
            return await begun

        loop.call_soon(step)
        try:
            return await done
        finally:
            eager.close()

    return asyncio.run(main(), debug=True)


async def doubled(value: int, wait: bool = False) -> int:
    task = asyncio.current_task()
    if wait:
        await asyncio.sleep(0.001)
    assert asyncio.current_task() is task is not None
    return 2 * value


@pytest.mark.parametrize("wait", [False, True])
@pytest.mark.parametrize("function", [doubled, lambda *values: doubled(*values)])
def test_a_stepped_function_goes_as_far_as_it_can_and_on_in_its_task(function: Any, wait: bool) -> None:
    assert stepping(function, 21, wait) == 42


@pytest.mark.parametrize(
    ("error", "raised"), [(ValueError, ValueError), (asyncio.CancelledError, CallCancelled), (MemoryError, MemoryError)]
)
def test_what_a_stepped_function_raises_is_let_out_but_for_a_cancellation_of_nothing(
    error: type[BaseException], raised: type[BaseException]
) -> None:
    async def fail() -> None:
        raise error

    with pytest.raises(raised):
        stepping(fail)
