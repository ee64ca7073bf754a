"""A few threads for all connections, over one set of epoll: the thread that is woken receives, and runs the call.

Every descriptor is armed for one event (EPOLLONESHOT), so a connection has one thread at a time, and calls of one
connection run one after the other. There is no queue and no hand-over: as many calls run at once as there are threads.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from typing import Final, NamedTuple

from ...transports import errors as transport
from ..call import Limits, set_caller, set_cancel_test
from ..ended import Dismissed, note_end, paused, too_slow
from ..endpoints import Endpoint
from ..journal import note
from ..session import Session
from .crew import Crew
from .door import REST
from .guests import PAUSE, Guests
from .leaving import Leaving

BATCH: Final = 16
"""Events that a thread takes at once that shares them with no other."""
TICK: Final = 1.0
"""Seconds between two looks at who is late, where nothing else happens."""


class _Late(NamedTuple):
    until: float
    """A time of time.monotonic."""
    come: int | None
    """How many PDUs had come when something was begun; None: no interface is bound yet."""


class LeaderFollower:
    """Serves endpoints until their listeners are closed, and connections until they end, with `count` threads."""

    def __init__(self, guests: Guests, limits: Limits, count: int) -> None:
        if count < 1:
            raise ValueError(f"{count} threads serve nobody")
        self._armed: Final = select.EPOLLIN | select.EPOLLONESHOT
        self._alone: Final = count == 1
        """One thread need not disarm connections for others, and takes several events at a time."""
        self._guests = guests
        self._limits = limits
        self._count = count
        self._crew = Crew()
        self._leaving = Leaving(self._crew)
        self._bell = -1
        """Rung once, when all is over."""
        self._watched: dict[int, Session | Endpoint] = {}
        self._late: dict[Session, _Late] = {}
        """Who has to go on."""
        self._resting: dict[int, float] = {}
        """Listeners that accept nobody until that time of time.monotonic."""
        self._working = 0
        self._stopping = False
        self._lock = threading.Lock()

    def serve(self, endpoint: Endpoint) -> None:
        """Accept and serve, from now on."""
        if self._bell < 0:
            self._begin()
        self._watch(endpoint.listener.fileno(), endpoint)

    def stop(self, until: float) -> None:
        """The end of the last connection makes the threads end. until: when clients have to have left."""
        self._leaving.stop(until)
        self._stopping = True
        self._ring_if_over()

    def join(self, until: float) -> None:
        """Wait until everything has ended, or until a time of `time.monotonic`."""
        self._crew.join(until)

    def includes_this(self) -> bool:
        """Is the thread that asks one that serves?"""
        return self._crew.includes_this()

    def abandon(self) -> None:
        """In a child of fork, which has none of the threads: let go of what they wait for."""
        if self._working:
            self._working = 0
            self._epoll.close()
            os.close(self._bell)

    def _begin(self) -> None:
        self._epoll = select.epoll()
        self._bell = os.eventfd(0, os.EFD_CLOEXEC)
        self._epoll.register(self._bell, select.EPOLLIN)
        self._working = self._count
        for _ in range(self._count):
            self._crew.spawn(self._work)

    def _work(self) -> None:
        try:
            self._follow()
        finally:
            with self._lock:
                self._working -= 1
                if not self._working:
                    self._epoll.close()
                    os.close(self._bell)

    # What every thread does

    def _follow(self) -> None:
        while True:
            for descriptor, _ in self._epoll.poll(REST if self._resting else TICK, BATCH if self._alone else 1):
                if descriptor == self._bell:
                    return
                found = self._watched.get(descriptor)
                if isinstance(found, Endpoint):
                    self._accept(found, descriptor)
                elif found is not None:  # or it ended with an event before this one
                    self._serve(found, descriptor)
            if self._late:
                self._hurry()
            if self._resting:
                self._end_rests()

    def _serve(self, session: Session, descriptor: int) -> None:
        set_caller(session.caller)
        set_cancel_test(session.cancelling.test)
        try:
            come = session.serve_now()
            if (come is not None or self._late) and session.bound:
                self._watch_rest(session, come)
            if not self._alone:  # from now on it may be another thread's
                self._epoll.modify(descriptor, self._armed)
        except OSError:  # closed meanwhile, by a server that stops
            self._end(session, descriptor)
        except BaseException as end:  # whatever it is, it ends this connection alone
            note_end(session.caller, end)
            self._end(session, descriptor, leaves=isinstance(end, Dismissed))

    def _watch_rest(self, session: Session, come: int | None) -> None:
        """Whoever has begun something has to go on with it."""
        if come is not None:
            known = self._late.get(session)
            if known is None or known.come != come:
                self._late[session] = _Late(time.monotonic() + self._limits.max_pause, come)
        else:
            self._late.pop(session, None)

    def _accept(self, endpoint: Endpoint, descriptor: int) -> None:
        try:
            while (connection := endpoint.listener.accept_now()) is not None:
                if not self._guests.door.is_shut(connection.peer):
                    self._greet(endpoint.session(connection, patient=True))
                    continue
                connection.close()
                if rest := self._guests.door.rest():
                    self._resting[descriptor] = time.monotonic() + rest
                    return
        except transport.Disconnected:
            self._watched.pop(descriptor, None)
            return
        except transport.TransportError as error:
            note("accept_failed", binding=str(endpoint.binding), reason=str(error))
            self._resting[descriptor] = time.monotonic() + PAUSE
            return
        self._rearm(descriptor)

    def _rearm(self, descriptor: int) -> None:
        try:
            self._epoll.modify(descriptor, self._armed)
        except OSError:  # the listener was closed meanwhile
            self._watched.pop(descriptor, None)

    def _end_rests(self) -> None:
        now = time.monotonic()
        for descriptor, until in [*self._resting.items()]:
            if until <= now and self._resting.pop(descriptor, None) is not None:
                self._rearm(descriptor)

    def _greet(self, session: Session) -> None:
        if not self._guests.admit(session):
            session.close()
            return
        self._late[session] = _Late(time.monotonic() + self._limits.handshake, None)
        self._watch(session.fileno(), session)

    def _hurry(self) -> None:
        """End whose time is over: to the thread that reads them next, they have ended."""
        now = time.monotonic()
        for session, late in [*self._late.items()]:
            if late.until <= now and self._late.pop(session, None) is not None:
                slow = too_slow(self._limits.handshake) if late.come is None else paused(self._limits.max_pause)
                note_end(session.caller, slow)
                session.drain()

    def _watch(self, descriptor: int, what: Session | Endpoint) -> None:
        self._watched[descriptor] = what
        stays = self._alone and not isinstance(what, Endpoint)
        self._epoll.register(descriptor, select.EPOLLIN if stays else self._armed)

    def _end(self, session: Session, descriptor: int, *, leaves: bool = False) -> None:
        """With the only thread that has the connection. Its descriptor may be another one's by now."""
        if self._watched.get(descriptor) is session:
            del self._watched[descriptor]
        self._late.pop(session, None)
        self._guests.dismiss(session)
        if leaves:
            with contextlib.suppress(OSError):  # closed meanwhile
                self._epoll.unregister(descriptor)
            self._leaving.add(session)
        else:
            session.end()
        self._ring_if_over()

    def _ring_if_over(self) -> None:
        with self._lock:
            if self._stopping and self._working and not self._guests.sessions:
                os.eventfd_write(self._bell, 1)
