"""A thread for each connection: the one that receives a call runs it. For few connections nothing is faster."""

from __future__ import annotations

import threading
import time

from ...transports import errors as transport
from ..call import Limits, set_caller, set_cancel_test
from ..ended import Dismissed, note_end, too_slow
from ..endpoints import Endpoint
from ..journal import note
from ..session import Session
from .crew import Crew
from .guests import PAUSE, Guests
from .leaving import Leaving


class ConnectionThreads:
    """Serves endpoints until their listeners are closed, and connections until they end."""

    def __init__(self, guests: Guests, limits: Limits) -> None:
        self._guests = guests
        self._limits = limits
        self._crew = Crew()
        self._leaving = Leaving(self._crew)
        self._stopping = threading.Event()

    def serve(self, endpoint: Endpoint) -> None:
        """Accept and serve, from now on."""
        self._crew.spawn(self._accept, endpoint)

    def stop(self, until: float) -> None:
        """Connections that end make the threads end. until: when clients have to have left."""
        self._leaving.stop(until)
        self._stopping.set()

    def join(self, until: float) -> None:
        """Wait until everything has ended, or until a time of `time.monotonic`."""
        self._crew.join(until)

    def includes_this(self) -> bool:
        """Is the thread that asks one that serves?"""
        return self._crew.includes_this()

    def abandon(self) -> None:
        """In a child of fork there are no threads."""

    def _accept(self, endpoint: Endpoint) -> None:
        while not self._stopping.is_set():
            try:
                connection = endpoint.listener.accept(None)
            except transport.Disconnected:
                return
            except (transport.TransportError, MemoryError) as error:
                note("accept_failed", binding=str(endpoint.binding), reason=str(error))
                self._stopping.wait(PAUSE)
                continue
            if self._guests.door.is_shut(connection.peer):
                connection.close()
                self._stopping.wait(self._guests.door.rest())
                continue
            session = endpoint.session(connection, patient=True)
            if not self._guests.admit(session):
                session.close()
                continue
            try:
                self._crew.spawn(self._serve, session)
            except RuntimeError as error:  # the machine has no more threads
                note("accept_failed", binding=str(endpoint.binding), reason=str(error))
                self._guests.dismiss(session)
                session.end()

    def _serve(self, session: Session) -> None:
        set_caller(session.caller)
        set_cancel_test(session.cancelling.test)
        until, leaves = time.monotonic() + self._limits.handshake, False
        try:
            while not session.bound:
                left = until - time.monotonic()
                if left <= 0:
                    raise too_slow(self._limits.handshake)
                session.serve_next(left)
            session.serve()
        except BaseException as end:  # whatever it is, it ends this connection alone
            leaves = isinstance(end, Dismissed)
            late = not session.bound and time.monotonic() >= until
            note_end(session.caller, too_slow(self._limits.handshake) if late else end)
        finally:
            self._guests.dismiss(session)
            if leaves:
                self._leaving.add(session)
            else:
                session.end()
