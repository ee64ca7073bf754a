"""Endpoints: what can be listened on and connected to, and what is said when it cannot."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import lrpc
from lrpc.runtime import endpoints
from lrpc.runtime.binding import StringBinding
from lrpc.runtime.call import Limits
from lrpc.runtime.dispatch import Registry
from lrpc.runtime.endpoints import Endpoint, open_wire
from lrpc.runtime.lrpc_session import LrpcSession
from lrpc.runtime.lrpc_wire import LrpcWire
from lrpc.runtime.pdu_session import PduSession
from lrpc.runtime.pdu_wire import PduWire
from lrpc.runtime.status import AccessDenied, InvalidBinding, ListenError, Ran, ServerUnavailable
from lrpc.runtime.wire import Wire
from lrpc.transports import errors as transport
from lrpc.transports.namespace import current

WATCHDOG = 20.0


@pytest.fixture
def listen() -> Iterator[Callable[..., Endpoint]]:
    made: list[Endpoint] = []

    def listen(binding: str, security: str | None = None) -> Endpoint:
        made.append(Endpoint(StringBinding.parse(binding), security, Registry(1000), Limits()))
        return made[-1]

    yield listen
    for endpoint in made:
        endpoint.listener.close()


def test_every_protocol_connects_to_what_listens(
    listen: Callable[..., Endpoint], binding_for: Callable[[str], str], transport: str, threads: ThreadPoolExecutor
) -> None:
    endpoint = listen(binding_for(transport))
    opening = threads.submit(open_wire, endpoint.binding, WATCHDOG, Limits())  # ALPC waits to be accepted
    session = endpoint.session(endpoint.listener.accept(WATCHDOG), patient=True)
    wire = opening.result(WATCHDOG)
    local = transport == "ncalrpc"
    assert isinstance(wire, LrpcWire if local else PduWire)
    assert isinstance(session, LrpcSession if local else PduSession)
    assert session.caller.transport == transport
    wire.close()
    session.close()


def test_an_endpoint_is_where_it_was_asked_for(
    listen: Callable[..., Endpoint], binding_for: Callable[[str], str]
) -> None:
    asked = binding_for("ncalrpc")
    endpoint = listen(asked)
    assert (endpoint.asked, str(endpoint.binding), repr(endpoint)) == (asked, asked, f"<Endpoint {asked}>")


def test_tcp_says_its_real_port_and_host(listen: Callable[..., Endpoint]) -> None:
    endpoint = listen("ncacn_ip_tcp:[0]")
    assert endpoint.asked == "ncacn_ip_tcp:[0]"
    assert endpoint.binding.address == "127.0.0.1"
    assert int(endpoint.binding.endpoint) > 0
    assert listen("ncacn_ip_tcp:localhost[0]").binding.address == "localhost"


@pytest.mark.parametrize(
    ("binding", "security", "message"),
    [
        ("memory:", None, r"memory:: a server needs an endpoint, as in memory:\[name\]"),
        ("ncacn_ip_tcp:127.0.0.1", None, "a server needs an endpoint"),
        ("ncacn_ip_tcp:[0]", "D:", "ncacn_ip_tcp has no security descriptor"),
        ("memory:[x]", "D:", "memory has no security descriptor"),
        ("ncalrpc:[x]", "nonsense", r"ncalrpc:\[x\]: "),
        (r"ncacn_np:[\pipe\x]", "nonsense", r"ncacn_np:\[.*\]: "),
        ("ncalrpc:[..]", None, "OBJECT_NAME_INVALID"),
        ("ncacn_ip_tcp:a..b[0]", None, "'a..b' is no host name"),
    ],
)
def test_what_cannot_be_listened_on_is_refused(
    listen: Callable[..., Endpoint], binding: str, security: str | None, message: str
) -> None:
    with pytest.raises(ListenError, match=message) as caught:
        listen(binding, security)
    assert caught.value.ran is Ran.NO


def test_a_port_whose_name_has_no_brackets_is_not_made_up(listen: Callable[..., Endpoint]) -> None:
    with pytest.raises(InvalidBinding, match=r"stands in brackets: ncalrpc:\[calc\]$"):
        listen("ncalrpc:calc")


def test_a_pipe_needs_the_name_of_a_pipe(listen: Callable[..., Endpoint]) -> None:
    with pytest.raises(InvalidBinding, match="is no pipe"):
        listen("ncacn_np:[calc]")


def test_a_name_that_is_taken_is_refused(
    listen: Callable[..., Endpoint], binding_for: Callable[[str], str], transport: str
) -> None:
    taken = str(listen(binding_for(transport)).binding)
    with pytest.raises(ListenError, match="OBJECT_NAME_COLLISION"):
        listen(taken)


def test_where_nobody_listens_the_server_is_unavailable(
    listen: Callable[..., Endpoint], binding_for: Callable[[str], str], transport: str
) -> None:
    endpoint = listen(binding_for(transport))
    endpoint.listener.close()
    with pytest.raises(ServerUnavailable) as caught:
        open_wire(endpoint.binding, WATCHDOG, Limits())
    assert str(caught.value).startswith(f"{endpoint.binding}: ")
    assert caught.value.ran is Ran.NO


@pytest.mark.parametrize(
    ("binding", "message"),
    [
        ("ncalrpc:far[calc]", "ncalrpc reaches this machine only$"),
        (r"ncacn_np:\\far[\pipe\calc]", "ncacn_np reaches this machine only: pipes over SMB are not there$"),
        ("ncacn_np:[calc]", "is no pipe"),
        ("ncalrpc:[..]", "OBJECT_NAME_INVALID"),
        ("ncacn_ip_tcp:a..b[1]", "'a..b' is no host name"),
    ],
)
def test_what_this_machine_cannot_reach_is_invalid(binding: str, message: str) -> None:
    with pytest.raises(InvalidBinding, match=message):
        open_wire(StringBinding.parse(binding), WATCHDOG, Limits())


def test_a_dot_is_this_machine(listen: Callable[..., Endpoint], binding_for: Callable[[str], str]) -> None:
    endpoint = listen(binding_for("ncacn_np"))
    for address in (".", r"\\."):
        open_wire(StringBinding("ncacn_np", address, endpoint.binding.endpoint), WATCHDOG, Limits()).close()


@pytest.mark.parametrize("transport", ["ncalrpc", "ncacn_np"], indirect=True)
def test_a_client_says_which_user_must_serve(
    listen: Callable[..., Endpoint], binding_for: Callable[[str], str], transport: str, threads: ThreadPoolExecutor
) -> None:
    endpoint = listen(binding_for(transport))

    def opening(sid: str) -> Wire:
        binding = replace(endpoint.binding, options={"server_sid": sid})
        return open_wire(StringBinding.parse(str(binding)), WATCHDOG, Limits())

    for sid in (f"S-1-22-1-{os.geteuid()}", "S-1-1-0"):
        wire = threads.submit(opening, sid)
        connection = endpoint.listener.accept(WATCHDOG)
        wire.result(WATCHDOG).close()
        connection.close()
    with pytest.raises(ServerUnavailable, match="is held by user") as caught:
        opening("S-1-22-1-4321")
    assert caught.value.ran is Ran.NO
    assert endpoint.listener.accept_now() is None
    for nobody in ("somebody", "S-1-22-2-4321"):
        with pytest.raises(InvalidBinding):
            opening(nobody)


@pytest.mark.parametrize("binding", ["ncacn_ip_tcp:[4242,server_sid=S-1-1-0]", "memory:[x,server_sid=S-1-1-0]"])
def test_where_nobody_tells_which_user_serves_none_can_be_asked_for(binding: str) -> None:
    with pytest.raises(InvalidBinding, match="which user"):
        open_wire(StringBinding.parse(binding), WATCHDOG, Limits())


def test_a_service_of_another_user_is_reached_by_its_sid(as_other: Callable[..., Any], public_names: Path) -> None:
    names = current("\\")
    names.create_directory("\\Calc")
    names.give("\\Calc", 1001)

    def serve() -> int:
        with lrpc.Server() as server:
            server.listen(r"ncalrpc:[\Calc\port]", security="D:(A;;GA;;;WD)")
            server.start()
            served.send(b"ready")
            return len(served.recv(1))

    ours, served = socket.socketpair()
    serving = threading.Thread(target=lambda: as_other(1001, serve))
    serving.start()
    try:
        assert ours.recv(5) == b"ready"
        for sid in ("", ",server_sid=S-1-22-1-1000"):
            with pytest.raises(lrpc.RpcError):
                open_wire(StringBinding.parse(rf"ncalrpc:[\Calc\port{sid}]"), WATCHDOG, Limits())
        open_wire(StringBinding.parse(r"ncalrpc:[\Calc\port,server_sid=S-1-22-1-1001]"), WATCHDOG, Limits()).close()
    finally:
        ours.send(b"x")
        serving.join(WATCHDOG)
        ours.close()
        served.close()


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (transport.AccessDenied("no"), AccessDenied),
        (transport.NameInvalid("no"), InvalidBinding),
        (transport.NameNotFound("no"), ServerUnavailable),
        (transport.ServerSidMismatch("no"), ServerUnavailable),
        (transport.TimedOut("no"), ServerUnavailable),
    ],
)
def test_an_error_of_a_transport_becomes_one_of_a_call(
    monkeypatch: pytest.MonkeyPatch, raised: transport.TransportError, kind: type[Exception]
) -> None:
    def fails(name: str, timeout: float) -> None:
        raise raised

    monkeypatch.setattr(endpoints.memory, "connect", fails)
    with pytest.raises(kind, match=r"memory:\[x\]") as caught:
        open_wire(StringBinding("memory", "", "x", UUID(int=1)), WATCHDOG, Limits())
    assert caught.value.ran is Ran.NO  # type: ignore[attr-defined]
    assert caught.value.__cause__ is raised
