"""What goes wrong between two ends: one family, each member an NT status with its name.

Errors of the operating system are turned into these by one table, at the border of each transport;
no OSError leaves `transports`.
"""

from __future__ import annotations

import errno
import socket
from typing import Final


class TransportError(Exception):
    """A transport could not do what was asked.

    status and name: the NT status ([MS-ERREF] 2.3). data: what a refusing server sent along. sent: the peer may
    have what was to be sent; False only where it surely has not.
    """

    status: int = 0xC0000001
    name: str = "UNSUCCESSFUL"
    sent: bool = True

    def __init__(self, reason: str = "", *, data: bytes = b"") -> None:
        super().__init__(reason)
        self.reason = reason
        self.data = data

    def __str__(self) -> str:
        return f"{self.reason} ({self.name})" if self.reason else self.name


class ConnectFailed(TransportError):
    """No connection came about, so nothing that was to follow has happened."""


class NameNotFound(ConnectFailed):
    """Nobody holds this name."""

    status = 0xC0000034
    name = "OBJECT_NAME_NOT_FOUND"


class ConnectionRefused(ConnectFailed):
    """The server, or its machine, said no; `data` is its word."""

    status = 0xC0000041
    name = "PORT_CONNECTION_REFUSED"


class HostUnreachable(ConnectFailed):
    """No way leads to the host."""

    status = 0xC000023D
    name = "HOST_UNREACHABLE"


class ServerSidMismatch(ConnectFailed):
    """Somebody holds the name, but not the user that was expected: perhaps a squatter."""

    status = 0xC00002A0
    name = "SERVER_SID_MISMATCH"


class TypeMismatch(ConnectFailed):
    """The name is there, but it names something else."""

    status = 0xC0000024
    name = "OBJECT_TYPE_MISMATCH"


class AccessDenied(ConnectFailed):
    """The kernel, or the security descriptor of the port, does not admit the caller."""

    status = 0xC0000022
    name = "ACCESS_DENIED"


class NameCollision(TransportError):
    """Somebody holds this name already."""

    status = 0xC0000035
    name = "OBJECT_NAME_COLLISION"


class NameInvalid(TransportError):
    """Not a name, or not one that is allowed here."""

    status = 0xC0000033
    name = "OBJECT_NAME_INVALID"


class Disconnected(TransportError):
    """The connection is over: the peer closed it, died, or this end did."""

    status = 0xC0000037
    name = "PORT_DISCONNECTED"


class TimedOut(TransportError):
    """The time allowed went by; the connection is still usable unless part of a stream was sent."""

    status = 0x00000102
    name = "TIMEOUT"


class MessageTooLong(TransportError):
    """More than one message, or the peer's port, may hold."""

    status = 0xC000002F
    name = "PORT_MESSAGE_TOO_LONG"


class QuotaExceeded(TransportError):
    """No room left in the section, or in a queue."""

    status = 0xC0000044
    name = "QUOTA_EXCEEDED"


class ResourcesExhausted(TransportError):
    """The machine ran out of descriptors, memory or disk."""

    status = 0xC000009A
    name = "INSUFFICIENT_RESOURCES"


class NotSupported(TransportError):
    """This system cannot do it."""

    status = 0xC00000BB
    name = "NOT_SUPPORTED"


class BadFrame(TransportError):
    """The peer sent what no peer may send; the connection has been closed."""

    status = 0xC000003E
    name = "DATA_ERROR"


_BY_ERRNO: Final[dict[int, type[TransportError]]] = {
    errno.EAGAIN: TimedOut,
    errno.EWOULDBLOCK: TimedOut,
    errno.ETIMEDOUT: TimedOut,
    errno.EPIPE: Disconnected,
    errno.ECONNRESET: Disconnected,
    errno.ECONNABORTED: Disconnected,
    errno.ENOTCONN: Disconnected,
    errno.EBADF: Disconnected,
    errno.ESHUTDOWN: Disconnected,
    errno.ECONNREFUSED: ConnectionRefused,
    errno.ENOENT: NameNotFound,
    errno.ENOTDIR: NameNotFound,
    errno.ENOTSOCK: TypeMismatch,
    errno.EPROTOTYPE: TypeMismatch,
    errno.EISDIR: TypeMismatch,
    errno.EADDRINUSE: NameCollision,
    errno.EEXIST: NameCollision,
    errno.ELOOP: NameInvalid,
    errno.EADDRNOTAVAIL: NameInvalid,
    errno.ENAMETOOLONG: NameInvalid,
    errno.EACCES: AccessDenied,
    errno.EPERM: AccessDenied,
    errno.EROFS: AccessDenied,
    errno.EMSGSIZE: MessageTooLong,
    errno.ETOOMANYREFS: QuotaExceeded,
    errno.EDQUOT: QuotaExceeded,
    errno.ENOBUFS: ResourcesExhausted,
    errno.ENOMEM: ResourcesExhausted,
    errno.EMFILE: ResourcesExhausted,
    errno.ENFILE: ResourcesExhausted,
    errno.ENOSPC: ResourcesExhausted,
    errno.EHOSTUNREACH: HostUnreachable,
    errno.ENETUNREACH: HostUnreachable,
    errno.EHOSTDOWN: HostUnreachable,
    errno.ENETDOWN: HostUnreachable,
}


def from_os_error(error: OSError, doing: str) -> TransportError:
    """The member of the family that stands for `error`; `doing` says what was attempted, as in `connecting to x`."""
    if isinstance(error, TimeoutError):
        return TimedOut(doing)
    if isinstance(error, socket.gaierror):
        return NameNotFound(f"{doing}: {error.strerror}")
    kind = _BY_ERRNO.get(error.errno or 0, TransportError)
    return kind(f"{doing}: {error.strerror or error}")
