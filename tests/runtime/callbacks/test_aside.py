"""Calls of an asyncio server that call back: they leave their places to those that their callbacks make."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

import lrpc

WATCHDOG = 20.0


@pytest.fixture
def face() -> str:
    return "asyncio"


@pytest.fixture
def client_face() -> str:
    return "asyncio"


def test_calls_of_callbacks_find_room_where_all_places_are_taken(
    hosts: Any, clients_of: Any, binding_for: Callable[[str], str], shop_stub: Any
) -> None:
    """One place, and four calls one within the other."""

    class Shop(shop_stub.AsyncShop):  # type: ignore[misc, name-defined]
        async def Sell(self, article: int, depth: int) -> int:
            return int(await lrpc.callback(shop_stub.AsyncShopCallbacksClient).Confirm(article, depth))

        async def Fetch(self, size: int) -> Any:
            raise lrpc.AccessDenied

        async def Hang(self, article: int) -> int:
            return article

        async def Plain(self, article: int) -> int:
            return article

        async def Keep(self, article: int) -> int:
            return article

    class Desk(shop_stub.AsyncShopCallbacks):  # type: ignore[misc, name-defined]
        client: Any = None

        async def Confirm(self, article: int, depth: int) -> int:
            return article if depth == 0 else int(await self.client.Sell(article + 1, depth - 1))

        async def Store(self, data: bytes, *, n: int = 0) -> bytes:
            return data

        async def Weigh(self, article: int) -> int:
            return article

    host, desk = hosts("asyncio", limits=lrpc.Limits(max_calls=1)), Desk()
    host.server.register(Shop())
    client = clients_of("asyncio").of(
        shop_stub.AsyncShopClient, host.listen(binding_for("ncalrpc")), callbacks=desk, timeout=WATCHDOG
    )
    desk.client = client.client
    assert client.Sell(1, 3) == 4

    async def several() -> list[int]:
        return await asyncio.gather(*(client.client.Sell(n, 2) for n in range(20)))

    assert client.loop.run(several()) == [n + 2 for n in range(20)]
