"""Tokens: everything a peer is, from what the kernel says of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..kernel import overflow_uid
from ..seam import Peer
from . import sid
from .sid import Sid

OVERFLOW_UID: Final = overflow_uid()
"""What the kernel calls a user that has no number in our user namespace: nobody we know."""


@dataclass(frozen=True, slots=True)
class Token:
    """A user, and every group it stands for."""

    user: Sid
    groups: frozenset[Sid]
    complete: bool = True
    """These are all its groups: for a denial it counts as a member of any, if not."""

    @classmethod
    def of(cls, peer: Peer) -> Token:
        """The token of a peer; one the kernel knows nothing of is anonymous, and not even part of Everyone."""
        if peer.uid is None or peer.uid == OVERFLOW_UID:
            return cls(sid.ANONYMOUS, frozenset())
        numbers = () if peer.gid is None else (peer.gid,)
        groups = {Sid.of_group(number) for number in (*numbers, *(peer.groups or ()))}
        groups |= {sid.EVERYONE, sid.AUTHENTICATED_USERS, sid.USERS}
        if peer.uid == 0:
            groups |= {sid.LOCAL_SYSTEM, sid.ADMINISTRATORS}
        return cls(Sid.of_user(peer.uid), frozenset(groups), peer.groups is not None)

    def holds(self, identity: Sid) -> bool:
        """Whether `identity` is this user or one of its groups."""
        return identity == self.user or identity in self.groups

    def may_hold(self, identity: Sid) -> bool:
        """Whether it does, or may, since the kernel has not told every group."""
        return self.holds(identity) or (not self.complete and identity.gid is not None)
