"""What servers of both faces promise beyond single calls: limits, draining, and the death of either side."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import lrpc
from lrpc.runtime.status import Ran
from lrpc.transports import alpc, memory, pipe, tcp

WATCHDOG = 20.0
BETWEEN_PROCESSES = ("ncalrpc", "ncacn_np", "ncacn_ip_tcp")


@pytest.fixture(params=["blocking", "followers", "asyncio"])
def face(request: pytest.FixtureRequest) -> str:
    """The server's face."""
    return str(request.param)


@pytest.fixture
def limited(hosts: Any, face: str, transport: str, binding_for: Any) -> Callable[..., tuple[Any, str]]:
    """A server with some limits that differ, and where it listens."""

    def make(**limits: Any) -> tuple[Any, str]:
        host = hosts(face, limits=lrpc.Limits(**limits))
        host.server.register(host.service)
        return host, str(host.listen(binding_for(transport)))

    return make


@pytest.fixture
def blocking(clients_of: Any) -> Any:
    return clients_of("blocking")


def raw_connection(binding: str) -> Any:
    """A connection below the protocol."""
    found = lrpc.StringBinding.parse(binding)
    if found.protocol == "ncacn_ip_tcp":
        return tcp.connect((found.address, int(found.endpoint)), WATCHDOG)
    connect: Any = {"ncalrpc": alpc.dial, "ncacn_np": pipe.connect, "memory": memory.connect}[found.protocol]
    return connect(found.endpoint, WATCHDOG)


# Limits


def test_a_user_has_a_limit_of_connections(limited: Any, blocking: Any, until: Any) -> None:
    host, binding = limited(max_connections=3)
    kept = [blocking(binding) for _ in range(3)]
    with pytest.raises(lrpc.ServerUnavailable) as caught:
        blocking(binding)
    assert caught.value.ran is Ran.NO
    assert kept[0].Add(1, 1) == 2
    kept.pop().close()
    until(lambda: len(host.server._sessions) == 2)
    assert blocking(binding).Add(1, 1) == 2


def test_a_client_that_does_not_bind_is_dropped(limited: Any, blocking: Any) -> None:
    _, binding = limited(handshake=0.05)
    silent = raw_connection(binding)
    assert silent.receive(WATCHDOG) == b""
    silent.close()
    client = blocking(binding)
    assert client.Add(1, 1) == 2


def test_a_bound_client_may_be_silent(limited: Any, blocking: Any) -> None:
    _, binding = limited(handshake=0.05)
    client = blocking(binding)
    silent = raw_connection(binding)
    assert silent.receive(WATCHDOG) == b""  # longer than a handshake may take
    assert client.Add(1, 1) == 2
    silent.close()


def test_a_request_beyond_the_limit_did_not_run(limited: Any, blocking: Any, transport: str) -> None:
    host, binding = limited(max_request=100_000, max_local_request=100_000)
    client = blocking(binding)
    assert len(client.Echo(bytes(90_000))) == 90_000
    with pytest.raises(lrpc.RpcError) as caught:
        client.Echo(bytes(200_000))
    assert caught.value.ran is not Ran.YES
    assert len(host.world.data) == 1
    if transport == "ncalrpc":
        assert isinstance(caught.value, lrpc.AccessDenied)
        assert caught.value.ran is Ran.NO
        assert client.Add(1, 1) == 2
    assert blocking(binding).Add(1, 1) == 2


def test_small_requests_keep_to_the_limit_too(limited: Any, blocking: Any) -> None:
    host, binding = limited(max_request=1000, max_local_request=1000)
    client = blocking(binding)
    assert len(client.Echo(bytes(900))) == 900
    with pytest.raises(lrpc.RpcError):
        client.Echo(bytes(1100))
    assert len(host.world.data) == 1


@pytest.mark.parametrize("size", [55_000, 80_000])
def test_a_response_beyond_the_limit_of_its_client_is_refused(host: Any, binding: str, connect: Any, size: int) -> None:
    client = connect(binding, limits=lrpc.Limits(max_response=50_000))
    assert len(client.Echo(bytes(40_000))) == 40_000
    with pytest.raises(lrpc.ProtocolError):
        client.Echo(bytes(size))


