"""Holding a name: the lock that says who does, and the socket that is reached by it.

A holder keeps a lock file locked (flock), and the lock dies with the process. The laws:
- a lock that is free means a dead holder: whoever takes it may replace the socket; a live name is never taken;
- what is not a socket of our own is never removed nor replaced, but with the directory object that it is in;
- a name becomes visible only when its socket listens, with its final mode.
What names are and where they live is `namespace.py`'s business.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import socket
import stat
from typing import Final, NamedTuple

from . import unix
from .errors import AccessDenied, NameCollision, NameInvalid, from_os_error
from .security.posix_acl import set_acl
from .sockets import Acceptor

_MAX_ATTEMPTS: Final = 100
"""Times a lock file may vanish while we open it before we give up."""
MAX_DESCRIPTION: Final = 65536
"""Octets of a lock file that are read: a name of 255 characters, and the longest SDDL that is of use."""


class Description(NamedTuple):
    """What a lock file says, in this order, with a zero octet between the parts."""

    name: str
    """The whole name, as its holder wrote it."""
    object_type: str
    """NT's name for the type: ALPC Port, NamedPipe."""
    pid: int
    """The process that took the name; it says so itself, and so may be believed as much as its user."""
    security: str
    """The security descriptor, as SDDL."""


class Claim:
    """A name that this process holds until `close`; `listen` makes it connectable."""

    def __init__(
        self, name: str, directory: int, lock: int, key: str, object_type: str = "", security: str = ""
    ) -> None:
        """object_type, security: what a list of the namespace tells of the object; the security descriptor as SDDL."""
        self.name = name
        self._directory = directory
        self._lock = lock
        self._key = key
        self._inode: tuple[int, int] | None = None
        self._closed = False
        _describe(lock, Description(name, object_type, os.getpid(), security))

    def listen(self, mode: int, backlog: int, acl: bytes | None = None) -> socket.socket:
        """A socket listening under the name, its inode with `mode`. Raises NameCollision, AccessDenied.

        acl: takes the place of the mode where the file system has such (`security.posix_acl`).
        """
        self._check_stale()
        temporary = temporary_name(self._key)
        listening = unix.packet_socket()
        try:
            self._publish(listening, temporary, mode, acl, backlog)
        except OSError as error:
            listening.close()
            raise from_os_error(error, f"listening on {self.name}") from error
        except BaseException:
            listening.close()
            raise
        return listening

    def acceptor(self, mode: int, backlog: int, adopted: socket.socket | None, acl: bytes | None = None) -> Acceptor:
        """What accepts clients under the name: a new socket, or `adopted`. Gives the name back when it raises."""
        try:
            if adopted is None:
                return Acceptor(self.listen(mode, backlog, acl))
            self.adopt(adopted)
            adopted.listen(backlog)  # from now on we are who clients see behind it, and not who made it (SO_PEERCRED)
        except BaseException:
            self.close()
            raise
        acceptor = Acceptor(adopted)
        acceptor.inherit()
        return acceptor

    def adopt(self, listening: socket.socket) -> None:
        """Takes a socket that somebody made for us; it stays theirs. NameInvalid unless it stands under the name."""
        path = listening.getsockname()
        expected = f"{os.readlink(f'/proc/self/fd/{self._directory}')}/{self._socket_name}"
        try:
            found = os.stat(path, follow_symlinks=False)
        except (OSError, ValueError):  # no path at all: an abstract name, or none
            found = None
        if found is None or (found.st_dev, found.st_ino) != _inode_at(self._directory, self._socket_name):
            raise NameInvalid(f"clients of {self.name} look at {expected}, and the inherited socket is at {path!r}")

    def vacate(self) -> None:
        """Removes the socket that a dead holder left. Raises NameCollision for anything else."""
        self._check_stale()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._socket_name, dir_fd=self._directory)

    def close(self) -> None:
        """Gives the name back."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._inode is not None and _inode_at(self._directory, self._socket_name) == self._inode:
                os.unlink(self._socket_name, dir_fd=self._directory)
            os.unlink(f"{self._key}.lock", dir_fd=self._directory)
        except OSError:  # somebody tidied up; the lock is what counts, and it goes now
            pass
        finally:
            os.close(self._lock)
            os.close(self._directory)

    def abandon(self) -> None:
        """In a child of fork: the name stays its parent's."""
        if not self._closed:
            self._closed = True
            os.close(self._lock)
            os.close(self._directory)

    @property
    def _socket_name(self) -> str:
        return f"{self._key}.socket"

    def _publish(self, listening: socket.socket, temporary: str, mode: int, acl: bytes | None, backlog: int) -> None:
        """Binds under a name nobody knows, listens, then renames: no moment with a wrong mode or a deaf socket."""
        _remove_own_socket(self._directory, temporary)
        os.fchmod(listening.fileno(), 0o600)
        listening.bind(f"/proc/self/fd/{self._directory}/{temporary}")
        if acl is None or not set_acl(f"/proc/self/fd/{self._directory}/{temporary}", acl):
            os.chmod(temporary, mode, dir_fd=self._directory)
        listening.listen(backlog)
        self._inode = _inode_at(self._directory, temporary)
        os.rename(temporary, self._socket_name, src_dir_fd=self._directory, dst_dir_fd=self._directory)

    def _check_stale(self) -> None:
        """We hold the lock, so what stands under the name is a dead holder's socket; anything else stays."""
        try:
            inode = os.open(self._socket_name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._directory)
        except FileNotFoundError:
            return
        try:
            found = os.fstat(inode)
            if not stat.S_ISSOCK(found.st_mode) or found.st_uid != os.geteuid() or unix.is_live(inode):
                raise NameCollision(f"{self.name} is taken by something that is not ours to replace")
        finally:
            os.close(inode)


