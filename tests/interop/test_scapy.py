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

pytestmark = pytest.mark.interop
judged = pytest.mark.usefixtures("wireshark")
"""What our client sends."""

PROGRAM = Path(__file__).with_name("scapy_peer.py")
PEER, TCP = "scapy", "ncacn_ip_tcp"
NONE = 1
Echo = Callable[[int], int]
Show = Callable[[str, str, str, str, str], None]
WHO = (DOMAIN, USER, PASSWORD)
CALLS = {"ndr little": 13, "ndr big": 11, "ndr64 little": 13}
"""How many the client makes, by how they are encoded."""


def client(port: int, encoding: str, security: str = "none", level: int = 1) -> list[dict[str, Any]]:
    """What scapy's client saw, call for call."""
    command = [sys.executable, str(PROGRAM), "client", str(port), *encoding.split(), security, str(level), *WHO]
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
def test_scapy_gets_each_call_right(echo: Echo, encoding: str, shown: Show):
    found = client(echo(NONE), encoding)
    assert [one for one in found if one["why"]] == []
    assert len(found) == CALLS[encoding]
    shown(PEER, "client", TCP, f"none, {encoding}", f"{len(found)} of {len(found)} calls")


@judged
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


# With NTLM, alone and in Negotiate

MECHANISMS = {"ntlm": "NTLM", "spnego": "Negotiate"}
LEVELS = {2: "connect", 4: "packet", 5: "integrity", 6: "privacy"}
CONNECT, PACKET = 2, 4
LOGGED_ON = [(mechanism, level) for mechanism in MECHANISMS for level in (CONNECT, 5, 6)]
SERVED = [(mechanism, level) for mechanism in MECHANISMS for level in (5, 6)]


def security(mechanism: str, level: int) -> lrpc.Security:
    package = "negotiate" if mechanism == "spnego" else mechanism
    return lrpc.Security(lrpc.AuthLevel(level), package, lrpc.Credentials(USER, PASSWORD, DOMAIN))


@pytest.mark.parametrize(("mechanism", "level"), LOGGED_ON)
def test_scapy_logs_on(echo: Echo, mechanism: str, level: int, shown: Show):
    found = client(echo(level), "ndr little", mechanism, level)
    assert [one for one in found if one["why"]] == []
    shown(PEER, "client", TCP, f"{MECHANISMS[mechanism]} {LEVELS[level]}", f"{len(found)} of {len(found)} calls")


@judged
@pytest.mark.parametrize(("mechanism", "level"), SERVED)
def test_our_client_logs_on_to_scapys_server(mechanism: str, level: int, shown: Show):
    octets = bytes(range(256)) * 15
    wanted = security(mechanism, level)
    with server(mechanism, level) as binding, lrpc.connect(rpcechoClient, binding, security=wanted) as peer:
        assert (peer.AddOne(41), peer.EchoData(octets), peer.TestCall("input string")) == (42, octets, "input string")
    shown(PEER, "server", TCP, f"{MECHANISMS[mechanism]} {LEVELS[level]}", "3 of 3 operations")


# Where scapy is wrong


@judged
def test_scapys_server_sends_zeros_where_an_answer_takes_several_fragments(shown: Show):
    with server() as binding, lrpc.connect(rpcechoClient, binding) as peer, pytest.raises(lrpc.BadStubData):
        peer.SourceData(20_000)
    shown(PEER, "server", TCP, "none", "wrong: an answer of several fragments is zeros")


@judged
def test_scapys_server_ends_where_a_request_takes_several_fragments(shown: Show):
    with server() as binding, lrpc.connect(rpcechoClient, binding) as peer, pytest.raises(lrpc.ConnectionLost):
        peer.EchoData(bytes(20_000))
    shown(PEER, "server", TCP, "none", "wrong: a request of several fragments ends the connection")


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_scapy_signs_nothing_at_the_level_of_packets(echo: Echo, mechanism: str, shown: Show):
    """So its calls come from nobody, and where somebody is needed they are refused."""
    assert {one["why"].partition(",")[0] for one in client(echo(PACKET), "ndr little", mechanism, PACKET)} == {"'0x5'"}
    shown(PEER, "client", TCP, f"{MECHANISMS[mechanism]} packet", "wrong: it signs nothing")


@judged
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_scapys_server_signs_nothing_at_the_level_of_packets(mechanism: str, shown: Show):
    wanted = security(mechanism, PACKET)
    with (
        server(mechanism, PACKET) as binding,
        lrpc.connect(rpcechoClient, binding, security=wanted) as peer,
        pytest.raises(lrpc.ProtocolError, match="not protected"),
    ):
        peer.AddOne(41)
    shown(PEER, "server", TCP, f"{MECHANISMS[mechanism]} packet", "wrong: it signs nothing")


@judged
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_scapys_server_expects_a_key_where_nothing_is_signed(mechanism: str, shown: Show):
    """None is exchanged then (MS-NLMP 3.1.5.1.2), so it takes the signature of the messages for wrong."""
    wanted = security(mechanism, CONNECT)
    with (
        server(mechanism, CONNECT) as binding,
        pytest.raises(lrpc.RpcError) as caught,
        lrpc.connect(rpcechoClient, binding, security=wanted) as peer,
    ):
        peer.AddOne(41)
    assert isinstance(caught.value, lrpc.AccessDenied | lrpc.ServerUnavailable), caught.value
    shown(PEER, "server", TCP, f"{MECHANISMS[mechanism]} connect", "wrong: it expects a key where nothing is signed")
