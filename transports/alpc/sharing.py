"""Sharing: the sections of one connection, which views of ours the peer has, and which of its views we have done with.

The port's other half, for everything that is not a plain message. Rules of this file:
- a section is made when first needed, announced by a frame and then passed in the next one that carries a
  descriptor: so the receiver asks for descriptors only when one is due (asking costs, and strangers get none in);
- a view is the peer's from just before it is sent until the peer releases it or answers the request it came in;
- releases wait for the next message to go in front of, so that they wake nobody, unless much is at stake.
"""

from __future__ import annotations

import array
import os
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from ..errors import BadFrame, Disconnected
from ..seam import Buffer
from . import message as wire
from .section import IncomingSection, OutgoingSection, View

LAZY_COUNT: Final = 16
"""Views that may wait for the next message to go in front of."""
LAZY_SIZE: Final = 8 << 20
"""Octets of such views."""
MAX_DESCRIPTORS: Final = 4
"""Room for descriptors in a receive: one is right, more are closed."""
_DESCRIPTOR_SPACE: Final = socket.CMSG_SPACE(4 * MAX_DESCRIPTORS) if hasattr(socket, "CMSG_SPACE") else 0


class Sharing:
    """What one end of a connection lends and borrows. Any thread may call anything."""

    def __init__(self, connected: socket.socket, max_incoming: int, max_outgoing: int) -> None:
        """max_incoming, max_outgoing: octets of the peer's section that we map, and of ours."""
        self.incoming: IncomingSection | None = None
        self.outgoing: OutgoingSection | None = None
        self.lent_requests: dict[int, View] = {}
        """By message id: views that travelled in requests still unanswered."""
        self.releases: deque[int] = deque()
        """Numbers of the peer's views that we have done with and it does not know of."""
        self._socket = connected
        self._send: Callable[[Buffer, int], int] = connected.send
        self._max_incoming = max_incoming
        self._max_outgoing = max_outgoing
        self._lent: dict[int, View] = {}
        self._lazy_size = 0
        self._lock = threading.Lock()  # over the making of our section and its handing over
        self._setup: deque[Callable[[OutgoingSection, int], object]] = deque()
        self._closed = False

    # Lending

    def allocate(self, size: int) -> View:
        """Room in our section. Raises MessageTooLong, QuotaExceeded, ResourcesExhausted, Disconnected."""
        with self._lock:
            if self._closed:
                raise Disconnected("allocating")
            if self.outgoing is None:
                self.outgoing = OutgoingSection(self._max_outgoing)
                self._setup.extend((self._announce, self._pass_on))
            return self.outgoing.allocate(size)

    def discard(self, view: View) -> None:
        """Takes back a view that was not sent."""
        if (section := self.outgoing) is not None:
            section.free(view)

    def send(self, kind: int, message_id: int, data: Buffer, view: View | None, flags: int) -> None:
        """Sends what goes in front of a message, and the message. Raises OSError; then the view is still ours."""
        self.flush_releases(flags)
        if view is None:
            self._send(wire.pack(kind, message_id, bytes(data)), flags)
            return
        self._hand_over(flags)
        self._lent[view.number] = view  # before it is sent: the answer may be quicker than we are
        if kind == wire.LPC_REQUEST:
            view.request_id = message_id
            self.lent_requests[message_id] = view
        try:
            self._send(wire.pack(kind, message_id, bytes(data), view.attribute), flags)
        except BaseException:
            self._forget(view.number)
            raise

    def answered(self, message_id: int) -> None:
        """A reply has come: the peer has done with the view of its request, if there was one."""
        if (view := self.lent_requests.get(message_id)) is not None:
            self.released(view.number)

    def released(self, number: int) -> None:
        """The peer has done with a view; one that it does not have is nobody's loss."""
        if (view := self._forget(number)) is not None:
            self.discard(view)

    # Borrowing

    def receive(self, size: int, flags: int = 0) -> bytes:
        """A recv that takes the peer's section along. Raises OSError, BadFrame, ResourcesExhausted."""
        frame, ancillary, more, _ = self._socket.recvmsg(size, _DESCRIPTOR_SPACE, flags | socket.MSG_CMSG_CLOEXEC)
        descriptors = _descriptors_in(ancillary)
        try:
            if descriptors or more & socket.MSG_CTRUNC:
                self._take_section(frame, descriptors, bool(more & socket.MSG_CTRUNC))
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        return frame

    def view(self, attribute: wire.ViewAttribute) -> memoryview:
        """The octets of a view of the peer's. Raises BadFrame."""
        if self.incoming is None:
            raise BadFrame("a view before there is a section")
        return self.incoming.view(attribute)

    def release(self, number: int, size: int) -> None:
        """We have done with a view of the peer's; it will hear of it with our next message, or at once if it is due."""
        self.releases.append(number)
        self._lazy_size += size
        if len(self.releases) >= LAZY_COUNT or self._lazy_size >= LAZY_SIZE:
            try:
                self.flush_releases(socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            except OSError:  # full, or over: the next send tries again, or reports it
                return

    def flush_releases(self, flags: int) -> None:
        """Tells the peer what we have done with. Raises OSError, and then nothing is forgotten."""
        while self.releases:
            count = min(len(self.releases), wire.MAX_RELEASES)
            numbers = [self.releases.popleft() for _ in range(count)]
            try:
                self._send(wire.pack(wire.VIEW_RELEASE, 1, struct.pack(f"<{count}Q", *numbers)), flags)
            except BaseException:
                self.releases.extendleft(reversed(numbers))
                raise
        self._lazy_size = 0

    def close(self) -> None:
        """Lets go of both sections; each goes when the last user of a view of it does."""
        with self._lock:
            self._closed = True
            for section in (self.incoming, self.outgoing):
                if section is not None:
                    section.close()
            self.incoming = self.outgoing = None
            self._lent.clear()
            self.lent_requests.clear()

    def abandon(self) -> None:
        """In a child of fork: `close`, where nobody holds a lock."""
        self._lock = threading.Lock()
        if self.outgoing is not None:
            self.outgoing.abandon()
        self.close()

    # How a section gets across

    def _hand_over(self, flags: int) -> None:
        """Does what is left to do before the peer has our section."""
        with self._lock:
            while self._setup and self.outgoing is not None:
                self._setup[0](self.outgoing, flags)
                self._setup.popleft()

    def _announce(self, section: OutgoingSection, flags: int) -> None:
        self._send(wire.pack(wire.SECTION_NOTICE, 1, b""), flags)

    def _pass_on(self, section: OutgoingSection, flags: int) -> None:
        frame = wire.pack(wire.SECTION, 1, section.size.to_bytes(8, "little"))
        descriptor = section.descriptor_for_peer()
        try:
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))
            self._socket.sendmsg([frame], [rights], flags)
        finally:
            os.close(descriptor)
        section.forget_descriptor()

    def _take_section(self, frame: bytes, descriptors: list[int], cut: bool) -> None:
        kind, _, data, view = wire.unpack(frame)
        if kind != wire.SECTION or len(descriptors) != 1 or cut or len(data) != 8 or view is not None:
            raise BadFrame(f"{len(descriptors)} descriptors in a message of type {kind:#x}")
        section = IncomingSection(descriptors[0], int.from_bytes(data, "little"), self._max_incoming)
        with self._lock:
            if self._closed:
                section.close()
            else:
                self.incoming = section

    def _forget(self, number: int) -> View | None:
        view = self._lent.pop(number, None)
        if view is not None:
            self.lent_requests.pop(view.request_id, None)
        return view


def _descriptors_in(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    descriptors = array.array("i")
    for level, kind, octets in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(octets[: len(octets) - len(octets) % descriptors.itemsize])
    return descriptors.tolist()
