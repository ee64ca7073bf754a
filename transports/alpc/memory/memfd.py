"""Memory files: what sections are made of, and what makes it safe to map one that somebody else made.

A memfd whose seals say that it cannot shrink can be mapped: reading it never ends in SIGBUS. One that is sealed
against writing as well, which the kernel allows only once nobody can write to it any more, never changes again.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import stat
from typing import Final

from ...errors import BadFrame, from_os_error

# linux/fcntl.h, linux/memfd.h: not every build of Python 3.11 names them
_F_ADD_SEALS: Final = 1033
_F_GET_SEALS: Final = 1034
_SEAL_SEAL: Final = 0x1
_SEAL_SHRINK: Final = 0x2
_SEAL_GROW: Final = 0x4
_SEAL_WRITE: Final = 0x8
_SEALS: Final = _SEAL_SEAL | _SEAL_SHRINK | _SEAL_GROW
_MFD_FLAGS: Final = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING


def new_memfd(size: int, *, sealed: bool) -> int:
    """A memfd of `size` octets; sealed: it keeps its size, and takes no further seals. Raises OSError."""
    descriptor = os.memfd_create("lrpc", _MFD_FLAGS)
    try:
        os.ftruncate(descriptor, size)
        os.fchmod(descriptor, 0o400)  # no other user reopens it for writing
        if sealed:
            fcntl.fcntl(descriptor, _F_ADD_SEALS, _SEALS)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def freeze(descriptor: int) -> None:
    """Lets nobody change a memfd any more, neither octets nor size; OSError while it is mapped to be written."""
    fcntl.fcntl(descriptor, _F_ADD_SEALS, _SEALS | _SEAL_WRITE)


def read_only(descriptor: int) -> int:
    """Another descriptor of it, which cannot write. Raises OSError."""
    return os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC)


def map_read_only(descriptor: int, size: int, max_size: int) -> tuple[mmap.mmap, bool]:
    """Checks and maps what somebody sent; and whether it never changes again.

    Raises BadFrame unless it is a memfd of exactly `size` octets, at most `max_size`, that can neither shrink nor
    grow; ResourcesExhausted.
    """
    seals = _checked(descriptor, size, max_size)
    try:
        return mmap.mmap(descriptor, size, prot=mmap.PROT_READ), bool(seals & _SEAL_WRITE)
    except OSError as error:
        raise from_os_error(error, "mapping a section") from error


def map_shared(descriptor: int, size: int) -> mmap.mmap:
    """The same, to be written as well; it has to be of `size` octets."""
    _checked(descriptor, size, size)
    try:
        return mmap.mmap(descriptor, size)
    except OSError as error:
        raise from_os_error(error, "mapping shared memory") from error


def unmap(mapping: mmap.mmap) -> None:
    """Unmaps as soon as nobody uses it any more."""
    with contextlib.suppress(BufferError):  # views are out: the last one frees the mapping
        mapping.close()


def _checked(descriptor: int, size: int, max_size: int) -> int:
    """The seals of what somebody sent, if it is such a memfd. Raises BadFrame."""
    seals = _seals_of(descriptor)
    if seals & _SEALS != _SEALS:
        raise BadFrame("a section that is not sealed")
    found = os.fstat(descriptor)  # behind the seals: what it says now stays true
    if not stat.S_ISREG(found.st_mode) or found.st_size != size or not 0 < size <= max_size:
        raise BadFrame(f"a section of {found.st_size} octets, {size} announced, {max_size} allowed")
    return seals


def _seals_of(descriptor: int) -> int:
    """The seals of a memfd; none for what is not one."""
    try:
        return fcntl.fcntl(descriptor, _F_GET_SEALS)
    except OSError:
        return 0
