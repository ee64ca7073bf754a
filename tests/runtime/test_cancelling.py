"""Calls that are given up: how their methods learn it, on every transport and in both faces at either end."""

from __future__ import annotations

import asyncio
from collections import deque
from types import SimpleNamespace
from typing import Any

import pytest

import lrpc
from lrpc.runtime import cancelling as cancelling_module
from lrpc.runtime.cancelling import GIVEN_UP, Cancelling
from lrpc.runtime.ended import Ended, Limited
from lrpc.runtime.ndr.layout import Encoding
from lrpc.runtime.session import Call
from lrpc.runtime.status import Ran

WATCHDOG = 20.0


def learnt(world: Any) -> int:
    """The number of the next call that learns that nobody waits for it."""
    number: int = world.given_up.get(timeout=WATCHDOG)
    return number


def late(client: Any, connect: Any, number: int, method: str = "Linger") -> lrpc.DeadlineExceeded:
    """How a call fails that has too little time."""

    async def call() -> None:
        with lrpc.deadline(0.05):
            await getattr(client.client, method)(number)

    with pytest.raises(lrpc.DeadlineExceeded) as caught:
        if connect.loop is None:
            with lrpc.deadline(0.05):
                getattr(client, method)(number)
        else:
            connect.loop.run(call())
    return caught.value


def test_a_call_whose_time_is_over_is_cancelled_at_the_server(connect: Any, binding: str, world: Any) -> None:
    client = connect(binding)
    assert late(client, connect, 1).ran is Ran.UNKNOWN
    world.has_entered(1)
    assert learnt(world) == 1
    assert client.Add(1, 1) == 2


def test_with_a_cancel_time_out_the_server_says_whether_a_late_call_ran(connect: Any, binding: str, world: Any) -> None:
    client = connect(binding, policy=lrpc.Policy(cancel_timeout=WATCHDOG))
    error = late(client, connect, 1)
    assert learnt(world) == 1
    assert "nca_s_fault_cancel" in str(error)
    assert client.Add(1, 1) == 2


def test_the_cancel_time_out_is_bounded(connect: Any, binding: str, world: Any) -> None:
    client = connect(binding, policy=lrpc.Policy(cancel_timeout=0.05))
    assert late(client, connect, 1, "Wait").ran is Ran.UNKNOWN  # which takes no notice
    world.gate(1).set()
    assert client.Add(1, 1) == 2


@pytest.mark.parametrize("client_face", ["asyncio"], indirect=True)
def test_cancelling_a_task_cancels_the_method(connect: Any, binding: str, world: Any) -> None:
    client = connect(binding)
    call = connect.loop.start(client.client.Linger(1))
    world.has_entered(1)
    call.cancel()
    assert learnt(world) == 1
    assert client.Add(1, 1) == 2


def test_a_method_whose_client_has_gone_learns_it(connect: Any, binding: str, world: Any, threads: Any) -> None:
    client = connect(binding)
    call = threads.submit(client.Linger, 1)
    world.has_entered(1)
    client.close()
    assert learnt(world) == 1
    error = call.exception(WATCHDOG)
    assert isinstance(error, lrpc.ConnectionLost)
    assert (str(error), error.ran) == ("the client closed the connection", Ran.UNKNOWN)


@pytest.mark.parametrize("transport", ["ncalrpc", "ncacn_np", "ncacn_ip_tcp"], indirect=True)
def test_a_method_whose_client_was_killed_learns_it(binding: str, world: Any, client_process: Any) -> None:
    child = client_process(binding, "client.Linger(1)")
    world.has_entered(1)
    child.kill()
    assert learnt(world) == 1


@pytest.mark.parametrize("client_face", ["blocking"], indirect=True)
def test_the_answer_of_a_method_that_takes_no_notice_reaches_nobody(connect: Any, binding: str, world: Any) -> None:
    client = connect(binding)
    for number in range(1, 4):
        with pytest.raises(lrpc.DeadlineExceeded), lrpc.deadline(0.03):
            client.Wait(number)
        world.gate(number).set()
        assert client.Add(number, number) == 2 * number


