"""Security identifiers: text, octets, and those of Linux users and groups ([MS-DTYP] 2.4.2)."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Final

MAX_SUB_AUTHORITIES: Final = 15
_TEXT: Final = re.compile(r"S-1-(0x[0-9a-f]{1,12}|[0-9]{1,15})((?:-[0-9]{1,10}){0,15})", re.IGNORECASE | re.ASCII)
_UNIX_AUTHORITY: Final = 22
_UNIX_USER: Final = 1
_UNIX_GROUP: Final = 2


class SidError(ValueError):
    """Not a security identifier."""


@dataclass(frozen=True, slots=True)
class Sid:
    """An identifier: an authority (48 bits) and up to 15 sub-authorities (32 bits each)."""

    authority: int
    sub_authorities: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        fits = 0 <= self.authority < 1 << 48 and len(self.sub_authorities) <= MAX_SUB_AUTHORITIES
        if not fits or any(not 0 <= part < 1 << 32 for part in self.sub_authorities):
            raise SidError("a part of the SID is out of range")

    @classmethod
    def parse(cls, text: str) -> Sid:
        """Reads `S-1-5-18`. Raises SidError."""
        match = _TEXT.fullmatch(text)
        if match is None:
            raise SidError(f"{text!r} is not a SID")
        authority = int(match[1], 16 if match[1][:2].lower() == "0x" else 10)
        return cls(authority, tuple(int(part) for part in match[2].split("-")[1:]))

    @classmethod
    def from_bytes(cls, octets: bytes) -> Sid:
        """Reads the packet form, exactly. Raises SidError."""
        if len(octets) < 8 or octets[0] != 1 or len(octets) != 8 + 4 * octets[1]:
            raise SidError("not the octets of a SID")
        parts = struct.unpack_from(f"<{octets[1]}I", octets, 8)
        return cls(int.from_bytes(octets[2:8], "big"), parts)

    @classmethod
    def of_user(cls, uid: int) -> Sid:
        """The SID of a Linux user."""
        return cls(_UNIX_AUTHORITY, (_UNIX_USER, uid))

    @classmethod
    def of_group(cls, gid: int) -> Sid:
        """The SID of a Linux group."""
        return cls(_UNIX_AUTHORITY, (_UNIX_GROUP, gid))

    @property
    def uid(self) -> int | None:
        """The Linux user that this is, or None."""
        return 0 if self == LOCAL_SYSTEM else self._number(_UNIX_USER)

    @property
    def gid(self) -> int | None:
        """The Linux group that this is, or None."""
        return self._number(_UNIX_GROUP)

    def _number(self, wanted: int) -> int | None:
        if self.authority == _UNIX_AUTHORITY and len(self.sub_authorities) == 2:
            kind, number = self.sub_authorities
            return number if kind == wanted else None
        return None

    def __bytes__(self) -> bytes:
        count = len(self.sub_authorities)
        head = struct.pack("<BB", 1, count) + self.authority.to_bytes(6, "big")
        return head + struct.pack(f"<{count}I", *self.sub_authorities)

    def __str__(self) -> str:
        authority = f"0x{self.authority:012X}" if self.authority >= 1 << 32 else str(self.authority)
        return "-".join(("S-1", authority, *(str(part) for part in self.sub_authorities)))


EVERYONE: Final = Sid(1, (0,))
CREATOR_OWNER: Final = Sid(3, (0,))
CREATOR_GROUP: Final = Sid(3, (1,))
OWNER_RIGHTS: Final = Sid(3, (4,))
NETWORK: Final = Sid(5, (2,))
INTERACTIVE: Final = Sid(5, (4,))
SERVICE: Final = Sid(5, (6,))
ANONYMOUS: Final = Sid(5, (7,))
PRINCIPAL_SELF: Final = Sid(5, (10,))
AUTHENTICATED_USERS: Final = Sid(5, (11,))
LOCAL_SYSTEM: Final = Sid(5, (18,))
LOCAL_SERVICE: Final = Sid(5, (19,))
NETWORK_SERVICE: Final = Sid(5, (20,))
ADMINISTRATORS: Final = Sid(5, (32, 544))
USERS: Final = Sid(5, (32, 545))
