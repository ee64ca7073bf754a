"""`connect`: from a generated client class and a target to a client that is ready to call.

The transport is chosen by `locate.py`; what was chosen, why, and what was tried before is the client's
`connection`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload
from uuid import UUID

from .binding import StringBinding
from .call import DEFAULT_TIMEOUT, Limits, deadline, remaining
from .channel import BlockingChannel
from .endpoints import capture_of, open_wire
from .journal import note
from .locate import candidates
from .lrpc_wire import LrpcWire
from .ndr.strictness import DEFAULT, Strictness
from .policy import Policy
from .recovery import Recovery
from .status import CallbackRefused, DeadlineExceeded, Ran, RpcError, ServerUnavailable
from .stub import AsyncClient, Client, Interface
from .wire import Wire

if TYPE_CHECKING:
    import os
    from types import TracebackType

    from .async_channel import AsyncioChannel
    from .authentication.security import Security
    from .callbacks.served import Served
    from .intercept import AsyncInterceptor, Interceptor

C = TypeVar("C", bound=Client)
A = TypeVar("A", bound=AsyncClient)
T = TypeVar("T", bound=Client | AsyncClient)


@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """How a server was reached."""

    binding: StringBinding
    """What was connected to."""
    reason: str
    """Why this one."""
    tried: tuple[str, ...] = ()
    """What was tried before, and how it failed."""
    association: int = 0
    """The association group that the server put it in; 0 for ncalrpc, which has none."""

    def __str__(self) -> str:
        return f"{self.binding} ({self.reason})"


@overload
def connect(
    client: type[C],
    target: str,
    *,
    timeout: float = ...,
    object: UUID | None = ...,
    limits: Limits | None = ...,
    capture: str | os.PathLike[str] | None = ...,
    interceptors: Sequence[Interceptor] = ...,
    strictness: Strictness = ...,
    policy: Policy = ...,
    association: int = ...,
    security: Security | None = ...,
    callbacks: object | None = ...,
) -> C: ...
@overload
def connect(
    client: type[A],
    target: str,
    *,
    timeout: float = ...,
    object: UUID | None = ...,
    limits: Limits | None = ...,
    capture: str | os.PathLike[str] | None = ...,
    interceptors: Sequence[AsyncInterceptor] = ...,
    strictness: Strictness = ...,
    policy: Policy = ...,
    association: int = ...,
    security: Security | None = ...,
    callbacks: object | None = ...,
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
) -> C | Connecting[A]:
    r"""A client for the server at `target`.

    client: a generated class: `CalculatorClient`, or `AsyncCalculatorClient` for `async with` and `await`.
    target: a string binding (`ncalrpc:[calc]`), the name of a local service (`calc`), or `\\host\name`. timeout:
    seconds that connecting, and later each call, may take. object: the object UUID that calls are for. capture: a
    pcapng file that what travels is appended to; without it the environment's LRPC_CAPTURE. interceptors: callables
    around each call, the first outermost (docs/interceptors.md). strictness: which checks of MS-RPCE 3.1.1.5.3
    responses pass, and what is overlooked. policy: what is done when a call goes wrong (docs/calls.md).
    association: `connection.association` of another client of the same endpoint: context handles are good in both.
    security: how the client proves to a server of the network who it is, and how calls are protected; words of the
    string binding (`sign`, `seal`, `ntlm`) say it too, and count before it (docs/security.md). callbacks: the object
    that the server calls back (docs/callbacks.md).

    Raises InvalidBinding, ServerUnavailable, AccessDenied, BindRefused, DeadlineExceeded; CallbackRefused for callbacks
    where the server is not reached by ncalrpc; TypeError for the client of an interface of objects, and for an object
    that has not its callbacks; OSError for a file that cannot be had; MissingPackage.
    """
    client.interface.require_calls()
    bounds = limits or Limits()
    served = None if callbacks is None else _served(client, callbacks, bounds)
    if issubclass(client, AsyncClient):
        return Connecting(
            client, target, timeout, object, bounds, capture, interceptors, strictness, policy, association, security,
            served,
        )  # fmt: skip
    reaching = partial(reach, client.interface, target, timeout, object, bounds, capture, association, security)

    def channel(wire: Wire) -> BlockingChannel:
        if served is None:
            return BlockingChannel(wire, timeout, policy.cancel_timeout)
        from .callbacks.channel import CallbackChannel

        return CallbackChannel(_carrier(wire), served, timeout, policy.cancel_timeout)

    recovery = Recovery(policy, timeout, reaching, channel)
    opened, info = recovery.take(*reaching()), recovery.connection
    return _intercepted(client(opened, info, strictness, recovery), interceptors, timeout)


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

    def __init__(
        self,
        client: type[A],
        target: str,
        timeout: float,
        object: UUID | None,
        limits: Limits,
        capture: str | os.PathLike[str] | None,
        interceptors: Sequence[AsyncInterceptor],
        strictness: Strictness,
        policy: Policy,
        association: int,
        security: Security | None,
        served: Served | None,
    ) -> None:
        self._client = client
        self._interceptors = interceptors
        self._strictness = strictness
        self._policy = policy
        self._served = served
        self._reach = partial(reach, client.interface, target, timeout, object, limits, capture, association, security)
        self._timeout = timeout
        self._connected: A | None = None

    def __await__(self) -> Generator[object, None, A]:
        return self._connect().__await__()

    async def __aenter__(self) -> A:
        self._connected = await self._connect()
        return self._connected

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connected is not None:
            await self._connected.close()

    async def _connect(self) -> A:
        from .async_channel import AsyncioChannel
        from .async_recovery import AsyncRecovery, in_thread

        def channel(wire: Wire) -> AsyncioChannel:
            cancel_timeout = self._policy.cancel_timeout
            if self._served is None:
                return AsyncioChannel(wire, self._timeout, cancel_timeout)
            from .callbacks.async_channel import AsyncCallbackChannel

            return AsyncCallbackChannel(_carrier(wire), self._served, self._timeout, cancel_timeout)

        recovery = AsyncRecovery(self._policy, self._timeout, self._reach, channel)
        opened, info = recovery.take(*await in_thread(self._reach)), recovery.connection
        client = self._client(opened, info, self._strictness, recovery)
        return _intercepted(client, self._interceptors, self._timeout)


def _intercepted(client: T, interceptors: Sequence[Callable[..., Any]], timeout: float) -> T:
    if interceptors:
        from .intercept import intercept

        intercept(client, interceptors, timeout)
    return client


def reach(
    interface: Interface,
    target: str,
    timeout: float,
    object: UUID | None,
    limits: Limits,
    capture: str | os.PathLike[str] | None = None,
    association: int = 0,
    security: Security | None = None,
) -> tuple[Wire, ConnectionInfo]:
    """A wire with `interface` bound, to the first candidate that answers, and how it was chosen."""
    tried: list[str] = []
    tap = capture_of("client", capture)
    until = time.monotonic() + remaining(timeout)

    def opener(binding: StringBinding, timeout: float) -> Wire:  # mappers are asked by nobody in particular
        return open_wire(binding, timeout, limits, tap)

    def left() -> float:
        seconds = until - time.monotonic()
        if seconds <= 0:
            raise DeadlineExceeded(f"connecting to {target!r} took too long", ran=Ran.NO)
        return seconds

    try:
        with deadline(timeout):  # the calls of the endpoint mapper count too
            for candidate in candidates(target, interface, opener, left()):
                binding = candidate.binding
                if object is not None:
                    binding = StringBinding(
                        binding.protocol, binding.address, binding.endpoint, object, binding.options
                    )
                try:
                    wire = open_wire(binding, left(), limits, tap, security)
                except ServerUnavailable as error:
                    tried.append(str(error))
                    continue
                _bind(wire, interface, left, association)
                info = ConnectionInfo(binding, candidate.reason, tuple(tried), wire.group_id)
                note("connected", interface=interface.name, peer=str(binding), reason=info.reason, tried=info.tried)
                return wire, info
    except ServerUnavailable as error:  # of the endpoint mapper, which is asked last
        tried.append(str(error))
    raise ServerUnavailable(f"no server at {target!r}: {'; '.join(tried)}")


def _bind(wire: Wire, interface: Interface, left: Callable[[], float], association: int) -> None:
    try:
        wire.bind(interface, left(), association)
    except RpcError:
        wire.close()
        raise
