"""One client for many callers: threads that take turns at reading, tasks that wait together."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import lrpc
from lrpc.runtime.status import Ran

WATCHDOG = 20.0


@pytest.fixture
def client_face() -> str:
    return "blocking"


def test_threads_share_a_client(connect: Any, binding: str, threads: ThreadPoolExecutor) -> None:
    client = connect(binding)

    def work(number: int) -> list[int]:
        return [client.Add(1000 * number, index) for index in range(200)]

    results = list(threads.map(work, range(8)))
    assert results == [[1000 * number + index for index in range(200)] for number in range(8)]


def test_threads_with_large_calls_share_a_client(connect: Any, binding: str, threads: ThreadPoolExecutor) -> None:
    client = connect(binding)

    def work(number: int) -> bool:
        sizes = (0, 100, 20_000, 100_000)
        return all(client.Echo(bytes([number]) * size) == bytes([number]) * size for size in sizes * 4)

    assert all(threads.map(work, range(8)))


def test_threads_with_calls_larger_than_a_buffer_share_a_client(
    connect: Any, binding: str, threads: ThreadPoolExecutor
) -> None:
    client = connect(binding)

    def work(number: int) -> bool:
        sizes = (1 << 20, 0, 3 << 20, 100_000)
        return all(client.Echo(bytes([number]) * size) == bytes([number]) * size for size in sizes)

    assert all(threads.map(work, range(6)))


@pytest.mark.parametrize("face", ["asyncio"], indirect=True)
def test_a_slow_call_keeps_no_other_waiting(
    connect: Any, binding: str, threads: ThreadPoolExecutor, world: Any
) -> None:
    client = connect(binding)
    slow = threads.submit(client.Wait, 1)
    world.has_entered(1)
    assert list(threads.map(lambda index: client.Add(index, 1), range(100))) == [index + 1 for index in range(100)]
    assert not slow.done()
    world.gate(1).set()
    assert slow.result(WATCHDOG) == 1


@pytest.mark.parametrize("face", ["asyncio"], indirect=True)
def test_answers_in_another_order_find_their_callers(
    connect: Any, binding: str, threads: ThreadPoolExecutor, world: Any
) -> None:
    client = connect(binding)
    calls = {number: threads.submit(client.Wait, number) for number in range(10)}
    assert {world.entered.get(timeout=WATCHDOG) for _ in calls} == set(calls)
    for number in (9, 0, 5, 4, 8, 1, 7, 2, 6, 3):
        world.gate(number).set()
        assert calls[number].result(WATCHDOG) == number


@pytest.mark.parametrize("face", ["asyncio"], indirect=True)
def test_a_leader_that_runs_out_of_time_hands_over(
    connect: Any, binding: str, threads: ThreadPoolExecutor, world: Any
) -> None:
    client = connect(binding)

    def impatient(number: int) -> type[BaseException] | None:
        try:
            with lrpc.deadline(0.05):
                client.Wait(number)
        except lrpc.DeadlineExceeded as error:
            return type(error)
        return None

    early = [threads.submit(impatient, number) for number in range(4)]
    for _ in early:
        world.entered.get(timeout=WATCHDOG)
    patient = [threads.submit(client.Wait, number) for number in range(10, 14)]
    for _ in patient:
        world.entered.get(timeout=WATCHDOG)
    assert [one.result(WATCHDOG) for one in early] == [lrpc.DeadlineExceeded] * 4
    for number in range(4):  # late answers, that nobody waits for
        world.gate(number).set()
    for number in range(10, 14):
        world.gate(number).set()
    assert [one.result(WATCHDOG) for one in patient] == [10, 11, 12, 13]
    assert client.Add(1, 1) == 2


@pytest.mark.parametrize("face", ["asyncio"], indirect=True)
def test_closing_ends_the_calls_of_all_threads(
    connect: Any, binding: str, threads: ThreadPoolExecutor, world: Any
) -> None:
    client = connect(binding)
    calls = [threads.submit(client.Wait, number) for number in range(5)]
    for _ in calls:
        world.entered.get(timeout=WATCHDOG)
    client.close()
    for call in calls:
        error = call.exception(WATCHDOG)
        assert isinstance(error, lrpc.ConnectionLost)
        assert (str(error), error.ran) == ("the client closed the connection", Ran.UNKNOWN)


def test_threads_that_start_together_lose_no_answer(connect: Any, binding: str, threads: ThreadPoolExecutor) -> None:
    client = connect(binding, timeout=WATCHDOG / 2)
    for _ in range(100):
        barrier = threading.Barrier(4)

        def together(number: int, barrier: threading.Barrier = barrier) -> int:
            barrier.wait(WATCHDOG)
            return int(client.Add(number, 1))

        assert list(threads.map(together, range(4))) == [1, 2, 3, 4]


def test_a_hundred_calls_are_gathered(host: Any, binding: str, clients_of: Any) -> None:
    clients = clients_of("asyncio")
    client = clients(binding).client

    async def gathered() -> list[int]:
        return await asyncio.gather(*(client.Add(index, 1) for index in range(100)))

    assert clients.loop.run(gathered()) == [index + 1 for index in range(100)]


def test_large_calls_are_gathered(host: Any, binding: str, clients_of: Any) -> None:
    clients = clients_of("asyncio")
    client = clients(binding).client

    async def gathered() -> bool:
        sent = [bytes([index]) * 300_000 for index in range(30)]
        return sent == await asyncio.gather(*(client.Echo(one) for one in sent))

    assert clients.loop.run(gathered())


@pytest.mark.parametrize("face", ["asyncio"], indirect=True)
def test_a_hundred_calls_that_wait_are_answered(host: Any, binding: str, clients_of: Any, world: Any) -> None:
    clients = clients_of("asyncio")
    client = clients(binding).client
    for number in range(100):
        world.gate(number).set()

    async def gathered() -> list[int]:
        return await asyncio.gather(*(client.Wait(index) for index in range(100)))

    assert clients.loop.run(gathered()) == list(range(100))


def test_cancelled_calls_take_nothing_from_the_others(host: Any, binding: str, clients_of: Any) -> None:
    clients = clients_of("asyncio")
    client = clients(binding).client

    async def some_cancelled() -> list[Any]:
        tasks = [asyncio.ensure_future(client.Echo(bytes([index]) * 50_000)) for index in range(60)]
        await asyncio.sleep(0)
        for task in tasks[30::3]:
            task.cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    results = clients.loop.run(some_cancelled())
    for index, result in enumerate(results):
        if index < 30 or index % 3:
            assert result == bytes([index]) * 50_000
