"""Handles in messages: file descriptors, what kind of NT object each stands for, and which kinds a port takes.

The kind is told by the receiver from the descriptor itself, and only by what the kernel knows without asking a file
system, which may be hostile (fstat of a FUSE file can wait for ever): its flags, its seals, and what /proc says of it.

      FILE       files, sockets, pipes, directories      SECTION    memfd
      EVENT      eventfd                                 SEMAPHORE  eventfd with EFD_SEMAPHORE
      PROCESS    pidfd                                   THREAD     pidfd with PIDFD_THREAD
      JOB        a directory of cgroups, opened with O_DIRECTORY
"""

from __future__ import annotations

import enum
import fcntl
import os
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from ..ancillary import close_all
from ..errors import BadFrame, InvalidParameter, MessageTooLong, NotSupported, from_os_error
from ..kernel import PIDFD_THREAD, HasFileno
from .messages.attributes import HANDLE_INDIRECT, HANDLE_SAME_ACCESS, HandleAttribute

MAX_HANDLES: Final = 64
"""Descriptors in one message: Linux takes 253, and a process has 1,024 by default."""
GENERIC_READ: Final = 0x80000000
GENERIC_WRITE: Final = 0x40000000
_CGROUPS: Final = "/sys/fs/cgroup/"
_F_GET_SEALS: Final = 1034


class ObjectType(enum.IntFlag):
    """Kinds of objects: the bits of DupObjectTypes."""

    FILE = 0x1
    THREAD = 0x4
    SEMAPHORE = 0x8
    EVENT = 0x10
    PROCESS = 0x20
    MUTEX = 0x40
    SECTION = 0x80
    REGKEY = 0x100
    TOKEN = 0x200
    COMPOSITION = 0x400
    JOB = 0x800


ALL_OBJECTS: Final = ObjectType(0xFFD)
NO_OBJECTS: Final = ObjectType(0)


Sendable: TypeAlias = int | HasFileno
"""A descriptor, or what has one; it stays the sender's."""


