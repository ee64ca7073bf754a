"""CommunicationPort: one end of a connection between two processes. Its counterpart is another one.

Rules of this file:
- a plain message is one pack, one concatenation and one send; all else stands aside from that path, in `sharing.py`;
- one thread at a time receives; any thread may send, allocate and release;
- what the receiver does not understand ends the connection, with BadFrame.
"""

from __future__ import annotations

import itertools
import os
import socket
import struct
import time
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Any, Final, Self, cast

from .. import ancillary, forking
from ..errors import BadFrame, MessageTooLong, QuotaExceeded, TimedOut, TransportError, not_sent
from ..seam import Buffer, Peer
from ..security import SecurityQos
from ..sockets import NO_SIGNAL, NO_WAIT, drain, shut
from ..traffic import Traffic
from .beside import Beside
from .completion import IoCompletionPort
from .frames import UNSET, Frames
from .handles import NO_OBJECTS, ObjectType, Sendable, descriptors_of
from .lane import Lane
from .memory.section import SectionLimits, View
from .memory.sharing import Sharing
from .messages import message as wire
from .messages.batch import Batch, Unbatched, unpack
from .messages.message import (
    FRAME,
    FRAME_SIZE,
    HEADER_SIZE,
    PAYLOAD_TYPES,
    PORT_CLOSED,
    RELEASE_TYPE,
    TYPE_PLACE,
    PortMessage,
)
from .messages.port_message import LPC_REPLY, LPC_REQUEST
from .quota import UNLIMITED, UserQuota

MAX_ASIDE: Final = 64
"""Frames for the port itself that one call without waiting deals with: who sends nothing else holds up nobody."""

_pack = FRAME.pack
_unpack = FRAME.unpack_from


