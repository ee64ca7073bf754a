r"""Directory objects and symbolic-link objects of the namespace, as files of a root.

In the directory that stands for a directory object, with K the key of a name (`object_names.py`):

    K           a directory object            K.name    a link that leads nowhere: its name as it was written
    K.link      a symbolic-link object: a link that leads nowhere, whose text is the name and the target
    K.socket    a port or pipe that listens   K.lock    who holds it (`claim.py`)

The laws: directories are entered by descriptor, never through a link of the file system, and only if nobody but their
owner may write to them; the owner is us, root, or somebody the caller trusts. A symbolic-link object is resolved by
starting over with another object name, so that it never leads out of the roots.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from collections.abc import Sequence
from typing import Final

from . import unix
from .claim import Claim, sweep_name, take_lock
from .errors import (
    AccessDenied,
    DirectoryNotEmpty,
    NameCollision,
    NameInvalid,
    TransportError,
    TypeMismatch,
    from_os_error,
)
from .object_names import directory_components, escaped, file_key, plain, written

SYSTEM_ROOT: Final = "/run/lrpc"
SHARED: Final = 0o755
"""Anybody may look up and list; only the owner creates."""
PRIVATE: Final = 0o700
"""Only the owner looks."""
_ATTEMPTS: Final = 200
"""Milliseconds that we wait for somebody who is just making the directory that we need."""
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

Owners = frozenset[int] | None
"""Users whose directories are entered besides our own and root's; None: anybody's."""
NOBODY_ELSE: Final[Owners] = frozenset()


class Reparse(Exception):
    """A walk met a symbolic-link object: start over with `target` in place of the first `used` components."""

    def __init__(self, target: tuple[str, ...], used: int) -> None:
        super().__init__(written(*target))
        self.target = target
        self.used = used


def enter(root: str, parts: Sequence[str], owners: Owners, *, create: bool = False) -> int:
    """A descriptor of a directory object. Raises Reparse, NameNotFound, TypeMismatch, AccessDenied, NameInvalid."""
    here = _enter_root(root, owners, create)
    try:
        for index, part in enumerate(parts):
            here = _descend(here, part, index + 1, owners, create)
    except OSError as error:
        os.close(here)
        raise _directory_error(error, root) from error
    except BaseException:
        os.close(here)
        raise
    return here


def make_directory(parent: int, name: str, mode: int) -> None:
    """Makes a directory object with exactly `mode`. Raises NameCollision, AccessDenied."""
    key = file_key(name)
    claim = hold(parent, name)
    try:
        claim.vacate()
        if _exists(parent, f"{key}.name"):  # left by somebody who died while removing
            os.unlink(f"{key}.name", dir_fd=parent)
        os.mkdir(key, mode, dir_fd=parent)
        os.symlink(escaped(name), f"{key}.name", dir_fd=parent)
        os.chmod(key, mode, dir_fd=parent)  # the umask may have taken bits away
    except OSError as error:
        raise from_os_error(error, f"making {name}") from error
    finally:
        claim.close()


def give(parent: int, name: str, owner: int) -> None:
    """Makes a directory object somebody else's. Raises NameNotFound, AccessDenied."""
    try:
        os.chown(file_key(name), owner, -1, dir_fd=parent, follow_symlinks=False)
    except OSError as error:
        raise from_os_error(error, f"giving {name} away") from error


def make_link(parent: int, name: str, target: str) -> None:
    """Makes a symbolic-link object. Raises NameCollision, AccessDenied, NameInvalid (a target of 4,000 octets)."""
    claim = hold(parent, name)
    try:
        claim.vacate()
        os.symlink(f"{escaped(name)}={escaped(target)}", f"{file_key(name)}.link", dir_fd=parent)
    except OSError as error:
        raise from_os_error(error, f"making {name}") from error
    finally:
        claim.close()


def hold(parent: int, name: str, full_name: str = "", type: str = "", security: str = "") -> Claim:
    """Takes a name in a directory, if no object has it. Raises NameCollision, AccessDenied."""
    key = file_key(name)
    directory = os.dup(parent)
    try:
        claim = Claim(full_name or name, directory, take_lock(directory, key, full_name or name), key, type, security)
    except BaseException:
        os.close(directory)
        raise
    if _exists(parent, key) or _exists(parent, f"{key}.link"):
        claim.close()
        raise NameCollision(full_name or name)
    return claim


