"""Where IDL text comes from: a reader, a search path, and the stock files of `idl/`.

The reader is a parameter, so that a compilation can run on a dict of strings. A name is looked for
beside the file that imports it, then along the search path, then among the stock files; as it is written, then with
or without the prefix `ms-`, then whatever the case of its letters. Names may not lead out of those folders: IDL is
untrusted text, and its diagnostics quote what it reads.
"""

from __future__ import annotations

import codecs
import os
import posixpath
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from . import catalogue
from .diagnostics import Source, Span, problem

Reader = Callable[[str], str | bytes]
"""Gives a file's contents; raises LookupError or FileNotFoundError when there is no such file."""
Lister = Callable[[str], Iterable[str]]
"""Gives the names in a folder, none for a folder that is not there."""

MAX_FILE: Final = 8 << 20
"""Octets of one file: what is larger is refused before it is scanned; MAX_WORDS is the tighter bound for real text."""

STOCK: Final[Mapping[str, str]] = {
    "dtyp.idl": "dtyp.idl",
    "ms-dtyp.idl": "dtyp.idl",
    "epmapper.idl": "epmapper.idl",
    "mgmt.idl": "mgmt.idl",
    "nbase.idl": "nbase.idl",
    **dict.fromkeys(("inttypes.idl", "inttypes.h", "stdint.h"), "inttypes.idl"),
    "wtypes.idl": "wtypes.idl",
    "wtypesbase.idl": "wtypes.idl",
    "wtypes-strings.idl": "wtypes-strings.idl",
    "dcom.idl": "dcom.idl",
    "ms-dcom.idl": "dcom.idl",
    "oaut.idl": "oaut.idl",
    "ms-oaut.idl": "oaut.idl",
    "unknwn.idl": "unknwn.idl",
    "unknwnbase.idl": "unknwn.idl",
    "objidl.idl": "objidl.idl",
    "objidlbase.idl": "objidl.idl",
    "oaidl.idl": "oaidl.idl",
    "oleidl.idl": "oleidl.idl",
    "ocidl.idl": "ocidl.idl",
    "servprov.idl": "servprov.idl",
    "propidl.idl": "propidl.idl",
    "propidlbase.idl": "propidl.idl",
    **{
        name: file
        for file, protocols in {
            "lsarpc.idl": ("ms-lsad.idl", "ms-lsat.idl"),
            "pac.idl": ("ms-pac.idl",),
            "samr.idl": ("ms-samr.idl",),
            "srvsvc.idl": ("ms-srvs.idl",),
            "svcctl.idl": ("ms-scmr.idl",),
            "winreg.idl": ("ms-rrp.idl",),
            "wkssvc.idl": ("ms-wkst.idl",),
        }.items()
        for name in (file, *protocols)
    },
}
"""Names that stand for files of `idl/` when the search path does not have them."""
HEADERS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            "windows.h", "winnt.h", "windef.h", "winbase.h", "ntdef.h", "basetsd.h", "guiddef.h", "rpc.h", "rpcndr.h",
            "rpcnsi.h", "wtypes.h", "objidl.h", "objbase.h", "ole2.h", "oleauto.h", "oaidl.h", "unknwn.h",
            "unknwnbase.h",
        ),
        "windows.h",
    ),
    **{name: name for name in ("specstrings.h", "winapifamily.h", "sdkddkver.h", "winerror.h", "idl_types.h")},
    "config.h": "specstrings.h",
    **dict.fromkeys(("sal.h", "specstrings_strict.h", "specstrings_undef.h", "rpcsal.h"), "specstrings.h"),
}  # fmt: skip
"""Names of C headers that stand for files of `idl/include/` when the search path does not have them."""

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


def list_folder(path: str) -> list[str]:
    """The names in a folder, none when it cannot be read."""
    try:
        return os.listdir(path or ".")
    except OSError:
        return []


