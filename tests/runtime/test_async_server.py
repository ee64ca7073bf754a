"""What the asyncio server has that its twin has not; the rest is in test_serving.py and test_calls.py."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import ModuleType

import pytest

import lrpc

WATCHDOG = 20.0


def test_a_server_serves_until_its_task_is_cancelled(calculator: ModuleType, binding_for: Callable[[str], str]) -> None:
    async def serve() -> int:
        server = lrpc.AsyncServer()
        server.register(calculator.AsyncService(calculator.World()))
        binding = await server.listen(binding_for("ncalrpc"))
        serving = asyncio.ensure_future(server.serve_forever())
        async with lrpc.connect(calculator.AsyncCalculatorClient, str(binding)) as client:
            result = await client.Add(1, 1)
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        with pytest.raises(lrpc.ServerUnavailable):
            await lrpc.connect(calculator.AsyncCalculatorClient, str(binding))
        return result

    assert asyncio.run(serve()) == 2


def test_a_server_serves_until_it_is_stopped(calculator: ModuleType, binding_for: Callable[[str], str]) -> None:
    async def serve() -> None:
        async with lrpc.AsyncServer() as server:
            await server.listen(binding_for("ncalrpc"))
            serving = asyncio.ensure_future(server.serve_forever())
            await asyncio.sleep(0)
            await server.stop()
            await asyncio.wait_for(serving, WATCHDOG)

    asyncio.run(serve())


def test_a_server_takes_coroutines_only(calculator: ModuleType) -> None:
    async def register() -> None:
        with pytest.raises(TypeError, match="async def"):
            lrpc.AsyncServer().register(calculator.Service(calculator.World()))

    asyncio.run(register())


@pytest.mark.parametrize("transport", ["ncalrpc", "ncacn_ip_tcp"], indirect=True)
@pytest.mark.parametrize("face", ["asyncio"], indirect=True)
@pytest.mark.parametrize("client_face", ["blocking"], indirect=True)
def test_a_method_that_lets_a_cancellation_out_has_failed(connect: object, binding: str) -> None:
    client = connect(binding)  # type: ignore[operator]
    with pytest.raises(lrpc.CallCancelled):
        client.Misbehave("cancelled")
    assert client.Add(1, 1) == 2


def test_a_method_that_runs_past_the_grace_is_cancelled(
    calculator: ModuleType, binding_for: Callable[[str], str]
) -> None:
    cancelled: list[bool] = []

    class Slow(calculator.AsyncService):  # type: ignore[misc,name-defined]
        async def Add(self, a: int, b: int) -> int:
            self.world.entered.put(a)
            try:
                await asyncio.sleep(WATCHDOG)
            except asyncio.CancelledError:
                cancelled.append(True)
                raise
            return a

    async def serve() -> None:
        world = calculator.World()
        server = lrpc.AsyncServer()
        server.register(Slow(world))
        binding = await server.listen(binding_for("ncalrpc"))
        client = await lrpc.connect(calculator.AsyncCalculatorClient, str(binding))
        call = asyncio.ensure_future(client.Add(1, 1))
        while world.entered.empty():
            await asyncio.sleep(0.001)
        await server.stop(0.01)
        with pytest.raises(lrpc.ConnectionLost):
            await call
        await client.close()

    asyncio.run(serve())
    assert cancelled == [True]


def test_callers_of_calls_that_run_together_are_kept_apart(
    calculator: ModuleType, binding_for: Callable[[str], str]
) -> None:
    async def serve() -> list[str]:
        async with lrpc.AsyncServer() as server:
            server.register(calculator.AsyncService(calculator.World()))
            bindings = [await server.listen(binding_for(name)) for name in ("ncalrpc", "ncacn_np", "ncacn_ip_tcp")]
            clients = [await lrpc.connect(calculator.AsyncCalculatorClient, str(found)) for found in bindings]
            answers = await asyncio.gather(*(client.Who() for client in clients * 3))
            for client in clients:
                await client.close()
            return [answer.split()[0] for answer in answers]

    assert asyncio.run(serve()) == ["ncalrpc", "ncacn_np", "ncacn_ip_tcp"] * 3


LARGE = """
[uuid(0e6d7e1c-94f5-4a36-8b41-3b3cf32a9e51), version(1.0)]
interface Large { void Get([in] long n, [out, size_is(n)] byte data[]); }
"""


def test_calls_of_a_client_that_leaves_much_unread_wait(binding_for: Callable[[str], str]) -> None:
    """Answers are made as they are read: what waits to be sent has a limit, and nothing is lost."""
    from lrpc.runtime import ncacn

    stub, made, count, size = lrpc.load(LARGE), list[int](), 60, 1 << 20

    class Maker(stub.AsyncLarge):  # type: ignore[misc,name-defined]
        async def Get(self, n: int) -> bytes:
            made.append(n)
            return bytes(n)

    async def settled() -> int:
        before = -1
        while before != len(made):
            before = len(made)
            await asyncio.sleep(0.2)
        return before

    async def serve() -> None:
        async with lrpc.AsyncServer(limits=lrpc.Limits(max_unsent=4 * size)) as server:
            server.register(Maker())
            found = await server.listen(binding_for("ncacn_ip_tcp"))
            reader, writer = await asyncio.open_connection(found.address, int(found.endpoint))
            association = ncacn.ClientAssociation(limits=ncacn.Limits(max_response=count * size * 2))
            syntax = ncacn.SyntaxId(stub.Large.interface.uuid, 1, 0)
            writer.write(association.bind([ncacn.ContextRequest(0, syntax, [ncacn.NDR])]))
            association.receive_data(await reader.read(65536))
            for _ in range(count):
                request = association.request(association.next_call_id(), 0, 0, size.to_bytes(4, "little"))
                writer.write(b"".join(request))
            assert 0 < await settled() < count - 10
            answered = 0
            while answered < count:
                events = association.receive_data(await asyncio.wait_for(reader.read(1 << 18), WATCHDOG))
                answered += sum(isinstance(event, ncacn.ResponseReceived) for event in events)
            assert len(made) == count
            writer.close()

    asyncio.run(serve())
