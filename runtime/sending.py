"""How a blocking client sends a call, to a server that may read nothing before it has been read from.

The half of `channel.py` that has to do with room: whoever has none takes what has come meanwhile, if nobody else reads.
"""

from __future__ import annotations

import abc
import select
import threading
import time
from typing import Final

from .status import ConnectionLost, DeadlineExceeded, ProtocolError, Ran, RpcError
from .wire import FALSE_ROOM, Message, Outcome, Wire, ready

GLANCE: Final = 0.05
"""Seconds that a sender without room waits before it looks whether the turn to read has become free."""
MAX_LAST: Final = 1024
"""Messages that are looked through for the answer to a call that could not be sent to its end."""


class Slot:
    """A call's outcome, and a thread that waits for it, or for its turn to read."""

    __slots__ = ("outcome", "wake")

    def __init__(self) -> None:
        self.outcome: Outcome | None = None
        self.wake = threading.Lock()
        self.wake.acquire()


class Sending(abc.ABC):
    """The sending half of a channel."""

    _wire: Wire
    _reading: threading.Lock
    """The turn to read."""
    _waiting: dict[int, Slot]

    @abc.abstractmethod
    def _deliver(self, key: int, outcome: Outcome) -> None:
        """Hand an outcome to the call that waits for it."""

    @abc.abstractmethod
    def _promote(self) -> None:
        """Wake one that waits, to read in its turn."""

    @abc.abstractmethod
    def _weigh(self, error: RpcError, *, awaited: bool = False) -> None:
        """End the connection, if it does not survive this error."""

    @abc.abstractmethod
    def _break(self, error: RpcError) -> None:
        """The connection is over."""

    def _transmit(self, message: Message, slot: Slot, timeout: float, *, reading: bool) -> float:
        """With the turn to send, and perhaps (`reading`) that to read: send a call. The seconds that are left for it.

        Whoever has no room takes what has come meanwhile. The outcome of this very call, a fault perhaps, goes to
        `slot` and counts, whatever becomes of the sending.
        """
        until, gone, promised, turn = 0.0, 0, -1, reading
        sending = self._wire.transmitting(message)
        try:
            for gone in sending:
                until = until or time.monotonic() + timeout
                turn = turn or self._reading.acquire(False)
                if not (turn and self._take(message.key, slot, gone)):  # the descriptor tells of what comes after this
                    promised = gone if self._room(turn, promised == gone, gone, until) else -1
            return until - time.monotonic() if until else timeout
        except RpcError as error:
            turn = turn or self._reading.acquire(False)
            if turn and isinstance(error, ConnectionLost):
                self._search(message.key, slot)
            if gone:  # part of a call: nothing sensible can follow
                self._break(error)
            self._weigh(error, awaited=not turn or len(self._waiting) > (message.key in self._waiting))
            if slot.outcome is None or isinstance(slot.outcome, ConnectionLost | ProtocolError):
                raise
            return 0.0
        except BaseException:  # an interruption, perhaps in the middle of a message
            self._break(ConnectionLost("a call was interrupted while it was sent"))
            raise
        finally:
            sending.close()
            if turn and not reading:
                self._reading.release()
                if self._waiting:
                    self._promote()

    def _room(self, turn: bool, lied: bool, gone: int, until: float) -> bool:
        """Wait for room to send or, with the turn to read, for something to read; is there room?

        lied: room was promised before and there was none.
        """
        left = until - time.monotonic()
        if left <= 0:
            raise DeadlineExceeded("no room to send it in time", ran=_ran(gone))
        events = (select.POLLIN if turn else 0) | (0 if lied else select.POLLOUT)
        return bool(ready(self._wire.fileno(), events, min(left, FALSE_ROOM if lied else GLANCE)) & select.POLLOUT)

    def _take(self, key: int, slot: Slot, gone: int) -> bool:
        """With the turn to read: hand out what has come, if anything has."""
        try:
            arrivals = self._wire.receive_now()
        except RpcError as error:
            error.ran = _ran(gone)
            raise
        for arrived, outcome in arrivals or ():
            if arrived == key and slot.outcome is None:
                self._waiting.pop(key, None)
                slot.outcome = outcome
            else:
                self._deliver(arrived, outcome)
        return arrivals is not None

    def _search(self, key: int, slot: Slot) -> None:
        """The server is gone: it may have said before why it would not take the call."""
        try:
            for _ in range(MAX_LAST):
                if slot.outcome is not None or not self._take(key, slot, 0):
                    return
        except RpcError:  # the end, which is known
            return


def _ran(gone: int) -> Ran:
    """What a failure in the middle of sending means to the call, of which so many octets have gone."""
    return Ran.UNKNOWN if gone else Ran.NO


def wake(slot: Slot) -> None:
    """Let a thread look whether there is something for it."""
    if slot.wake.locked():
        try:
            slot.wake.release()
        except RuntimeError:  # another thread woke it first
            return
