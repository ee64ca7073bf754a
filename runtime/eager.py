"""Coroutines that run at once, and become tasks only when they have to wait.

Most methods of a server wait for nothing, and a task for each, with its turn of the loop, costs more than they do.
asyncio has the like from Python 3.12 on (`eager_start`). Here a spare task stands ready: it is the current task of a
coroutine that is tried, so that timeouts and task groups work from the first step, and what waits goes on in it.
"""

from __future__ import annotations

import asyncio
from asyncio.tasks import (  # of asyncio's chapter "Extending"
    _enter_task,  # pyright: ignore[reportPrivateUsage]
    _leave_task,  # pyright: ignore[reportPrivateUsage]
)
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import Context
from inspect import iscoroutinefunction
from typing import Any, Generic, TypeAlias, TypeVar

from .status import NCA_CANCEL, CallCancelled, Ran

T = TypeVar("T")


class Begun(Generic[T]):
    """A coroutine that has begun, and waits for something; to be awaited, once."""

    __slots__ = ("_awaited", "_coroutine")

    def __init__(self, coroutine: Coroutine[Any, Any, T], awaited: Any) -> None:
        self._coroutine = coroutine
        self._awaited = awaited

    def __await__(self) -> Generator[Any, Any, T]:
        awaited = self._awaited
        while True:
            try:
                yield awaited
            except GeneratorExit:
                self._coroutine.close()
                raise
            except BaseException as error:
                try:
                    awaited = self._coroutine.throw(error)
                except StopIteration as end:
                    return end.value  # type: ignore[no-any-return]
            else:
                return (yield from self._coroutine.__await__())


class _Shell(Coroutine[Any, Any, None]):
    """What a spare task runs: nothing, until a coroutine that waits moves in."""

    __slots__ = ("_awaited", "_context", "_coroutine", "_moved_in")

    def __init__(self, moved_in: asyncio.Future[None]) -> None:
        self._moved_in = moved_in
        self._coroutine: Coroutine[Any, Any, None] | None = None
        self._context: Context | None = None
        self._awaited: Any = None

    def move_in(self, coroutine: Coroutine[Any, Any, None], context: Context, awaited: Any) -> None:
        """Go on with a coroutine, once what it waits for is there."""
        self._coroutine, self._context, self._awaited = coroutine, context, awaited
        if not self._moved_in.done():  # cancelled in its first step, perhaps
            self._moved_in.set_result(None)

    def send(self, value: Any) -> Any:
        if self._coroutine is None or self._context is None:
            self._moved_in._asyncio_future_blocking = True  # as its `__await__` does
            return self._moved_in
        awaited, self._awaited = self._awaited, None
        return self._context.run(self._coroutine.send, None) if awaited is None else awaited

    def throw(self, *error: Any) -> Any:
        if self._coroutine is None or self._context is None:
            raise error[0]
        self._awaited = None
        return self._context.run(self._coroutine.throw, *error)

    def close(self) -> None:
        if self._coroutine is not None:
            self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, None]:
        raise TypeError("a shell is for its task")


_Spare: TypeAlias = tuple[asyncio.Task[None], _Shell]


class Waits(BaseException):
    """A coroutine has begun, and has to wait. Not for its own handlers, nor for those of its caller's errors."""

    def __init__(self, begun: Begun[Any]) -> None:
        self.begun = begun


def _awaiting(function: Callable[..., Awaitable[T]]) -> Callable[..., Coroutine[Any, Any, T]]:
    async def wait(*values: Any) -> T:
        return await function(*values)

    return wait


class Eager:
    """Runs coroutines of one loop; to be used where no task is current, as in the callback of a reader."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._spare: _Spare | None = None
        self._cancelled = False
        """It is that of a coroutine that has begun and was cancelled, for what goes on with it."""

    def stepped(self, function: Callable[..., Awaitable[T]]) -> Callable[..., T]:
        """Runs it as far as it goes without waiting, to its result. Raises what it does, CallCancelled for what it lets
        out of a cancellation, and Waits: then the next `attempt` has to be of what awaits that."""
        loop = self._loop
        function = function if iscoroutinefunction(function) else _awaiting(function)

        def step(*values: Any) -> T:
            coroutine = function(*values)
            spare, self._spare = self._spare, None
            if spare is None or spare[0].cancelling():
                spare = self._taken()
            task = spare[0]
            _enter_task(loop, task)
            try:
                awaited = coroutine.send(None)
            except StopIteration as end:
                self._spare = spare
                return end.value  # type: ignore[no-any-return]
            except BaseException as error:
                self._spare = spare
                if isinstance(error, asyncio.CancelledError):  # not its task's
                    raise CallCancelled(NCA_CANCEL, ran=Ran.YES) from None
                raise
            finally:
                _leave_task(loop, task)
            self._spare = spare
            self._cancelled = bool(task.cancelling())
            raise Waits(Begun(coroutine, awaited))

        return step

    def run(self, coroutine: Coroutine[Any, Any, None], context: Context) -> asyncio.Task[None] | None:
        """Run it up to where it waits; the task that goes on with it, or None when it has ended."""
        return self._go_on(self._taken(), coroutine, context)

    def attempt(
        self,
        coroutine: Coroutine[Any, Any, T],
        context: Context,
        rest: Callable[[Begun[T]], Coroutine[Any, Any, None]],
    ) -> tuple[T] | asyncio.Task[None] | None:
        """Run it; its result, in a tuple. If it has to wait, what `rest` makes of it goes on, as by `run`."""
        spare = self._taken()
        _enter_task(self._loop, spare[0])
        try:
            awaited = context.run(coroutine.send, None)
        except StopIteration as end:
            self._spare = spare
            return (end.value,)
        except BaseException:
            spare[0].cancel()
            raise
        finally:
            _leave_task(self._loop, spare[0])
        return self._go_on(spare, rest(Begun(coroutine, awaited)), context)

    def _taken(self) -> _Spare:
        spare, self._spare = self._spare, None
        if spare is None or (spare[0].cancelling() and not self._cancelled):
            shell = _Shell(self._loop.create_future())
            return self._loop.create_task(shell), shell
        self._cancelled = False
        return spare

    def _go_on(
        self, spare: _Spare, coroutine: Coroutine[Any, Any, None], context: Context
    ) -> asyncio.Task[None] | None:
        task, shell = spare
        _enter_task(self._loop, task)
        try:
            awaited = context.run(coroutine.send, None)
        except StopIteration:
            self._spare = spare
            return None
        except BaseException:
            task.cancel()
            raise
        finally:
            _leave_task(self._loop, task)
        shell.move_in(coroutine, context, awaited)
        return task

    def close(self) -> None:
        """Give up the spare task."""
        if self._spare is not None:
            self._spare[0].cancel()
            self._spare = None
