"""Who may do what with a key: access masks, and the security descriptor that says so ([MS-RRP] 2.2.3, [MS-DTYP] 2.4).

Rule: a right is decided when a key is opened and carried by its handle; what creates or removes keys
is decided anew, by what the service allows and not by the handle, as Windows does.
"""

from __future__ import annotations

import struct
from typing import Final

from lrpc import StatusError

ERROR_ACCESS_DENIED: Final = 5

KEY_QUERY_VALUE: Final = 0x0001
KEY_SET_VALUE: Final = 0x0002
KEY_CREATE_SUB_KEY: Final = 0x0004
KEY_ENUMERATE_SUB_KEYS: Final = 0x0008
DELETE: Final = 0x0001_0000
READ_CONTROL: Final = 0x0002_0000
KEY_READ: Final = 0x0002_0019
KEY_WRITE: Final = 0x0002_0006
KEY_ALL_ACCESS: Final = 0x000F_003F
MAXIMUM_ALLOWED: Final = 0x0200_0000

KEY_WOW64: Final = 0x0300
"""Which of the two views of a 64-bit Windows is meant; there is one here."""

_GENERIC: Final = {0x8000_0000: KEY_READ, 0x4000_0000: KEY_WRITE, 0x2000_0000: KEY_READ, 0x1000_0000: KEY_ALL_ACCESS}

OWNER, GROUP, DACL, SACL = 1, 2, 4, 8
"""The parts of a descriptor (SECURITY_INFORMATION)."""

_ADMINISTRATORS: Final = struct.pack("<BB6sII", 1, 2, b"\0\0\0\0\0\5", 32, 544)
_EVERYONE: Final = struct.pack("<BB6sI", 1, 1, b"\0\0\0\0\0\1", 0)


def granted(desired: int, allowed: int) -> int:
    """The rights a handle gets that asks for `desired` where `allowed` is the most; ERROR_ACCESS_DENIED beyond it."""
    rights = desired & ~(KEY_WOW64 | MAXIMUM_ALLOWED)
    for generic, specific in _GENERIC.items():
        if rights & generic:
            rights = rights & ~generic | specific
    if rights & ~allowed:
        raise StatusError(ERROR_ACCESS_DENIED)
    return allowed if desired & MAXIMUM_ALLOWED else rights


def require(access: int, right: int) -> None:
    """ERROR_ACCESS_DENIED unless `access` holds `right`."""
    if right & ~access:
        raise StatusError(ERROR_ACCESS_DENIED)


def descriptor(parts: int, allowed: int) -> bytes:
    """A self-relative security descriptor with the asked parts: administrators own, everyone has `allowed`."""
    owner = _ADMINISTRATORS if parts & OWNER else b""
    group = _ADMINISTRATORS if parts & GROUP else b""
    dacl = _acl((KEY_ALL_ACCESS, _ADMINISTRATORS), (allowed, _EVERYONE)) if parts & DACL else b""
    offsets, end = list[int](), 20
    for part in (owner, group, b"", dacl):
        offsets.append(end if part else 0)
        end += len(part)
    control = 0x8000 | (0x0004 if dacl else 0)
    return struct.pack("<BBHIIII", 1, 0, control, *offsets) + owner + group + dacl


def _acl(*entries: tuple[int, bytes]) -> bytes:
    """Entries that allow and that subkeys inherit."""
    aces = b"".join(struct.pack("<BBHI", 0, 2, 8 + len(sid), mask) + sid for mask, sid in entries)
    return struct.pack("<BBHHH", 2, 0, 8 + len(aces), len(entries), 0) + aces
