"""What travels beside the octets of a message: descriptors, and the kernel's word of who sent it.

Rules of this file:
- every descriptor that the kernel installs is given to the caller, who closes it; all are close-on-exec;
- it is never combined with MSG_PEEK, which would install them again and again.
"""

from __future__ import annotations

import array
import os
import socket
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from .kernel import UCRED_SIZE, Credentials
from .seam import Buffer

MAX_DESCRIPTORS: Final = 253
"""SCM_MAX_FD: what Linux takes in one message."""
_CMSG_CLOEXEC: Final = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
_PASSCRED: Final = getattr(socket, "SO_PASSCRED", 16)
_SCM_CREDENTIALS: Final = getattr(socket, "SCM_CREDENTIALS", 2)
_SCM_PIDFD: Final = 4


class Received(NamedTuple):
    """One message, and what came with it."""

    octets: bytes
    descriptors: list[int]
    credentials: Credentials | None
    cut: bool
    """More came than there was room for; the kernel has closed the rest."""

    def close(self) -> None:
        """Closes the descriptors."""
        close_all(self.descriptors)


def room_for(descriptors: int) -> int:
    """Octets of ancillary room for so many descriptors, and credentials."""
    return socket.CMSG_SPACE(4 * descriptors) + socket.CMSG_SPACE(UCRED_SIZE)


def receive(connected: socket.socket, size: int, room: int, flags: int = 0) -> Received:
    """One message with what came beside it. Raises OSError."""
    octets, ancillary, found, _ = connected.recvmsg(size, room, flags | _CMSG_CLOEXEC)
    descriptors, credentials = array.array("i"), None
    for level, kind, content in ancillary:
        if level != socket.SOL_SOCKET:
            continue
        if kind in (socket.SCM_RIGHTS, _SCM_PIDFD):
            descriptors.frombytes(content[: len(content) // 4 * 4])
        elif kind == _SCM_CREDENTIALS and len(content) >= UCRED_SIZE:
            credentials = Credentials.parse(content)
    return Received(octets, descriptors.tolist(), credentials, bool(found & socket.MSG_CTRUNC))


def send(
    connected: socket.socket,
    octets: Buffer,
    flags: int = 0,
    descriptors: Sequence[int] = (),
    credentials: Credentials | None = None,
) -> int:
    """One message with descriptors, and with ids of ours that the kernel vouches for. Raises OSError."""
    ancillary: list[tuple[int, int, Buffer]] = []
    if descriptors:
        ancillary.append((socket.SOL_SOCKET, socket.SCM_RIGHTS, memoryview(array.array("i", descriptors)).cast("B")))
    if credentials is not None:
        ancillary.append((socket.SOL_SOCKET, _SCM_CREDENTIALS, bytes(credentials)))
    return connected.sendmsg([octets], ancillary, flags)


def own_credentials() -> Credentials:
    """Us, by the effective ids: the kernel itself would tell the real ones."""
    return Credentials(os.getpid(), os.geteuid(), os.getegid())


def send_named(connected: socket.socket, octets: Buffer, flags: int) -> int:
    """One message that the kernel says our effective ids of. Raises OSError."""
    if os.getuid() == os.geteuid() and os.getgid() == os.getegid():  # what it says by itself
        return connected.send(octets, flags)
    return send(connected, octets, flags, (), own_credentials())


def ask_for_credentials(connected: socket.socket, wanted: bool = True) -> None:
    """Has the kernel say who sent each message that comes from now on (SO_PASSCRED)."""
    connected.setsockopt(socket.SOL_SOCKET, _PASSCRED, wanted)


def close_all(descriptors: Iterable[int]) -> None:
    """Closes what a message brought."""
    for descriptor in descriptors:
        os.close(descriptor)
