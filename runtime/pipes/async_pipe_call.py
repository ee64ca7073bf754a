"""A call with pipes on a channel for asyncio. Its twin is `pipe_call.py`.

A task sends the request while its response comes in. The call has its connection to itself; what has come of its
response waits here up to `FULL` octets, and then the connection is not read until some of it has been taken.

The peer may be silent for as long as a call may take, each time; `deadline` bounds the call as a whole.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Final, Protocol

from ..status import ConnectionLost, DeadlineExceeded, ProtocolError, Ran, RpcError
from ..wire import Outcome, PipeWire
from .outbox import Outbox
from .pipe_call import FAREWELL, part_of
from .piping import Part, Piece, Pieces

FULL: Final = 1 << 18
"""Octets of a response that may wait for whoever reads it: two reads."""

_KEPT: Final[set[asyncio.Task[None]]] = set()
"""Tasks that nobody waits for; the loop alone would let go of them."""


class AsyncTurns(Protocol):
    """What a call with pipes needs of its channel."""

    async def take_turns(self, call: AsyncioPipeCall) -> None:
        """Have the connection to oneself. PipeOrderError, ConnectionLost."""
        ...

    def disown(self) -> None:
        """Its task may make calls again, which wait for their turns."""
        ...

    def give_turns(self) -> None:
        """Let others have it."""
        ...

    async def room(self) -> None:
        """Wait until more can be sent."""
        ...

    def read(self, on: bool) -> None:
        """Go on or stop to read the connection."""
        ...

    def end(self, error: RpcError) -> None:
        """The connection is over."""
        ...


class AsyncioPipeCall:
    """timeout: seconds that the peer may be silent; until: when the call has to be over, None for no such time."""

    def __init__(
        self, turns: AsyncTurns, wire: PipeWire, opnum: int, pieces: Pieces, timeout: float, until: float | None
    ) -> None:
        self._turns = turns
        self._wire = wire
        self._opnum = opnum
        self._pieces = pieces
        self._timeout = timeout
        self._until = until
        self._loop = asyncio.get_running_loop()
        self._outbox = Outbox(message_mode=wire.message_mode, numbered=wire.numbered)
        self._arrived: deque[Part | BaseException] = deque()
        self._size = 0
        self._task: asyncio.Task[None] | None = None
        self._wake: asyncio.Future[None] | None = None
        self._progress = time.monotonic()
        self._making = False
        """The next piece is being made, which is not the peer's time."""
        self._over = False
        self.key = 0
        """What the parts of its response are known by; 0 before it has begun."""

    async def receive(self) -> Part:
        """The next part of the response."""
        try:
            self._progress = time.monotonic()
            if not self.key:
                await self._begin()
            while not self._arrived:
                await self._wait()
            arrived = self._arrived.popleft()
            if isinstance(arrived, BaseException):
                raise arrived
        except BaseException:
            self.close()
            raise
        self._size -= len(arrived.stub)
        if arrived.last:
            self.close()
        elif self._size < FULL:
            self._turns.read(on=True)
        return arrived

    def deliver(self, outcome: Outcome) -> None:
        """The channel has read something of this call."""
        part = part_of(outcome)
        self._put(part)
        if isinstance(part, Part):
            self._size += len(part.stub)
            if self._size >= FULL:
                self._turns.read(on=False)

    def close(self) -> None:
        """Give up the call, unless it has ended."""
        if self._over or self._loop.is_closed():
            return
        if not _runs_here(self._loop):  # collected as garbage in another thread
            self._loop.call_soon_threadsafe(self.close)
            return
        self._over = True
        if self._task is not None:
            self._task.cancel()
        if self.key:
            self._turns.read(on=True)
            self._leave()

    # Steps

    async def _begin(self) -> None:
        if self._over:
            raise ConnectionLost("the call was given up", ran=Ran.NO)
        try:
            async with asyncio.timeout(self._left()):
                await self._turns.take_turns(self)
        except TimeoutError as error:
            if isinstance(error, DeadlineExceeded):
                raise
            raise DeadlineExceeded("another call had the connection", ran=Ran.NO) from None
        try:
            self.key = self._wire.begin(self._opnum)
        except BaseException:
            self._turns.give_turns()
            raise
        self._task = self._loop.create_task(self._send())

    async def _wait(self) -> None:
        """Wait for something to arrive, for as long as there is progress."""
        self._wake = self._loop.create_future()
        timer = self._loop.call_later(self._left(), _ready, self._wake)
        try:
            await self._wake
        finally:
            timer.cancel()
            self._wake = None

    def _left(self) -> float:
        now = time.monotonic()
        until = now + self._timeout if self._making else self._progress + self._timeout
        left = (until if self._until is None else min(until, self._until)) - now
        if left <= 0:
            raise DeadlineExceeded("the server does not go on in time", ran=Ran.UNKNOWN if self.key else Ran.NO)
        return left

    def _put(self, arrived: Part | BaseException) -> None:
        self._progress = time.monotonic()
        self._arrived.append(arrived)
        if self._wake is not None:
            _ready(self._wake)

    # Sending

    async def _send(self) -> None:
        """The task that sends the request."""
        try:
            while (piece := await self._next_piece()) is not None and not self._over:
                self._outbox.put(self._wire.more(self.key, piece))
                await self._empty(self._outbox)
                await asyncio.sleep(0)  # others have their turn, and what has come is looked at
        except (ConnectionLost, ProtocolError) as error:
            self._turns.end(error)
        finally:
            await self._pieces.aclose()

    async def _next_piece(self) -> Piece | None:
        self._making = True
        try:
            return await anext(self._pieces, None)
        except Exception as error:  # of whoever makes the pieces: the caller gets it
            self._put(error)
            return None
        finally:
            self._making = False
            self._progress = time.monotonic()

    async def _empty(self, outbox: Outbox) -> None:
        while outbox:
            taken = self._wire.send_now(outbox.next())
            outbox.sent(taken)
            if taken:
                self._progress = time.monotonic()
            else:
                await self._turns.room()

    def _leave(self) -> None:
        """Tell the server that no more is sent or waited for, if it does not know; then others have the connection."""
        outbox = Outbox(message_mode=self._wire.message_mode)
        try:
            outbox.put([octets for octets in (*self._outbox.cut(), self._wire.given_up(self.key)) if octets])
            while outbox and (taken := self._wire.send_now(outbox.next())):
                outbox.sent(taken)
        except RpcError as error:
            self._turns.end(error)
            self._turns.give_turns()
            return
        if outbox:
            self._turns.disown()
            _KEPT.add(task := self._loop.create_task(self._say_farewell(outbox)))
            task.add_done_callback(_KEPT.discard)
        else:
            self._turns.give_turns()

    async def _say_farewell(self, outbox: Outbox) -> None:
        try:
            async with asyncio.timeout(FAREWELL):
                await self._empty(outbox)
        except TimeoutError:
            self._turns.end(ConnectionLost("the server does not read what it is sent"))
        except RpcError as error:
            self._turns.end(error)
        finally:
            self._turns.give_turns()


def _runs_here(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


def _ready(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
