"""What connections carry, counted by whoever serves them, and added up for those that have ended.

A count is a Python integer: memory that others could read directly costs three times as much for each message. Who
wants to know asks the process (`alpc/inquiry.py`).
"""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass
from functools import reduce
from typing import Final, Generic, Protocol, TypeVar

_FIRST_SWEEP: Final = 64
"""Connections that are entered before we look for the first time which have ended."""


@dataclass(slots=True)
class Traffic:
    """What a connection has carried. Only the connection's own thread, or its loop, counts."""

    calls_in: int = 0
    """Calls of RPC."""
    packets_in: int = 0
    """PDUs, or messages."""
    packets_out: int = 0
    octets_in: int = 0
    octets_out: int = 0
    """Counted by ports: what messages carry, in views too; small calls with the 48 octets in front."""
    dropped: int = 0
    """[maybe] calls that did not run, since too many did."""

    def received(self, octets: int) -> None:
        """Count a message that came."""
        self.packets_in += 1
        self.octets_in += octets

    def called(self, octets: int) -> None:
        """Count a message that came and is a call."""
        self.calls_in += 1
        self.received(octets)

    def sent(self, octets: int) -> None:
        """Count a message that goes."""
        self.packets_out += 1
        self.octets_out += octets

    def __iadd__(self, other: Traffic) -> Traffic:
        """Count in what another connection has carried."""
        self.calls_in += other.calls_in
        self.packets_in += other.packets_in
        self.packets_out += other.packets_out
        self.octets_in += other.octets_in
        self.octets_out += other.octets_out
        self.dropped += other.dropped
        return self


class Counted(Protocol):
    """A connection that counts."""

    @property
    def traffic(self) -> Traffic:
        """What it has carried; always the same object."""
        ...

    def fileno(self) -> int:
        """Negative once it is closed."""
        ...


_Connection = TypeVar("_Connection", bound=Counted)


class Ledger(Generic[_Connection]):
    """The connections that a listener has accepted; of one that is gone only the counts stay. For any thread."""

    def __init__(self) -> None:
        self.accepted = 0
        """Connections there have been."""
        self._gone = Traffic()
        self._open: list[tuple[weakref.ref[_Connection], Traffic]] = []
        self._sweep_at = _FIRST_SWEEP
        self._lock = threading.Lock()

    def enter(self, connection: _Connection) -> _Connection:
        """Take note of a new connection."""
        with self._lock:
            self.accepted += 1
            self._open.append((weakref.ref(connection), connection.traffic))
            if len(self._open) >= self._sweep_at:
                self._sweep()
                self._sweep_at = max(_FIRST_SWEEP, 2 * len(self._open))
        return connection

    def present(self) -> list[_Connection]:
        """The connections that are open now."""
        with self._lock:
            self._sweep()
            return [connection for reference, _ in self._open if (connection := reference()) is not None]

    def total(self) -> Traffic:
        """What all have carried."""
        with self._lock:
            return reduce(Traffic.__iadd__, (self._gone, *(traffic for _, traffic in self._open)), Traffic())

    def _sweep(self) -> None:
        still: list[tuple[weakref.ref[_Connection], Traffic]] = []
        for reference, traffic in self._open:
            connection = reference()
            if connection is None or connection.fileno() < 0:
                self._gone += traffic
            else:
                still.append((reference, traffic))
        self._open = still
