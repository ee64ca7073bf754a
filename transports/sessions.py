r"""Sessions: what each user's desktop has of the namespace for itself, as SMSS lays it out.

\Windows, \BaseNamedObjects                  of session 0, the system's
\Sessions\<n>\Windows                        ports of the session's subsystem; the system makes them
\Sessions\<n>\BaseNamedObjects               the user's own; with links Global and Local
"""

from __future__ import annotations

import contextlib
import os
from typing import Final

from .errors import DirectoryNotEmpty, NameCollision, NameInvalid
from .listing import LINK_TYPE
from .namespace import Namespace

NAMED_OBJECTS: Final = "BaseNamedObjects"
SUBSYSTEM: Final = "Windows"


def session_directory(number: int) -> str:
    r"""Where a session's directories are: `\Sessions\<n>`, and the root itself for session 0. Raises NameInvalid."""
    if number < 0:
        raise NameInvalid(f"{number} is no session")
    return f"\\Sessions\\{number}" if number else ""


def create_session(names: Namespace, number: int, owner: int | None = None) -> str:
    """Makes the directories and links of a session, and says where: what `session_directory` says.

    owner: the uid that makes objects in BaseNamedObjects, if we are root. Raises NameCollision when the session is
    there, NameInvalid, AccessDenied.
    """
    where = session_directory(number)
    if where:
        names.create_directory(where)
    with contextlib.suppress(NameCollision):
        names.create_directory(f"\\{NAMED_OBJECTS}")
    for name in (SUBSYSTEM, NAMED_OBJECTS):
        with contextlib.suppress(NameCollision):
            names.create_directory(f"{where}\\{name}")
    own = f"{where}\\{NAMED_OBJECTS}"
    for link, target in (("Global", f"\\{NAMED_OBJECTS}"), ("Local", own)):
        with contextlib.suppress(NameCollision):
            names.create_link(f"{own}\\{link}", target)
    if owner is not None:
        names.give(own, owner)
    return where


def remove_session(names: Namespace, number: int) -> None:
    """Removes what `create_session` made. Raises DirectoryNotEmpty while anybody holds a name there, NameNotFound."""
    where = session_directory(number)
    if not where:
        raise NameInvalid("session 0 stays")
    inside = [f"{where}\\{name}" for name in (SUBSYSTEM, NAMED_OBJECTS)]
    for directory in inside:
        if any(entry.type != LINK_TYPE for entry in names.entries(directory)):
            raise DirectoryNotEmpty(directory)
    names.give(inside[1], os.geteuid())  # it was the user's: nothing is made there any more
    for directory in inside:
        for entry in names.entries(directory):
            names.remove(entry.full_name)
        names.remove(directory)
    names.remove(where)
