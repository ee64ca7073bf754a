"""What a client calls through: an interface bound on a connection. `channel.py` and its twin for asyncio are that."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

from .call import Room
from .ndr.compiler import Octets
from .ndr.layout import Encoding
from .pipes.piped_reply import PipeCall
from .pipes.piping import Pieces
from .status import RpcError

if TYPE_CHECKING:
    from .operation import Operation

Reply: TypeAlias = tuple[Octets, Encoding, Callable[[], None] | None]
"""The stub of a response, what it is written in, and what gives back the shared memory that it is in, if it is."""

Calling: TypeAlias = Callable[[tuple[Any, ...]], Any]
"""From values to the result, or to None: nothing has happened. For asyncio, also to an Awaited."""


class Awaited(NamedTuple):
    """What a call comes to that has been sent, and has no answer yet."""

    reply: Awaitable[Reply]


class Under(int):
    """An operation's number, with the security context that its call comes under; a plain int: that of the bind."""

    security: int

    def __new__(cls, opnum: int, security: int) -> Under:
        made = super().__new__(cls, opnum)
        made.security = security
        return made


class Flats(dict["Operation[Any]", Calling | None]):
    """What makes calls of an operation at its fastest; None: `call` does. Here it always does."""

    def __missing__(self, operation: Operation[Any]) -> Calling | None:
        return None

    def end(self) -> None:
        """From now on `call` makes them all."""


class Channel(Protocol):
    """What a client calls through: an interface bound on a connection."""

    encoding: Encoding
    """What requests are written in."""
    flats: Flats
    """How calls are made at their fastest."""

    def call(self, opnum: int, parts: Sequence[Octets]) -> Reply:
        """Send a request and wait for its response."""
        ...

    def tell(self, opnum: int, parts: Sequence[Octets]) -> None:
        """Send a request that has no response."""
        ...

    def batch(self) -> AbstractContextManager[None]:
        """Requests that have no response are sent together, at the end at the latest."""
        ...

    @property
    def handles(self) -> bool:
        """May system handles travel?"""
        ...

    @property
    def broken(self) -> RpcError | None:
        """How the connection ended, if it did."""
        ...

    def has_ended(self) -> bool:
        """Looks whether the connection has ended."""
        ...

    def open(self, opnum: int, pieces: Pieces) -> PipeCall:
        """A call with pipes; it begins when its response is asked for."""
        ...

    def allocate(self, size: int) -> Room | None:
        """Room in the connection's shared memory; None when it has none."""
        ...

    def close(self) -> None:
        """Give up the connection."""
        ...


class AsyncChannel(Protocol):
    """The same for asyncio."""

    encoding: Encoding
    flats: Flats
    """How calls are made at their fastest."""

    async def call(self, opnum: int, parts: Sequence[Octets]) -> Reply:
        """Send a request and wait for its response."""
        ...

    async def tell(self, opnum: int, parts: Sequence[Octets]) -> None:
        """Send a request that has no response."""
        ...

    def batch(self) -> AbstractAsyncContextManager[None]:
        """Requests that have no response are sent together, at the end at the latest."""
        ...

    @property
    def handles(self) -> bool:
        """May system handles travel?"""
        ...

    @property
    def broken(self) -> RpcError | None:
        """How the connection ended, if it did."""
        ...

    def has_ended(self) -> bool:
        """Looks whether the connection has ended."""
        ...

    def open(self, opnum: int, pieces: Pieces) -> PipeCall:
        """A call with pipes; it begins when its response is asked for."""
        ...

    def allocate(self, size: int) -> Room | None:
        """Room in the connection's shared memory; None when it has none."""
        ...

    async def close(self) -> None:
        """Give up the connection."""
        ...
