"""What the tests of these programs share: a namespace of their own, and servers that run in a thread of the test."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

import lrpc
from examples.ports.system_process import SystemProcess

ROOT = Path(__file__).parents[3]
WATCHDOG = 30.0

Server = TypeVar("Server", bound=SystemProcess)


@pytest.fixture(autouse=True)
def own_namespace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of this test are nobody else's, nor those of the programs that it starts."""
    (tmp_path / "names").mkdir(mode=0o700)
    monkeypatch.setenv("LRPC_NAMESPACE", str(tmp_path / "names"))
    monkeypatch.setenv("PYTHONPATH", str(Path(lrpc.__file__).absolute().parents[1]))
    monkeypatch.chdir(ROOT)


@pytest.fixture
def serving() -> Iterator[Callable[[Server], Server]]:
    """Serves in a thread, until the test is over."""
    running: list[tuple[SystemProcess, threading.Thread]] = []

    def serve(server: Server) -> Server:
        thread = threading.Thread(target=server.serve)
        thread.start()
        running.append((server, thread))
        return server

    yield serve
    for server, thread in reversed(running):
        server.close()
        thread.join(WATCHDOG)
        assert not thread.is_alive()


@pytest.fixture
def processes() -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    """Starts Python on some source, and ends it afterwards."""
    started: list[subprocess.Popen[bytes]] = []

    def start(source: str) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        started.append(subprocess.Popen([sys.executable, "-c", source], stdin=pipe, stdout=pipe, stderr=pipe))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=WATCHDOG)
