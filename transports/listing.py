"""What is in a directory object: each object with its type, owner, security and holder, as WinObj shows them.

Told from the files alone (`directories.py` says what they are), so that a holder that hangs is listed too. What a
holder does with its object is asked of the holder itself (`alpc/inquiry.py`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from .claim import description
from .directories import SHARED, directory_name, is_held, read_link
from .security import Sid

DIRECTORY_TYPE: Final = "Directory"
LINK_TYPE: Final = "SymbolicLink"
MAX_ENTRIES: Final = 10_000
"""Files of one directory that are looked at: more is a mistake, or meant to hold up who lists them."""
_QUERY_AND_TRAVERSE: Final = "0x3"


@dataclass(frozen=True, slots=True)
class Entry:
    """An object of the namespace."""

    name: str
    """The last component, as its maker wrote it."""
    full_name: str
    type: str
    """As NT calls it: ALPC Port, NamedPipe, Directory, SymbolicLink; "" where the holder does not say."""
    owner: Sid
    """The user whose object it is, by the kernel's word."""
    security: str
    """The security descriptor, as SDDL; "" where the holder does not say."""
    pid: int = 0
    """The process that holds it; 0 for a directory or link, which nobody holds."""
    target: str = ""
    """Where a symbolic link leads."""

    @property
    def held(self) -> bool:
        """Is it a port or pipe?"""
        return self.type not in (DIRECTORY_TYPE, LINK_TYPE)


def entries_in(directory: int, name: str) -> Iterator[Entry]:
    """The objects in the directory object `name` that the descriptor `directory` stands for."""
    above = "" if name == "\\" else name
    for file_name in sorted(os.listdir(directory))[:MAX_ENTRIES]:
        key, dot, suffix = file_name.partition(".")
        kind = _KINDS.get(dot + suffix)
        try:
            entry = kind and kind(directory, key, above)
        except OSError:  # gone since it was listed
            continue
        if entry:
            yield entry


def _directory(parent: int, key: str, above: str) -> Entry | None:
    found = os.stat(key, dir_fd=parent, follow_symlinks=False)
    if not key or not os.path.isdir(f"/proc/self/fd/{parent}/{key}"):
        return None
    owner, name = Sid.of_user(found.st_uid), directory_name(parent, key)
    others = f"(A;;{_QUERY_AND_TRAVERSE};;;WD)" if found.st_mode & SHARED == SHARED else ""
    return Entry(name, f"{above}\\{name}", DIRECTORY_TYPE, owner, f"O:{owner}D:(A;;GA;;;{owner}){others}")


def _link(parent: int, key: str, above: str) -> Entry | None:
    found, link = os.stat(f"{key}.link", dir_fd=parent, follow_symlinks=False), read_link(parent, key)
    if link is None:
        return None
    owner = Sid.of_user(found.st_uid)
    security = f"O:{owner}D:(A;;GA;;;{owner})(A;;0x1;;;WD)"
    return Entry(link[0], f"{above}\\{link[0]}", LINK_TYPE, owner, security, target=link[1])


def _held(parent: int, key: str, above: str) -> Entry | None:
    said = description(parent, key) if is_held(parent, key) else None
    if said is None:
        return None
    found = os.stat(f"{key}.socket", dir_fd=parent, follow_symlinks=False)
    name = said.name.rpartition("\\")[2]
    return Entry(name, f"{above}\\{name}", said.object_type, Sid.of_user(found.st_uid), said.security, said.pid)


_KINDS: Final = {"": _directory, ".link": _link, ".socket": _held}
"""What a file stands for, by its suffix."""
