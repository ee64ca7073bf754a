"""Where IDL text comes from: a reader, a search path, and the stock files of `idl/`.

The reader is a parameter, so that a compilation can run on a dict of strings. A name is looked for
beside the file that imports it, then along the search path, then among the stock files. Names may not
lead out of those folders: IDL is untrusted text, and its diagnostics quote what it reads.
"""

from __future__ import annotations

import codecs
import os
import posixpath
import stat
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from typing import Final

from . import catalogue
from .diagnostics import Source, Span, problem

Reader = Callable[[str], str | bytes]
"""Gives a file's contents; raises LookupError or FileNotFoundError when there is no such file."""

MAX_FILE: Final = 8 << 20
"""Octets of one file: what is larger is refused before it is scanned; MAX_WORDS is the tighter bound for real text."""

STOCK: Final[Mapping[str, str]] = {
    "dtyp.idl": "dtyp.idl",
    "ms-dtyp.idl": "dtyp.idl",
    "epmapper.idl": "epmapper.idl",
    "mgmt.idl": "mgmt.idl",
    "wtypes.idl": "wtypes.idl",
    "wtypesbase.idl": "wtypes.idl",
    "unknwn.idl": "wtypes.idl",
    "objidl.idl": "wtypes.idl",
    "oaidl.idl": "wtypes.idl",
    "ocidl.idl": "wtypes.idl",
}
"""Names that stand for files of `idl/` when the search path does not have them."""


_PACKAGE: Final = __name__.split(".")[0]


class Unreadable(OSError):
    """A file that is there and is not to be read: too large, or not a regular file."""


def read_file(path: str) -> bytes:
    """The contents of a regular file of at most MAX_FILE octets; Unreadable for any other."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode):
            raise Unreadable("it is not a regular file")
        return file.read(MAX_FILE + 1)


class Library:
    """The files of one compilation, each read once."""

    def __init__(self, reader: Reader, search: Sequence[str]) -> None:
        self._reader = reader
        self._search = tuple(search)
        self._sources: dict[str, Source] = {}
        self._root = ""

    def main(self, path: str) -> Source:
        """The file that was asked for; Problem when it cannot be read."""
        self._root = posixpath.dirname(path)
        source = self._read(path, Span(Source(path, ""), 0))
        if source is None:
            raise problem(catalogue.FILE_NOT_FOUND, Span(Source(path, ""), 0), name=path)
        return source

    def find(self, name: str, at: Span) -> Source:
        """The file that `import` or `#include` names at `at`; Problem when there is none."""
        name = name.replace("\\", "/")
        for path in self._candidates(name, at):
            source = self._read(path, at)
            if source is not None:
                return source
        stock = STOCK.get(posixpath.basename(name).lower())
        if stock is None:
            raise problem(catalogue.FILE_NOT_FOUND, at, name=name)
        return self._stock(stock)

    def _candidates(self, name: str, at: Span) -> list[str]:
        if at.source.stock:
            return []
        beside = posixpath.dirname(at.source.name)
        roots = [self._root, *self._search]
        paths = [posixpath.normpath(posixpath.join(folder, name)) for folder in (beside, *self._search)]
        allowed = [path for path in paths if any(_within(path, root) for root in roots)]
        if not allowed:
            raise problem(catalogue.IMPORT_ESCAPES, at, name=name)
        return list(dict.fromkeys(allowed))

    def _read(self, path: str, at: Span) -> Source | None:
        if path in self._sources:
            return self._sources[path]
        try:
            contents = self._reader(path)
        except (LookupError, FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            reason = str(error) if isinstance(error, Unreadable) else "it is not readable"
            raise problem(catalogue.FILE_UNREADABLE, at, name=path, reason=reason) from None
        if len(contents) > MAX_FILE:
            raise problem(catalogue.FILE_TOO_LARGE, at, name=path, limit=MAX_FILE)
        self._sources[path] = Source(path, decode(contents))
        return self._sources[path]

    def _stock(self, name: str) -> Source:
        key = f"<{name}>"
        if key not in self._sources:
            text = resources.files(_PACKAGE).joinpath("idl", name).read_text(encoding="utf-8")
            self._sources[key] = Source(key, text, stock=True)
        return self._sources[key]


def decode(contents: str | bytes) -> str:
    """Text of a file: by its byte order mark, else UTF-8, else Latin-1 (which always succeeds)."""
    if isinstance(contents, str):
        return contents
    if contents.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return contents.decode("utf-16", "replace")
    try:
        return contents.decode("utf-8-sig")
    except UnicodeDecodeError:
        return contents.decode("latin-1")


def _within(path: str, root: str) -> bool:
    folder = posixpath.normpath(root or ".")
    if folder == ".":
        return not path.startswith(("../", "/")) and path != ".."
    return path.startswith(folder.rstrip("/") + "/")
