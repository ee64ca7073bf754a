"""What a transport asks: who may come in, and whether a server is the one expected."""

from __future__ import annotations

import os

from ..errors import ServerSidMismatch
from ..kernel import Credentials
from ..seam import Peer
from .sddl import ACCESS_ALLOWED, GENERIC_ALL, Ace, SecurityDescriptor
from .sid import EVERYONE, LOCAL_SYSTEM, Sid, SidError


def default_descriptor() -> SecurityDescriptor:
    """Admits our own user and root."""
    own = Sid.of_user(os.geteuid())
    aces = tuple(Ace(ACCESS_ALLOWED, 0, GENERIC_ALL, identity) for identity in (own, LOCAL_SYSTEM))
    return SecurityDescriptor(own, None, aces)


def descriptor_of(security: str | SecurityDescriptor | None) -> SecurityDescriptor:
    """The descriptor that SDDL text says; None is the default. Raises SddlError."""
    if security is None:
        return default_descriptor()
    return SecurityDescriptor.parse(security) if isinstance(security, str) else security


def expected_uids(server_sid: str | Sid | None) -> frozenset[int] | None:
    """Users that a client takes a server from: by SID; None is ourselves or root, S-1-1-0 anybody (None).

    Raises SidError for a SID that no server on this machine can have.
    """
    if server_sid is None:
        return frozenset({0, os.geteuid()})
    expected = Sid.parse(server_sid) if isinstance(server_sid, str) else server_sid
    if expected == EVERYONE:
        return None
    if expected.uid is None:
        raise SidError(f"{expected} is not a user of this machine")
    return frozenset({expected.uid})


def check_activator(peer: Peer, expected: frozenset[int] | None) -> None:
    """`check_server` of who listens, before its verdict: root may have made the socket for somebody else."""
    check_server(peer, None if expected is None else expected | {0})


def check_answer(peer: Peer, credentials: Credentials | None, expected: frozenset[int] | None) -> None:
    """Raises ServerSidMismatch unless who gave the verdict is one of the users expected (None: anybody)."""
    if expected is not None and (credentials is None or credentials.uid not in expected):
        raise ServerSidMismatch(f"{peer.address} is answered by {credentials or 'nobody'}")


def check_server(peer: Peer, expected: frozenset[int] | None) -> None:
    """Raises ServerSidMismatch unless the process that listens is one of the users expected (None: anybody)."""
    if expected is not None and peer.uid not in expected:
        raise ServerSidMismatch(f"{peer.address} is served by user {peer.uid}")
