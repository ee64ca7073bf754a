"""A call with pipes of an asyncio server: its request is read and its response sent as the method goes on.

What the blocking face does for it is in `pipes/piped_calls.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Final

from ..call import Limits
from ..dispatch import Method
from ..pipes import piped_method
from ..pipes.feed import Feed
from ..pipes.piping import AsyncPipeStream, Part
from ..session import Call, Session
from ..status import NCA_CANCEL, CallCancelled, Fault, Ran
from .room import Room, next_part

TURN: Final = 0.002
"""Seconds that a pipe that is always ready may be sent before other tasks have their turn."""


async def serve_piped(
    session: Session,
    sending: asyncio.Lock,
    call: Call,
    feed: Feed,
    limits: Limits,
    resume: Callable[[], None],
    fail: Callable[[Fault], Awaitable[None]],
) -> None:
    """Run the call. sending: held over each piece. resume: there may be room for more. fail: sends a fault."""
    assert isinstance(call.method, Method)

    async def receive() -> Part:
        part = await next_part(feed, limits.max_silence)
        resume()
        return part

    loop = asyncio.get_running_loop()
    pieces = piped_method.serve(call.method, receive, session.contexts, limits.max_request, AsyncPipeStream)
    try:
        async with aclosing(pieces):
            turn = loop.time()
            async for piece in pieces:
                if not session.wanted(call):
                    return
                if loop.time() - turn > TURN:
                    await asyncio.sleep(0)
                    turn = loop.time()
                async with sending:
                    room = Room(session, feed)
                    for moved in session.answering_piece(call, piece):
                        wanted = session.wanted(call)
                        await room.wait(limits.max_silence if wanted else None, moved=moved)
                        if not session.wanted(call):
                            await pieces.aclose()
    except Fault as fault:
        await fail(fault)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():  # it is the task, and not something that it waited for
            raise
        await fail(CallCancelled(NCA_CANCEL, ran=Ran.YES))
    finally:
        session.forget(call)
