"""The import hook: with it `import calc` finds calc.idl on the path, and gives the module that `lrpc gen` writes.

It is off until `install_import_hook` is called, and it is asked last: what Python finds by itself, a written stub
among it, comes first. The counterpart of `load.py`, which takes a path or text.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from . import IdlError
from .load import execute, stub_text
from .stubs.stub_file import Options


class ImportHook(MetaPathFinder):
    """What Python asks for modules that are IDL files. `remove` takes it away again; what is imported stays."""

    def __init__(self, options: Options) -> None:
        self._options = options

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Python's question: the file `name.idl`, or with hyphens for its underscores, in the first folder with one."""
        for file in _candidates(fullname.rpartition(".")[2], sys.path if path is None else path):
            if os.path.isfile(file):
                return ModuleSpec(fullname, _StubLoader(file, self._options), origin=file)
        return None

    def remove(self) -> None:
        """Do not answer any more."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)


class _StubLoader(Loader):
    def __init__(self, file: str, options: Options) -> None:
        self._file = file
        self._options = options

    def exec_module(self, module: ModuleType) -> None:
        try:
            text = stub_text(self._file, self._options)
        except IdlError as error:
            raise ImportError(str(error), name=module.__name__, path=self._file) from error
        execute(text, self._file, module)


def install_import_hook(
    *,
    search: Iterable[str | os.PathLike[str]] = (),
    defines: Mapping[str, str] | None = None,
    dialect: str = "auto",
    cached: bool = True,
) -> ImportHook:
    """From here on `import calc` finds `calc.idl` in the folders of `sys.path`, or of the package around it.

    search: folders for what the IDL files import. defines, dialect, cached: as of `load`. IDL that has errors raises
    ImportError, whose text is the diagnostics; warnings go to the log. The hook is the last that Python asks;
    `ImportHook.remove` ends it.
    """
    folders = [os.fspath(folder) for folder in search]
    hook = ImportHook(Options(search=folders, defines=defines or {}, dialect=dialect, cached=cached))
    sys.meta_path.append(hook)
    return hook


def _candidates(name: str, folders: Sequence[str]) -> Iterator[str]:
    spellings = dict.fromkeys((name, name.replace("_", "-")))
    for folder in folders:
        for spelling in spellings:
            yield os.path.join(folder or os.getcwd(), f"{spelling}.idl")
