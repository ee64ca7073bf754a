"""A server that stops leaves nobody without an answer (threats, X9)."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import lrpc
from lrpc.runtime import ncacn
from lrpc.runtime.pdu_wire import PAUSE
from lrpc.transports import memory, pipe, tcp

WATCHDOG = 20.0
NAMES = ("ncalrpc", "ncacn_np", "ncacn_ip_tcp")


def bound(binding: str, interface: Any) -> tuple[Any, ncacn.ClientAssociation]:
    """A connection with an interface bound, in the test's own hands."""
    found = lrpc.StringBinding.parse(binding)
    if found.protocol == "ncacn_ip_tcp":
        connection: Any = tcp.connect((found.address, int(found.endpoint)), WATCHDOG)
    else:
        connection = {"ncacn_np": pipe, "memory": memory}[found.protocol].connect(found.endpoint, WATCHDOG)
    association = ncacn.ClientAssociation()
    syntax = ncacn.SyntaxId(interface.uuid, *interface.version)
    connection.send(association.bind([ncacn.ContextRequest(0, syntax, [ncacn.NDR])]), WATCHDOG)
    association.receive_data(connection.receive(WATCHDOG))
    return connection, association


@pytest.fixture(params=["blocking", "followers", "asyncio"])
def face(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=NAMES)
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_of_a_hundred_calls_all_that_run_are_answered_and_no_other_is_left(
    host: Any, clients_of: Any, binding: str, face: str
) -> None:
    """Those that run when the server stops are answered; those that come later run or are refused, surely."""
    connections = 100 if face != "followers" else 8  # as many calls as threads can run
    connected = [clients_of("blocking")(binding) for _ in range(connections)]
    with ThreadPoolExecutor(2 * connections + 1) as threads:
        running = [threads.submit(client.Wait, number) for number, client in enumerate(connected)]
        entered = {host.world.entered.get(timeout=WATCHDOG) for _ in range(connections)}
        assert entered == set(range(connections))
        stopping = threads.submit(host.stop)
        late = [threads.submit(client.Add, 1, 1) for client in connected]
        for number in range(connections):
            host.world.gate(number).set()
        assert [call.result(WATCHDOG) for call in running] == list(range(connections))
        stopping.result(WATCHDOG)
        ends = Counter(_how(call) for call in late)
    assert sum(ends.values()) == connections
    ended = {"ServerTooBusy no", "ServerUnavailable no", "ConnectionLost no", "ConnectionLost unknown"}
    assert set(ends) <= {"2"} | ended


def _how(call: Any) -> str:
    error = call.exception(WATCHDOG)
    return f"{type(error).__name__} {error.ran.value}" if error else str(call.result())


@pytest.mark.parametrize("transport", ["ncacn_ip_tcp"], indirect=True)
@pytest.mark.parametrize("face", ["asyncio"], indirect=True)
def test_calls_behind_one_that_runs_are_refused_and_did_not_run(
    host: Any, clients_of: Any, binding: str, threads: ThreadPoolExecutor, until: Any
) -> None:
    client = clients_of("asyncio")(binding)
    running = client.loop.start(client.client.Wait(1))
    host.world.has_entered(1)
    stopping = threads.submit(host.stop)
    until(lambda: host.server._registry.draining)
    late = [client.loop.start(client.client.Add(1, 1)) for _ in range(20)]
    for call in late:
        error = call.exception(WATCHDOG)
        assert isinstance(error, lrpc.ServerTooBusy)
        assert error.ran is lrpc.Ran.NO
    assert not stopping.done()
    host.world.gate(1).set()
    assert running.result(WATCHDOG) == 1
    stopping.result(WATCHDOG)


