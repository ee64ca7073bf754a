"""What a thousand idle connections cost a server: its own memory (PSS), without that of the kernel for the sockets.

Every client has bound an interface over TCP and calls nothing. The first hundred are not counted: with them comes
what is there once.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import lrpc
from lrpc.runtime import ncacn

from . import network_servers
from .local_call import stub
from .measure import Row, peer

CONNECTIONS = 1000
WARM = 100
MOST = 20
"""KiB for each."""
FOR_FEW = ("threads",)
"""Kinds that are for few connections: a thread alone takes more."""


def run(connections: int = CONNECTIONS) -> list[Row]:
    """A row for each kind of server."""
    return [_row(kind, _cost(serve, connections)) for kind, serve in network_servers.KINDS.items()]


def _row(kind: str, each: float) -> Row:
    held = ("", None) if kind in FOR_FEW else (f"< {MOST} KiB", each < MOST)
    return Row(f"an idle connection over TCP, server {kind}", f"{each:.1f} KiB", f"{MOST} KiB", each / MOST, *held, 0.0)


def _cost(serve: Callable[[Connection], None], connections: int) -> float:
    with peer(reporting, "free", serve) as (pid, binding):
        clients = [bound(binding) for _ in range(WARM)]
        before = memory(pid)
        clients += [bound(binding) for _ in range(connections)]
        after = memory(pid)
        for client in clients:
            client.close()
    return (after - before) / connections


class _WithProcess:
    """Tells the process beside what it is given to tell."""

    def __init__(self, ready: Connection) -> None:
        self._ready = ready

    def send(self, binding: str) -> None:
        self._ready.send((os.getpid(), binding))


def reporting(ready: Connection, serve: Callable[[Any], None]) -> None:
    serve(_WithProcess(ready))


def memory(pid: int) -> float:
    """KiB that are a process's own, and its part of what it shares."""
    found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii"), re.MULTILINE)
    assert found is not None
    return float(found[1])


def address_of(binding: str) -> tuple[str, int]:
    """Where a server listens."""
    parsed = lrpc.StringBinding.parse(binding)
    return parsed.address or "127.0.0.1", int(parsed.endpoint)


def bound(binding: str, source: tuple[str, int] | None = None) -> socket.socket:
    """A connection that has bound the interface, and is cheap on this side."""
    connected = socket.create_connection(address_of(binding), source_address=source)
    interface = stub.Bench.interface
    syntax = ncacn.SyntaxId(interface.uuid, *interface.version)
    association = ncacn.ClientAssociation()
    connected.sendall(association.bind([ncacn.ContextRequest(0, syntax, [ncacn.NDR])]))
    while not (events := association.receive_data(octets := connected.recv(65536))):
        if not octets:
            raise ConnectionResetError("turned away")
    assert isinstance(events[0], ncacn.BindAnswered), events
    return connected
