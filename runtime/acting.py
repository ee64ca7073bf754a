"""`acting_as`: a second client on the connection of a first one, whose calls are another user's (MS-RPCE 3.3.1.5.2).

The connection is the first client's: it ends with it, and is made anew by it. What the second one has of its own is a
security context, which its calls name, and its recovery, which sets that up again on a new connection. For asyncio:
`async_acting.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, overload

from .call import DEFAULT_TIMEOUT, time_left
from .carrier import Flats, Under
from .connect import Connecting, intercepted
from .ndr.compiler import Octets
from .outcomes import unfinished
from .pipes.piped_reply import PipeCall
from .pipes.piping import Pieces
from .recovery import Recovery
from .status import ConnectionLost, ContextMismatch, Ran, RpcError
from .stub import AsyncClient, Client
from .wire import Wire

if TYPE_CHECKING:
    from .authentication.security import Security
    from .intercept import AsyncInterceptor, Interceptor

C = TypeVar("C", bound=Client)
A = TypeVar("A", bound=AsyncClient)


@overload
def acting_as(
    client: C, security: Security, *, timeout: float = ..., interceptors: Sequence[Interceptor] = ...
) -> C: ...
@overload
def acting_as(
    client: A, security: Security, *, timeout: float = ..., interceptors: Sequence[AsyncInterceptor] = ...
) -> Connecting[A]: ...
def acting_as(
    client: C | A,
    security: Security,
    *,
    timeout: float = DEFAULT_TIMEOUT,
    interceptors: Sequence[Callable[..., Any]] = (),
) -> C | Connecting[A]:
    """A client of the same server by the same connection, whose calls come under a security context of their own.

    client: one that `connect` made, over a network. security: who calls, at level PACKET at least; so was the first
    client's, if it had any. timeout: seconds that setting it up, and later each call, may take. Closing it leaves the
    connection to the first client, and its security context to the server, which has room for a few on a connection;
    context handles are those of the user that opened them.

    Raises AccessDenied (which costs the connection, and the first client its calls under way: so MS-RPCE has it),
    BindRefused where the server takes no second context, InvalidBinding for ncalrpc, ConnectionLost, DeadlineExceeded;
    ValueError for a lower level, and for a client that `connect` has not made.
    """
    owner: Any = vars(client)["_recovery"]
    if owner is None:
        raise ValueError("the client has no connection that can be shared")
    if isinstance(client, AsyncClient):
        from .async_acting import act

        return Connecting(partial(act, client, owner, security, timeout, interceptors))

    def reach() -> tuple[Acting, Any]:
        owner.channel.has_ended()  # or it is found out half way
        try:
            owner.renew()
        except ContextMismatch:  # handles of the first client were lost, which it learns when it uses them
            owner.renew()
        return Acting(owner.channel, _authenticated(owner, security, time_left(timeout))), owner.connection

    recovery = Recovery(owner.policy, timeout, reach, itself)
    opened = recovery.take(*reach())
    made = type(client)(opened, recovery.connection, vars(client)["_strictness"], recovery)
    return intercepted(made, interceptors, timeout)


def _authenticated(owner: Recovery, security: Security, timeout: float) -> int:
    """Set up a further security context of a connection, with both turns in hand: what calls name it by."""
    channel, until = owner.channel, time.monotonic() + timeout
    wire: Wire = owner.wire
    channel.take_turns(timeout)
    try:
        begun = wire.introduce(security)
        try:
            number, arrivals = wire.authenticate(begun, max(until - time.monotonic(), 0))
        except BaseException:
            channel.end(unfinished())
            raise
        for arrival in arrivals:
            channel.deliver(arrival)
        return number
    finally:
        channel.give_turns()


def itself(channel: Any) -> Any:
    """What is reached is a channel already."""
    return channel


class Shared:
    """A channel of somebody else's connection: its calls name their security context."""

    def __init__(self, channel: Any, security: int) -> None:
        self.encoding = channel.encoding
        self.flats = Flats()
        self._channel = channel
        self._security = security
        self._closed: RpcError | None = None

    def call(self, opnum: int, parts: Sequence[Octets]) -> Any:
        """Send a request and wait for its response, or be awaited for it."""
        return self._open().call(Under(opnum, self._security), parts)

    def tell(self, opnum: int, parts: Sequence[Octets]) -> Any:
        """Send a request that has no response."""
        return self._open().tell(Under(opnum, self._security), parts)

    def open(self, opnum: int, pieces: Pieces) -> PipeCall:
        """A call with pipes."""
        call: PipeCall = self._open().open(Under(opnum, self._security), pieces)
        return call

    def allocate(self, size: int) -> None:
        """There is no shared memory: users are told apart over networks."""

    @property
    def broken(self) -> RpcError | None:
        """How the connection ended, if it did, or that this client's part of it did."""
        broken: RpcError | None = self._closed or self._channel.broken
        return broken

    def has_ended(self) -> bool:
        """Looks whether it has ended."""
        return self._closed is not None or bool(self._channel.has_ended())

    def _open(self) -> Any:
        if self._closed is not None:
            raise ConnectionLost(str(self._closed), ran=Ran.NO)
        return self._channel

    def _close(self) -> None:
        self._closed = ConnectionLost("the client was closed", ran=Ran.NO)


class Acting(Shared):
    """That of a blocking client."""

    def close(self) -> None:
        """Make no more calls; the connection is the first client's."""
        self._close()
