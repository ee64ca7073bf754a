"""Calls that are made again, and connections that are made anew, on every transport and in both faces."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
import weakref
from types import SimpleNamespace
from typing import Any

import pytest

import lrpc
from lrpc.runtime.pdu_wire import PAUSE
from lrpc.runtime.policy import Policy
from lrpc.runtime.recovery import Attempts, Recovery
from lrpc.runtime.status import Ran
from lrpc.runtime.stub import Operation

WATCHDOG = 20.0
PLAIN: Operation[None] = Operation(0, "Plain")
SAFE: Operation[None] = Operation(1, "Safe", idempotent=True)


class Restarting:
    """A server that can be stopped and started where it was."""

    def __init__(self, hosts: Any, face: str, binding: str) -> None:
        self._hosts = hosts
        self._face = face
        self.binding = binding
        self.host: Any = None
        self.start()

    def start(self) -> None:
        self.host = self._hosts(self._face)
        self.host.server.register(self.host.service)
        self.binding = str(self.host.listen(self.binding))

    def restart(self) -> None:
        self.host.stop()
        self.start()


@pytest.fixture
def server(hosts: Any, face: str, transport: str, binding_for: Any) -> Restarting:
    return Restarting(hosts, face, binding_for(transport))


@pytest.fixture
def connect(server: Restarting, clients_of: Any, client_face: str) -> Any:
    return clients_of(client_face)


def idle(client: Any) -> None:
    """A pause after which a client that blocks looks before it sends; a loop sees the end by itself."""
    asynchronous = getattr(client, "client", None)
    until = time.monotonic() + WATCHDOG
    while asynchronous is not None and asynchronous._channel.broken is None:
        assert time.monotonic() < until
        time.sleep(0.001)
    time.sleep(2 * PAUSE)


def connection_of(client: Any) -> Any:
    return getattr(client, "client", client).connection


def test_a_client_connects_anew_at_its_next_call(server: Restarting, connect: Any) -> None:
    client = connect(server.binding)
    for number in range(3):
        assert client.Add(number, 1) == number + 1
        before = connection_of(client)
        server.restart()
        idle(client)
        assert client.Add(number, 2) == number + 2
        assert connection_of(client) is not before


def test_interceptors_see_the_new_connection(server: Restarting, connect: Any, client_face: str) -> None:
    seen: list[Any] = []

    def blocking(call: lrpc.Invocation, proceed: lrpc.Proceed) -> Any:
        seen.append(call.connection)
        return proceed(call)

    async def asynchronous(call: lrpc.Invocation, proceed: lrpc.AsyncProceed) -> Any:
        return await blocking(call, proceed)

    client = connect(server.binding, interceptors=[blocking if client_face == "blocking" else asynchronous])
    for _ in range(2):
        assert client.Add(1, 1) == 2
    server.restart()
    idle(client)
    for _ in range(2):
        assert client.Add(1, 1) == 2
    assert seen[0] is seen[1] is seen[2]  # the third call finds that it has ended
    assert seen[3] is connection_of(client) is not seen[0]


def test_a_client_that_must_not_connect_anew_stays_lost(server: Restarting, connect: Any) -> None:
    client = connect(server.binding, policy=Policy(reconnect=False))
    assert client.Add(1, 1) == 2
    server.restart()
    idle(client)
    for _ in range(2):
        with pytest.raises(lrpc.ConnectionLost):
            client.Add(1, 1)


def test_a_client_that_was_closed_stays_closed(server: Restarting, connect: Any) -> None:
    client = connect(server.binding)
    client.close()
    with pytest.raises(lrpc.ConnectionLost) as caught:
        client.Add(1, 1)
    assert caught.value.ran is Ran.NO


def test_a_server_that_has_gone_is_unavailable(server: Restarting, connect: Any) -> None:
    client = connect(server.binding, policy=Policy(backoff=0.001))
    assert client.Add(1, 1) == 2
    server.host.stop()
    idle(client)
    with pytest.raises(lrpc.ServerUnavailable) as caught:
        client.Add(1, 1)
    assert caught.value.ran is Ran.NO


def test_a_client_waits_for_a_server_that_comes_back(server: Restarting, connect: Any, threads: Any) -> None:
    client = connect(server.binding, policy=Policy(retries=1000, backoff=0.001, max_backoff=0.01))
    assert client.Add(1, 1) == 2
    server.host.stop()
    idle(client)
    call = threads.submit(client.Add, 2, 2)
    time.sleep(0.05)
    assert not call.done()
    server.start()
    assert call.result(WATCHDOG) == 4


def test_open_context_handles_die_with_their_connection_and_say_so(server: Restarting, connect: Any) -> None:
    client = connect(server.binding)
    tally, other = client.Open("one"), client.Open("two")
    assert client.Count(tally) == 1
    server.restart()
    idle(client)
    with pytest.raises(lrpc.ContextMismatch, match="context handles with it: TALLY, TALLY") as caught:
        client.Add(1, 1)  # once, whatever is called
    assert caught.value.ran is Ran.NO
    assert client.Add(1, 1) == 2
    with pytest.raises(lrpc.ContextMismatch, match="tally died with its connection"):
        client.Count(tally)
    assert tally.lost
    connect.close_handle(tally)  # there is nothing to close
    connect.close_handle(other)
    assert client.Count(client.Open("three")) == 1


def test_handles_that_are_closed_hold_nothing_up(server: Restarting, connect: Any) -> None:
    client = connect(server.binding)
    connect.close_handle(client.Open("one"))
    server.restart()
    idle(client)
    assert client.Add(1, 1) == 2


def test_threads_that_share_a_client_share_its_new_connection(server: Restarting, connect: Any, threads: Any) -> None:
    client = connect(server.binding)
    assert client.Add(1, 1) == 2
    server.restart()
    idle(client)
    calls = [threads.submit(client.Add, number, 1) for number in range(16)]
    assert [call.result(WATCHDOG) for call in calls] == list(range(1, 17))


def test_a_call_with_pipes_begins_on_a_new_connection(
    hosts: Any, clients_of: Any, face: str, client_face: str, transport: str, binding_for: Any, piper: Any
) -> None:
    binding, clients = binding_for(transport), clients_of(client_face)
    kind = piper.stub.AsyncPiperClient if client_face == "asyncio" else piper.stub.PiperClient
    client: Any = None
    for _ in range(2):
        host = hosts(face)
        host.server.register((piper.AsyncService if face == "asyncio" else piper.Service)(piper.Seen()))
        binding = str(host.listen(binding))
        client = client or clients.of(kind, binding)
        assert client.Sum("numbers", [b"12", b"3"]) == 3
        host.stop()
        idle(client)


# What is repeated


def failed(ran: Ran, kind: type[lrpc.RpcError] = lrpc.ConnectionLost) -> lrpc.RpcError:
    error = kind("x") if not issubclass(kind, lrpc.Fault) else kind()
    error.ran = ran
    return error


@pytest.mark.parametrize("kind", [lrpc.ConnectionLost, lrpc.ServerUnavailable, lrpc.ServerTooBusy])
def test_what_surely_did_not_run_is_made_again_for_as_often_as_the_policy_says(kind: Any) -> None:
    attempts, error = Attempts(Policy(retries=2), PLAIN, WATCHDOG), failed(Ran.NO, kind)
    assert attempts.pause(error, hopeless=False) >= 0
    assert attempts.pause(error, hopeless=False) > 0
    with pytest.raises(kind):
        attempts.pause(error, hopeless=False)


def test_what_may_have_run_is_made_again_only_where_the_idl_calls_it_idempotent() -> None:
    error = failed(Ran.UNKNOWN)
    assert Attempts(Policy(), SAFE, WATCHDOG).pause(error, hopeless=False) == 0
    with pytest.raises(lrpc.ConnectionLost):
        Attempts(Policy(), PLAIN, WATCHDOG).pause(error, hopeless=False)


@pytest.mark.parametrize(
    "kind", [lrpc.AccessDenied, lrpc.OperationOutOfRange, lrpc.ArgumentError, lrpc.DeadlineExceeded, lrpc.ProtocolError]
)
def test_what_would_be_the_same_again_is_not_made_again(kind: Any) -> None:
    with pytest.raises(kind):
        Attempts(Policy(), SAFE, WATCHDOG).pause(failed(Ran.NO, kind), hopeless=False)


def test_the_last_error_says_what_the_worst_attempt_says() -> None:
    attempts = Attempts(Policy(retries=1), SAFE, WATCHDOG)
    attempts.pause(failed(Ran.UNKNOWN), hopeless=False)
    with pytest.raises(lrpc.ServerUnavailable) as caught:
        attempts.pause(failed(Ran.NO, lrpc.ServerUnavailable), hopeless=False)
    assert caught.value.ran is Ran.UNKNOWN


def test_a_call_that_was_not_made_costs_no_attempt() -> None:
    attempts, error = Attempts(Policy(retries=0), PLAIN, WATCHDOG), lrpc.ConnectionLost("x", ran=Ran.NO)
    error.before = True
    assert attempts.pause(error, hopeless=False) == 0
    with pytest.raises(lrpc.ConnectionLost):
        attempts.pause(error, hopeless=False)


def test_pauses_grow_by_chance_and_have_an_end() -> None:
    attempts = Attempts(Policy(retries=9, backoff=0.1, max_backoff=0.5), PLAIN, WATCHDOG)
    pauses = [attempts.pause(failed(Ran.NO, lrpc.ServerTooBusy), hopeless=False) for _ in range(9)]
    for pause, longest in zip(pauses, [0.1, 0.2, 0.4, *[0.5] * 6], strict=True):
        assert longest / 2 <= pause <= longest
    assert len(set(pauses)) == 9


def test_no_pause_is_longer_than_the_time_that_is_left() -> None:
    with pytest.raises(lrpc.ServerTooBusy), lrpc.deadline(0.01):
        Attempts(Policy(backoff=1.0), PLAIN, WATCHDOG).pause(failed(Ran.NO, lrpc.ServerTooBusy), hopeless=False)


def test_without_hope_nothing_is_made_again() -> None:
    with pytest.raises(lrpc.ConnectionLost):
        Attempts(Policy(), SAFE, WATCHDOG).pause(failed(Ran.NO), hopeless=True)


@pytest.mark.parametrize("recovers", [True, False])
def test_a_client_whose_call_failed_leaves_no_circle_behind(
    hosts: Any, calculator: Any, binding_for: Any, client_face: str, recovers: bool
) -> None:
    host = hosts()
    host.server.register(host.service)
    binding = str(host.listen(binding_for("ncalrpc")))

    def fail() -> weakref.ref[Any]:
        with lrpc.connect(calculator.CalculatorClient, binding) as client:
            client._recovery = client._recovery if recovers else None
            try:
                client.Misbehave("denied")
            except lrpc.AccessDenied as error:
                return weakref.ref(error)

    async def fail_later() -> weakref.ref[Any]:
        async with lrpc.connect(calculator.AsyncCalculatorClient, binding) as client:
            client._recovery = client._recovery if recovers else None
            try:
                await client.Misbehave("denied")
            except lrpc.AccessDenied as error:
                return weakref.ref(error)

    gc.disable()
    try:
        gone = fail() if client_face == "blocking" else asyncio.run(fail_later())
        assert gone() is None
    finally:
        gc.enable()


def test_a_call_that_is_not_made_again_leaves_no_circle_behind() -> None:
    errors: list[lrpc.RpcError] = [lrpc.AccessDenied(5)]
    gone = weakref.ref(errors[0])

    def fail() -> None:
        recovery = Recovery(Policy(), WATCHDOG, None, lambda wire: SimpleNamespace(broken=None))
        recovery.take(None, None)
        with contextlib.suppress(lrpc.AccessDenied):
            recovery.again(PLAIN, fail, errors.pop())

    gc.disable()
    try:
        fail()
        assert gone() is None
    finally:
        gc.enable()


def test_a_client_that_another_thread_connects_is_waited_for_no_longer_than_a_call_may_take() -> None:
    recovery = Recovery(Policy(), 0.01, None, None)
    with recovery._turn, pytest.raises(lrpc.DeadlineExceeded, match="still being connected") as caught:
        recovery.renew()
    assert caught.value.ran is Ran.NO