def temporary_name(key: str) -> str:
    """What a socket is called before it listens; always the same, so that the next holder finds what was left."""
    return f".{hashlib.sha256(key.encode()).hexdigest()[:24]}.new"


def take_lock(directory: int, key: str, name: str) -> int:
    """The locked lock file of a name, which is still the one in the directory."""
    for _ in range(_MAX_ATTEMPTS):
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            lock = os.open(f"{key}.lock", flags, 0o644, dir_fd=directory)
        except OSError as error:
            raise from_os_error(error, f"taking {name}") from error
        try:
            if _lock_held(lock, directory, key, name):
                return lock
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)
    raise NameCollision(name)


def sweep_name(directory: int, key: str) -> None:
    """Removes the lock and the socket that a dead holder left; nothing, where somebody has the lock."""
    lock = os.open(f"{key}.lock", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=directory)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for file_name in (f"{key}.socket", f"{key}.lock"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(file_name, dir_fd=directory)
    except BlockingIOError:  # its holder has it, though it does not listen yet
        pass
    finally:
        os.close(lock)


def _lock_held(lock: int, directory: int, key: str, name: str) -> bool:
    """Locks; False when the holder before us removed the file meanwhile."""
    found = os.fstat(lock)
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
        raise AccessDenied(f"the lock of {name} is not ours")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise NameCollision(name) from None
    return _inode_at(directory, f"{key}.lock") == (found.st_dev, found.st_ino)


def _inode_at(directory: int, file_name: str) -> tuple[int, int] | None:
    try:
        found = os.stat(file_name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _remove_own_socket(directory: int, file_name: str) -> None:
    """Removes what a holder that died while listening left behind."""
    with contextlib.suppress(FileNotFoundError):
        found = os.stat(file_name, dir_fd=directory, follow_symlinks=False)
        if stat.S_ISSOCK(found.st_mode) and found.st_uid == os.geteuid():
            os.unlink(file_name, dir_fd=directory)


def _describe(lock: int, said: Description) -> None:
    octets = "\0".join(map(str, said)).encode("utf-8", "surrogatepass")
    os.fchmod(lock, 0o644)  # whatever the umask: others may list names
    os.ftruncate(lock, 0)
    os.pwrite(lock, octets, 0)


def description(directory: int, key: str) -> Description | None:
    """What the holder of a name says of it; None for one that is just leaving. Any content is taken."""
    try:
        lock = os.open(f"{key}.lock", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=directory)
    except OSError:
        return None
    try:
        octets = os.pread(lock, MAX_DESCRIPTION, 0)
    except OSError:  # not a file
        return None
    finally:
        os.close(lock)
    name, object_type, pid, security = (*octets.decode("utf-8", "replace").split("\0"), "", "", "")[:4]
    return Description(name, object_type, int(pid) if re.fullmatch("[0-9]{1,10}", pid, re.ASCII) else 0, security)
