"""What the tests of transports share: a namespace of their own, and pairs of connections."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import lrpc
from lrpc.transports import alpc, memory, pipe, tcp
from lrpc.transports.namespace import Namespace
from lrpc.transports.seam import Connection, Listener

WATCHDOG = 20.0
"""Seconds after which a wait counts as a hang."""

_numbers = itertools.count()


@pytest.fixture(autouse=True)
def own_namespace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Names of this test are nobody else's."""
    root = tmp_path / "names"
    root.mkdir(mode=0o700)
    monkeypatch.setenv("LRPC_NAMESPACE", str(root))
    return root


@pytest.fixture
def names(own_namespace: Path) -> Namespace:
    """Where names without a backslash are those of ports."""
    return Namespace("\\RPC Control", (str(own_namespace),))


@dataclass
class Mechanism:
    """One transport, as the conformance suite sees it."""

    name: str
    module: ModuleType

    def address(self) -> str:
        return "127.0.0.1:0" if self.module is tcp else f"test-{os.getpid()}-{next(_numbers)}"

    def listen(self, address: str | None = None) -> Listener:
        listener: Listener = self.module.listen(self.address() if address is None else address)
        return listener

    def connect(self, address: str, timeout: float | None = WATCHDOG) -> Connection:
        connect = alpc.dial if self.module is alpc else self.module.connect
        connection: Connection = connect(address, timeout)
        return connection


MECHANISMS = {
    module.__name__.rpartition(".")[2]: Mechanism(module.__name__.rpartition(".")[2], module)
    for module in (alpc, pipe, tcp, memory)
}


@dataclass
class Pair:
    """A client and the server's end of its connection."""

    listener: Listener
    client: Connection
    server: Connection


@pytest.fixture(params=sorted(MECHANISMS))
def mechanism(request: pytest.FixtureRequest) -> Mechanism:
    return MECHANISMS[request.param]


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as executor:
        yield executor


@pytest.fixture
def joined(threads: ThreadPoolExecutor) -> Iterator[Callable[[Mechanism], Pair]]:
    """Makes pairs, and closes them at the end."""
    pairs: list[Pair] = []

    def make(mechanism: Mechanism) -> Pair:
        listener = mechanism.listen()
        accepting = threads.submit(listener.accept, WATCHDOG)
        client = mechanism.connect(listener.address)
        pairs.append(Pair(listener, client, accepting.result(WATCHDOG)))
        return pairs[-1]

    yield make
    for pair in pairs:
        pair.client.close()
        pair.server.close()
        pair.listener.close()


@pytest.fixture
def pair(mechanism: Mechanism, joined: Callable[[Mechanism], Pair]) -> Pair:
    return joined(mechanism)


@pytest.fixture
def open_descriptors() -> Callable[[], int]:
    return lambda: len(os.listdir("/proc/self/fd"))


@pytest.fixture
def run_child() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts Python on some source, as another process that can import lrpc; ends it afterwards."""
    children: list[subprocess.Popen[bytes]] = []

    def run(source: str, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "PYTHONPATH": str(Path(lrpc.__file__).parents[1])}
        command = [sys.executable, "-c", source, *arguments]
        child = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options)
        children.append(child)
        return child

    yield run
    for child in children:
        child.kill()
        child.communicate(timeout=WATCHDOG)
