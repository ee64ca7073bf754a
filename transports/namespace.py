r"""The object namespace: which object a name such as `\RPC Control\calc` stands for, and who holds it.

A root is a directory of this machine (`directories.py`). Names are looked for in all roots, and made in the first;
or in the directory object of another root that is our own, as a session's is (`sessions.py`). A name is held as
long as its process lives (`claim.py`); what there is, is told by `listing.py`.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from . import directories, unix
from .claim import Claim, description
from .directories import NOBODY_ELSE, SYSTEM_ROOT, Owners, Reparse
from .errors import LinkUnresolved, NameNotFound, ServerSidMismatch, TransportError, TypeMismatch, from_os_error
from .listing import Entry, entries_in
from .object_names import MAX_COMPONENT, components_of, directory_components, file_key, written

__all__ = ["MAX_COMPONENT", "MAX_LINKS", "SYSTEM_ROOT", "Entry", "Namespace", "current", "file_key", "roots"]

MAX_LINKS: Final = 32
"""Symbolic-link objects that one name may lead over, as in NT."""

_Found = TypeVar("_Found")


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
        return written(*components_of(name, self.directory))

    # Making objects

    def claim(self, name: str, object_type: str = "", security: str = "") -> Claim:
        """Takes a name, and makes the directories that it needs. object_type, security (SDDL): what a list shows.

        Raises NameCollision when it has a live holder or is a directory or link, NameInvalid, AccessDenied.
        """
        parts = components_of(name, self.directory)

        def take(directory: int, leaf: str) -> Claim:
            return directories.hold(directory, leaf, written(*parts), object_type, security)

        return self._make(parts, take)

    def create_directory(self, name: str, *, private: bool = False) -> None:
        """Makes a directory object (NtCreateDirectoryObject), for good. Only its owner makes objects in it.

        private: others may not even look into it. Raises NameCollision, NameInvalid, AccessDenied, TypeMismatch.
        """
        mode = directories.PRIVATE if private else directories.SHARED
        self._make(components_of(name, self.directory), lambda d, leaf: directories.make_directory(d, leaf, mode))

    def create_link(self, name: str, target: str) -> None:
        """Makes a symbolic-link object (NtCreateSymbolicLinkObject), for good; its target need not be there.

        Raises NameCollision, NameInvalid, AccessDenied, TypeMismatch.
        """
        leads = written(*directory_components(target, self.directory))
        self._make(components_of(name, self.directory), lambda d, leaf: directories.make_link(d, leaf, leads))

    def remove(self, name: str) -> None:
        """Removes a symbolic-link object, or an empty directory object; a port goes when its holder closes it.

        Raises NameNotFound, DirectoryNotEmpty, NameInvalid, AccessDenied.
        """
        self._make(components_of(name, self.directory), directories.remove, create=False)

    def give(self, name: str, owner: int) -> None:
        """Makes a directory object the user `owner`'s, who makes objects in it from now on: for root.

        Raises NameNotFound, NameInvalid, AccessDenied.
        """
        self._make(components_of(name, self.directory), lambda d, leaf: directories.give(d, leaf, owner), create=False)

    # Looking up

    def open(self, name: str, owners: Owners, object_type: str = "") -> int:
        """An O_PATH descriptor of the socket that `name` stands for, if one of `owners` (None: anybody) made it.

        object_type: what its holder has to call it, if it says anything. Raises NameNotFound, ServerSidMismatch,
        TypeMismatch, NameInvalid, AccessDenied, LinkUnresolved.
        """

        def look(root: str, parts: tuple[str, ...]) -> int:
            return _open_socket(root, parts, owners, object_type)

        return self._found(components_of(name, self.directory), look)

    def connect(self, name: str, owners: Owners, timeout: float | None, object_type: str = "") -> socket.socket:
        """A SEQPACKET socket connected to the holder of `name`; raises what `open` does, and TimedOut."""
        inode = self.open(name, owners, object_type)
        try:
            return unix.connect_inode(inode, name, timeout)
        finally:
            os.close(inode)

    def entries(self, directory: str | None = None) -> list[Entry]:
        """The objects in a directory object: of all roots, live ones only, sorted by name.

        Raises NameNotFound, TypeMismatch, NameInvalid, AccessDenied, LinkUnresolved.
        """
        parts = directory_components(directory or self.directory, self.directory)
        found: dict[str, Entry] = {}

        def look(root: str, parts: tuple[str, ...]) -> None:
            here = directories.enter(root, parts, None)
            try:
                for entry in entries_in(here, written(*parts)):
                    found.setdefault(file_key(entry.name), entry)
            finally:
                os.close(here)

        self._found(parts, look, everywhere=True)
        return sorted(found.values(), key=lambda entry: entry.name)

    def list(self, directory: str | None = None) -> list[str]:
        """The names in a directory object that have a live holder, as they were written, sorted."""
        with contextlib.suppress(NameNotFound):
            return [entry.name for entry in self.entries(directory) if entry.held]
        return []

    def _found(
        self, parts: tuple[str, ...], look: Callable[[str, tuple[str, ...]], _Found], *, everywhere: bool = False
    ) -> _Found:
        """What `look` finds in the first root that has the name; everywhere: it looks in the others too.

        A name that leads over a link is looked for again from the beginning, in all roots.
        """
        for _ in range(MAX_LINKS + 1):
            try:
                return self._in_roots(parts, look, everywhere)
            except Reparse as link:
                parts = (*link.target, *parts[link.used :])
        raise LinkUnresolved(written(*parts))

    def _in_roots(
        self, parts: tuple[str, ...], look: Callable[[str, tuple[str, ...]], _Found], everywhere: bool
    ) -> _Found:
        found: list[_Found] = []
        for root in self.roots:
            with contextlib.suppress(NameNotFound):
                found.append(look(root, parts))
                if not everywhere:
                    break
        if not found:
            raise NameNotFound(written(*parts))
        return found[0]

    def _make(self, parts: tuple[str, ...], make: Callable[[int, str], _Found], *, create: bool = True) -> _Found:
        """What `make` makes in a directory object of ours, given its descriptor and the last component."""
        for _ in range(MAX_LINKS + 1):
            try:
                directory = self._own_directory(parts[:-1], create)
            except Reparse as link:
                parts = (*link.target, *parts[link.used :])
                continue
            try:
                return make(directory, parts[-1])
            finally:
                os.close(directory)
        raise LinkUnresolved(written(*parts))

    def _own_directory(self, parts: tuple[str, ...], create: bool) -> int:
        """The directory object in a further root, if that is ours, or else in the first."""
        for root in self.roots[1:]:
            with contextlib.suppress(TransportError, Reparse):
                directory = directories.enter(root, parts, NOBODY_ELSE)
                if os.fstat(directory).st_uid == os.geteuid():
                    return directory
                os.close(directory)
        return directories.enter(self.roots[0], parts, NOBODY_ELSE, create=create)


def current(directory: str) -> Namespace:
    """The namespace of this process, by its environment and user."""
    unix.require_linux()
    return Namespace(directory, roots())


def _open_socket(root: str, parts: tuple[str, ...], owners: Owners, object_type: str) -> int:
    if not parts:
        raise TypeMismatch("the root is a directory")
    directory, key = directories.enter(root, parts[:-1], owners), file_key(parts[-1])
    try:
        inode = _socket_at(directory, key, parts, owners)
        said = description(directory, key) if object_type else None
        if said is None or said.object_type in ("", object_type):
            return inode
        os.close(inode)
        raise TypeMismatch(f"{parts[-1]} is a {said.object_type}")
    finally:
        os.close(directory)


def _socket_at(directory: int, key: str, parts: tuple[str, ...], owners: Owners) -> int:
    try:
        inode = os.open(f"{key}.socket", os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    except FileNotFoundError:
        directories.follow(directory, key, len(parts))
        if directories.is_directory(directory, key):
            raise TypeMismatch(f"{parts[-1]} is a directory") from None
        raise NameNotFound(parts[-1]) from None
    except OSError as error:
        raise from_os_error(error, parts[-1]) from error
    try:
        _check_socket(inode, parts[-1], owners)
    except BaseException:
        os.close(inode)
        raise
    return inode


def _check_socket(inode: int, leaf: str, owners: Owners) -> None:
    found = os.fstat(inode)
    if not stat.S_ISSOCK(found.st_mode):
        raise TypeMismatch(f"{leaf} is not a socket")
    if owners is not None and found.st_uid not in owners:
        raise ServerSidMismatch(f"{leaf} is held by user {found.st_uid}")
