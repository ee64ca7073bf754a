"""Waiting for room to send an answer, for asyncio: the blocking face waits in `send`."""

from __future__ import annotations

import asyncio
from functools import partial

from ..ended import Ended
from ..pipes.feed import Feed
from ..pipes.piping import Part
from ..prompt import fulfil
from ..session import Session
from ..status import NCA_CANCEL, Fault, Ran
from ..wire import FALSE_ROOM


class Room:
    """Where one answer, or a piece of one, is sent. feed: what else may happen that is worth looking up for."""

    def __init__(self, session: Session, feed: Feed | None = None) -> None:
        self._session = session
        self._feed = feed
        self._since = 0.0

    async def wait(self, timeout: float | None, *, moved: bool) -> None:
        """Wait until more can be sent, or something has happened to `feed`.

        moved: something has gone since the last wait. Ended when nothing has for `timeout` seconds.
        """
        loop = asyncio.get_running_loop()
        if moved or not self._since:
            self._since = loop.time()
        else:  # room was promised and there was none
            await asyncio.sleep(FALSE_ROOM)
        left = None if timeout is None else self._since + timeout - loop.time()
        try:
            if left is not None and left <= 0:
                raise TimeoutError
            async with asyncio.timeout(left):
                await self._ready(loop)
        except TimeoutError:
            raise Ended("the client leaves its answers unread") from None

    async def _ready(self, loop: asyncio.AbstractEventLoop) -> None:
        descriptor = self._session.fileno()
        if descriptor < 0:
            raise Ended("the connection was closed")
        ready: asyncio.Future[None] = loop.create_future()
        loop.add_writer(descriptor, fulfil, ready)
        if self._feed is not None:
            self._feed.wake = partial(fulfil, ready)
        try:
            await ready
        finally:
            loop.remove_writer(descriptor)
            if self._feed is not None:
                self._feed.wake = None


async def next_part(feed: Feed, timeout: float) -> Part:
    """The next part of a request with pipes. Fault when its client does not go on for `timeout` seconds."""
    while (part := feed.take()) is None:
        come: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        feed.wake = partial(fulfil, come)
        try:
            async with asyncio.timeout(timeout):
                await come
        except TimeoutError:
            raise Fault(NCA_CANCEL, "the client does not go on with the call", ran=Ran.YES) from None
        finally:
            feed.wake = None
    return part
