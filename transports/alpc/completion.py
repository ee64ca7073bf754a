r"""I/O completion ports: one queue for many ports, and as many running threads as pay.

A worker asks for the next packet with `get`; what it got counts as running until it asks again, ends, or says that it
is `blocking`. At most `concurrency` threads run at a time. Who waits is let in last come, first served, since that
thread's memory is still warm; the others sleep on.

Rules of this file:
- there is no thread of its own: one worker that would have to wait polls for all (leader and followers);
- a descriptor is armed for one event, and armed again when its port has nothing more: one thread at a time receives
  from a port, and a port that is busy takes its turns behind the others;
- no packet is taken from a port before a thread may run it.
Its counterparts are the ports: `associate` in `port.py` and `connection.py`.
"""

from __future__ import annotations

import os
import select
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, Protocol

from .. import forking
from ..errors import Disconnected, PortAlreadySet, TimedOut, TransportError, from_os_error
from .messages.message import PORT_CLOSED

BURST: Final = 16
"""Messages taken from one port before the others have their turn."""
LOOK: Final = 16
"""Packets handed out before ports are looked at, even if packets are left: who posts much keeps no port waiting."""
_ARMED: Final = select.EPOLLIN | select.EPOLLONESHOT
_FEW: Final = 64
"""Associations that are kept before anybody looks which of their ports are closed."""


_ports: Final[weakref.WeakKeyDictionary[Waitable, weakref.ref[IoCompletionPort]]] = weakref.WeakKeyDictionary()
"""Where each port is associated: one has but one completion port."""


class Waitable(Protocol):
    """What can be associated."""

    def fileno(self) -> int:
        """Readable when there is something to receive; negative once it is closed."""
        ...


class Completion(NamedTuple):
    """A packet."""

    key: Any
    """What was given when the port was associated, or when the packet was posted."""
    what: Any
    """The message (of type LPC_PORT_CLOSED: no more will come from this port), or what was posted."""


class _Association:
    """A port, its key, and how to receive from it."""

    __slots__ = ("descriptor", "key", "port", "receive")

    def __init__(self, port: Waitable, key: Any, receive: Callable[[], Any]) -> None:
        self.port = port
        self.key = key
        self.receive = receive
        self.descriptor = port.fileno()

    def is_closed(self) -> bool:
        return self.port.fileno() != self.descriptor


