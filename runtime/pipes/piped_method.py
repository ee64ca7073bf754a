"""A call with pipes at the server: the method gets iterators, and what it gives back is sent as it comes.

Counterpart: `piped_reply.py`. Both faces: see `piping.py`. Calls without pipes: `../dispatch.py`.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import aclosing, asynccontextmanager, nullcontext
from functools import partial
from typing import Any, cast

from ..contexts import ContextTable, Hold
from ..dispatch import (
    ANSWERED_IN,
    Method,
    answered,
    blanks,
    failed,
    fault_of,
    holding,
    invoke,
    misfit,
    refused,
    stored,
    unfit,
)
from ..ndr.errors import NdrError
from ..ndr.layout import Pipe
from ..ndr.pipe_stream import PipeWriter
from ..operation import Operation
from ..status import NCA_UNSPECIFIED, Fault, Ran, StatusError, is_failure
from ..stub import Octets
from .piping import AsyncPipeStream, Incoming, Piece, Pieces, Plan, Receive, Values, plan_of, streams, written


class _Given:
    """Where a method's [in] pipes come from."""

    def __init__(self, operation: Operation[Any], incoming: Incoming) -> None:
        self._operation = operation
        self._incoming = incoming

    async def next(self, index: int) -> Any:
        """The next items; a Fault when the client sent what does not fit."""
        try:
            return await self._incoming.next(index)
        except NdrError as error:
            fault = refused(self._operation, error)
            fault.ran = Ran.UNKNOWN
            raise fault from error

    def close(self) -> None:
        """What still comes is dropped when the call is answered."""


async def serve(method: Method, receive: Receive, contexts: ContextTable, limit: int, face: type[Any]) -> Pieces:
    """Run one call: the pieces of its response, made as they are asked for. Raises Fault, at any piece.

    limit: octets that the parameters in front of the pipes may have. face: the class of the streams.
    """
    operation = method.operation
    if method.guard is not None:
        await method.guard.check_async(operation.opnum)
    quota = method.quota
    with quota or nullcontext():
        pipes = [found for found in operation.inward if found.piped]
        planned = partial(plan_of, operation, strictness=method.strictness)
        incoming = Incoming(receive, planned, pipes, limit if quota is None else quota.request(limit))
        try:
            front = await incoming.front(method.items)
        except NdrError as error:
            raise refused(operation, error) from error
        plan = plan_of(operation, ANSWERED_IN[incoming.plan.encoding])
        given = plan.joined(front, streams(_Given(operation, incoming), plan.pipes_in, face))
        response = _Response(method, plan, front, given, contexts)
        held = holding(method, given, contexts)
        async with held if face is AsyncPipeStream else blocking(held) as handles:
            try:
                result = invoke(method, given, handles)
                if inspect.isawaitable(result):
                    result = await result
            except (Exception, SystemExit) as error:
                yield Piece(response.failure(error), last=True)
                return
            if not plan.pipes_out:
                yield Piece(answered(method, given, result, plan.encoding, contexts), last=True)
                return
            async with aclosing(response.of(result)) as pieces:
                async for piece in pieces:
                    yield piece


@asynccontextmanager
async def blocking(held: Hold) -> AsyncGenerator[list[Any]]:
    """A call's handles in a thread, where nothing is awaited."""
    with held as handles:
        yield handles


class _Response:
    """The response of one call."""

    def __init__(self, method: Method, plan: Plan, front: Values, given: Values, contexts: ContextTable) -> None:
        self._method = method
        self._operation = method.operation
        self._plan = plan
        self._front = front
        self._given = given
        self._contexts = contexts
        self._offset = 0
        self._ended = 0
        self._writer: PipeWriter | None = None

    async def of(self, result: Any) -> Pieces:
        """What a method gave back: its pipes, then the rest, which may have been filled in meanwhile."""
        try:
            for _, parameter in self._plan.pipes_out:
                source = self._source(result)
                writer = self._begin()
                try:
                    async with aclosing(written(writer, source, parameter.name)) as pieces:
                        async for octets in pieces:
                            yield Piece(octets, last=False)
                finally:
                    await _close(source)
                yield Piece(self._end(), last=False)
            tail = self._tail(self._outs(result))
        except NdrError as error:
            raise unfit(self._operation, error) from error
        except (Exception, SystemExit) as error:
            yield Piece(self.failure(error), last=True)
        else:
            yield Piece([tail], last=True)

    def failure(self, error: BaseException) -> Sequence[Octets]:
        """The rest of a response when the method fails: empty pipes, blanks and its status; or a Fault is raised."""
        operation = self._operation
        if not self._plan.pipes_out:
            return failed(self._method, self._given, error, self._plan.encoding, self._contexts)
        status = isinstance(error, StatusError) and operation.family is not None
        if not (isinstance(error, StatusError) and status and is_failure(error.code, operation.family or "")):
            raise fault_of(operation, error) from error
        ends: list[Octets] = []
        while self._ended < len(self._plan.pipes_out):
            if self._writer is None:
                self._begin()
            ends += self._end()
        try:
            return [*ends, self._tail((*blanks(operation, self._given), error.code))]
        except NdrError as impossible:
            raise Fault(error.code, f"{operation.name}: {error}; {impossible}", ran=Ran.YES) from error

    # Pipes

    def _source(self, result: Any) -> Any:
        """What the next pipe is made of."""
        at, _ = self._plan.pipes_out[self._ended]
        return result if self._operation.pipe_alone else getattr(result, self._fields(result)[at])

    def _begin(self) -> PipeWriter:
        _, parameter = self._plan.pipes_out[self._ended]
        self._writer = PipeWriter(cast(Pipe, parameter.layout), self._plan.encoding, self._offset)
        return self._writer

    def _end(self) -> list[Octets]:
        writer = self._writer
        assert writer is not None
        octets = writer.end()
        self._writer, self._offset = None, writer.offset
        self._ended += 1
        return octets

    # What is behind them

    def _outs(self, result: Any) -> Values:
        """All that the method gave back, as NDR takes it; the pipes among it have been sent."""
        outs = (None,) if self._operation.pipe_alone else tuple(getattr(result, name) for name in self._fields(result))
        if self._operation.handles:
            outs = stored(self._method, self._given, outs, self._contexts)
        return (*outs, 0) if self._operation.hidden else outs

    def _tail(self, outs: Values) -> Octets:
        return self._plan.encode_tail(self._offset, self._plan.others(outs), self._front)

    def _fields(self, result: Any) -> tuple[str, ...]:
        """The names of the results, in the order of the operation."""
        fields: tuple[str, ...] = getattr(cast(object, result), "__slots__", ())
        if len(fields) != len(self._operation.given_back) - self._operation.hidden:
            misfit(self._operation, f"{type(result).__name__} where its results belong")
            raise Fault(NCA_UNSPECIFIED, f"{self._operation.name} returned what it must not", ran=Ran.YES)
        return tuple(fields)


async def _close(source: Any) -> None:
    """Let a generator that is not read to its end clean up."""
    if isinstance(source, Generator):
        source.close()
    elif inspect.isasyncgen(source):
        await source.aclose()
