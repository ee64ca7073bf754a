r"""The object namespace: which socket a name such as `\RPC Control\calc` stands for, and who holds it.

A root is a directory of this machine; a directory object is a directory in it; a held name is a socket and
beside it a lock file (`claim.py`). The laws:
- directories are entered by descriptor, never through a symbolic link, and only if nobody but their
  owner, who is us or root, may write to them;
- names compare without case; every character outside a-z 0-9 _ - is escaped, so no name leaves the root.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import socket
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from . import unix
from .claim import Claim, take_lock
from .errors import (
    AccessDenied,
    NameInvalid,
    NameNotFound,
    ServerSidMismatch,
    TransportError,
    TypeMismatch,
    from_os_error,
)

SYSTEM_ROOT: Final = "/run/lrpc"
MAX_COMPONENT: Final = 255
"""Characters in one component of a name, as in NT's file systems."""
_MAX_KEY: Final = 180
"""Octets of an escaped component in a file name; longer ones end in a digest (NAME_MAX is 255)."""

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_UNSAFE: Final = re.compile(rb"[^a-z0-9_-]")


def components_of(name: str, directory: str) -> tuple[str, ...]:
    r"""The parts of an object name; one without a leading `\` is in `directory`. Raises NameInvalid."""
    whole = name if name.startswith("\\") else f"{directory}\\{name}"
    parts = tuple(whole[1:].split("\\"))
    for part in parts:
        if not part or part in (".", "..") or "\0" in part or len(part) > MAX_COMPONENT:
            raise NameInvalid(f"{name!r} is not an object name")
    return parts


def file_key(component: str) -> str:
    """The file name that stands for a component, without case."""
    octets = component.casefold().encode("utf-8", "surrogatepass")
    escaped = _UNSAFE.sub(lambda match: b"%%%02x" % match[0][0], octets).decode("ascii")
    if len(escaped) <= _MAX_KEY:
        return escaped
    return f"{escaped[:100]}~{hashlib.sha256(octets).hexdigest()[:32]}"


def roots(environment: Mapping[str, str] | None = None, uid: int | None = None) -> tuple[str, ...]:
    """Where names are held (the first) and where else they are looked for (the rest).

    LRPC_NAMESPACE names the only root. Otherwise root uses /run/lrpc, and others $XDG_RUNTIME_DIR/lrpc, or
    /run/user/<uid>/lrpc, or /tmp/lrpc-<uid>, and look in /run/lrpc as well.
    """
    environment = os.environ if environment is None else environment
    uid = os.geteuid() if uid is None else uid
    if chosen := environment.get("LRPC_NAMESPACE"):
        return (chosen,)
    if uid == 0:
        return (SYSTEM_ROOT,)
    runtime = environment.get("XDG_RUNTIME_DIR") or f"/run/user/{uid}"
    own = f"{runtime}/lrpc" if os.path.isdir(runtime) else f"/tmp/lrpc-{uid}"
    return (own, SYSTEM_ROOT)


@dataclass(frozen=True)
class Namespace:
    """Names under some roots. `directory` is where a name without a leading backslash belongs."""

    directory: str
    roots: tuple[str, ...]

    def full_name(self, name: str) -> str:
        """The name from the root, as written. Raises NameInvalid."""
        return "\\" + "\\".join(components_of(name, self.directory))

    def claim(self, name: str) -> Claim:
        """Takes a name. Raises NameCollision when it has a live holder, NameInvalid, AccessDenied."""
        *directories, leaf = components_of(name, self.directory)
        directory = _enter(self.roots[0], directories, create=True)
        try:
            lock = take_lock(directory, file_key(leaf), name)
        except BaseException:
            os.close(directory)
            raise
        return Claim(self.full_name(name), directory, lock, file_key(leaf))

    def open(self, name: str, owners: frozenset[int] | None) -> int:
        """An O_PATH descriptor of the socket that `name` stands for, if one of `owners` (None: anybody) made it.

        Raises NameNotFound, ServerSidMismatch, TypeMismatch, NameInvalid, AccessDenied.
        """
        *directories, leaf = components_of(name, self.directory)
        for root in self.roots:
            try:
                return _open_socket(root, directories, leaf, owners)
            except NameNotFound:
                continue
        raise NameNotFound(self.full_name(name))

    def connect(self, name: str, owners: frozenset[int] | None, timeout: float | None) -> socket.socket:
        """A SEQPACKET socket connected to the holder of `name`; raises what `open` does, and TimedOut."""
        inode = self.open(name, owners)
        try:
            return unix.connect_inode(inode, name, timeout)
        finally:
            os.close(inode)

    def list(self, directory: str | None = None) -> list[str]:
        """The names in a directory object that have a live holder, as they were written, sorted."""
        parts = components_of(f"{directory or self.directory}\\x", self.directory)[:-1]
        names: set[str] = set()
        for root in self.roots:
            with contextlib.suppress(NameNotFound):
                names.update(_live_names(root, parts))
        return sorted(names)


