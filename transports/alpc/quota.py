"""Quotas: what all connections of one user make a server hold, together. Its counterpart is whoever floods.

NT charges the messages of a port to its owner's pool. Here each user who connects to a port has an account of each kind
there, over all connections; PortAttributes bounds each connection besides. Rules of this file:
- what comes is charged after the fact, since it has come: a pool that is full stops the reading until half is left;
- what is about to be held is charged before, and refused with QUOTA_EXCEEDED;
- an account is given back to by whatever lets go, even the collector of garbage, in the middle of anything.
"""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ..errors import QuotaExceeded
from ..kernel import unsent

MESSAGE_COST: Final = 512
"""Octets that a message counts for in a pool, beside its data."""
HANDLE_COST: Final = 256 << 10
"""Octets that a descriptor counts for in a pool: a user's holds 512, half of what a process has by default."""
SECTION_COST: Final = 16 << 20
"""Octets that a section counts for beside its own: each is a mapping, and a process has 65,530."""

_lock: Final = threading.RLock()  # over all accounts; entered twice where garbage is collected within
if hasattr(os, "register_at_fork"):  # nobody else has it in the child, where ports are abandoned
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


@dataclass(frozen=True, slots=True)
class QuotaLimits:
    """What one user may make a port hold, over all connections."""

    pool_usage: int = 128 << 20
    """Octets of messages that wait, of the user's and for it; nothing more is read from it until half is left."""
    section_size: int = 24 << 30
    """Octets of the user's sections that are mapped: each of 256 connections may have its usual one."""
    view_size: int = 4 << 30
    """Octets of views that were sent to the user and not given back."""
    handles: int = 256
    """Descriptors that were sent to the user and not taken: Linux charges them to us, a quarter of 1,024."""


class Account:
    """So much of one thing, for any thread."""

    __slots__ = ("_most", "full", "used")

    def __init__(self, most: int) -> None:
        self.used = 0
        self.full = False
        """It is used up, and has been since; half of it makes it free again."""
        self._most = most

    def take(self, amount: int) -> None:
        """Charges what is about to be held. Raises QuotaExceeded, and charges nothing."""
        with _lock:
            if self.used + amount > self._most:
                raise QuotaExceeded(f"{amount} more than {self.used} of {self._most} for this user")
            self.used += amount

    def add(self, amount: int) -> None:
        """Charges what is held already."""
        with _lock:
            self.used += amount
            if self.used >= self._most:
                self.full = True

    def give(self, amount: int) -> bool:
        """Gives back; whether it was full and is not any more."""
        with _lock:
            self.used -= amount
            if not self.full or self.used > self._most // 2:
                return False
            self.full = False
            return True


class Pool:
    """Messages that wait in one place: bounded by themselves, and by their user's account."""

    __slots__ = ("_account", "_most", "_resume", "size")

    def __init__(self, account: Account, most: int, resume: Callable[[], None] | None) -> None:
        """most: octets here. resume: called when the account was full and is not any more."""
        self.size = 0
        self._account = account
        self._most = most
        self._resume = resume

    @property
    def full(self) -> bool:
        """No more is to be read."""
        return self.size >= self._most or self._account.full

    def take(self, cost: int) -> None:
        """One more is to wait. Raises QuotaExceeded."""
        if self.size + cost > self._most:
            raise QuotaExceeded(f"{cost} octets more than {self.size} that wait already")
        self._account.take(cost)
        self.size += cost

    def add(self, cost: int) -> None:
        """One more has come, and waits."""
        self.size += cost
        self._account.add(cost)

    def give(self, cost: int) -> None:
        """One waits no more."""
        self.size -= cost
        if self._account.give(cost) and self._resume is not None:
            self._resume()


class Flight:
    """Descriptors that one end has sent, and that its peer is not known to have taken."""

    __slots__ = ("_account", "_count")

    def __init__(self, account: Account) -> None:
        self._account = account
        self._count = 0

    def take(self, count: int, connected: int) -> None:
        """Charges those that the peer will have to take, and no more those that it has. Raises QuotaExceeded."""
        with _lock:
            if self._count and not unsent(connected):
                self.land()
            self._account.take(count)
            self._count += count

    def land(self, count: int | None = None) -> None:
        """So many, or all, are on their way no more."""
        with _lock:
            landed = self._count if count is None else min(count, self._count)
            self._count -= landed
            self._account.give(landed)


class UserQuota:
    """The accounts of one user at one port."""

    __slots__ = ("__weakref__", "handles", "pool", "sections", "views")

    def __init__(self, limits: QuotaLimits) -> None:
        self.pool: Final = Account(limits.pool_usage)
        """Messages that wait, with their descriptors."""
        self.sections: Final = Account(limits.section_size)
        """Sections of the user's that are mapped."""
        self.views: Final = Account(limits.view_size)
        """Views that the user has of ours."""
        self.handles: Final = Account(limits.handles)
        """Descriptors that the user has been sent and has not taken."""


DEFAULT_LIMITS: Final = QuotaLimits()
UNLIMITED: Final = UserQuota(QuotaLimits(sys.maxsize, sys.maxsize, sys.maxsize, sys.maxsize))
"""That of servers, at their clients, who have chosen them."""


class Quotas:
    """Of one port: who has connections there has a quota. One thread at a time asks."""

    def __init__(self, limits: QuotaLimits) -> None:
        self._limits = limits
        self._users: weakref.WeakValueDictionary[int | None, UserQuota] = weakref.WeakValueDictionary()

    def of(self, uid: int | None) -> UserQuota:
        """The quota of a user."""
        quota = self._users.get(uid)
        if quota is None:
            quota = self._users[uid] = UserQuota(self._limits)
        return quota
