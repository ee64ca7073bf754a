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
from .status import ConnectionLost, DeadlineExceeded, ProtocolError, Ran, RpcError
from .stub import Octets, Reply
from .wire import Arrival, Outcome, Wire


class _Slot:
    """A thread that waits for its outcome, or for its turn to read."""

    __slots__ = ("outcome", "wake")

    def __init__(self) -> None:
        self.outcome: Outcome | None = None
        self.wake = threading.Lock()
        self.wake.acquire()


def settled(outcome: Outcome) -> Reply:
    """The response of a call, or its error."""
    if isinstance(outcome, RpcError):
        try:
            raise outcome
        finally:
            del outcome  # or the error's traceback would hold the error, and what its frames hold, in a circle
    return outcome


def dropped(outcome: Outcome) -> None:
    """Nobody waits for this outcome any more: give back the memory that it is in."""
    if not isinstance(outcome, RpcError) and outcome[2] is not None:
        outcome[2]()


def ended(error: RpcError) -> RpcError:
    """What the end of a connection means to a call that waits: it may have run, whatever the error says of another."""
    kind = ProtocolError if isinstance(error, ProtocolError) else ConnectionLost
    return kind(str(error))


class BlockingChannel:
    """Calls that block. timeout: seconds that a call may take, unless `deadline` says less."""

    def __init__(self, wire: Wire, timeout: float) -> None:
        self.encoding: Encoding = wire.encoding
        self._wire = wire
        self._timeout = timeout
        self._sending = wire.sending
        self._reading = threading.Lock()
        self._waiting: dict[int, _Slot] = {}
        self._broken: RpcError | None = None

    def call(self, opnum: int, parts: Sequence[Octets]) -> Reply:
        """Send a request and wait for its response."""
        timeout = remaining(self._timeout)
        if self._waiting or not self._reading.acquire(False):
            return self._together(opnum, parts, timeout)
        try:  # nobody else is here: no slot and no clock
            if self._broken is not None:
                raise self._over()
            key, arrived = self._wire.exchange(opnum, parts, timeout)
            return arrived if isinstance(arrived, tuple) else settled(self._read(key, None, timeout, arrived))
        except RpcError as error:
            arrived = []  # of which the error is one: no circle
            self._weigh(error)
            raise
        finally:
            self._reading.release()
            if self._waiting:
                self._promote()

    def close(self) -> None:
        """Give up the connection; calls that wait fail."""
        self._break(ConnectionLost("the client closed the connection"))

    # Sharing

    def _together(self, opnum: int, parts: Sequence[Octets], timeout: float) -> Reply:
        """A call while other threads have theirs."""
        until, slot, key = time.monotonic() + timeout, _Slot(), 0
        if not self._sending.acquire(timeout=timeout):
            raise DeadlineExceeded("another call was still being sent", ran=Ran.NO)
        try:
            if self._broken is not None:
                raise self._over()
            message = self._wire.compose(opnum, parts)
            key = message.key
            self._waiting[key] = slot
            self._wire.send(message, until - time.monotonic())
        except RpcError as error:
            self._waiting.pop(key, None)
            self._weigh(error)
            raise
        finally:
            self._sending.release()
        return settled(self._follow(key, slot, until))

    def _follow(self, key: int, slot: _Slot, until: float) -> Outcome:
        """Wait for the outcome or for the turn to read."""
        try:
            while slot.outcome is None:
                left = max(until - time.monotonic(), 0.001)
                if self._reading.acquire(False):
                    try:
                        return slot.outcome or self._read(key, slot, left, [])
                    finally:
                        self._reading.release()
                elif not slot.wake.acquire(timeout=left) and slot.outcome is None:
                    self._abandon(key)
                    raise DeadlineExceeded("no answer in time")
            return slot.outcome
        finally:
            slot.outcome = None
            self._waiting.pop(key, None)
            if self._waiting:
                self._promote()

    def _read(self, key: int, slot: _Slot | None, timeout: float, arrived: list[Arrival]) -> Outcome:
        """With the reading lock held: read until the outcome of `key` is there, and hand to others what is theirs."""
        until = time.monotonic() + timeout
        try:
            while (outcome := self._sort(key, arrived)) is None:
                if slot is not None and slot.outcome is not None:
                    return slot.outcome
                left = until - time.monotonic()
                if left <= 0:  # whatever it is that keeps arriving
                    raise DeadlineExceeded("no answer in time")
                arrived = self._wire.receive(left)
            return outcome
        except (DeadlineExceeded, KeyboardInterrupt):  # the answer may still come, to nobody
            self._abandon(key)
            raise
        except RpcError as error:
            self._break(error)
            raise

    def _sort(self, key: int, arrivals: list[Arrival]) -> Outcome | None:
        """Hand outcomes to those who wait; the one of `key` is returned."""
        own: Outcome | None = None
        for arrived, outcome in arrivals:
            if arrived == key:
                own = outcome
            else:
                self._deliver(arrived, outcome)
        return own

    def _deliver(self, key: int, outcome: Outcome) -> None:
        slot = self._waiting.pop(key, None)
        if slot is not None:
            slot.outcome = outcome
            _wake(slot)
        else:
            dropped(outcome)

    def _promote(self) -> None:
        """Wake one that waits, to read in its turn."""
        for slot in list(self._waiting.values()):
            _wake(slot)
            return

    # Failing

    def _over(self) -> ConnectionLost:
        return ConnectionLost(f"the connection had ended before: {self._broken}", ran=Ran.NO)

    def _weigh(self, error: RpcError) -> None:
        """A connection survives a call that was late, that a fault answered, or that never left."""
        if isinstance(error, ConnectionLost | ProtocolError):
            self._break(error)

    def _abandon(self, key: int) -> None:
        """Tell the server, unless that would have to wait for a call that is being sent."""
        if not self._sending.acquire(False):
            return
        try:
            self._wire.abandon(key)
        except RpcError as error:
            self._break(error)
        finally:
            self._sending.release()

    def _break(self, error: RpcError) -> None:
        """The connection is over: everybody who waits learns why."""
        self._broken = self._broken or error
        self._wire.close()
        for key in list(self._waiting):
            self._deliver(key, ended(error))


def _wake(slot: _Slot) -> None:
    if slot.wake.locked():
        try:
            slot.wake.release()
        except RuntimeError:  # another thread woke it first
            return
