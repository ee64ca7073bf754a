"""A wire shared by its callers, for asyncio. Its twin is `channel.py`.

The loop says when to read; each call waits for its own future.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any, Final

from ..transports import forking
from .call import Room, ends, remaining
from .carrier import Flats, Reply
from .flat import Flattened
from .flat_prompt import Hands
from .ndr.layout import Encoding
from .outcomes import FORKED, dismissal, dropped, ended, late, over, settled
from .pipes.async_pipe_call import AsyncioPipeCall
from .pipes.piped_reply import PipeCall
from .pipes.piping import Pieces
from .prompt import Places, Prompt, fulfil
from .prompt_calls import MAX_CALLS, PromptCalls
from .status import ConnectionLost, DeadlineExceeded, PipeOrderError, Ran, RpcError
from .stub import Octets
from .wire import Arrival, Outcome, Wire

BURST: Final = 64
"""Messages taken before other tasks have their turn. Once is all there is of a byte stream."""


class AsyncioChannel(PromptCalls):
    """Calls that are awaited, on the loop that it was made in. timeout: seconds that a call may take.

    cancel_timeout: seconds that the server's last word is waited for, when a call is cancelled.
    """

    def __init__(self, wire: Wire, timeout: float, cancel_timeout: float = 0.0) -> None:
        super().__init__(wire, timeout)
        self.encoding: Encoding = wire.encoding
        self._cancel_timeout = cancel_timeout
        self._burst = BURST if wire.message_mode else 1
        self._sending = Places(1)
        self._places: AbstractAsyncContextManager[object] = self._room
        self._in_turn = cancel_timeout > 0
        """More becomes of calls than that they are sent and answered."""
        self._unsaid = False
        """Something may be left to be said when a call has been sent."""
        self._broken: RpcError | None = None
        self._descriptor = wire.fileno()
        self._room_to_send: asyncio.Future[None] | None = None
        self._piped: AsyncioPipeCall | None = None
        """The call with pipes that has the connection to itself."""
        self._owner: asyncio.Task[object] | None = None
        self._is_read = True
        self.flats = Flats() if self._in_turn else self._flattened()
        forking.watch(self)
        self._loop.add_reader(self._descriptor, self._readable)

    async def call(self, opnum: int, parts: Sequence[Octets]) -> Reply:
        """Send a request and wait for its response; the server is asked to end the call of a cancelled caller."""
        if (
            self._rest is not None
            or self._broken is not None
            or self._in_turn
            or self._room.free <= 0
            or not self._sending.free
            or ends() is not None
        ):
            return await self._call_in_turn(opnum, parts)
        alone = not (self._prompts or self._waiting)
        key = self._send_at_once(opnum, parts, alone=alone)
        if key is None:
            return await self._call_in_turn(opnum, parts)
        if alone and self._rest is None and (outcome := self._look(key)) is not None:
            return outcome if type(outcome) is tuple else settled(outcome)  # type: ignore[return-value]
        return await self._prompt(key)  # type: ignore[no-any-return]

    def _flattened(self) -> Flats:
        look = self._looking.look
        hands = Hands(self._prompts, self._waiting, self._sending, look, self._unseen, self._heard)
        return Flattened(lambda operation, flat: self._wire.flat_now(hands, operation, flat))

    def _unseen(self, key: int) -> Prompt[Any]:
        """What a flat call is waited for by."""
        self._looked = True
        return self._prompt(key)

    def _heard(self, key: int, arrivals: Callable[[], list[Arrival]]) -> Prompt[Any]:
        """The same, once something else than its answer, as expected, has come."""
        prompt = self._prompt(key)
        try:
            self._deliver(arrivals())
            if self._wire.dismissed:
                self._break(dismissal())
        except RpcError as error:
            self._break(error)
        return prompt

    async def _call_in_turn(self, opnum: int, parts: Sequence[Octets]) -> Reply:
        """A call that may have to wait before it is sent, or for no longer than a deadline."""
        future: asyncio.Future[Outcome] | None = None
        try:
            async with asyncio.timeout(remaining(self._timeout)), self._places:
                key, future = await self._send(opnum, parts)
                return settled(await (self._last_word(key, future) if self._cancel_timeout else future))
        except TimeoutError as error:
            if isinstance(error, DeadlineExceeded):
                raise
            if future is None:
                raise DeadlineExceeded("other calls had the connection", ran=Ran.NO) from error
            raise late(None if future.cancelled() else future.result()) from error
        finally:
            future = None  # its result may be the error that is raised: no circle

    async def tell(self, opnum: int, parts: Sequence[Octets]) -> None:
        """Send a request that has no response."""
        try:
            async with asyncio.timeout(remaining(self._timeout)):
                key, _ = await self._send(opnum, parts, maybe=True)
                del self._waiting[key]
        except TimeoutError as error:
            if isinstance(error, DeadlineExceeded):
                raise
            raise DeadlineExceeded("other calls had the connection", ran=Ran.NO) from error

    def allocate(self, size: int) -> Room | None:
        """Room in the connection's shared memory; None when it has none."""
        return self._wire.allocate(size)

    @asynccontextmanager
    async def batch(self) -> AsyncGenerator[None]:
        """Calls without an answer that are made meanwhile may wait for each other; at the end they are sent."""
        self._wire.gathering += 1
        try:
            yield
        finally:
            self._wire.gathering -= 1
            async with asyncio.timeout(remaining(self._timeout)), self._sending:
                self._uncork()
                for _ in self._wire.saying():
                    await self._writable()

    async def close(self) -> None:
        """Give up the connection; calls that wait fail."""
        self._break(ConnectionLost("the client closed the connection"))

    @property
    def handles(self) -> bool:
        """May system handles travel?"""
        return self._wire.handles

    def has_ended(self) -> bool:
        """Has the connection ended? The loop has seen it, if so."""
        return self._broken is not None

    @property
    def broken(self) -> RpcError | None:
        """How the connection ended, if it did."""
        return self._broken

    def abandon(self) -> None:
        """In a child of fork: the connection and the loop are its parent's."""
        self._broken, self._rest, self._piped, self._owner = FORKED, None, None, None
        self._waiting, self._prompts, self._corked = {}, {}, {}
        self.flats.end()
        self._sending, self._room = Places(1), Places(MAX_CALLS if self._wire.multiplex else 1)

    # Calls with pipes

    def open(self, opnum: int, pieces: Pieces) -> PipeCall:
        """A call with pipes. It has the connection from when its response is asked for until its end."""
        return AsyncioPipeCall(self, self._wire, opnum, pieces, self._timeout, ends())

    async def take_turns(self, call: AsyncioPipeCall) -> None:
        """Have the connection to oneself, once no other call is sent."""
        self._refuse_owner()
        await self._sending.take()
        self._uncork()
        try:
            if self._rest is not None:
                await asyncio.wait((self._rest,))
        except asyncio.CancelledError:
            self._sending.give()
            raise
        if self._broken is not None:
            self._sending.give()
            raise over(self._broken)
        self._piped, self._owner = call, asyncio.current_task()

    def disown(self) -> None:
        """The task of a call with pipes may make calls again, which wait for their turns."""
        self._owner = None

    def give_turns(self) -> None:
        """Let others have the connection."""
        self._piped = self._owner = None
        self._sending.give()
        self._say_unsaid()
        if self._wire.dismissed:
            self._break(dismissal())

    async def room(self) -> None:
        """Wait until more can be sent."""
        await self._writable()

    def read(self, on: bool) -> None:
        """Go on or stop to read the connection."""
        if on is self._is_read or self._broken is not None:
            return
        self._is_read = on
        if on:
            self._loop.add_reader(self._descriptor, self._readable)
        else:
            self._loop.remove_reader(self._descriptor)

    def end(self, error: RpcError) -> None:
        """The connection is over."""
        self._break(error)

    def _refuse_owner(self) -> None:
        if self._owner is not None and self._owner is asyncio.current_task():
            raise PipeOrderError("a call with pipes of this task has the connection: read it to its end or close it")

    # One call

    async def _last_word(self, key: int, future: asyncio.Future[Outcome]) -> Outcome:
        """Wait for the outcome, and when cancelled a while longer for what the server says to that."""
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            self._uncork()
            if self._rest is None and self._broken is None:
                self._say(partial(self._wire.cancel, key))
                await asyncio.wait((future,), timeout=self._cancel_timeout)
            raise
        finally:
            future.cancel()

    async def _send(
        self, opnum: int, parts: Sequence[Octets], *, maybe: bool = False
    ) -> tuple[int, asyncio.Future[Outcome]]:
        """Begin to send a request: a caller that is cancelled before has sent nothing, and later stops nothing."""
        self._refuse_owner()
        try:
            async with self._sending:
                return await self._send_in_turn(opnum, parts, maybe)
        finally:
            if self._unsaid:
                self._say_unsaid()

    async def _send_in_turn(
        self, opnum: int, parts: Sequence[Octets], maybe: bool
    ) -> tuple[int, asyncio.Future[Outcome]]:
        self._uncork()
        if self._rest is not None:
            await asyncio.wait((self._rest,))
        if self._broken is not None:
            raise over(self._broken)
        message = self._wire.compose(opnum, parts, maybe=maybe)
        future: asyncio.Future[Outcome] = self._loop.create_future()
        self._waiting[message.key] = future
        future.add_done_callback(lambda done: self._forget(message.key, done))
        sending = self._wire.transmitting(message)
        try:
            for gone in sending:
                if gone:
                    self._rest = self._loop.create_task(self._send_rest(sending))
                    break
                await self._writable()
        except RpcError as error:
            self._unsent(message.key, error)
            raise
        except asyncio.CancelledError:
            self._waiting.pop(message.key, None)
            sending.close()
            raise
        return message.key, future

    async def _writable(self) -> None:
        ready = self._room_to_send = self._loop.create_future()
        self._loop.add_writer(self._descriptor, fulfil, ready)
        try:
            await ready
        finally:
            self._room_to_send = None
            if self._broken is None:
                self._loop.remove_writer(self._descriptor)

    def _readable(self) -> None:
        self._looking.begin()
        self._delivering = True
        try:
            for _ in range(self._burst):
                arrivals = self._wire.receive_now()
                if arrivals is None:
                    return
                self._looked = False
                self._deliver(arrivals)
                if self._looked:
                    return
                if self._wire.dismissed:
                    self._break(dismissal())
                    return
                if not self._is_read:
                    return
        except RpcError as error:
            self._break(error)
        finally:
            self._delivering = False
            self._uncork()

    def _deliver(self, arrivals: list[Arrival]) -> None:
        for key, outcome in arrivals:
            if self._piped is not None and self._piped.key == key:
                self._piped.deliver(outcome)
                continue
            prompt = self._leave(key)
            if prompt is not None:
                settle = prompt.set_result if isinstance(outcome, RpcError) else prompt.set_now
                settle(outcome)
                continue
            future = self._waiting.pop(key, None)
            if future is not None and not future.done():
                future.set_result(outcome)
            else:
                dropped(outcome)

    def _forget(self, key: int, future: asyncio.Future[Outcome]) -> None:
        """A caller that was cancelled or ran out of time abandons its call, once no message is half sent."""
        if future.cancelled():
            self._abandon(key)

    def _abandon(self, key: int) -> None:
        waited = self._leave(key) or self._waiting.pop(key, None)
        if self._corked.pop(key, None) is not None:
            self._wire.withdraw(key)
            return
        self._uncork()
        if waited is not None and self._broken is None:
            if self._rest is not None:
                self._unheard.append(key)
                return
            self._say(partial(self._wire.abandon, key))

    def _say(self, word: Callable[[], None]) -> None:
        try:
            word()
        except RpcError as error:
            self._break(error)
        self._say_unsaid()

    def _say_unsaid(self) -> None:
        """Say what has found no room; while a call is being sent that comes after it."""
        self._unsaid = not self._sending.free
        if self._unsaid or self._rest is not None or self._broken is not None:
            return
        try:
            saying = self._wire.saying()
            if next(saying, None) is not None:
                self._rest = self._loop.create_task(self._send_rest(saying))
        except RpcError as error:
            self._break(error)

    def _break(self, error: RpcError) -> None:
        if self._broken is None:
            self._broken = error
            self.flats.end()
            if self._timer is not None:
                self._timer.cancel()
            self._loop.remove_reader(self._descriptor)
            if self._room_to_send is not None:
                self._loop.remove_writer(self._descriptor)
                fulfil(self._room_to_send)
            self._wire.close()
        if self._piped is not None:
            self._piped.deliver(ended(error))
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_result(ended(error))
        unsent, self._corked = self._corked, {}
        for key in [*self._prompts]:
            if (prompt := self._leave(key)) is not None:
                prompt.set_result(ConnectionLost(str(error), ran=Ran.NO) if key in unsent else ended(error))
