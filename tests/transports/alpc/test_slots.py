"""Slots lie in their half, one behind the other, where cache lines begin."""

from __future__ import annotations

import pytest

from lrpc.transports.alpc.slots import CARRIED, HALF, ROOM, SHORT, SLOTS, WORD, Slot, ring


def slots(half: int) -> list[Slot]:
    found = [ring(half)]
    while found[-1].next is not found[0]:
        found.append(found[-1].next)
    return found


@pytest.mark.parametrize("half", [0, HALF // WORD])
def test_slots_are_a_ring_within_their_half(half: int) -> None:
    found = slots(half)
    assert len(found) == SLOTS
    ends = [half * WORD + CARRIED * WORD + WORD]
    for slot in found:
        assert slot.word * WORD >= ends[-1]
        assert slot.start == slot.word * WORD + WORD
        ends.append(slot.start + ROOM)
    assert ends[-1] <= half * WORD + HALF


def test_slots_begin_where_a_pair_of_cache_lines_does() -> None:
    assert {slot.word * WORD % 128 for slot in slots(0)} == {0}


def test_a_word_tells_a_short_form_from_a_frame() -> None:
    assert ROOM < SHORT
    assert SHORT | ROOM < 1 << 16