@pytest.mark.parametrize("face", ["blocking"], indirect=True)
@pytest.mark.parametrize("client_face", ["asyncio"], indirect=True)
def test_calls_that_come_while_a_method_asks_are_served_behind_it(connect: Any, binding: str, world: Any) -> None:
    client = connect(binding)
    lingering = connect.loop.start(client.client.Linger(1))
    world.has_entered(1)
    others = [connect.loop.start(client.client.Add(number, 1)) for number in range(20)]
    given_up = connect.loop.start(client.client.Linger(2))
    client.loop.run(asyncio.sleep(0.05))
    given_up.cancel()
    client.loop.run(asyncio.sleep(0.05))
    world.gate(1).set()
    assert lingering.result(WATCHDOG) == 1
    assert [other.result(WATCHDOG) for other in others] == list(range(1, 21))
    assert client.Add(1, 1) == 2
    assert world.entered.empty()  # the one that was given up before its turn never ran


@pytest.mark.parametrize("face", ["asyncio"], indirect=True)
@pytest.mark.parametrize("client_face", ["asyncio"], indirect=True)
def test_a_flood_of_calls_that_are_cancelled_leaves_no_tasks_behind(
    connect: Any, host: Any, binding: str, world: Any, until: Any
) -> None:
    client = connect(binding)
    most = 0

    async def flood() -> None:
        nonlocal most
        for _ in range(20):
            calls = [asyncio.ensure_future(client.client.Linger(1)) for _ in range(50)]
            await asyncio.sleep(0.002)
            most = max(most, *(found.running for found in list(host.server._clients.values())))
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)

    connect.loop.run(flood())
    until(lambda: not host.server._tasks)
    assert most <= host.server.limits.max_calls
    assert world.given_up.qsize() == world.entered.qsize()
    assert client.Add(1, 1) == 2


def test_threads_that_give_up_some_of_their_calls_lose_none_of_the_others(
    connect: Any, binding: str, world: Any, threads: Any
) -> None:
    client = connect(binding)

    def some(thread: int) -> int:
        right = 0
        for number in range(10):
            if number % 5 == thread % 5:
                late(client, connect, 1000 + thread)
            right += client.Add(thread, number) == thread + number
            right += client.Echo(bytes([number]) * 3000) == bytes([number]) * 3000
        return right

    assert [call.result(WATCHDOG) for call in [threads.submit(some, thread) for thread in range(8)]] == [20] * 8


def test_a_server_that_stops_lets_a_method_end_that_asks(
    connect: Any, host: Any, binding: str, world: Any, threads: Any, until: Any
) -> None:
    client = connect(binding)
    lingering = threads.submit(client.Linger, 1)
    world.has_entered(1)
    stopping = threads.submit(host.stop)
    until(lambda: not host.server.listening)
    world.gate(1).set()
    assert lingering.result(WATCHDOG) == 1
    stopping.result(WATCHDOG)
    assert world.given_up.empty()


def test_only_a_blocking_method_may_ask() -> None:
    with pytest.raises(LookupError):
        lrpc.call_cancelled()


# The parts


class Waxen:
    """What a session receives: lists of calls, and its end."""

    def __init__(self, *coming: Any) -> None:
        self.coming = deque(coming)

    def receive_now(self) -> list[Call] | None:
        come = self.coming.popleft() if self.coming else None
        if isinstance(come, Ended):
            raise come
        return come() if callable(come) else come

    def fileno(self) -> int:
        return -1


def call(key: int) -> Call:
    return Call(key, 0, lrpc.Fault(), b"", Encoding.NDR)


