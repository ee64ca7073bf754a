"""A flat call through a lane is one that goes by the socket, whatever happens to it, and whoever else calls."""

from __future__ import annotations

import struct
import threading
from typing import Any

import pytest

import lrpc
from lrpc.runtime import plain
from lrpc.runtime.flat_lane import whole_request, whole_response
from lrpc.transports.alpc.lane_setup import ORDERED
from tests.runtime.lane_rig import WATCHDOG, Rig, calc

pytestmark = pytest.mark.skipif(not ORDERED, reason="lanes are for processors that keep the order of stores")

CLIENT = struct.pack("<QQ", 4711, 0)


def test_calls_back_to_back_have_their_results(rig: Rig) -> None:
    for number in range(3000):
        assert rig.client.Add(number, -7) == number - 7
        if number % 3 == 0:
            assert rig.client.Wide(-1, number << 40) == (number << 40) - 1
        if number % 5 == 0:
            assert rig.client.None_() is True
        if number % 7 == 0:
            assert rig.client.Length("x" * (number % 50)) == number % 50


def test_requests_go_through_the_lane_in_their_short_form(rig: Rig) -> None:
    rig.awake()
    assert rig.short(lambda: rig.client.Add(1, 2)) > 0  # of 200: whoever has slept meanwhile is sent to by the socket
    assert rig.short(lambda: rig.client.Length("abc")) == 0


def test_values_that_do_not_fit_are_said_to_as_elsewhere(rig: Rig) -> None:
    for _ in range(50):
        rig.awake()
        with pytest.raises(lrpc.ArgumentError, match=r"Wide: .*a"):
            rig.client.Wide(1000, 1)
        with pytest.raises(lrpc.ArgumentError, match=r"Add: .*b"):
            rig.client.Add(1, "2")
        assert rig.client.Wide(1, 1) == 2


def test_a_call_that_takes_too_long_is_given_up_and_the_next_is_answered(rig: Rig) -> None:
    with lrpc.connect(calc.CalcClient, rig.binding, timeout=0.2) as client:
        for _ in range(100):
            client.Add(1, 2)
        with pytest.raises(lrpc.DeadlineExceeded):
            client.Slow(WATCHDOG)
        assert rig.service.cancelled.wait(WATCHDOG)
    rig.service.cancelled.clear()
    rig.awake()
    with lrpc.deadline(0.1), pytest.raises(lrpc.DeadlineExceeded):
        rig.client.Slow(WATCHDOG)
    assert rig.service.cancelled.wait(WATCHDOG)
    assert rig.client.Add(1, 2) == 3


def test_threads_that_share_a_client_get_their_own_answers(rig: Rig) -> None:
    wrong: list[Any] = []

    def work(number: int) -> None:
        for count in range(400):
            if (got := rig.client.Add(number, count)) != number + count:
                wrong.append((number, count, got))
            if count % 50 == number and rig.client.Length("y" * number) != number:
                wrong.append((number, count, "length"))

    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WATCHDOG)
    assert not wrong
    assert not any(thread.is_alive() for thread in threads)


def test_a_client_whose_server_ends_is_told(rig: Rig) -> None:
    rig.awake()
    rig.server.stop()
    with pytest.raises(lrpc.RpcError):
        for _ in range(10):
            rig.client.Add(1, 2)


# Short forms


@pytest.mark.parametrize("stub", [b"", b"\1\2\3\4", bytes(100)])
def test_a_short_form_stands_for_the_frame_of_a_plain_call(stub: bytes) -> None:
    short = struct.pack("<III", 7, 2, 3) + stub
    assert whole_request(CLIENT, short) == plain.request(CLIENT, 7, 2, 3, stub)
    assert whole_response(CLIENT, struct.pack("<I", 7) + stub) == plain.response(CLIENT, 7, 7, stub)


def test_octets_that_are_too_few_are_no_short_form() -> None:
    assert whole_request(CLIENT, bytes(11)) is None
    assert whole_response(CLIENT, bytes(3)) is None
