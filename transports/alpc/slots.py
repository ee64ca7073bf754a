"""The memory of a lane: slots for frames, a ring of them each way. What passes through it, and when: `lane.py`.

Both ends map the same memfd of 16 KiB, one half for what the end that accepted sends, and one for what the other does:

       0  u64 away       the receiver's word: 0, it looks here before it sleeps; else, frames come by the socket
      64  u64 carried    the sender's word: how many frames it has put on the socket, shifted left by 16
     128  slot 0         u64 word: 0, empty; else `carried` at that time, and in its low 16 bits the frame's length, or
                         that of its short form, and SHORT
                         1,912 octets of frame
    2048  slot 1 ...     four in all

Slots begin where a pair of cache lines does. A short form is for those two who agree on one: it goes with the word, in
one line, and whoever receives without knowing is given the whole frame.
"""

from __future__ import annotations

from typing import Final

SLOTS: Final = 4
"""Frames that may be on their way; more go by the socket."""
ROOM: Final = 1912
"""Octets of the longest frame that a slot takes: a page holds two slots, and longer copies hide a system call."""
SHORT: Final = 1 << 15
"""In a word: the slot has the short form of a frame."""
HALF: Final = 8192
"""Octets of memory for each direction."""
SIZE: Final = 2 * HALF

WORD: Final = 8
CARRIED: Final = 64 // WORD
"""Where the words are that are no slot's, `away` being the first."""
_FIRST: Final = 128 // WORD
_STEP: Final = (WORD + ROOM) // WORD


class Slot:
    """Where a frame goes: its word among the words, its octets among the octets, and the slot after it."""

    __slots__ = ("next", "start", "word")

    def __init__(self, word: int, next: Slot | None) -> None:
        self.word = word
        self.start = (word + 1) * WORD
        self.next = next or self


def ring(half: int) -> Slot:
    """The first slot of the half whose words begin there."""
    first = half + _FIRST
    last = slot = Slot(first + (SLOTS - 1) * _STEP, None)
    while slot.word > first:
        slot = Slot(slot.word - _STEP, slot)
    last.next = slot
    return slot
