"""Sockets whose waits the kernel bounds, and accepting from a listening socket.

Rules of this file:
- sockets of connections stay blocking; a wait is bounded by SO_RCVTIMEO/SO_SNDTIMEO, set only when the value
  changes (that is free; `settimeout` costs a poll on every call); what must not wait passes MSG_DONTWAIT;
- listening sockets are non-blocking, and waited for with poll.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import select
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from typing import Final, Protocol

from . import forking
from .errors import Disconnected, TimedOut, from_os_error
from .seam import Buffer

RECEIVE_SIZE: Final = 131072
"""Octets asked of one recv: room for any message, and the most that malloc keeps warm (more costs five times)."""

# Plain numbers: to join members of an enumeration takes a microsecond.
NO_WAIT: Final = int(getattr(socket, "MSG_DONTWAIT", 0) | getattr(socket, "MSG_NOSIGNAL", 0))
UNREAD: Final = int(NO_WAIT | (socket.MSG_TRUNC if sys.platform == "linux" else 0))
"""For octets of a stream that nobody will look at: Linux drops them without copying them first (tcp(7))."""
NO_SIGNAL: Final = int(getattr(socket, "MSG_NOSIGNAL", 0))

CLOSED_ERRNOS: Final = frozenset({errno.EBADF, errno.ENOTCONN, errno.EPIPE, errno.ESHUTDOWN})
"""What receiving on a connection that has ended answers."""

WAKING: Final = 1.0
"""Seconds that a thread which was woken may take to let go of a descriptor."""
_TIMEVAL: Final = struct.Struct("@ll")


def timeval(timeout: float | None) -> bytes:
    """The struct timeval of a wait; None is no bound, and nothing is the shortest wait there is."""
    if timeout is None:
        return _TIMEVAL.pack(0, 0)
    microseconds = max(1, math.ceil(timeout * 1_000_000))
    return _TIMEVAL.pack(*divmod(microseconds, 1_000_000))


class TimedSocket:
    """A connected socket with bounded waits. Raises OSErrors for sending, TransportErrors for receiving."""

    __slots__ = ("__weakref__", "_receive_timeout", "_recv", "_send_timeout", "send_octets", "socket")

    def __init__(self, connected: socket.socket) -> None:
        connected.setblocking(True)  # a process-wide default timeout must not reach us
        self.socket = connected
        self.send_octets: Callable[[Buffer, int], int] = connected.send
        self._recv = connected.recv
        self._receive_timeout: float | None = None
        self._send_timeout: float | None = None
        self.bound_sends(None)
        forking.watch(self)

    def bound_sends(self, timeout: float | None) -> None:
        """Sets how long a send may wait from now on."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeval(timeout))
        self._send_timeout = timeout

    def bound_receives(self, timeout: float | None) -> None:
        """Sets how long a receive may wait from now on."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval(timeout))
        self._receive_timeout = timeout

    def send(self, data: Buffer, timeout: float | None) -> int:
        """One send, waiting no longer than `timeout`; octets taken."""
        if timeout != self._send_timeout:
            self.bound_sends(timeout)
        return self.send_octets(data, NO_SIGNAL)

    def receive(self, timeout: float | None = None, recv: Callable[..., bytes] | None = None) -> bytes:
        """What comes within `timeout`; b"" when the connection has ended. recv: what stands in for the socket's."""
        recv = recv or self._recv
        try:
            if timeout != self._receive_timeout:
                self.bound_receives(timeout)
            return recv(RECEIVE_SIZE)
        except OSError as error:
            octets = after_failed_receive(error, recv)
        if octets is None:
            raise TimedOut("receiving")
        return octets

    def receive_now(self) -> bytes | None:
        """What is there; None when nothing is, b"" when the connection has ended."""
        try:
            return self._recv(RECEIVE_SIZE, NO_WAIT)
        except OSError as error:
            return after_failed_receive(error, self._recv)

    def discard(self) -> int:
        """Drops what is there, of a byte stream: how many octets, at most RECEIVE_SIZE."""
        try:
            return len(self._recv(RECEIVE_SIZE, UNREAD))
        except OSError:  # nothing is there, or the connection has ended
            return 0

    def close(self) -> None:
        """Ends the connection and wakes whoever waits in it."""
        shut(self.socket)

    def abandon(self) -> None:
        self.socket.close()


