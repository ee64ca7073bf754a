"""A wire shared by its callers, in the blocking face. Its twin for asyncio is `async_channel.py`.

The calling thread sends and receives itself. Threads that share a channel take turns at reading: the one that
reads hands others their outcomes, and on leaving wakes one that still waits (leader and followers).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from .call import remaining
from .ndr.layout import Encoding
from .status import ConnectionLost, DeadlineExceeded, Ran, RpcError
from .stub import Octets, Reply
from .wire import Outcome, Wire


class _Slot:
    """A thread that waits for its outcome, or for its turn to read."""

    __slots__ = ("outcome", "wake")

    def __init__(self) -> None:
        self.outcome: Outcome | None = None
        self.wake: threading.Lock | None = None


def settled(outcome: Outcome) -> Reply:
    """The response of a call, or its error."""
    if isinstance(outcome, RpcError):
        raise outcome
    return outcome


class BlockingChannel:
    """Calls that block. timeout: seconds that a call may take, unless `deadline` says less."""

    def __init__(self, wire: Wire, timeout: float) -> None:
        self.encoding: Encoding = wire.encoding
        self._wire = wire
        self._timeout = timeout
        self._sending = threading.Lock()
        self._reading = threading.Lock()
        self._waiting: dict[int, _Slot] = {}
        self._broken: RpcError | None = None

    def call(self, opnum: int, parts: Sequence[Octets]) -> Reply:
        """Send a request and wait for its response."""
        timeout = remaining(self._timeout)
        slot = _Slot()
        with self._sending:
            if self._broken is not None:
                raise ConnectionLost(f"the connection had ended before: {self._broken}", ran=Ran.NO)
            message = self._wire.compose(opnum, parts)
            self._waiting[message.key] = slot
            try:
                self._wire.send(message, timeout)
            except RpcError as error:
                del self._waiting[message.key]
                self._break(error)
                raise
        if self._reading.acquire(blocking=False):
            return settled(self._lead(message.key, slot, timeout, None))
        return settled(self._follow(message.key, slot, time.monotonic() + timeout))

    def close(self) -> None:
        """Give up the connection; calls that wait fail."""
        self._break(ConnectionLost("the client closed the connection"))

    def _lead(self, key: int, slot: _Slot, timeout: float, until: float | None) -> Outcome:
        """Read, with the reading lock held, until the own outcome is there."""
        try:
            arrivals = self._wire.receive(timeout)
            while True:
                for arrived, outcome in arrivals:
                    if arrived == key:
                        slot.outcome = outcome
                    else:
                        self._deliver(arrived, outcome)
                if slot.outcome is not None:
                    self._waiting.pop(key, None)
                    return slot.outcome
                until = until or time.monotonic() + timeout
                arrivals = self._wire.receive(max(until - time.monotonic(), 0.001))
        except DeadlineExceeded:
            self._abandon(key)
            raise
        except RpcError as error:
            self._break(error)
            raise
        except BaseException:  # KeyboardInterrupt: the answer may still come, to nobody
            self._abandon(key)
            raise
        finally:
            self._reading.release()
            if self._waiting:
                self._promote()

    def _follow(self, key: int, slot: _Slot, until: float) -> Outcome:
        """Wait for the outcome or for the turn to read."""
        slot.wake = threading.Lock()
        slot.wake.acquire()
        while slot.outcome is None:
            if self._reading.acquire(blocking=False):
                if slot.outcome is not None:
                    self._reading.release()
                    self._promote()
                    break
                return self._lead(key, slot, max(until - time.monotonic(), 0.001), until)
            if not slot.wake.acquire(timeout=max(until - time.monotonic(), 0)) and slot.outcome is None:
                self._abandon(key)
                raise DeadlineExceeded("no answer in time")
        self._waiting.pop(key, None)
        return slot.outcome

    def _deliver(self, key: int, outcome: Outcome) -> None:
        slot = self._waiting.pop(key, None)
        if slot is not None:
            slot.outcome = outcome
            _wake(slot)

    def _promote(self) -> None:
        """Wake one that waits, to read in its turn."""
        for slot in list(self._waiting.values()):
            if slot.wake is not None:
                _wake(slot)
                return

    def _abandon(self, key: int) -> None:
        if self._waiting.pop(key, None) is not None:
            with self._sending:
                self._wire.abandon(key)

    def _break(self, error: RpcError) -> None:
        """The connection is over: everybody who waits learns why."""
        self._broken = self._broken or error
        self._wire.close()
        for key in list(self._waiting):
            self._deliver(key, type(error)(*error.args, ran=error.ran) if isinstance(error, ConnectionLost) else error)


def _wake(slot: _Slot) -> None:
    wake = slot.wake
    if wake is not None and wake.locked():
        try:
            wake.release()
        except RuntimeError:  # somebody else woke it first
            return