class CommunicationPort(Frames):
    """Sends and receives messages. `MessagePort` has NT's whole model, `DatagramPort` keeps `seam.Connection`.

    peer: who is at the other end, by the kernel's word. client_id: what this end says of itself. context: what the
    server keeps with this client. connection_data: what the other side said when the connection was made. traffic: what
    the server's end has carried, counted by those who serve it. quota: of the peer's user, at a server.
    """

    __slots__ = (
        "__weakref__",
        "_ids",
        "_max_data",
        "beside",
        "client_id",
        "connection_data",
        "context",
        "handles_given",
        "message_mode",
        "peer",
        "quota",
        "traffic",
    )

    def __init__(
        self,
        connected: socket.socket | Lane,
        peer: Peer,
        *,
        max_message: int = wire.MAX_DATA,
        max_data: int = wire.MAX_DATA,
        incoming: SectionLimits = SectionLimits(),  # noqa: B008 -- a tuple
        outgoing: SectionLimits = SectionLimits(),  # noqa: B008
        taken: ObjectType = NO_OBJECTS,
        given: ObjectType = NO_OBJECTS,
        quota: UserQuota = UNLIMITED,
    ) -> None:
        connected.setblocking(True)
        self.message_mode: Final = True
        self.peer: Final = peer
        self.context: Any = None
        self.connection_data = b""
        self.traffic: Final = Traffic()
        self.quota: Final = quota
        self._socket = connected
        self._send = connected.send
        self._receive_by(connected.recv)
        self._send_timeout = self._receive_timeout = UNSET
        self.client_id = struct.pack("<QQ", os.getpid(), 0)
        self._ids = itertools.count(1)
        self.beside: Final = Beside(connected, peer)
        self.bind(max_message, max_data, incoming, outgoing, taken, given)
        forking.watch(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._socket.fileno() < 0 else "open"
        return f"<{type(self).__name__} {self.peer.address} pid {self.peer.pid} {state}>"

    def bind(
        self,
        max_message: int,
        max_data: int,
        incoming: SectionLimits,
        outgoing: SectionLimits,
        taken: ObjectType = NO_OBJECTS,
        given: ObjectType = NO_OBJECTS,
    ) -> None:
        """What the peer's port takes, and ours: octets, sections, handles. Before any message."""
        self.max_message = max_message
        self._max_data = max_data
        self._share(Sharing(self._socket, incoming, outgoing, self.quota))
        self.releases = self._sharing.releases
        self.handles_given = given
        if taken:
            self.beside.take_kinds(taken)
            self._receive_by(partial(self.beside.receive, self._sharing))

    def track(self, qos: SecurityQos) -> None:
        """Has the kernel say who each message is from, if its client wants that; before any message."""
        self.beside.track(qos)
        if self.beside.active:
            self._receive_by(partial(self.beside.receive, self._sharing))

    def ask_who(self) -> None:
        """Has the kernel say who sends each message that is received from now on."""
        self.beside.ask_who()
        self._receive_by(partial(self.beside.receive, self._sharing))

    def name_sender(self) -> None:
        """Says with each message who sends it, by our effective ids."""
        self._send = partial(ancillary.send_named, cast(socket.socket, self._socket))
        self._sharing.name_sender(self._send)
        self._receive_by(self._recv)  # a lane does not

    # Messages

    def send_message(
        self,
        data: Buffer,
        message_id: int = 0,
        type: int = LPC_REQUEST,
        view: View | None = None,
        timeout: float | None = None,
        handles: Sequence[Sendable] = (),
    ) -> int:
        """Sends one message; the message id that was used: `message_id`, or a fresh one for 0.

        view: from `allocate`; the receiver's from now on, unless this raises. handles: descriptors, which stay ours.
        Raises Disconnected, TimedOut, MessageTooLong, NotSupported (the peer takes no such handles).
        """
        if not message_id:
            message_id = next(self._ids) & 0xFFFFFFFF or next(self._ids) & 0xFFFFFFFF
        size = len(data)
        if size > self.max_message:
            raise MessageTooLong(f"{size} octets, the peer takes {self.max_message}")
        try:
            if timeout != self._send_timeout:
                self._bound_sends(timeout)
            if view is not None or self.releases or handles:
                beside = descriptors_of(handles, self.handles_given) if handles else ()
                self._sharing.send(type, message_id, data, view, NO_SIGNAL, beside)
            else:
                self._send(_pack(size, size + HEADER_SIZE, type, self.client_id, message_id, 0, 0) + data, NO_SIGNAL)
        except OSError as error:
            raise not_sent(error) from error
        return message_id

    def send_message_now(
        self,
        data: Buffer,
        message_id: int = 0,
        type: int = LPC_REQUEST,
        view: View | None = None,
        handles: Sequence[Sendable] = (),
    ) -> int:
        """Like send_message; 0: it would have to wait, and the message was not sent."""
        if not message_id:
            message_id = next(self._ids) & 0xFFFFFFFF or next(self._ids) & 0xFFFFFFFF
        size = len(data)
        if size > self.max_message:
            raise MessageTooLong(f"{size} octets, the peer takes {self.max_message}")
        try:
            if view is not None or self.releases or handles:
                beside = descriptors_of(handles, self.handles_given) if handles else ()
                self._sharing.send(type, message_id, data, view, NO_WAIT, beside)
            else:
                self._send(_pack(size, size + HEADER_SIZE, type, self.client_id, message_id, 0, 0) + data, NO_WAIT)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise not_sent(error) from error
        return message_id

    def understood_now(self, frame: bytes) -> PortMessage | None:
        """The message in a frame; the next one that is there, if that was for the port itself."""
        message = self._understand(frame)
        return self.receive_message_now() if message is None else message

    def understood(self, frame: bytes, timeout: float | None = None) -> PortMessage:
        """The message in a frame that `send_wait_receive` gave; the next one, if that was for the port itself."""
        message = self._understand(frame)
        return self._receive_on(timeout) if message is None else message

    def receive_message(self, timeout: float | None = None) -> PortMessage:
        """The next message; of type LPC_PORT_CLOSED once the peer has closed or died.

        Raises TimedOut, and BadFrame after closing the connection.
        """
        message = self._understand(self._next_frame(timeout))
        return self._receive_on(timeout) if message is None else message

    def receive_message_now(self) -> PortMessage | None:
        """The next message if there is one. (After very many frames for the port itself it may be left for later.)"""
        for _ in range(MAX_ASIDE):
            frame = self.receive_frame_now()
            if frame is None:
                return None
            message = self._understand(frame)
            if message is not None:
                return message
        return None

    # Many messages

    def batch(self, timeout: float | None = None) -> Batch:
        """Messages that go together: `with port.batch() as batch: batch.datagram(data)`.

        timeout: seconds that each packet may wait for room at the end of the `with` block.
        """
        return Batch(self, timeout)

    def receive_messages(self, timeout: float | None = None) -> list[PortMessage]:
        """The next message and all that came with it in one packet; raises what `receive_message` raises."""
        message = None if self.holds_more else self._understand(self._next_frame(timeout))
        if message is None and not self.holds_more:
            message = self._receive_on(timeout)
        rest = self._recv.rest() if isinstance(self._recv, Unbatched) else []
        return rest if message is None else [message, *rest]

    @property
    def holds_more(self) -> bool:
        """Messages of a packet that has come are left, and need no waiting."""
        return isinstance(self._recv, Unbatched)

    def fresh_ids(self, count: int = 1) -> int:
        """The first of `count` message ids that follow each other; with `count` 1 nobody else gets it."""
        while True:
            first = next(self._ids) & 0xFFFFFFFF
            deque(itertools.islice(self._ids, count - 1), maxlen=0)
            if 0 < first <= 0xFFFFFFFF - count:
                return first

    def associate(self, completion_port: IoCompletionPort, key: Any) -> None:
        """Every message becomes a packet of `completion_port`, with `key`; nobody else may receive from now on.

        Raises PortAlreadySet, Disconnected.
        """
        completion_port.associate(self, key, self.receive_message_now)

    # Ending

    def fileno(self) -> int:
        return self._socket.fileno()

    def drain(self) -> None:
        """Takes no more messages: what has come can still be received, and answered, then the port counts as closed."""
        drain(self._socket)

    def close(self) -> None:
        """Ends the connection for both ends; views that were received stay readable as long as they are held."""
        shut(self._socket)
        self._receive_by(self._socket.recv)
        self.beside.close()
        self._sharing.close()

    def abandon(self) -> None:
        self._socket.close()
        self._sharing.abandon()

    # Understanding frames

    def _understand(self, frame: bytes) -> PortMessage | None:
        """The message in a frame; None for one that was meant for the port itself."""
        if not frame:
            return PORT_CLOSED
        if len(frame) >= FRAME_SIZE:
            size, total, kind, _client_id, message_id, _allocated, valid = _unpack(frame)
            if (
                not valid
                and kind in PAYLOAD_TYPES
                and message_id
                and size <= self._max_data
                and len(frame) == FRAME_SIZE + size
                and total == size + HEADER_SIZE
            ):
                if kind == LPC_REPLY and self.lent_requests:
                    self._sharing.answered(message_id)
                return PortMessage(kind, message_id, frame[FRAME_SIZE:])
        try:
            if frame[TYPE_PLACE] != RELEASE_TYPE:
                return self._understand_aside(frame)
            frame = self.without_releases(frame)
            return self._understand(frame) if frame else None
        except (BadFrame, QuotaExceeded):
            self.close()
            raise

    def _understand_aside(self, frame: bytes) -> PortMessage | None:
        kind, message_id, data, view = wire.unpack(frame)
        if len(data) > self._max_data:
            raise BadFrame(f"{len(data)} octets, this port takes {self._max_data}")
        handles = self.beside.take(frame)
        if kind in PAYLOAD_TYPES:
            if kind == LPC_REPLY:
                self._sharing.answered(message_id)
            if view is None:  # with handles, or of a peer that says more than we ask for
                return PortMessage(kind, message_id, data, handles=handles)
            octets, secured = self._sharing.view(view)
            return PortMessage(kind, message_id, data, octets, view.section_handle, secured, handles)
        if view is not None or handles:
            raise BadFrame(f"a view or handles in a message of type {kind:#x}")
        if kind == wire.SECTION_GONE and len(data) == 8:
            self._sharing.gone(int.from_bytes(data, "little"))
        elif kind == wire.SECTION_NOTICE and not data:
            self._sharing.announced()
            if not self.beside.active:
                self._receive_by(self._receive_section)
        elif kind == wire.BATCH and not isinstance(self._recv, Unbatched):
            if data:
                self._receive_by(Unbatched(unpack(data), partial(self._receive_by, self._recv)))
        elif kind == wire.QUOTA_NOTICE:
            raise QuotaExceeded(f"{self!r}: the peer holds too much of ours")
        elif kind != wire.LANE_NUDGE or data:
            raise BadFrame(f"a message of type {kind:#x} where none belongs")
        return None

    def without_releases(self, packet: bytes) -> bytes:
        """Takes views back that the peer has done with; the frame that follows in the packet, or nothing."""
        frame, numbers = wire.releases_in(packet)
        for number in numbers:
            self._sharing.released(number)
        return frame

    def _receive_section(self, size: int, flags: int = 0) -> bytes:
        """Stands in for recv while sections are due, and receives the first frame that does not bring one."""
        sharing = self._sharing
        try:
            while sharing.due:
                if (frame := sharing.receive(size, flags)) is not None:
                    return frame
        except TransportError:
            self.close()
            raise
        self._receive_by(self._socket.recv)
        return self._recv(size, flags)

    def _receive_on(self, timeout: float | None) -> PortMessage:
        """Goes on after a frame for the port itself, which must not lengthen the wait."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            remaining = None if deadline is None else deadline - time.monotonic()
            if remaining is not None and remaining <= 0:
                raise TimedOut("receiving")
            message = self._understand(self._next_frame(remaining))
            if message is not None:
                return message
