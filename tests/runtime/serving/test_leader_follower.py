"""A few threads for all connections: what they share, and what one connection cannot take from the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import pytest

import lrpc

WATCHDOG = 20.0


@pytest.fixture
def world(calculator: ModuleType) -> Any:
    return calculator.World()


@pytest.fixture
def server(calculator: ModuleType, world: Any) -> Iterator[Callable[[int], lrpc.Server]]:
    made: list[lrpc.Server] = []

    def make(threads: int) -> lrpc.Server:
        made.append(lrpc.Server(threads=threads))
        made[-1].register(calculator.Service(world))
        made[-1].start()
        return made[-1]

    yield make
    world.release_all()
    for one in made:
        one.stop(WATCHDOG)


def test_two_threads_serve_many_connections(
    server: Any, calculator: ModuleType, binding_for: Any, transport: str
) -> None:
    binding = server(2).listen(binding_for(transport))
    before = threading.active_count()
    clients = [lrpc.connect(calculator.CalculatorClient, str(binding)) for _ in range(20)]
    assert threading.active_count() == before
    assert [client.Add(number, 1) for number, client in enumerate(clients)] == list(range(1, 21))
    for client in clients:
        client.close()


def test_as_many_calls_run_at_once_as_there_are_threads(
    server: Any, calculator: ModuleType, binding_for: Any, world: Any, threads: ThreadPoolExecutor, until: Any
) -> None:
    binding = server(2).listen(binding_for("ncacn_ip_tcp"))
    clients = [lrpc.connect(calculator.CalculatorClient, str(binding)) for _ in range(3)]
    calls = [threads.submit(client.Wait, number) for number, client in enumerate(clients)]
    running = {world.entered.get(timeout=WATCHDOG) for _ in range(2)}
    assert world.entered.empty()
    (waiting,) = {0, 1, 2} - running
    world.gate(next(iter(running))).set()
    assert world.entered.get(timeout=WATCHDOG) == waiting
    world.release_all()
    assert [call.result(WATCHDOG) for call in calls] == [0, 1, 2]
    for client in clients:
        client.close()


def test_a_server_without_threads_is_refused() -> None:
    with pytest.raises(ValueError, match="0 threads"):
        lrpc.Server(threads=0)


def test_an_asyncio_server_takes_no_threads() -> None:
    with pytest.raises(TypeError, match="one thread"):
        lrpc.AsyncServer(threads=2)


def test_a_connection_that_breaks_the_server_ends_alone(
    server: Any, calculator: ModuleType, binding_for: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving = server(1)
    binding = serving.listen(binding_for("ncacn_ip_tcp"))
    with lrpc.connect(calculator.CalculatorClient, str(binding)) as client:
        assert client.Add(1, 1) == 2
        (session,) = serving._sessions

        def broken() -> None:
            raise MemoryError

        session.serve_now = broken
        with pytest.raises(lrpc.ConnectionLost):
            client.Add(1, 1)
    with lrpc.connect(calculator.CalculatorClient, str(binding)) as client:
        assert client.Add(1, 1) == 2


def test_one_thread_serves_many_that_call_at_once(
    server: Any, calculator: ModuleType, binding_for: Any, transport: str, threads: ThreadPoolExecutor
) -> None:
    binding = server(1).listen(binding_for(transport))

    def use(number: int) -> list[int]:
        with lrpc.connect(calculator.CalculatorClient, str(binding)) as client:
            return [client.Add(number, step) for step in range(50)]

    found = [one.result(WATCHDOG) for one in [threads.submit(use, number) for number in range(8)]]
    assert found == [[number + step for step in range(50)] for number in range(8)]
