"""Captures of whole conversations, over every transport and in both faces at either end."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import lrpc
from lrpc.runtime.capture.calls import CapturedCall, Reader
from lrpc.runtime.capture.capturing import SIDE_VARIABLE, VARIABLE, capture
from lrpc.runtime.capture.file import Side
from lrpc.runtime.status import NCA_UNSPECIFIED

SIZES = (0, 1, 4232, 5816, 65_431, 65_432, 65_496, 200_000)
ADD, ECHO, MISBEHAVE, SUM = 0, 5, 11, 13


def captured(path: Path) -> dict[str, list[CapturedCall]]:
    """The calls of a file by who saw them, in their order; all of it is PDUs."""
    reader = Reader()
    with path.open("rb") as file:
        calls = sorted(reader.calls(file), key=lambda call: call.time)
    assert reader.unread == 0
    return {side: [call for call in calls if call.side == side] for side in ("client", "server")}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.pcapng"


@pytest.fixture
def environment(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(path))


@pytest.mark.usefixtures("environment")
def test_both_ends_see_the_same_calls(path: Path, host: Any, connect: Any, binding: str) -> None:
    client = connect(binding)
    assert client.Add(2, 3) == 5
    for size in SIZES:
        assert client.Echo(bytes(size)) == bytes(size)
    assert client.Sum([1] * 20_000) == 20_000
    with pytest.raises(lrpc.Fault):
        client.Misbehave("bug")
    client.close()
    host.stop()  # what it said last is written by then
    seen = captured(path)
    for calls in seen.values():
        assert [call.opnum for call in calls] == [ADD, *[ECHO] * len(SIZES), SUM, MISBEHAVE]
        assert [call.received for call in calls] == [4, *(4 + size for size in SIZES), 4, 0]
        assert [call.fault for call in calls] == [*[None] * (2 + len(SIZES)), NCA_UNSPECIFIED]
        assert all(call.duration is not None and call.duration >= 0 for call in calls)
        assert all(binding in call.connection for call in calls)
    assert [call.sent for call in seen["client"]] == [call.sent for call in seen["server"]]


def test_threads_on_one_connection_are_told_apart(
    hosts: Any, clients_of: Any, binding_for: Callable[[str], str], transport: str, path: Path
) -> None:
    host = hosts("blocking")
    host.server.register(host.service)
    binding = str(host.listen(binding_for(transport)))
    client = clients_of("blocking")(binding, capture=path)
    sizes = [1000 * number for number in range(40)]
    with ThreadPoolExecutor(8) as threads:
        assert [len(data) for data in threads.map(lambda size: client.Echo(bytes(size)), sizes)] == sizes
    calls = captured(path)["client"]
    assert sorted(call.received for call in calls) == [4 + size for size in sizes]
    assert all(call.received == call.sent - 4 for call in calls)


@pytest.mark.usefixtures("environment")
def test_pipes_are_one_call_each(path: Path, host: Any, binding: str, clients_of: Any, piper: ModuleType) -> None:
    host.server.register((piper.AsyncService if host.loop else piper.Service)(piper.Seen()))
    client = clients_of("blocking").of(piper.stub.PiperClient, binding)
    chunks = [bytes(70_000)] * 3
    assert b"".join(client.Echo(chunks)) == bytes(210_000)
    assert sum(1 for _ in client.Count(20_000)) == 20_000
    client.close()
    host.stop()
    for calls in captured(path).values():
        assert [call.duration is not None for call in calls] == [True, True]
        assert calls[0].sent > 210_000
        assert calls[0].received > 210_000
        assert calls[1].received > 80_000


def test_a_client_alone_is_captured(
    hosts: Any, clients_of: Any, client_face: str, binding_for: Callable[[str], str], transport: str, path: Path
) -> None:
    host = hosts("blocking")
    host.server.register(host.service)
    binding = str(host.listen(binding_for(transport)))
    clients_of(client_face)(binding, capture=path).Add(1, 2)
    clients_of(client_face)(binding).Add(1, 2)
    seen = captured(path)
    assert (len(seen["client"]), len(seen["server"])) == (1, 0)


def test_a_server_alone_is_captured(clients_of: Any, binding_for: Any, calculator: ModuleType, path: Path) -> None:
    with lrpc.Server(capture=path) as server:
        server.register(calculator.Service(calculator.World()))
        server.start()
        binding = server.listen(binding_for("ncalrpc"))
        clients_of("blocking")(binding).Add(1, 2)
    seen = captured(path)
    assert (len(seen["client"]), len(seen["server"])) == (0, 1)


def test_a_refused_bind_is_seen(
    hosts: Any, clients_of: Any, transport: str, binding_for: Callable[[str], str], path: Path
) -> None:
    host = hosts("blocking")
    binding = str(host.listen(binding_for(transport)))
    with pytest.raises(lrpc.BindRefused):
        clients_of("blocking")(binding, capture=path)
    (bind,) = captured(path)["client"]
    assert bind.opnum is None
    assert bind.refused


@pytest.mark.parametrize(("wanted", "clients", "servers"), [("", 1, 1), ("client", 1, 0), ("server", 0, 1)])
def test_the_environment_says_whose_view(
    wanted: str, clients: int, servers: int, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(path))
    monkeypatch.setenv(SIDE_VARIABLE, wanted)
    found = [capture(None, side) is not None for side in Side]
    assert found == [bool(clients), bool(servers)]


def test_a_file_that_cannot_be_had_is_an_error_where_it_was_given(tmp_path: Path, calculator: ModuleType) -> None:
    with pytest.raises(FileNotFoundError):
        lrpc.Server(capture=tmp_path / "missing" / "x")
    with pytest.raises(FileNotFoundError):
        lrpc.connect(calculator.CalculatorClient, "memory:[nobody]", capture=tmp_path / "missing" / "x")


def test_a_file_of_the_environment_that_cannot_be_had_fails_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "missing" / "x"))
    with caplog.at_level(logging.ERROR, "lrpc.capture"):
        lrpc.Server().stop()
    assert "nothing more is captured" in caplog.text


def test_processes_share_a_file(
    server_process: Any, binding_for: Any, clients_of: Any, path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv(VARIABLE, str(path))
    child, (binding,) = server_process(binding_for("ncalrpc"))
    client = clients_of("blocking")(binding)
    assert client.Echo(bytes(100_000)) == bytes(100_000)
    client.close()
    child.communicate(timeout=20)
    seen = captured(path)
    assert [call.received for call in seen["client"]] == [call.received for call in seen["server"]] == [100_004]


def test_without_a_capture_nothing_of_it_is_loaded(run_child: Any) -> None:
    program = (
        "import lrpc, sys; from lrpc.runtime import connect, server; server.Server().stop(); "
        "print([name for name in sys.modules if 'capture' in name])"
    )
    child = run_child(program)
    assert child.communicate(timeout=20)[0].strip() == "[]"
