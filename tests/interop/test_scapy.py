"""scapy's DCE/RPC client against our rpcecho, and our client against scapy's server, in programs of their own."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import lrpc
from examples.echo.rpcecho import rpcechoClient
from tests.interop.accounts import DOMAIN, PASSWORD, USER
from tests.interop.network import listening

pytestmark = [pytest.mark.interop, pytest.mark.usefixtures("wireshark")]

ROOT = Path(__file__).parents[2]
PROGRAM = Path(__file__).with_name("scapy_peer.py")
PEER, TCP = "scapy", "ncacn_ip_tcp"
Show = Callable[[str, str, str, str, str], None]
WHO = (DOMAIN, USER, PASSWORD)
CALLS = {"ndr little": 13, "ndr big": 11, "ndr64 little": 13}
"""How many the client makes, by how they are encoded."""


@pytest.fixture
def port(wireshark: Path) -> Iterator[str]:
    """Where an rpcecho of ours listens, which is captured."""
    command = [sys.executable, "-m", "examples.echo", "--listen", f"{TCP}:127.0.0.1[0]"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        (binding,) = listening(process)
        yield binding.partition("[")[2][:-1]
        process.terminate()
        assert process.wait(30) == 0


def client(port: str, encoding: str, security: str = "none", level: int = 1) -> list[dict[str, Any]]:
    """What scapy's client saw, call for call."""
    command = [sys.executable, str(PROGRAM), "client", port, *encoding.split(), security, str(level), *WHO]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    return [json.loads(line) for line in done.stdout.splitlines()]


@contextmanager
def server(security: str = "none", level: int = 1) -> Iterator[str]:
    """The binding of scapy's server."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = str(found.getsockname()[1])
    command = [sys.executable, str(PROGRAM), "server", port, "ndr", security, str(level), *WHO]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "listening\n"
        yield f"{TCP}:127.0.0.1[{port}]"
        process.communicate(timeout=30)


@pytest.mark.parametrize("encoding", CALLS)
def test_scapy_gets_each_call_right(port: str, encoding: str, shown: Show):
    found = client(port, encoding)
    assert [one for one in found if one["why"]] == []
    assert len(found) == CALLS[encoding]
    shown(PEER, "client", TCP, f"none, {encoding}", f"{len(found)} of {len(found)} calls")


def test_our_client_calls_scapys_server(shown: Show):
    octets = bytes(range(256)) * 15
    with server() as binding, lrpc.connect(rpcechoClient, binding) as peer:
        found = [
            (peer.AddOne(41), 42),
            (peer.EchoData(octets), octets),
            (peer.SourceData(4000), bytes(place & 0xFF for place in range(4000))),
            (peer.TestCall("input string"), "input string"),
        ]
    assert [pair for pair in found if pair[0] != pair[1]] == []
    shown(PEER, "server", TCP, "none", f"{len(found)} of {len(found)} operations")


# Where scapy is wrong


def test_scapys_server_sends_zeros_where_an_answer_takes_several_fragments(shown: Show):
    with server() as binding, lrpc.connect(rpcechoClient, binding) as peer, pytest.raises(lrpc.BadStubData):
        peer.SourceData(20_000)
    shown(PEER, "server", TCP, "none", "wrong: an answer of several fragments is zeros")


def test_scapys_server_ends_where_a_request_takes_several_fragments(shown: Show):
    with server() as binding, lrpc.connect(rpcechoClient, binding) as peer, pytest.raises(lrpc.ConnectionLost):
        peer.EchoData(bytes(20_000))
    shown(PEER, "server", TCP, "none", "wrong: a request of several fragments ends the connection")
