"""Interceptors: callables around every call of a client or a server, in both faces.

    def timed(call: lrpc.Invocation, proceed: lrpc.Proceed) -> Any:
        began = time.perf_counter()
        try:
            return proceed(call)
        finally:
            print(call.name, time.perf_counter() - began)

`lrpc.connect(..., interceptors=[timed])`, `lrpc.Server(interceptors=[timed])`; for asyncio the same as `async def`,
with `await proceed(call)`. The first of the list is the outermost: it sees a call first and its result last.

An interceptor may proceed with other values (`call.with_values(...)`), more than once, or not at all; it may return
another result, and raise. At a server what it raises becomes the answer as if the method had raised it. What is never
a call is not seen: at a client arguments that do not fit, and at a server stubs that cannot be read. Nor are, at a
client, calls that give back pipes: they go on when the method has returned. At a server they go on too, and `followed`
says when they end.

Law: without interceptors nothing of this is on the way of a call.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from .call import Caller, caller, time_left
from .operation import Interface, Operation

if TYPE_CHECKING:
    from .reaching import ConnectionInfo
    from .stub import AsyncClient, Client


@dataclass(frozen=True, slots=True)
class Invocation:
    """A call, as its interceptors see it."""

    interface: Interface
    operation: Operation[Any]
    values: tuple[Any, ...]
    """The [in] values as the method takes them, in the order of the IDL: `arguments` has their names."""
    connection: ConnectionInfo | None = None
    """At a client: how the server was reached, when the call was made."""
    caller: Caller | None = None
    """At a server: who calls."""
    deadline: float | None = None
    """At a client: the `time.monotonic()` by which the call ends. None at a server: the protocol does not carry it."""

    @property
    def name(self) -> str:
        """`Interface.Operation`, in the words of the IDL."""
        return f"{self.interface.name}.{self.operation.name}"

    @property
    def arguments(self) -> dict[str, Any]:
        """The values by name."""
        return {parameter.name: value for parameter, value in zip(self.operation.inward, self.values, strict=True)}

    @property
    def peer(self) -> str:
        """Who is at the other end, in words: a binding at a client; process and user, or the address, at a server."""
        if self.caller is None:
            return "" if self.connection is None else str(self.connection.binding)
        return str(self.caller)

    def with_values(self, **named: Any) -> Invocation:
        """The same call with other values. TypeError for a name that the operation has not."""
        known = self.arguments
        if unknown := named.keys() - known.keys():
            raise TypeError(f"{self.name} has no {', '.join(sorted(unknown))}")
        return replace(self, values=tuple((known | named).values()))


Proceed: TypeAlias = Callable[[Invocation], Any]
"""What is inside of an interceptor: the next one, or the call itself; gives its result."""
Interceptor: TypeAlias = Callable[[Invocation, Proceed], Any]
AsyncProceed: TypeAlias = Callable[[Invocation], Awaitable[Any]]
AsyncInterceptor: TypeAlias = Callable[[Invocation, AsyncProceed], Awaitable[Any]]


Done: TypeAlias = Callable[[BaseException | None], None]
"""Takes how a call ended: its error, or None."""


def followed(call: Invocation, result: Any, done: Done) -> Any:
    """What a call gave back, for an interceptor to give back; `done` is told when it has ended.

    That is now, but where a method gave back pipes that are filled as they are sent: then at the end of the last one,
    or with what one of them raises. GeneratorExit: nobody wanted the rest.
    """
    operation = call.operation
    if operation.pipe_alone:
        return _following(result, done, last=True) if _lazy(result) else _ended(result, done)
    fields: tuple[str, ...] = getattr(cast(object, result), "__slots__", ())
    pipes = [name for name, parameter in zip(fields, operation.given_back, strict=False) if parameter.piped]
    lazy = [name for name in pipes if _lazy(getattr(result, name, None))]
    for name in lazy:
        setattr(result, name, _following(getattr(result, name), done, last=name == lazy[-1]))
    return result if lazy else _ended(result, done)


def _ended(result: Any, done: Done) -> Any:
    done(None)
    return result


def _lazy(source: Any) -> bool:
    """Is it more than a sequence that is there already?"""
    return isinstance(source, Iterable | AsyncIterable) and not isinstance(source, Sequence)


def _following(source: Any, done: Done, *, last: bool) -> Any:
    awaited = hasattr(source, "__aiter__")
    return _followed_async(source, done, last) if awaited else _followed(source, done, last)


def _followed(source: Iterable[Any], done: Done, last: bool) -> Iterator[Any]:
    try:
        yield from source
    except BaseException as error:
        done(error)
        raise
    if last:
        done(None)


async def _followed_async(source: AsyncIterable[Any], done: Done, last: bool) -> AsyncIterator[Any]:
    try:
        async for item in source:
            yield item
    except BaseException as error:
        close = getattr(source, "aclose", None)
        if close is not None:
            await close()
        done(error)
        raise
    if last:
        done(None)


def intercept(client: Client | AsyncClient, interceptors: Sequence[Callable[..., Any]], timeout: float) -> None:
    """Put interceptors around the calls of a client. timeout: what its calls may take."""
    if not interceptors:
        return
    found = weakref.ref(client)  # the client has what is made here: no circle

    def last(call: Invocation) -> Any:
        client = found()
        assert client is not None  # its method runs
        way = getattr(type(client), "_piped" if call.operation.piped else "_call")
        return way(client, call.operation, *call.values)

    first, interface = _chain(interceptors, last), client.interface

    def call(operation: Operation[Any], *values: Any) -> Any:
        deadline = time.monotonic() + time_left(timeout)
        connection = getattr(found(), "connection", None)  # which a call before this one may have made anew
        return first(Invocation(interface, operation, values, connection, None, deadline))

    vars(client).update(_call=call, _piped=call)


def serving(
    interceptors: Sequence[Callable[..., Any]], interface: Interface, operation: Operation[Any], function: Any
) -> Any:
    """The method that serves an operation, with interceptors around it."""
    names = [parameter.name for parameter in operation.inward]

    def last(call: Invocation) -> Any:
        result = operation.invoke(function, call.values)
        return _awaited(result) if operation.pipe_alone and hasattr(result, "__aiter__") else result

    first = _chain(interceptors, last)

    def serve(*given: Any, **filled: Any) -> Any:
        rest = iter(given)
        values = tuple(filled[name] if name in filled else next(rest) for name in names) if filled else given
        return first(Invocation(interface, operation, values, caller=caller()))

    return serve


async def _awaited(pipe: Any) -> Any:
    """An asynchronous iterator, for those who await what a method gives."""
    return pipe


def _chain(interceptors: Sequence[Callable[..., Any]], last: Proceed) -> Proceed:
    inner = last
    for interceptor in reversed(interceptors):
        inner = _around(interceptor, inner)
    return inner


def _around(interceptor: Callable[..., Any], inner: Proceed) -> Proceed:
    return lambda call: interceptor(call, inner)