class Handle:
    """A descriptor that came in a message, and closes itself; a context manager.

    type: what it stands for. access: GENERIC_READ, GENERIC_WRITE or both, as it was opened.
    """

    __slots__ = ("_descriptor", "access", "type")
    _close = staticmethod(os.close)
    """Here, since an interpreter that ends may have taken `os` from this file."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.type: Final[ObjectType] = object_type(descriptor)
        self.access: Final[int] = access_of(descriptor)

    def __repr__(self) -> str:
        return f"<Handle {self._descriptor} {self.type.name}>" if self._descriptor >= 0 else "<Handle closed>"

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def fileno(self) -> int:
        """The descriptor; -1: closed, or detached."""
        return self._descriptor

    def detach(self) -> int:
        """The descriptor, which the caller closes from now on."""
        descriptor, self._descriptor = self._descriptor, -1
        return descriptor

    def close(self) -> None:
        """Closes the descriptor. Twice is once."""
        if (descriptor := self.detach()) >= 0:
            self._close(descriptor)


def object_type(descriptor: int) -> ObjectType:
    """What a descriptor stands for. Raises OSError where it is none."""
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    name = os.readlink(f"/proc/self/fd/{descriptor}")
    if name == "anon_inode:[eventfd]":
        return ObjectType.SEMAPHORE if _fdinfo(descriptor, "eventfd-semaphore") == "1" else ObjectType.EVENT
    if name == "anon_inode:[pidfd]" or name.startswith("pidfd:"):
        return ObjectType.THREAD if flags & PIDFD_THREAD else ObjectType.PROCESS
    if name.startswith("/memfd:") and _has_seals(descriptor):
        return ObjectType.SECTION
    if name.startswith(_CGROUPS) and flags & os.O_DIRECTORY:
        return ObjectType.JOB
    return ObjectType.FILE


def access_of(descriptor: int) -> int:
    """What a descriptor was opened for, in generic rights."""
    mode = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE
    return {os.O_RDONLY: GENERIC_READ, os.O_WRONLY: GENERIC_WRITE}.get(mode, GENERIC_READ | GENERIC_WRITE)


def descriptors_of(
    handles: Iterable[Sendable], allowed: ObjectType = ALL_OBJECTS, most: int = MAX_HANDLES
) -> list[int]:
    """The descriptors to send to a port that takes these kinds, so many in a message.

    Raises MessageTooLong for more, NotSupported for other kinds, InvalidParameter for what is no descriptor.
    """
    descriptors = [handle if isinstance(handle, int) else handle.fileno() for handle in handles]
    if len(descriptors) > most:
        raise MessageTooLong(f"{len(descriptors)} handles, the peer takes {most}")
    if any(descriptor < 0 for descriptor in descriptors):
        raise InvalidParameter("a handle that is closed")
    for descriptor in descriptors:
        try:
            kind = object_type(descriptor)
        except OSError as error:
            raise InvalidParameter(f"{descriptor} is no descriptor") from error
        if not kind & allowed:
            raise NotSupported(f"the peer takes no handles of type {kind.name}")
    return descriptors


def attribute_of(descriptors: Sequence[int]) -> HandleAttribute | None:
    """The HANDLE attribute for these: direct for one, indirect for several. What it says nobody has to believe."""
    if not descriptors:
        return None
    if len(descriptors) > 1:
        return HandleAttribute(HANDLE_SAME_ACCESS | HANDLE_INDIRECT, 0, len(descriptors), 0)
    [descriptor] = descriptors
    return HandleAttribute(HANDLE_SAME_ACCESS, 0, object_type(descriptor), access_of(descriptor))


def accept(attribute: HandleAttribute | None, descriptors: list[int], allowed: ObjectType) -> list[Handle]:
    """The handles of a message that has come; from now on they own the descriptors.

    Raises BadFrame, and has closed them all, when the attribute says another number or there is a kind not allowed.
    """
    try:
        _check_count(attribute, len(descriptors))
        kinds = [object_type(descriptor) for descriptor in descriptors]
    except BaseException:
        close_all(descriptors)
        raise
    if any(not kind & allowed for kind in kinds):
        close_all(descriptors)
        refused = ", ".join(kind.name or "" for kind in kinds if not kind & allowed)
        raise BadFrame(f"handles of type {refused}, which this port does not take")
    return [Handle(descriptor) for descriptor in descriptors]


def event_of(event: Sendable) -> Handle:
    """A descriptor of our own for the event that somebody else's stands for. Raises InvalidParameter."""
    [descriptor] = descriptors_of([event])
    if object_type(descriptor) is not ObjectType.EVENT:
        raise InvalidParameter(f"{descriptor} is no event")
    return Handle(os.dup(descriptor))


def reduced(handle: Sendable, access: int) -> Handle:
    """The same object opened anew for less: GENERIC_READ, or GENERIC_WRITE. Raises AccessDenied, NotSupported.

    No boundary against a receiver that may open the file itself: a memfd needs seals for that.
    """
    flags = {GENERIC_READ: os.O_RDONLY, GENERIC_WRITE: os.O_WRONLY}.get(access, os.O_RDWR)
    descriptor = handle if isinstance(handle, int) else handle.fileno()
    if object_type(descriptor) not in (ObjectType.FILE, ObjectType.SECTION):
        raise NotSupported(f"{object_type(descriptor).name} has no access that could be reduced")
    try:
        return Handle(os.open(f"/proc/self/fd/{descriptor}", flags | os.O_CLOEXEC | os.O_NONBLOCK))
    except OSError as error:
        raise from_os_error(error, "opening a handle anew") from error


def _check_count(attribute: HandleAttribute | None, count: int) -> None:
    said = 0 if attribute is None else attribute.object_type if attribute.flags & HANDLE_INDIRECT else 1
    if said != count:
        raise BadFrame(f"{count} handles in a message that says {said}")


def _has_seals(descriptor: int) -> bool:
    try:
        return fcntl.fcntl(descriptor, _F_GET_SEALS) >= 0
    except OSError:  # no file of shared memory
        return False


def _fdinfo(descriptor: int, wanted: str) -> str:
    """What /proc tells of a descriptor of ours; empty where it does not."""
    with open(f"/proc/self/fdinfo/{descriptor}", encoding="ascii", errors="replace") as lines:
        found = (rest for name, _, rest in (line.partition(":") for line in lines) if name == wanted)
        return next(found, "").strip()
