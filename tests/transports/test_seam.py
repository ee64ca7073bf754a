from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import lrpc.transports
from lrpc.transports import memory, pipe, seam, tcp, unix
from lrpc.transports.alpc import ConnectionPort
from lrpc.transports.alpc.datagrams import DatagramPort

PACKAGE = Path(lrpc.transports.__file__).parent


def test_every_transport_has_the_shape_of_the_seam() -> None:
    connections = (DatagramPort, unix.PacketConnection, tcp.TcpConnection, memory.MemoryConnection)
    listeners = (ConnectionPort, pipe.PipeListener, tcp.TcpListener, memory.MemoryListener)
    for protocol, kinds in ((seam.Connection, connections), (seam.Listener, listeners)):
        for name in (name for name, member in vars(protocol).items() if callable(member) and name[0] != "_"):
            assert all(callable(getattr(kind, name)) for kind in kinds)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_transports_import_nothing_of_the_package(path: Path) -> None:
    depth = len(path.relative_to(PACKAGE).parts)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level <= depth
            assert not (node.module or "").startswith("lrpc")
        elif isinstance(node, ast.Import):
            assert not any(alias.name.startswith("lrpc") for alias in node.names)


def run_with_transports_only(source: str) -> list[str]:
    """What `source` prints in a fresh Python whose `lrpc` is nothing but the folder that holds `transports`."""
    prelude = "import sys, types\nlrpc = sys.modules['lrpc'] = types.ModuleType('lrpc')\n"
    prelude += f"lrpc.__path__ = [{str(PACKAGE.parent)!r}]\n"
    done = subprocess.run([sys.executable, "-W", "error", "-c", prelude + source], capture_output=True, check=False)
    assert done.stderr.decode() == ""
    return done.stdout.decode().split()


def test_tcp_and_memory_need_nothing_of_linux() -> None:
    source = (
        "for name in ('fcntl', 'pwd', 'grp', 'resource'): sys.modules[name] = None\n"
        "import os, socket\n"
        "for name in ('eventfd', 'memfd_create', 'geteuid'): delattr(os, name)\n"
        "for name in ('AF_UNIX', 'SO_PEERCRED', 'MSG_DONTWAIT', 'MSG_NOSIGNAL', 'TCP_USER_TIMEOUT'):\n"
        "    delattr(socket, name)\n"
        "from lrpc.transports import asynchronous, memory, tcp\n"
        "one, two = memory.pair()\n"
        "one.send(b'fine')\n"
        "print(two.receive(1).decode(), tcp.parse_address('host:1')[1])\n"
    )
    assert run_with_transports_only(source) == ["fine", "1"]


def test_the_blocking_face_loads_no_asyncio() -> None:
    source = "from lrpc.transports import alpc, memory, pipe, tcp\nprint('asyncio' in sys.modules)"
    assert run_with_transports_only(source) == ["False"]
