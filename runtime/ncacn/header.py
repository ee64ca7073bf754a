"""The 16 octets that open every PDU, and the authentication trailer that may close it (C706 12.6.3.1).

`Header` and `AuthTrailer` parse and serialize themselves; `body_of` and `frame` take a PDU apart and put it
together around its body. `Cursor` reads a body whose parts vary in size.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any, Final

from .constants import (
    CALL_HEADER_SIZE,
    HEADER_SIZE,
    MINOR_VERSIONS,
    TRAILER_SIZE,
    VERSION,
    FaultStatus,
    NakReason,
    Order,
    PacketType,
)
from .errors import PduError, StateError

_DREP: Final[dict[Order, int]] = {"<": 0x10, ">": 0x00}
"""First octet of the data representation: integer order, then ASCII (C706 14.1)."""
_ORDER: Final[dict[int, Order]] = {0x10: "<", 0x00: ">"}
_FLOATS: Final = {1: "VAX", 2: "Cray", 3: "IBM"}
"""Second octet of the data representation: floats that are not IEEE (C706 14.1)."""

# rpc_vers, rpc_vers_minor, PTYPE, pfc_flags, two octets of packed_drep, frag_length, auth_length, call_id
_HEADER: Final = {"<": struct.Struct("<BBBBBB2xHHI"), ">": struct.Struct(">BBBBBB2xHHI")}
# auth_type, auth_level, auth_pad_length, auth_reserved, auth_context_id
_TRAILER: Final = {"<": struct.Struct("<BBBBI"), ">": struct.Struct(">BBBBI")}
_BYTE_ORDER_AT: Final = 4


@dataclass(slots=True)
class Header:
    """What all PDUs begin with."""

    ptype: int
    flags: int
    order: Order
    frag_length: int
    auth_length: int
    call_id: int

    @classmethod
    def parse(cls, octets: bytes | bytearray) -> Header:
        """The header in the first 16 octets; raises PduError for versions and representations not spoken.

        The error names the call, so that it can be answered: a wrong header is still a header.
        """
        order: Order = "<" if octets[_BYTE_ORDER_AT] & 0xF0 else ">"
        vers, minor, ptype, flags, drep, floats, frag, auth, call_id = _HEADER[order].unpack_from(octets)
        if vers != VERSION or minor not in MINOR_VERSIONS:
            raise PduError(f"protocol version {vers}.{minor} is not spoken").about(ptype, call_id)
        if drep not in _ORDER or floats:
            raise PduError(f"{_foreign(drep, floats)} is not spoken").about(ptype, call_id)
        if frag < HEADER_SIZE:
            raise PduError(f"frag_length {frag} is shorter than the header").about(ptype, call_id)
        return cls(ptype, flags, order, frag, auth, call_id)

    def serialize(self) -> bytes:
        """The 16 octets."""
        return _HEADER[self.order].pack(
            VERSION,
            MINOR_VERSIONS[0],
            self.ptype,
            self.flags,
            _DREP[self.order],
            0,
            self.frag_length,
            self.auth_length,
            self.call_id,
        )


def _foreign(drep: int, floats: int) -> str:
    """What of a data representation is not spoken, by name."""
    words = ["EBCDIC"] if drep & 0x0F == 1 else []
    words += [f"{_FLOATS[floats]} floats"] if floats in _FLOATS else []
    return f"data representation {drep:#04x} {floats:#04x}" + f" ({', '.join(words)})" * bool(words)


@dataclass(frozen=True, slots=True)
class AuthTrailer:
    """sec_trailer (MS-RPCE 2.2.2.11): recognised and kept; nothing here understands `value`."""

    type: int
    level: int
    value: bytes
    context_id: int = 0
    pad_length: int = 0
    """Octets of padding at the end of the stub, in front of the trailer."""
    covered: bytes = field(default=b"", compare=False, repr=False)
    """Not on the wire by itself: the PDU as it came up to `value`, which is what a signature covers."""

    @classmethod
    def parse(cls, octets: bytes, at: int, order: Order) -> AuthTrailer:
        """The trailer that runs from offset `at` to the end."""
        kind, level, pad, _, context_id = _TRAILER[order].unpack_from(octets, at)
        end = at + TRAILER_SIZE
        return cls(kind, level, octets[end:], context_id, pad, octets[:end])

    def serialize(self, order: Order) -> bytes:
        """Padding and trailer."""
        head = _TRAILER[order].pack(self.type, self.level, self.pad_length, 0, self.context_id)
        return bytes(self.pad_length) + head + self.value


def body_of(header: Header, octets: bytes) -> tuple[bytes, AuthTrailer | None]:
    """The octets between header and trailer of a whole PDU, with their padding, and the trailer.

    The trailer sits at frag_length - auth_length - 8, aligned to 4 (MS-RPCE 2.2.2.11); padding leaves alone what
    comes before a stub, in any PDU.
    """
    if not header.auth_length:
        return octets[HEADER_SIZE:], None
    at = header.frag_length - header.auth_length - TRAILER_SIZE
    if at < HEADER_SIZE:
        raise PduError(f"auth_length {header.auth_length} does not fit the fragment")
    if at % 4:
        raise PduError(f"auth_length {header.auth_length} puts the trailer askew", nak=NakReason.NOT_SPECIFIED)
    trailer = AuthTrailer.parse(octets, at, header.order)
    if trailer.pad_length and at - trailer.pad_length < CALL_HEADER_SIZE:
        odd = header.ptype == PacketType.AUTH3  # which Windows answers as if memory were short
        status = FaultStatus.NCA_S_FAULT_REMOTE_NO_MEMORY if odd else FaultStatus.NCA_S_PROTO_ERROR
        raise PduError(f"auth_pad_length {trailer.pad_length} exceeds the body", status=status)
    return octets[HEADER_SIZE:at], trailer


def frame(ptype: int, flags: int, order: Order, call_id: int, body: bytes, auth: AuthTrailer | None) -> bytes:
    """A whole PDU around its body. Raises StateError when it is longer than frag_length can say."""
    trailer = auth.serialize(order) if auth else b""
    size = HEADER_SIZE + len(body) + len(trailer)
    if size > 0xFFFF:
        raise StateError(f"a PDU of {size} octets does not fit one fragment")
    header = Header(ptype, flags, order, size, len(auth.value) if auth else 0, call_id)
    return header.serialize() + body + trailer


class Cursor:
    """Reads a body from front to back; running short is a PduError."""

    __slots__ = ("_body", "_offset")

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._offset = 0

    def take(self, size: int) -> bytes:
        """The next `size` octets."""
        start = self._offset
        self._offset = start + size
        if self._offset > len(self._body):
            raise PduError(f"{self._offset - len(self._body)} octets are missing")
        return self._body[start : self._offset]

    def unpack(self, layout: struct.Struct) -> tuple[Any, ...]:
        """The next fields."""
        return layout.unpack(self.take(layout.size))

    def align(self, unit: int) -> None:
        """Skips to the next multiple of `unit` octets from the start of the body."""
        self.take(-self._offset % unit)

    @property
    def left(self) -> int:
        """Octets not read yet."""
        return len(self._body) - self._offset