class _Waiter:
    """A thread that sleeps until it is let in."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def sleep(self, timeout: float) -> None:
        self._lock.acquire(timeout=timeout)

    def wake(self) -> None:
        self._lock.release()


class _Place:
    """What a thread has at a completion port while it runs a packet; as the thread ends, it is given up."""

    __slots__ = ("_port", "taken")

    def __init__(self, port: weakref.ref[IoCompletionPort]) -> None:
        self.taken = False
        self._port = port

    def __del__(self) -> None:
        port = self._port()
        if self.taken and port is not None:
            port._vacate(self)  # pyright: ignore[reportPrivateUsage]


class IoCompletionPort:
    """NtCreateIoCompletion: packets of many ports for a number of threads, of which at most `concurrency` run."""

    def __init__(self, concurrency: int = 0) -> None:
        """concurrency: threads that may run at a time; 0: as many as this process has processors."""
        if concurrency < 0:
            raise ValueError(f"a concurrency of {concurrency}")
        self.concurrency: Final = concurrency or len(os.sched_getaffinity(0))
        self._lock = threading.Lock()
        self._mine = threading.local()
        self._packets: deque[Completion | _Association] = deque()
        self._taken = 0
        self._running = 0
        self._waiters: list[_Waiter] = []
        """The last is let in first."""
        self._woken = 0
        """Waiters that are let in and have not come yet."""
        self._led = False
        """A thread polls."""
        self._associations: dict[int, _Association] = {}
        self._many = _FEW
        self._closed = False
        self._epoll = select.epoll()
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._epoll.register(self._bell, select.EPOLLIN)
        forking.watch(self)

    def __repr__(self) -> str:
        state = "closed" if self._closed else f"{self._running} of {self.concurrency} run, {len(self._waiters)} wait"
        return f"<IoCompletionPort {state}>"

    def associate(self, port: Waitable, key: Any, receive: Callable[[], Any]) -> None:
        """Every message of `port` becomes a packet with `key` (NtAlpcSetInformation, AssociateCompletionPort).

        receive: gives the next message without waiting, or None; nobody else may receive from the port from now on.
        When it raises a TransportError, the packet of LPC_PORT_CLOSED is the port's last. Raises PortAlreadySet,
        Disconnected (one of the two is closed).
        """
        association = _Association(port, key, receive)
        with self._lock:
            self._check()
            if association.descriptor < 0:
                raise Disconnected("the port is closed")
            if (known := _ports.get(port)) is not None and (other := known()) is not None and other.has(port):
                raise PortAlreadySet("the port has a completion port")
            if len(self._associations) >= self._many:
                self._forget_closed()
            self._register(association)
            _ports[port] = weakref.ref(self)

    def has(self, port: Waitable) -> bool:
        """Whether the port's messages come here."""
        association = self._associations.get(port.fileno())
        return association is not None and association.port is port

    def post(self, key: Any, what: Any = None) -> None:
        """Puts a packet of one's own behind those that wait (NtSetIoCompletion). Raises Disconnected."""
        with self._lock:
            self._check()
            self._packets.append(Completion(key, what))
            self._let_in()

    def get(self, timeout: float | None = None) -> Completion:
        """The next packet (NtRemoveIoCompletion); the calling thread is done with the one it had.

        Raises TimedOut, and Disconnected once the completion port is closed.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        place = self._place()
        if place.taken:
            with self._lock:
                self._leave(place)
        try:
            return self._next(place, deadline)
        except BaseException:
            with self._lock:
                self._let_in()  # somebody else may have to poll, or to run, instead
            raise

    @contextmanager
    def blocking(self) -> Generator[None]:
        """While the calling thread waits for something else, another one may run in its place.

        More than `concurrency` run for a while when it goes on, as on NT.
        """
        place = self._place()
        if not place.taken:
            yield
            return
        self._vacate(place)
        try:
            yield
        finally:
            with self._lock:
                self._enter(place)

    def close(self) -> None:
        """Ends it: every thread in `get` gets Disconnected, packets are dropped; the ports stay as they are."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._packets.clear()
            self._associations.clear()
            for waiter in self._waiters:
                waiter.wake()
            if self._led:  # who polls lets go
                os.eventfd_write(self._bell, 1)
            else:
                self._let_go()

    def abandon(self) -> None:
        self._lock, self._mine = threading.Lock(), threading.local()
        self._waiters, self._associations = [], {}
        self._packets.clear()
        if not self._closed:
            self._closed = True
            self._let_go()

    # Who runs

    def _check(self) -> None:
        if self._closed:
            raise Disconnected("the completion port is closed")

    def _place(self) -> _Place:
        try:
            return self._mine.place  # type: ignore[no-any-return]
        except AttributeError:
            self._mine.place = place = _Place(weakref.ref(self))
            return place

    def _enter(self, place: _Place) -> None:
        place.taken = True
        self._running += 1

    def _leave(self, place: _Place) -> None:
        place.taken = False
        self._running -= 1

    def _vacate(self, place: _Place) -> None:
        """Gives a place up for others."""
        with self._lock:
            self._leave(place)
            self._let_in()

    def _let_in(self) -> None:
        """Wakes the thread that came last, if it may run and there is something for it to do."""
        if self._closed or self._running + self._woken >= self.concurrency:
            return
        if self._waiters and (self._packets or not self._led):
            self._woken += 1
            self._waiters.pop().wake()
        elif self._led and self._packets:
            os.eventfd_write(self._bell, 1)

    def _next(self, place: _Place, deadline: float | None) -> Completion:
        packet = self._take(place)
        while packet is None:
            late = self._wait(deadline)
            packet = self._take(place)
            if packet is None and late:
                raise TimedOut("waiting for a packet")
        return packet

    def _take(self, place: _Place) -> Completion | None:
        """A packet, and a place to run it; None where one of the two is missing."""
        while True:
            with self._lock:
                self._check()
                if self._running >= self.concurrency:
                    return None
                self._taken += 1
                if self._taken % LOOK == 0 and not self._led:
                    self._heard(self._epoll.poll(0, BURST))
                if not self._packets:
                    return None
                found = self._packets.popleft()
                self._enter(place)
                self._let_in()
            packet = found if isinstance(found, Completion) else self._receive(found)
            if packet is not None:
                return packet
            with self._lock:
                self._leave(place)

    # Who waits

    def _wait(self, deadline: float | None) -> bool:
        """Polls if nobody does, else sleeps, until there may be something; whether the time is over."""
        remaining = -1.0 if deadline is None else max(0.0, deadline - time.monotonic())
        with self._lock:
            self._check()
            free = self._running < self.concurrency
            if free and self._packets:
                return False
            if free and not self._led:
                self._led = True
                waiter = None
            else:
                waiter = _Waiter()
                self._waiters.append(waiter)
        if waiter is None:
            self._lead(remaining)
        else:
            self._sleep(waiter, remaining)
        return deadline is not None and time.monotonic() >= deadline

    def _sleep(self, waiter: _Waiter, remaining: float) -> None:
        try:
            waiter.sleep(remaining)
        finally:
            with self._lock:
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
                else:
                    self._woken -= 1

    def _lead(self, remaining: float) -> None:
        events: list[tuple[int, int]] = []
        try:
            events = self._epoll.poll(remaining, BURST)
        finally:
            with self._lock:
                self._led = False
                if self._closed:
                    self._let_go()
                else:
                    self._heard(events)

    # Ports

    def _register(self, association: _Association) -> None:
        try:
            self._epoll.register(association.descriptor, _ARMED)
        except OSError as error:
            raise from_os_error(error, "associating a port") from error
        self._associations[association.descriptor] = association

    def _heard(self, events: list[tuple[int, int]]) -> None:
        for descriptor, _ in events:
            if descriptor == self._bell:
                os.eventfd_read(self._bell)
            elif (association := self._associations.get(descriptor)) is not None:
                self._packets.append(association)

    def _receive(self, association: _Association) -> Completion | None:
        """The message that a port was readable for, if it still has it."""
        try:
            message = association.receive()
        except TransportError:
            message = PORT_CLOSED
        with self._lock:
            if self._associations.get(association.descriptor) is association:
                if message is PORT_CLOSED or association.is_closed():
                    self._forget(association)
                else:
                    self._arm(association)
        return None if message is None else Completion(association.key, message)

    def _arm(self, association: _Association) -> None:
        try:
            self._epoll.modify(association.descriptor, _ARMED)
        except OSError:  # closed meanwhile
            del self._associations[association.descriptor]

    def _forget(self, association: _Association) -> None:
        del self._associations[association.descriptor]
        if not association.is_closed():
            self._epoll.unregister(association.descriptor)

    def _forget_closed(self) -> None:
        for association in [*self._associations.values()]:
            if association.is_closed():
                del self._associations[association.descriptor]
        self._many = max(_FEW, 2 * len(self._associations))

    def _let_go(self) -> None:
        self._epoll.close()
        os.close(self._bell)
