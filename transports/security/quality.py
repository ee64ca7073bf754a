"""How far a server may go in its client's name, and when it looks who that is: SECURITY_QUALITY_OF_SERVICE."""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass
from typing import Final

_QOS: Final = struct.Struct("<IIBBxx")
"""Length, ImpersonationLevel, ContextTrackingMode, EffectiveOnly."""
QOS_SIZE: Final = _QOS.size


class ImpersonationLevel(enum.IntEnum):
    """What a client grants. Anonymous is a courtesy of the server's: Linux tells it all the same who connects."""

    ANONYMOUS = 0
    """Not even to know who it is."""
    IDENTIFICATION = 1
    """To know, and to check access; not to open anything as the client."""
    IMPERSONATION = 2
    """To act as the client."""
    DELEGATION = 3
    """The same; on one machine there is nothing further to reach."""


class ContextTracking(enum.IntEnum):
    """When the client's identity is taken."""

    STATIC = 0
    """Once, when it connects."""
    DYNAMIC = 1
    """With every message: costs a system call that reads credentials."""


@dataclass(frozen=True, slots=True)
class SecurityQos:
    """What a client says when it connects; NT's RPC says Impersonation and Static."""

    level: ImpersonationLevel = ImpersonationLevel.IMPERSONATION
    tracking: ContextTracking = ContextTracking.STATIC
    effective_only: bool = False
    """Only groups that are enabled: on Linux all are."""

    @property
    def dynamic(self) -> bool:
        """Whether each message brings an identity of its own."""
        return self.tracking == ContextTracking.DYNAMIC

    def __bytes__(self) -> bytes:
        return _QOS.pack(QOS_SIZE, self.level, self.tracking, self.effective_only)

    @classmethod
    def parse(cls, octets: bytes, offset: int = 0) -> SecurityQos:
        """Reads the 12 octets of the structure. Raises ValueError for any others."""
        if len(octets) < offset + QOS_SIZE:
            raise ValueError("a quality of service that is cut off")
        length, level, tracking, effective_only = _QOS.unpack_from(octets, offset)
        if length != QOS_SIZE:
            raise ValueError(f"a quality of service of {length} octets")
        return cls(ImpersonationLevel(level), ContextTracking(tracking), bool(effective_only))


DEFAULT_QOS: Final = SecurityQos()
