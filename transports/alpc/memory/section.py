"""Sections: the shared memory of a connection, memfds that are passed once and stay mapped.

The sender owns an OutgoingSection and cuts it into views; the receiver maps an IncomingSection read-only. One that
is made for a single view, which its sender cannot change any more, is in `secure.py`. Rules of this file:
- a section has its full size from the start and is sealed against shrinking, growing and further seals before
  it is passed: what is mapped stays mapped, no peer can raise SIGBUS by truncating;
- it is sparse: pages exist once written; the first fit keeps using the same, warm ones (8 GB/s against 1.2);
- the sender can change it at any time, so nothing in it is believed before it is copied;
- sections of one end have bases SECTION_SPAN apart, so that a ViewBase says which section it is in, and where.
"""

from __future__ import annotations

import contextlib
import itertools
import mmap
import os
import threading
import weakref
from collections.abc import Iterator
from typing import Final, NamedTuple, Protocol

from ...errors import BadFrame, Disconnected, QuotaExceeded, SectionTooBig, from_os_error
from ..messages.attributes import VIEW_SECURED_ACCESS, ViewAttribute
from ..quota import SECTION_COST, Account
from .memfd import map_read_only, new_memfd, read_only, unmap

PAGE: Final = mmap.PAGESIZE
MAX_SECTION_SIZE: Final = 80 << 20
"""Octets of a section unless told otherwise: the largest call (64 MiB) and some small ones beside it."""
MAX_TOTAL_SECTION_SIZE: Final = 2 * MAX_SECTION_SIZE
"""Octets of all sections of one end unless told otherwise: the usual one, and as much in others."""
SECTION_SPAN: Final = 1 << 40
"""From the base of one section to that of the next; no section is larger."""
WARM_SIZE: Final = 32 << 20
"""Octets at the start of a section whose pages are kept; pages beyond go back to the system when freed."""
COLD_USES: Final = 2
"""Times that pages beyond those go back. Who comes again keeps them: new pages cost five times a copy."""


class SectionLimits(NamedTuple):
    """What one end takes of the other's shared memory (ALPC_PORT_ATTRIBUTES)."""

    max_section_size: int = MAX_SECTION_SIZE
    """Octets of one section."""
    max_view_size: int = MAX_SECTION_SIZE
    """Octets of one view."""
    max_total_section_size: int = MAX_TOTAL_SECTION_SIZE
    """Octets of all sections that are there at the same time."""

    def within(self, other: SectionLimits) -> SectionLimits:
        """The smaller of each."""
        return SectionLimits(*map(min, self, other))


class Section(Protocol):
    """What `sharing` needs of a section of ours."""

    base: int
    size: int
    passed: bool
    """The peer has it."""

    def descriptor_for_peer(self) -> int:
        """A read-only descriptor to pass on; the caller closes it."""
        ...

    def forget_descriptor(self) -> None:
        """The peer has it; the mapping is enough from now on."""
        ...

    def free(self, view: View) -> None:
        """Takes a view's room back; its buffer must not be used any more."""
        ...

    def close(self) -> None:
        """Unmaps as soon as nobody uses a view any more."""
        ...

    def abandon(self) -> None:
        """In a child of fork: `close`, where nobody holds a lock."""
        ...


class Room:
    """A range of a section that is not free: it becomes so when its last user has done with it."""

    __slots__ = ("offset", "size", "users")

    def __init__(self, offset: int, size: int) -> None:
        self.offset = offset
        self.size = size
        self.users = 1


class View:
    """Room in a section of one connection: fill `buffer`, then send it with a message."""

    __slots__ = (
        "base",
        "buffer",
        "charged",
        "flags",
        "kept",
        "number",
        "offset",
        "request_id",
        "room",
        "section",
        "size",
    )

    def __init__(self, section: Section, number: int, room: Room, offset: int, buffer: memoryview) -> None:
        self.section = section
        self.number = number
        self.room: Room | None = room
        """None once it is given back."""
        self.offset = offset
        self.base = section.base + offset
        """Its ViewBase."""
        self.size = len(buffer)
        self.buffer = buffer
        """Writable, `size` octets; may hold what an earlier message left there."""
        self.flags = 0
        """VIEW_SECURED_ACCESS, VIEW_AUTO_RELEASE."""
        self.request_id = 0
        """The request that carries it, once sent as one."""
        self.charged = False
        """An account bears it."""
        self.kept = False
        """Nobody but `sharing` knows it: once it is back it may be used again."""

    def __repr__(self) -> str:
        return f"<View {self.number}: {self.size} octets at {self.base:#x}>"

    @property
    def attribute(self) -> ViewAttribute:
        """What a message says of it."""
        return ViewAttribute(self.flags, self.number, self.base, self.size)


