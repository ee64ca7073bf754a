"""A client's channel whose server may call back, for asyncio: a callback is a task with the context of the call that it
belongs to, and is cancelled with it. Its twin is `channel.py`.
"""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Sequence
from types import TracebackType
from weakref import WeakKeyDictionary

from ..async_channel import AsyncioChannel
from ..call import deadline, remaining
from ..lrpc_wire import LrpcWire, within
from ..prompt import Places
from ..status import CallbackRefused, CallCancelled, Fault, Ran, RpcError
from ..stub import Octets
from ..wire import Arrival, Back, Outcome
from .served import Served, nested


class _Room:
    """Room for a call; one within a callback has that of the call outside, which would wait for it otherwise."""

    def __init__(self, places: Places) -> None:
        self._places = places

    async def __aenter__(self) -> None:
        if not nested():
            await self._places.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not nested():
            self._places.give()


class AsyncCallbackChannel(AsyncioChannel):
    """Calls that are awaited, and callbacks in the middle of them."""

    def __init__(self, wire: LrpcWire, served: Served, timeout: float, cancel_timeout: float) -> None:
        super().__init__(wire, timeout, cancel_timeout)
        wire.called_back = True
        self._lrpc = wire
        self._served = served
        self._places = _Room(self._room)
        self._in_turn = True
        self.flats.end()
        self._calls: WeakKeyDictionary[asyncio.Future[Outcome], tuple[contextvars.Context, float]]
        self._calls = WeakKeyDictionary()
        """The context of a call, and when it has to be over."""
        self._backs: dict[int, asyncio.Task[None]] = {}
        """The callbacks that run, by their calls."""

    async def _send(
        self, opnum: int, parts: Sequence[Octets], *, maybe: bool = False
    ) -> tuple[int, asyncio.Future[Outcome]]:
        until = time.monotonic() + remaining(self._timeout)
        key, future = await super()._send(opnum, parts, maybe=maybe)
        self._calls[future] = contextvars.copy_context(), until
        return key, future

    def _deliver(self, arrivals: list[Arrival]) -> None:
        for key, outcome in arrivals:
            if not isinstance(outcome, Back):
                super()._deliver([(key, outcome)])
            elif (future := self._waiting.get(key)) is not None and not future.done():
                self._begin(key, outcome, future)
            else:
                self._lrpc.deny(key, outcome, CallbackRefused(message="nobody waits for that call", ran=Ran.NO))

    def _begin(self, key: int, back: Back, future: asyncio.Future[Outcome]) -> None:
        """A callback that comes while another of its call runs replaces it: the server has given that one up."""
        context, until = self._calls[future]
        before = self._backs.pop(key, None)
        if before is not None:
            before.cancel()
        task = self._backs[key] = self._loop.create_task(self._serve(key, back, until), context=context.copy())
        future.add_done_callback(lambda _: task.cancel())
        task.add_done_callback(lambda _: self._end(key, task))

    def _end(self, key: int, task: asyncio.Task[None]) -> None:
        if self._backs.get(key) is task:
            del self._backs[key]

    async def _serve(self, key: int, back: Back, until: float) -> None:
        within.set((self._lrpc, back.callback_id))  # the context is the task's own
        try:
            with deadline(until - time.monotonic()):
                answer = await self._served.answer_async(back)
        except asyncio.CancelledError:
            self._deny(key, back, CallCancelled(ran=Ran.UNKNOWN))
            raise
        try:
            await self._reply(key, back, answer)
        except RpcError as error:
            self._break(error)

    def _deny(self, key: int, back: Back, why: Fault) -> None:
        if self._broken is None:
            try:
                self._lrpc.deny(key, back, why)
            except RpcError as error:
                self._break(error)

    async def _reply(self, key: int, back: Back, answer: list[Octets] | Fault) -> None:
        async with self._sending:
            if self._rest is not None:
                await asyncio.wait((self._rest,))
            if self._broken is None:
                for _ in self._wire.transmitting(self._lrpc.answer(key, back, answer)):
                    await self._writable()
