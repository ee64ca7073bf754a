"""Syntax identifiers: p_syntax_id_t, a UUID and a version (C706 12.6.3.1)."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple
from uuid import UUID

from .constants import Order

SYNTAX_SIZE: Final = 20
_VERSION: Final = {"<": struct.Struct("<I"), ">": struct.Struct(">I")}
_FEATURE_PREFIX: Final = UUID("6cb71c2c-9812-4540-0000-000000000000").bytes[:8]


def uuid_octets(uuid: UUID, order: Order) -> bytes:
    """The 16 octets of a UUID in `order` (C706 A.1)."""
    return uuid.bytes_le if order == "<" else uuid.bytes


def uuid_of(octets: bytes, order: Order) -> UUID:
    """The UUID in 16 octets of `order`."""
    return UUID(bytes_le=octets) if order == "<" else UUID(bytes=octets)


class SyntaxId(NamedTuple):
    """An abstract syntax (an interface) or a transfer syntax (an encoding)."""

    uuid: UUID
    major: int = 0
    minor: int = 0

    def serialize(self, order: Order) -> bytes:
        """20 octets: the UUID, and the version as one number with its major part in the lower 16 bits."""
        return uuid_octets(self.uuid, order) + _VERSION[order].pack(self.minor << 16 | self.major)

    @classmethod
    def parse(cls, octets: bytes, order: Order) -> SyntaxId:
        """The syntax in exactly 20 octets."""
        (version,) = _VERSION[order].unpack_from(octets, 16)
        return cls(uuid_of(octets[:16], order), version & 0xFFFF, version >> 16)

    @property
    def features(self) -> int | None:
        """The bits of a bind-time feature negotiation syntax, None for any other (MS-RPCE 2.2.2.14)."""
        octets = self.uuid.bytes
        if octets[:8] != _FEATURE_PREFIX or (self.major, self.minor) != (1, 0):
            return None
        return int.from_bytes(octets[8:], "little")

    def __str__(self) -> str:
        return f"{self.uuid} v{self.major}.{self.minor}"


def feature_syntax(features: int) -> SyntaxId:
    """The transfer syntax that asks for bind-time `features` (MS-RPCE 2.2.2.14)."""
    return SyntaxId(UUID(bytes=_FEATURE_PREFIX + features.to_bytes(8, "little")), 1, 0)


NDR: Final = SyntaxId(UUID("8a885d04-1ceb-11c9-9fe8-08002b104860"), 2, 0)
"""NDR 2.0 (C706 I.2)."""
NDR64: Final = SyntaxId(UUID("71710533-beba-4937-8319-b5dbef9ccc36"), 1, 0)
"""NDR64 (MS-RPCE 2.2.4.13)."""
NO_SYNTAX: Final = SyntaxId(UUID(int=0))
"""What stands in a result that is not an acceptance."""