class OutgoingSection:
    """A section that this end writes. Threads may allocate and free at the same time."""

    def __init__(self, size: int, base: int = 0, numbers: Iterator[int] | None = None) -> None:
        """Makes it, sparse, of `size` octets; numbers: those of its views. Raises ResourcesExhausted."""
        self.base = base
        self.size = -(-size // PAGE) * PAGE
        self.passed = False
        self._lock = threading.Lock()
        self._free = [(0, self.size)]  # (offset, size), by offset, never adjacent
        self._spare: Room | None = None
        """The room that was freed last: most calls are as large as the one before."""
        self._numbers = itertools.count(1) if numbers is None else numbers
        self._cold_uses = 0
        self._closed = False
        try:
            self._descriptor = new_memfd(self.size, sealed=True)
            self._map = mmap.mmap(self._descriptor, self.size)
        except OSError as error:
            raise from_os_error(error, "making a section") from error
        self._octets = memoryview(self._map)

    def allocate(self, size: int) -> View:
        """Room for `size` octets (at least one).

        Raises SectionTooBig for more than there is at all, QuotaExceeded while views still out fill the section.
        """
        if size > self.size:
            raise SectionTooBig(f"{size} octets in a section of {self.size}")
        wanted = -(-size // PAGE) * PAGE or PAGE
        with self._lock:
            room = self._spare
            if room is not None and room.size == wanted:
                self._spare = None
                room.users = 1
            else:
                room = self._fresh(wanted)
            begin = room.offset
            return View(self, next(self._numbers), room, begin, self._octets[begin : begin + size])

    def share(self, view: View, start: int, size: int) -> View | None:
        """A part of a view as another one with a number of its own; None while there is a second one already."""
        with self._lock:
            room = view.room
            if room is None or room.users > 1 or self._closed:
                return None
            room.users += 1
            begin = room.offset + start
            return View(self, next(self._numbers), room, begin, self._octets[begin : begin + size])

    def free(self, view: View) -> None:
        """Takes a view's room back; its buffer must not be used any more."""
        with self._lock:
            room, view.room = view.room, None  # twice is once
            if room is None:
                return
            room.users -= 1
            if not room.users and not self._closed:
                if self._spare is not None:
                    self._put_spare_back()
                self._spare = room
                if room.offset + room.size > WARM_SIZE:
                    self._cool(room)

    @property
    def free_size(self) -> int:
        """Octets not taken by views."""
        with self._lock:
            return sum(size for _, size in self._free) + (0 if self._spare is None else self._spare.size)

    def descriptor_for_peer(self) -> int:
        """A read-only descriptor to pass on; the caller closes it."""
        return read_only(self._descriptor)

    def forget_descriptor(self) -> None:
        """The peer has it; the mapping is enough from now on."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    def close(self) -> None:
        """Unmaps as soon as nobody uses a view any more."""
        with self._lock:
            self._closed = True
            self._spare = None
            self.forget_descriptor()
            self._octets.release()
            unmap(self._map)

    def abandon(self) -> None:
        """In a child of fork: `close`, where nobody holds the lock."""
        self._lock = threading.Lock()
        self.close()

    def _cool(self, room: Room) -> None:
        """Gives pages beyond WARM_SIZE back that are seldom used."""
        if self._cold_uses < COLD_USES:
            self._cold_uses += 1
            cold = max(room.offset, WARM_SIZE)
            self._map.madvise(mmap.MADV_REMOVE, cold, room.offset + room.size - cold)

    def _fresh(self, size: int) -> Room:
        if self._closed:
            raise Disconnected("allocating")
        self._put_spare_back()
        return Room(self._first_fit(size), size)

    def _put_spare_back(self) -> None:
        room, self._spare = self._spare, None
        if room is not None:
            self._insert(room.offset, room.size)

    def _first_fit(self, room: int) -> int:
        for index, (offset, size) in enumerate(self._free):
            if size >= room:
                self._free[index : index + 1] = [(offset + room, size - room)] if size > room else []
                return offset
        raise QuotaExceeded(f"no {room} octets left in the section")

    def _insert(self, offset: int, size: int) -> None:
        """Puts a range back in its place and joins it with its neighbours."""
        ranges = self._free
        index = next((index for index, (start, _) in enumerate(ranges) if start > offset), len(ranges))
        if index < len(ranges) and ranges[index][0] == offset + size:
            size += ranges.pop(index)[1]
        if index and sum(ranges[index - 1]) == offset:
            offset, before = ranges.pop(index - 1)
            size += before
            index -= 1
        ranges.insert(index, (offset, size))


class IncomingSection:
    """A section of the peer's, mapped read-only.

    secured: its octets cannot change any more, so they may be judged where they are.
    """

    def __init__(self, descriptor: int, size: int, max_size: int) -> None:
        """Checks and maps what came in `descriptor`, which stays the caller's.

        Raises BadFrame unless it is a memfd of exactly `size` octets, at most `max_size`, that can neither shrink
        nor grow; ResourcesExhausted.
        """
        self.size = size
        self._map, self.secured = map_read_only(descriptor, size, max_size)
        self.octets = memoryview(self._map)
        """All of it, read-only."""

    def charge(self, account: Account) -> None:
        """Has an account bear it as long as it is mapped, by views too. Raises QuotaExceeded, and then it is closed."""
        cost = self.size + SECTION_COST
        try:
            account.take(cost)
        except QuotaExceeded:
            self.close()
            raise
        weakref.finalize(self._map, account.give, cost).atexit = False

    def view(self, attribute: ViewAttribute) -> memoryview:
        """The octets of a view. Raises BadFrame for one that is not within the section, or not as safe as it says."""
        begin, size = attribute.view_base % SECTION_SPAN, attribute.view_size
        if begin + size > self.size:
            raise BadFrame(f"a view of {size:#x} octets at {begin:#x} of a section of {self.size:#x}")
        if attribute.flags & VIEW_SECURED_ACCESS and not self.secured:
            raise BadFrame("a secure view of a section that its sender can write")
        return self.octets[begin : begin + size]

    def close(self) -> None:
        """Unmaps as soon as nobody uses a view any more."""
        with contextlib.suppress(BufferError):  # views are out: the last one frees the mapping
            self.octets.release()
        unmap(self._map)
