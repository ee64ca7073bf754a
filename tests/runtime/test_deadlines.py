"""Time limits of calls, on every transport and in both faces at either end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import lrpc
from lrpc.runtime.status import Ran


def test_a_call_that_takes_too_long_fails_and_may_have_run(connect: Any, binding: str, world: Any) -> None:
    client = connect(binding, timeout=0.1)
    with pytest.raises(lrpc.DeadlineExceeded) as caught:
        client.Wait(1)
    assert caught.value.ran is Ran.UNKNOWN
    assert isinstance(caught.value, TimeoutError)
    world.has_entered(1)
    world.gate(1).set()


def test_a_client_is_usable_after_a_deadline_and_late_answers_reach_nobody(
    connect: Any, binding: str, world: Any
) -> None:
    client = connect(binding)
    for number in range(1, 6):
        with pytest.raises(lrpc.DeadlineExceeded), lrpc.deadline(0.02):
            if connect.loop is None:
                client.Wait(number)
            else:
                connect.loop.run(_within(0.02, client.client.Wait(number)))
        world.has_entered(number)
        world.gate(number).set()
        assert [client.Add(number, index) for index in range(5)] == [number + index for index in range(5)]


async def _within(seconds: float, call: Any) -> Any:
    with lrpc.deadline(seconds):  # of the task: the thread of the test has another context
        return await call


def test_a_deadline_that_has_passed_sends_nothing(connect: Any, binding: str, world: Any, client_face: str) -> None:
    client = connect(binding)
    with pytest.raises(lrpc.DeadlineExceeded) as caught:
        if connect.loop is None:
            with lrpc.deadline(0):
                client.Wait(1)
        else:
            connect.loop.run(_within(0, client.client.Wait(1)))
    assert caught.value.ran is Ran.NO
    assert client.Add(1, 1) == 2
    assert world.entered.empty()


def test_a_cancelled_call_leaves_its_client_usable(
    hosts: Any, clients_of: Any, transport: str, binding_for: Any
) -> None:
    host, clients = hosts("asyncio"), clients_of("asyncio")
    host.server.register(host.service)
    client = clients(host.listen(binding_for(transport)))

    async def cancelled() -> None:
        task = asyncio.ensure_future(client.client.Wait(1))
        while not task.cancelled():
            if not host.world.entered.empty():
                task.cancel()
            await asyncio.sleep(0.001)

    clients.loop.run(cancelled())
    host.world.gate(1).set()
    assert [client.Add(1, index) for index in range(20)] == [1 + index for index in range(20)]


@pytest.mark.parametrize("face", ["blocking"], indirect=True)
def test_a_request_that_is_not_read_fails_in_time(connect: Any, binding: str, world: Any) -> None:
    other, slow = connect(binding), connect(binding, timeout=0.1)
    with pytest.raises(lrpc.DeadlineExceeded):
        slow.Wait(1)  # its thread at the server is busy from now on and reads nothing
    for _ in range(20):
        with pytest.raises(lrpc.RpcError):  # late, or no room left, or the stream was torn and closed
            slow.Echo(bytes(4 << 20))
    assert other.Add(1, 1) == 2
    world.gate(1).set()
