r"""Named pipes of this machine, in message mode: `\\.\pipe\calc`, held as `\Device\NamedPipe\calc`.

A pipe is a SEQPACKET socket under an object name (`namespace.py`); a write is one message and a read gives one
whole message. Who may connect is said by a security descriptor, checked when a client is accepted.
"""

from __future__ import annotations

import re
import socket
import time
from typing import Final

from .. import forking, namespace, security, unix
from ..claim import Claim
from ..errors import NameInvalid
from ..sockets import Acceptor

DIRECTORY: Final = r"\Device\NamedPipe"
TYPE: Final = "NamedPipe"
BACKLOG: Final = 128
MAX_MESSAGE: Final = 65536
"""Octets in one message."""

_PREFIX: Final = re.compile(r"(\\\\\.)?\\pipe\\|\\Device\\NamedPipe\\", re.IGNORECASE)
_FORBIDDEN: Final = re.compile(r"[\\/:\0]")


def pipe_name(address: str) -> str:
    r"""The name in `\\.\pipe\name`, `\pipe\name` or `name`. Raises NameInvalid."""
    prefix = _PREFIX.match(address)
    name = address[prefix.end() :] if prefix else address
    if not 0 < len(name) <= namespace.MAX_COMPONENT or name in (".", "..") or _FORBIDDEN.search(name):
        raise NameInvalid(f"{address!r} is not the name of a pipe")
    return name


def connect(
    address: str, timeout: float | None = 30.0, *, server_sid: str | security.Sid | None = None
) -> unix.PacketConnection:
    """Opens the client's end of a pipe held by `server_sid`: a user's SID; None is ourselves or root, S-1-1-0 anybody.

    Raises NameNotFound, AccessDenied, ServerSidMismatch, NameInvalid, TimedOut.
    """
    name = pipe_name(address)
    owners = security.expected_uids(server_sid)
    connected = namespace.current(DIRECTORY).connect(name, owners, timeout, TYPE)
    peer = unix.peer_of(connected, f"{DIRECTORY}\\{name}")
    try:
        security.check_server(peer, owners)
    except BaseException:
        connected.close()
        raise
    return unix.PacketConnection(connected, peer, MAX_MESSAGE)


def listen(
    address: str,
    *,
    security: str | security.SecurityDescriptor | None = None,
    adopted: socket.socket | None = None,
) -> PipeListener:
    """Creates a pipe. `security` is SDDL; None admits our own user and root.

    adopted: a socket that somebody made for us under the name, and keeps. Raises NameCollision, NameInvalid,
    AccessDenied, SddlError.
    """
    return PipeListener(pipe_name(address), security, adopted)


def list_pipes() -> list[str]:
    """The names of the pipes that have a server."""
    return namespace.current(DIRECTORY).list()


class PipeListener:
    """A pipe's server; keeps `seam.Listener`. Clients without the right to read and write are dropped."""

    def __init__(
        self, name: str, protection: str | security.SecurityDescriptor | None, adopted: socket.socket | None = None
    ) -> None:
        self._security = security.descriptor_of(protection)
        self._claim: Claim = namespace.current(DIRECTORY).claim(name, TYPE, str(self._security))
        access = security.socket_access(self._security)
        self._acceptor: Acceptor = self._claim.acceptor(access.mode, BACKLOG, adopted, access.acl)
        self.address = name
        forking.watch(self)

    def accept(self, timeout: float | None = None) -> unix.PacketConnection:
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            remaining = None if deadline is None else deadline - time.monotonic()
            if (admitted := self._admit(self._acceptor.accept(remaining))) is not None:
                return admitted

    def accept_now(self) -> unix.PacketConnection | None:
        while (accepted := self._acceptor.accept_now()) is not None:
            if (admitted := self._admit(accepted)) is not None:
                return admitted
        return None

    def fileno(self) -> int:
        return self._acceptor.fileno()

    def close(self) -> None:
        self._claim.close()
        self._acceptor.close()

    def abandon(self) -> None:
        self._claim.abandon()
        self._acceptor.abandon()

    def inherit(self) -> None:
        self._claim.abandon()
        self._acceptor.inherit()

    def _admit(self, accepted: socket.socket) -> unix.PacketConnection | None:
        peer = unix.peer_of(accepted, self._claim.name)
        token = security.Token.of(peer)
        if security.access_check(self._security, token, security.PIPE_CONNECT, security.PIPE_RIGHTS):
            return unix.PacketConnection(accepted, peer, MAX_MESSAGE)
        accepted.close()
        return None
