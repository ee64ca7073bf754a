"""A call of an asyncio server that has begun, and how it is given up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import nullcontext

from .. import dispatch
from ..callbacks.line import AsyncLine, held
from ..session import Answer, Call, Session
from ..status import NCA_CANCEL, CallCancelled, Ran


class Running:
    """A call that has begun."""

    __slots__ = ("given_up", "line", "one_way", "task")

    def __init__(self, *, one_way: bool) -> None:
        self.one_way = one_way
        self.given_up = False
        """Its client does not want it any more."""
        self.task: asyncio.Task[None] | None = None
        """While the method runs."""
        self.line: AsyncLine | None = None
        """What the method calls its client back through."""

    def give_up(self) -> None:
        """Cancel the method, once; not the sending of its answer."""
        if not self.given_up:
            self.given_up = True
            if self.task is not None:
                self.task.cancel()

    async def answer(self, session: Session, call: Call, begun: Awaitable[Answer] | None = None) -> Answer:
        """Run the call, or go on where it has begun.

        A method that lets a cancellation out which was not its task's has failed like any other.
        """
        task = self.task = asyncio.current_task()
        assert task is not None
        try:
            with nullcontext() if self.line is None else held(self.line):
                if begun is not None:
                    return await begun
                if call.run is not None:
                    return await call.run(call.stub)
                return await dispatch.answer_async(call.method, call.stub, call.encoding, session.contexts)
        except asyncio.CancelledError:
            if task.cancelling() > self.given_up:
                raise
            return CallCancelled(NCA_CANCEL, ran=Ran.YES)
        finally:
            self.task = None
            if self.given_up:
                task.uncancel()
