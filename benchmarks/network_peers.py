"""What add(int, int) over TCP is held against: the same call by impacket, grpcio and multiprocessing.connection.

Each server is for `measure.peer`; each client is a function that gives a call to be timed, and closes what it opened.
What is imported here is imported late: a process that has used gRPC can no longer be forked.
"""

from __future__ import annotations

import asyncio
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from multiprocessing.connection import Client as PickleClient
from multiprocessing.connection import Connection, Listener
from typing import Any

from .measure import Work

LOOPBACK = "127.0.0.1"
UUID = "6c2f0d0a-7a35-4a1b-9a53-3c1f0e5f9f01"
ADD = "/bench.Bench/Add"
_PAIR = struct.Struct("<ii")
_SUM = struct.Struct("<i")


def missing() -> list[str]:
    """Which of the peers are not installed."""
    return [name for name in ("impacket", "grpc") if find_spec(name) is None]


# multiprocessing.connection, a thread for each client


def pickle_server(ready: Connection) -> None:
    with Listener((LOOPBACK, 0), "AF_INET", backlog=64) as listener:
        ready.send(listener.address)
        while True:
            threading.Thread(target=_pickled, args=(listener.accept(),), daemon=True).start()


def _pickled(connection: Connection) -> None:
    with connection, suppress(EOFError, ConnectionError):
        while True:
            _, arguments = connection.recv()
            connection.send(sum(arguments))


@contextmanager
def pickle_client(address: Any) -> Iterator[Work]:
    with PickleClient(address) as connection:

        def add() -> object:
            connection.send(("add", (2, 3)))
            return connection.recv()

        yield add


# impacket: its client, its server, its NDR on both sides


def _impacket_calls() -> tuple[Any, Any]:
    from impacket.dcerpc.v5.dtypes import LONG
    from impacket.dcerpc.v5.ndr import NDRCALL

    class Add(NDRCALL):  # type: ignore[misc]
        opnum = 0
        structure = (("a", LONG), ("b", LONG))

    class AddResponse(NDRCALL):  # type: ignore[misc]
        structure = (("result", LONG),)

    return Add, AddResponse


def impacket_server(ready: Connection) -> None:
    from impacket.dcerpc.v5.rpcrt import DCERPCServer

    request, response = _impacket_calls()

    def add(octets: bytes) -> bytes:
        given, answer = request(octets), response()
        answer["result"] = given["a"] + given["b"]
        return bytes(answer.getData())

    server = DCERPCServer()
    server.addCallbacks((UUID, "1.0"), "", {0: add})
    ready.send(server.getListenPort())
    server.run()


@contextmanager
def impacket_client(port: int) -> Iterator[Work]:
    from impacket.dcerpc.v5.transport import DCERPCTransportFactory
    from impacket.uuid import uuidtup_to_bin

    request, response = _impacket_calls()
    client = DCERPCTransportFactory(f"ncacn_ip_tcp:{LOOPBACK}[{port}]").get_dce_rpc()
    client.connect()
    client.bind(uuidtup_to_bin((UUID, "1.0")))

    def add() -> None:
        given = request()
        given["a"], given["b"] = 2, 3
        client.call(request.opnum, given)
        assert response(client.recv())["result"] == 5

    yield add
    client.disconnect()


# gRPC, with struct for protobuf: what it costs besides its messages


def _serve(pair: bytes, _: Any) -> bytes:
    return _SUM.pack(sum(_PAIR.unpack(pair)))


async def _serve_soon(pair: bytes, _: Any) -> bytes:
    return _SUM.pack(sum(_PAIR.unpack(pair)))


def _grpc_handlers(add: Callable[[bytes, Any], Any]) -> tuple[Any]:
    import grpc

    service, _, method = ADD[1:].partition("/")
    return (grpc.method_handlers_generic_handler(service, {method: grpc.unary_unary_rpc_method_handler(add)}),)


def _target(place: str, port: int) -> str:
    return place if place.startswith("unix:") else f"{LOOPBACK}:{port}"


def grpc_server(ready: Connection, place: str = f"{LOOPBACK}:0") -> None:
    from concurrent.futures import ThreadPoolExecutor

    import grpc

    server = grpc.server(ThreadPoolExecutor(8), handlers=_grpc_handlers(_serve))
    port = server.add_insecure_port(place)
    server.start()
    ready.send(_target(place, port))
    server.wait_for_termination()


@contextmanager
def grpc_client(target: str) -> Iterator[Work]:
    import grpc

    with grpc.insecure_channel(target) as channel:
        call = channel.unary_unary(ADD)

        def add() -> None:
            assert _SUM.unpack(call(_PAIR.pack(2, 3))) == (5,)

        yield add


def grpc_aio_server(ready: Connection, place: str = f"{LOOPBACK}:0") -> None:
    import grpc.aio

    async def serve() -> None:
        server = grpc.aio.server(handlers=_grpc_handlers(_serve_soon))
        port = server.add_insecure_port(place)
        await server.start()
        ready.send(_target(place, port))
        await server.wait_for_termination()

    asyncio.run(serve())


def grpc_aio_client(target: str) -> tuple[Callable[[], Awaitable[object]], Callable[[], Awaitable[None]]]:
    """A call and what closes it; to be used in a running loop."""
    import grpc.aio

    channel = grpc.aio.insecure_channel(target)
    call = channel.unary_unary(ADD)

    async def add() -> None:
        assert _SUM.unpack(await call(_PAIR.pack(2, 3))) == (5,)

    return add, channel.close
