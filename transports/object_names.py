r"""Object names such as `\RPC Control\calc`: their parts, and the file names that stand for them.

Names compare without case; every character outside a-z 0-9 _ - is escaped in a file name, so that no name leaves its
directory, and no name looks like one of the suffixes. What the files are is the business of `directories.py`.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from .errors import NameInvalid

MAX_COMPONENT: Final = 255
"""Characters in one component of a name, as in NT's file systems."""
_MAX_KEY: Final = 180
"""Octets of an escaped component in a file name; longer ones end in a digest (NAME_MAX is 255)."""
_UNSAFE: Final = re.compile(rb"[^a-z0-9_-]")


def components_of(name: str, directory: str) -> tuple[str, ...]:
    r"""The parts of an object name; one without a leading `\` is in `directory`. Raises NameInvalid."""
    whole = name if name.startswith("\\") else f"{directory}\\{name}"
    parts = tuple(whole[1:].split("\\"))
    for part in parts:
        if not part or part in (".", "..") or "\0" in part or len(part) > MAX_COMPONENT:
            raise NameInvalid(f"{name!r} is not an object name")
    return parts


def directory_components(name: str, directory: str) -> tuple[str, ...]:
    r"""The same of a directory object, which may be the root, `\`. Raises NameInvalid."""
    return () if name == "\\" else components_of(name, directory)


def written(*parts: str) -> str:
    r"""The whole name that has these parts; `\` for none."""
    return "\\" + "\\".join(parts)


def file_key(component: str) -> str:
    """The file name that stands for a component, without case."""
    octets = component.casefold().encode("utf-8", "surrogatepass")
    escaped = _UNSAFE.sub(lambda match: b"%%%02x" % match[0][0], octets).decode("ascii")
    if len(escaped) <= _MAX_KEY:
        return escaped
    return f"{escaped[:100]}~{hashlib.sha256(octets).hexdigest()[:32]}"


def escaped(text: str) -> str:
    """Text as it may stand in a symbolic link of the file system, where it leads nowhere; `plain` is its inverse."""
    return quote(text.replace(".", "\0"), safe="", errors="surrogatepass")


def plain(text: str) -> str:
    """What was `escaped`; of a file name that is the key of a short component, the component without its case."""
    octets = unquote_to_bytes(text)
    try:
        return octets.decode("utf-8", "surrogatepass").replace("\0", ".")
    except UnicodeDecodeError:  # a file that is not ours
        return octets.decode("utf-8", "replace")
