"""A wire shared by its callers, for asyncio. Its twin is `channel.py`.

The loop says when to read; each call waits for its own future.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from .call import remaining
from .channel import dropped, ended, settled
from .ndr.layout import Encoding
from .status import ConnectionLost, DeadlineExceeded, Ran, RpcError
from .stub import Octets, Reply
from .wire import Arrival, Outcome, Wire

MAX_CALLS: Final = 64
"""Calls in flight on one connection; servers refuse more, so they wait here."""
BURST: Final = 64
"""Messages taken before other tasks have their turn."""


class AsyncioChannel:
    """Calls that are awaited, on the loop that it was made in. timeout: seconds that a call may take."""

    def __init__(self, wire: Wire, timeout: float) -> None:
        self.encoding: Encoding = wire.encoding
        self._wire = wire
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[int, asyncio.Future[Outcome]] = {}
        self._sending = asyncio.Lock()
        self._room = asyncio.Semaphore(MAX_CALLS)
        self._broken: RpcError | None = None
        self._descriptor = wire.fileno()
        self._room_to_send: asyncio.Future[None] | None = None
        self._loop.add_reader(self._descriptor, self._readable)

    async def call(self, opnum: int, parts: Sequence[Octets]) -> Reply:
        """Send a request and wait for its response; a cancelled caller abandons its call."""
        future: asyncio.Future[Outcome] | None = None
        try:
            async with asyncio.timeout(remaining(self._timeout)), self._room:
                future = await self._send(opnum, parts)
                return settled(await future)
        except TimeoutError as error:
            if isinstance(error, DeadlineExceeded):
                raise
            raise DeadlineExceeded("no answer in time", ran=Ran.UNKNOWN if future else Ran.NO) from error
        finally:
            future = None  # its result may be the error that is raised: no circle

    async def close(self) -> None:
        """Give up the connection; calls that wait fail."""
        self._break(ConnectionLost("the client closed the connection"))

    async def _send(self, opnum: int, parts: Sequence[Octets]) -> asyncio.Future[Outcome]:
        async with self._sending:
            if self._broken is not None:
                raise ConnectionLost(f"the connection had ended before: {self._broken}", ran=Ran.NO)
            message = self._wire.compose(opnum, parts)
            future: asyncio.Future[Outcome] = self._loop.create_future()
            self._waiting[message.key] = future
            future.add_done_callback(lambda done: self._forget(message.key, done))
            try:
                for _ in self._wire.transmitting(message):
                    await self._writable()
            except RpcError as error:
                self._waiting.pop(message.key, None)
                if error.ran is not Ran.NO or isinstance(error, ConnectionLost):
                    self._break(error)
                raise
            except asyncio.CancelledError:  # perhaps in the middle of a message: nothing sensible can follow
                self._break(ConnectionLost("a call was cancelled while it was sent"))
                raise
            return future

    async def _writable(self) -> None:
        ready = self._room_to_send = self._loop.create_future()
        self._loop.add_writer(self._descriptor, _ready, ready)
        try:
            await ready
        finally:
            self._room_to_send = None
            if self._broken is None:
                self._loop.remove_writer(self._descriptor)

    def _readable(self) -> None:
        try:
            for _ in range(BURST):
                arrivals = self._wire.receive_now()
                if arrivals is None:
                    return
                self._deliver(arrivals)
        except RpcError as error:
            self._break(error)

    def _deliver(self, arrivals: list[Arrival]) -> None:
        for key, outcome in arrivals:
            future = self._waiting.pop(key, None)
            if future is not None and not future.done():
                future.set_result(outcome)
            else:
                dropped(outcome)

    def _forget(self, key: int, future: asyncio.Future[Outcome]) -> None:
        """A caller that was cancelled or ran out of time abandons its call, unless another one is half sent."""
        if future.cancelled() and self._waiting.pop(key, None) is not None and self._broken is None:
            try:
                if not self._sending.locked():
                    self._wire.abandon(key)
            except RpcError as error:
                self._break(error)

    def _break(self, error: RpcError) -> None:
        if self._broken is None:
            self._broken = error
            self._loop.remove_reader(self._descriptor)
            if self._room_to_send is not None:
                self._loop.remove_writer(self._descriptor)
                _ready(self._room_to_send)
            self._wire.close()
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_result(ended(error))


def _ready(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
