"""Who is turned away at the door: users, or addresses, whose connections come and go without a call.

Somebody who floods a server with connections that are not meant to be served would cost its clients their time, were
each of them admitted. A few are everybody's: what looks whether a server is there, and what asks for an interface that
it has not.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from ...transports.seam import Peer
from ..call import Caller
from ..journal import note

FORGIVEN: Final = 20.0
"""Of the connections that count against a user, so many are forgotten each second."""
MAX_USERS: Final = 1024
"""Users that are remembered; of more, the one is forgotten that has not come for the longest time."""
AT_ONCE: Final = 2
"""Connections turned away before there is a rest: turning away is work too."""
REST: Final = 0.005
"""Seconds of it."""


def user_of(caller: Caller | Peer) -> object:
    """Whom a connection counts for: the user where the kernel tells, else the address."""
    return caller.address.rpartition(":")[0] if caller.uid is None else f"uid {caller.uid}"


class Door:
    """Counts connections that ended without a call. Any thread may ask.

    most: how many a user may have, besides those that are forgiven. clock: seconds.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._against: dict[object, tuple[float, float]] = {}
        """For each user how many count, and when that was so."""
        self._turned_away = 0
        self._lock = threading.Lock()

    def count(self, user: object) -> None:
        """A connection of this user has ended without a call."""
        with self._lock:
            level = self._level(user)
            if level < self._most <= level + 1:
                note("limit", peer=str(user), reason="too many connections come without a call", limit="max_idlers",
                     value=self._most)  # fmt: skip
            self._against.pop(user, None)
            self._against[user] = level + 1, self._clock()
            if len(self._against) > MAX_USERS:
                del self._against[next(iter(self._against))]

    def is_shut(self, peer: Peer) -> bool:
        """Is this peer to be turned away?"""
        return bool(self._against) and self._level(user_of(peer)) >= self._most

    def rest(self) -> float:
        """One has been turned away: how many seconds to accept nobody."""
        self._turned_away += 1
        return 0.0 if self._turned_away % AT_ONCE else REST

    def _level(self, user: object) -> float:
        level, at = self._against.get(user, (0.0, 0.0))
        return max(level - FORGIVEN * (self._clock() - at), 0.0) if level else 0.0
