"""The memory of another process, reached from here: by process_vm_readv and _writev, or by a descriptor that it gave.

The kernel allows the first as it allows to debug: same user and groups, a process that is dumpable, no Yama in the
way, or root. So it is tried out before it is used (`Nonce`). The second is a descriptor of /proc/self/mem that its
owner passed of its own free will: it opens the whole process to the receiver, which may be another user.
Rules of this file: addresses are what the other process said of itself, so that it can only harm itself; whatever does
not work answers False, and the caller has another way; what was read is no good unless the process lives still, since
its number may have been given to another.
"""

from __future__ import annotations

import ctypes
import os
import select
import stat
from typing import Final, Protocol

from ...seam import Buffer

NONCE_SIZE: Final = 16


class Reach(Protocol):
    """A way into the memory of the peer. It ends with its last user: no descriptor is closed while one copies."""

    def read(self, address: int, into: memoryview) -> bool:
        """Fills `into` with what stands at `address`. False: it cannot."""
        ...

    def write(self, address: int, data: Buffer) -> bool:
        """Writes at `address`. False: it cannot."""
        ...


class _Iovec(ctypes.Structure):
    """struct iovec."""

    _fields_ = (("base", ctypes.c_void_p), ("size", ctypes.c_size_t))


class _PyBuffer(ctypes.Structure):
    """Py_buffer, whose `buf` is where the octets of an object stand."""

    _fields_ = (
        ("buf", ctypes.c_void_p),
        ("obj", ctypes.py_object),
        ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int),
        ("ndim", ctypes.c_int),
        ("format", ctypes.c_char_p),
        ("shape", ctypes.c_void_p),
        ("strides", ctypes.c_void_p),
        ("suboffsets", ctypes.c_void_p),
        ("internal", ctypes.c_void_p),
    )


_libc: Final = ctypes.CDLL(None, use_errno=True)


class ProcessMemory:
    """By number. pidfd: of the same process, this one's to close; without one the number is trusted."""

    def __init__(self, pid: int, pidfd: int | None) -> None:
        self._pid = pid
        self._pidfd = pidfd

    def read(self, address: int, into: memoryview) -> bool:
        """process_vm_readv, and a look whether the process lives still."""
        return self._copy("process_vm_readv", address, into) and self._alive()

    def write(self, address: int, data: Buffer) -> bool:
        """process_vm_writev, of a process that lives still."""
        return self._alive() and self._copy("process_vm_writev", address, bytearray(data))

    def __del__(self) -> None:
        if self._pidfd is not None:
            os.close(self._pidfd)

    def _copy(self, call: str, address: int, data: bytearray | memoryview) -> bool:
        size = len(data)
        octets = (ctypes.c_char * size).from_buffer(data)
        local, remote = _Iovec(ctypes.addressof(octets), size), _Iovec(address, size)
        copied: int = getattr(_libc, call)(self._pid, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0)
        return copied == size

    def _alive(self) -> bool:
        if self._pidfd is None:
            return True
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        return not poll.poll(0)


class GrantedMemory:
    """By a descriptor of /proc/self/mem, this one's to close."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def read(self, address: int, into: memoryview) -> bool:
        """pread; nothing of a process that has ended."""
        try:
            return os.preadv(self._descriptor, [into], address) == len(into)
        except (OSError, OverflowError):  # no such address, or no descriptor for reading: the caller has another way
            return False

    def write(self, address: int, data: Buffer) -> bool:
        """pwrite."""
        try:
            return os.pwrite(self._descriptor, data, address) == len(data)
        except (OSError, OverflowError):
            return False

    def __del__(self) -> None:
        os.close(self._descriptor)


def granted_by(descriptor: int, pid: int | None) -> bool:
    """Is a descriptor that came what it should be, the memory of process `pid`? Then no access to it ever waits."""
    try:
        found, proc = os.fstat(descriptor), os.stat("/proc/self/mem")
        name = os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_dev == proc.st_dev and name == f"/proc/{pid}/mem"


def open_own_memory() -> int:
    """A descriptor that gives whoever has it all of this process's memory. Raises OSError where that is not allowed."""
    return os.open("/proc/self/mem", os.O_RDWR | os.O_CLOEXEC)


def address_of(octets: memoryview) -> int:
    """Where they stand, as long as `octets` is not released."""
    if not octets.nbytes:
        return 0
    found = _PyBuffer()
    ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(octets), ctypes.byref(found), 0)
    address: int = found.buf
    ctypes.pythonapi.PyBuffer_Release(ctypes.byref(found))
    return address


class Nonce:
    """Octets that nobody guesses, for the peer to find in our memory: whoever reads them there can read the rest."""

    def __init__(self) -> None:
        self.octets = bytearray(os.urandom(NONCE_SIZE))
        self._view = memoryview(self.octets)
        self.address = address_of(self._view)


def found(reach: Reach, address: int, nonce: bytes) -> bool:
    """Whether `reach` finds a nonce where the peer says that it is."""
    octets = bytearray(len(nonce))
    return reach.read(address, memoryview(octets)) and bytes(octets) == nonce
