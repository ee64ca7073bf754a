"""Calls of an asyncio server that wait for answers to callbacks: they stand aside, and leave their places to others.

Otherwise as many calls as a connection may have could wait for answers that come behind calls of their own callbacks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from ..dispatch import Method
from ..ended import Ended
from ..lrpc_session import LrpcSession
from ..session import SEND_TIMEOUT
from .line import AsyncLine

if TYPE_CHECKING:
    from ..session import Call, Session


MAX_ASIDE: Final = 512
"""Calls of one connection that stand aside: as many as run at once, for each callback within a callback."""


class Client(Protocol):
    """What a server keeps of a connection."""

    sending: asyncio.Lock
    unread: bool
    running: int
    aside: int
    """Calls that wait for the answers to callbacks."""


def line_of(session: Session, client: Client, call: Call, make_way: Callable[[], None]) -> AsyncLine | None:
    """What a method calls its client back through; None where that is not carried."""
    method = call.method
    callbacks = method.callbacks if isinstance(method, Method) and call.feed is None else None
    if callbacks is None or call.message is None or not isinstance(session, LrpcSession):
        return None
    sent = partial(_calling_back, session, client, make_way)
    return AsyncLine(session, call.message.message_id, call.encoding, callbacks, sent)


@asynccontextmanager
async def _calling_back(
    session: LrpcSession, client: Client, make_way: Callable[[], None], sending: Iterator[bool]
) -> AsyncGenerator[None]:
    """Send a callback, and stand aside for as long as its answer is awaited."""
    from ..serving.room import Room

    async with client.sending:
        if client.unread:
            raise Ended("the client does not read its answers")
        room = Room(session)
        for moved in sending:
            await room.wait(SEND_TIMEOUT, moved=moved)
    aside = client.aside < MAX_ASIDE
    client.aside += aside
    client.running -= aside
    make_way()
    try:
        yield
    finally:
        client.running += aside
        client.aside -= aside
