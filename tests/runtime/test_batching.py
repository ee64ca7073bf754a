"""`lrpc.batch`, with blocking and asyncio clients, over every transport."""

from __future__ import annotations

import asyncio
import queue
from typing import Any

import pytest

import lrpc
from lrpc.rpcgen.load import load
from lrpc.runtime import lrpc_wire

WATCHDOG = 20.0

stub: Any = load(
    """
[uuid(0d3c5a3e-6a41-4f0e-9c3b-6b1d7e2f4a55), version(1.0)]
interface Teller
{
    [maybe] void Tell([in] long number);
    [maybe] void TellMuch([in] long n, [in, size_is(n)] byte *data);
    long Add([in] long a, [in] long b);
}
""",
    cached=False,
)


class Service(stub.Teller):  # type: ignore[misc]
    def __init__(self) -> None:
        self.told: queue.Queue[int] = queue.Queue()

    def Tell(self, number: int) -> None:
        self.told.put(number)

    def TellMuch(self, data: bytes, *, n: int = 0) -> None:
        self.told.put(len(data))

    def Add(self, a: int, b: int) -> int:
        self.told.put(-1)
        return a + b

    def heard(self, count: int) -> list[int]:
        return [self.told.get(timeout=WATCHDOG) for _ in range(count)]


class AsyncService(stub.AsyncTeller):  # type: ignore[misc]
    def __init__(self, plain: Service) -> None:
        self._plain = plain

    async def Tell(self, number: int) -> None:
        self._plain.Tell(number)

    async def TellMuch(self, data: bytes, *, n: int = 0) -> None:
        self._plain.TellMuch(data)

    async def Add(self, a: int, b: int) -> int:
        return self._plain.Add(a, b)


@pytest.fixture
def service(hosts: Any) -> Service:
    return Service()


@pytest.fixture
def served(hosts: Any, service: Service, face: str, binding_for: Any, transport: str) -> str:
    host = hosts(face)
    host.server.register(AsyncService(service) if face == "asyncio" else service)
    return str(host.listen(binding_for(transport)))


def sends_of(client: Any, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the packets that a client sends through its port from now on."""
    sent = list[int]()
    port = client._channel._wire.port
    send = port._send

    def counted(data: bytes, flags: int) -> int:
        sent.append(len(data))
        return int(send(data, flags))

    monkeypatch.setattr(port, "_send", counted)
    return sent


def test_what_is_told_in_a_batch_arrives_in_order(served: str, service: Service) -> None:
    with lrpc.connect(stub.TellerClient, served, timeout=WATCHDOG) as client:
        with lrpc.batch(client):
            for number in range(1000):
                client.Tell(number)
        assert service.heard(1000) == list(range(1000))


def test_a_call_in_between_comes_behind_what_was_told(served: str, service: Service) -> None:
    with lrpc.connect(stub.TellerClient, served, timeout=WATCHDOG) as client, lrpc.batch(client):
        client.Tell(1)
        client.Tell(2)
        assert client.Add(2, 3) == 5
        client.Tell(3)
        client.TellMuch(bytes(300_000))
        client.Tell(4)
    assert service.heard(6) == [1, 2, -1, 3, 300_000, 4]


def test_what_was_told_before_an_error_arrives(served: str, service: Service) -> None:
    with (
        lrpc.connect(stub.TellerClient, served, timeout=WATCHDOG) as client,
        pytest.raises(ZeroDivisionError),
        lrpc.batch(client),
    ):
        client.Tell(1)
        raise ZeroDivisionError
    assert service.heard(1) == [1]


def test_asyncio_clients_tell_in_batches(served: str, service: Service) -> None:
    async def tell() -> None:
        async with lrpc.connect(stub.AsyncTellerClient, served, timeout=WATCHDOG) as client, lrpc.batch(client):
            for number in range(1000):
                await client.Tell(number)
            assert await client.Add(2, 3) == 5

    asyncio.run(tell())
    assert service.heard(1001) == [*range(1000), -1]


@pytest.fixture
def local(hosts: Any, service: Service, binding_for: Any) -> str:
    host = hosts("blocking")
    host.server.register(service)
    return str(host.listen(binding_for("ncalrpc")))


def test_a_hundred_calls_are_two_packets(local: str, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    with lrpc.connect(stub.TellerClient, local, timeout=WATCHDOG) as client:
        client.Add(1, 1)
        sent = sends_of(client, monkeypatch)
        with lrpc.batch(client):
            for number in range(100):
                client.Tell(number)
            assert sent == []
        assert len(sent) == 2
        client.Tell(100)
        assert len(sent) == 3
        assert service.heard(102) == [-1, *range(101)]


def test_no_more_wait_than_is_said(local: str, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    with lrpc.connect(stub.TellerClient, local, timeout=WATCHDOG) as client:
        sent = sends_of(client, monkeypatch)
        with lrpc.batch(client):
            for number in range(lrpc_wire.MOST_GATHERED):
                client.Tell(number)
            assert len(sent) == 2
            assert service.heard(lrpc_wire.MOST_GATHERED) == list(range(lrpc_wire.MOST_GATHERED))


def test_a_lost_connection_is_an_error_of_the_block(local: str, service: Service) -> None:
    with lrpc.connect(stub.TellerClient, local, timeout=WATCHDOG) as client:
        with pytest.raises(lrpc.ConnectionLost), lrpc.batch(client):
            client.Tell(1)
            client._channel._wire.port.close()
        assert service.told.empty()
