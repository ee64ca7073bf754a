"""A server whose sockets somebody else listens on, as systemd does, and what it tells of itself."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import lrpc

WATCHDOG = 20.0
IDL = """
[uuid(0e6d7e1c-94f5-4a36-8b41-3b3cf32a9e41), version(1.0)]
interface Activated { long Add([in] long a, [in] long b); }
"""
SERVER = """
import asyncio, sys, lrpc
face, workers, *bindings = sys.argv[1:]
stub = lrpc.load('''IDL''')
class Blocking(stub.Activated):
    def Add(self, a, b): return a + b
class Asynchronous(stub.AsyncActivated):
    async def Add(self, a, b): return a + b
def serve():
    server = lrpc.Server(workers=int(workers))
    server.register(Blocking())
    print([str(server.listen(one)) for one in bindings], flush=True)
    server.serve_forever()
async def serve_async():
    server = lrpc.AsyncServer(workers=int(workers))
    server.register(Asynchronous())
    print([str(await server.listen(one)) for one in bindings], flush=True)
    await server.serve_forever()
serve() if face == "blocking" else asyncio.run(serve_async())
""".replace("IDL", IDL)
NAMES = {"web": "ncacn_ip_tcp:[fd=web]", "port": "ncalrpc:[calc,fd=port]", "pipe": r"ncacn_np:[\pipe\calc,fd=pipe]"}


class Manager:
    """What systemd does: it listens, starts the server with its sockets as 3, 4, 5, and is told of it."""

    def __init__(self, root: Path) -> None:
        self.told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.told.bind(str(root / "notify"))
        self.told.settimeout(WATCHDOG)
        self.environment = {"NOTIFY_SOCKET": str(root / "notify"), "WATCHDOG_USEC": "100000"}
        self.sockets = [socket.create_server(("127.0.0.1", 0))]
        self.paths = [root / "rpc%20control" / "calc.socket", root / "device" / "namedpipe" / "calc.socket"]
        for path in self.paths:
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            listening.bind(str(path))
            listening.listen(16)
            self.sockets.append(listening)
        self.children: list[subprocess.Popen[str]] = []

    def start(self, face: str, *bindings: str, workers: int = 0) -> subprocess.Popen[str]:
        numbers = [one.fileno() for one in self.sockets]

        def inherit() -> None:
            kept = [os.dup(number) for number in numbers]
            for index, descriptor in enumerate(kept):
                os.dup2(descriptor, 3 + index)

        # A shell, which is the server afterwards, so that LISTEN_PID is right.
        words = [
            "sh",
            "-c",
            'LISTEN_PID=$$ exec "$@"',
            "sh",
            sys.executable,
            "-c",
            SERVER,
            face,
            str(workers),
            *bindings,
        ]
        environment = (
            os.environ
            | self.environment
            | {
                "LISTEN_FDS": "3",
                "LISTEN_FDNAMES": "web:port:pipe",
                "PYTHONPATH": str(Path(lrpc.__file__).parents[1]),
            }
        )
        child = subprocess.Popen(
            words,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=inherit,
            close_fds=False,
        )
        self.children.append(child)
        return child

    def hear(self) -> None:
        """All that it has been told so far."""
        self.told.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                self.told.recv(100)
        self.told.settimeout(WATCHDOG)

    def close(self) -> None:
        for child in self.children:
            child.terminate()
            child.communicate(timeout=WATCHDOG)
        for one in (self.told, *self.sockets):
            one.close()


@pytest.fixture
def manager(own_namespace: Path) -> Iterator[Manager]:
    made = Manager(own_namespace)
    yield made
    made.close()


def call(binding: str) -> int:
    stub: Any = lrpc.load(IDL)
    with lrpc.connect(stub.ActivatedClient, binding, timeout=WATCHDOG) as client:
        return int(client.Add(2, 3))


@pytest.mark.parametrize("face", ["blocking", "asyncio"])
@pytest.mark.parametrize("workers", [0, 2])
def test_server_serves_inherited_sockets_and_says_when(manager: Manager, face: str, workers: int) -> None:
    child = manager.start(face, *NAMES.values(), workers=workers)
    port = manager.sockets[0].getsockname()[1]
    assert child.stdout is not None
    found = child.stdout.readline()
    bindings = [f"ncacn_ip_tcp:127.0.0.1[{port}]", "ncalrpc:[calc]", r"ncacn_np:[\pipe\calc]"]
    assert found == f"{bindings}\n"
    assert manager.told.recv(100) == b"READY=1"
    assert manager.told.recv(100) == b"WATCHDOG=1"
    assert [call(binding) for binding in bindings] == [5, 5, 5]
    manager.hear()  # or there might be no room for another word
    child.terminate()
    assert child.wait(WATCHDOG) == 0
    while (said := manager.told.recv(100)) != b"STOPPING=1":
        assert said == b"WATCHDOG=1"


def test_a_server_that_stops_leaves_the_sockets_to_its_successor(manager: Manager) -> None:
    for _ in range(2):
        child = manager.start("blocking", *NAMES.values())
        assert child.stdout is not None
        bindings = child.stdout.readline()
        assert manager.told.recv(100) == b"READY=1"
        assert call("ncalrpc:[calc]") == 5
        manager.hear()
        child.terminate()
        assert child.wait(WATCHDOG) == 0
        assert bindings
        while manager.told.recv(100) != b"STOPPING=1":
            continue
    assert all(path.exists() for path in manager.paths)


def test_a_socket_that_clients_do_not_look_at_is_refused(manager: Manager) -> None:
    child = manager.start("blocking", "ncalrpc:[other,fd=port]")
    _, said = child.communicate(timeout=WATCHDOG)
    assert child.returncode
    assert "ListenError" in said
    assert "clients of \\RPC Control\\other look at" in said


def test_a_name_that_nobody_passed_on_is_refused(manager: Manager) -> None:
    child = manager.start("blocking", "ncacn_ip_tcp:[fd=nothing]")
    _, said = child.communicate(timeout=WATCHDOG)
    assert "no inherited socket is called nothing; there are: web, port, pipe" in said
