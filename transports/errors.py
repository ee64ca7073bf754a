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


class DirectoryNotEmpty(TransportError):
    """There are objects in the directory object that is to go."""

    status = 0xC0000101
    name = "DIRECTORY_NOT_EMPTY"


class LinkUnresolved(ConnectFailed):
    """Symbolic-link objects lead to one another in a circle, or in too long a chain."""

    status = 0xC0000280
    name = "REPARSE_POINT_NOT_RESOLVED"


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


class PortAlreadySet(TransportError):
    """The port has a completion port already."""

    status = 0xC0000048
    name = "PORT_ALREADY_SET"


class SectionTooBig(MessageTooLong):
    """More than a section may hold, or than the sections of a port may together."""

    status = 0xC0000040
    name = "SECTION_TOO_BIG"


class InvalidViewSize(MessageTooLong):
    """More than one view may hold."""

    status = 0xC000001F
    name = "INVALID_VIEW_SIZE"


class ViewInUse(TransportError):
    """A secure view that something can still write to; it was not sent."""

    status = 0xC0000243
    name = "USER_MAPPED_FILE"
    sent = False


class QuotaExceeded(TransportError):
    """No room left in the section, or in a queue."""

    status = 0xC0000044
    name = "QUOTA_EXCEEDED"


class ResourcesExhausted(TransportError):
    """The machine ran out of descriptors, memory or disk."""

    status = 0xC000009A
    name = "INSUFFICIENT_RESOURCES"


class BadImpersonationLevel(TransportError):
    """The client does not let the server go that far in its name."""

    status = 0xC00000A5
    name = "BAD_IMPERSONATION_LEVEL"


class NoImpersonationToken(TransportError):
    """Nobody to act for: the call, or the message, is over, or this process may not become somebody else."""

    status = 0xC000005C
    name = "NO_IMPERSONATION_TOKEN"


class NotSupported(TransportError):
    """This system cannot do it."""

    status = 0xC00000BB
    name = "NOT_SUPPORTED"


class BufferTooSmall(TransportError):
    """The message is larger than the receiver has room for; it waits for one who has. `needed`: octets."""

    status = 0xC0000023
    name = "BUFFER_TOO_SMALL"

    def __init__(self, reason: str = "", *, data: bytes = b"", needed: int = 0) -> None:
        super().__init__(reason, data=data)
        self.needed = needed


class Canceled(TransportError):
    """The request was withdrawn, or the other side released it without an answer."""

    status = 0xC0000120
    name = "CANCELLED"


class InvalidParameter(TransportError):
    """What was asked for does not fit the port or the message."""

    status = 0xC000000D
    name = "INVALID_PARAMETER"


class InvalidPortAttributes(TransportError):
    """No port can have these attributes."""

    status = 0xC000002E
    name = "INVALID_PORT_ATTRIBUTES"


class ReplyMismatch(TransportError):
    """Nobody waits for this reply: the message is answered, released or canceled, or it is another port's."""

    status = 0xC000021F
    name = "REPLY_MESSAGE_MISMATCH"


class ReplyLost(Disconnected):
    """The server ended, or the connection did, before it had answered; whether it did what was asked is unknown."""

    status = 0xC0000253
    name = "LPC_REPLY_LOST"


class RequestsNotAllowed(TransportError):
    """The peer's port takes no requests."""

    status = 0xC0000707
    name = "LPC_REQUESTS_NOT_ALLOWED"


class BadFrame(TransportError):
    """The peer sent what no peer may send; the connection has been closed."""

    status = 0xC000003E
    name = "DATA_ERROR"


def _statuses(kind: type[TransportError]) -> dict[int, str]:
    """The names of the statuses of a kind of error, and of those of its kind."""
    names = {kind.status: kind.name}
    for narrower in kind.__subclasses__():
        names = _statuses(narrower) | names
    return names


STATUS_NAMES: Final = _statuses(TransportError) | {
    0x4000002E: "MESSAGE_RETRIEVED",
    0x40000030: "ALPC_CHECK_COMPLETION_LIST",
    0xC0000042: "INVALID_PORT_HANDLE",
    0xC000023F: "PORT_UNREACHABLE",
    0xC0000353: "PORT_NOT_SET",
    0xC0000700: "PORT_CLOSED",
    0xC0000701: "MESSAGE_LOST",
    0xC0000705: "LPC_RECEIVE_BUFFER_EXPECTED",
    0xC0000706: "LPC_INVALID_CONNECTION_USAGE",
    0xC000071A: "PORT_ALREADY_HAS_COMPLETION_LIST",
}
"""The statuses of ports by value ([MS-ERREF] 2.3): a refusing server may send any."""

_BY_ERRNO: Final[dict[int, type[TransportError]]] = {
    errno.EAGAIN: TimedOut,
    errno.EWOULDBLOCK: TimedOut,
    errno.ETIMEDOUT: Disconnected,  # of keepalive: the peer's machine has vanished
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
    if isinstance(error, TimeoutError) and error.errno is None:  # of the socket module
        return TimedOut(doing)
    if isinstance(error, socket.gaierror):
        return NameNotFound(f"{doing}: {error.strerror}")
    kind = _BY_ERRNO.get(error.errno or 0, TransportError)
    return kind(f"{doing}: {error.strerror or error}")


def not_sent(error: OSError) -> TransportError:
    """The error for a failed send, which says that nothing was sent."""
    failure = from_os_error(error, "sending")
    failure.sent = False
    return failure
