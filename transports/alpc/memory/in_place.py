"""Room in a section that is filled where it is, and sent from there as often as its owner likes, without a copy.

A call has more octets than the large array that is in it, and they stand around it: so there is a margin on either
side, into which they are written. While one message that has the array is out, its margins are taken; another one
that is sent meanwhile copies it.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Sequence
from typing import Final

from ...seam import Buffer
from .section import PAGE, OutgoingSection, View

MARGIN: Final = PAGE
"""Octets on either side, for what a message has around the array. (A whole page, so that the array begins with one.)"""


class InPlace:
    """Octets to fill: `buffer`, writable, may hold what an earlier message left there.

    Once nobody has `buffer` any more, the room is taken back when room is next looked for; `close` does it at once.
    """

    def __init__(self, section: OutgoingSection, size: int) -> None:
        """Raises what OutgoingSection.allocate does."""
        view = section.allocate(size + 2 * MARGIN)
        octets = (ctypes.c_char * size).from_buffer(view.buffer, MARGIN)
        self.claim: Final = Claim(section, view, octets)
        self.buffer = memoryview(octets).cast("B")

    @property
    def closed(self) -> bool:
        """Is its room given back?"""
        return self.claim.over

    def close(self) -> None:
        """Takes the room back, as soon as no message is out that has it. `buffer` cannot be used any more."""
        self.buffer.release()
        self.claim.give_up()


class Claim:
    """What a section's owner knows of such room. It does not keep the octets: who fills or sends them does."""

    def __init__(self, section: OutgoingSection, view: View, octets: ctypes.Array[ctypes.c_char]) -> None:
        self._section = section
        self._view = view
        self._size = len(octets)
        self._octets = weakref.ref(octets)

    def around(self, parts: Sequence[Buffer], size: int) -> View | None:
        """`parts`, `size` octets together, as a view; None unless one of them is the whole buffer and the rest fits.

        (A part of the buffer would have the others written over its neighbours.)
        """
        index = next((index for index, part in enumerate(parts) if self._is_whole(part)), None)
        if index is None:
            return None
        before = sum(map(len, parts[:index]))
        after = size - before - self._size
        if before > MARGIN or after > MARGIN:
            return None
        view = self._section.share(self._view, MARGIN - before, size)
        if view is not None:
            view.buffer[:before] = b"".join(parts[:index])
            view.buffer[size - after :] = b"".join(parts[index + 1 :])
        return view

    @property
    def over(self) -> bool:
        """Has nobody the octets any more?"""
        return self._view.room is None or self._octets() is None

    def give_up(self) -> None:
        """Takes the room back, as soon as no message is out that has it. Twice is once."""
        self._section.free(self._view)

    def _is_whole(self, part: Buffer) -> bool:
        octets = self._octets()
        return octets is not None and type(part) is memoryview and part.obj is octets and part.nbytes == self._size
