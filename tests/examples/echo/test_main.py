"""`python -m examples.echo`: where it listens, its registration, and its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import lrpc
from examples.echo import __main__ as program
from examples.echo.rpcecho import rpcechoClient

ROOT = Path(__file__).parents[3]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Names of this test are nobody else's."""
    (tmp_path / "names").mkdir(mode=0o700)
    return os.environ | {"LRPC_NAMESPACE": str(tmp_path / "names")}


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.communicate(timeout=20)


def start(processes: list[subprocess.Popen[str]], environment: dict[str, str], *words: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    command = [sys.executable, "-m", *words]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=pipe, stderr=pipe, text=True)
    processes.append(process)
    return process


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_service_says_where_it_listens_serves_and_ends_cleanly(
    processes: list[subprocess.Popen[str]], environment: dict[str, str], ending: signal.Signals
) -> None:
    listen = ("--listen", "ncacn_ip_tcp:[0]")
    process = start(processes, environment, "examples.echo", *listen, *listen)
    for _ in range(2):
        words = line(process).split()
        assert words[:2] == ["listening", "on"]
        with lrpc.connect(rpcechoClient, words[2]) as client:
            assert client.AddOne(1) == 2
    process.send_signal(ending)
    _, complaints = process.communicate(timeout=30)
    assert (process.returncode, complaints) == (0, "")


def test_service_that_registers_is_found_by_its_interface(
    processes: list[subprocess.Popen[str]], environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LRPC_NAMESPACE", environment["LRPC_NAMESPACE"])
    mapper = start(processes, environment, "lrpc", "epmapper", "--listen", "ncacn_ip_tcp:[0]")
    assert line(mapper) == "ncalrpc:[epmapper]"
    service = start(processes, environment, "examples.echo", "--register", "--listen", "ncacn_ip_tcp:[0]")
    binding = line(service).split()[-1]
    with lrpc.connect(rpcechoClient, "ncacn_ip_tcp:") as client:
        assert client.TestCall("found") == "found"
        assert str(client.connection.binding) == binding


def test_address_that_cannot_be_had_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["--listen", "nonsense"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("echo: 'nonsense': no protocol sequence")
    assert said.err.count("\n") == 1
