"""Servers: objects that answer calls on endpoints. The blocking face; its twin is `async_server.py`.

The thread that receives a call runs it. Whose thread that is, `serving/connection_threads.py` or
`serving/leader_follower.py` says. A server drains when it stops: no new connections, what runs is answered, then
connections end.
"""

from __future__ import annotations

import time
from threading import Event, RLock, Thread
from typing import TYPE_CHECKING, Final

from ..transports import activation
from .binding import StringBinding
from .journal import note
from .serving.connection_threads import ConnectionThreads
from .serving.face import Serving
from .serving.leader_follower import LeaderFollower
from .serving.signals import interrupted_by_term
from .serving.workers import Control
from .session import Session

if TYPE_CHECKING:
    from .intercept import Interceptor  # noqa: F401 - in a string

IDLE: Final = 3600.0
"""Seconds to wait where nobody waits for signs of life."""


class Server(Serving["Interceptor"]):
    """Serves objects with plain methods, in threads.

    with lrpc.Server() as server:
        server.register(Adder())
        server.listen("ncalrpc:[calc]")
        server.serve_forever()
    """

    def _prepare(self, threads: int | None) -> None:
        self._stopping = Event()
        self._stop_turn = RLock()
        """Held by the one that stops, so that others wait for it."""
        self._started = False
        if threads is None:
            self._threads: ConnectionThreads | LeaderFollower = ConnectionThreads(self._guests, self.limits)
        else:
            self._threads = LeaderFollower(self._guests, self.limits, threads)

    def listen(self, binding: str, *, security: str | None = None) -> StringBinding:
        """Listen on an endpoint; what clients connect to. ListenError when it cannot be had.

        security: SDDL of who may connect, for ncalrpc and ncacn_np; without it the own user and root.
        """
        endpoint = self._open(binding, security)
        if self._started:
            self._threads.serve(endpoint)
            if self._wants_mapper:
                self._announce()
        return endpoint.binding

    def start(self) -> None:
        """Serve in the background, until `stop`."""
        if not self._started:
            self._require_own("start")
            self._started = True
            if self._workers is not None:
                self._start_workers(self._workers)
            else:
                self._serve_endpoints()
            if self._wants_mapper:
                self._announce()

    def _serve_endpoints(self) -> None:
        for endpoint in self._endpoints:
            self._threads.serve(endpoint)

    def _work(self, control: Control) -> None:
        self._serve_endpoints()
        self.stop(control.grace())

    def serve_forever(self) -> None:
        """Serve until `stop` is called from elsewhere, or SIGINT or SIGTERM interrupts the program. systemd is told."""
        with interrupted_by_term():
            try:
                self.start()
                activation.notify("READY=1")
                while not self._stopping.wait(activation.watchdog() or IDLE):
                    activation.notify("WATCHDOG=1")
            except KeyboardInterrupt:
                note("interrupted")
            finally:
                activation.notify("STOPPING=1")
                self.stop()

    def stop(self, grace: float = 5.0) -> None:
        """Take no more connections and calls, let those that run end for `grace` seconds, then end all connections.

        Once: where the server stops already, this waits for that alone, and in a method of its own not even so long.
        """
        if self._forked or (self._stopping.is_set() and self._threads.includes_this()):
            return  # its parent's; or whoever stops it waits for this call
        with self._stop_turn:
            if not self._stopping.is_set():
                self._stopping.set()
                self._end(grace)

    def _end(self, grace: float) -> None:
        self._withdraw()
        until = time.monotonic() + grace
        if self._workers is not None:
            self._workers.stop(grace)
        for endpoint in self._endpoints:
            endpoint.listener.close()
        for session in self._drain():
            session.drain()
        self._threads.stop(until)
        try:
            self._threads.join(until)
        finally:  # also for somebody who interrupts the wait
            for session in self._guests.present():
                self._give_up(session)
        self._threads.join(time.monotonic() + 1)
        for endpoint in self._endpoints:
            endpoint.rundown.wait(max(until - time.monotonic(), 1))
        if self._workers is not None:
            self._workers.join()

    @property
    def listening(self) -> bool:
        """Does it take calls?"""
        return self._started and not self._stopping.is_set()

    def stop_soon(self) -> None:
        """Stop, from a thread of its own: the one that asks may run a call."""
        if self._control is not None:
            self._control.ask_stop()
            return
        Thread(target=self.stop, name="lrpc stop", daemon=True).start()

    def _stop_by_worker(self) -> None:
        self.stop_soon()

    def abandon(self) -> None:
        """In a child of fork: the server is its parent's."""
        super().abandon()
        self._threads.abandon()

    def _drop(self, session: Session) -> None:
        session.drain()  # to whoever reads it, it has ended

    def _give_up(self, session: Session) -> None:
        note("still_running", peer=str(session.caller))
        session.close()
        session.cancelling.give_up_all()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