def after_failed_receive(error: OSError, recv: Callable[[int, int], bytes]) -> bytes | None:
    """What a failed receive means: None for nothing yet, b"" for the end, or what lay behind a reset.

    A peer that closed with our octets unread resets the connection, and Linux says so *before* it hands out
    what that peer had sent.
    """
    if isinstance(error, BlockingIOError):
        return None
    if error.errno in CLOSED_ERRNOS:
        return b""
    if error.errno != errno.ECONNRESET:
        raise from_os_error(error, "receiving") from error
    try:
        return recv(RECEIVE_SIZE, NO_WAIT)
    except OSError:  # whatever it is now, the connection is reset
        return b""


class Ending(Protocol):
    """A connected socket, or what stands in for one."""

    def shutdown(self, how: int, /) -> None: ...
    def close(self) -> None: ...


def shut(sock: Ending) -> None:
    """Shuts a socket down, which wakes its sleepers, and closes it."""
    with contextlib.suppress(OSError):  # not connected, or closed already: nobody to wake
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()


def drain(sock: Ending) -> None:
    """Takes no more from the peer; what has come can still be received, and sending goes on."""
    with contextlib.suppress(OSError):  # not connected, or closed already: nothing will come
        sock.shutdown(socket.SHUT_RD)


class Acceptor:
    """A listening socket from which connections are taken, with or without waiting.

    One descriptor is held in reserve: when the process has none left, it is spent on taking and dropping one
    client, since a listener that stayed readable would spin. Processes may share the socket (`forking.py`): each has
    a bell of its own then, to wake its threads by, since shutting the socket down would end it for all.
    """

    def __init__(self, listening: socket.socket) -> None:
        listening.setblocking(False)
        self._socket = listening
        self._accepting = threading.Lock()
        """Held by the first thread that waits in `accept`."""
        self._reserve = _reserve()
        self._closed = False
        self._bell = -1

    def setsockopt(self, level: int, option: int, value: int, /) -> None:
        """socket.setsockopt: what connections begin with."""
        self._socket.setsockopt(level, option, value)

    def accept(self, timeout: float | None) -> socket.socket:
        """The next connection. Raises TimedOut, and Disconnected when closed."""
        deadline = None if timeout is None else time.monotonic() + timeout
        held = self._accepting.acquire(False)
        try:
            while (accepted := self.accept_now()) is None:
                if self._closed:
                    raise Disconnected("the listener is closed")
                self._wait(deadline)
        finally:
            if held:
                self._accepting.release()
        return accepted

    def accept_now(self) -> socket.socket | None:
        """The next connection if there is one. Raises Disconnected when closed."""
        try:
            return self._socket.accept()[0]
        except (BlockingIOError, ConnectionAbortedError):
            return None
        except OSError as error:
            if self._closed or error.errno == errno.EINVAL:  # shut down, perhaps in another process
                raise Disconnected("the listener is closed") from None
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self._shed()
            raise from_os_error(error, "accepting") from error

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        """Refuses everybody from now on; a thread in `accept` gets Disconnected."""
        if self._closed:
            return
        self._closed = True
        if self._bell < 0:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        else:
            os.eventfd_write(self._bell, 1)
        woken = self._accepting.acquire(timeout=WAKING)  # or it might wait for what has its descriptor's number next
        self._socket.close()
        _give_up(self._reserve)
        _give_up(self._bell)
        if woken:
            self._accepting.release()

    def abandon(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._socket.close()
        _give_up(self._reserve)
        _give_up(self._bell)

    def inherit(self) -> None:
        self._bell = os.eventfd(0, os.EFD_CLOEXEC)

    def _wait(self, deadline: float | None) -> None:
        remaining = None if deadline is None else deadline - time.monotonic()
        if remaining is not None and remaining <= 0:
            raise TimedOut("accepting")
        if not wait_readable(self._socket.fileno(), remaining, self._bell) and remaining is not None:
            raise TimedOut("accepting")

    def _shed(self) -> None:
        _give_up(self._reserve)
        try:
            self._socket.accept()[0].close()
        except OSError:  # gone meanwhile, or another thread took the descriptor: the caller hears of the first error
            pass
        finally:
            self._reserve = _reserve()


def wait_readable(descriptor: int, timeout: float | None, bell: int = -1) -> bool:
    """Waits until `descriptor` or `bell` is readable, hung up or closed; False when `timeout` seconds went by."""
    if descriptor < 0:
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    if bell >= 0:
        poll.register(bell, select.POLLIN)
    return bool(poll.poll(None if timeout is None else math.ceil(timeout * 1000)))


def _reserve() -> int:
    try:
        return os.open(os.devnull, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    except OSError:  # none to be had: there is none to spend either
        return -1


def _give_up(descriptor: int) -> None:
    if descriptor >= 0:
        os.close(descriptor)
