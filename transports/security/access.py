"""The access check: a token against a descriptor, in NT's order ([MS-DTYP] 2.5.3.2).

ACEs are read in the order they stand in; a denial counts for what is not yet granted, a grant for what is not
yet denied. No DACL at all lets everybody in; a DACL without ACEs nobody. Where the kernel has not told all groups of
somebody, a grant to a group is not theirs, and a denial of one is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .sddl import (
    ACCESS_ALLOWED,
    GENERIC_ALL,
    GENERIC_EXECUTE,
    GENERIC_READ,
    GENERIC_WRITE,
    INHERIT_ONLY,
    READ_CONTROL,
    WRITE_DAC,
    Ace,
    SecurityDescriptor,
)
from .sid import OWNER_RIGHTS
from .token import Token

MAXIMUM_ALLOWED: Final = 0x02000000


@dataclass(frozen=True, slots=True)
class GenericMapping:
    """What the generic rights mean for one type of object."""

    read: int
    write: int
    execute: int
    all: int

    def specific(self, mask: int) -> int:
        """`mask` with its generic rights spelled out."""
        pairs = (GENERIC_READ, self.read), (GENERIC_WRITE, self.write), (GENERIC_EXECUTE, self.execute)
        for generic, rights in (*pairs, (GENERIC_ALL, self.all)):
            if mask & generic:
                mask = mask & ~generic | rights
        return mask


PORT_CONNECT: Final = 0x1
PORT_RIGHTS: Final = GenericMapping(READ_CONTROL | PORT_CONNECT, 0x00010000 | PORT_CONNECT, 0, 0x001F0001)
"""The rights of a connection port."""
PIPE_CONNECT: Final = 0x3
"""FILE_READ_DATA and FILE_WRITE_DATA: a client's end goes both ways."""
PIPE_RIGHTS: Final = GenericMapping(0x00120089, 0x00120116, 0x001200A0, 0x001F01FF)
"""The rights of a file, which a named pipe is."""


def access_check(descriptor: SecurityDescriptor, token: Token, desired: int, mapping: GenericMapping) -> bool:
    """Whether `token` gets every right in `desired`."""
    wanted = mapping.specific(desired)
    return granted_access(descriptor, token, wanted, mapping) == wanted


def granted_access(descriptor: SecurityDescriptor, token: Token, wanted: int, mapping: GenericMapping) -> int:
    """Those of the rights in `wanted` (specific ones, or MAXIMUM_ALLOWED) that `token` gets."""
    if wanted & MAXIMUM_ALLOWED:
        wanted = mapping.all
    if descriptor.dacl is None:
        return wanted
    granted = _owner_rights(descriptor, token)
    denied = 0
    for ace in descriptor.dacl:
        if ace.flags & INHERIT_ONLY or not _applies(ace, descriptor, token):
            continue
        mask = mapping.specific(ace.mask)
        if ace.type == ACCESS_ALLOWED:
            granted |= mask & ~denied
        else:
            denied |= mask & ~granted
    return granted & wanted


def _owner_rights(descriptor: SecurityDescriptor, token: Token) -> int:
    """An owner may always look at and mend the DACL, unless the DACL speaks of OWNER RIGHTS itself."""
    if descriptor.owner is None or not token.holds(descriptor.owner):
        return 0
    aces: tuple[Ace, ...] = descriptor.dacl or ()
    spoken_of = any(ace.sid == OWNER_RIGHTS and not ace.flags & INHERIT_ONLY for ace in aces)
    return 0 if spoken_of else READ_CONTROL | WRITE_DAC


def _applies(ace: Ace, descriptor: SecurityDescriptor, token: Token) -> bool:
    holds = token.holds if ace.type == ACCESS_ALLOWED else token.may_hold
    if ace.sid == OWNER_RIGHTS:
        return descriptor.owner is not None and holds(descriptor.owner)
    return holds(ace.sid)
