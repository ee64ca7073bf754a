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
from collections.abc import Iterable
from types import ModuleType
from typing import Final

from . import IdlError, Model, compile_idl, generate, read_file
from .source import Reader

logger = logging.getLogger("lrpc.rpcgen")

TEXT_NAME: Final = "text.idl"
"""What diagnostics call IDL that came as text."""
_numbers = itertools.count(1)


def load(
    source: str | os.PathLike[str], *, search: Iterable[str | os.PathLike[str]] = (), name: str | None = None
) -> ModuleType:
    """The stub of an IDL file, or of IDL text, as a module.

    source: a path, or text: a str with a line break or a brace that does not end in `.idl`. search: folders for
    imports. name: the module's name in `sys.modules`, a private one unless given. Warnings go to the log.

    Raises IdlError, with the diagnostics, for IDL that has errors or cannot be read; ValueError for the name of a
    module that is no stub.
    """
    path, reader = _source(source)
    found = compile_idl(path, reader=reader, search=[os.fspath(folder) for folder in search])
    if found.model is None:
        raise IdlError(found.errors)
    for diagnostic in found.diagnostics:
        logger.warning("%s", diagnostic)
    return _module(found.model, path, name)


def _source(source: str | os.PathLike[str]) -> tuple[str, Reader]:
    if not isinstance(source, str) or source.endswith(".idl") or not ("\n" in source or "{" in source):
        return os.fspath(source), read_file

    def read(path: str) -> str | bytes:
        return source if path == TEXT_NAME else read_file(path)

    return TEXT_NAME, read


def _module(model: Model, path: str, name: str | None) -> ModuleType:
    number = next(_numbers)
    module = ModuleType(name or f"lrpc loaded {number}")
    standing = sys.modules.get(module.__name__)
    if standing is not None and not hasattr(standing, "__layouts__"):
        raise ValueError(f"{name!r} is a module that is no stub")
    text = generate(model, source=path, command=f"lrpc gen {path}")
    file = f"<stub {number} of {path}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    module.__file__ = file
    sys.modules[module.__name__] = module
    exec(compile(text, file, "exec", dont_inherit=True), module.__dict__)
    return module
