"""A flat call through a lane is one that goes by the socket, whatever happens to it, and whoever else calls."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import lrpc
from lrpc.runtime import plain
from lrpc.runtime.flat_lane import whole_request, whole_response
from lrpc.transports.alpc.lane import Lane
from lrpc.transports.alpc.lane_setup import ORDERED, SWITCH
from lrpc.transports.alpc.slots import SHORT

pytestmark = pytest.mark.skipif(not ORDERED, reason="lanes are for processors that keep the order of stores")

WATCHDOG = 20.0
CLIENT = struct.pack("<QQ", 4711, 0)
calc: Any = lrpc.load("""
[uuid(6c2f0d0a-7a35-4a1b-9a53-3c1f0e5f9f33), version(1.0)]
interface Calc {
    long Add([in] long a, [in] long b);
    hyper Wide([in] small a, [in] hyper b);
    boolean None();
    long Length([in, string] wchar_t *text);
    double Slow([in] double seconds);
    long Bad([in] long what);
}
""")


class Service(calc.Calc):  # type: ignore[misc]
    def __init__(self) -> None:
        self.wrong: Any = None
        self.cancelled = threading.Event()

    def Add(self, a: int, b: int) -> int:
        return a + b

    def Wide(self, a: int, b: int) -> int:
        return a + b

    def None_(self) -> bool:
        return True

    def Length(self, text: str) -> int:
        return len(text)

    def Slow(self, seconds: float) -> float:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if lrpc.call_cancelled(0.001):
                self.cancelled.set()
                break
        return seconds

    def Bad(self, what: int) -> Any:
        if what:
            raise lrpc.Fault(what, "as asked")
        return "no number"


class Rig:
    """A server, a client of it with a lane, and both ends of the lane."""

    def __init__(self, client: Any, server: lrpc.Server, service: Service, binding: str) -> None:
        self.client = client
        self.server = server
        self.service = service
        self.binding = binding
        self.lane: Lane = client._channel._wire.port.lane
        self.went: list[int] = []

    def awake(self) -> None:
        """Calls until both ends look into the lane."""
        until = time.monotonic() + WATCHDOG
        lane = self.lane
        while lane.away or lane.words[lane.peer_away_at]:
            assert self.client.Add(1, 2) == 3
            assert time.monotonic() < until

    def short(self, call: Callable[[], Any], times: int = 200) -> int:
        """How many of the requests went in their short form."""
        count = 0
        for _ in range(times):
            self.awake()
            start = self.lane.out.start
            self.lane.memory[start : start + 4] = bytes(4)
            call()
            key, total = struct.unpack_from("<HH", self.lane.memory, start)
            count += key > 0 and total == 0  # a whole frame begins with DataLength and TotalLength
        return count


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    monkeypatch.setenv(SWITCH, "1")
    service = Service()
    with lrpc.Server() as server:
        server.register(service)
        binding = str(server.listen(f"ncalrpc:[test-flat-lane-{time.monotonic_ns()}]"))
        server.start()
        with lrpc.connect(calc.CalcClient, binding) as client:
            yield Rig(client, server, service, binding)


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
    assert rig.short(lambda: rig.client.Add(1, 2)) > 100
    assert rig.short(lambda: rig.client.Length("abc")) == 0


def test_values_that_do_not_fit_are_said_to_as_elsewhere(rig: Rig) -> None:
    for _ in range(50):
        rig.awake()
        with pytest.raises(lrpc.ArgumentError, match=r"Wide: .*a"):
            rig.client.Wide(1000, 1)
        with pytest.raises(lrpc.ArgumentError, match=r"Add: .*b"):
            rig.client.Add(1, "2")
        assert rig.client.Wide(1, 1) == 2


def test_a_method_that_raises_is_a_fault_and_the_next_call_is_served(rig: Rig) -> None:
    for _ in range(50):
        rig.awake()
        with pytest.raises(lrpc.Fault) as caught:
            rig.client.Bad(5)
        assert caught.value.status == 5
        with pytest.raises(lrpc.Fault):
            rig.client.Bad(0)
        assert rig.client.Add(2, 2) == 4


def test_a_method_may_take_longer_than_anybody_looks(rig: Rig) -> None:
    for _ in range(20):
        rig.awake()
        assert rig.client.Slow(0.002) == 0.002
        assert rig.client.Add(1, 1) == 2


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


def test_traffic_is_counted_as_without_a_lane(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCH, "0")
    counts = []
    for client in (rig.client, lrpc.connect(calc.CalcClient, rig.binding)):
        with client:
            client.Add(1, 1)
            before = rig.server._guests.traffic()
            for _ in range(500):
                client.Add(1, 2)
            client.Length("all of those have been counted")
            after = rig.server._guests.traffic()
            counts.append(
                [getattr(after, name) - getattr(before, name) for name in ("calls_in", "octets_in", "packets_out")]
            )
    assert counts[0] == counts[1]


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


def forged(rig: Rig, octets: bytes, kind: int = SHORT) -> None:
    """Put something into the lane that no client of ours does."""
    lane = rig.lane
    slot = lane.out
    lane.memory[slot.start : slot.start + len(octets)] = octets
    lane.words[slot.word] = lane.carried | kind | len(octets)
    lane.out = slot.next
    lane.nudge()


@pytest.mark.parametrize(
    "octets",
    [
        b"\1",
        bytes(11),
        struct.pack("<IIIii", 0, 0, 0, 1, 2),
        struct.pack("<IIIi", 5, 0, 0, 1),
        struct.pack("<IIIiii", 5, 0, 0, 1, 2, 3),
        struct.pack("<IIIii", 5, 9, 0, 1, 2),
        struct.pack("<IIIii", 5, 0, 99, 1, 2),
        struct.pack("<III", 5, 0, 3) + bytes(4),
    ],
)
def test_a_forged_short_form_harms_nobody_else(rig: Rig, octets: bytes) -> None:
    with lrpc.connect(calc.CalcClient, rig.binding) as other:
        assert other.Add(1, 2) == 3
        rig.awake()
        forged(rig, octets)
        assert [other.Add(number, 2) for number in range(100)] == [number + 2 for number in range(100)]
