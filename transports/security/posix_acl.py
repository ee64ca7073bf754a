"""The kernel's part of a security descriptor: the mode of a socket, and its POSIX ACL.

Connecting to a socket takes the right to write to it. What the kernel is told is never narrower than the
descriptor, which is checked again when a client is accepted, since POSIX knows no order: allowing ACEs become
entries for users and groups, and denials are left to that check.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Set
from typing import Final, NamedTuple, cast

from ..kernel import POSIX_ACL_ACCESS
from . import sid
from .sddl import ACCESS_ALLOWED, INHERIT_ONLY, SecurityDescriptor

_CONNECT: Final = 0o6
_NONE: Final = 0
_VERSION: Final = struct.pack("<I", 2)
_ENTRY: Final = struct.Struct("<HHI")
_USER_OBJ, _USER, _GROUP_OBJ, _GROUP, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
_NOBODY: Final = 0xFFFFFFFF
_NO_ACL: Final = frozenset({errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.ENOSPC, errno.E2BIG, errno.ERANGE})
"""No ACLs on this file system, too many entries for it, or users that this user namespace has no number for."""
_OPEN_TO_ALL: Final = frozenset({sid.EVERYONE, sid.AUTHENTICATED_USERS, sid.USERS, sid.ANONYMOUS})


class SocketAccess(NamedTuple):
    """Whom the kernel lets connect: the owner, root, and these."""

    users: Set[int] = frozenset()
    groups: Set[int] = frozenset()
    everybody: bool = False

    @property
    def mode(self) -> int:
        """Mode bits that are no narrower, where there is no ACL."""
        return 0o666 if self.everybody or self.users or self.groups else 0o600

    @property
    def acl(self) -> bytes | None:
        """The value of `system.posix_acl_access`; None where the mode says all there is to say."""
        if self.everybody or not (self.users or self.groups):
            return None
        entries = [(_USER_OBJ, _CONNECT, _NOBODY)]
        entries += [(_USER, _CONNECT, number) for number in sorted(self.users)]
        entries += [(_GROUP_OBJ, _NONE, _NOBODY)]
        entries += [(_GROUP, _CONNECT, number) for number in sorted(self.groups)]
        entries += [(_MASK, _CONNECT, _NOBODY), (_OTHER, _NONE, _NOBODY)]
        return _VERSION + b"".join(_ENTRY.pack(*entry) for entry in entries)


def socket_access(descriptor: SecurityDescriptor) -> SocketAccess:
    """What the kernel is told of a descriptor: never narrower."""
    if descriptor.dacl is None:
        return SocketAccess(everybody=True)
    allowing = (ace for ace in descriptor.dacl if ace.type == ACCESS_ALLOWED and not ace.flags & INHERIT_ONLY)
    allowed = {ace.sid for ace in allowing if ace.mask}
    users = {identity.uid for identity in allowed} - {0, os.geteuid(), None}
    groups = {identity.gid for identity in allowed} - {None}
    everybody = not allowed.isdisjoint(_OPEN_TO_ALL)
    return SocketAccess(cast(set[int], users), cast(set[int], groups), everybody)


def set_acl(path: str, acl: bytes) -> bool:
    """Protects a socket by an ACL; False where there are none, and the mode has to do. Raises OSError."""
    try:
        os.setxattr(path, POSIX_ACL_ACCESS, acl)
    except OSError as error:
        if error.errno not in _NO_ACL:
            raise
        return False
    return True
