"""Running down what clients leave: each object is closed once, and one that does not come back holds up no other.

`Rundown` is a blocking server's, in a few threads that live as long as there is something to close; `AsyncRundown` is
an asyncio server's: `close` is called in the loop, and awaited as a task where it is a coroutine.
"""

from __future__ import annotations

import inspect
import threading
import time
from collections import deque
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Final

from .journal import note

if TYPE_CHECKING:
    import asyncio

MAX_THREADS: Final = 8
"""Objects that are run down at once at one endpoint; the others wait for one of these to be closed."""


def _close(value: Any) -> Any:
    """Close an object that can be closed; what it says."""
    close = getattr(value, "close", None)
    return None if close is None else close()


class Rundown:
    """Closes objects in threads."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Any, str]] = deque()
        self._threads = 0
        self._changed = threading.Condition()

    def __call__(self, value: Any, type: str) -> None:
        """Close an object soon; type: what the log calls it."""
        with self._changed:
            self._waiting.append((value, type))
            if self._threads >= MAX_THREADS:
                return
            self._threads += 1
        try:
            threading.Thread(target=self._work, name="lrpc rundown", daemon=True).start()
        except RuntimeError:  # the machine has no more threads
            self._work()

    def wait(self, timeout: float) -> bool:
        """Wait for all of it; False when something is not closed in time."""
        until = time.monotonic() + timeout
        with self._changed:
            return self._changed.wait_for(lambda: not self._threads, max(until - time.monotonic(), 0))

    def _work(self) -> None:
        while (next_one := self._next()) is not None:
            value, type = next_one
            try:
                said = _close(value)
                if inspect.iscoroutine(said):
                    said.close()
                    raise TypeError("its close is async, and the server is not")
            except Exception as error:  # one object that fails to close must not keep the others open
                note("rundown_failed", type=type, failure=error)
            del value, next_one

    def _next(self) -> tuple[Any, str] | None:
        with self._changed:
            if self._waiting:
                return self._waiting.popleft()
            self._threads -= 1
            self._changed.notify_all()
            return None


class AsyncRundown:
    """Closes objects in the loop of an asyncio server."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, value: Any, type: str) -> None:
        """Close an object; type: what the log calls it."""
        try:
            said = _close(value)
        except Exception as error:
            note("rundown_failed", type=type, failure=error)
            return
        if inspect.iscoroutine(said):
            from asyncio import get_running_loop

            task = get_running_loop().create_task(self._finish(said, type))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def wait(self, timeout: float) -> bool:
        """Wait for all of it; False when something is not closed in time."""
        from asyncio import wait

        return not self._tasks or not (await wait(self._tasks, timeout=timeout))[1]

    async def _finish(self, closing: Coroutine[Any, Any, Any], type: str) -> None:
        try:
            await closing
        except Exception as error:
            note("rundown_failed", type=type, failure=error)
