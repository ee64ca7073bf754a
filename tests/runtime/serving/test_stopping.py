"""A server is stopped once, by whoever comes first; the others wait for that, if they can."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import lrpc

WATCHDOG = 20.0
AGES = 50 * WATCHDOG


@pytest.fixture(params=["blocking", "followers", "asyncio"])
def face(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["ncalrpc", "ncacn_ip_tcp"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(host: Any, clients_of: Any, binding: str) -> Any:
    return clients_of("blocking")(binding)


def stop_again(host: Any, grace: float) -> None:
    host.stopped = False
    host.stop(grace)


def test_a_second_stop_gives_no_second_grace(host: Any, client: Any, threads: ThreadPoolExecutor) -> None:
    """Though a method that nobody can cancel runs on."""
    running = threads.submit(client.Wait, 1)
    host.world.has_entered(1)
    host.stop(0.01)
    threads.submit(stop_again, host, AGES).result(WATCHDOG)
    assert isinstance(running.exception(WATCHDOG), lrpc.ConnectionLost)
    host.world.gate(1).set()


@pytest.mark.parametrize("transport", ["ncalrpc", "ncacn_np", "ncacn_ip_tcp", "memory"], indirect=True)
def test_a_method_that_runs_past_the_grace_learns_it(
    hosts: Any, clients_of: Any, binding_for: Any, face: str, transport: str, threads: ThreadPoolExecutor
) -> None:
    host = hosts(face)
    world = host.world

    def wait(number: int) -> int:
        world.entered.put(number)
        if lrpc.call_cancelled(AGES):
            world.given_up.put(number)
        return number

    async def wait_async(number: int) -> int:
        world.entered.put(number)
        try:
            await asyncio.sleep(AGES)
        except asyncio.CancelledError:
            world.given_up.put(number)
            raise
        return number

    host.service.Wait = wait_async if host.loop else wait
    host.server.register(host.service)
    client = clients_of("blocking")(host.listen(binding_for(transport)))
    running = threads.submit(client.Wait, 1)
    world.has_entered(1)
    host.stop(0.05)
    assert world.given_up.get(timeout=WATCHDOG) == 1
    assert isinstance(running.exception(WATCHDOG), lrpc.ConnectionLost)


def test_a_second_stop_waits_for_the_first(host: Any, client: Any, threads: ThreadPoolExecutor, until: Any) -> None:
    running = threads.submit(client.Wait, 1)
    host.world.has_entered(1)
    first = threads.submit(host.stop, AGES)
    until(lambda: not host.server.listening)
    second = threads.submit(stop_again, host, 0)
    with pytest.raises(TimeoutError):
        second.result(0.05)
    host.world.gate(1).set()
    assert running.result(WATCHDOG) == 1
    first.result(WATCHDOG)
    second.result(WATCHDOG)


def test_a_method_that_stops_a_server_that_stops_does_not_wait_for_itself(
    hosts: Any, clients_of: Any, binding_for: Any, face: str, transport: str, threads: ThreadPoolExecutor, until: Any
) -> None:
    host = hosts(face)
    world, server = host.world, host.server

    def wait(number: int) -> int:
        world.entered.put(number)
        world.gate(number).wait(WATCHDOG)
        server.stop(AGES)
        return number

    async def wait_async(number: int) -> int:
        world.entered.put(number)
        while not world.gate(number).is_set():
            await asyncio.sleep(0.001)
        await server.stop(AGES)
        return number

    host.service.Wait = wait_async if host.loop else wait
    server.register(host.service)
    client = clients_of("blocking")(host.listen(binding_for(transport)))
    running = threads.submit(client.Wait, 1)
    world.has_entered(1)
    stopping = threads.submit(host.stop, AGES)
    until(lambda: not server.listening)
    world.gate(1).set()
    assert running.result(WATCHDOG) == 1
    stopping.result(WATCHDOG)


def test_serving_ends_with_the_stop_that_another_task_began(calculator: Any, binding_for: Any) -> None:
    """Not before, or the program would end and take the calls along that still run."""

    async def serve() -> None:
        world, server = calculator.World(), lrpc.AsyncServer()
        server.register(calculator.AsyncService(world))
        binding = await server.listen(binding_for("ncalrpc"))
        serving = asyncio.ensure_future(server.serve_forever())
        async with lrpc.connect(calculator.AsyncCalculatorClient, str(binding)) as client:
            call = asyncio.ensure_future(client.Wait(1))
            while world.entered.empty():
                await asyncio.sleep(0.001)
            stopping = asyncio.ensure_future(server.stop(AGES))
            for _ in range(100):
                await asyncio.sleep(0)
            assert not serving.done()
            world.gate(1).set()
            async with asyncio.timeout(WATCHDOG):
                assert await call == 1
                await asyncio.gather(stopping, serving)

    asyncio.run(serve())
