"""Calls that their client gives up, at the server: how the methods that serve them learn it (C706 12.6.4.6, 12.6.4.8).

A method of an asyncio server is cancelled as a task. One of a blocking server asks `lrpc.call_cancelled()`, and the
thread that runs it then receives for it: nothing is read, and nothing paid, while nobody asks. Calls that come
meanwhile wait in `pending`, and one that is given up there never runs. Used by the sessions.
"""

from __future__ import annotations

import select
import time
from collections import deque
from collections.abc import Callable, MutableSequence
from threading import Lock
from typing import TYPE_CHECKING, Final, Protocol

from .ended import Ended, Limited
from .status import CallCancelled, Ran
from .wire import ready

if TYPE_CHECKING:
    from .session import Call

GIVEN_UP: Final = -1
"""What stands for a call that runs and that nobody waits for."""


class Receives(Protocol):
    """What is needed of a session."""

    def receive_now(self) -> list[Call] | None:
        """The calls that are there; None when nothing is. Ended."""
        ...

    def fileno(self) -> int:
        """Readable when something has come."""
        ...


class Cancelling:
    """The calls of one connection. most: how many may wait in `pending`. rate: how many words of its client may give
    calls up, at once, and each second; each is work for nothing."""

    def __init__(self, session: Receives, pending: deque[Call], most: int, rate: int) -> None:
        self.now = 0
        """The key of the call that the session's thread runs, GIVEN_UP when it is."""
        self.draining = False
        """The server takes no more calls: if there is nothing more to read, the client has not gone."""
        self.tell: Callable[[int], None] | None = None
        """Told the key of a call that is given up and has begun: the asyncio server's."""
        self._over = False
        self._lasts = Lock()
        """Held until `give_up_all`: a method that asks, and for which nothing is read any more, waits for it."""
        self._lasts.acquire()
        self._session = session
        self.pending = pending
        """Calls that have come and not begun."""
        self._most = most
        self._rate = rate
        self._against = self._counted = 0.0
        """How many words count against the client, and when that was so."""

    def give_up(self, key: int, come: MutableSequence[Call]) -> None:
        """A client does not want this call any more; `come`: the calls that came with that word. Ended when it says so
        too often."""
        self._count()
        for calls in (come, self.pending):
            for at, call in enumerate(calls):
                if call.key == key and call.feed is None:
                    calls[at] = call._replace(method=CallCancelled(ran=Ran.NO), run=None)
                    return
        if self.tell is not None:
            self.tell(key)
        elif key == self.now:
            self.now = GIVEN_UP

    def give_up_all(self) -> None:
        """The server ends the connection without waiting for its calls. From any thread."""
        if not self._over:
            self._over = True
            self._lasts.release()

    def _count(self) -> None:
        now = time.monotonic()
        self._against = max(self._against - self._rate * (now - self._counted), 0.0) + 1
        self._counted = now
        if self._against > self._rate:
            raise Limited("calls are begun to be given up", "max_cancels", self._rate)

    def test(self, wait: float) -> bool:
        """Is the call that this thread runs given up, or becomes so within `wait` seconds?"""
        until = time.monotonic() + wait
        while not self._look():
            left = until - time.monotonic()
            if left <= 0:
                return False
            reads = len(self.pending) < self._most and not self.draining
            if reads and (descriptor := self._session.fileno()) >= 0:
                ready(descriptor, select.POLLIN, left)
            else:  # no more is taken from this client, for now or for ever
                self._lasts.acquire(timeout=left)
        return True

    def _look(self) -> bool:
        try:
            while self.now != GIVEN_UP and not self._over and len(self.pending) < self._most:
                calls = self._session.receive_now()
                if calls is None:
                    break
                self.pending += calls
        except Ended:  # which the session finds again when the call is over
            if not self.draining:
                self.now = GIVEN_UP
        return self._over or self.now == GIVEN_UP
