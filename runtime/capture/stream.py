"""Octets of one direction of a connection, cut into PDUs wherever reads and writes cut them. Never raises.

Unlike the inbox of an association it refuses nothing: octets that are no PDU, and all that follow them, come out as
they are, for a capture is wanted most where a peer is wrong.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

_HEADER: Final = 16
_VERSION: Final = 5
_LENGTH: Final = {"<": struct.Struct("<H"), ">": struct.Struct(">H")}
_LENGTH_AT: Final = 8


class Piece(NamedTuple):
    """A PDU, or octets that are none."""

    octets: bytes
    is_pdu: bool = True


class Cutter:
    """What has come of one direction and is not a whole PDU yet."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._lost = False

    def feed(self, octets: bytes | bytearray | memoryview) -> list[Piece]:
        """The PDUs that these octets complete."""
        pieces: list[Piece] = []
        self._held += octets
        while self._held and (size := self._size()):
            pieces.append(Piece(bytes(self._held[:size]), not self._lost))
            del self._held[:size]
        return pieces

    def rest(self) -> list[Piece]:
        """What is left when the connection ends in the middle of a PDU."""
        held, self._held = bytes(self._held), bytearray()
        return [Piece(held, False)] if held else []

    def _size(self) -> int:
        """Of the next piece; 0: more octets are needed."""
        held = self._held
        if self._lost or held[0] != _VERSION:
            self._lost = True
            return min(len(held), 0xFFFF)
        if len(held) < _HEADER:
            return 0
        size: int = _LENGTH["<" if held[4] & 0xF0 else ">"].unpack_from(held, _LENGTH_AT)[0]
        if size < _HEADER:
            self._lost = True
            return min(len(held), 0xFFFF)
        return size if len(held) >= size else 0
