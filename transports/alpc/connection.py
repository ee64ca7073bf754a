r"""Making connections: the named port of a server, requests to connect to it, and the client's `connect`.

A socket is connected before anybody has agreed to it, so agreeing is a message: the client sends a
CONNECTION_REQUEST, the server answers with a CONNECTION_REPLY that accepts or refuses. `port_attributes.py` has what
both say. A client that connects and is silent holds up nobody: it waits beside the others until it speaks or its
time is over.
"""

from __future__ import annotations

import math
import os
import select
import socket
import threading
import time
from collections import Counter
from typing import Any, Final, NamedTuple, Self

from .. import forking, namespace, security, unix
from ..ancillary import ask_for_credentials
from ..claim import Claim
from ..errors import AccessDenied, ConnectionRefused, Disconnected, InvalidParameter, TimedOut, TransportError
from ..kernel import refuse_descriptors
from ..seam import Peer
from ..sockets import NO_WAIT, RECEIVE_SIZE, Acceptor, TimedSocket, after_failed_receive
from ..traffic import Ledger
from . import inquiry, lane_setup
from .completion import IoCompletionPort
from .connection_request import ConnectionRequest
from .datagrams import DatagramPort
from .lane import Lane
from .message_port import MessagePort
from .messages.attributes import ALL_ATTRIBUTES
from .messages.batch import ServerBatch
from .messages.port_attributes import (
    DEFAULT_ATTRIBUTES,
    HANDLES_ATTRIBUTES,
    Agreement,
    PortAttributes,
    PortFlags,
    accepted_terms,
    pack_terms,
    parse_terms,
)
from .messages.port_message import LPC_CONNECTION_REQUEST
from .port import CommunicationPort
from .quota import Quotas
from .received import Message
from .server_queue import ServerQueue

DIRECTORY: Final = r"\RPC Control"
TYPE: Final = "ALPC Port"
MAX_EVENTS: Final = 64
"""Descriptors that one wait looks at."""


def create_port(
    name: str,
    *,
    security: str | security.SecurityDescriptor | None = None,
    attributes: PortAttributes = DEFAULT_ATTRIBUTES,
) -> ConnectionPort:
    r"""Creates a connection port, in `\RPC Control` unless `name` is a full one.

    security: SDDL of who gets PORT_CONNECT; None admits our own user and root. Raises NameCollision, NameInvalid,
    AccessDenied, SddlError.
    """
    port = ConnectionPort(name, security, attributes)
    port.queue_messages()
    return port


def listen(
    address: str,
    *,
    security: str | security.SecurityDescriptor | None = None,
    adopted: socket.socket | None = None,
) -> ConnectionPort:
    """`create_port`, by the name every transport has for it. adopted: a socket that somebody made for us, and keeps."""
    return ConnectionPort(address, security, HANDLES_ATTRIBUTES, adopted)


