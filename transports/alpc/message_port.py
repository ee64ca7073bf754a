"""MessagePort: a communication port with the whole of NT's model. Its counterpart is another one.

The verbs of NtAlpcSendWaitReceivePort by their own names: `request`, `post`, `datagram`, `cancel` and `receive`. This
file turns them into frames and back; what the frames mean is decided in `exchange.py`, which comes into being with the
first verb used. Before that a MessagePort is the plain port that calls of RPC run over, and costs no more.
"""

from __future__ import annotations

import select
import socket
import struct
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from .. import security
from ..errors import (
    Disconnected,
    InvalidParameter,
    MessageTooLong,
    NotSupported,
    RequestsNotAllowed,
    TimedOut,
    TransportError,
    not_sent,
)
from ..seam import Buffer, Peer
from ..sockets import NO_WAIT
from .arrivals import Arrivals
from .completion import IoCompletionPort
from .contexts import SecurityContext
from .exchange import Exchange
from .handles import MAX_HANDLES, Handle, Sendable, descriptors_of, event_of
from .information import BasicInformation, ServerSession, blocked_on, session_of, ticket_of_thread
from .lane import Lane
from .memory.section import View
from .messages import message as wire
from .messages.attributes import ALL_ATTRIBUTES, NO_ATTRIBUTES, AttributeBlock, DirectAttribute
from .messages.batch import Batch
from .messages.message import REQUEST_TYPES
from .messages.port_attributes import UNKNOWN_TERMS, Agreement, PortAttributes, PortFlags, accepted_terms
from .messages.port_message import LPC_DATAGRAM, LPC_NO_IMPERSONATE, LPC_REQUEST
from .outbox import Outgoing
from .queue import Queue
from .received import Callback, Message
from .reserve import Reserve, more_room, room_of

if TYPE_CHECKING:
    from .memory.direct_access import DirectAccess
    from .server_queue import ServerQueue

READ_SLICE: Final = 0.2
"""Seconds after which a client's reader looks whether another thread has canceled what it waits for."""