def current(directory: str) -> Namespace:
    """The namespace of this process, by its environment and user."""
    unix.require_linux()
    return Namespace(directory, roots())


def _enter(root: str, directories: list[str] | tuple[str, ...], *, create: bool) -> int:
    """A descriptor of a directory object. Raises NameNotFound, AccessDenied, NameInvalid."""
    try:
        if create:
            _make_directory(root, None, 0o755 if root == SYSTEM_ROOT else 0o700)
        current_fd = os.open(root, _DIRECTORY)
    except OSError as error:
        raise _directory_error(error, root) from error
    try:
        _check_directory(current_fd, root)
        for part in directories:
            current_fd = _descend(current_fd, file_key(part), create)
    except OSError as error:
        os.close(current_fd)
        raise _directory_error(error, root) from error
    except BaseException:
        os.close(current_fd)
        raise
    return current_fd


def _descend(parent: int, key: str, create: bool) -> int:
    if create:
        _make_directory(key, parent, 0o755)
    child = os.open(key, _DIRECTORY, dir_fd=parent)
    try:
        _check_directory(child, key)
    except BaseException:
        os.close(child)
        raise
    os.close(parent)
    return child


def _make_directory(path: str, parent: int | None, mode: int) -> None:
    """Makes a directory with exactly `mode`, unless it is there."""
    try:
        os.mkdir(path, mode, dir_fd=parent)
    except FileExistsError:
        return
    os.chmod(path, mode, dir_fd=parent)  # the umask may have taken bits away


def _check_directory(descriptor: int, path: str) -> None:
    found = os.fstat(descriptor)
    if found.st_uid not in (0, os.geteuid()) or found.st_mode & 0o022:
        raise AccessDenied(f"{path} may be written to by others")


def _directory_error(error: OSError, root: str) -> TransportError:
    """Opening a symbolic link as a directory says ENOTDIR, which is not the same as absent."""
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        return AccessDenied(f"{root}: not a directory of ours")
    return from_os_error(error, root)


def _open_socket(root: str, directories: list[str], leaf: str, owners: frozenset[int] | None) -> int:
    directory = _enter(root, directories, create=False)
    try:
        inode = os.open(f"{file_key(leaf)}.socket", os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    except OSError as error:
        raise from_os_error(error, leaf) from error
    finally:
        os.close(directory)
    try:
        _check_socket(inode, leaf, owners)
    except BaseException:
        os.close(inode)
        raise
    return inode


def _check_socket(inode: int, leaf: str, owners: frozenset[int] | None) -> None:
    found = os.fstat(inode)
    if not stat.S_ISSOCK(found.st_mode):
        raise TypeMismatch(f"{leaf} is not a socket")
    if owners is not None and found.st_uid not in owners:
        raise ServerSidMismatch(f"{leaf} is held by user {found.st_uid}")


def _live_names(root: str, directories: tuple[str, ...]) -> list[str]:
    directory = _enter(root, directories, create=False)
    try:
        keys = [entry[: -len(".socket")] for entry in os.listdir(directory) if entry.endswith(".socket")]
        return [name for key in keys if (name := _live_name(directory, key)) is not None]
    finally:
        os.close(directory)


def _live_name(directory: int, key: str) -> str | None:
    try:
        inode = os.open(f"{key}.socket", os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    except OSError:  # gone since it was listed
        return None
    try:
        return _display_name(directory, key) if unix.is_live(inode) else None
    finally:
        os.close(inode)


def _display_name(directory: int, key: str) -> str | None:
    """The last component as its holder wrote it."""
    try:
        lock = os.open(f"{key}.lock", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=directory)
    except OSError:  # its holder is just leaving
        return None
    try:
        octets = os.pread(lock, 16 * MAX_COMPONENT, 0)
    finally:
        os.close(lock)
    return octets.decode("utf-8", "replace").rpartition("\\")[2]
