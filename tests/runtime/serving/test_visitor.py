"""Calls that run in the loop of a server, one by one."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

import lrpc
from lrpc.runtime import dispatch
from lrpc.runtime.serving.running import Running
from lrpc.runtime.serving.visitor import STEADY, Visitor


@pytest.fixture
def serving(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Has a coroutine function serve every call."""

    def serve(method: Any) -> None:
        async def answer(*_: Any) -> Any:
            return await method()

        monkeypatch.setattr(dispatch, "answer_async", answer)

    return serve


SESSION: Any = SimpleNamespace(contexts=None)
CALL: Any = SimpleNamespace(run=None, method=None, stub=b"", encoding=None)


def run(script: Any) -> None:
    asyncio.run(asyncio.wait_for(script(), 20))


def test_a_call_that_is_given_up_is_cancelled_and_its_task_lives_on(serving: Callable[[Any], None]) -> None:
    async def script() -> None:
        serving(asyncio.Event().wait)
        visitor, running = Visitor(contextvars.copy_context(), -1), Running(one_way=False)
        visitor.calls[7] = running
        task = asyncio.ensure_future(running.answer(SESSION, CALL))
        await asyncio.sleep(0)
        visitor.give_up(8)
        visitor.give_up(7)
        visitor.give_up(7)
        answer = await task
        assert isinstance(answer, lrpc.CallCancelled)
        assert not task.cancelling()

    run(script)


def test_a_method_may_take_no_notice(serving: Callable[[Any], None]) -> None:
    async def stubborn() -> list[bytes]:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
        return [b"done"]

    async def script() -> None:
        serving(stubborn)
        running = Running(one_way=False)
        task = asyncio.ensure_future(running.answer(SESSION, CALL))
        await asyncio.sleep(0)
        running.give_up()
        assert await task == [b"done"]
        assert not task.cancelling()

    run(script)


def test_a_server_that_stops_cancels_the_task_itself(serving: Callable[[Any], None]) -> None:
    async def script() -> None:
        serving(asyncio.Event().wait)
        running = Running(one_way=False)
        task = asyncio.ensure_future(running.answer(SESSION, CALL))
        await asyncio.sleep(0)
        running.give_up()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(script)


def test_a_cancellation_of_something_else_is_a_failure_of_the_method(serving: Callable[[Any], None]) -> None:
    async def cancelled() -> None:
        raise asyncio.CancelledError

    async def script() -> None:
        serving(cancelled)
        assert isinstance(await Running(one_way=False).answer(SESSION, CALL), lrpc.CallCancelled)

    run(script)


def test_a_client_is_read_more_often_once_it_has_filled_its_turns_steadily() -> None:
    async def script() -> None:
        client = Visitor(contextvars.copy_context(), 0)
        for _ in range(STEADY - 1):
            client.has_read(1, 4)
        assert client.burst == 1
        client.has_read(1, 4)
        assert client.burst == 2
        client.has_read(2, 4)
        client.has_read(4, 4)
        assert client.burst == 4
        client.has_read(3, 4)
        assert client.burst == 3
        client.has_read(3, 4)
        assert client.burst == 3

    run(script)
