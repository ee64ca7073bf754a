"""Lending: the sections of one end of a connection, which views of them the peer has, and how both get across.

Rules of this file:
- the usual section is made when first needed, others when asked for; each is announced by a frame and then passed in
  the next one that carries a descriptor: so the receiver asks for descriptors only when one is due (asking costs, and
  strangers get none in);
- a view is the peer's from just before it is sent until the peer releases it or answers the request it came in;
- one that `lend` made is then kept for the next call, which is mostly as large;
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
from ...errors import Disconnected, InvalidParameter, InvalidViewSize, QuotaExceeded, SectionTooBig
from ...seam import Buffer
from ...sockets import NO_WAIT
from ..handles import attribute_of
from ..lane import Lane
from ..messages import message as wire
from ..messages.attributes import VIEW_ATTRIBUTE, VIEW_AUTO_RELEASE, VIEW_SECURED_ACCESS
from ..messages.port_message import LPC_REQUEST
from ..quota import UNLIMITED, Account, Flight, UserQuota
from .section import PAGE, SECTION_SPAN, WARM_SIZE, OutgoingSection, Section, SectionLimits, View
from .secure import SecureSection

if TYPE_CHECKING:
    from .in_place import Claim, InPlace

LAZY_COUNT: Final = 16
"""Views that may wait for the next message to go in front of."""
LAZY_SIZE: Final = 8 << 20
"""Octets of such views."""
MAX_SECTIONS: Final = 32
"""Sections of one end that are there at the same time: each costs a descriptor at both ends as long as it is mapped."""
_BASES: Final = 1 << 23
"""Bases of sections before the first is used again."""
PORT_VIEW_BASE: Final = (_BASES + 1) * SECTION_SPAN
"""Base of the section that an end gives the other whole, as LPC does while it connects."""
SECTION: Final = struct.Struct("<QQ")
"""Size, base."""
ATTRIBUTES: Final = struct.pack("<IIII", VIEW_ATTRIBUTE, VIEW_ATTRIBUTE, 0, 0)
"""The attributes of such a message; no flags of the view."""
LENT: Final = struct.Struct("<HHH18xI12x16sQQQ")
"""What is in front of the data of a message with a view: DataLength, TotalLength, Type, MessageId, attributes, view."""

S = TypeVar("S", OutgoingSection, SecureSection)


class Lending:
    """What one end of a connection lends. Any thread may call anything."""

    def __init__(self, connected: socket.socket | Lane, outgoing: SectionLimits, quota: UserQuota) -> None:
        """outgoing: what the peer maps of our sections. quota: whose we lend to."""
        self.lent_requests: dict[int, View] = {}
        """By message id: views that travelled in requests still unanswered."""
        self.releases: deque[int] = deque()
        """Numbers of the peer's views that we have done with and it does not know of."""
        self.kept: dict[int, View] = {}
        """A view of ours that is back, by its size. Another thread may take it at any time."""
        self._charged: Account | None = None if quota is UNLIMITED else quota.views
        self._charging = self._charged is not None
        self._flight = Flight(quota.handles)
        self._socket = connected
        self._send: Callable[[Buffer, int], int] = connected.send
        self._max_outgoing = outgoing
        self._sections: dict[int, Section] = {}  # by base
        self._first: OutgoingSection | None = None  # the usual one
        self._numbers = itertools.count(1)  # of views
        self._bases = itertools.count()
        self._in_place: list[Claim] = []
        self._gone: deque[int] = deque()  # bases of sections that the peer has and need not keep
        self._announced = False
        self._lent: dict[int, View] = {}
        self._lazy_size = 0
        self._lock = threading.Lock()  # over the making of sections and their handing over
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
        self.drop_kept()
        section.close()

    def allocate(self, size: int, section: OutgoingSection | None = None) -> View:
        """Room in the usual section, or another one.

        Raises InvalidViewSize, SectionTooBig, QuotaExceeded, ResourcesExhausted, Disconnected.
        """
        self._check_view(size)
        if self.kept:
            self.drop_kept()
        return (section or self._first or self._usual()).allocate(size)

    def filled(self, parts: Sequence[Buffer], size: int) -> View:
        """A view of the usual section with `parts` in it, `size` octets together. Raises what `allocate` does.

        Of what `allocate_in_place` gave no copy is made.
        """
        view, parts = self._room(parts, size)
        buffer, end = view.buffer, 0
        for part in parts:
            begin, end = end, end + len(part)
            buffer[begin:end] = part
        return view

    def _room(self, parts: Sequence[Buffer], size: int) -> tuple[View, Sequence[Buffer]]:
        """A view for these parts, and those of them that are not in it."""
        if self._in_place and (placed := self._placed(parts, size)) is not None:
            return placed, ()
        return self.allocate(size), parts

    def allocate_in_place(self, size: int) -> InPlace:
        """Room in the usual section for octets that are sent from there by `filled`. Raises what `allocate` does."""
        from .in_place import InPlace  # and with it ctypes, which few need

        self._check_view(size)
        self.drop_kept()
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
        self._uncharge(view)
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
        self._prepare(view, flags)
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

    def lend(self, parts: Sequence[Buffer], size: int, data: bytes, message_id: int, kind: int, flags: int) -> None:
        """Sends a message with a view of `parts`, `size` octets together: `filled` and `send` in one step.

        After a copy of a megabyte the processor's caches hold nothing else, and every further step costs several times
        what it costs elsewhere. Raises OSError, and what `allocate` does; the view is ours again then.
        """
        view = None if self._in_place else self.kept.pop(size, None)
        if view is None:
            view, parts = self._room(parts, size)
            view.kept = bool(parts) and view.offset + size <= WARM_SIZE
        buffer, number, end = view.buffer, view.number, 0
        try:
            if self._gone or not view.section.passed or view.charged is not self._charging:
                self._prepare(view, flags)
            self._lent[number] = view  # before it is sent: the answer may be quicker than we are
            if kind == LPC_REQUEST:
                view.request_id = message_id
                self.lent_requests[message_id] = view
            length = len(data)
            frame = LENT.pack(length, length + wire.HEADER_SIZE, kind, message_id, ATTRIBUTES, number, view.base, size)
            frame += data
            send = self._send_behind_releases if self.releases else self._send
            for part in parts:
                begin, end = end, end + len(part)
                buffer[begin:end] = part
            send(frame, flags)
        except Exception:  # no other: an interrupt may come when it has gone
            self.released(number, unsent=True)
            self.discard(view)
            raise

    def _prepare(self, view: View, flags: int) -> None:
        """Does what has to be done before a view goes. Raises OSError, ViewInUse, QuotaExceeded."""
        if self._gone or not view.section.passed:
            self._hand_over(view, flags)
        if self._charged is not None and not view.charged:
            self._charged.take(max(view.size, PAGE))
            view.charged = True

    def answered(self, message_id: int) -> None:
        """A reply has come: the peer has done with the view of its request, if there was one."""
        if (view := self.lent_requests.get(message_id)) is not None:
            self.released(view.number)

    def returned(self, number: int, message_id: int = 0) -> None:
        """`released`, or `answered`, of a view that may be kept; it is charged until it is dropped."""
        if message_id:
            request = self.lent_requests.get(message_id)
            number = 0 if request is None else request.number
        view = self._lent.pop(number, None)
        if view is None:
            return
        if view.request_id:
            self.lent_requests.pop(view.request_id, None)
        if not view.kept or self.kept or view.section is not self._first:
            self._over(view)
            return
        view.request_id = 0
        view.number = next(self._numbers)
        if self.kept.setdefault(view.size, view) is not view:  # another thread was quicker
            self._over(view)
        if self._closed:
            self.drop_kept()

    def drop_kept(self) -> None:
        """Keeps no view any more."""
        while self.kept:
            with contextlib.suppress(KeyError):  # another thread was quicker
                self._over(self.kept.popitem()[1])

    def released(self, number: int, *, unsent: bool = False) -> None:
        """The peer has done with a view; one that it does not have is nobody's loss. unsent: it never came to it."""
        view = self._lent.pop(number, None)
        if view is None:
            return
        if view.request_id:
            self.lent_requests.pop(view.request_id, None)
        if unsent:
            self._uncharge(view)
        else:
            self._over(view)

    def _over(self, view: View) -> None:
        """Nobody has a view any more."""
        self._uncharge(view)
        view.section.free(view)
        if view.flags & VIEW_SECURED_ACCESS:
            self._sections.pop(view.section.base, None)

    def _uncharge(self, view: View) -> None:
        if view.charged and self._charged is not None:
            view.charged = False
            self._charged.give(max(view.size, PAGE))

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

    # What is said of views of the peer's that we have done with

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

    def _send_behind_releases(self, frame: bytes, flags: int) -> None:
        """Sends a frame, in one packet with releases if there are any: so the peer wakes but once."""
        numbers: list[int] = []  # list[int]() takes a dozen times as long
        releases = self.releases
        while len(numbers) < wire.MAX_RELEASES and releases:  # another thread may take some
            numbers.append(releases.popleft())
        try:
            if len(numbers) == 1:  # as mostly: a step less
                self._send(wire.RELEASE_HEAD + numbers[0].to_bytes(8, "little") + frame, flags)
            else:
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
        frame = wire.pack(wire.SECTION, 1, SECTION.pack(section.size, section.base))
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

    def _announce(self, flags: int) -> None:
        if not self._announced:
            self._send(wire.pack(wire.SECTION_NOTICE, 1, b""), flags)
            self._announced = True

    def _pass(self, frame: bytes, descriptor: int, flags: int) -> None:
        ancillary.send(cast(socket.socket, self._socket), frame, flags, [descriptor])
        self._announced = False

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