class Sources:
    """The files of one compilation, each read once.

    `lister` finds names that are written in other letters than the file's; without one, only lower case is tried.
    """

    def __init__(self, reader: Reader, search: Sequence[str], lister: Lister | None = None) -> None:
        self._reader = reader
        self._search = tuple(search)
        self._lister = lister
        self._folders: dict[str, dict[str, str]] = {}
        """Of each folder, its names by their lower case."""
        self._sources: dict[str, Source] = {}
        self._root = ""

    def main(self, path: str) -> Source:
        """The file that was asked for; Problem when it cannot be read."""
        self._root = posixpath.dirname(path)
        source = self._read(path, None)
        if source is None:
            raise problem(catalogue.FILE_NOT_FOUND, Span(Source(path, ""), 0), name=path)
        return source

    def find(self, name: str, at: Span) -> Source:
        """The file that `import` or `#include` names at `at`; Problem when there is none."""
        name = name.replace("\\", "/")
        places = self._places(name, at)
        for spelling in (str, _other_prefix, self._other_case):
            for path in places:
                source = self._read(spelling(path), at)
                if source is not None:
                    return source
        return self.stock(name, at)

    def beside(self, source: Source, name: str) -> Source | None:
        """The file `name` in the folder of `source`, if there is one; Problem when it cannot be read."""
        path = posixpath.join(posixpath.dirname(source.name), name)
        at = Span(source, 0)
        return self._read(path, at) or self._read(self._other_case(path), at)

    def _places(self, name: str, at: Span) -> list[str]:
        """The paths that a name may mean, in the order of looking; Problem when all lead out."""
        if at.source.stock:
            return []
        beside = posixpath.dirname(at.source.name)
        roots = [self._root, *self._search]
        paths = [posixpath.normpath(posixpath.join(folder, name)) for folder in (beside, *self._search)]
        allowed = [path for path in paths if any(_within(path, root) for root in roots)]
        if not allowed:
            raise problem(catalogue.IMPORT_ESCAPES, at, name=name)
        return list(dict.fromkeys(allowed))

    def _other_case(self, path: str) -> str:
        """The file whose name differs in case alone, or the path with a name in lower case."""
        folder, name = posixpath.split(path)
        if self._lister is None:
            return posixpath.join(folder, name.lower())
        if folder not in self._folders:
            self._folders[folder] = {found.lower(): found for found in sorted(self._lister(folder), reverse=True)}
        known = self._folders[folder]
        found = known.get(name.lower()) or known.get(_other_prefix(name.lower()))
        return posixpath.join(folder, found or name)

    def _read(self, path: str, at: Span | None) -> Source | None:
        if path in self._sources:
            return self._sources[path]
        where = at or Span(Source(path, ""), 0)
        try:
            contents = self._reader(path)
        except (LookupError, FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            reason = str(error) if isinstance(error, Unreadable) else "it is not readable"
            raise problem(catalogue.FILE_UNREADABLE, where, name=path, reason=reason) from None
        if len(contents) > MAX_FILE:
            raise problem(catalogue.FILE_TOO_LARGE, where, name=path, limit=MAX_FILE)
        self._sources[path] = Source(path, decode(contents), imported_from=at)
        return self._sources[path]

    def stock(self, name: str, at: Span) -> Source:
        """The stock file of that name, asked for by what stands at `at`; Problem when there is none."""
        word = posixpath.basename(name).lower()
        header, file = HEADERS.get(word), STOCK.get(word)
        if header is None and file is None:
            raise problem(catalogue.FILE_NOT_FOUND, at, name=name)
        parts = (file,) if file is not None else ("include", str(header))
        key = f"<{parts[-1]}>"
        if key not in self._sources:
            self._sources[key] = Source(key, stock_text(*parts), stock=True, imported_from=at)
        return self._sources[key]


def stock_text(*parts: str) -> str:
    """The text of a file of `idl/`."""
    from importlib import resources

    return resources.files(_PACKAGE).joinpath("idl", *parts).read_text(encoding="utf-8")


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


def _other_prefix(path: str) -> str:
    """`dtyp.idl` and `ms-dtyp.idl` are one name in two fashions."""
    folder, name = posixpath.split(path)
    return posixpath.join(folder, name[3:] if name.lower().startswith("ms-") else f"ms-{name}")


def _within(path: str, root: str) -> bool:
    folder = posixpath.normpath(root or ".")
    if folder == ".":
        return not path.startswith(("../", "/")) and path != ".."
    return path.startswith(folder.rstrip("/") + "/")
