from __future__ import annotations

import logging
import socket
from typing import Any
from uuid import UUID

import pytest

import lrpc
from lrpc.runtime import ncacn
from lrpc.runtime.call import Caller
from lrpc.runtime.ended import Ended, Limited, Malformed, note_end
from lrpc.transports.errors import BadFrame, Disconnected

CALLER = Caller("ncalrpc", 5, 6)


def noted(end: Ended, caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    with caplog.at_level(logging.DEBUG, "lrpc.server"):
        note_end(CALLER, end)
    (record,) = caplog.records
    return vars(record)


def test_a_client_that_leaves_is_for_debugging(caplog: pytest.LogCaptureFixture) -> None:
    record = noted(Ended("the client closed the connection"), caplog)
    assert (record["event"], record["levelno"], record["peer"]) == ("ended", logging.DEBUG, "ncalrpc pid 5 uid 6")


def test_one_that_breaks_the_protocol_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    record = noted(Malformed("no such PDU", 24), caplog)
    assert (record["event"], record["levelno"]) == ("malformed", logging.WARNING)
    assert (record["reason"], record["offset"]) == ("no such PDU", 24)


@pytest.mark.parametrize(("cause", "event"), [(BadFrame("short"), "malformed"), (Disconnected("gone"), "ended")])
def test_errors_of_transports_are_told_apart(cause: Exception, event: str, caplog: pytest.LogCaptureFixture) -> None:
    end = Ended(str(cause))
    end.__cause__ = cause
    assert noted(end, caplog)["event"] == event


def test_a_limit_of_time_is_a_limit(caplog: pytest.LogCaptureFixture) -> None:
    record = noted(Limited("the handshake took too long", "handshake", 10.0), caplog)
    assert (record["event"], record["limit"], record["value"]) == ("limit", "handshake", 10.0)


BIND = ncacn.ClientAssociation().bind([ncacn.ContextRequest(0, ncacn.SyntaxId(UUID(int=1)), [ncacn.NDR])])


@pytest.mark.parametrize("before", [b"", BIND], ids=["at once", "after a bind"])
def test_a_server_says_who_broke_the_protocol_where(
    hosts: Any, face: str, before: bytes, until: Any, caplog: pytest.LogCaptureFixture
) -> None:
    host = hosts(face)
    host.server.register(host.service)
    port = int(host.listen("ncacn_ip_tcp:[0]").endpoint)
    with socket.create_connection(("127.0.0.1", port)) as client:
        if before:
            client.sendall(before)
            assert client.recv(1024)
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        address = ":".join(map(str, client.getsockname()))
        until(lambda: any(vars(record).get("event") == "malformed" for record in caplog.records))
    (record,) = [record for record in caplog.records if vars(record).get("event") == "malformed"]
    assert vars(record)["peer"] == f"ncacn_ip_tcp {address}"
    assert vars(record)["offset"] == len(before)


def test_a_handshake_that_takes_too_long_is_logged(
    hosts: Any, face: str, until: Any, caplog: pytest.LogCaptureFixture
) -> None:
    host = hosts(face, limits=lrpc.Limits(handshake=0.05))
    port = int(host.listen("ncacn_ip_tcp:[0]").endpoint)
    with socket.create_connection(("127.0.0.1", port)):
        until(lambda: any(vars(record).get("limit") == "handshake" for record in caplog.records))
