"""The asyncio face of any transport: the same names, awaited. `alpc/asynchronous.py` adds messages and views.

Thin on purpose: everything is tried at once by the `_now` methods, and the loop is asked only when nothing was
there. A reader stays registered while it is being used, so that back-to-back messages cost no system call for it.
Time limits are `asyncio.timeout`'s: a cancelled receive loses nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar

from .errors import TransportError
from .seam import Buffer, Connection, Peer

PAUSE: Final = 0.001
"""Seconds to wait when a descriptor says writable and nothing is taken (memory has no such signal)."""

T = TypeVar("T")
C = TypeVar("C")
C_co = TypeVar("C_co", covariant=True)


class Reader(Generic[T]):
    """Awaits what a `_now` method does not have yet; one task at a time."""

    def __init__(self, fileno: Callable[[], int], now: Callable[[], T | None]) -> None:
        self._fileno = fileno
        self._now = now
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[T] | None = None
        self._unclaimed: T | None = None
        self._registered = -1

    async def next(self) -> T:
        """What `now` gives, as soon as it does."""
        item = self._unclaimed
        self._unclaimed = None
        if item is None:
            item = self._now()
        if item is not None:
            return item
        return await self._wait()

    def close(self, close: Callable[[], None]) -> None:
        """Closes what is read from by calling `close`, and lets a waiting task see what `now` then says."""
        self._stop()
        close()
        self._ready()

    async def _wait(self) -> T:
        if self._registered < 0:
            self._registered = self._fileno()
            self._loop.add_reader(self._registered, self._ready)
        waiter: asyncio.Future[T] = self._loop.create_future()
        self._waiter = waiter
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._unclaimed = waiter.result()  # it came together with the cancellation: for the next who asks
            raise
        finally:
            self._waiter = None

    def _ready(self) -> None:
        waiter = self._waiter
        if waiter is None or waiter.done():  # nobody wants it now: do not be called again and again
            self._stop()
            return
        try:
            item = self._now()
        except TransportError as error:
            waiter.set_exception(error)
            return
        if item is not None:
            waiter.set_result(item)

    def _stop(self) -> None:
        if self._registered >= 0:
            self._loop.remove_reader(self._registered)
            self._registered = -1


class Writer:
    """Awaits a descriptor to take more; one task at a time, which `turn` sees to."""

    def __init__(self, fileno: Callable[[], int]) -> None:
        self.turn = asyncio.Lock()
        self._fileno = fileno
        self._loop = asyncio.get_running_loop()
        self._waiting: tuple[int, asyncio.Future[None]] | None = None

    async def wait(self) -> None:
        """Returns when it is worth trying again."""
        descriptor = self._fileno()
        if descriptor < 0:
            return
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._waiting = descriptor, waiter
        self._loop.add_writer(descriptor, self.wake)
        try:
            await waiter
        finally:
            self.wake()

    def wake(self) -> None:
        """Ends the wait, if there is one; to be called before the descriptor is closed."""
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            return
        descriptor, waiter = waiting
        self._loop.remove_writer(descriptor)
        if not waiter.done():
            waiter.set_result(None)


class AsyncConnection:
    """A `seam.Connection`, awaited. One task at a time receives; any may send."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._reader: Reader[bytes] = Reader(connection.fileno, connection.receive_now)
        self._writer = Writer(connection.fileno)

    def __repr__(self) -> str:
        return f"<async {self._connection!r}>"

    @property
    def message_mode(self) -> bool:
        return self._connection.message_mode

    @property
    def max_message(self) -> int:
        return self._connection.max_message

    @property
    def peer(self) -> Peer:
        return self._connection.peer

    async def send(self, data: Buffer) -> None:
        """Sends all of it. Cancelled after a part of a byte stream has gone, it closes the connection."""
        async with self._writer.turn:
            taken = self._connection.send_now(data)
            if taken < len(data):
                await self._send_rest(memoryview(data)[taken:], begun=taken > 0)

    async def receive(self) -> bytes:
        """The next message, or what has come of the stream; b"" once the peer has closed."""
        return await self._reader.next()

    def close(self) -> None:
        """Ends the connection; a task in `receive` gets b"", one in `send` Disconnected."""
        self._writer.wake()
        self._reader.close(self._connection.close)

    async def _send_rest(self, rest: memoryview, begun: bool) -> None:
        try:
            while rest:
                await self._writer.wait()
                taken = self._connection.send_now(rest)
                rest = rest[taken:]
                begun = begun or taken > 0
                if not taken:
                    await asyncio.sleep(PAUSE)
        except BaseException:
            if begun:
                self.close()
            raise


class AcceptsNow(Protocol[C_co]):
    """The part of a listener that is needed here."""

    @property
    def address(self) -> str: ...
    def accept_now(self) -> C_co | None: ...
    def fileno(self) -> int: ...
    def close(self) -> None: ...


class AsyncListener(Generic[C]):
    """A `seam.Listener`, awaited. What it accepts is for the caller to wrap."""

    def __init__(self, listener: AcceptsNow[C]) -> None:
        self._listener = listener
        self._reader: Reader[C] = Reader(listener.fileno, listener.accept_now)

    @property
    def address(self) -> str:
        return self._listener.address

    async def accept(self) -> C:
        """The next client. Raises Disconnected once the listener is closed."""
        return await self._reader.next()

    def close(self) -> None:
        """Admits nobody any more; a task in `accept` gets Disconnected."""
        self._reader.close(self._listener.close)
