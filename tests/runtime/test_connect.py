"""`connect`: which server is chosen, why, what was tried before, and how connecting fails."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

import lrpc
from lrpc.runtime import call, locate, reaching
from lrpc.runtime.binding import StringBinding
from lrpc.runtime.connect import ConnectionInfo, connect
from lrpc.runtime.mapper.towers import NDR, Syntax, Tower
from lrpc.runtime.status import (
    AccessDenied,
    BindRefused,
    DeadlineExceeded,
    InvalidBinding,
    Ran,
    RpcError,
    ServerUnavailable,
)

WATCHDOG = 20.0


@pytest.fixture
def host(hosts: Callable[..., Any]) -> Any:
    made = hosts()
    made.server.register(made.service)
    return made


@pytest.fixture
def client(calculator: ModuleType) -> Any:
    return calculator.CalculatorClient


def connected(client: Any, target: str) -> ConnectionInfo:
    """How a server was reached; a call proves that it was."""
    with connect(client, target, timeout=WATCHDOG) as reached:
        assert reached.Add(2, 3) == 5
        info: ConnectionInfo = reached.connection
        return info


def test_a_string_binding_is_where_it_goes(host: Any, client: Any, binding_for: Callable[[str], str]) -> None:
    binding = host.listen(binding_for("ncalrpc"))
    info = connected(client, str(binding))
    assert info == ConnectionInfo(binding, "the string binding names the endpoint")
    assert str(info) == f"{binding} (the string binding names the endpoint)"


def test_a_name_prefers_the_alpc_port(host: Any, client: Any) -> None:
    host.listen("ncalrpc:[calc]")
    host.listen(r"ncacn_np:[\pipe\calc]")
    info = connected(client, "calc")
    assert (str(info.binding), info.tried) == ("ncalrpc:[calc]", ())
    assert info.reason == "same machine: it has an ALPC port of this name"


def test_a_name_falls_back_to_the_pipe_and_says_what_failed(host: Any, client: Any) -> None:
    host.listen(r"ncacn_np:[\pipe\calc]")
    info = connected(client, r"\\localhost\calc")
    assert str(info.binding) == r"ncacn_np:[\pipe\calc]"
    assert info.reason == "same machine: no ALPC port, but a named pipe"
    [tried] = info.tried
    assert tried.startswith("ncalrpc:[calc]: ")


def test_a_name_falls_back_to_the_endpoint_mapper(host: Any, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    port = host.listen("ncacn_ip_tcp:[0]").endpoint
    tower = Tower(Syntax(client.interface.uuid, *client.interface.version), NDR, "ncacn_ip_tcp", port, "127.0.0.1")
    monkeypatch.setattr(locate, "mapped_towers", lambda *_: [tower])
    info = connected(client, "calc")
    assert str(info.binding) == f"ncacn_ip_tcp:127.0.0.1[{port}]"
    assert info.reason == "the endpoint mapper of this machine knows it"
    assert [one.partition(": ")[0] for one in info.tried] == ["ncalrpc:[calc]", r"ncacn_np:[\pipe\calc]"]


def test_the_asyncio_client_is_reached_the_same_way(host: Any, calculator: ModuleType) -> None:
    host.listen(r"ncacn_np:[\pipe\calc]")

    async def use() -> None:
        async with connect(calculator.AsyncCalculatorClient, "calc", timeout=WATCHDOG) as client:
            assert await client.Add(2, 3) == 5
            assert str(client.connection.binding) == r"ncacn_np:[\pipe\calc]"
            assert len(client.connection.tried) == 1

    asyncio.run(use())


def test_an_object_takes_the_place_of_the_one_in_the_binding(
    host: Any, calculator: ModuleType, binding_for: Callable[[str], str]
) -> None:
    one, two = UUID(int=1), UUID(int=2)
    for uuid, words in ((one, "one"), (two, "two")):
        host.server.register(host.greeting(words), object=uuid)
    target = f"{one}@{host.listen(binding_for('ncalrpc'))}"
    with connect(calculator.GreeterClient, target, timeout=WATCHDOG) as client:
        assert client.Greet("x") == "one x"
    with connect(calculator.GreeterClient, target, timeout=WATCHDOG, object=two) as client:
        assert client.Greet("x") == "two x"
        assert client.connection.binding.object == two


def test_when_nobody_answers_all_that_was_tried_is_told(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def unanswered(mapper: StringBinding, *_: object) -> list[Tower]:
        raise ServerUnavailable(f"{mapper}: not there")

    monkeypatch.setattr(locate, "mapped_towers", unanswered)
    with pytest.raises(ServerUnavailable) as caught:
        connect(client, "calc", timeout=WATCHDOG)
    message = str(caught.value)
    assert message.startswith("no server at 'calc': ncalrpc:[calc]: ")
    assert r"; ncacn_np:[\pipe\calc]: " in message
    assert message.endswith("; ncalrpc:[epmapper]: not there; ncacn_ip_tcp:127.0.0.1[135]: not there")
    assert caught.value.ran is Ran.NO


def test_a_server_without_the_interface_is_not_passed_over(
    hosts: Callable[..., Any], host: Any, client: Any, until: Callable[..., None]
) -> None:
    other = hosts()
    other.server.register(other.greeting())
    other.listen("ncalrpc:[calc]")
    host.listen(r"ncacn_np:[\pipe\calc]")
    with pytest.raises(BindRefused, match="Calculator"):
        connect(client, "calc", timeout=WATCHDOG)
    until(lambda: not other.server._sessions)


def test_access_that_is_denied_is_not_passed_over(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def denied(binding: StringBinding, *_: object, **_options: object) -> Any:
        opened.append(str(binding))
        raise AccessDenied(5, ran=Ran.NO)

    monkeypatch.setattr(reaching, "open_wire", denied)
    with pytest.raises(AccessDenied):
        connect(client, "calc", timeout=WATCHDOG)
    assert opened == ["ncalrpc:[calc]"]


@pytest.mark.parametrize(
    "target", ["memory:", "nonsense:[calc]", "ncalrpc:far[calc]", "ncacn_np:[calc]", "ncacn_ip_tcp:a..b[1]"]
)
def test_a_target_that_cannot_be_is_an_invalid_binding(client: Any, calculator: ModuleType, target: str) -> None:
    with pytest.raises(InvalidBinding):
        connect(client, target, timeout=WATCHDOG)

    async def use() -> None:
        await connect(calculator.AsyncCalculatorClient, target, timeout=WATCHDOG)

    with pytest.raises(InvalidBinding):
        asyncio.run(use())


def test_a_deadline_bounds_connecting(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reaching, "open_wire", pytest.fail)
    with lrpc.deadline(0), pytest.raises(DeadlineExceeded) as caught:
        connect(client, "calc", timeout=WATCHDOG)
    assert caught.value.ran is Ran.NO


def test_all_candidates_share_the_time(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, given = SimpleNamespace(now=100.0), list[float]()

    def slow(binding: StringBinding, timeout: float, *_: object, **_options: object) -> Any:
        given.append(timeout)
        clock.now += 6
        raise ServerUnavailable("nobody")

    for module in (reaching, call):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr(reaching, "open_wire", slow)
    with pytest.raises(ServerUnavailable):
        connect(client, "calc", timeout=20)
    assert given == [20, 14, 8, 2]  # the port, the pipe, the endpoint mapper by ALPC and by TCP
    for timeout in (6, 12):
        with pytest.raises(DeadlineExceeded) as caught:
            connect(client, "calc", timeout=timeout)
        assert caught.value.ran is Ran.NO
    assert given[4:] == [6, 12, 6]


def test_a_wire_that_cannot_be_bound_is_closed(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []

    def refuse(*_: object) -> None:
        raise RpcError("refused")

    wire = SimpleNamespace(bind=refuse, close=lambda: closed.append("wire"))
    monkeypatch.setattr(reaching, "open_wire", lambda *_, **_options: wire)
    with pytest.raises(RpcError, match="refused"):
        connect(client, "ncalrpc:[calc]", timeout=WATCHDOG)
    assert closed == ["wire"]


def test_a_connection_that_nobody_waits_for_any_more_is_closed(
    calculator: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[str] = []
    wire = SimpleNamespace(close=lambda: closed.append("wire"))

    async def use() -> None:
        started, go = asyncio.Event(), threading.Event()
        loop = asyncio.get_running_loop()

        def reach(_: object) -> Any:
            loop.call_soon_threadsafe(started.set)
            assert go.wait(WATCHDOG)
            return wire, None

        monkeypatch.setattr(reaching.Reaching, "__call__", reach)
        task = asyncio.ensure_future(_awaited(connect(calculator.AsyncCalculatorClient, "calc")))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go.set()
        async with asyncio.timeout(WATCHDOG):
            while not closed:
                await asyncio.sleep(0)

    asyncio.run(use())
    assert closed == ["wire"]


async def _awaited(connecting: Any) -> Any:
    return await connecting
