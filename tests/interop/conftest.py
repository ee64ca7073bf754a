"""Real peers for the interop tests: the registry example in a process of its own, and impacket's client for it.

What a run showed is kept in the file that LRPC_INTEROP_ROWS names.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.interop import rows
from tests.interop.accounts import DOMAIN, PASSWORD, USER
from tests.interop.network import listening
from tests.interop.samba_programs import Samba, missing
from tests.interop.services import Services
from tests.interop.wireshark import OURS, verdict_on

ROOT = Path(__file__).parents[2]
LISTENING = "listening on "
LAST = "test_rows.py"
PARTLY: set[str] = set()
"""Modules of which this run leaves tests out."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name == LAST)


def pytest_deselected(items: list[pytest.Item]) -> None:
    PARTLY.update(item.path.stem for item in items)


def pytest_sessionfinish() -> None:
    path = os.environ.get("LRPC_INTEROP_ROWS")
    if path:
        rows.save(Path(path))


@pytest.fixture
def whole_modules(request: pytest.FixtureRequest) -> set[str]:
    """The modules that this run ran as a whole, and to a good end."""
    session = request.session
    ran = {item.path.stem for item in session.items}
    return set() if session.testsfailed or any("::" in word for word in session.config.args) else ran - PARTLY


@pytest.fixture
def shown(request: pytest.FixtureRequest) -> Callable[[str, str, str, str, str], None]:
    """Says what a peer showed: peer, its role, transport, level, what was right."""

    def show(peer: str, role: str, transport: str, level: str, result: str) -> None:
        rows.SEEN.add(rows.Row(peer, role, transport, level, result, request.path.name))

    return show


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Our services in a network of their own; Wireshark judges at the end what they sent, none of it malformed."""
    lacking = missing()
    if lacking:
        pytest.fail(lacking)
    made = Services(tmp_path_factory.mktemp("services"))
    yield made
    made.close()
    assert_well_formed(made.capture)


@pytest.fixture(scope="module")
def samba(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Samba:
    """Samba's clients, where our services are."""
    return Samba(tmp_path_factory.mktemp("samba"), services.network)


def assert_well_formed(capture: Path) -> None:
    verdict = verdict_on(capture, "-Y", OURS)
    assert verdict.kinds
    assert verdict.faults == []


@pytest.fixture
def wireshark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A capture of all that lrpc exchanges in a test; what we sent is judged at its end, none of it malformed."""
    capture = tmp_path / "judged.pcapng"
    monkeypatch.setenv("LRPC_CAPTURE", str(capture))
    yield capture
    monkeypatch.delenv("LRPC_CAPTURE")
    assert_well_formed(capture)


@contextmanager
def serving(hive: Path, *bindings: str) -> Iterator[list[str]]:
    """The registry example, listening; gives the addresses it printed and sees to its clean end."""
    listen = [word for binding in bindings for word in ("--listen", binding)]
    command = [sys.executable, "-m", "examples.registry", "--hive", str(hive), *listen]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in bindings]
        try:
            assert all(line.startswith(LISTENING) for line in lines), lines
            yield [line.removeprefix(LISTENING) for line in lines]
        finally:
            process.terminate()
            try:
                status = process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
    assert status == 0


@pytest.fixture
def users(tmp_path: Path) -> Path:
    """A file of one account."""
    return write_users(tmp_path)


def write_users(folder: Path) -> Path:
    path = folder / "users"
    path.write_text(f"{DOMAIN}:{USER}:{PASSWORD}\n")
    path.chmod(0o600)
    return path


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[int], int]]:
    """Where rpcecho is for those who come at a level of authentication: its port. Wireshark judges it at the end."""
    folder = tmp_path_factory.mktemp("echo")
    capture = folder / "echo.pcapng"
    environment = os.environ | {"LRPC_CAPTURE": str(capture)}
    with ExitStack() as ends:

        @functools.cache
        def start(level: int) -> int:
            command = [sys.executable, "-m", "tests.interop.guarded", "0", str(write_users(folder)), str(level)]
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
            ends.callback(ended, process)
            (binding,) = listening(process)
            return int(binding.partition("[")[2][:-1])

        yield start
    assert_well_formed(capture)


def ended(process: subprocess.Popen[str]) -> None:
    """In a clean way."""
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 0


@pytest.fixture
def registry_service(tmp_path: Path) -> Iterator[str]:
    """The string binding of a registry that listens on a TCP port of loopback."""
    with serving(tmp_path / "hive", "ncacn_ip_tcp:127.0.0.1[0]") as (binding,):
        yield binding


@pytest.fixture
def impacket_bound() -> Iterator[Callable[[int], Any]]:
    """Makes an unauthenticated impacket connection to a port of loopback, bound to winreg."""
    from impacket.dcerpc.v5 import rrp, transport

    connections = []

    def connect(port: int) -> Any:
        connection = transport.DCERPCTransportFactory(f"ncacn_ip_tcp:127.0.0.1[{port}]").get_dce_rpc()
        connection.connect()
        connections.append(connection)
        connection.bind(rrp.MSRPC_UUID_RRP)
        return connection

    yield connect
    for connection in connections:
        connection.disconnect()
