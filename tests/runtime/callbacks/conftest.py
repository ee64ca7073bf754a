"""A shop that asks its clients, and clients that answer, in both faces; each serves what the other's tests need."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import lrpc

WATCHDOG = 20.0

IDL = """
[uuid(7b0d2f1a-0c45-4d0e-9d6f-0a1b2c3d4e11), version(1.0)]
interface Shop
{
    long Sell([in] long article, [in] long depth);
    long Fetch([in] long size, [out] long *hash);
    long Hang([in] long article);
    long Plain([in] long article);
    long Keep([in] long article);
    [callback] long Confirm([in] long article, [in] long depth);
    [callback] void Store([in] long n, [in, size_is(n)] byte *data, [out, size_is(n)] byte *back);
    [callback] error_status_t Weigh([in] long article, [out] long *weight);
}

[uuid(7b0d2f1a-0c45-4d0e-9d6f-0a1b2c3d4e12), version(1.0)]
interface BigShop : Shop
{
    long Ring([in] long article);
    [callback] long Alarm([in] long floor);
}

[uuid(7b0d2f1a-0c45-4d0e-9d6f-0a1b2c3d4e13), version(1.0)]
interface Quiet
{
    long Ask([in] long article);
}
"""
stub: Any = lrpc.load(IDL)


class World:
    """What a test sees of both ends."""

    def __init__(self) -> None:
        self.kept: Any = None
        self.errors: list[Exception] = []
        self.threads: list[int] = []
        self.entered = threading.Event()
        self.gate = threading.Event()


class Shop(stub.BigShop):  # type: ignore[misc]
    def __init__(self, world: World) -> None:
        self.world = world

    def Sell(self, article: int, depth: int) -> int:
        return int(lrpc.callback(stub.ShopCallbacksClient).Confirm(article, depth))

    def Fetch(self, size: int) -> Any:
        data = bytes(range(256)) * (size // 256)
        back = lrpc.callback(stub.ShopCallbacksClient).Store(data)
        return stub.FetchResult(hash=len(back), return_=int(back == data[::-1]))

    def Hang(self, article: int) -> int:
        try:
            with lrpc.deadline(0.05):
                return int(lrpc.callback(stub.ShopCallbacksClient).Confirm(article, -1))
        except lrpc.RpcError as error:
            self.world.errors.append(error)
            return int(lrpc.callback(stub.ShopCallbacksClient).Confirm(article, 0))

    def Plain(self, article: int) -> int:
        return article + 1

    def Keep(self, article: int) -> int:
        self.world.kept = lrpc.callback(stub.ShopCallbacksClient)
        return article

    def Ring(self, article: int) -> int:
        client = lrpc.callback(stub.BigShopCallbacksClient)
        return int(client.Alarm(article) + client.Confirm(article, 0) + client.Weigh(article))


class AsyncShop(stub.AsyncBigShop):  # type: ignore[misc]
    def __init__(self, world: World) -> None:
        self.world = world

    async def Sell(self, article: int, depth: int) -> int:
        return int(await lrpc.callback(stub.AsyncShopCallbacksClient).Confirm(article, depth))

    async def Fetch(self, size: int) -> Any:
        data = bytes(range(256)) * (size // 256)
        back = await lrpc.callback(stub.AsyncShopCallbacksClient).Store(data)
        return stub.FetchResult(hash=len(back), return_=int(back == data[::-1]))

    async def Hang(self, article: int) -> int:
        client = lrpc.callback(stub.AsyncShopCallbacksClient)
        try:
            with lrpc.deadline(0.05):
                return int(await client.Confirm(article, -1))
        except lrpc.RpcError as error:
            self.world.errors.append(error)
            return int(await client.Confirm(article, 0))

    async def Plain(self, article: int) -> int:
        return article + 1

    async def Keep(self, article: int) -> int:
        self.world.kept = lrpc.callback(stub.AsyncShopCallbacksClient)
        return article

    async def Ring(self, article: int) -> int:
        client = lrpc.callback(stub.AsyncBigShopCallbacksClient)
        return int(await client.Alarm(article) + await client.Confirm(article, 0) + await client.Weigh(article))


FAILURES: dict[int, Callable[[], Exception]] = {
    -2: lambda: lrpc.AccessDenied(5),
    -3: lambda: RuntimeError("a secret of the client"),
}
"""How Confirm fails for some depths."""


class Desk(stub.BigShopCallbacks):  # type: ignore[misc]
    """What a client serves. A depth above 0: it calls the shop again; -1: it hangs until the test lets it go."""

    client: Any = None

    def __init__(self, world: World) -> None:
        self.world = world

    def Confirm(self, article: int, depth: int) -> int:
        self.world.threads.append(threading.get_ident())
        if depth == -1:
            self.world.entered.set()
            assert self.world.gate.wait(WATCHDOG)
        elif depth < 0:
            raise FAILURES[depth]()
        return article * 2 if depth <= 0 else int(self.client.Sell(article + 1, depth - 1))

    def Store(self, data: bytes, *, n: int = 0) -> bytes:
        return data[::-1]

    def Weigh(self, article: int) -> int:
        if article == 13:
            raise lrpc.StatusError(1168, 7)
        return 100

    def Alarm(self, floor: int) -> int:
        return floor * 1000


class AsyncDesk(stub.AsyncBigShopCallbacks):  # type: ignore[misc]
    client: Any = None

    def __init__(self, world: World) -> None:
        self.world = world

    async def Confirm(self, article: int, depth: int) -> int:
        self.world.threads.append(threading.get_ident())
        if depth == -1:
            self.world.entered.set()
            assert await asyncio.to_thread(self.world.gate.wait, WATCHDOG)
        elif depth < 0:
            raise FAILURES[depth]()
        return article * 2 if depth <= 0 else int(await self.client.Sell(article + 1, depth - 1))

    async def Store(self, data: bytes, *, n: int = 0) -> bytes:
        return data[::-1]

    async def Weigh(self, article: int) -> int:
        if article == 13:
            raise lrpc.StatusError(1168, 7)
        return 100

    async def Alarm(self, floor: int) -> int:
        return floor * 1000


class Quiet(stub.Quiet):  # type: ignore[misc]
    def Ask(self, article: int) -> int:
        return int(lrpc.callback(stub.ShopCallbacksClient).Confirm(article, 0))


class AsyncQuiet(stub.AsyncQuiet):  # type: ignore[misc]
    async def Ask(self, article: int) -> int:
        return int(await lrpc.callback(stub.AsyncShopCallbacksClient).Confirm(article, 0))


@pytest.fixture
def shop_stub() -> Any:
    return stub


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.gate.set()


class Sides:
    """A server of one face, and clients of one."""

    def __init__(self, host: Any, clients: Any, world: World) -> None:
        self.host = host
        self.clients = clients
        self.world = world
        asynchronous = host.face == "asyncio"
        host.server.register((AsyncShop if asynchronous else Shop)(world))
        host.server.register(AsyncQuiet() if asynchronous else Quiet())

    def listen(self, binding: str) -> str:
        return str(self.host.listen(binding))

    def desk(self) -> Any:
        return (AsyncDesk if self.clients.face == "asyncio" else Desk)(self.world)

    def connect(self, binding: str, name: str = "BigShop", *, desk: Any = None, **options: Any) -> Any:
        """A client; desk: False for one that serves no callbacks."""
        prefix = "Async" if self.clients.face == "asyncio" else ""
        served = self.desk() if desk is None else desk
        if served is not False:
            options["callbacks"] = served
        client = self.clients.of(getattr(stub, f"{prefix}{name}Client"), binding, **options)
        if served:
            served.client = getattr(client, "client", client)
        return client


@pytest.fixture
def sides_of(world: World) -> Callable[[Any, Any], Sides]:
    """A server and clients that are made otherwise."""
    return lambda host, clients: Sides(host, clients, world)


@pytest.fixture
def sides(hosts: Any, clients_of: Any, face: str, client_face: str, world: World) -> Sides:
    return Sides(hosts(face), clients_of(client_face), world)


@pytest.fixture
def shop(sides: Sides, binding_for: Callable[[str], str]) -> Any:
    """A client that serves callbacks, of a shop by ALPC."""
    return sides.connect(sides.listen(binding_for("ncalrpc")))
