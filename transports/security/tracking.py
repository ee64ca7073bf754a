"""Who the messages of one connection come from: once and for all, or message by message.

With static tracking that is who connected. With dynamic tracking the kernel's word comes with each message
(SCM_CREDENTIALS): another process that was given the socket, or a user that has changed, is seen there. The kernel
tells the ids that a sender names, among its real, effective and saved ones, and the real ones where it names none.
"""

from __future__ import annotations

import itertools
from typing import Final, NamedTuple

from ..errors import BadFrame
from ..kernel import Credentials
from ..seam import Peer
from .quality import DEFAULT_QOS, SecurityQos
from .sid import Sid
from .token import OVERFLOW_UID, Token

SYSTEM_LUID: Final = 0x3E7
ANONYMOUS_LOGON_LUID: Final = 0x3E6
_NO_SESSION: Final = 0xFFFFFFFF
"""What Linux says of a process that nobody logged on for."""

_serials = itertools.count(1)


class TokenIds(NamedTuple):
    """The three LUIDs of NT's TOKEN attribute."""

    token_id: int
    """One for each connection."""
    authentication_id: int
    """One for each logon: Linux' session and user."""
    modified_id: int
    """Grows whenever a message comes from another process or user than the one before it."""


class Identity(NamedTuple):
    """Who sent a message."""

    peer: Peer
    ids: TokenIds
    changed: bool = False
    """It is not who connected."""

    @property
    def sid(self) -> Sid:
        """The user."""
        return Token.of(self.peer).user


class Tracker:
    """The identities of the messages of one connection. One thread at a time asks."""

    def __init__(self, peer: Peer, qos: SecurityQos = DEFAULT_QOS) -> None:
        """peer: who connected."""
        self.qos: Final = qos
        self._connected = peer
        self._last: tuple[int | None, int | None, int | None] = (peer.pid, peer.uid, peer.gid)
        self._identity = Identity(peer, TokenIds(next(_serials), _authentication_id(peer), 1))

    @property
    def last(self) -> Identity:
        """Who the last message was from; before there is any, who connected."""
        return self._identity

    def identity(self, credentials: Credentials | None = None) -> Identity:
        """Who a message is from that came with these. BadFrame where each needs some and this one has none."""
        if not self.qos.dynamic:
            return self._identity
        if credentials is None or not credentials.pid:
            raise BadFrame("a message that the kernel tells no sender of")
        if credentials != self._last:
            self._last = credentials
            self._identity = self._next(credentials)
        return self._identity

    def _next(self, credentials: Credentials) -> Identity:
        """The groups of who connected are those of nobody else, whose the kernel does not tell with a message."""
        connected, ids = self._connected, self._identity.ids
        changed = credentials != (connected.pid, connected.uid, connected.gid)
        peer = Peer(*credentials, None if changed else connected.groups, connected.address)
        token_ids = TokenIds(ids.token_id, _authentication_id(peer), ids.modified_id + 1)
        return Identity(peer, token_ids, changed)


def _authentication_id(peer: Peer) -> int:
    if peer.uid is None or peer.uid == OVERFLOW_UID:
        return ANONYMOUS_LOGON_LUID
    return SYSTEM_LUID if peer.uid == 0 else _session_of(peer.pid) << 32 | peer.uid


def _session_of(pid: int | None) -> int:
    """The audit session of a process; 0: none, or it has gone."""
    try:
        with open(f"/proc/{pid}/sessionid", encoding="ascii") as number:
            session = int(number.read())
    except (OSError, ValueError):
        return 0
    return 0 if session == _NO_SESSION else session
