"""Parts: IDL files that others `#include`, and that mean nothing by themselves.

Such a file names types that stand before it in the file that includes it. Compiled alone it has nothing but unknown
names; it is compiled as that other file then, and a warning says so. Only files of the same folder are looked at, and
no more of them than MAX_FILES and MAX_OCTETS. The counterpart is `compile_idl`, which asks when names are unknown.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from typing import Final

from .diagnostics import Diagnostic
from .source import Lister, Reader

MAX_FILES: Final = 1000
MAX_OCTETS: Final = 64 << 20
MAX_WHOLES: Final = 2
"""Files that are tried."""
UNKNOWN: Final = frozenset({"E0301", "E0302", "E0706"})
"""What is said of names that are defined nowhere."""


def missing(found: Sequence[Diagnostic]) -> Diagnostic | None:
    """The first complaint about a name that nothing defines; None when names are not what is wrong with a file."""
    return next((one for one in found if one.code in UNKNOWN), None)


def wholes(path: str, reader: Reader, lister: Lister) -> Iterator[str]:
    """The files of the same folder that include a file, in the order of their names."""
    folder, name = posixpath.split(path)
    named = re.escape(name.encode())
    wanted = re.compile(rb'^[ \t]*#[ \t]*include[ \t]*["<](?:\./)?' + named + rb'[">]', re.MULTILINE)
    names = sorted(one for one in lister(folder) if one.lower().endswith(".idl") and one != name)
    found, octets = 0, 0
    for other in names[:MAX_FILES]:
        text = _read(posixpath.join(folder, other), reader)
        octets += len(text)
        if octets > MAX_OCTETS or found >= MAX_WHOLES:
            return
        if wanted.search(text):
            found += 1
            yield posixpath.join(folder, other)


def _read(path: str, reader: Reader) -> bytes:
    try:
        contents = reader(path)
    except (LookupError, OSError, ValueError):
        return b""
    return contents.encode("utf-8", "replace") if isinstance(contents, str) else contents
