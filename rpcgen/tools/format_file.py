"""IDL files, formatted: their octets before and after. The counterpart of `format.py`, which knows text only.

A file keeps its encoding. It is replaced as a whole or not at all.
"""

from __future__ import annotations

import codecs
import difflib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .. import IdlError, catalogue
from ..diagnostics import Source, Span, diagnose
from ..source import MAX_FILE, Unreadable, read_file
from .format import WIDTH, formatted


@dataclass(frozen=True, slots=True)
class Layout:
    """A text as it is and as it would be."""

    path: str
    before: str
    after: str
    encoding: str = "utf-8"

    @classmethod
    def of(cls, path: str, text: str, width: int = WIDTH, encoding: str = "utf-8") -> Layout:
        """The layout of a text. IdlError when it cannot be laid out."""
        return cls(path, text, formatted(text, width=width, name=path), encoding)

    @property
    def changed(self) -> bool:
        """Does formatting change anything?"""
        return self.before != self.after

    def difference(self) -> Iterator[str]:
        """The lines of a unified diff."""
        before, after = (text.splitlines() for text in (self.before, self.after))
        return difflib.unified_diff(before, after, self.path, f"{self.path} (formatted)", lineterm="")

    def write(self) -> None:
        """Put the new text where the old one is. OSError when that fails; then the old one is still there."""
        place = Path(self.path).resolve()
        with tempfile.NamedTemporaryFile(dir=place.parent, prefix=f".{place.name}.", delete=False) as draft:
            try:
                draft.write(self.after.encode(self.encoding))
                draft.flush()
                shutil.copymode(place, draft.name)
                os.replace(draft.name, place)
            except BaseException:
                os.unlink(draft.name)
                raise


def read_layout(path: str, width: int = WIDTH) -> Layout:
    """The layout of a file. IdlError when it cannot be read or laid out."""
    nowhere = Span(Source(path, ""), 0)
    try:
        contents = read_file(path)
    except FileNotFoundError:
        raise IdlError([diagnose(catalogue.FILE_NOT_FOUND, nowhere, name=path)]) from None
    except OSError as error:
        reason = str(error) if isinstance(error, Unreadable) else "it is not readable"
        raise IdlError([diagnose(catalogue.FILE_UNREADABLE, nowhere, name=path, reason=reason)]) from None
    if len(contents) > MAX_FILE:
        raise IdlError([diagnose(catalogue.FILE_TOO_LARGE, nowhere, name=path, limit=MAX_FILE)])
    encoding = _encoding(contents)
    if encoding is None:
        reason = "it begins as UTF-16 and is something else"
        raise IdlError([diagnose(catalogue.FILE_UNREADABLE, nowhere, name=path, reason=reason)])
    return Layout.of(path, contents.decode(encoding), width, encoding)


def _encoding(contents: bytes) -> str | None:
    """How the octets are text, so that text made of them gives them back; a byte order mark is part of the text."""
    wide = {codecs.BOM_UTF16_LE: ("utf-16-le",), codecs.BOM_UTF16_BE: ("utf-16-be",)}
    candidates = wide.get(contents[:2], ("utf-8", "latin-1"))
    return next((name for name in candidates if _decodes(contents, name)), None)


def _decodes(contents: bytes, encoding: str) -> bool:
    try:
        contents.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
