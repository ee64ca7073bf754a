"""The one queue of a connection port: requests to connect, and the messages of all clients. Any thread receives.

Whoever receives reads for all (`queue.py`), by one epoll over the port and its clients. A client's end is its socket's
or, where a child of its keeps that open, its process's, by pidfd. Rules of this file:
- a client that takes no answers, or sends more than anybody receives, is not read from until that has changed;
- there is no thread but the receivers', save one while clients have not taken what was sent to them;
- what is wrong with a client ends its connection and nothing else.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import select
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any, Final, Protocol

from ..errors import (
    BadFrame,
    ConnectionRefused,
    Disconnected,
    QuotaExceeded,
    ReplyMismatch,
    ResourcesExhausted,
    TransportError,
)
from ..kernel import PIDFD_THREAD
from .connection_request import ConnectionRequest
from .exchange import Exchange
from .information import creation_time
from .message_port import MessagePort
from .messages.batch import is_last
from .messages.port_message import LPC_CANCELED, LPC_CONNECTION_REQUEST
from .queue import Queue
from .quota import MESSAGE_COST, UserQuota
from .received import Message, Origin, State

GATHERED: Final = 32
"""Messages of one client that are read before the others have their turn."""
READ_AHEAD: Final = GATHERED * MESSAGE_COST
"""Octets that a client's messages count for while they wait, beyond which it is read only in its turn."""
LINGER: Final = 1.0
"""Seconds that clients have, when the port closes, to take what they were sent."""
MAX_THREADS: Final = 64
"""Threads that one client may have registered: each costs a descriptor."""
_GONE: Final = select.EPOLLHUP | select.EPOLLERR


class Listening(Protocol):
    """The connection port, as its queue sees it."""

    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        """Waits on the epoll; what has come, by descriptor."""
        ...

    def admitted_now(self) -> ConnectionRequest | None:
        """The next client that may connect, if there is one."""
        ...

    def expire(self) -> None:
        """Drops clients that have been silent for too long."""
        ...


