"""A second client on the connection of a first one, for asyncio. Its twin is `acting.py`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from .acting import Shared, itself
from .async_channel import AsyncioChannel
from .async_recovery import AsyncRecovery
from .call import time_left
from .connect import intercepted
from .outcomes import unfinished
from .status import ContextMismatch, DeadlineExceeded, Ran
from .stub import AsyncClient
from .wire import Outcome, Wire

if TYPE_CHECKING:
    from .authentication.security import Security

A = TypeVar("A", bound=AsyncClient)


async def act(
    client: A,
    owner: AsyncRecovery,
    security: Security,
    timeout: float,
    interceptors: Sequence[Callable[..., Any]],
) -> A:
    """What `acting_as` makes of an asyncio client and its recovery."""

    async def reach() -> tuple[AsyncActing, Any]:
        try:
            await owner.renew()
        except ContextMismatch:
            await owner.renew()
        try:
            async with asyncio.timeout(time_left(timeout)):
                return AsyncActing(owner.channel, await _authenticated(owner, security, timeout)), owner.connection
        except TimeoutError as error:
            if isinstance(error, DeadlineExceeded):
                raise
            raise DeadlineExceeded("a security context was not set up in time", ran=Ran.NO) from error

    recovery = AsyncRecovery(owner.policy, timeout, reach, itself)
    opened = recovery.take(*await reach())
    made = type(client)(opened, recovery.connection, vars(client)["_strictness"], recovery)
    return intercepted(made, interceptors, timeout)


async def _authenticated(owner: AsyncRecovery, security: Security, timeout: float) -> int:
    """What calls name the new context by. While its tokens go to and fro, a thread has the connection."""
    channel: AsyncioChannel = owner.channel
    wire: Wire = owner.wire
    introduction: Any = Introduction()
    await channel.take_turns(introduction)
    try:
        begun = wire.introduce(security)
        channel.read(on=False)
        try:
            number, arrivals = await asyncio.to_thread(wire.authenticate, begun, timeout)
        except BaseException:  # its thread, if it runs still, finds the connection closed
            channel.end(unfinished())
            raise
        channel.read(on=True)
        channel._deliver(arrivals)  # pyright: ignore[reportPrivateUsage]
        return number
    finally:
        channel.give_turns()


class Introduction:
    """What has the turns of a channel, where else a call with pipes has them."""

    key = 0

    def deliver(self, outcome: Outcome) -> None:
        """The end of the connection, which is found otherwise."""


class AsyncActing(Shared):
    """That of an asyncio client."""

    async def close(self) -> None:
        """Make no more calls."""
        self._close()
