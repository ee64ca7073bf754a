"""The server's end of flat calls through a lane: what it answers, counts, and does about what is no call."""

from __future__ import annotations

import struct

import pytest

import lrpc
from lrpc.transports.alpc.lane_setup import ORDERED, SWITCH
from lrpc.transports.alpc.slots import SHORT
from tests.runtime.lane_rig import Rig, calc

pytestmark = pytest.mark.skipif(not ORDERED, reason="lanes are for processors that keep the order of stores")


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