class MessagePort(Arrivals):
    """One end of a connection, a client's or a server's."""

    __slots__ = ("_connected", "_direct", "_exchange", "_making", "created")

    def __init__(self, connected: socket.socket | Lane, agreed: Agreement) -> None:
        self._exchange: Exchange | None = None
        self._direct: DirectAccess | None = None
        self._host = None
        self._making = threading.Lock()
        self.attributes = agreed.own
        self.peer_flags = PortFlags(agreed.theirs.flags)
        self._connected = True
        self.created = b""
        """Of a server's port: when its client's process began, u64 in clock ticks since the machine did."""
        super().__init__(connected, agreed.peer, quota=agreed.quota, **agreed.limits)
        self.connection_data = agreed.theirs.data
        if agreed.own.quality_of_service.dynamic:
            self.name_sender()

    @classmethod
    def connecting(cls, connected: socket.socket, peer: Peer, attributes: PortAttributes) -> MessagePort:
        """A client's port whose server has been asked, and has not answered yet."""
        port = cls(connected, Agreement(peer, attributes, UNKNOWN_TERMS))
        port._connected = False
        return port

    def begin(self, view_size: int) -> None:
        """Sets up the port view that this end is to have from the first; the port is closed if that fails."""
        try:
            if view_size:
                self.create_port_view(view_size)
        except BaseException:
            self.close()
            raise

    # What may be said

    def receive_now(self) -> Message | None:
        """`receive`, if there is something."""
        try:
            return self.receive(0.0)
        except TimedOut:
            return None

    def associate(self, completion_port: IoCompletionPort, key: Any) -> None:
        """Leaves receiving to `completion_port`: packets with `key`.

        Raises PortAlreadySet, Disconnected, InvalidParameter (a port of LPC).
        """
        self.check_alpc("completion ports")
        _ = self.exchange
        completion_port.associate(self, key, self.receive_now)

    def request(
        self,
        data: Buffer = b"",
        *,
        timeout: float | None = None,
        type: int = LPC_REQUEST,
        view: View | None = None,
        handles: Sequence[Sendable] = (),
        on_callback: Callback | None = None,
        entries: Sequence[Buffer] = (),
        reserve: Reserve | None = None,
        work_on_behalf: bool = False,
        security: SecurityContext | None = None,
    ) -> Message:
        """Sends a request and waits for its reply (NtAlpcSendWaitReceivePort with SYNC_REQUEST).

        type: LPC_EXCEPTION, LPC_DEBUG_EVENT, LPC_ERROR_EVENT for messages of these kinds. view: from `allocate`; the
        server's from now on. handles: descriptors, which stay the caller's (NotSupported, InvalidParameter for others
        than the server takes). entries: buffers that the server may read, and write where they are writable, as long as
        this thread waits. on_callback: serves, in this thread, what the server asks meanwhile; without it such a
        callback is released. work_on_behalf: names this thread as the one that the work is done for. security: in whose
        name it is asked, from `create_security_context`.
        Raises TimedOut (the server is told), ReplyLost, Canceled, Disconnected, MessageTooLong, RequestsNotAllowed,
        QuotaExceeded (messages wait that nobody receives), InvalidParameter (a timeout, or an attribute, on a port of
        LPC).
        """
        if timeout is not None:
            self.check_alpc("time limits")
        block = self._block(security, work_on_behalf)
        outgoing = self._asked(Outgoing(type, 0, 0, data, block, view, handles=handles))
        room = room_of(reserve, data)
        if entries:
            with self.direct.offering(outgoing, entries, patient=timeout is None) as offering, blocked_on(self):
                return self.exchange.request(offering, timeout, on_callback, room)
        with blocked_on(self):
            return self.exchange.request(outgoing, timeout, on_callback, room)

    def post(
        self,
        data: Buffer = b"",
        context: Any = None,
        *,
        timeout: float | None = None,
        type: int = LPC_REQUEST,
        view: View | None = None,
        handles: Sequence[Sendable] = (),
        reserve: Reserve | None = None,
        work_on_behalf: bool = False,
        security: SecurityContext | None = None,
        direct: Sendable | None = None,
        batch: Batch | None = None,
    ) -> int:
        """Sends a request whose reply `receive` will bring, with `context` as its message context; its message id.

        Should the server release it, or end, then LPC_CANCELED comes instead. direct: an eventfd, which stays the
        caller's, and is signaled once whoever receives has read the one or the other, or this end is closed
        (NotSupported, if the peer takes no direct messages). batch: of this port; the request is sent with what else is
        in it, and takes nothing but data. Raises TimedOut (the peer takes nothing), and what `request` does;
        InvalidParameter on a port of LPC.
        """
        self.check_alpc("requests that are not waited for")
        event = None if direct is None else event_of(direct)
        block = self._block(security, work_on_behalf, event)
        outgoing = self._asked(Outgoing(type, 0, 0, data, block, view, handles=handles))
        if batch is None:
            return self.exchange.post(outgoing, context, timeout, room_of(reserve, data), event)
        if view is not None or handles or reserve or block is not NO_ATTRIBUTES:
            raise InvalidParameter("what goes in a batch is data alone")
        self.exchange.expect(outgoing.message_id, context)
        return batch.send(data, outgoing.message_id, type)

    def datagram(
        self,
        data: Buffer = b"",
        *,
        timeout: float | None = None,
        view: View | None = None,
        handles: Sequence[Sendable] = (),
        reserve: Reserve | None = None,
        security: SecurityContext | None = None,
    ) -> None:
        """Sends a message that nobody answers. Raises Disconnected, MessageTooLong, TimedOut, QuotaExceeded."""
        exchange = self.exchange
        outgoing = Outgoing(LPC_DATAGRAM, exchange.number(), 0, data, self._block(security), view, handles=handles)
        self.check(outgoing)
        exchange.send(outgoing, timeout, room_of(reserve, data))

    def cancel(self, number: int) -> None:
        """Withdraws a request of this end (NtAlpcCancelMessage): its reply will not come.

        Who waits in `request` gets Canceled. A server that has not picked it up never sees it. Raises ReplyMismatch
        when it waits for no reply.
        """
        self.exchange.cancel(number)

    def receive(
        self, timeout: float | None = None, *, allocated: int = ALL_ATTRIBUTES, size: int | None = None
    ) -> Message:
        """The next message for this port; LPC_PORT_CLOSED once the other end is gone, and then Disconnected.

        For a client: a server's is received from its connection port. allocated: the attributes it is to have. size:
        octets of data there is room for. Raises TimedOut, Disconnected, BufferTooSmall (the message stays), BadFrame.
        """
        return self.exchange.queue.next(timeout, allocated, size)

    def reserve(self, size: int) -> Reserve:
        """Room for a message of `size` octets (NtAlpcCreateResourceReserve).

        Raises MessageTooLong; InvalidParameter (no size, or a port of LPC).
        """
        self.check_alpc("reserves")
        if size < 0:
            raise InvalidParameter(f"a reserve of {size} octets")
        if size > self.max_message:
            raise MessageTooLong(f"{size} octets, the peer takes {self.max_message}")
        return Reserve(size)

    def register_termination(self) -> None:
        """Has the server told (LPC_CLIENT_DIED) when this thread ends (NtRegisterThreadTerminatePort)."""
        data = struct.pack("<I", threading.get_native_id())
        exchange = self.exchange
        exchange.outbox.send(Outgoing(wire.TERMINATION_PORT, exchange.number(), data=data), None)

    def disconnect(self) -> None:
        """Ends the connection for both ends and keeps the port (NtAlpcDisconnectPort)."""
        self.exchange.outbox.flush()
        super().close()
        self.exchange.end()

    @property
    def lpc_mode(self) -> bool:
        """Whether either end is a port of classic LPC."""
        return bool(self.attributes.lpc_mode or self.peer_flags & PortFlags.LPC_MODE)

    @property
    def outstanding(self) -> tuple[int, ...]:
        """Numbers of the requests that were posted and are not answered yet."""
        return self.exchange.outstanding

    def basic_information(self) -> BasicInformation:
        """Flags, messages sent, and context of this end (AlpcBasicInformation)."""
        return BasicInformation(self.attributes.flags, self.exchange.outbox.sequence, self.context)

    def server_session(self) -> ServerSession:
        """Session and process of the other end (AlpcServerSessionInformation). Raises Disconnected."""
        try:
            return session_of(self.peer.pid or 0)
        except ProcessLookupError:
            raise Disconnected(f"{self!r}") from None

    def check_connected_sid(self, sid: str | security.Sid) -> None:
        """Raises ServerSidMismatch unless the other end runs as this user (AlpcConnectedSIDInformation)."""
        security.check_server(self.peer, security.expected_uids(sid))

    def fileno(self) -> int:
        """A descriptor that is readable when `receive` has something; once a verb was used, for that verb's sake."""
        exchange = self._exchange
        if exchange is None or self._host is not None or not self.attributes.flags & PortFlags.WAITABLE_PORT:
            return super().fileno()
        return exchange.queue.fileno(super().fileno())

    def close(self) -> None:
        if self._exchange is not None:
            closed = Disconnected("the port is closed")
            self._exchange.end(closed)
            if self._host is None:
                self._exchange.queue.close(closed)
        self._leave()

    def abandon(self) -> None:
        if self._exchange is not None and self._host is None:
            self._exchange.queue.abandon()
        super().abandon()

    # For the exchange

    @property
    def direct(self) -> DirectAccess:
        """Data entries: those offered, and the way to the peer's."""
        if self._direct is None:
            from .memory.direct_access import DirectAccess  # and with it ctypes, which few need

            with self._making:
                self._direct = self._direct or DirectAccess(self)
        return self._direct

    @property
    def exchange(self) -> Exchange:
        """The state of the exchanges on this connection."""
        if self._exchange is None:
            with self._making:
                if self._exchange is None:
                    self._exchange = Exchange(self, Queue(self.gather), None)
                    if super().fileno() < 0:
                        self._exchange.end(Disconnected("the port is closed"))
        return self._exchange

    def batch(self, timeout: float | None = None) -> Batch:
        self.check_alpc("batches")
        return Batch(self, timeout, self.exchange.outbox.send_packet if self.is_server else None)

    def serve(self, queue: Queue, host: ServerQueue) -> Exchange:
        """Makes it a server's: what comes goes to the server's queue."""
        self._host = host
        self._exchange = Exchange(self, queue, host)
        return self._exchange

    def transmit(self, outgoing: Outgoing, sequence: int, reserve: int) -> bool:
        """Sends a message if that needs no waiting. Raises Disconnected."""
        flags = 0 if self.attributes.flags & PortFlags.ALLOW_IMPERSONATION else LPC_NO_IMPERSONATE
        descriptors = descriptors_of(outgoing.handles)
        frame = outgoing.frame(sequence, flags, descriptors)
        try:
            sent = self._passed(frame, outgoing, descriptors) or (
                reserve > 0 and self._passed_by_reserve(frame, outgoing, descriptors, reserve)
            )
        except OSError as error:
            raise not_sent(error) from error
        if sent:
            self.traffic.sent(len(frame) + (0 if outgoing.view is None else outgoing.view.size))
        return sent

    def check_size(self, data: Buffer) -> None:
        """Raises MessageTooLong for more than the peer's port takes."""
        if len(data) > self.max_message:
            raise MessageTooLong(f"{len(data)} octets, the peer takes {self.max_message}")

    def check_alpc(self, what: str) -> None:
        """Raises InvalidParameter at a port of LPC, which has no such thing."""
        if self.lpc_mode:
            raise InvalidParameter(f"ports of LPC know no {what}")

    def check(self, outgoing: Outgoing) -> None:
        """Raises MessageTooLong, and NotSupported, for what the peer's port does not take; InvalidParameter for what
        none does, or none of LPC; TypeError for what is no run of octets."""
        if memoryview(outgoing.data).itemsize != 1:
            raise TypeError("data whose items are longer than an octet")
        self.check_size(outgoing.data)
        block = outgoing.block
        if block is not NO_ATTRIBUTES or outgoing.view is not None or outgoing.handles:
            self.check_alpc("attributes of messages")
        if block.direct is not None and not self.peer_flags & PortFlags.DIRECT_MESSAGE:
            raise NotSupported("the peer takes no direct messages")
        most = MAX_HANDLES if self.peer_flags & PortFlags.ALLOW_MULTIHANDLE else 1
        descriptors_of(outgoing.handles, self.handles_given, most)

    def wait_for_room(self, timeout: float, *, or_input: bool) -> None:
        """Waits until something may be sent, or has come."""
        poll = select.poll()
        poll.register(self._socket.fileno(), select.POLLOUT | (select.POLLIN if or_input else 0))
        poll.poll(max(1, int(timeout * 1000)))

    def let_go(self) -> None:
        """The exchange has ended: a server's socket is of no use to anybody any more."""
        if self._host is not None and self._exchange is not None:
            self._host.forget(self._exchange)
            self._leave()

    # Inside

    def _leave(self) -> None:
        if self._direct is not None:
            self._direct.close()
        super().close()

    def _passed(self, frame: bytes, outgoing: Outgoing, descriptors: Sequence[int]) -> bool:
        try:
            if outgoing.type == wire.SECURITY_CONTEXT:
                self.beside.send_named(frame, groups=len(outgoing.data) > 0)
            elif outgoing.view is None and not self.releases and not descriptors:
                self._send(frame, NO_WAIT)
            else:
                request_id = outgoing.number if outgoing.type in REQUEST_TYPES else 0
                self._sharing.send_frame(frame, outgoing.view, request_id, NO_WAIT, descriptors)
        except BlockingIOError:
            return False
        return True

    def _passed_by_reserve(self, frame: bytes, outgoing: Outgoing, descriptors: Sequence[int], reserve: int) -> bool:
        with more_room(self._socket, reserve):
            return self._passed(frame, outgoing, descriptors)

    def _asked(self, asked: Outgoing) -> Outgoing:
        """A request with its number, if it may be sent."""
        if asked.type not in REQUEST_TYPES:
            raise InvalidParameter(f"nobody answers messages of type {asked.type}")
        if not self.peer_flags & PortFlags.ALLOW_LPC_REQUESTS:
            raise RequestsNotAllowed(f"{self!r}")
        self.check(asked)
        return asked._replace(message_id=self.exchange.number())

    def _block(
        self, security: SecurityContext | None, work_on_behalf: bool = False, event: Handle | None = None
    ) -> AttributeBlock:
        if security is None and event is None and not work_on_behalf:
            return NO_ATTRIBUTES
        named = None if security is None else security.attribute(self)
        direct = None if event is None else DirectAttribute(event.fileno())
        ticket = ticket_of_thread() if work_on_behalf else None
        return AttributeBlock(security=named, direct=direct, work_on_behalf=ticket)

    def gather(self, timeout: float | None) -> None:
        """Reads for a client's queue."""
        exchange = self.exchange
        if exchange.ended:
            return
        try:
            slice_of = READ_SLICE if timeout is None else min(timeout, READ_SLICE)
            frame = self.receive_frame(slice_of) if slice_of else self.receive_frame_now()
        except TimedOut:
            return
        if frame and not self._connected:
            self._settle(exchange, frame)
        elif frame is not None:
            exchange.arrived(frame)
            while self.holds_more:
                exchange.arrived(self.receive_frame())

    def _settle(self, exchange: Exchange, frame: bytes) -> None:
        """The server's verdict, which nobody has waited for."""
        try:
            terms = accepted_terms(frame, self.peer.address)
        except TransportError as error:
            exchange.end(error)
            return
        self._connected = True
        self.peer_flags = PortFlags(terms.flags)
        self.connection_data = terms.data
        self.bind(**Agreement(self.peer, self.attributes, terms).limits)
        exchange.connected(terms.data)