def test_a_call_that_is_given_up_before_it_begins_is_answered_without_running() -> None:
    pending = deque([call(1), call(2)])
    cancelling = Cancelling(Waxen(), pending, 64, 100)
    come = [call(3)]
    for key in (2, 3):
        cancelling.give_up(key, come)
    faults = [pending[1].method, come[0].method]
    assert all(isinstance(fault, lrpc.CallCancelled) and fault.ran is Ran.NO for fault in faults)
    assert not isinstance(pending[0].method, lrpc.CallCancelled)


def test_a_test_finds_the_word_that_comes_while_it_looks() -> None:
    pending: deque[Call] = deque()
    words: list[Any] = []
    cancelling = Cancelling(Waxen([call(8)], lambda: words[0]()), pending, 64, 100)
    cancelling.now = 7
    words.append(lambda: cancelling.give_up(7, []) or [])
    assert cancelling.test(0)
    assert [each.key for each in pending] == [8]
    cancelling.now = 7  # another call of the same key
    assert not cancelling.test(0)


def test_the_end_of_the_connection_gives_up_what_runs() -> None:
    cancelling = Cancelling(Waxen(Ended("gone")), deque(), 64, 100)
    cancelling.now = 7
    assert cancelling.test(0)
    assert cancelling.now == GIVEN_UP


def test_a_server_that_drains_does_not_take_the_end_of_reading_for_that_of_its_client() -> None:
    cancelling = Cancelling(Waxen(Ended("drained")), deque(), 64, 100)
    cancelling.now, cancelling.draining = 7, True
    assert not cancelling.test(0.001)


@pytest.mark.parametrize("draining", [False, True])
def test_a_server_that_gives_its_calls_up_tells_who_asks_and_who_waits(threads: Any, draining: bool) -> None:
    cancelling = Cancelling(Waxen(), deque(), 64, 100)
    cancelling.now, cancelling.draining = 7, draining
    waiting = threads.submit(cancelling.test, 50 * WATCHDOG)
    cancelling.give_up_all()
    assert waiting.result(WATCHDOG)
    cancelling.give_up_all()
    cancelling.now = 8  # a call that had come as well
    assert cancelling.test(0)


def test_no_more_is_received_than_may_wait() -> None:
    pending: deque[Call] = deque()
    session = Waxen(*([call(number)] for number in range(10)))
    cancelling = Cancelling(session, pending, 4, 100)
    cancelling.now = 7
    assert not cancelling.test(0.001)
    assert len(pending) == 4
    assert len(session.coming) == 6


def test_a_word_on_a_call_that_is_not_there_changes_nothing() -> None:
    told: list[int] = []
    cancelling = Cancelling(Waxen(), deque(), 64, 100)
    cancelling.give_up(99, [])
    assert cancelling.now != GIVEN_UP
    cancelling.tell = told.append
    cancelling.give_up(99, [])
    assert told == [99]


def test_a_client_may_give_up_so_many_calls_at_once_and_each_second(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(cancelling_module, "time", SimpleNamespace(monotonic=lambda: clock.now))
    cancelling = Cancelling(Waxen(), deque(), 64, 100)
    for _ in range(100):
        cancelling.give_up(99, [])
    clock.now += 0.5
    for _ in range(50):
        cancelling.give_up(99, [])
    with pytest.raises(Limited, match="given up") as caught:
        cancelling.give_up(99, [])
    assert (caught.value.limit, caught.value.value) == ("max_cancels", 100)


def test_threads_ask_for_themselves(connect: Any, binding: str, world: Any, threads: Any) -> None:
    client, other = connect(binding), connect(binding)
    lingering = threads.submit(client.Linger, 1)
    world.has_entered(1)
    other_lingering = threads.submit(other.Linger, 2)
    world.has_entered(2)
    client.close()
    assert learnt(world) == 1
    assert not other_lingering.done()
    world.gate(2).set()
    assert other_lingering.result(WATCHDOG) == 2
    assert isinstance(lingering.exception(WATCHDOG), lrpc.ConnectionLost)
