"""Looking once more before the loop is asked: for an asyncio peer that is called, or answered, back to back.

A turn of the loop costs more than a plain call does. Where the peer waits for the same processor, what is to come has
come once others had that for a moment, and is taken without a turn. Nobody waits much longer for it: there is no look
while something is ready to run, none for long after the loop had its turn, and hardly any once they are in vain, as
where the peer has a processor of its own, or others need this one. Then a glance, which gives nobody way, may still
find what is to come: of a peer that was given the processor as soon as it was woken.
Used by `async_channel.py` and `serving/loop_readers.py`.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sized
from typing import Final, TypeVar

T = TypeVar("T")

TURN: Final = 0.001
"""Seconds for which one may look in between two turns of the loop: some forty calls."""
SOON: Final = 0.0002
"""Seconds within which something has to be there for the look to have been worth while."""
REST: Final = 100
"""How much longer than a look that took too long there is none: others need the processor, and get it for long."""
MOST_SKIPPED: Final = 31
"""Looks that are left out after several in vain."""
MOST_UNSEEN: Final = 7
"""Glances that are left out after several in vain; one costs a fifth of a turn of the loop."""

_give_way: Final[Callable[[], None] | None] = getattr(os, "sched_yield", None)


class Looking:
    """Whether looking pays: for one loop, the running one, and one thing that is looked for."""

    __slots__ = ("_blind", "_ready", "_rest", "_skip", "_skipped", "_unseen", "_until")

    def __init__(self) -> None:
        # What is ready to run, of the loops that tell: asyncio's own. Where it is not known there is no look.
        self._ready: Sized = getattr(asyncio.get_running_loop(), "_ready", (None,))
        self._until = 0.0
        self._rest = 0.0
        """Before that time of time.monotonic there is no look."""
        self._skip = 0
        """Looks to be left out before the next one."""
        self._skipped = 0
        """How many were, the last time that one was in vain."""
        self._unseen = self._blind = 0
        """The same of glances."""

    def begin(self) -> None:
        """The loop has had its turn."""
        self._until = time.monotonic() + TURN

    def look(self, receive: Callable[[], T]) -> T | None:
        """What `receive` gives, which does not wait, after others had the processor; None when it is not asked."""
        begun = time.monotonic()
        if begun > self._until or self._ready:
            return None
        if self._skip or begun < self._rest or _give_way is None:
            return self._glance(receive)
        _give_way()
        took = time.monotonic() - begun
        found = receive()
        if took > SOON:
            self._rest = begun + REST * took
        in_vain = not found or took > SOON
        self._skipped = self._skip = min(2 * self._skipped + 1, MOST_SKIPPED) if in_vain else 0
        return found

    def _glance(self, receive: Callable[[], T]) -> T | None:
        """The same without giving way."""
        self._skip = max(self._skip - 1, 0)
        if self._unseen:
            self._unseen -= 1
            return None
        found = receive()
        self._blind = self._unseen = 0 if found else min(2 * self._blind + 1, MOST_UNSEEN)
        return found
