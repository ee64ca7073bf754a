"""The process at the other end, by a pidfd: what NtAlpcOpenSenderProcess and OpenSenderThread give.

A pid may have been given to another process by the time that it is looked at; a pidfd stays with its own.
"""

from __future__ import annotations

import errno
import os
import select
import socket

from .. import kernel
from ..errors import AccessDenied, Disconnected, NotSupported, from_os_error
from ..kernel import HasFileno, ProcessInfo
from ..seam import Peer


class SenderProcess:
    """A process that sends to us; a context manager, and `close` closes its pidfd.

    `fileno` is a pidfd: readable once the process has ended.
    """

    _close = staticmethod(os.close)
    """Here, since an interpreter that ends may have taken `os` from this file."""

    def __init__(self, pidfd: int, pid: int | None) -> None:
        self.pid = pid
        self._pidfd = pidfd

    def __repr__(self) -> str:
        return f"<SenderProcess {self.pid} {'ended' if self._pidfd >= 0 and self.ended else ''}>"

    def __enter__(self) -> SenderProcess:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def fileno(self) -> int:
        return self._pidfd

    @property
    def ended(self) -> bool:
        """Whether the process has ended."""
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        return bool(poll.poll(0))

    def info(self) -> ProcessInfo | None:
        """Who the process is now: its ids may have changed since it connected; None: it has ended."""
        return kernel.process_info(self._pidfd)

    def executable(self) -> str | None:
        """The path of its program; None: it has ended, or we may not know."""
        pid = kernel.pid_of(self._pidfd)
        try:
            path = os.readlink(f"/proc/{pid}/exe")
        except OSError:
            return None
        return path if kernel.pid_of(self._pidfd) == pid else None

    def close(self) -> None:
        """Closes the pidfd. Twice is once."""
        if self._pidfd >= 0:
            pidfd, self._pidfd = self._pidfd, -1
            self._close(pidfd)


class PeerProcess:
    """The process at the other end of a connection, opened when it is first asked for; it closes itself."""

    def __init__(self, connection: HasFileno, peer: Peer) -> None:
        self._connection = connection
        self._peer = peer
        self._opened: SenderProcess | None = None

    def __call__(self) -> SenderProcess:
        """The process; not to be closed. Raises Disconnected, NotSupported, ResourcesExhausted."""
        if self._opened is None:
            self._opened = open_peer(self._connection.fileno(), self._peer)
        return self._opened


def open_peer(connected: int, peer: Peer) -> SenderProcess:
    """The process that connected to a socket, also one that has ended; `connected`: the descriptor of our end.

    Raises Disconnected, NotSupported, ResourcesExhausted.
    """
    try:
        pidfd = _peer_pidfd(connected)
    except OSError as error:
        raise from_os_error(error, "opening the sender's process") from error
    return open_process(peer) if pidfd is None else SenderProcess(pidfd, peer.pid)


def open_process(peer: Peer) -> SenderProcess:
    """The process of that number, if it is the peer's user's still. Raises Disconnected, NotSupported, AccessDenied."""
    process = SenderProcess(_pidfd_open(peer.pid, 0), peer.pid)
    info = process.info()
    if info is None or peer.uid not in (info.uid, info.euid, info.suid):
        process.close()
        raise Disconnected(f"process {peer.pid} has ended")
    return process


def open_thread(process: SenderProcess, thread_id: int) -> SenderProcess:
    """A thread of a process (NtAlpcOpenSenderThread); a thread that says it is one of another process is refused."""
    thread = SenderProcess(_pidfd_open(thread_id, kernel.PIDFD_THREAD), thread_id)
    if not os.path.isdir(f"/proc/{kernel.pid_of(process.fileno())}/task/{thread_id}"):
        thread.close()
        raise AccessDenied(f"{thread_id} is no thread of process {process.pid}")
    return thread


def _peer_pidfd(connected: int) -> int | None:
    """None where a connection is no socket, as in memory, or the kernel has none."""
    duplicate = os.dup(connected)
    try:
        sock = socket.socket(fileno=duplicate)
    except OSError as error:
        os.close(duplicate)
        if error.errno == errno.ENOTSOCK:
            return None
        raise
    with sock:
        return kernel.peer_pidfd(sock)


def _pidfd_open(number: int | None, flags: int) -> int:
    if number is None or number <= 0:
        raise NotSupported("nobody knows the process")
    try:
        return os.pidfd_open(number, flags)
    except ProcessLookupError:
        raise Disconnected(f"process {number} has ended") from None
    except OSError as error:
        raise from_os_error(error, f"opening process {number}") from error
