"""What comes beside the frames of a connection: descriptors, and the kernel's word of who sent them.

A port looks for it only where both ends have agreed to descriptors, or the client to dynamic tracking: it costs.
Rules of this file:
- descriptors in a frame that has no HANDLE attribute, or another number of them, end the connection; but one may come
  with a security context, to say which groups its sender has;
- what nobody has taken by the time the next frame comes is closed.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from typing import TYPE_CHECKING, Final, cast

from .. import ancillary, kernel, unix
from ..ancillary import Received
from ..errors import BadFrame, TransportError
from ..kernel import Credentials
from ..seam import Peer
from ..security import DEFAULT_QOS, Identity, SecurityQos, Tracker
from ..security.process import SenderProcess, open_peer, open_process
from ..sockets import NO_WAIT, shut
from . import handles
from .contexts import SecurityContexts
from .handles import NO_OBJECTS, Handle, ObjectType
from .lane import Lane
from .messages.attributes import HANDLE_ATTRIBUTE
from .messages.message import FRAME_SIZE, MEMORY, SECTION, SECURITY_CONTEXT, parse

if TYPE_CHECKING:
    from .memory.sharing import Sharing

_ROOM: Final = ancillary.room_for(handles.MAX_HANDLES) if hasattr(socket, "CMSG_SPACE") else 0
_TYPE: Final = struct.Struct("<4xH")
_VALID: Final = struct.Struct("<44xI")


class Beside:
    """Who and what comes with the messages of one port. One thread at a time receives."""

    __slots__ = (
        "_descriptors",
        "_peer",
        "_qos",
        "_socket",
        "_taken",
        "_tracker",
        "active",
        "contexts",
        "credentials",
        "has_lane",
    )

    def __init__(self, connected: socket.socket | Lane, peer: Peer) -> None:
        self.active = False
        """Whether messages have to be received by `receive`."""
        self.has_lane: Final = isinstance(connected, Lane)
        self.contexts: Final = SecurityContexts()
        self.credentials: Credentials | None = None
        """The kernel's word of who sent the last message, where it is asked for."""
        self._socket = cast(socket.socket, connected)  # with a lane it is never active
        self._peer = peer
        self._taken = NO_OBJECTS
        self._qos = DEFAULT_QOS
        self._tracker: Tracker | None = None
        self._descriptors: list[int] = []

    def take_kinds(self, taken: ObjectType) -> None:
        """Handles of these kinds may come."""
        self._taken = taken
        self.active = True

    def track(self, qos: SecurityQos) -> None:
        """How the client is tracked, as it wants it."""
        self._qos = qos
        if qos.dynamic:
            self._tracker = Tracker(self._peer, qos)
            self.ask_who()

    def ask_who(self) -> None:
        """Has the kernel say who sends each message that is received from now on."""
        ancillary.ask_for_credentials(self._socket)
        self.active = True

    def peer_pidfd(self) -> int | None:
        """A descriptor of the peer's process, the caller's to close."""
        return kernel.peer_pidfd(self._socket)

    def send_named(self, frame: bytes, groups: bool) -> None:
        """Sends with the kernel's word of who the calling thread is, if that needs no waiting. Raises OSError.

        groups: also of its supplementary groups, unless the peer's kernel is told to take no descriptors.
        """
        who = ancillary.own_credentials()
        if groups:
            made, other = socket.socketpair()
            with made, other, contextlib.suppress(PermissionError):
                ancillary.send(self._socket, frame, NO_WAIT, [made.fileno()], who)
                return
        ancillary.send(self._socket, frame, NO_WAIT, (), who)

    def sender(self) -> Peer:
        """Who sent the last message, with the groups that came with it. Raises BadFrame if the kernel does not say."""
        descriptors, self._descriptors = self._descriptors, []
        try:
            if self.credentials is None or not self.credentials.pid:
                raise BadFrame("a message that the kernel tells no sender of")
            groups = unix.groups_of_maker(descriptors[0], self.credentials) if descriptors else None
            return Peer(*self.credentials, groups, self._peer.address)
        finally:
            ancillary.close_all(descriptors)

    @property
    def quality_of_service(self) -> SecurityQos:
        """How far a server may go in its client's name."""
        return self._qos

    @property
    def identity(self) -> Identity:
        """Who the message that was received last is from: who connected, where not each is tracked."""
        if self._tracker is None:
            self._tracker = Tracker(self._peer, self._qos)
        return self._tracker.last

    def open_process(self, identity: Identity) -> SenderProcess:
        """The process of a sender (NtAlpcOpenSenderProcess).

        Raises Disconnected, NotSupported, ResourcesExhausted, AccessDenied.
        """
        if identity.peer.pid == self._peer.pid:
            return open_peer(self._socket.fileno(), self._peer)
        return open_process(identity.peer)

    def receive(self, sharing: Sharing, size: int, flags: int = 0) -> bytes:
        """Stands in for recv; sections go where they belong.

        Raises OSError, and BadFrame and ResourcesExhausted once the connection has ended for it.
        """
        try:
            while _is_section((received := ancillary.receive(self._socket, size, _ROOM, flags)).octets):
                sharing.take(received.octets, received.descriptors, received.cut)
            return self._kept(received)
        except TransportError:
            shut(self._socket)
            raise

    def take(self, frame: bytes) -> tuple[Handle, ...]:
        """The handles of the last frame. Raises BadFrame where they are not what its HANDLE attribute says."""
        descriptors, self._descriptors = self._descriptors, []
        if not descriptors and not _has_handles(frame):
            return ()
        return tuple(handles.accept(parse(frame).attributes.handle, descriptors, self._taken))

    def close(self) -> None:
        """Closes what nobody has taken."""
        descriptors, self._descriptors = self._descriptors, []
        ancillary.close_all(descriptors)

    def _kept(self, received: Received) -> bytes:
        self.close()
        self._descriptors = received.descriptors
        self.credentials = received.credentials
        if received.cut or not _may_bring(received.octets, len(received.descriptors)):
            self.close()
            raise BadFrame(f"descriptors where none belong, or more than {handles.MAX_HANDLES}")
        if self._tracker is not None and received.octets:
            self._tracker.identity(received.credentials)
        return received.octets


def _is_section(frame: bytes) -> bool:
    return len(frame) >= FRAME_SIZE and _TYPE.unpack_from(frame)[0] in (SECTION, MEMORY)


def _may_bring(frame: bytes, descriptors: int) -> bool:
    alone = descriptors == 1 and len(frame) >= FRAME_SIZE and _TYPE.unpack_from(frame)[0] == SECURITY_CONTEXT
    return not descriptors or alone or _has_handles(frame)


def _has_handles(frame: bytes) -> bool:
    return len(frame) >= FRAME_SIZE and bool(_VALID.unpack_from(frame)[0] & HANDLE_ATTRIBUTE)
