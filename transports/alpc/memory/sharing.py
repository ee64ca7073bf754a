"""Sharing: `lending.py`, and what one end of a connection borrows: the sections and views of the peer's.

The port's other half, for everything that is not a plain message.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
from typing import Final, cast

from ... import ancillary
from ...errors import BadFrame, QuotaExceeded
from ...sockets import NO_WAIT
from ..lane import Lane
from ..messages import message as wire
from ..messages.attributes import VIEW_FLAGS, ViewAttribute
from ..messages.message import FRAME_SIZE, HEADER_SIZE, NUMBER, RELEASE_HEAD, RELEASE_TYPE, TYPE_PLACE
from ..messages.port_message import LPC_REPLY
from ..quota import UNLIMITED, UserQuota
from .lending import ATTRIBUTES, LENT, MAX_SECTIONS, PORT_VIEW_BASE, SECTION, Lending
from .section import SECTION_SPAN, IncomingSection, SectionLimits

MAX_DESCRIPTORS: Final = 4
"""Room for descriptors in a receive: one is right, more are closed."""
_BEHIND_RELEASE: Final = FRAME_SIZE + NUMBER.size
"""Where a frame begins that has the release of one view in front."""
_DESCRIPTOR_SPACE: Final = socket.CMSG_SPACE(4 * MAX_DESCRIPTORS) if hasattr(socket, "CMSG_SPACE") else 0


class Sharing(Lending):
    """What one end of a connection lends and borrows. Any thread may call anything."""

    def __init__(
        self,
        connected: socket.socket | Lane,
        incoming: SectionLimits,
        outgoing: SectionLimits,
        quota: UserQuota = UNLIMITED,
    ) -> None:
        """incoming, outgoing: what we map of the peer's sections, and it of ours. quota: whose we map and lend to."""
        super().__init__(connected, outgoing, quota)
        self.incoming: dict[int, IncomingSection] = {}
        """The peer's sections, by base."""
        self.due = 0
        """Sections that were announced and have not come."""
        self._quota = quota
        self._max_incoming = incoming
        self._granted = -1  # a descriptor of the peer's memory

    def announced(self) -> None:
        """The peer is about to pass a section. Raises BadFrame for too many."""
        self.due += 1
        if self.due > MAX_SECTIONS:
            raise BadFrame("more sections announced than there may be")

    def receive(self, size: int, flags: int) -> bytes | None:
        """A recv; None: it brought a section. Raises OSError, BadFrame, ResourcesExhausted."""
        received = ancillary.receive(cast(socket.socket, self._socket), size, _DESCRIPTOR_SPACE, flags)
        if not (received.descriptors or received.cut):
            return received.octets
        self.take(received.octets, received.descriptors, received.cut)
        return None

    def take(self, frame: bytes, descriptors: list[int], cut: bool) -> None:
        """Takes the section that a frame has brought; closes the descriptors.

        Raises BadFrame, ResourcesExhausted, QuotaExceeded (the peer is told).
        """
        try:
            self._take_section(frame, descriptors, cut)
        except QuotaExceeded:
            with contextlib.suppress(OSError):  # it takes nothing, or has gone
                self._send(wire.pack(wire.QUOTA_NOTICE, 1, b""), NO_WAIT)
            raise
        finally:
            ancillary.close_all(descriptors)

    def view(self, attribute: ViewAttribute) -> tuple[memoryview, bool]:
        """The octets of a view of the peer's, and whether they never change again. Raises BadFrame."""
        base = attribute.view_base - attribute.view_base % SECTION_SPAN
        section = self.incoming.get(base)
        if section is None or attribute.view_size > self._max_incoming.max_view_size:
            raise BadFrame(f"a view of {attribute.view_size} octets at {attribute.view_base:#x}, where it cannot be")
        if attribute.flags & ~VIEW_FLAGS:
            raise BadFrame(f"a view with flags {attribute.flags:#x}")
        if section.secured:
            del self.incoming[base]
        return section.view(attribute), section.secured

    def borrow(self, packet: bytes) -> tuple[int, int, bytes, int, memoryview] | None:
        """A message with a view, if the view is where it can be, and changes as its sender likes; None if not.

        Its type, message id and data, and the view's number and octets. The packet may have the release of one view in
        front, and is nothing else. What the peer has done with is ours again then.
        """
        released = start = 0
        try:
            if packet[TYPE_PLACE] == RELEASE_TYPE:
                (released,) = NUMBER.unpack_from(packet, FRAME_SIZE)
                start = _BEHIND_RELEASE
            length, total, kind, message_id, attributes, number, base, size = LENT.unpack_from(packet, start)
        except struct.error:
            return None
        begin = base % SECTION_SPAN
        section = self.incoming.get(base - begin)
        if (
            section is None
            or section.secured
            or size > self._max_incoming.max_view_size
            or begin + size > section.size
            or attributes != ATTRIBUTES
            or not message_id
            or total != length + HEADER_SIZE
            or len(packet) != start + LENT.size + length
            or (start and not packet.startswith(RELEASE_HEAD))
        ):
            return None
        if released or kind == LPC_REPLY:
            self.returned(released, 0 if released else message_id)
        return kind, message_id, packet[start + LENT.size :], number, section.octets[begin : begin + size]

    def gone(self, base: int) -> None:
        """The peer has deleted a section."""
        if (section := self.incoming.pop(base, None)) is not None:
            section.close()

    @property
    def remote_port_view(self) -> memoryview | None:
        """All of the section of the peer's that it gave us whole, once that has come."""
        section = self.incoming.get(PORT_VIEW_BASE)
        return None if section is None else section.view(ViewAttribute(0, 0, PORT_VIEW_BASE, section.size))

    def _take_section(self, frame: bytes, descriptors: list[int], cut: bool) -> None:
        kind, _, data, view = wire.unpack(frame)
        if kind == wire.MEMORY and len(descriptors) == 1 and not (cut or data or view):
            self.due -= 1
            self._take_memory(os.dup(descriptors[0]))
            return
        if kind != wire.SECTION or len(descriptors) != 1 or cut or len(data) != SECTION.size or view is not None:
            raise BadFrame(f"{len(descriptors)} descriptors in a message of type {kind:#x}")
        size, base = SECTION.unpack(data)
        if base % SECTION_SPAN or base in self.incoming or len(self.incoming) >= MAX_SECTIONS:
            raise BadFrame(f"a section at {base:#x}, the number {len(self.incoming) + 1}")
        left = self._max_incoming.max_total_section_size - sum(found.size for found in self.incoming.values())
        section = IncomingSection(descriptors[0], size, min(left, self._max_incoming.max_section_size))
        section.charge(self._quota.sections)
        self.due -= 1
        with self._lock:
            if self._closed:
                section.close()
            else:
                self.incoming[base] = section

    def _take_memory(self, descriptor: int) -> None:
        with self._lock:
            old, self._granted = self._granted, -1 if self._closed else descriptor
        for unused in (old, descriptor if self._closed else -1):
            if unused >= 0:
                os.close(unused)

    def take_granted(self) -> int:
        """The descriptor of the peer's memory that has come, the caller's from now on; -1: none."""
        with self._lock:
            granted, self._granted = self._granted, -1
        return granted

    # Ending

    def close(self) -> None:
        """Lets go of both sections; each goes when the last user of a view of it does."""
        with self._lock:
            self._closed = True
            granted, self._granted = self._granted, -1
            ancillary.close_all([granted] if granted >= 0 else ())
            self._in_place.clear()  # what somebody still has keeps its section
            for theirs in self.incoming.values():
                theirs.close()
            for section in self._sections.values():
                section.close()
            self.incoming.clear()
            self._sections.clear()
            self._first = None
            for number in [*self._lent]:
                self.released(number)
            self.drop_kept()
        self._flight.land()

    def abandon(self) -> None:
        """In a child of fork: `close`, where nobody holds a lock."""
        self._lock = threading.Lock()
        for section in self._sections.values():
            section.abandon()
        self.close()
