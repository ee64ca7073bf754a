"""A stream of octets, cut into PDUs. Counterpart: `frame` in `header.py`.

Laws: never holds more than one incomplete PDU and what one read brought; a header is judged as soon as it is
there, before anything is waited for; the work is linear in the input however it is cut.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .constants import HEADER_SIZE, VERSION, PacketType
from .errors import PduError
from .header import Header

_PTYPE_AT: Final = 2


class Inbox:
    """Octets that have come and are not a whole PDU yet.

    largest: for each PTYPE that may come, the greatest frag_length that is taken.
    """

    __slots__ = ("_largest", "_need", "octets")

    def __init__(self, largest: Mapping[int, int]) -> None:
        self._largest = largest
        self.octets = bytearray()
        # Octets that must be there before looking again is worth it.
        self._need = 1

    def take(self) -> tuple[Header, bytes] | None:
        """The next whole PDU and its header; None when more octets are needed. Raises PduError for a bad header."""
        have = len(self.octets)
        if have < self._need:
            return None
        if have < HEADER_SIZE:
            self._glance()
            self._need = have + 1
            return None
        header = self._judge()
        size = header.frag_length
        if have < size:
            self._need = size
            return None
        with memoryview(self.octets) as view:
            pdu = bytes(view[:size])
        del self.octets[:size]
        self._need = 1
        return header, pdu

    def clear(self) -> None:
        """Forgets what is held."""
        self.octets.clear()

    def _glance(self) -> None:
        # Another protocol shows in its first octets; a bind is let come whole, to be refused by name.
        start = self.octets
        if start[0] != VERSION and len(start) > _PTYPE_AT and start[_PTYPE_AT] != PacketType.BIND:
            raise PduError("this is another protocol")

    def _judge(self) -> Header:
        self._glance()
        header = Header.parse(self.octets)
        largest = self._largest.get(header.ptype)
        if largest is None:
            raise PduError(f"PTYPE {header.ptype} is not received here").about(header.ptype, header.call_id)
        if header.frag_length > largest:
            error = PduError(f"frag_length {header.frag_length} exceeds {largest}")
            raise error.about(header.ptype, header.call_id)
        return header