def connect(
    address: str,
    timeout: float | None = 30.0,
    *,
    data: bytes = b"",
    server_sid: str | security.Sid | None = None,
    attributes: PortAttributes = DEFAULT_ATTRIBUTES,
    wait: bool = True,
    view_size: int = 0,
) -> MessagePort:
    """Connects to a port and waits for the server's verdict; what the server said is `connection_data`.

    server_sid: the user that must hold the port; None is ourselves or root, S-1-1-0 anybody. wait: False returns at
    once; LPC_CONNECTION_REPLY is then the first message received, or what else is raised here is raised by `receive`.
    view_size: octets of memory that the server reads as long as the connection lasts (PORT_VIEW): `port_view`, there
    `remote_port_view`. Raises NameNotFound, ConnectionRefused (`data`: what the server said), AccessDenied,
    ServerSidMismatch, TypeMismatch, NameInvalid, TimedOut, SectionTooBig.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    features = lane_setup.offer(attributes.lane) if wait and not attributes.by_socket else 0
    if view_size < 0 or (view_size and not wait):
        raise InvalidParameter(f"a port view of {view_size} octets" + ", not waited for" * (not wait))
    timed, peer = _asked(address, data, server_sid, attributes, deadline, features, view_size)
    try:
        if not wait:
            ask_for_credentials(timed.socket, False)
            return MessagePort.connecting(timed.socket, peer, attributes)
        port = MessagePort(*_verdict(timed, peer, server_sid, attributes, deadline))
    except BaseException:
        timed.close()
        raise
    port.begin(view_size)
    return port


def dial(address: str, timeout: float | None = 30.0) -> DatagramPort:
    """`connect`, for who takes a port as any other transport (`seam.py`)."""
    deadline = None if timeout is None else time.monotonic() + timeout
    timed, peer = _asked(address, b"", None, DEFAULT_ATTRIBUTES, deadline, lane_setup.offer(DEFAULT_ATTRIBUTES.lane))
    try:
        return DatagramPort(*_verdict(timed, peer, None, DEFAULT_ATTRIBUTES, deadline))
    except BaseException:
        timed.close()
        raise


def list_ports(directory: str = DIRECTORY) -> list[str]:
    """The names of the ports in a directory object that have a server."""
    return namespace.current(directory).list()


def _asked(
    address: str,
    data: bytes,
    server_sid: str | security.Sid | None,
    attributes: PortAttributes,
    deadline: float | None,
    features: int,
    view_size: int = 0,
) -> tuple[TimedSocket, Peer]:
    """A socket on which the server has been asked for its verdict."""
    owners = security.expected_uids(server_sid)
    names = namespace.current(DIRECTORY)
    connected = names.connect(address, owners, _remaining(deadline), TYPE)
    try:
        peer = unix.peer_of(connected, names.full_name(address))
        security.check_activator(peer, owners)
        timed = TimedSocket(connected)
        ask_for_credentials(connected)  # of who gives the verdict
        terms = pack_terms(LPC_CONNECTION_REQUEST, 0, attributes, data, features, view_size)
        timed.send(terms, _remaining(deadline))
    except OSError as error:
        connected.close()
        raise ConnectionRefused(f"{address}: {error.strerror}") from error
    except BaseException:
        connected.close()
        raise
    return timed, peer


def _verdict(
    timed: TimedSocket,
    peer: Peer,
    server_sid: str | security.Sid | None,
    attributes: PortAttributes,
    deadline: float | None,
) -> tuple[socket.socket | Lane, Agreement]:
    """What a port is made with, once the server has let us in."""
    with lane_setup.Delivery(timed.socket) as delivery:
        answer = timed.receive(_remaining(deadline), delivery.recv)
        if not answer:
            raise ConnectionRefused(f"{peer.address} went away")
        agreed = Agreement(peer, attributes, accepted_terms(answer, peer.address))
        security.check_answer(peer, delivery.credentials, security.expected_uids(server_sid))
        ask_for_credentials(timed.socket, False)
        if not agreed.takes_descriptors:
            refuse_descriptors(timed.socket)
        return delivery.lane() if agreed.theirs.features & lane_setup.LANE else timed.socket, agreed


class Silent(NamedTuple):
    """A client that has connected and not said anything yet."""

    connected: socket.socket
    until: float
    """When its time is over."""
    user: int


class ConnectionPort:
    """The named port of a server. Any number of threads may receive, or accept; it is the one or the other.

    `receive` brings the requests to connect and the messages of all clients that are let in through it, one after the
    other. `listen` and `accept` keep `seam.Listener`: the connections they give are received from one by one.
    """

    def __init__(
        self,
        name: str,
        protection: str | security.SecurityDescriptor | None,
        attributes: PortAttributes,
        adopted: socket.socket | None = None,
    ) -> None:
        self.attributes = attributes
        self._security = security.descriptor_of(protection)
        self._claim: Claim = namespace.current(DIRECTORY).claim(name, TYPE, str(self._security))
        access = security.socket_access(self._security)
        self._acceptor: Acceptor = self._claim.acceptor(access.mode, attributes.backlog, adopted, access.acl)
        refuse_descriptors(self._acceptor)  # of who has not been let in
        self.address = name
        self.interfaces: inquiry.Interfaces = tuple
        """What its owner serves here, for those who ask about the port."""
        self._closed = False
        self._shared = False
        self._messages: ServerQueue | None = None
        self._quotas = Quotas(attributes.user_quota)
        self._begin()
        forking.watch(self)

    def _begin(self) -> None:
        self._ledger = Ledger[CommunicationPort]()
        self._epoll = select.epoll()
        self._bell = os.eventfd(0, os.EFD_CLOEXEC)  # rung once, to close
        self._pending: dict[int, Silent] = {}  # by descriptor, oldest first
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._waiting: set[int] = set()  # threads
        for descriptor in (self._acceptor.fileno(), self._bell):
            self._epoll.register(descriptor, select.EPOLLIN)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<ConnectionPort {self._claim.name} {'closed' if self._closed else 'open'}>"

    def receive(
        self, timeout: float | None = None, *, allocated: int = ALL_ATTRIBUTES, size: int | None = None
    ) -> Message:
        """The next message of any client, or the next client that asks to be let in (LPC_CONNECTION_REQUEST).

        allocated: the attributes it is to have. size: octets of data there is room for; for a larger message
        BufferTooSmall is raised, and it stays. Raises TimedOut (0 is a look), and Disconnected once the port is closed.
        """
        return self.queue_messages().queue.next(timeout, allocated, size)

    def receive_now(self) -> Message | None:
        """`receive`, if there is something."""
        try:
            return self.receive(0.0)
        except TimedOut:
            return None

    def batch(self) -> ServerBatch:
        """Answers that go together, those to each client in a packet: `with port.batch() as batch:`,
        `message.reply(data, batch=batch)`."""
        return ServerBatch()

    def queue_messages(self) -> ServerQueue:
        """Makes the port one to `receive` from."""
        with self._lock:
            if self._closed:
                raise Disconnected("the port is closed")
            if self._messages is None:
                self._messages = ServerQueue(
                    self, self._epoll, self.attributes.max_pending, self.attributes.max_connections
                )
            return self._messages

    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        """Waits until something comes, of anybody, or a silent client's time is over."""
        thread = threading.get_ident()
        try:
            with self._lock:
                if self._closed:
                    return []
                self._waiting.add(thread)
                if self._pending:
                    silent = max(0.0, min(silent.until for silent in self._pending.values()) - time.monotonic())
                    timeout = silent if timeout is None else min(timeout, silent)
            return self._epoll.poll(None if timeout is None else math.ceil(timeout * 1000) / 1000, MAX_EVENTS)
        finally:
            self._waiting.discard(thread)
            if self._closed:
                with self._lock:
                    self._changed.notify_all()

    def admitted_now(self) -> ConnectionRequest | None:
        """The next client that asks to be let in and has the right to, if there is one."""
        while (request := self.listen_now()) is not None:
            if self._admits(request):
                return request
        return None

    def expire(self) -> None:
        """Drops clients that have been silent for too long."""
        with self._lock:
            now = time.monotonic()
            silent = () if self._closed else [*self._pending.items()]
            for descriptor in [descriptor for descriptor, one in silent if one.until <= now]:
                self._drop(descriptor)

    def listen(self, timeout: float | None = None) -> ConnectionRequest:
        """The next client that asks to be let in. Raises TimedOut, and Disconnected once the port is closed."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while (request := self.listen_now()) is None:
            self._wait(deadline)
        return request

    def listen_now(self) -> ConnectionRequest | None:
        """The next client that asks to be let in, if there is one."""
        with self._lock:
            if self._closed:
                raise Disconnected("the port is closed")
            self.expire()
            return self._step() or self._step()

    def accept(self, timeout: float | None = None) -> DatagramPort:
        """The next client that the security descriptor admits."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            if (port := self._admit(self.listen(_remaining(deadline)))) is not None:
                return port

    def accept_now(self) -> DatagramPort | None:
        """The next client that the security descriptor admits, if there is one."""
        while (request := self.listen_now()) is not None:
            if (port := self._admit(request)) is not None:
                return port
        return None

    def associate(self, completion_port: IoCompletionPort, key: Any) -> None:
        """Every message that `receive` would give becomes a packet of `completion_port`, with `key`.

        Nobody else may receive from now on. Raises PortAlreadySet, Disconnected, InvalidParameter (a port of LPC).
        """
        if self.attributes.lpc_mode:
            raise InvalidParameter("ports of LPC know no completion ports")
        self.queue_messages()
        completion_port.associate(self, key, self.receive_now)

    def admits(self, peer: Peer) -> bool:
        """Whether the security descriptor gives `peer` the right to connect."""
        return inquiry.admitted(self._security, peer)

    def information(self) -> inquiry.Information:
        """What this port does (NtAlpcQueryInformation), told to whoever may connect and asks."""
        attributes, total = self.attributes, self._ledger.total()
        present = self._ledger.present()
        return inquiry.Information(
            pid=os.getpid(),
            uid=os.geteuid(),
            worker=int(self._shared),
            max_message_length=attributes.max_message_length,
            max_section_size=attributes.max_section_size,
            backlog=attributes.backlog,
            max_pending=attributes.max_pending,
            connections=len(present),
            accepted=self._ledger.accepted,
            packets_in=total.packets_in,
            packets_out=total.packets_out,
            octets_in=total.octets_in,
            octets_out=total.octets_out,
            clients=tuple(map(inquiry.client, present[: inquiry.MAX_CLIENTS])),
            interfaces=tuple(self.interfaces())[: inquiry.MAX_TEXTS],
        )

    def fileno(self) -> int:
        """A descriptor that is readable when there is something to receive, or to accept."""
        if self._messages is not None and self.attributes.flags & PortFlags.WAITABLE_PORT:
            return self._messages.queue.fileno(-1 if self._closed else self._epoll.fileno())
        return -1 if self._closed else self._epoll.fileno()

    def close(self) -> None:
        """Gives the name back, drops who waits to be let in, wakes who waits in `listen`."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            os.eventfd_write(self._bell, 1)
            self._waiting.discard(threading.get_ident())  # a signal handler may have taken it out of `poll` anywhere
            self._changed.wait_for(lambda: not self._waiting)
        self._claim.close()
        self._acceptor.close()
        if self._messages is not None:
            self._messages.close()
        self._let_go()

    def abandon(self) -> None:
        if not self._closed:
            self._closed = True
            self._claim.abandon()
            self._acceptor.abandon()
            if self._messages is not None:
                self._messages.abandon()
            self._let_go()

    def inherit(self) -> None:
        self._claim.abandon()
        self._acceptor.inherit()
        self._shared = True
        self._let_go()
        self._begin()

    def _let_go(self) -> None:
        for silent in self._pending.values():
            silent.connected.close()
        self._epoll.close()
        os.close(self._bell)

    def _admits(self, request: ConnectionRequest) -> bool:
        """Whether a client has the right to connect; one that has not is sent away."""
        if self.admits(request.peer):
            return True
        request.refuse(status=AccessDenied.status)
        return False

    def _admit(self, request: ConnectionRequest) -> DatagramPort | None:
        if not self._admits(request):
            return None
        try:
            return request.accept()
        except Disconnected:  # gone meanwhile
            return None

    def _wait(self, deadline: float | None) -> None:
        """Until something is to be heard, or a silent client's time is over."""
        remaining = _remaining(deadline)
        if remaining is not None and remaining <= 0:
            raise TimedOut("listening")
        self.poll(remaining)

    def _step(self) -> ConnectionRequest | None:
        """Hears the first client that has something to say; only if none has, takes in new ones."""
        descriptors = [descriptor for descriptor, _ in self._epoll.poll(0)]
        for descriptor in descriptors:
            if descriptor in self._pending and (request := self._hear(descriptor)) is not None:
                return request
        if self._acceptor.fileno() in descriptors:
            self._take_in()
        return None

    def _take_in(self) -> None:
        if len(self._pending) >= self.attributes.max_pending:
            self._drop(self._oldest())
        until = time.monotonic() + self.attributes.handshake_timeout
        while len(self._pending) < self.attributes.max_pending:
            accepted = self._acceptor.accept_now()
            if accepted is None:
                return
            self._pending[accepted.fileno()] = Silent(accepted, until, unix.user_of(accepted))
            self._epoll.register(accepted.fileno(), select.EPOLLIN)

    def _oldest(self) -> int:
        """Who has been silent longest, of the user that most are of."""
        [(user, _)] = Counter(silent.user for silent in self._pending.values()).most_common(1)
        return next(descriptor for descriptor, silent in self._pending.items() if silent.user == user)

    def _hear(self, descriptor: int) -> ConnectionRequest | None:
        """The request of a client that is no longer silent; one that talks nonsense, or left, is dropped."""
        connected = self._forget(descriptor)
        try:
            frame = _heard(connected) or b""
            peer = unix.peer_of(connected, self._claim.name)
            if inquiry.is_inquiry(frame):
                inquiry.answer(connected, self.information() if self.admits(peer) else None)
                return None
            theirs = parse_terms(frame, LPC_CONNECTION_REQUEST)
        except TransportError:
            connected.close()
            return None
        agreed = Agreement(peer, self.attributes, theirs, self._quotas.of(peer.uid))
        return ConnectionRequest(connected, agreed, self._ledger)

    def _drop(self, descriptor: int) -> None:
        self._forget(descriptor).close()

    def _forget(self, descriptor: int) -> socket.socket:
        self._epoll.unregister(descriptor)
        return self._pending.pop(descriptor).connected


def _heard(connected: socket.socket) -> bytes | None:
    try:
        return connected.recv(RECEIVE_SIZE, NO_WAIT)
    except OSError as error:
        return after_failed_receive(error, connected.recv)


def _remaining(deadline: float | None) -> float | None:
    return None if deadline is None else deadline - time.monotonic()
