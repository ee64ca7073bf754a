"""Pre-forked workers: processes that share the endpoints of one server. What they inherit: `transports/forking.py`.

The parent listens, holds the names, tells the endpoint mapper, and serves nobody. Each worker takes connections from
the same listening sockets; what belongs to a connection, its association group and context handles, lives in the
worker that has it. A worker that dies is replaced, the later the sooner it died. A worker whose parent dies ends.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from ...transports import forking
from ..journal import note

GRACE: Final = 5.0
"""Seconds that calls may run on when a worker is told to end by a signal, or by the death of its parent."""
SHORT_LIFE: Final = 10.0
"""Seconds that a worker lives at least whose successor comes at once."""
FIRST_PAUSE: Final = 0.1
"""Seconds before the successor of one that died sooner; doubled each time."""
LONGEST_PAUSE: Final = 10.0
_ORDER: Final = struct.Struct("<d")
_ASKED: Final = b"stop"


class Control:
    """A worker's line to its parent. It can be read when the worker is to stop."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line

    def fileno(self) -> int:
        """Readable when `grace` does not wait."""
        return self._line.fileno()

    def grace(self) -> float:
        """Wait until the worker is to stop: how many seconds its calls may run on."""
        with contextlib.suppress(ConnectionError):  # the parent died
            octets = self._line.recv(_ORDER.size)
            if len(octets) == _ORDER.size:
                return float(_ORDER.unpack(octets)[0])
        return GRACE

    def ask_stop(self) -> None:
        """Have the parent stop all workers."""
        with contextlib.suppress(OSError):  # it is gone, so this worker stops as well
            self._line.send(_ASKED, socket.MSG_DONTWAIT)

    def end(self, *_: object) -> None:
        """Stop this worker; a handler of signals."""
        with contextlib.suppress(OSError):
            self._line.shutdown(socket.SHUT_RD)


class _Worker(NamedTuple):
    pid: int
    death: int
    """Readable when the process has ended (pidfd)."""
    line: socket.socket
    number: int
    began: float


class Workers:
    """count: how many. work: what each does. stop: stops the server, when a worker asks for that."""

    def __init__(self, count: int, work: Callable[[Control], None], stop: Callable[[], None]) -> None:
        if count < 1:
            raise ValueError(f"{count} workers serve nobody")
        self.started = False
        self._work = work
        self._stop_server = stop
        self._alive: dict[int, _Worker] = {}
        """By the descriptor that tells of their death."""
        self._due = dict.fromkeys(range(count), 0.0)
        """When which workers are to be made, by time.monotonic."""
        self._pauses = [0.0] * count
        self._order: float | None = None
        """The grace that workers have to end in."""
        self._thread: threading.Thread | None = None

    def start(self, heirlooms: Sequence[forking.Heirloom]) -> None:
        """Make the workers, and watch over them in a thread from now on."""
        self.started = True
        self._heirlooms = heirlooms
        self._poll = select.epoll()
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._poll.register(self._bell, select.EPOLLIN)
        self._make_due()
        self._thread = threading.Thread(target=self._watch, name="lrpc workers", daemon=True)
        self._thread.start()

    @property
    def pids(self) -> list[int]:
        """The processes that serve now."""
        return [worker.pid for worker in [*self._alive.values()]]

    def stop(self, grace: float) -> None:
        """Tell all workers to stop; from any thread. `join` waits for them."""
        if self._thread is not None and self._order is None:
            self._order = grace
            os.eventfd_write(self._bell, 1)

    def join(self) -> None:
        """Wait for the end of all workers; those that do not end in their grace are killed."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    # The parent's thread

    def _watch(self) -> None:
        killing: float | None = None
        while self._alive or self._order is None:
            for descriptor, _ in self._poll.poll(self._patience(killing)):
                if descriptor in self._alive:
                    self._bury(self._alive.pop(descriptor))
                elif descriptor == self._bell:
                    killing = time.monotonic() + self._told() + 2 * FIRST_PAUSE
                else:
                    self._hear(descriptor)
            if self._order is None:
                self._make_due()
            elif killing is not None and time.monotonic() >= killing:
                for worker in self._alive.values():
                    os.kill(worker.pid, signal.SIGKILL)
                killing = None
        self._poll.close()
        os.close(self._bell)

    def _patience(self, killing: float | None) -> float | None:
        """Seconds until there is something to do."""
        times = [killing] if self._order is not None else [*self._due.values()]
        known = [one for one in times if one is not None]
        return max(min(known) - time.monotonic(), 0.001) if known else None

    def _told(self) -> float:
        """Pass the order to stop on; its grace."""
        os.eventfd_read(self._bell)
        grace = self._order or 0.0
        for worker in self._alive.values():
            with contextlib.suppress(OSError):  # it is dead
                worker.line.send(_ORDER.pack(grace), socket.MSG_DONTWAIT)
        return grace + 1

    def _hear(self, descriptor: int) -> None:
        """A worker asks for something, or has closed its line and dies."""
        for worker in self._alive.values():
            if worker.line.fileno() == descriptor:
                octets = b""
                with contextlib.suppress(OSError):
                    octets = worker.line.recv(len(_ASKED), socket.MSG_DONTWAIT)
                if octets == _ASKED:
                    self._stop_server()
                else:
                    self._poll.unregister(descriptor)

    def _bury(self, worker: _Worker) -> None:
        """A worker has died; if nobody wanted that, it gets a successor."""
        with contextlib.suppress(KeyError, FileNotFoundError):
            self._poll.unregister(worker.line.fileno())
        self._poll.unregister(worker.death)
        worker.line.close()
        os.close(worker.death)
        try:
            status = os.waitstatus_to_exitcode(os.waitpid(worker.pid, 0)[1])
        except ChildProcessError:  # somebody else has waited for it
            status = 0
        if self._order is not None:
            return
        if time.monotonic() - worker.began >= SHORT_LIFE:
            self._pauses[worker.number] = 0.0
        pause = self._pauses[worker.number]
        self._pauses[worker.number] = min(max(2 * pause, FIRST_PAUSE), LONGEST_PAUSE)
        self._due[worker.number] = time.monotonic() + pause
        note("worker_died", pid=worker.pid, status=status, seconds=pause)

    def _make_due(self) -> None:
        for number, when in [*self._due.items()]:
            if when <= time.monotonic():
                try:
                    self._make(number)
                    del self._due[number]
                except OSError as error:  # no more processes, or descriptors
                    self._due[number] = time.monotonic() + LONGEST_PAUSE
                    note("no_worker", reason=str(error), seconds=LONGEST_PAUSE)

    def _make(self, number: int) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for stream in (sys.stdout, sys.stderr):  # or both would write what waits there
            if stream is not None:
                stream.flush()
        try:
            pid = forking.fork(self._heirlooms)
        except OSError:
            ours.close()
            theirs.close()
            raise
        if not pid:
            ours.close()
            self._be(theirs)
        theirs.close()
        worker = _Worker(pid, os.pidfd_open(pid), ours, number, time.monotonic())
        self._alive[worker.death] = worker
        for descriptor in (worker.death, ours.fileno()):
            self._poll.register(descriptor, select.EPOLLIN)

    # The child

    def _be(self, line: socket.socket) -> None:
        """Be a worker, to its end."""
        status = 1
        try:
            for worker in self._alive.values():  # or its line would outlive the parent
                worker.line.close()
                os.close(worker.death)
            self._poll.close()
            os.close(self._bell)
            control = Control(line)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGTERM, control.end)
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the parent sees to it
            self._work(control)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            with contextlib.suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status)
