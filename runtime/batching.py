"""`lrpc.batch`: calls without an answer ([maybe] in the IDL) that are sent together."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import overload

from .stub import AsyncClient, Client


@overload
def batch(client: Client) -> AbstractContextManager[None]: ...
@overload
def batch(client: AsyncClient) -> AbstractAsyncContextManager[None]: ...
def batch(client: Client | AsyncClient) -> AbstractContextManager[None] | AbstractAsyncContextManager[None]:
    """`with lrpc.batch(client):` (`async with` for an asyncio client): what it tells meanwhile goes together.

    Over ALPC the [maybe] calls of the block are sent many in one packet, at its end at the latest, and before any other
    call of the client; over other transports they are sent one by one, as ever. The end of the block raises what such
    a call raises when it cannot be sent.
    """
    return client._channel.batch()  # pyright: ignore[reportPrivateUsage]
