"""Who is connected to a server: counted in when accepted, counted out when gone. Any thread may do either."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Final

from ...transports.traffic import Traffic
from ..call import Limits
from ..journal import note
from ..session import Session
from .door import Door, user_of

PAUSE: Final = 0.1
"""Seconds to wait before accepting again when the machine is out of descriptors."""


class Guests:
    """The connections of one server.

    drop: ends the connection of somebody who has been here for long and has not asked for an interface.
    """

    def __init__(self, limits: Limits, drop: Callable[[Session], None]) -> None:
        self.sessions: set[Session] = set()
        self.users: Counter[object] = Counter()
        self.gone = Traffic()
        """What the connections carried that have ended."""
        self._one_way: Counter[object] = Counter()
        """Calls without answers that run, by user."""
        self.door = Door(limits.max_idlers)
        self._limits = limits
        self._drop = drop
        self._strangers: dict[Session, None] = {}
        """The oldest first; some may have bound since."""
        self._closed = False
        self._lock = threading.Lock()

    def admit(self, session: Session) -> bool:
        """Count a connection in, unless its user has too many or the server stops. An older stranger may have to go."""
        user, surplus = user_of(session.caller), list[Session]()
        with self._lock:
            if self._closed:
                return False
            admitted = self.users[user] < self._limits.max_connections
            if admitted:
                self.users[user] += 1
                self.sessions.add(session)
                self._strangers[session] = None
                surplus = self._surplus()
        if not admitted:
            self._note(session, f"{user} is refused", "max_connections", self._limits.max_connections)
            return False
        note("accepted", peer=str(session.caller))
        for stranger in surplus:
            self._note(
                stranger, "it has bound nothing and another one comes", "max_strangers", self._limits.max_strangers
            )
            self._drop(stranger)
        return True

    def dismiss(self, session: Session) -> None:
        """Count a connection out."""
        user = user_of(session.caller)
        if not session.traffic.calls_in:
            self.door.count(user)
        with self._lock:
            self.sessions.discard(session)
            self._strangers.pop(session, None)
            self.gone += session.traffic
            self.users[user] -= 1
            if not self.users[user]:
                del self.users[user]

    def begin_one_way(self, session: Session) -> bool:
        """Count in a call without an answer, unless too many of its user run."""
        user = user_of(session.caller)
        if self._one_way[user] >= self._limits.max_one_way:
            if not session.traffic.dropped:
                self._note(session, f"{user} sends more than is served", "max_one_way", self._limits.max_one_way)
            return False
        self._one_way[user] += 1
        return True

    def end_one_way(self, session: Session) -> None:
        """Count it out."""
        user = user_of(session.caller)
        self._one_way[user] -= 1
        if not self._one_way[user]:
            del self._one_way[user]

    def close(self) -> list[Session]:
        """Admit nobody any more; who is there."""
        with self._lock:
            self._closed = True
            return list(self.sessions)

    def present(self) -> list[Session]:
        """Who is there."""
        with self._lock:
            return list(self.sessions)

    def traffic(self) -> Traffic:
        """What all connections have carried, those that have ended too."""
        total = Traffic()
        with self._lock:
            total += self.gone
            for session in self.sessions:
                total += session.traffic
        return total

    def _surplus(self) -> list[Session]:
        """The strangers that are too many, the oldest."""
        if len(self._strangers) <= self._limits.max_strangers:
            return []
        self._strangers = {session: None for session in self._strangers if not session.bound}
        surplus = [*self._strangers][: max(len(self._strangers) - self._limits.max_strangers, 0)]
        for session in surplus:
            del self._strangers[session]
        return surplus

    def _note(self, session: Session, reason: str, limit: str, value: int) -> None:
        note("limit", peer=str(session.caller), reason=reason, limit=limit, value=value)
