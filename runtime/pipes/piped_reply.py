"""The response of a call with pipes, at the client: its pipes as they come, then the other results.

Counterpart: `piped_method.py`. Both faces: see `piping.py`.
"""

from __future__ import annotations

import weakref
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, Protocol, TypeAlias

from ..ndr.errors import NdrError
from ..ndr.strictness import DEFAULT, Strictness
from ..operation import Operation
from ..status import ArgumentError, BadStubData, Ran, StatusError, is_failure
from .piping import Incoming, Part, Pieces, PipedResult, Values, plan_of

MAX_BEHIND = 64 << 20
"""Octets that results behind pipes may have, as much as a response without pipes."""


class PipeCall(Protocol):
    """A call on its way. It begins when the first part of its response is asked for."""

    async def receive(self) -> Part:
        """The next part of the response; meanwhile the request is sent."""
        ...

    def close(self) -> None:
        """Give up the call, unless it has ended; may be called again."""
        ...


Open: TypeAlias = Callable[[int, Pieces], PipeCall]
"""What makes a call with pipes of an operation's number and the pieces of its request."""


class Opens(Protocol):
    """What is needed of a channel."""

    def open(self, opnum: int, pieces: Pieces) -> PipeCall:
        """A call with pipes; it begins when its response is asked for."""
        ...


class LateCall:
    """A call on a connection that is still to be made: it is when the response is asked for, by `live`."""

    def __init__(self, live: Callable[[], Awaitable[Opens]], opnum: int, pieces: Pieces) -> None:
        self._live = live
        self._request = opnum, pieces
        self._call: PipeCall | None = None

    async def receive(self) -> Part:
        """The next part of the response."""
        if self._call is None:
            self._call = (await self._live()).open(*self._request)
        return await self._call.receive()

    def close(self) -> None:
        """Give up the call."""
        if self._call is not None:
            self._call.close()


class PipedReply:
    """What comes back from one call. taken: the [out] values as the caller takes them."""

    def __init__(
        self,
        operation: Operation[Any],
        call: PipeCall,
        front: Values,
        taken: Callable[[Sequence[Any]], Sequence[Any]],
        strictness: Strictness = DEFAULT,
    ) -> None:
        self._operation = operation
        self._call = call
        self._front = front
        self._taken = taken
        self._pipes = [found for found in operation.outward if found.piped]
        planned = partial(plan_of, operation, strictness=strictness)
        self._incoming = Incoming(call.receive, planned, self._pipes, MAX_BEHIND)
        self._over = False
        self._result: weakref.ref[PipedResult] | None = None

    def fill(self, result: PipedResult) -> None:
        """Where the other results go, if somebody still has it then."""
        self._result = weakref.ref(result)  # it has the streams, which have this: no circle

    async def next(self, index: int) -> Any:
        """The next items of a pipe; None at its end. With the end of the last one the results are there."""
        try:
            items = await self._incoming.next(index)
            if items is None and index == len(self._pipes) - 1 and not self._over:
                self._shape(await self._others())
        except NdrError as error:
            self._over = True
            self._call.close()
            raise BadStubData(f"{self._operation.name}: {error}") from error
        return items

    async def whole(self) -> Any:
        """The results of an operation without [out] pipes."""
        try:
            outs = await self._others()
        except NdrError as error:
            raise BadStubData(f"{self._operation.name}: {error}") from error
        return self._operation.shape(outs)

    def close(self) -> None:
        """Give up the call."""
        self._call.close()

    def __del__(self) -> None:
        self._call.close()

    async def _others(self) -> Sequence[Any]:
        stub = await self._incoming.rest()
        self._over = True
        plan = self._incoming.plan
        return self._taken(plan.placed(plan.decode_tail(self._incoming.offset, stub, self._front)))

    def _shape(self, outs: Sequence[Any]) -> None:
        operation, result = self._operation, None if self._result is None else self._result()
        if result is not None:
            for name, parameter, value in zip(type(result).__slots__, operation.given_back, outs, strict=False):
                if not parameter.piped:
                    setattr(result, name, value)
        if operation.family is not None and is_failure(outs[-1], operation.family):
            raise StatusError(outs[-1], result, family=operation.family)


async def explained(operation: Operation[Any], pieces: Pieces) -> Pieces:
    """The pieces of a request; what does not fit is an ArgumentError, of a call whose method may have begun."""
    try:
        async with aclosing(pieces):
            async for piece in pieces:
                yield piece
    except NdrError as error:
        raise ArgumentError(f"{operation.name}: {error}", ran=Ran.UNKNOWN) from error
