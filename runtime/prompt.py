"""What tasks wait for where every turn of the loop counts: the result of a call, and a place among the calls.

A `Prompt` has its task go on the moment that the result is there, in the callback that brings it.

asyncio's futures have their tasks go on in the next turn of the loop, with another look at all descriptors before it.
Where nothing but the result of one call is waited for, that turn is a good part of what the call costs.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Generator
from contextvars import Context
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Prompt(Generic[T]):
    """A future of one task: it is awaited once, at once, and by nobody else. A result that is an error is raised.

    cancelled: called with `key` when the task is cancelled. until: when its time is over, by time.monotonic.
    """

    # Of the class, so that nearly nothing has to be set when one is made.
    _asyncio_future_blocking = _done = _cancelled = False
    _callback: Callable[[Any], object] | None = None
    _context: Context | None = None
    _result: T | None = None

    def __init__(
        self, loop: asyncio.AbstractEventLoop, cancelled: Callable[[int], object], key: int = 0, until: float = 0.0
    ) -> None:
        self._loop = loop
        self._on_cancel = cancelled
        self._key = key
        self.until = until

    def set_now(self, result: T) -> None:
        """Have the task go on, now: where no task is current, as in the callback of a reader. Not with an error, whose
        traceback would hold the callers of this, and they it."""
        self._result, self._done = result, True
        callback, self._callback = self._callback, None
        if callback is not None and self._context is not None:
            self._context.run(callback, self)

    def set_result(self, result: T) -> None:
        """Have the task go on in the next turn."""
        self._result = result
        self._settle()

    # What a task asks for

    def done(self) -> bool:
        """Is there a result, or has the task been cancelled?"""
        return self._done

    def cancelled(self) -> bool:
        """Has the task been cancelled before there was a result?"""
        return self._cancelled

    def cancel(self, msg: Any = None) -> bool:
        """The task is cancelled."""
        if self._done:
            return False
        self._cancelled = True
        self._settle()
        self._on_cancel(self._key)
        return True

    def result(self) -> Any:
        """The result. CancelledError when the task has been cancelled."""
        if self._cancelled:
            raise asyncio.CancelledError
        if isinstance(self._result, Exception):
            error, self._result = self._result, None
            try:
                raise error
            finally:
                del error  # or its traceback would hold it in a circle
        return self._result

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """The loop of the task."""
        return self._loop

    def add_done_callback(self, callback: Callable[[Any], object], *, context: Context | None = None) -> None:
        """The task's own."""
        self._callback, self._context = callback, context
        if self._done:
            self._settle()

    def __await__(self) -> Generator[Any, None, T]:
        if self._done:
            return self.result()  # type: ignore[no-any-return]
        self._asyncio_future_blocking = True
        yield self  # where errors are raised: by the task, which has asked `result`
        return self._result  # type: ignore[return-value]

    def _settle(self) -> None:
        self._done = True
        callback, self._callback = self._callback, None
        if callback is not None:
            self._loop.call_soon(callback, self, context=self._context)


class Places:
    """So many may be inside at a time; others wait, and come in by their order. `async with` takes a place.

    A semaphore of which a place can be taken without asking the loop.
    """

    def __init__(self, count: int) -> None:
        self.free = count
        """Whoever finds this above 0 may take one off, and is inside."""
        self._queue: deque[asyncio.Future[None]] = deque()

    def give(self) -> None:
        """Give a place back: to the first who waits."""
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.free += 1

    async def take(self) -> None:
        """Come in, as soon as there is a place."""
        if self.free > 0:
            self.free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # a place was given all the same
                self.give()
            raise

    async def __aenter__(self) -> None:
        await self.take()

    async def __aexit__(self, *_: object) -> None:
        self.give()


def fulfil(future: asyncio.Future[None]) -> None:
    """Set the result of a future that may have been cancelled meanwhile."""
    if not future.done():
        future.set_result(None)
