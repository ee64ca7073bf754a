"""Whose verdict a client takes: RequiredServerSid, against squatters and behind sockets that root has made."""

from __future__ import annotations

import os
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lrpc.transports import alpc, unix
from lrpc.transports.alpc.messages.port_attributes import Agreement, parse_terms
from lrpc.transports.errors import ServerSidMismatch
from lrpc.transports.security import descriptor_of
from tests.users import EVERYBODY

WATCHDOG = 20.0


def serve_as(uid: int, port: alpc.ConnectionPort, listening: int) -> int:
    """A child that has become a user accepts one client; its pid."""
    child = os.fork()
    if child:
        return child
    try:
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        accepted = socket.socket(fileno=listening).accept()[0]
        theirs = parse_terms(accepted.recv(100_000), alpc.LPC_CONNECTION_REQUEST)
        peer = unix.peer_of(accepted, "x")
        alpc.ConnectionRequest(accepted, Agreement(peer, alpc.PortAttributes(), theirs), LEDGER).accept()
    finally:
        os._exit(0)


LEDGER: Any = type("Ledger", (), {"enter": staticmethod(lambda port: None)})()


@pytest.mark.parametrize(
    ("server_sid", "welcome"), [("S-1-22-1-1000", False), ("S-1-22-1-0", False), ("S-1-1-0", True), (None, False)]
)
def test_who_gives_the_verdict_has_to_be_the_server(
    server_sid: str | None, welcome: bool, root: None, public_names: Path
) -> None:
    port = alpc.listen("calc", security=EVERYBODY)
    listening = os.dup(port._acceptor.fileno())
    os.set_blocking(listening, True)
    child = serve_as(1001, port, listening)
    try:
        if welcome:
            alpc.connect("calc", WATCHDOG, server_sid=server_sid).close()
        else:
            with pytest.raises(ServerSidMismatch):
                alpc.connect("calc", WATCHDOG, server_sid=server_sid)
    finally:
        if server_sid != "S-1-22-1-1000":
            os.waitpid(child, 0)
        else:  # root's inode was refused before anybody was asked
            os.kill(child, 9)
            os.waitpid(child, 0)
        os.close(listening)
        port.close()


def test_a_server_of_the_user_expected_is_taken(public_names: Path) -> None:
    port = alpc.listen("calc", security=str(descriptor_of(None)))
    with ThreadPoolExecutor(1) as other:
        accepting = other.submit(port.accept, WATCHDOG)
        alpc.connect("calc", WATCHDOG, server_sid=f"S-1-22-1-{os.geteuid()}").close()
        accepting.result(WATCHDOG).close()
    port.close()
