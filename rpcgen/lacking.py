"""Lacking: names that a file uses, that neither it nor its imports define, and that a stock file does.

Much IDL has a DWORD, an HRESULT or a BSTR and no import for it, since some compiler or header knew them. When names
are unknown after a compilation, it is run again with the stock files that have them in front of the file that lacks
them, and one warning per file says which import is missing. A file that lacks nothing pays nothing for it.
The counterpart is `passes.run`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from . import catalogue
from .diagnostics import Diagnostic, diagnose
from .source import stock_text

FILES: Final[Mapping[str, tuple[str, ...]]] = {
    "wtypes.idl": ("wtypes-strings.idl", "dtyp.idl", "wtypes.idl"),
    "unknwn.idl": ("dcom.idl",),
    "objidl.idl": ("objidl.idl",),
    "oaidl.idl": ("oaut.idl", "oaidl.idl"),
    "ocidl.idl": ("oleidl.idl", "servprov.idl", "ocidl.idl"),
    "propidl.idl": ("propidl.idl",),
    "nbase.idl": ("nbase.idl",),
    "inttypes.idl": ("inttypes.idl",),
}
"""The stock files to import, each behind those that it imports, and the files that it adds to them. A file uses only
what it or its imports define: the first one in this order that has a name at all is the one that defines it."""

_TIPS: Final = ("ocidl.idl", "propidl.idl")
"""Neither imports the other; those before them are imported by both."""
_APART: Final = ("nbase.idl", "inttypes.idl")
"""These import none of the others."""
_ENTRIES: Final = (catalogue.UNKNOWN_TYPE, catalogue.UNKNOWN_NAME, catalogue.UNKNOWN_BASE)
_COMMENT: Final = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_WORD: Final = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_SHOWN: Final = 3


def unknown(found: Iterable[Diagnostic]) -> dict[str, Diagnostic]:
    """The names that nothing defines, each with the first complaint about it."""
    names: dict[str, Diagnostic] = {}
    for one in found:
        if one.entry in _ENTRIES:
            names.setdefault(one.words.get("base") or one.words["name"], one)
    return names


def defining(name: str) -> str | None:
    """The stock file that defines a name, if one does."""
    return next((file for file, parts in FILES.items() if any(name in _words(part) for part in parts)), None)


@cache
def _words(file: str) -> frozenset[str]:
    return frozenset(_WORD.findall(_COMMENT.sub(" ", stock_text(file))))


@dataclass(slots=True)
class Taken:
    """What a compilation takes from stock files that the text does not import."""

    names: dict[str, Diagnostic] = field(default_factory=dict[str, Diagnostic])
    """The names that were found, each with the complaint that it saved."""

    def wanted(self, found: Iterable[Diagnostic]) -> dict[str, Diagnostic]:
        """The stock files that would help, each with the first complaint that asks for it; none twice."""
        files: dict[str, Diagnostic] = {}
        known = {defining(name) for name in self.names}
        for name, said in unknown(found).items():
            file = defining(name)
            if file is not None and file not in known:
                files.setdefault(file, said)
        return files

    def settle(self, before: Iterable[Diagnostic], after: Iterable[Diagnostic]) -> bool:
        """Keep the names that are not unknown any more; were there any?"""
        still = unknown(after)
        found = {name: said for name, said in unknown(before).items() if name not in still}
        self.names |= found
        return bool(found)

    def warnings(self) -> list[Diagnostic]:
        """One for each file that lacks an import."""
        by_file: dict[str, list[str]] = {}
        for name, said in self.names.items():
            by_file.setdefault(said.span.source.name, []).append(name)
        return [self._warning(names) for names in by_file.values()]

    def _warning(self, names: list[str]) -> Diagnostic:
        names = sorted(names, key=lambda name: self.names[name].span.start)
        needed = [file for file in FILES if file in {defining(name) for name in names}]
        windows = [file for file in needed if file not in _APART]
        files = [file for file in windows if file in _TIPS] or windows[-1:]
        files += [file for file in needed if file in _APART]
        listed = ", ".join(names[:_SHOWN])
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        return diagnose(
            catalogue.NOT_IMPORTED,
            self.names[names[0]].span,
            names=listed + more,
            files=", ".join(f'"{file}"' for file in files),
        )
