"""`ping`: there, refused, or not there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import lrpc
from lrpc.runtime.interfaces import mgmt, winreg
from lrpc.runtime.ping import ping

IDL = """
[uuid(0e6d7e1c-94f5-4a36-8b41-3b3cf32a9e11), version(1.0)]
interface Adder { long Add([in] long a, [in] long b); }
"""


@pytest.fixture(scope="module")
def stub() -> Any:
    return lrpc.load(IDL)


@pytest.fixture(params=["ncalrpc:[ping]", r"ncacn_np:[\pipe\ping]", "ncacn_ip_tcp:127.0.0.1[0]", "memory:[ping]"])
def target(stub: Any, request: pytest.FixtureRequest) -> Iterator[str]:
    class Service(stub.Adder):
        def Add(self, a, b):
            return a + b

    with lrpc.Server() as server:
        server.register(Service())
        server.listen(request.param)
        server.start()
        yield str(server.bindings[0])


def test_server_that_has_the_interface_answers(stub: Any, target: str) -> None:
    pong = ping(target, stub.Adder.interface)
    assert str(pong.connection.binding) == target
    assert pong.refusal == ""
    assert pong.connected > 0
    assert pong.bound > 0


def test_server_without_the_interface_is_there_all_the_same(target: str) -> None:
    assert "winreg" in ping(target, winreg.winreg.interface).refusal


def test_every_server_has_the_management_interface(target: str) -> None:
    assert ping(target, mgmt.mgmt.interface).refusal == ""


def test_choice_and_what_was_tried_are_told(stub: Any) -> None:
    class Service(stub.Adder):
        def Add(self, a, b):
            return a + b

    with lrpc.Server() as server:
        server.register(Service())
        server.listen(r"ncacn_np:[\pipe\chosen]")
        server.start()
        connection = ping("chosen", stub.Adder.interface).connection
    assert str(connection.binding) == r"ncacn_np:[\pipe\chosen]"
    assert "no ALPC port" in connection.reason
    assert len(connection.tried) == 1


def test_nobody_there_lists_what_was_tried(stub: Any) -> None:
    with pytest.raises(lrpc.ServerUnavailable, match=r"ncalrpc:\[nobody\].*ncacn_np:.*nobody"):
        ping("nobody", stub.Adder.interface, timeout=2)
