"""[maybe], [idempotent] and [broadcast], on every transport and in both faces at either end."""

from __future__ import annotations

import asyncio
import queue
import threading
from typing import Any

import pytest

import lrpc
from lrpc.rpcgen.load import load
from lrpc.runtime.status import Ran

WATCHDOG = 20.0

stub: Any = load(
    """
[uuid(5d0f2c6e-3f0a-4f6b-8d7c-2a1b9c8e7d60), version(1.0)]
interface Teller
{
    [maybe] void Tell([in] long number);
    [maybe] void TellMuch([in] long n, [in, size_is(n)] byte *data);
    [idempotent] long Read([in] long number);
    [broadcast] long Find([in] long number);
    long Add([in] long a, [in] long b);
}
""",
    cached=False,
)


class Heard:
    """What a test sees of the service, and what it holds up."""

    def __init__(self) -> None:
        self.told: queue.Queue[int] = queue.Queue()
        self.open = threading.Event()
        self.open.set()
        self.cut: Any = None
        """Ends a connection, once."""

    def next(self) -> int:
        return self.told.get(timeout=WATCHDOG)

    def interrupted(self) -> None:
        cut, self.cut = self.cut, None
        if cut is not None:
            cut()


class Service(stub.Teller):  # type: ignore[misc]
    def __init__(self, heard: Heard) -> None:
        self.heard = heard

    def Tell(self, number: int) -> None:
        self.heard.told.put(number)
        assert self.heard.open.wait(WATCHDOG)
        if number < 0:
            raise RuntimeError

    def TellMuch(self, data: bytes, *, n: int = 0) -> None:
        self.heard.told.put(sum(data))

    def Read(self, number: int) -> int:
        self.heard.told.put(number)
        self.heard.interrupted()
        return number

    def Find(self, number: int) -> int:
        return self.Read(number)

    def Add(self, a: int, b: int) -> int:
        return a + b


class AsyncService(stub.AsyncTeller):  # type: ignore[misc]
    def __init__(self, heard: Heard) -> None:
        self.heard = heard
        self.plain = Service(heard)

    async def Tell(self, number: int) -> None:
        self.heard.told.put(number)
        while not self.heard.open.is_set():
            await asyncio.sleep(0.001)
        if number < 0:
            raise RuntimeError

    async def TellMuch(self, data: bytes, *, n: int = 0) -> None:
        self.plain.TellMuch(data)

    async def Read(self, number: int) -> int:
        return self.plain.Read(number)

    async def Find(self, number: int) -> int:
        return self.plain.Find(number)

    async def Add(self, a: int, b: int) -> int:
        return a + b


@pytest.fixture
def heard() -> Any:
    made = Heard()
    yield made
    made.open.set()


@pytest.fixture
def host(hosts: Any, clients_of: Any, face: str, heard: Heard) -> Any:
    made = hosts(face)
    made.server.register((AsyncService if face == "asyncio" else Service)(heard))
    return made


@pytest.fixture
def client(host: Any, clients_of: Any, client_face: str, binding: str) -> Any:
    clients = clients_of(client_face)
    return clients.of(stub.AsyncTellerClient if client_face == "asyncio" else stub.TellerClient, binding)


def test_a_call_that_nobody_answers_is_not_waited_for(client: Any, heard: Heard) -> None:
    heard.open.clear()
    for number in range(5):
        assert client.Tell(number) is None
    heard.open.set()
    assert [heard.next() for _ in range(5)] == list(range(5))
    assert client.Add(1, 2) == 3


def test_a_large_one_arrives(client: Any, heard: Heard) -> None:
    for size in (1, 5_000, 300_000):
        client.TellMuch(bytes([1]) * size)
        assert heard.next() == size
    assert client.Add(1, 2) == 3


def test_many_leave_nothing_behind(client: Any, heard: Heard) -> None:
    for number in range(2000):
        client.Tell(number)
        if number % 100 == 0:
            assert client.Add(number, 1) == number + 1
    assert client.Add(1, 2) == 3
    assert [heard.next() for _ in range(2000)] == list(range(2000))


def test_what_becomes_of_it_is_nobody_s_business(client: Any, heard: Heard) -> None:
    client.Tell(-1)
    assert heard.next() == -1
    assert client.Add(1, 2) == 3


def test_one_that_was_sent_runs_though_its_client_closes(client: Any, heard: Heard) -> None:
    heard.open.clear()
    client.Tell(7)
    client.close()
    assert heard.next() == 7


@pytest.mark.parametrize("method", ["Read", "Find"])
@pytest.mark.parametrize("transport", ["ncacn_ip_tcp", "ncacn_np"], indirect=True)
def test_an_idempotent_call_is_made_again_though_it_may_have_run(
    client: Any, heard: Heard, host: Any, method: str
) -> None:
    heard.cut = lambda: [session.close() for session in list(host.server._sessions)]
    assert getattr(client, method)(5) == 5
    assert [heard.next(), heard.next()] == [5, 5]


@pytest.mark.parametrize("face", ["asyncio"], indirect=True)
def test_a_flood_is_bounded_the_newest_are_dropped_and_others_have_their_answers(
    client: Any, heard: Heard, host: Any, until: Any
) -> None:
    object.__setattr__(host.server.limits, "max_one_way", 10)
    heard.open.clear()
    for number in range(50):
        client.Tell(number)
    assert client.Add(1, 2) == 3
    until(lambda: sum(session.traffic.dropped for session in list(host.server._sessions)) == 40)
    heard.open.set()
    assert [heard.next() for _ in range(10)] == list(range(10))
    until(lambda: not any(found.one_way for found in host.server._clients.values()))
    client.Tell(99)
    assert heard.next() == 99


def test_one_that_cannot_be_sent_says_so(client: Any, host: Any) -> None:
    client.close()
    with pytest.raises(lrpc.ConnectionLost) as caught:
        client.Tell(1)
    assert caught.value.ran is Ran.NO
