"""A transport inside one process: no socket carries data, no name leaves the process, nothing is left to chance.

Keeps boundaries, as ALPC and pipes do. For tests, for services in their client's own process, and as the
shortest implementation of `seam.py`. `fileno` alone asks the system for something: a descriptor to wait on.
"""

from __future__ import annotations

import os
import socket
import threading
from collections import deque
from typing import Final, Generic, TypeVar

from .errors import ConnectionRefused, Disconnected, NameCollision, NameNotFound, TimedOut
from .seam import Buffer, Peer

MAX_QUEUED: Final = 1 << 22
"""Octets that may wait for a reader before senders wait in turn."""
MAX_MESSAGE: Final = 0
"""A message may be as long as it likes."""
BACKLOG: Final = 128
"""Clients that may wait to be accepted."""

T = TypeVar("T")


class _Signal:
    """A descriptor that is readable while it is set; made when first asked for. (A socket, for it is writable too.)"""

    def __init__(self) -> None:
        self._ends: tuple[socket.socket, socket.socket] | None = None
        self._set = False

    def fileno(self) -> int:
        if self._ends is None:
            self._ends = socket.socketpair()
            if self._set:
                self._ends[1].send(b"!")
        return self._ends[0].fileno()

    def set(self, readable: bool) -> None:
        if readable != self._set and self._ends is not None:
            if readable:
                self._ends[1].send(b"!")
            else:
                self._ends[0].recv(1)
        self._set = readable

    def close(self) -> None:
        for end in self._ends or ():
            end.close()
        self._ends = None


class _Queue(Generic[T]):
    """Items on their way one way. `None` from a `take` means the end."""

    def __init__(self, limit: int) -> None:
        self._items: deque[tuple[T, int]] = deque()
        self._size = 0
        self._limit = limit
        self._changed = threading.Condition()
        self._signal = _Signal()
        self._abandoned = False  # nobody reads any more
        self._ended = False  # nobody writes any more

    def put(self, item: T, size: int, timeout: float | None) -> bool:
        """False when there was no room in time. Raises Disconnected."""
        with self._changed:
            self._changed.wait_for(lambda: self._over or self._has_room(size), timeout)
            if self._over:
                raise Disconnected("sending")
            if not self._has_room(size):
                return False
            self._items.append((item, size))
            self._size += size
            self._notify()
        return True

    def take(self, timeout: float | None) -> T | None:
        """Raises TimedOut."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._items or self._over, timeout):
                raise TimedOut("receiving")
            if not self._items:
                return None
            item, size = self._items.popleft()
            self._size -= size
            self._notify()
        return item

    def end(self) -> None:
        """The writer's end: what is queued may still be taken."""
        with self._changed:
            self._ended = True
            self._notify()

    def abandon(self) -> list[T]:
        """The reader's end: what is queued is lost; gives it back."""
        with self._changed:
            self._abandoned = True
            lost = [item for item, _ in self._items]
            self._items.clear()
            self._signal.set(readable=False)
            self._signal.close()
            self._changed.notify_all()
        return lost

    def fileno(self) -> int:
        with self._changed:
            return -1 if self._abandoned else self._signal.fileno()

    @property
    def _over(self) -> bool:
        return self._abandoned or self._ended

    def _has_room(self, size: int) -> bool:
        return not self._items or self._size + size <= self._limit

    def _notify(self) -> None:
        if not self._abandoned:
            self._signal.set(readable=bool(self._items) or self._ended)
        self._changed.notify_all()


class MemoryConnection:
    """One end of a pair of queues; keeps `seam.Connection`."""

    message_mode: bool = True
    max_message: int = MAX_MESSAGE

    def __init__(self, incoming: _Queue[bytes], outgoing: _Queue[bytes], address: str) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._closed = False
        self.peer = own_peer(address)

    def __repr__(self) -> str:
        return f"<MemoryConnection {self.peer.address} {'closed' if self._closed else 'open'}>"

    def send(self, data: Buffer, timeout: float | None = None) -> None:
        if data and not self._outgoing.put(bytes(data), len(data), timeout):
            raise TimedOut("sending")

    def receive(self, timeout: float | None = None) -> bytes:
        return self._incoming.take(timeout) or b""

    def send_now(self, data: Buffer) -> int:
        return len(data) if data and self._outgoing.put(bytes(data), len(data), 0) else 0

    def receive_now(self) -> bytes | None:
        try:
            return self.receive(0)
        except TimedOut:
            return None

    def fileno(self) -> int:
        return self._incoming.fileno()

    def drain(self) -> None:
        self._incoming.end()

    def over(self) -> bool:
        return True

    def close(self) -> None:
        self._closed = True
        self._incoming.abandon()
        self._outgoing.end()


class MemoryListener:
    """Holds a name of this process; keeps `seam.Listener`."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._clients: _Queue[MemoryConnection] = _Queue(BACKLOG)

    def accept(self, timeout: float | None = None) -> MemoryConnection:
        client = self._clients.take(timeout)
        if client is None:
            raise Disconnected("the listener is closed")
        return client

    def accept_now(self) -> MemoryConnection | None:
        try:
            return self.accept(0)
        except TimedOut:
            return None

    def fileno(self) -> int:
        return self._clients.fileno()

    def close(self) -> None:
        with _lock:
            if _listeners.get(self.address) is self:
                del _listeners[self.address]
        for client in self._clients.abandon():
            client.close()

    def connected_by(self, timeout: float | None) -> MemoryConnection:
        """The client's end of a new connection whose other end waits to be accepted."""
        there: _Queue[bytes] = _Queue(MAX_QUEUED)
        back: _Queue[bytes] = _Queue(MAX_QUEUED)
        try:
            if not self._clients.put(MemoryConnection(there, back, self.address), 1, timeout):
                raise TimedOut(f"connecting to {self.address}")
        except Disconnected:
            raise ConnectionRefused(f"connecting to {self.address}") from None
        return MemoryConnection(back, there, self.address)


_listeners: dict[str, MemoryListener] = {}
_lock = threading.Lock()


def listen(address: str) -> MemoryListener:
    """Takes a name of this process. Raises NameCollision."""
    with _lock:
        if address in _listeners:
            raise NameCollision(address)
        listener = _listeners[address] = MemoryListener(address)
    return listener


def connect(address: str, timeout: float | None = 30.0) -> MemoryConnection:
    """Connects to a name of this process. Raises NameNotFound, ConnectionRefused, TimedOut."""
    with _lock:
        listener = _listeners.get(address)
    if listener is None:
        raise NameNotFound(address)
    return listener.connected_by(timeout)


def pair() -> tuple[MemoryConnection, MemoryConnection]:
    """Two ends of one connection that no name led to."""
    one: _Queue[bytes] = _Queue(MAX_QUEUED)
    two: _Queue[bytes] = _Queue(MAX_QUEUED)
    return MemoryConnection(one, two, "pair"), MemoryConnection(two, one, "pair")


def own_peer(address: str) -> Peer:
    """This process, as a peer of itself."""
    if not hasattr(os, "geteuid"):
        return Peer(os.getpid(), address=address)
    return Peer(os.getpid(), os.geteuid(), os.getegid(), tuple(os.getgroups()), address)