def test_context_handles_have_a_limit(limited: Any, blocking: Any) -> None:
    host, binding = limited(max_contexts=3)
    client = blocking(binding)
    handles = [client.Open(str(number)) for number in range(3)]
    with pytest.raises(lrpc.Fault, match="remote_no_memory"):
        client.Open("one too many")
    assert host.world.closed_within_watchdog() == "one too many"
    client.Close(handles[0])
    assert host.world.closed_within_watchdog() == "0"
    assert client.Count(client.Open("another")) == 1


def test_items_of_a_request_have_a_limit(limited: Any, blocking: Any) -> None:
    _, binding = limited(max_items=100)
    client = blocking(binding)
    assert client.Sum(list(range(50))) == 1225
    with pytest.raises(lrpc.RefusedStubData) as caught:
        client.Sum(list(range(120)))
    assert caught.value.ran is Ran.NO
    assert client.Add(1, 1) == 2


@pytest.mark.parametrize("face", ["asyncio"], indirect=True)
def test_calls_beyond_the_limit_of_a_connection_wait_or_did_not_run(
    limited: Any, blocking: Any, threads: ThreadPoolExecutor
) -> None:
    host, binding = limited(max_calls=2)
    client = blocking(binding)
    calls = [threads.submit(client.Wait, number) for number in range(6)]
    running = {host.world.entered.get(timeout=WATCHDOG) for _ in range(2)}
    assert blocking(binding).Add(1, 1) == 2
    for number in range(6):
        host.world.gate(number).set()
    for number, call in enumerate(calls):
        error = call.exception(WATCHDOG)
        if error is None:
            assert call.result() == number
        else:
            assert isinstance(error, lrpc.ServerTooBusy)
            assert error.ran is Ran.NO
            assert number not in running


# Stopping


def test_a_server_that_stops_answers_what_runs(host: Any, connect: Any, binding: str, threads: Any, until: Any) -> None:
    busy, idle = connect(binding), connect(binding)
    assert idle.Add(1, 1) == 2
    running = threads.submit(busy.Wait, 1)
    host.world.has_entered(1)
    stopping = threads.submit(host.stop)

    def refused() -> bool:
        try:
            connect(binding).close()
        except lrpc.RpcError as error:
            return error.ran is Ran.NO
        return False

    until(refused)
    assert not stopping.done()
    host.world.gate(1).set()
    assert running.result(WATCHDOG) == 1
    stopping.result(WATCHDOG)
    with pytest.raises((lrpc.ConnectionLost, lrpc.ServerUnavailable)):
        idle.Add(1, 1)


def test_a_server_that_stops_waits_no_longer_than_its_grace(
    host: Any, connect: Any, binding: str, threads: Any
) -> None:
    client = connect(binding)
    running = threads.submit(client.Wait, 1)
    host.world.has_entered(1)
    host.stop(0.05)
    error = running.exception(WATCHDOG)
    assert isinstance(error, lrpc.ConnectionLost)
    assert error.ran is Ran.UNKNOWN
    host.world.gate(1).set()


def test_stopping_runs_handles_down(host: Any, connect: Any, binding: str, world: Any) -> None:
    connect(binding).Open("left")
    host.stop()
    assert world.closed_within_watchdog() == "left"
    assert world.closed.empty()


def test_a_name_is_free_after_stopping(host: Any, hosts: Any, binding: str, face: str, blocking: Any) -> None:
    host.stop()
    again = hosts(face)
    again.server.register(again.service)
    again.listen(binding)
    assert blocking(binding).Add(1, 1) == 2


def test_a_taken_name_is_refused(host: Any, hosts: Any, binding: str, face: str) -> None:
    with pytest.raises(lrpc.ListenError) as caught:
        hosts(face).listen(binding)
    assert caught.value.ran is Ran.NO


def test_stopping_twice_is_stopping(host: Any, binding: str) -> None:
    host.stop()
    host.stopped = False
    host.stop()


# Death


@pytest.mark.parametrize("transport", BETWEEN_PROCESSES, indirect=True)
def test_a_killed_client_has_its_handles_run_down_once(
    host: Any, binding: str, world: Any, client_process: Any, blocking: Any
) -> None:
    child = client_process(binding, "client.Open('a'); client.Open('b'); print('open', flush=True); sys.stdin.read()")
    assert child.stdout.readline() == "open\n"
    child.kill()
    assert {world.closed_within_watchdog(), world.closed_within_watchdog()} == {"a", "b"}
    assert blocking(binding).Add(1, 1) == 2
    host.stop()
    assert world.closed.empty()


