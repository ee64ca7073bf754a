"""`load`: a stub without a file. The counterpart of `stub_file.py`, which writes one.

The stub runs as a module of its own in `sys.modules`, where dataclasses and pickles look for it. Its text is
known to tracebacks. Nothing of it is kept by path: who loads twice has two modules.
"""

from __future__ import annotations

import itertools
import linecache
import logging
import os
import sys
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Final

from . import IdlError, Reader, read_file
from .finished import finished
from .stubs.stub_file import Options

logger = logging.getLogger("lrpc.rpcgen")

TEXT_NAME: Final = "text.idl"
"""What diagnostics call IDL that came as text."""
_numbers = itertools.count(1)


def load(
    source: str | os.PathLike[str],
    *,
    search: Iterable[str | os.PathLike[str]] = (),
    defines: Mapping[str, str] | None = None,
    dialect: str = "auto",
    name: str | None = None,
    cached: bool = True,
) -> ModuleType:
    """The stub of an IDL file, or of IDL text, as a module.

    source: a path, or text: a str with a line break or a brace that does not end in `.idl`. search: folders for
    imports. defines, dialect: as of `compile_idl`. name: the module's name in `sys.modules`, a private one unless
    given. cached: False neither asks the cache of compiled files nor fills it. Warnings go to the log.

    Raises IdlError, with the diagnostics, for IDL that has errors or cannot be read; ValueError for the name of a
    module that is no stub.
    """
    path, reader = _source(source)
    folders = [os.fspath(folder) for folder in search]
    options = Options(search=folders, defines=defines or {}, dialect=dialect, cached=cached)
    return _module(stub_text(path, options, reader), path, name)


def stub_text(path: str, options: Options, reader: Reader = read_file) -> str:
    """The text of the stub of an IDL file; its warnings go to the log. Raises IdlError."""
    found = finished(options.request(path), reader=reader, cached=options.cached)
    if found.stub is None:
        raise IdlError(found.errors)
    for diagnostic in found.diagnostics:
        logger.warning("%s", diagnostic)
    return found.stub


def _source(source: str | os.PathLike[str]) -> tuple[str, Reader]:
    if not isinstance(source, str) or source.endswith(".idl") or not ("\n" in source or "{" in source):
        return os.fspath(source), read_file

    def read(path: str) -> str | bytes:
        return source if path == TEXT_NAME else read_file(path)

    return TEXT_NAME, read


def _module(text: str, path: str, name: str | None) -> ModuleType:
    module = ModuleType(name or f"lrpc loaded {next(_numbers)}")
    standing = sys.modules.get(module.__name__)
    if standing is not None and not hasattr(standing, "__layouts__"):
        raise ValueError(f"{name!r} is a module that is no stub")
    sys.modules[module.__name__] = module
    execute(text, path, module)
    return module


def execute(text: str, path: str, module: ModuleType) -> None:
    """Run the stub of an IDL file as a module."""
    file = f"<stub {next(_numbers)} of {path}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    module.__file__ = file
    exec(compile(text, file, "exec", dont_inherit=True), module.__dict__)
