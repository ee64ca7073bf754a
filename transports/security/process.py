"""The process at the other end, by a pidfd: what NtAlpcOpenSenderProcess and OpenSenderThread give.

A pid may have been given to another process by the time that it is looked at; a pidfd stays with its own.
"""

from __future__ import annotations

import os
import select
import socket
import threading

from .. import kernel
from ..errors import AccessDenied, Disconnected, NotSupported, from_os_error
from ..kernel import ProcessInfo
from ..seam import Peer


class SenderProcess:
    """A process that sends to us; a context manager, and `close` closes its pidfd.

    `fileno` is a pidfd: readable once the process has ended.
    """

    def __init__(self, pidfd: int, pid: int | None) -> None:
        self.pid = pid
        self._pidfd = pidfd

    def __repr__(self) -> str:
        return f"<SenderProcess {self.pid} {'ended' if self._pidfd >= 0 and self.ended else ''}>"

    def __enter__(self) -> SenderProcess:
        return self

    def __exit__(self, *error: object) -> None:
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
            os.close(pidfd)


def open_peer(connected: socket.socket, peer: Peer) -> SenderProcess:
    """The process that connected, also one that has ended. Raises Disconnected, NotSupported, ResourcesExhausted."""
    try:
        pidfd = kernel.peer_pidfd(connected)
    except OSError as error:
        raise from_os_error(error, "opening the sender's process") from error
    if pidfd is not None:
        return SenderProcess(pidfd, peer.pid)
    return open_process(peer)


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


def own_thread() -> int:
    """The number of the calling thread, as Linux counts them."""
    return threading.get_native_id()


def _pidfd_open(number: int | None, flags: int) -> int:
    if number is None or number <= 0:
        raise NotSupported("nobody knows the process")
    try:
        return os.pidfd_open(number, flags)
    except ProcessLookupError:
        raise Disconnected(f"process {number} has ended") from None
    except OSError as error:
        raise from_os_error(error, f"opening process {number}") from error
