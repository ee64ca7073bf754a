"""Sections: the shared memory of a connection, one memfd each way, passed once and kept mapped.

The sender owns an OutgoingSection and cuts it into views; the receiver maps an IncomingSection read-only.
Rules of this file:
- a section has its full size from the start and is sealed against shrinking, growing and further seals before
  it is passed: what is mapped stays mapped, no peer can raise SIGBUS by truncating;
- it is sparse: pages exist once written; the first fit keeps using the same, warm ones (8 GB/s against 1.2);
- the sender can change it at any time, so nothing in it is believed before it is copied.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import stat
import threading
from typing import Final

from ..errors import BadFrame, Disconnected, MessageTooLong, QuotaExceeded, from_os_error
from .message import ViewAttribute

PAGE: Final = mmap.PAGESIZE
MAX_SECTION_SIZE: Final = 80 << 20
"""Octets of a section unless told otherwise: the largest call (64 MiB) and some small ones beside it."""
WARM_SIZE: Final = 32 << 20
"""Octets at the start of a section whose pages are kept; pages beyond go back to the system when freed."""

# linux/fcntl.h, linux/memfd.h: not every build of Python 3.11 names them
_F_ADD_SEALS: Final = 1033
_F_GET_SEALS: Final = 1034
_SEAL_SEAL: Final = 0x1
_SEAL_SHRINK: Final = 0x2
_SEAL_GROW: Final = 0x4
_SEALS: Final = _SEAL_SEAL | _SEAL_SHRINK | _SEAL_GROW
_MFD_FLAGS: Final = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING


class View:
    """Room in the section of one connection: fill `buffer`, then send it with a message."""

    __slots__ = ("buffer", "number", "offset", "request_id", "room", "size")

    def __init__(self, number: int, offset: int, room: int, buffer: memoryview) -> None:
        self.number = number
        self.offset = offset
        self.room = room
        self.size = len(buffer)
        self.buffer = buffer
        """Writable, `size` octets; may hold what an earlier message left there."""
        self.request_id = 0
        """The request that carries it, once sent as one."""

    def __repr__(self) -> str:
        return f"<View {self.number}: {self.size} octets at {self.offset:#x}>"

    @property
    def attribute(self) -> ViewAttribute:
        """What a message says of it."""
        return ViewAttribute(self.number, self.offset, self.size)


class OutgoingSection:
    """The section that this end writes. Threads may allocate and free at the same time."""

    def __init__(self, size: int) -> None:
        """Makes it, sparse, of `size` octets. Raises ResourcesExhausted."""
        self.size = -(-size // PAGE) * PAGE
        self._lock = threading.Lock()
        self._free = [(0, self.size)]  # (offset, size), by offset, never adjacent
        self._views = 0
        self._closed = False
        try:
            self._descriptor = _sealed_memfd(self.size)
            self._map = mmap.mmap(self._descriptor, self.size)
        except OSError as error:
            raise from_os_error(error, "making a section") from error

    def allocate(self, size: int) -> View:
        """Room for `size` octets (at least one). Raises QuotaExceeded while views still out fill the section."""
        if size > self.size:
            raise MessageTooLong(f"{size} octets in a section of {self.size}")
        room = max(1, -(-size // PAGE)) * PAGE
        with self._lock:
            if self._closed:
                raise Disconnected("allocating")
            offset = self._first_fit(room)
            self._views += 1
            number = self._views
            buffer = memoryview(self._map)[offset : offset + size]
        return View(number, offset, room, buffer)

    def free(self, view: View) -> None:
        """Takes a view's room back; its buffer must not be used any more."""
        with self._lock:
            room, view.room = view.room, 0  # twice is once
            if self._closed or not room:
                return
            self._insert(view.offset, room)
            cold = max(view.offset, WARM_SIZE)
            if (cold_size := view.offset + room - cold) > 0:
                self._map.madvise(mmap.MADV_REMOVE, cold, cold_size)

    @property
    def free_size(self) -> int:
        """Octets not taken by views."""
        with self._lock:
            return sum(size for _, size in self._free)

    def descriptor_for_peer(self) -> int:
        """A read-only descriptor to pass on; the caller closes it."""
        return os.open(f"/proc/self/fd/{self._descriptor}", os.O_RDONLY | os.O_CLOEXEC)

    def forget_descriptor(self) -> None:
        """The peer has it; the mapping is enough from now on."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    def close(self) -> None:
        """Unmaps as soon as nobody uses a view any more."""
        with self._lock:
            self._closed = True
            self.forget_descriptor()
            _unmap(self._map)

    def abandon(self) -> None:
        """In a child of fork: `close`, where nobody holds the lock."""
        self._lock = threading.Lock()
        self.close()

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
    """The peer's section, mapped read-only."""

    def __init__(self, descriptor: int, size: int, max_size: int) -> None:
        """Checks and maps what came in `descriptor`, which stays the caller's.

        Raises BadFrame unless it is a memfd of exactly `size` octets, at most `max_size`, that can neither shrink
        nor grow; ResourcesExhausted.
        """
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size != size or not 0 < size <= max_size:
            raise BadFrame(f"a section of {found.st_size} octets, {size} announced, {max_size} allowed")
        if _seals_of(descriptor) & _SEALS != _SEALS:
            raise BadFrame("a section that is not sealed")
        self.size = size
        try:
            self._map = mmap.mmap(descriptor, size, prot=mmap.PROT_READ)
        except OSError as error:
            raise from_os_error(error, "mapping a section") from error
        self._octets = memoryview(self._map)

    def view(self, attribute: ViewAttribute) -> memoryview:
        """The octets of a view. Raises BadFrame for one that is not within the section."""
        end = attribute.offset + attribute.size
        if end > self.size:
            raise BadFrame(f"a view up to {end:#x} of a section of {self.size:#x} octets")
        return self._octets[attribute.offset : end]

    def close(self) -> None:
        """Unmaps as soon as nobody uses a view any more."""
        with contextlib.suppress(BufferError):  # views are out: the last one frees the mapping
            self._octets.release()
        _unmap(self._map)


def _sealed_memfd(size: int) -> int:
    descriptor = os.memfd_create("lrpc", _MFD_FLAGS)
    try:
        os.ftruncate(descriptor, size)
        os.fchmod(descriptor, 0o400)  # no other user reopens it for writing
        fcntl.fcntl(descriptor, _F_ADD_SEALS, _SEALS)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _seals_of(descriptor: int) -> int:
    """The seals of a memfd; none for what is not one."""
    try:
        return fcntl.fcntl(descriptor, _F_GET_SEALS)
    except OSError:
        return 0


def _unmap(mapping: mmap.mmap) -> None:
    with contextlib.suppress(BufferError):  # views are out: the last one frees the mapping
        mapping.close()
