"""What the loop of an asyncio server keeps of a connection."""

from __future__ import annotations

import asyncio
import contextvars
from typing import Final

from ..call import Caller, set_caller
from .running import Running

STEADY: Final = 8
"""Turns that a client fills before it is read more often in one: a read in vain costs more than a turn does."""


class Visitor:
    """What the loop keeps of a connection."""

    def __init__(self, context: contextvars.Context, descriptor: int) -> None:
        self.context = context
        self.descriptor = descriptor
        """What the loop knows it by, also when the session has closed itself."""
        self.hurry: asyncio.TimerHandle | None = None
        """Ends it when it has not bound in time, or not ended a request."""
        self.awaited: int | None = None
        """How many PDUs had come when a request that is not ended yet was last looked at."""
        self.burst = 1
        """How often it is read before others have their turn: the more, the more it had to say."""
        self._filled = 0
        """How many times on end it had that much to say."""
        self.sending = asyncio.Lock()
        self.unread = False
        """It has left an answer unread: the others are not sent."""
        self.unsent = 0
        """Octets of answers that wait until another one is sent."""
        self.running = 0
        self.aside = 0
        """Calls that wait for the answers to callbacks."""
        self.one_way = 0
        """Of those that run."""
        self.calls: dict[int, Running] = {}
        """By key: the calls that have begun."""
        self.leaving: asyncio.TimerHandle | None = None
        """Ends it when it was asked to leave, and is heard until it has."""
        self.paused = False
        self.over = False
        """Nothing more will come; the connection ends with the last call that runs."""

    def has_read(self, count: int, most: int) -> None:
        """It had something to say `count` times in its turn; `most`: that it may have."""
        if count < self.burst:
            self.burst, self._filled = count, 0
            return
        self._filled += 1
        if self._filled >= STEADY:
            self.burst = min(2 * self.burst, most)

    def give_up(self, key: int) -> None:
        """The client does not want a call any more."""
        running = self.calls.get(key)
        if running is not None:
            running.give_up()

    def calling(self, caller: Caller) -> contextvars.Context:
        """The context of a call that is not made by the caller of all."""
        context = self.context.copy()
        context.run(set_caller, caller)
        return context
