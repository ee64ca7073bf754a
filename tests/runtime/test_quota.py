"""What the calls of one interface may cost, over every transport and in both faces."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import lrpc
from lrpc.runtime.quota import quota


@pytest.fixture(params=["blocking", "followers", "asyncio"])
def face(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def serve(hosts: Any, face: str, transport: str, binding_for: Callable[[str], str]) -> Callable[..., tuple[Any, str]]:
    """The calculator with some quota and a greeting without one, and where they listen."""

    def make(**options: Any) -> tuple[Any, str]:
        host = hosts(face)
        host.server.register(host.service, **options)
        host.server.register(host.greeting())
        return host, str(host.listen(binding_for(transport)))

    return make


def test_calls_of_all_clients_together_have_a_limit(
    serve: Any, clients_of: Any, threads: ThreadPoolExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    host, binding = serve(max_calls=2)
    connect = clients_of("blocking")
    running = [threads.submit(connect(binding).Wait, number) for number in range(2)]
    assert {host.world.entered.get(timeout=20) for _ in range(2)} == {0, 1}
    client = connect(binding, policy=lrpc.Policy(retries=0))
    with caplog.at_level(logging.WARNING, "lrpc.server"), pytest.raises(lrpc.ServerTooBusy) as busy:
        client.Add(1, 1)
    assert busy.value.ran is lrpc.Ran.NO
    assert {(record.limit, record.value) for record in caplog.records} == {("max_calls", 2)}  # type: ignore[attr-defined]
    assert connect(binding, "Greeter").Greet("you")
    host.world.release_all()
    assert [call.result(20) for call in running] == [0, 1]
    assert client.Add(1, 1) == 2


def test_a_call_that_fails_gives_its_place_back(serve: Any, clients_of: Any) -> None:
    _, binding = serve(max_calls=1)
    client = clients_of("blocking")(binding)
    for _ in range(3):
        with pytest.raises(lrpc.RpcError):
            client.Divide(1, 0)
    assert client.Add(1, 1) == 2


def test_requests_have_a_limit_and_longer_ones_do_not_run(serve: Any, clients_of: Any) -> None:
    host, binding = serve(max_request=1000)
    client = clients_of("blocking")(binding)
    assert len(client.Echo(bytes(900))) == 900
    for size in (1100, 50_000):
        with pytest.raises(lrpc.AccessDenied) as denied:
            client.Echo(bytes(size))
        assert (denied.value.status, denied.value.ran) == (5, lrpc.Ran.NO)
    assert len(host.world.data) == 1
    assert client.Add(1, 1) == 2


def test_an_interface_without_limits_has_no_quota(calculator: Any) -> None:
    interface = calculator.Calculator.interface
    assert quota(interface, None, None) is None
    limited = quota(interface, None, 10)
    assert limited is not None
    assert (limited.request(5), limited.request(50)) == (5, 10)
