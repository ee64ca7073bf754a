"""Finished compilations: what an IDL file came to, from the cache when nothing that it was made of has changed.

What is kept of a file that compiles: the stub's text, the model's JSON, its warnings as they print, and which files
were read or looked for in vain. It is good while every one of those is as it was; the key says what was asked, and of
which compiler. Files with errors are compiled again. Counterparts: `cache.py` keeps, `compile_idl` compiles.

Rule: an answer from the cache imports neither lark nor pydantic.
"""

from __future__ import annotations

import json
import os
import posixpath
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast, get_args

from . import Diagnostic, Dialect, Reader, compile_idl, read_file
from .cache import Cache, user_cache
from .diagnostics import Severity
from .source import list_folder

if TYPE_CHECKING:
    from .model import Model

Reads = dict[str, str | None]
"""The digest of each file that was read, None for one that was not there."""
_PACKAGE: Final = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of the compiler. `command` and `source` stand in the stub's header."""

    path: str
    search: Sequence[str] = ()
    defines: Mapping[str, str] = field(default_factory=dict[str, str])
    dialect: str = "auto"
    command: str = ""
    package: bool = False
    """For `lrpc.runtime.interfaces`: the stub imports relatively."""

    @property
    def source(self) -> str:
        """The file as the stub names it: without the folders of this machine."""
        return posixpath.basename(self.path) if posixpath.isabs(self.path) else self.path

    @property
    def key(self) -> str:
        """The name of this request: two that could have different answers differ in it."""
        asked = [self.path, _here(), list(self.search), dict(self.defines), self.dialect, self.command]
        return sha256(json.dumps([_compiler(), self.package, *asked]).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Recalled:
    """A diagnostic out of the cache: it prints as it did."""

    code: str
    severity: Severity
    text: str
    data: Mapping[str, object]

    def as_json(self) -> dict[str, object]:
        """As that of a Diagnostic."""
        return dict(self.data)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Finished:
    """What an IDL file came to: `stub` and `model`, a text and JSON, are None when there are errors."""

    stub: str | None
    model: str | None
    diagnostics: tuple[Diagnostic | Recalled, ...]

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """Why there is no stub."""
        found = (one for one in self.diagnostics if isinstance(one, Diagnostic))
        return tuple(one for one in found if one.severity == "error")


def finished(request: Request, *, reader: Reader = read_file, cached: bool = True) -> Finished:
    """Compile a file, or recall what came of it. Never raises for the files, whose diagnostics say what is wrong.

    reader: as of `compile_idl`. cached: False neither asks the cache nor fills it; the same holds for a reader of
    one's own.
    """
    known = recalled(request) if cached and reader is read_file else None
    if known is not None:
        return known
    cache = user_cache() if cached and reader is read_file and _compiler() else None
    reads: Reads = {}
    made = _compiled(request, reader, reads)
    if cache is not None and made.stub is not None:
        cache.put(request.key, _entry(made, reads))
    return made


def recalled(request: Request) -> Finished | None:
    """What came of a file before, when nothing that it was made of has changed; None when the cache does not know."""
    cache = user_cache()
    return _recalled(cache, request.key) if cache is not None and _compiler() else None


def _compiled(request: Request, reader: Reader, reads: Reads) -> Finished:
    """`reads` is filled with what the compiler asked for."""

    def read(path: str) -> str | bytes:
        reads[path] = None
        contents = reader(path)
        reads[path] = _digest(contents)
        return contents

    found = compile_idl(
        request.path,
        reader=read,
        lister=list_folder if reader is read_file else None,
        search=request.search,
        defines=request.defines,
        dialect=dialect_of(request.dialect),
    )
    if found.model is None:
        return Finished(None, None, found.diagnostics)
    from .stubs.emitter import generate

    text = generate(found.model, source=request.source, command=request.command, package=request.package)
    return Finished(text, model_json(found.model), found.diagnostics)


def model_json(model: Model) -> str:
    """A model as JSON."""
    try:
        return model.model_dump_json()
    except ValueError:  # half a surrogate in a constant: pydantic writes UTF-8, which has none
        return json.dumps(model.model_dump(mode="json"))


def dialect_of(word: str) -> Dialect:
    """Whose language a word names; `auto` finds out. ValueError for any other word."""
    if word not in get_args(Dialect):
        raise ValueError(f"{word!r} is no dialect; there are {', '.join(get_args(Dialect))}")
    return cast("Dialect", word)


# Entries


def _entry(made: Finished, reads: Reads) -> bytes:
    said = [[one.code, one.severity, str(one), one.as_json()] for one in made.diagnostics]
    head = {"reads": reads, "diagnostics": said, "stub": made.stub}
    return f"{json.dumps(head)}\n{made.model}".encode()


def _recalled(cache: Cache, key: str) -> Finished | None:
    """What an entry says, if it can be read and what it was made of is unchanged."""
    head, newline, model = (cache.get(key) or b"").partition(b"\n")
    if not newline:
        return None
    try:
        data = json.loads(head)
        if not all(_unchanged(path, digest) for path, digest in data["reads"].items()):
            return None
        said = tuple(Recalled(*one) for one in data["diagnostics"])
        return Finished(data["stub"], model.decode(), said)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _here() -> str:
    """The folder that relative paths start from; one that is gone holds no files."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return ""


def _digest(contents: str | bytes) -> str:
    return sha256(contents.encode() if isinstance(contents, str) else contents).hexdigest()


def _unchanged(path: str, digest: str | None) -> bool:
    try:
        return _digest(read_file(path)) == digest
    except (FileNotFoundError, NotADirectoryError):
        return digest is None
    except OSError:
        return False


@lru_cache(maxsize=1)
def _compiler() -> str:
    """Which compiler this is: its files and the stock IDL, by size and time. Empty when they are no files."""
    facts: list[object] = [str(_PACKAGE), sys.version_info[:2]]
    try:
        for folder in ("rpcgen", "idl"):
            for place, folders, names in os.walk(_PACKAGE / folder, onerror=_raise):
                folders[:] = sorted(name for name in folders if name != "__pycache__")
                facts += [(place, name, *_facts(place, name)) for name in sorted(names)]
    except OSError:
        return ""
    return sha256(repr(facts).encode()).hexdigest()


def _facts(place: str, name: str) -> tuple[int, int]:
    found = os.stat(os.path.join(place, name))
    return found.st_size, found.st_mtime_ns


def _raise(error: OSError) -> None:
    raise error
