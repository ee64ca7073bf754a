"""Real peers for the interop tests: the registry example in a process of its own, and impacket's client for it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LISTENING = "listening on "


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