@pytest.mark.parametrize("transport", BETWEEN_PROCESSES, indirect=True)
def test_a_client_killed_in_a_call_takes_nobody_along(
    host: Any, binding: str, world: Any, client_process: Any, blocking: Any, until: Any
) -> None:
    child = client_process(binding, "client.Open('a'); client.Wait(1)")
    world.has_entered(1)
    child.kill()
    child.wait(WATCHDOG)
    assert blocking(binding).Add(1, 1) == 2
    world.gate(1).set()
    assert world.closed_within_watchdog() == "a"
    until(lambda: len(host.server._sessions) == 1)
    assert world.closed.empty()


@pytest.mark.parametrize("face", ["asyncio"], indirect=True)
def test_a_handle_opened_for_a_client_that_has_gone_is_closed(
    host: Any, binding: str, world: Any, blocking: Any, threads: Any
) -> None:
    client = blocking(binding)
    opening = threads.submit(client.Open, "slow1")
    world.has_entered(1)
    client.close()
    assert isinstance(opening.exception(WATCHDOG), lrpc.ConnectionLost)
    world.gate(1).set()
    assert world.closed_within_watchdog() == "slow1"


@pytest.mark.parametrize("transport", BETWEEN_PROCESSES, indirect=True)
def test_a_server_killed_in_a_call_is_a_lost_connection(
    server_process: Any, clients_of: Any, client_face: str, transport: str, binding_for: Any, threads: Any
) -> None:
    child, [bound] = server_process(binding_for(transport))
    client, watcher = clients_of(client_face)(bound), clients_of(client_face)(bound)
    assert client.Add(1, 1) == 2
    call = threads.submit(client.Wait, 1)
    with pytest.raises(lrpc.DeadlineExceeded):  # by then the other call runs as well
        if client_face == "blocking":
            with lrpc.deadline(0.1):
                watcher.Wait(2)
        else:
            watcher.loop.run(_briefly(watcher.client))
    child.kill()
    child.wait(WATCHDOG)  # until then its listener may still take connections
    error = call.exception(WATCHDOG)
    assert isinstance(error, lrpc.ConnectionLost)
    assert error.ran is Ran.UNKNOWN
    with pytest.raises(lrpc.ServerUnavailable):
        client.Add(1, 1)
    with pytest.raises(lrpc.ServerUnavailable) as caught:
        clients_of(client_face)(bound)
    assert caught.value.ran is Ran.NO


async def _briefly(client: Any) -> None:
    with lrpc.deadline(0.1):
        await client.Wait(2)


@pytest.mark.parametrize("transport", BETWEEN_PROCESSES, indirect=True)
def test_the_server_knows_a_client_of_another_process(
    host: Any, binding: str, world: Any, client_process: Any, transport: str
) -> None:
    child = client_process(binding, "print(client.Who(), flush=True)")
    known = str(child.pid) if transport != "ncacn_ip_tcp" else "None"
    assert child.stdout.readline().split()[:2] == [transport, known]
    assert world.last.pid == (child.pid if transport != "ncacn_ip_tcp" else None)


# What is left behind


def _threads() -> list[str]:
    """The names of the threads that run, but those of asyncio's pool: it grows by itself, to a bound."""
    return [thread.name for thread in threading.enumerate() if not thread.name.startswith("asyncio_")]


def test_connections_leave_nothing_behind(host: Any, connect: Any, binding: str, until: Any) -> None:
    import os

    def use() -> None:
        client = connect(binding)
        client.Echo(bytes(100_000))
        client.Open("x")
        client.close()
        until(lambda: not host.server._sessions)

    use()
    threads, descriptors = len(_threads()), len(os.listdir("/proc/self/fd"))
    for _ in range(10):
        use()
    until(lambda: len(_threads()) <= threads)
    until(lambda: len(os.listdir("/proc/self/fd")) <= descriptors)
    assert not host.server._guests.users


@pytest.mark.parametrize("transport", ["ncacn_ip_tcp"], indirect=True)
def test_half_closed_connections_end(host: Any, binding: str, until: Any, blocking: Any) -> None:
    found = lrpc.StringBinding.parse(binding)
    with socket.create_connection((found.address, int(found.endpoint)), WATCHDOG) as half:
        until(lambda: len(host.server._sessions) == 1)
        half.shutdown(socket.SHUT_WR)
        assert half.recv(1) == b""
    assert blocking(binding).Add(1, 1) == 2
