r"""AF_UNIX sockets that keep boundaries (SOCK_SEQPACKET): what pipes and ports are made of.

Knows sockets and who is at their other end; who holds which name is `namespace.py`'s business.
A zero-length packet cannot be told from the end, so none is ever sent.
"""

from __future__ import annotations

import errno
import socket
import struct
import sys

from .errors import BadFrame, MessageTooLong, NameNotFound, NotSupported, from_os_error
from .kernel import SO_PEERGROUPS, UCRED_SIZE, Credentials
from .seam import Buffer, Peer
from .sockets import NO_WAIT, RECEIVE_SIZE, TimedSocket, drain, timeval


def packet_socket() -> socket.socket:
    """A new SEQPACKET socket, close-on-exec."""
    try:
        return socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    except OSError as error:
        raise from_os_error(error, "making a socket") from error


def connect_inode(inode: int, name: str, timeout: float | None) -> socket.socket:
    """Connects to the socket that the O_PATH descriptor `inode` names. Raises NameNotFound, TypeMismatch, TimedOut."""
    sock = packet_socket()
    try:
        sock.setblocking(True)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeval(timeout))
        sock.connect(f"/proc/self/fd/{inode}")
    except OSError as error:
        sock.close()
        if error.errno == errno.ECONNREFUSED:  # the socket outlived its holder
            raise NameNotFound(f"connecting to {name}") from None
        raise from_os_error(error, f"connecting to {name}") from error
    return sock


def is_live(inode: int) -> bool:
    """Whether some process holds the socket that the O_PATH descriptor `inode` names; the holder notices nothing.

    Connecting with the wrong kind of socket is refused as such only where a socket is bound.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(f"/proc/self/fd/{inode}")
        except OSError as error:
            return error.errno != errno.ECONNREFUSED
    return True


def peer_of(connected: socket.socket, address: str) -> Peer:
    """Who connected, or who listens, as the kernel noted at that time (SO_PEERCRED, SO_PEERGROUPS)."""
    octets = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, UCRED_SIZE)
    return Peer(*Credentials.parse(octets), _groups_of(connected), address)


def groups_of_maker(descriptor: int, maker: Credentials) -> tuple[int, ...] | None:
    """The supplementary groups that a process had when it made a pair of sockets, of which `descriptor` is one.

    None: the kernel does not tell. Raises BadFrame where it is none of that process and user.
    """
    try:
        made = socket.socket(fileno=descriptor)
    except OSError as error:
        raise BadFrame("a descriptor that is no socket") from error
    try:
        peer = peer_of(made, "")
    finally:
        made.detach()
    if (peer.pid, peer.uid, peer.gid) != maker:
        raise BadFrame(f"a socket of {peer}, sent by {maker}")
    return peer.groups


def user_of(connected: socket.socket) -> int:
    """The user of who connected."""
    return Credentials.parse(connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, UCRED_SIZE)).uid


def _groups_of(connected: socket.socket) -> tuple[int, ...] | None:
    for count in (15, 255):  # what getsockopt returns is at most 1,024 octets in Python
        try:
            octets = connected.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, 4 * count)
        except OSError:  # too many for the room, or a kernel that does not tell
            continue
        return struct.unpack(f"={len(octets) // 4}I", octets)
    return None


class PacketConnection:
    """A message-mode connection over a connected SEQPACKET socket; keeps `seam.Connection`."""

    message_mode: bool = True

    def __init__(self, connected: socket.socket, peer: Peer, max_message: int) -> None:
        self._timed = TimedSocket(connected)
        self.peer = peer
        self.max_message = max_message

    def __repr__(self) -> str:
        state = "closed" if self._timed.socket.fileno() < 0 else "open"
        return f"<{type(self).__name__} {self.peer.address} {state}>"

    def send(self, data: Buffer, timeout: float | None = None) -> None:
        if not self._fits(data):
            return
        try:
            self._timed.send(data, timeout)
        except OSError as error:
            raise from_os_error(error, "sending") from error

    def receive(self, timeout: float | None = None) -> bytes:
        return self._checked(self._timed.receive(timeout))

    def send_now(self, data: Buffer) -> int:
        if not self._fits(data):
            return 0
        try:
            return self._timed.send_octets(data, NO_WAIT)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise from_os_error(error, "sending") from error

    def receive_now(self) -> bytes | None:
        octets = self._timed.receive_now()
        return octets and self._checked(octets)

    def fileno(self) -> int:
        return self._timed.socket.fileno()

    def drain(self) -> None:
        drain(self._timed.socket)

    def over(self) -> bool:
        return True

    def close(self) -> None:
        self._timed.close()

    def _fits(self, data: Buffer) -> bool:
        if len(data) > self.max_message:
            raise MessageTooLong(f"{len(data)} octets, the most is {self.max_message}")
        return bool(data)

    def _checked(self, octets: bytes) -> bytes:
        if len(octets) > self.max_message:  # at RECEIVE_SIZE it was cut as well
            self.close()
            raise BadFrame(f"a message of {min(len(octets), RECEIVE_SIZE)} octets or more")
        return octets


def require_linux() -> None:
    """Raises NotSupported where there is no /proc/self/fd and no SO_PEERCRED."""
    if sys.platform != "linux":
        raise NotSupported("ports and pipes need Linux")
