"""`connect`: from a generated client class and a target to a client that is ready to call.

How its server is come to is `reaching.py`'s business, and what becomes of it when the connection ends `recovery.py`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypedDict, TypeVar, Unpack, overload
from uuid import UUID

from .call import DEFAULT_TIMEOUT, Limits
from .channel import BlockingChannel
from .lrpc_wire import LrpcWire
from .ndr.strictness import DEFAULT, Strictness
from .policy import Policy
from .reaching import ConnectionInfo, Reaching, TransferSyntax, encodings_of
from .recovery import Recovery
from .status import CallbackRefused, Ran
from .stub import AsyncClient, Client
from .wire import Wire

if TYPE_CHECKING:
    import os
    from types import TracebackType

    from .async_channel import AsyncioChannel
    from .authentication.security import Security
    from .callbacks.served import Served
    from .intercept import AsyncInterceptor, Interceptor

__all__ = ["Connecting", "ConnectionInfo", "connect"]

C = TypeVar("C", bound=Client)
A = TypeVar("A", bound=AsyncClient)
T = TypeVar("T", bound=Client | AsyncClient)


class Options(TypedDict, total=False):
    """What both faces of `connect` take by name."""

    timeout: float
    object: UUID | None
    limits: Limits | None
    capture: str | os.PathLike[str] | None
    strictness: Strictness
    policy: Policy
    association: int
    security: Security | None
    callbacks: object | None
    transfer_syntaxes: Sequence[TransferSyntax]


@overload
def connect(
    client: type[C], target: str, *, interceptors: Sequence[Interceptor] = ..., **options: Unpack[Options]
) -> C: ...
@overload
def connect(
    client: type[A], target: str, *, interceptors: Sequence[AsyncInterceptor] = ..., **options: Unpack[Options]
) -> Connecting[A]: ...
def connect(
    client: type[C] | type[A],
    target: str,
    *,
    timeout: float = DEFAULT_TIMEOUT,
    object: UUID | None = None,
    limits: Limits | None = None,
    capture: str | os.PathLike[str] | None = None,
    interceptors: Sequence[Callable[..., Any]] = (),
    strictness: Strictness = DEFAULT,
    policy: Policy = Policy(),  # noqa: B008 -- frozen
    association: int = 0,
    security: Security | None = None,
    callbacks: object | None = None,
    transfer_syntaxes: Sequence[TransferSyntax] = ("ndr",),
) -> C | Connecting[A]:
    r"""A client for the server at `target`.

    client: a generated class: `CalculatorClient`, or `AsyncCalculatorClient` for `async with` and `await`.
    target: a string binding (`ncalrpc:[calc]`), the name of a local service (`calc`), or `\\host\name`. timeout:
    seconds that connecting, and later each call, may take. object: the object UUID that calls are for. capture: a
    pcapng file that what travels is appended to; without it the environment's LRPC_CAPTURE. interceptors: callables
    around each call, the first outermost (docs/interceptors.md). strictness: which checks of MS-RPCE 3.1.1.5.3
    responses pass, and what is overlooked. policy: what is done when a call goes wrong (docs/calls.md).
    association: `connection.association` of another client of the same endpoint: context handles are good in both.
    transfer_syntaxes: what calls may be written in, `"ndr"` and `"ndr64"`; the server chooses where there are both.
    security: how the client proves to a server of the network who it is, and how calls are protected; words of the
    string binding (`sign`, `seal`, `ntlm`) say it too, and count before it (docs/security.md). callbacks: the object
    that the server calls back (docs/callbacks.md).

    A server that has no room for another connection now is asked again until the time is over; one that is not there is
    not waited for. Raises InvalidBinding, ServerUnavailable, AccessDenied, BindRefused, DeadlineExceeded;
    CallbackRefused for callbacks where the server is not reached by ncalrpc; TypeError for the client of an interface
    of objects, and for an object that has not its callbacks; ValueError for other transfer syntaxes; OSError for a file
    that cannot be had; MissingPackage.
    """
    client.interface.require_calls()
    bounds, encodings = limits or Limits(), encodings_of(transfer_syntaxes)
    served = None if callbacks is None else _served(client, callbacks, bounds)
    reaching = Reaching(
        client.interface, target, timeout, object, bounds, capture, association, security, encodings, policy
    )
    if issubclass(client, AsyncClient):
        return Connecting(partial(_connect_async, client, reaching, served, strictness, interceptors))
    recovery = Recovery(policy, timeout, reaching, partial(_channel, served, timeout, policy.cancel_timeout))
    opened, info = recovery.take(*reaching()), recovery.connection
    return intercepted(client(opened, info, strictness, recovery), interceptors, timeout)


async def _connect_async(
    client: type[A],
    reaching: Reaching,
    served: Served | None,
    strictness: Strictness,
    interceptors: Sequence[Callable[..., Any]],
) -> A:
    from .async_recovery import AsyncRecovery, in_thread

    policy, timeout = reaching.policy, reaching.timeout
    channel = partial(_async_channel, served, timeout, policy.cancel_timeout)
    recovery = AsyncRecovery(policy, timeout, partial(in_thread, reaching), channel)
    opened, info = recovery.take(*await recovery.reach()), recovery.connection
    return intercepted(client(opened, info, strictness, recovery), interceptors, timeout)


def _channel(served: Served | None, timeout: float, cancel_timeout: float, wire: Wire) -> BlockingChannel:
    if served is None:
        return BlockingChannel(wire, timeout, cancel_timeout)
    from .callbacks.channel import CallbackChannel

    return CallbackChannel(_carrier(wire), served, timeout, cancel_timeout)


def _async_channel(served: Served | None, timeout: float, cancel_timeout: float, wire: Wire) -> AsyncioChannel:
    from .async_channel import AsyncioChannel

    if served is None:
        return AsyncioChannel(wire, timeout, cancel_timeout)
    from .callbacks.async_channel import AsyncCallbackChannel

    return AsyncCallbackChannel(_carrier(wire), served, timeout, cancel_timeout)


def _served(client: type[Client] | type[AsyncClient], callbacks: object, limits: Limits) -> Served:
    from .callbacks.served import Served  # few clients are called back

    return Served(client.interface, callbacks, limits, asynchronous=issubclass(client, AsyncClient))


def _carrier(wire: Wire) -> LrpcWire:
    """The wire, if it carries callbacks; CallbackRefused otherwise."""
    if isinstance(wire, LrpcWire):
        return wire
    wire.close()
    raise CallbackRefused(message="only ncalrpc carries callbacks", ran=Ran.NO)


class Connecting(Generic[A]):
    """An asyncio client on its way: `async with` it, or `await` it and close it yourself."""

    def __init__(self, connecting: Callable[[], Coroutine[Any, Any, A]]) -> None:
        self._connecting = connecting
        self._connected: A | None = None

    def __await__(self) -> Generator[Any, None, A]:
        return self._connecting().__await__()

    async def __aenter__(self) -> A:
        self._connected = await self._connecting()
        return self._connected

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connected is not None:
            await self._connected.close()


def intercepted(client: T, interceptors: Sequence[Callable[..., Any]], timeout: float) -> T:
    if interceptors:
        from .intercept import intercept

        intercept(client, interceptors, timeout)
    return client