class ServerQueue(Origin):
    """What `ConnectionPort.receive` takes from."""

    def __init__(self, port: Listening, epoll: select.epoll, max_asking: int, max_of_user: int) -> None:
        """epoll: the port's; its own descriptors in it mean that somebody may be admitted.

        max_asking: clients of one user that may wait for a verdict; one more is refused. max_of_user: its connections.
        """
        self.queue = Queue(self._gather)
        self._port = port
        self._epoll = epoll
        self._max_asking = max_asking
        self._max_of_user = max_of_user
        self._numbers = itertools.count(1)
        self._turn = threading.Lock()  # innermost: over the registrations
        self._pumping = False
        self._open = True
        self._actions: dict[int, Callable[[int], None]] = {}  # by descriptor: what its events mean
        self._masks: dict[int, int] = {}
        self._clients: dict[Exchange, list[int]] = {}  # with pidfds, of the process and of threads
        self._asking: dict[int, tuple[weakref.ref[Message], ConnectionRequest]] = {}  # by message id
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._watch(self._bell, select.EPOLLIN, self._hear_bell)

    # What a receiver does with a request to connect (`received.Origin`)

    def accept(self, message: Message, data: bytes, context: Any, view_size: int) -> MessagePort:
        port = self._answered(message, data).accept_messages(data)
        port.context = context
        if port.peer.pid is not None:
            port.created = creation_time(port.peer.pid)
        exchange = port.serve(self.queue, self)
        port.begin(view_size)
        self._clients[exchange] = []
        pidfd: int | None = None
        try:
            self._watch(port.fileno(), select.EPOLLIN, lambda events: self._serve(exchange, events))
        except Disconnected:
            port.close()
            raise
        with contextlib.suppress(OSError):  # no descriptor to be had: then its socket alone tells of its end
            pidfd = port.beside.peer_pidfd()
        if pidfd is not None:
            self._clients[exchange].append(pidfd)
            self._watch(pidfd, select.EPOLLIN, lambda _: self._process_ended(exchange))
        return port

    def refuse(self, message: Message, data: bytes, status: int) -> None:
        self._answered(message, data).refuse(data, status)

    def read_sender(self, timeout: float | None) -> None:
        self._gather(timeout)

    def release(self, message: Message) -> None:
        if message.type == LPC_CONNECTION_REQUEST:
            self.refuse(message, b"", ConnectionRefused.status)
        message.state = State.OVER

    # For exchanges

    def notify(self, message: Message) -> None:
        """Puts a message that no reader brought; under `changed`."""
        if self.queue.over is None:
            self.queue.put(message)
            os.eventfd_write(self._bell, 1)

    def look(self, exchange: Exchange) -> None:
        """What the exchange `wants` to be told of its socket may have changed."""
        incoming, room = exchange.wants
        exchange.paused = not incoming
        mask = (select.EPOLLIN if incoming else 0) | (select.EPOLLOUT if room else 0)
        with self._turn:
            if not self._open:
                return
            if room and not self._pumping:
                self._pumping = True
                threading.Thread(target=self._pump, name="lrpc port", daemon=True).start()
            descriptor = exchange.port.fileno()
            if self._masks.get(descriptor, mask) != mask:
                self._masks[descriptor] = mask
                self._epoll.modify(descriptor, mask)

    def read(self, exchange: Exchange) -> None:
        if exchange.queued.size < READ_AHEAD:
            self._serve(exchange, 0)

    def resume(self, quota: UserQuota) -> None:
        for exchange in [*self._clients]:
            if exchange.port.quota is quota:
                self.look(exchange)

    def watch_thread(self, exchange: Exchange, thread: int) -> None:
        """Has `thread_ended` called once a thread of the peer's has ended. Raises BadFrame for who is not its."""
        pidfds = self._clients.get(exchange, [])
        if len(pidfds) > MAX_THREADS or not os.path.exists(f"/proc/{exchange.port.peer.pid}/task/{thread}"):
            raise BadFrame(f"thread {thread} cannot be registered")
        try:
            pidfd = os.pidfd_open(thread, PIDFD_THREAD)
        except OSError as error:
            raise BadFrame(f"thread {thread} cannot be registered: {error.strerror}") from error
        pidfds.append(pidfd)
        self._watch(pidfd, select.EPOLLIN, lambda _: self._thread_ended(exchange, pidfd))

    def forget(self, exchange: Exchange) -> None:
        """The exchange has ended, and its socket is about to be closed."""
        self._unwatch(exchange.port.fileno())
        with self._turn:
            pidfds = self._clients.pop(exchange, [])
        for pidfd in pidfds:
            self._unwatch(pidfd)
            os.close(pidfd)

    # For the connection port

    def close(self) -> None:
        """Ends the connections of all clients, and of those that wait for a verdict."""
        with self._turn:
            self._open = False
        self.queue.close(Disconnected("the port is closed"))
        until = time.monotonic() + LINGER
        for exchange in [*self._clients]:
            self._linger(exchange, until)
            exchange.port.close()
        for _, request in [*self._asking.values()]:
            request.close()
        os.close(self._bell)

    def abandon(self) -> None:
        """In a child of fork: `close`, where nobody holds a lock; clients' ports let go by themselves."""
        self.queue.abandon()
        for pidfds in self._clients.values():
            for pidfd in pidfds:
                os.close(pidfd)
        for _, request in self._asking.values():
            request.close()
        os.close(self._bell)

    # Reading

    def _linger(self, exchange: Exchange, until: float) -> None:
        """Gives a client time to take what it was sent."""
        with contextlib.suppress(Disconnected):
            while len(exchange.outbox) and time.monotonic() < until:
                exchange.port.wait_for_room(LINGER / 10, or_input=False)
                exchange.outbox.flush()

    def _gather(self, timeout: float | None) -> None:
        events = self._port.poll(timeout)
        for descriptor, what in events:
            if (action := self._actions.get(descriptor)) is not None:
                action(what)
        if any(descriptor not in self._masks for descriptor, _ in events):
            self._admit()
        elif not events:
            self._port.expire()

    def _pump(self) -> None:
        """Runs in a thread of its own while clients have not taken all they were sent: perhaps nobody receives."""
        while True:
            self.queue.read_while(self._has_unsent)
            with self._turn:
                if not self._has_unsent():
                    self._pumping = False
                    return

    def _has_unsent(self) -> bool:
        return self._open and any(len(exchange.outbox) for exchange in [*self._clients])

    def _admit(self) -> None:
        for _ in range(GATHERED):
            try:
                request = self._port.admitted_now()
                if request is None:
                    return
                self._ask(request)
            except (ResourcesExhausted, Disconnected):  # one that there is no descriptor for was turned away; closed
                return

    def _ask(self, request: ConnectionRequest) -> None:
        asking = sum(1 for _, other in [*self._asking.values()] if other.peer.uid == request.peer.uid)
        connected = sum(1 for exchange in [*self._clients] if exchange.port.peer.uid == request.peer.uid)
        if asking >= self._max_asking or asking + connected >= self._max_of_user:
            request.refuse(status=QuotaExceeded.status)
            return
        number = next(self._numbers) & 0xFFFFFFFF or next(self._numbers)
        client_id = (request.peer.pid or 0, 0)
        data, size = request.data, request.view_size
        message = Message(
            self, LPC_CONNECTION_REQUEST, number, size, data=data, client_id=client_id, state=State.QUEUED
        )
        with self.queue.lock:
            self._asking[number] = weakref.ref(message), request
            self.queue.put(message)
        try:
            self._watch(request.fileno(), 0, lambda _: self._left(number))
        except Disconnected:
            message.state = State.WITHDRAWN
            request.close()
            raise

    def _left(self, number: int) -> None:
        """A client that waited for a verdict has gone away."""
        with self.queue.lock:
            reference, request = self._asking.pop(number, (None, None))
            if request is None:
                return
            self._unwatch(request.fileno())
            request.close()
            message = None if reference is None else reference()
            if message is not None and message.state is State.QUEUED:
                message.state = State.WITHDRAWN
            elif message is not None:
                message.state = State.CANCELED
                notice = Message(self, LPC_CANCELED, number, client_id=message.client_id, state=State.QUEUED)
                self.queue.put(notice)

    def _answered(self, message: Message, data: bytes) -> ConnectionRequest:
        """The client that a message asks for. Raises ReplyMismatch, Disconnected; MessageTooLong, and it waits on."""
        with self.queue.lock:
            _, request = self._asking.get(message.message_id, (None, None))
            if message.type != LPC_CONNECTION_REQUEST or (request is None and message.state is not State.CANCELED):
                raise ReplyMismatch(f"{message!r} waits for no verdict")
            if request is None:
                raise Disconnected(f"{message!r}")
            request.check(data)
            del self._asking[message.message_id]
            message.state = State.OVER
            self._unwatch(request.fileno())
        return request

    def _serve(self, exchange: Exchange, events: int) -> None:
        """A client has sent something, or takes something again, or has gone."""
        try:
            if events & select.EPOLLOUT:
                with contextlib.suppress(Disconnected):  # what it sent before is still to be read
                    exchange.outbox.flush()
                self.look(exchange)
            port, left = exchange.port, GATHERED
            while port.holds_more or (left and (exchange.wants[0] or events & _GONE)):
                left -= not port.holds_more
                frame = self._read_one(exchange)
                if not frame or is_last(frame):  # behind a batch there seldom is more: the next look will tell
                    return
                if port.holds_more:  # its packet counts for all that are read at a time, but for the end behind it
                    left = min(left, 1)
            if not exchange.wants[0]:  # another connection may have filled the pool of its user
                self.look(exchange)
        except TransportError:  # it sends what no client may, or there is nothing to serve it with
            exchange.end()
            exchange.port.close()

    def _read_one(self, exchange: Exchange) -> bytes | None:
        frame = exchange.port.receive_frame_now()
        if frame is not None:
            exchange.arrived(frame)
        return frame

    def _process_ended(self, exchange: Exchange) -> None:
        """A client's process is gone, though another may hold its socket: what it had sent counts, and no more."""
        with contextlib.suppress(TransportError):
            while self._read_one(exchange):
                pass
        exchange.end()

    def _thread_ended(self, exchange: Exchange, pidfd: int) -> None:
        with self._turn:
            pidfds = self._clients.get(exchange, [])
            if pidfd not in pidfds:  # the connection has ended, too
                return
            pidfds.remove(pidfd)
        self._unwatch(pidfd)
        os.close(pidfd)
        exchange.thread_ended()

    def _hear_bell(self, _events: int) -> None:
        with self._turn, contextlib.suppress(BlockingIOError):  # another thread has
            if self._open:
                os.eventfd_read(self._bell)

    def _watch(self, descriptor: int, mask: int, action: Callable[[int], None]) -> None:
        """Raises Disconnected once the port is closed."""
        with self._turn:
            if not self._open:
                raise Disconnected("the port is closed")
            self._actions[descriptor] = action
            self._masks[descriptor] = mask
            self._epoll.register(descriptor, mask)

    def _unwatch(self, descriptor: int) -> None:
        with self._turn:
            if self._masks.pop(descriptor, None) is not None:
                del self._actions[descriptor]
                if self._open:
                    self._epoll.unregister(descriptor)