@pytest.mark.parametrize("transport", ["ncacn_ip_tcp"], indirect=True)
@pytest.mark.parametrize("face", ["blocking", "followers"], indirect=True)
def test_requests_that_had_come_while_a_call_ran_are_refused_by_name(
    host: Any, binding: str, calculator: Any, threads: ThreadPoolExecutor, until: Any
) -> None:
    """A client that sends on while its call runs gets a fault with DID_NOT_EXECUTE for each request."""
    interface = calculator.Calculator.interface
    connection, association = bound(binding, interface)
    numbers = {operation.name: operation.opnum for operation in interface.operations}

    def request(name: str, stub: bytes) -> int:
        call_id = association.next_call_id()
        connection.send(b"".join(association.request(call_id, 0, numbers[name], stub)), WATCHDOG)
        return call_id

    waiting = request("Wait", (1).to_bytes(4, "little"))
    host.world.has_entered(1)
    stopping = threads.submit(host.stop)
    until(lambda: host.server._registry.draining)
    late = [request("Add", bytes(8)) for _ in range(3)]
    threading.Timer(0.05, host.world.gate(1).set).start()
    events: list[Any] = []
    while octets := connection.receive(WATCHDOG):
        events += association.receive_data(octets)
    stopping.result(WATCHDOG)
    answered = {event.call_id: event for event in events if hasattr(event, "call_id")}
    assert isinstance(answered.pop(waiting), ncacn.ResponseReceived)
    assert set(answered) <= set(late)
    for event in answered.values():
        assert (event.status, event.did_not_execute) == (0x1C010014, True)
    connection.close()


@pytest.mark.parametrize("transport", ["ncacn_ip_tcp", "ncacn_np", "memory"], indirect=True)
def test_an_idle_client_is_asked_to_leave(
    host: Any, binding: str, calculator: Any, threads: ThreadPoolExecutor, until: Any
) -> None:
    """The shutdown PDU (C706 12.6.4.11), once, and then the end."""
    connection, association = bound(binding, calculator.Calculator.interface)
    until(lambda: all(session.bound for session in host.server._guests.present()))
    stopping = threads.submit(host.stop)
    events: list[Any] = []
    while octets := connection.receive(WATCHDOG):
        events += association.receive_data(octets)
    assert events == [ncacn.ShutdownRequested()]
    connection.close()
    stopping.result(WATCHDOG)


@pytest.mark.parametrize("transport", ["ncacn_ip_tcp"], indirect=True)
def test_a_call_that_crosses_the_word_to_leave_is_refused_by_name(
    host: Any,
    binding: str,
    calculator: Any,
    threads: ThreadPoolExecutor,
    until: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The client could not know; so it knows that the call did not run, and another server may have it."""
    for module in ("async_server", "serving.leaving"):
        monkeypatch.setattr(f"lrpc.runtime.{module}.LINGER", WATCHDOG)
    interface = calculator.Calculator.interface
    connection, association = bound(binding, interface)
    until(lambda: all(session.bound for session in host.server._guests.present()))
    stopping = threads.submit(host.stop)
    assert association.receive_data(connection.receive(WATCHDOG)) == [ncacn.ShutdownRequested()]
    opnum = next(operation.opnum for operation in interface.operations if operation.name == "Add")
    for _ in range(2):
        connection.send(b"".join(association.request(association.next_call_id(), 0, opnum, bytes(8))), WATCHDOG)
        [event] = association.receive_data(connection.receive(WATCHDOG))
        assert isinstance(event, ncacn.FaultReceived)
        assert (event.status, event.did_not_execute) == (0x1C010014, True)
    assert not stopping.done()
    connection.close()
    stopping.result(WATCHDOG)


@pytest.mark.parametrize("transport", ["ncacn_ip_tcp", "ncacn_np", "memory"], indirect=True)
@pytest.mark.parametrize("client_face", ["blocking", "asyncio"])
def test_an_idle_client_goes_on_with_the_next_server(
    host: Any, hosts: Any, clients_of: Any, binding: str, client_face: str, face: str
) -> None:
    client = clients_of(client_face)(binding)
    assert client.Add(1, 2) == 3
    host.stop()
    successor = hosts(face)
    successor.server.register(successor.service)
    successor.listen(binding)
    time.sleep(2 * PAUSE)  # a client that blocks looks before it sends, if it has been idle
    assert client.Add(3, 4) == 7
