"""A call with pipes on a blocking channel. Its twin for asyncio is `async_pipe_call.py`.

The call has its connection to itself from its first octet to the last (C706 4.2.14): it holds both turns of the
channel. It sends as far as there is room and reads what has come, each time more of its response is asked for; so it
waits only for the peer, and never for one direction while the other one could go on.

Each wait for the peer may take as long as a call; `deadline` bounds the call as a whole.
"""

from __future__ import annotations

import select
import time
from collections import deque
from typing import Final, Protocol

from ..status import ConnectionLost, DeadlineExceeded, ProtocolError, Ran, RpcError
from ..wire import FALSE_ROOM, Arrival, Back, Outcome, PipeWire, ready
from .outbox import Outbox
from .piping import Part, Pieces, at_once

FAREWELL: Final = 1.0
"""Seconds that giving up a call may take before it takes the connection with it."""
GLANCE: Final = 0.005
"""Seconds between two looks whether something has come while there is room to send."""


class Turns(Protocol):
    """What a call with pipes needs of its channel."""

    def take_turns(self, timeout: float) -> None:
        """Have the connection to oneself. DeadlineExceeded, PipeOrderError, ConnectionLost."""
        ...

    def give_turns(self) -> None:
        """Let others have it."""
        ...

    def deliver(self, arrival: Arrival) -> None:
        """Hand on what is another call's."""
        ...

    def end(self, error: RpcError) -> None:
        """The connection is over."""
        ...


class BlockingPipeCall:
    """timeout: seconds that the peer may be silent; until: when the call has to be over, None for no such time."""

    def __init__(
        self, turns: Turns, wire: PipeWire, opnum: int, pieces: Pieces, timeout: float, until: float | None
    ) -> None:
        self._turns = turns
        self._wire = wire
        self._opnum = opnum
        self._pieces = pieces
        self._timeout = timeout
        self._until = until
        self._outbox = Outbox(message_mode=wire.message_mode, numbered=wire.numbered)
        self._arrived: deque[Part | RpcError] = deque()
        self._key = 0
        self._sending = True
        self._over = False
        self._lied = False
        self._look = 0.0

    async def receive(self) -> Part:
        """The next part of the response."""
        try:
            if not self._key:
                self._begin()
            until = self._wait_until()
            while not self._arrived:
                if self._sending:
                    until = self._send(until)
                else:
                    self._sort(self._wire.receive(self._left(until)))
            arrived = self._arrived.popleft()
            if isinstance(arrived, RpcError):
                raise arrived
        except RpcError as error:
            self._fail(error)
            raise
        except BaseException:  # an interruption, or what the maker of the pieces raised
            self.close()
            raise
        if arrived.last:
            self.close()
        return arrived

    def close(self) -> None:
        """Give up the call, unless it has ended."""
        if self._over:
            return
        self._over = True
        try:
            at_once(self._pieces.aclose())
        finally:
            if self._key:
                self._say_farewell()
                self._turns.give_turns()

    # Steps

    def _begin(self) -> None:
        if self._over:
            raise ConnectionLost("the call was given up", ran=Ran.NO)
        self._turns.take_turns(self._left(self._wait_until()))
        try:
            self._key = self._wire.begin(self._opnum)
        except BaseException:
            self._turns.give_turns()
            raise

    def _send(self, until: float) -> float:
        """Send something, or wait for room or for something to read; until when the next wait may last."""
        if not self._outbox:
            self._compose()
            return self._wait_until()  # whoever makes the pieces takes his own time
        taken = self._wire.send_now(self._outbox.next())
        self._outbox.sent(taken)
        if not taken:
            self._wait(until)
            return until
        self._lied = False
        if time.monotonic() >= self._look:
            self._sort(self._wire.receive_now() or [])
            self._look = time.monotonic() + GLANCE
        return self._wait_until()

    def _compose(self) -> None:
        try:
            piece = at_once(self._pieces.__anext__())
        except StopAsyncIteration:
            self._sending = False
        except BaseException:  # not the connection's, whatever it is
            self.close()
            raise
        else:
            self._outbox.put(self._wire.more(self._key, piece))

    def _wait(self, until: float) -> None:
        if (arrivals := self._wire.receive_now()) is not None:  # the descriptor tells of what comes after this
            self._sort(arrivals)
            return
        left, descriptor = self._left(until), self._wire.fileno()
        events = select.POLLIN | (0 if self._lied else select.POLLOUT)
        found = ready(descriptor, events, min(left, FALSE_ROOM) if self._lied else left)
        self._lied = bool(found & select.POLLOUT)
        if found & ~select.POLLOUT:
            self._sort(self._wire.receive_now() or [])

    def _sort(self, arrivals: list[Arrival]) -> None:
        for key, outcome in arrivals:
            if key == self._key:
                self._arrived.append(part_of(outcome))
            else:
                self._turns.deliver((key, outcome))

    # Time

    def _wait_until(self) -> float:
        until = time.monotonic() + self._timeout
        return until if self._until is None else min(until, self._until)

    def _left(self, until: float) -> float:
        left = until - time.monotonic()
        if left <= 0:
            raise DeadlineExceeded("the server does not go on in time", ran=Ran.UNKNOWN if self._key else Ran.NO)
        return left

    # The end

    def _fail(self, error: RpcError) -> None:
        if self._key and not self._over and isinstance(error, ConnectionLost | ProtocolError):
            self._turns.end(error)
        self.close()

    def _say_farewell(self) -> None:
        """Tell the server that no more is sent or waited for, if it does not know."""
        until, outbox = time.monotonic() + FAREWELL, Outbox(message_mode=self._wire.message_mode)
        try:
            outbox.put([octets for octets in (*self._outbox.cut(), self._wire.given_up(self._key)) if octets])
            while outbox:
                taken = self._wire.send_now(outbox.next())
                outbox.sent(taken)
                if not taken:
                    for arrival in self._wire.receive_now() or ():
                        self._turns.deliver(arrival)
                    ready(self._wire.fileno(), select.POLLIN | select.POLLOUT, FALSE_ROOM)
                if time.monotonic() > until:
                    raise ConnectionLost("the server does not read what it is sent")
        except RpcError as error:
            self._turns.end(error)


def part_of(outcome: Outcome) -> Part | RpcError:
    """What has arrived of a call with pipes: a short response comes whole."""
    if isinstance(outcome, Back):
        return ProtocolError("a callback in the middle of a call with pipes")
    return outcome if isinstance(outcome, Part | RpcError) else Part(*outcome, last=True)