def remove(parent: int, name: str) -> None:
    """Removes a symbolic-link object, or a directory object in which nothing is left.

    Raises NameNotFound, DirectoryNotEmpty, AccessDenied.
    """
    key = file_key(name)
    try:
        if _exists(parent, f"{key}.link"):
            os.unlink(f"{key}.link", dir_fd=parent)
            return
        _sweep(parent, key)
        os.rmdir(key, dir_fd=parent)
        os.unlink(f"{key}.name", dir_fd=parent)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise DirectoryNotEmpty(name) from None
        raise from_os_error(error, f"removing {name}") from error


def _sweep(parent: int, key: str) -> None:
    """Removes from a directory object what holders left that have died, whoever they were."""
    directory = os.open(key, _DIRECTORY, dir_fd=parent)
    try:
        for file_name in os.listdir(directory):
            name, dot, suffix = file_name.partition(".")
            if dot + suffix == ".lock" and not is_held(directory, name):
                sweep_name(directory, name)
    finally:
        os.close(directory)


def read_link(parent: int, key: str) -> tuple[str, str] | None:
    """Name and target of a symbolic-link object; None: there is none."""
    name, equals, target = _text(parent, f"{key}.link").partition("=")
    return (plain(name), plain(target)) if equals else None


def directory_name(parent: int, key: str) -> str:
    """The name of a directory object as it was written."""
    return plain(_text(parent, f"{key}.name") or key)


def follow(parent: int, key: str, used: int) -> None:
    """Raises Reparse if a symbolic-link object stands there, and NameInvalid if it leads to no object name."""
    if not _exists(parent, f"{key}.link"):
        return
    link = read_link(parent, key)
    if link is None or not link[1].startswith("\\"):
        raise NameInvalid(f"{key} leads nowhere")
    raise Reparse(directory_components(link[1], ""), used)


def check_owner(descriptor: int, path: str, owners: Owners) -> None:
    """Raises AccessDenied for a directory that others may write to, or that belongs to nobody we trust."""
    found = os.fstat(descriptor)
    trusted = owners is None or found.st_uid in (0, os.geteuid(), *owners)
    if not trusted or found.st_mode & 0o022:
        raise AccessDenied(f"{path} may be written to by others")


def _enter_root(root: str, owners: Owners, create: bool) -> int:
    try:
        if create:
            _make_root(root, SHARED if root == SYSTEM_ROOT else PRIVATE)
        here = os.open(root, _DIRECTORY)
    except OSError as error:
        raise _directory_error(error, root) from error
    try:
        check_owner(here, root, owners)
    except BaseException:
        os.close(here)
        raise
    return here


def _make_root(path: str, mode: int) -> None:
    try:
        os.mkdir(path, mode)
    except FileExistsError:
        return
    os.chmod(path, mode)


def _descend(parent: int, part: str, used: int, owners: Owners, create: bool) -> int:
    key = file_key(part)
    try:
        child = os.open(key, _DIRECTORY, dir_fd=parent)
    except FileNotFoundError:
        follow(parent, key, used)
        if is_held(parent, key):
            raise TypeMismatch(f"{part} is not a directory") from None
        if not create:
            raise
        child = _made(parent, part, key)
    try:
        check_owner(child, key, owners)
    except BaseException:
        os.close(child)
        raise
    os.close(parent)
    return child


def _made(parent: int, part: str, key: str) -> int:
    """A directory that others may be making at the same time."""
    for _ in range(_ATTEMPTS):
        with contextlib.suppress(NameCollision):
            make_directory(parent, part, SHARED)
        if is_directory(parent, key):
            return os.open(key, _DIRECTORY, dir_fd=parent)
        time.sleep(0.001)
    raise NameCollision(part)


def _exists(parent: int, file_name: str) -> bool:
    try:
        os.stat(file_name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _text(parent: int, file_name: str) -> str:
    """What a link of the file system says; "" for anything else."""
    try:
        return os.readlink(file_name, dir_fd=parent)
    except OSError:  # none, or something else of this name
        return ""


def _directory_error(error: OSError, root: str) -> TransportError:
    """Opening a symbolic link as a directory says ENOTDIR, which is not the same as absent."""
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        return AccessDenied(f"{root}: not a directory of ours")
    return from_os_error(error, root)


def is_directory(parent: int, key: str) -> bool:
    """Does a directory object stand there?"""
    try:
        return stat.S_ISDIR(os.stat(key, dir_fd=parent, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def is_held(parent: int, key: str) -> bool:
    """Does a port or pipe of a living process stand there?"""
    try:
        inode = os.open(f"{key}.socket", os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    except OSError:
        return False
    try:
        return unix.is_live(inode)
    finally:
        os.close(inode)
