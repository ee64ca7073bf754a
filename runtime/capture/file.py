"""A capture file: packets are appended, by as many connections, threads and processes as have it open.

Each block is one `write` to a descriptor with O_APPEND, which the kernel does not mix with others. Whoever comes
first, under a lock, writes the header and the two interfaces that all use: what clients see, and what servers see.

Rule: an error after opening ends the capture and nothing else.
"""

from __future__ import annotations

import errno
import fcntl
import os
import platform
import stat
import sys
import threading
import weakref
from enum import IntEnum
from importlib.metadata import PackageNotFoundError, version
from typing import Final, TypeAlias

from ..journal import note
from . import pcapng

MODE: Final = 0o600
"""A capture holds what was said: it is its owner's alone."""


Path: TypeAlias = str | os.PathLike[str]


class Side(IntEnum):
    """Who sees the packets: the number of the interface in the file."""

    CLIENT = 0
    SERVER = 1


def preamble() -> bytes:
    """What every file of ours begins with."""
    try:
        release = version("lrpc")
    except PackageNotFoundError:  # not installed: run from its sources
        release = "(sources)"
    application = f"lrpc {release}, Python {platform.python_version()}"
    return (
        pcapng.section_header(application, f"{platform.system()} {platform.release()}")
        + pcapng.interface("client", "calls as the client that makes them sees them")
        + pcapng.interface("server", "calls as the server that answers them sees them")
    )


class CaptureFile:
    """A file open for appending. OSError when it cannot be had; FileExistsError when it is something else's."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.failed = False
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK, MODE)
        self._close = weakref.finalize(self, os.close, self._descriptor)
        try:
            self.begin()
        except BaseException:
            self._close()
            raise

    def __repr__(self) -> str:
        return f"<CaptureFile {self.path}{', given up' if self.failed else ''}>"

    @property
    def current(self) -> bool:
        """Is it still what its path names? It may have been removed, to begin another."""
        try:
            return os.path.samestat(os.fstat(self._descriptor), os.stat(self.path))
        except OSError:
            return False

    def write(self, block: bytes) -> None:
        """Append a block, whole or not at all as far as others can see."""
        if self.failed:
            return
        try:
            if os.write(self._descriptor, block) != len(block):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            self.failed = True
            note("capture_failed", file=self.path, reason=str(error))

    def begin(self) -> None:
        """See to it that the file has its beginning: whoever finds it empty writes that."""
        if not stat.S_ISREG(os.fstat(self._descriptor).st_mode):  # a pipe that nobody empties would stop all calls
            raise OSError(errno.EINVAL, "a capture goes to a regular file", self.path)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        try:
            if not os.fstat(self._descriptor).st_size:
                self.write(preamble())
            elif not is_ours(os.pread(self._descriptor, 1 << 12, 0)):
                raise FileExistsError(errno.EEXIST, "it exists and is no capture of lrpc", self.path)
        finally:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)


def is_ours(start: bytes) -> bool:
    """Do the octets begin a file that has our interfaces in our order? The releases in it may be others."""
    mark = pcapng.interface("client", "")[8:16] + b"\x02\0\x06\0client"
    return start[:4] == pcapng.SECTION.to_bytes(4, sys.byteorder) and mark in start and b"lrpc " in start


_open_files: weakref.WeakValueDictionary[str, CaptureFile] = weakref.WeakValueDictionary()
_lock = threading.Lock()


def opened(path: Path) -> CaptureFile:
    """The capture file of a path, which connections of this process share; it is closed with the last of them."""
    full: str = os.path.abspath(os.fspath(path))
    with _lock:
        file = _open_files.get(full)
        if file is None or file.failed or not file.current:
            file = _open_files[full] = CaptureFile(full)
        return file
