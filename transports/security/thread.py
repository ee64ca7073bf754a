"""The identity of one thread: effective ids that no other thread of the process gets.

libc's own setresuid changes every thread, so the system calls are made past it (setgroups, setresgid, setresuid).
Rules of this file: numbers and calls, no decisions. A thread that is started by one with changed ids begins with them.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
from collections.abc import Iterable
from typing import Any, Final

_KEEP: Final = 0xFFFFFFFF
"""As an id: leave it as it is."""
_SYSTEM_CALLS: Final = {  # setgroups, setresgid, setresuid
    "x86_64": (116, 119, 117),
    "aarch64": (159, 149, 147),
    "riscv64": (159, 149, 147),
}
_PR_GET_DUMPABLE: Final = 3
_PR_SET_DUMPABLE: Final = 4

_libc: Final[Any] = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def set_groups(groups: Iterable[int]) -> None:
    """setgroups(2) for the calling thread alone. OSError."""
    numbers = tuple(groups)
    _system_call(0, len(numbers), (ctypes.c_uint32 * len(numbers))(*numbers))


def set_gid(effective: int) -> None:
    """The effective group, for the calling thread alone. OSError."""
    _system_call(1, *map(ctypes.c_uint, (_KEEP, effective, _KEEP)))


def set_uid(effective: int) -> None:
    """The effective user, for the calling thread alone. OSError."""
    _system_call(2, *map(ctypes.c_uint, (_KEEP, effective, _KEEP)))


def dumpable() -> int:
    """PR_GET_DUMPABLE: 1 where processes of the same user may look into this one; a change of ids takes that away."""
    return int(_libc.prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0))


def set_dumpable(value: int) -> None:
    """PR_SET_DUMPABLE; 2 (readable by root) can only be found, and becomes 0."""
    _libc.prctl(_PR_SET_DUMPABLE, value & 1, 0, 0, 0)


def _system_call(which: int, *arguments: Any) -> None:
    numbers = _SYSTEM_CALLS.get(platform.machine())
    if numbers is None:
        raise OSError(errno.ENOSYS, f"the numbers of system calls on {platform.machine()} are not known")
    if _libc.syscall(ctypes.c_long(numbers[which]), *arguments) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
