"""Sharing: the sections of one connection, which views of ours the peer has, and which of its views we have done with.

The port's other half, for everything that is not a plain message. Rules of this file:
- the usual section is made when first needed, others when asked for; each is announced by a frame and then passed in
  the next one that carries a descriptor: so the receiver asks for descriptors only when one is due (asking costs, and
  strangers get none in);
- a view is the peer's from just before it is sent until the peer releases it or answers the request it came in;
- a secure section goes with its only view: its receiver keeps the view alone, and unmaps it by dropping it;
- releases wait for the next message, to go in front of it in the same packet, unless much is at stake.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeVar, cast

from ... import ancillary
from ...errors import BadFrame, Disconnected, InvalidParameter, InvalidViewSize, QuotaExceeded, SectionTooBig
from ...seam import Buffer
from ...sockets import NO_WAIT
from ..handles import attribute_of
from ..lane import Lane
from ..messages import message as wire
from ..messages.attributes import VIEW_AUTO_RELEASE, VIEW_FLAGS, VIEW_SECURED_ACCESS, ViewAttribute
from ..messages.port_message import LPC_REQUEST
from ..quota import UNLIMITED, Account, Flight, UserQuota
from .section import PAGE, SECTION_SPAN, IncomingSection, OutgoingSection, Section, SectionLimits, View
from .secure import SecureSection

if TYPE_CHECKING:
    from .in_place import Claim, InPlace

LAZY_COUNT: Final = 16
"""Views that may wait for the next message to go in front of."""
LAZY_SIZE: Final = 8 << 20
"""Octets of such views."""
MAX_DESCRIPTORS: Final = 4
"""Room for descriptors in a receive: one is right, more are closed."""
MAX_SECTIONS: Final = 32
"""Sections of one end that are there at the same time: each costs a descriptor at both ends as long as it is mapped."""
_BASES: Final = 1 << 23
"""Bases of sections before the first is used again."""
PORT_VIEW_BASE: Final = (_BASES + 1) * SECTION_SPAN
"""Base of the section that an end gives the other whole, as LPC does while it connects."""
_SECTION: Final = struct.Struct("<QQ")
"""Size, base."""
_DESCRIPTOR_SPACE: Final = socket.CMSG_SPACE(4 * MAX_DESCRIPTORS) if hasattr(socket, "CMSG_SPACE") else 0

S = TypeVar("S", OutgoingSection, SecureSection)


class Sharing:
    """What one end of a connection lends and borrows. Any thread may call anything."""

    def __init__(
        self,
        connected: socket.socket | Lane,
        incoming: SectionLimits,
        outgoing: SectionLimits,
        quota: UserQuota = UNLIMITED,
    ) -> None:
        """incoming, outgoing: what we map of the peer's sections, and it of ours. quota: whose we map and lend to."""
        self.incoming: dict[int, IncomingSection] = {}
        """The peer's sections, by base."""
        self.due = 0
        """Sections that were announced and have not come."""
        self.lent_requests: dict[int, View] = {}
        """By message id: views that travelled in requests still unanswered."""
        self.releases: deque[int] = deque()
        """Numbers of the peer's views that we have done with and it does not know of."""
        self._quota = quota
        self._charged: Account | None = None if quota is UNLIMITED else quota.views
        self._flight = Flight(quota.handles)
        self._socket = connected
        self._send: Callable[[Buffer, int], int] = connected.send
        self._max_incoming = incoming
        self._max_outgoing = outgoing
        self._sections: dict[int, Section] = {}  # ours, by base
        self._first: OutgoingSection | None = None  # the usual one
        self._numbers = itertools.count(1)  # of views
        self._bases = itertools.count()
        self._in_place: list[Claim] = []
        self._gone: deque[int] = deque()  # bases of sections that the peer has and need not keep
        self._announced = False
        self._granted = -1  # a descriptor of the peer's memory
        self._lent: dict[int, View] = {}
        self._lazy_size = 0
        self._lock = threading.Lock()  # over the making of our sections and their handing over
        self._closed = False
        self._named = False

    # Sections and views of ours

    def create_section(self, size: int) -> OutgoingSection:
        """Another section than the usual one. Raises SectionTooBig, QuotaExceeded, ResourcesExhausted, Disconnected."""
        with self._lock:
            return self._made(OutgoingSection, self._checked(size), self._next_base())

    def create_secure_view(self, size: int) -> View:
        """The view of a secure section of its own. Raises what `create_section` and `allocate` do."""
        self._check_view(size)
        with self._lock:
            section = self._made(SecureSection, self._checked(size), self._next_base())
        return section.view(size)

    def delete_section(self, section: Section) -> None:
        """Takes back a section; views of it that the peer has stay readable to it."""
        with self._lock:
            if self._sections.pop(section.base, None) is not None and section.passed:
                self._gone.append(section.base)
            if section is self._first:
                self._first = None
        section.close()

    def allocate(self, size: int, section: OutgoingSection | None = None) -> View:
        """Room in the usual section, or another one.

        Raises InvalidViewSize, SectionTooBig, QuotaExceeded, ResourcesExhausted, Disconnected.
        """
        self._check_view(size)
        return (section or self._first or self._usual()).allocate(size)

    def filled(self, parts: Sequence[Buffer], size: int) -> View:
        """A view of the usual section with `parts` in it, `size` octets together. Raises what `allocate` does.

        Of what `allocate_in_place` gave no copy is made.
        """
        if self._in_place and (placed := self._placed(parts, size)) is not None:
            return placed
        if size > self._max_outgoing.max_view_size:
            self._check_view(size)
        view = (self._first or self._usual()).allocate(size)
        buffer, end = view.buffer, 0
        for part in parts:
            begin, end = end, end + len(part)
            buffer[begin:end] = part
        return view

    def allocate_in_place(self, size: int) -> InPlace:
        """Room in the usual section for octets that are sent from there by `filled`. Raises what `allocate` does."""
        from .in_place import InPlace  # and with it ctypes, which few need

        self._check_view(size)
        self._sweep()
        room = InPlace(self._first or self._usual(), size)
        self._in_place.append(room.claim)
        return room

    def create_port_view(self, size: int, flags: int) -> memoryview:
        """All of a section of ours that the peer has from now on, whole. Raises OSError, and what `allocate` does."""
        with self._lock:
            if PORT_VIEW_BASE in self._sections:
                raise InvalidParameter("there is a port view already")
            section = self._made(OutgoingSection, self._checked(size), PORT_VIEW_BASE)
            self._announce(flags)
            self._pass_on(section, flags)
        return section.allocate(size).buffer

    @property
    def remote_port_view(self) -> memoryview | None:
        """All of the section of the peer's that it gave us whole, once that has come."""
        section = self.incoming.get(PORT_VIEW_BASE)
        return None if section is None else section.view(ViewAttribute(0, 0, PORT_VIEW_BASE, section.size))

    def _placed(self, parts: Sequence[Buffer], size: int) -> View | None:
        self._sweep()
        for claim in [*self._in_place]:
            if (view := claim.around(parts, size)) is not None:
                return view
        return None

    def _sweep(self) -> None:
        """Takes back the room that nobody has any more."""
        for claim in [found for found in self._in_place if found.over]:
            claim.give_up()
            with contextlib.suppress(ValueError):  # another thread was quicker
                self._in_place.remove(claim)

    def discard(self, view: View) -> None:
        """Takes back a view that was not sent."""
        view.section.free(view)
        if view.flags & VIEW_SECURED_ACCESS:
            self.delete_section(view.section)

    # Lending

    def send(
        self,
        kind: int,
        message_id: int,
        data: Buffer,
        view: View | None,
        flags: int,
        descriptors: Sequence[int] = (),
    ) -> None:
        """Sends what goes in front of a plain message, and the message. Raises OSError; then the view is still ours."""
        attribute = None if view is None else view.attribute
        handles = attribute_of(descriptors) if descriptors else None
        frame = wire.pack(kind, message_id, bytes(data), attribute, handles)
        self.send_frame(frame, view, message_id if kind == LPC_REQUEST else 0, flags, descriptors)

    def send_frame(
        self, frame: bytes, view: View | None, request_id: int, flags: int, descriptors: Sequence[int] = ()
    ) -> None:
        """The same for a frame; `request_id`: the number whose answer gives the view back, 0 for none."""
        if view is None:
            self._send_with(frame, flags, descriptors)
            return
        if self._gone or not view.section.passed:
            self._hand_over(view, flags)
        if self._charged is not None:
            self._charged.take(max(view.size, PAGE))
        self._lent[view.number] = view  # before it is sent: the answer may be quicker than we are
        if request_id:
            view.request_id = request_id
            self.lent_requests[request_id] = view
        try:
            if descriptors:
                self._send_with(frame, flags, descriptors)
            elif self.releases:
                self._send_behind_releases(frame, flags)
            else:
                self._send(frame, flags)
        except BaseException:
            self.released(view.number, unsent=True)
            raise
        if view.flags & VIEW_AUTO_RELEASE:
            with contextlib.suppress(BufferError):  # whoever still uses a part of it writes to what the peer has
                view.buffer.release()

    def answered(self, message_id: int) -> None:
        """A reply has come: the peer has done with the view of its request, if there was one."""
        if (view := self.lent_requests.get(message_id)) is not None:
            self.released(view.number)

    def released(self, number: int, *, unsent: bool = False) -> None:
        """The peer has done with a view; one that it does not have is nobody's loss. unsent: it never came to it."""
        view = self._lent.pop(number, None)
        if view is None:
            return
        if view.request_id:
            self.lent_requests.pop(view.request_id, None)
        if self._charged is not None:
            self._charged.give(max(view.size, PAGE))
        if not unsent:
            view.section.free(view)
            if view.flags & VIEW_SECURED_ACCESS:
                self._sections.pop(view.section.base, None)

    def _send_with(self, frame: bytes, flags: int, descriptors: Sequence[int]) -> None:
        if not descriptors:
            self._send_behind_releases(frame, flags)
            return
        self.flush_releases(flags)
        self._flight.take(len(descriptors), self._socket.fileno())
        credentials = ancillary.own_credentials() if self._named else None
        try:
            ancillary.send(cast(socket.socket, self._socket), frame, flags, descriptors, credentials)
        except OSError:
            self._flight.land(len(descriptors))
            raise

    def name_sender(self, send: Callable[[Buffer, int], int]) -> None:
        """Each message says who sends it from now on; `send` sends one without descriptors so."""
        self._send = send
        self._named = True

    # Borrowing

    def announced(self) -> None:
        """The peer is about to pass a section. Raises BadFrame for too many."""
        self.due += 1
        if self.due > MAX_SECTIONS:
            raise BadFrame("more sections announced than there may be")

    def receive(self, size: int, flags: int = 0) -> bytes | None:
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

    def borrow(self, base: int, size: int, answered: int) -> memoryview | None:
        """The same octets, if they are where they can be, and change as their sender likes; None if not.

        answered: the request whose reply they came in, if that is so; else 0.
        """
        begin = base % SECTION_SPAN
        section = self.incoming.get(base - begin)
        if section is None or section.secured or size > self._max_incoming.max_view_size or begin + size > section.size:
            return None
        if answered and (view := self.lent_requests.get(answered)) is not None:
            self.released(view.number)
        return section.octets[begin : begin + size]

    def gone(self, base: int) -> None:
        """The peer has deleted a section."""
        if (section := self.incoming.pop(base, None)) is not None:
            section.close()

    def release(self, number: int, size: int) -> None:
        """We have done with a view of the peer's; it will hear of it with our next message, or at once if it is due."""
        self.releases.append(number)
        self._lazy_size += size
        if len(self.releases) >= LAZY_COUNT or self._lazy_size >= LAZY_SIZE:
            try:
                self.flush_releases(NO_WAIT)
            except OSError:  # full, or over: the next send tries again, or reports it
                return

    def flush_releases(self, flags: int) -> None:
        """Tells the peer what we have done with. Raises OSError, and then nothing is forgotten."""
        while self.releases:
            self._send_behind_releases(b"", flags)

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
        self._flight.land()

    def abandon(self) -> None:
        """In a child of fork: `close`, where nobody holds a lock."""
        self._lock = threading.Lock()
        for section in self._sections.values():
            section.abandon()
        self.close()

    def _send_behind_releases(self, frame: bytes, flags: int) -> None:
        """Sends a frame, in one packet with releases if there are any: so the peer wakes but once."""
        releases, numbers = self.releases, list[int]()
        while len(numbers) < wire.MAX_RELEASES and releases:  # another thread may take some
            numbers.append(releases.popleft())
        try:
            self._send(wire.pack_releases(numbers) + frame if numbers else frame, flags)
        except BaseException:
            releases.extendleft(reversed(numbers))
            raise
        self._lazy_size = 0

    # How a section gets across

    def _hand_over(self, view: View, flags: int) -> None:
        """Does what is left to do before the peer has the section of a view. Raises OSError, ViewInUse."""
        section = view.section
        with self._lock:
            while self._gone:
                self._send(wire.pack(wire.SECTION_GONE, 1, self._gone[0].to_bytes(8, "little")), flags)
                self._gone.popleft()
            if section.passed or self._closed:
                return
            if isinstance(section, SecureSection):
                section.seal(view)
            self._announce(flags)
            self._pass_on(section, flags)

    def _pass_on(self, section: Section, flags: int) -> None:
        frame = wire.pack(wire.SECTION, 1, _SECTION.pack(section.size, section.base))
        descriptor = section.descriptor_for_peer()
        try:
            self._pass(frame, descriptor, flags)
        finally:
            os.close(descriptor)
        section.forget_descriptor()
        section.passed = True

    def pass_memory(self, descriptor: int, flags: int) -> None:
        """Gives the peer a descriptor of our memory. Raises OSError."""
        with self._lock:
            self._announce(flags)
            self._pass(wire.pack(wire.MEMORY, 1, b""), descriptor, flags)

    def take_granted(self) -> int:
        """The descriptor of the peer's memory that has come, the caller's from now on; -1: none."""
        with self._lock:
            granted, self._granted = self._granted, -1
        return granted

    def _announce(self, flags: int) -> None:
        if not self._announced:
            self._send(wire.pack(wire.SECTION_NOTICE, 1, b""), flags)
            self._announced = True

    def _pass(self, frame: bytes, descriptor: int, flags: int) -> None:
        ancillary.send(cast(socket.socket, self._socket), frame, flags, [descriptor])
        self._announced = False

    def _take_section(self, frame: bytes, descriptors: list[int], cut: bool) -> None:
        kind, _, data, view = wire.unpack(frame)
        if kind == wire.MEMORY and len(descriptors) == 1 and not (cut or data or view):
            self.due -= 1
            self._take_memory(os.dup(descriptors[0]))
            return
        if kind != wire.SECTION or len(descriptors) != 1 or cut or len(data) != _SECTION.size or view is not None:
            raise BadFrame(f"{len(descriptors)} descriptors in a message of type {kind:#x}")
        size, base = _SECTION.unpack(data)
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

    # Making sections

    def _usual(self) -> OutgoingSection:
        with self._lock:
            if self._first is None:
                self._first = self._made(OutgoingSection, self._max_outgoing.max_section_size, 0)
            return self._first

    def _made(self, kind: type[S], size: int, base: int) -> S:
        """A new section; with the lock in hand."""
        if self._closed:
            raise Disconnected("making a section")
        section = kind(size, base, self._numbers)
        self._sections[base] = section
        return section

    def _checked(self, size: int) -> int:
        """A size in whole pages, if a section may have it."""
        size = max(1, -(-size // PAGE)) * PAGE
        limits = self._max_outgoing
        others = sum(section.size for section in self._sections.values())
        if size > limits.max_section_size or size + others > limits.max_total_section_size:
            raise SectionTooBig(f"a section of {size} octets, {limits}, {others} in others")
        if len(self._sections) >= MAX_SECTIONS:
            raise QuotaExceeded(f"{MAX_SECTIONS} sections are there already")
        return size

    def _check_view(self, size: int) -> None:
        if size > self._max_outgoing.max_view_size:
            raise InvalidViewSize(f"a view of {size} octets, the most is {self._max_outgoing.max_view_size}")

    def _next_base(self) -> int:
        bases = ((number % _BASES + 1) * SECTION_SPAN for number in self._bases)
        return next(base for base in bases if base not in self._sections)
