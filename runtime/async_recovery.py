"""Calls that are made again, and connections that are made anew, for an asyncio client. Its twin: `recovery.py`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from .call import deadline, time_left
from .operation import Operation
from .recovery import Attempts, Renewal
from .status import DeadlineExceeded, Ran, RpcError

if TYPE_CHECKING:
    from .wire import Wire


class AsyncRecovery(Renewal):
    """The calls of an asyncio client that failed. reach: is awaited."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._turn = asyncio.Lock()

    async def again(self, operation: Operation[Any], call: Callable[[], Awaitable[Any]], error: RpcError) -> Any:
        """Make a call again that has failed, for as often as that is wise; raises the error that it ends with."""
        attempts = Attempts(self.policy, operation, self.timeout)
        try:
            while True:
                await asyncio.sleep(attempts.pause(error, hopeless=self.hopeless))
                try:
                    with deadline(attempts.left):
                        await self.renew()
                        return await call()
                except RpcError as another:
                    error = another
        finally:
            del error

    async def renew(self) -> None:
        """Go on with a new connection, if the old one has ended."""
        try:
            async with asyncio.timeout(time_left(self.timeout)), self._turn:
                if self.needed():
                    self.take(*await self.reach())
        except TimeoutError as error:
            if isinstance(error, DeadlineExceeded):
                raise
            raise DeadlineExceeded("the client was still being connected", ran=Ran.NO) from error


async def in_thread(reach: Callable[[], tuple[Wire, Any]]) -> tuple[Wire, Any]:
    """Connect without stopping the loop. Who is cancelled leaves no connection behind."""
    reaching = asyncio.ensure_future(asyncio.to_thread(reach))
    try:
        return await asyncio.shield(reaching)
    except asyncio.CancelledError:
        reaching.add_done_callback(_unwanted)
        raise


def _unwanted(reaching: asyncio.Future[tuple[Wire, Any]]) -> None:
    """Nobody waits for this connection any more."""
    if not reaching.cancelled() and reaching.exception() is None:
        reaching.result()[0].close()
