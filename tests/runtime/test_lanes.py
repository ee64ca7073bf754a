"""Calls by a lane are those by the socket, whichever the machine would decide for: each test has both."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import lrpc
from lrpc.runtime import plain
from lrpc.transports.alpc import lane_setup

WATCHDOG = 20.0
stub: Any = lrpc.load(
    """
    [uuid(7b0d2f1a-0c45-4d0e-9d6f-0a1b2c3d4e21), version(1.0)]
    interface Asker { long Ask([in] long number); [callback] long Again([in] long number); }
    """
)


@pytest.fixture(autouse=True, params=["lane", "socket"])
def lanes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Has all connections of the test go one way, and looks that this process's did."""
    send_with_lane, sent = lane_setup.send_with_lane, list[int]()

    def counted(*arguments: Any) -> Any:
        sent.append(os.getpid())
        return send_with_lane(*arguments)

    monkeypatch.setattr(lane_setup, "send_with_lane", counted)
    monkeypatch.setenv(lane_setup.SWITCH, str(int(request.param == "lane")))
    yield
    if "server_process" not in request.fixturenames:
        assert bool(sent) == (request.param == "lane")


@pytest.fixture
def transport() -> str:
    return "ncalrpc"


def test_threads_that_share_a_client_have_their_own_answers(
    connect: Any, binding: str, threads: ThreadPoolExecutor
) -> None:
    client = connect(binding)

    def call(number: int) -> None:
        for other in range(100):
            assert client.Add(number, other) == number + other

    for done in [threads.submit(call, number) for number in range(4)]:
        done.result(WATCHDOG)


def port_of(client: Any) -> Any:
    return getattr(client, "client", client)._channel._wire.port


@pytest.mark.parametrize("face", ["blocking"], indirect=True)
def test_what_is_too_large_for_a_lane_goes_in_a_view(connect: Any, binding: str) -> None:
    client, data = connect(binding), bytes(9000)
    port = port_of(client)
    for _ in range(plain.FIRST):
        assert client.Echo(data) == data
        assert not port.kept
    for _ in range(3):
        assert client.Echo(data) == data
    assert (bool(port.kept), bool(port._sharing.incoming)) == (port.lane is not None,) * 2


@pytest.mark.parametrize("face", ["blocking"], indirect=True)
def test_what_finds_no_room_for_a_view_is_copied_if_it_may_be(connect: Any, binding: str) -> None:
    client, data = connect(binding), bytes(9000)
    for _ in range(plain.FIRST + 1):
        assert client.Echo(data) == data
    port = port_of(client)
    room = port.allocate(80 << 20)
    assert client.Echo(data) == data
    with pytest.raises(lrpc.RpcError, match="left in the section"):
        client.Echo(bytes(100_000))
    port.discard(room)
    assert client.Echo(bytes(100_000)) == bytes(100_000)


def test_calls_of_every_size_follow_one_another(connect: Any, binding: str) -> None:
    client, sizes = connect(binding), random.Random(7)
    for _ in range(150):
        data = sizes.randbytes(sizes.choice([0, 1, 1800, 2008, 2100, 60_000, 70_000]))
        assert client.Echo(data) == data
        assert client.Add(len(data), 1) == len(data) + 1


@pytest.mark.parametrize("client_face", ["blocking"], indirect=True)
def test_a_late_answer_is_taken_for_no_other(connect: Any, binding: str, world: Any) -> None:
    client = connect(binding)
    for number in range(1, 4):
        with lrpc.deadline(0.05), pytest.raises(lrpc.DeadlineExceeded):
            client.Wait(number)
        world.has_entered(number)
        world.gate(number).set()
        assert client.Add(number, 1) == number + 1


@pytest.mark.parametrize("client_face", ["blocking"], indirect=True)
def test_a_child_of_fork_changes_nothing(connect: Any, binding: str, calculator: Any) -> None:
    client = connect(binding)
    assert client.Add(1, 1) == 2
    child = os.fork()
    if not child:
        try:
            with pytest.raises(lrpc.ForkedBinding):
                client.Add(1, 1)
            client.close()
            with lrpc.connect(calculator.CalculatorClient, binding, timeout=WATCHDOG) as own:
                os._exit(own.Add(20, 22))
        finally:
            os._exit(1)
    for number in range(1000):
        assert client.Add(number, 1) == number + 1
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42


def test_a_server_that_is_killed_is_heard_of(
    server_process: Any, clients_of: Any, client_face: str, binding_for: Any
) -> None:
    process, [address] = server_process(binding_for("ncalrpc"))
    client = clients_of(client_face)(address)
    for number in range(300):
        assert client.Add(number, 1) == number + 1
    killing = threading.Timer(0.1, process.kill)
    killing.start()
    with pytest.raises((lrpc.ConnectionLost, lrpc.ServerUnavailable)):
        while True:
            client.Add(1, 1)
    killing.join()


def test_a_client_that_is_killed_leaves_nothing(binding: str, world: Any, client_process: Any) -> None:
    child = client_process(binding, "client.Open('tally')\nprint(flush=True)\nwhile True: client.Add(1, 1)")
    assert child.stdout is not None
    child.stdout.readline()
    child.kill()
    assert world.closed.get(timeout=WATCHDOG) == "tally"


class Asker(stub.Asker):  # type: ignore[misc]
    def Ask(self, number: int) -> int:
        return int(lrpc.callback(stub.AskerCallbacksClient).Again(number)) + 1 if number else 0


def test_callbacks_within_callbacks_end_in_their_call(binding_for: Any) -> None:
    with lrpc.Server() as server:
        server.register(Asker())
        binding = str(server.listen(binding_for("ncalrpc")))
        server.start()
        threads = set[int]()

        class Answers(stub.AskerCallbacks):  # type: ignore[misc]
            def Again(self, number: int) -> int:
                threads.add(threading.get_ident())
                return int(client.Ask(number - 1)) + 1

        with lrpc.connect(stub.AskerClient, binding, callbacks=Answers(), timeout=WATCHDOG) as client:
            for _ in range(50):
                assert client.Ask(3) == 6
        assert threads == {threading.get_ident()}
