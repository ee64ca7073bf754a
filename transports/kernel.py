"""What Linux offers and Python has no name for: numbers of its headers, and what sockets and pidfds tell with them.

Rules of this file: numbers and the calls that need them, no decisions; what an older kernel lacks is answered by an
OSError, or by None where the caller has another way. Sources: asm-generic/socket.h, linux/pidfd.h.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
from typing import Final, NamedTuple, Protocol

SO_PEERGROUPS: Final = 59
SO_PEERPIDFD: Final = 77
SO_PASSRIGHTS: Final = 83
"""Since Linux 6.16; 0: who sends a descriptor gets EPERM."""
PIDFD_THREAD: Final = os.O_EXCL
"""A pidfd of a thread, since Linux 6.9."""
POSIX_ACL_ACCESS: Final = "system.posix_acl_access"
_SIOCOUTQ: Final = 0x5411  # linux/sockios.h
_UCRED: Final = struct.Struct("@iII")
_PIDFD_INFO: Final = struct.Struct("=QQ12I")
"""struct pidfd_info, its first 64 octets: mask, cgroup, pid, tgid, ppid, then real, effective, saved and fs ids."""
_PIDFD_GET_INFO: Final = 0xC040FF0B
"""_IOWR(0xFF, 11, 64 octets), since Linux 6.13."""
_PIDFD_INFO_CREDS: Final = 0x3


class TakesOptions(Protocol):
    """A socket, or what stands for one."""

    def setsockopt(self, level: int, option: int, value: int, /) -> None:
        """Set an option."""
        ...


class HasOptions(Protocol):
    """A socket, or what stands for one."""

    def getsockopt(self, level: int, option: int, size: int, /) -> bytes:
        """The octets of an option."""
        ...


class HasFileno(Protocol):
    """What has a descriptor."""

    def fileno(self) -> int:
        """The descriptor."""
        ...


class Credentials(NamedTuple):
    """struct ucred: who sent a message, as the kernel says."""

    pid: int
    uid: int
    gid: int

    @classmethod
    def parse(cls, octets: bytes) -> Credentials:
        """From the octets of SCM_CREDENTIALS or SO_PEERCRED."""
        return cls(*_UCRED.unpack_from(octets))

    def __bytes__(self) -> bytes:
        return _UCRED.pack(*self)


NOBODY: Final = Credentials(0, 65534, 65534)
"""What the kernel notes of a message that it did not look at: no word of anybody."""
UCRED_SIZE: Final = _UCRED.size


class ProcessInfo(NamedTuple):
    """Who a process is now."""

    pid: int
    ppid: int
    uid: int
    """Real, effective and saved ids are three and may differ; access is decided by the effective one."""
    gid: int
    euid: int
    egid: int
    suid: int
    sgid: int


def peer_pidfd(connected: HasOptions) -> int | None:
    """A pidfd of the process that connected or listened, also of one long dead; None: this kernel has none."""
    try:
        octets = connected.getsockopt(socket.SOL_SOCKET, SO_PEERPIDFD, 4)
    except OSError as error:
        if error.errno in (errno.ENOPROTOOPT, errno.ENODATA, errno.ESRCH, errno.EINVAL):
            return None
        raise
    descriptor: int = struct.unpack("=i", octets)[0]
    os.set_inheritable(descriptor, False)
    return descriptor


def process_info(pidfd: int) -> ProcessInfo | None:
    """Who the process of a pidfd is now (PIDFD_GET_INFO, else /proc); None: it has died."""
    octets = bytearray(_PIDFD_INFO.size)
    struct.pack_into("=Q", octets, 0, _PIDFD_INFO_CREDS)
    try:
        fcntl.ioctl(pidfd, _PIDFD_GET_INFO, octets)
    except OSError as error:
        if error.errno == errno.ESRCH:
            return None
        return _info_by_proc(pidfd)
    _mask, _cgroup, pid, _tgid, ppid, ruid, rgid, euid, egid, suid, sgid, *_ = _PIDFD_INFO.unpack(octets)
    return ProcessInfo(pid, ppid, ruid, rgid, euid, egid, suid, sgid)


def pid_of(pidfd: int) -> int | None:
    """The number of the process of a pidfd; None: it has died."""
    with open(f"/proc/self/fdinfo/{pidfd}", encoding="ascii") as lines:
        number = next((int(line.split()[1]) for line in lines if line.startswith("Pid:")), -1)
    return number if number > 0 else None


def overflow_uid() -> int:
    """The number that users get who have none in this user namespace (/proc/sys/kernel/overflowuid)."""
    try:
        with open("/proc/sys/kernel/overflowuid", encoding="ascii") as number:
            return int(number.read())
    except (OSError, ValueError):  # no /proc: what is compiled in
        return NOBODY.uid


def unsent(connected: int) -> int:
    """What of a socket's buffer holds messages that the peer has not taken; 0: none."""
    (octets,) = struct.unpack("i", fcntl.ioctl(connected, _SIOCOUTQ, bytes(4)))
    return int(octets)


def refuse_descriptors(sock: TakesOptions, refuse: bool = True) -> bool:
    """SO_PASSRIGHTS: who sends a descriptor to this socket gets EPERM. False: this kernel cannot."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_PASSRIGHTS, int(not refuse))
    except OSError:  # before Linux 6.16: what comes is closed when it is received
        return False
    return True


def _info_by_proc(pidfd: int) -> ProcessInfo | None:
    """The same before Linux 6.13. The pid is asked for again at the end: it cannot have been given to another."""
    number = pid_of(pidfd)
    if number is None:
        return None
    try:
        with open(f"/proc/{number}/status", encoding="ascii", errors="replace") as lines:
            fields = {name: rest.split() for name, _, rest in (line.partition(":") for line in lines)}
    except (FileNotFoundError, ProcessLookupError):
        return None
    if pid_of(pidfd) != number:
        return None
    (ruid, euid, suid, _), (rgid, egid, sgid, _) = (map(int, fields[name]) for name in ("Uid", "Gid"))
    return ProcessInfo(number, int(fields["PPid"][0]), ruid, rgid, euid, egid, suid, sgid)
