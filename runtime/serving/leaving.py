"""Clients of a blocking server that were asked to leave: one thread hears them all out. For asyncio the loop does.

A stream that was drained counts as readable for ever, so what comes is learnt by edges (EPOLLET).
"""

from __future__ import annotations

import math
import select
import threading
import time
from contextlib import suppress

from ..ended import note_end
from ..session import LINGER, Session
from .crew import Crew


class Leaving:
    """Hears clients until they have left, and ends their sessions. crew: whose thread does it, while there are any."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._until = math.inf
        self._poll: select.epoll | None = None
        """While there is a thread."""
        self._clients: dict[int, tuple[Session, float]] = {}
        """By descriptor, with the time of `time.monotonic` at which each ends."""
        self._lock = threading.Lock()

    def stop(self, until: float) -> None:
        """Hear nobody for longer than until a time of `time.monotonic`."""
        self._until = until

    def add(self, session: Session) -> None:
        """Hear a client out that nothing runs for any more."""
        descriptor = session.fileno()
        with self._lock:
            try:
                poll = self._poll = self._poll or self._begun()
                self._clients[descriptor] = session, min(time.monotonic() + LINGER, self._until)
                poll.register(descriptor, select.EPOLLIN | select.EPOLLET)
                return
            except (OSError, RuntimeError, ValueError) as error:  # closed meanwhile; or the machine has no more threads
                self._clients.pop(descriptor, None)
                note_end(session.caller, error)
        session.end()

    def _begun(self) -> select.epoll:
        poll = select.epoll()
        self._crew.spawn(self._work, poll)
        return poll

    def _work(self, poll: select.epoll) -> None:
        while (left := self._left(poll)) is not None:
            for descriptor, _ in poll.poll(left):
                if descriptor in self._clients:
                    self._hear(descriptor)
            now = time.monotonic()
            for descriptor in [found for found, (_, until) in [*self._clients.items()] if until <= now]:
                self._end(descriptor)

    def _left(self, poll: select.epoll) -> float | None:
        """Seconds until one has to end; None: there is none, and this thread ends."""
        with self._lock:
            if not self._clients:
                self._poll = None
                poll.close()
                return None
            return max(min(until for _, until in self._clients.values()) - time.monotonic(), 0)

    def _hear(self, descriptor: int) -> None:
        session, _ = self._clients[descriptor]
        try:
            gone = session.hear_out()
        except Exception as end:  # whatever it is, it ends this connection alone
            note_end(session.caller, end)
            gone = True
        if gone:
            self._end(descriptor)

    def _end(self, descriptor: int) -> None:
        with self._lock:
            session, _ = self._clients.pop(descriptor)
            if self._poll is not None:
                with suppress(OSError):
                    self._poll.unregister(descriptor)
        session.end()
