"""rpcgen: IDL text to Python stubs.

The map. `source` finds and reads files; `syntax/` makes words of them, keeps their places, and makes the syntax tree;
`passes` runs the compilation: `semantics/` gives names their meaning, and the result is the `model`; `stubs/`
prints the model as Python. All complaints are `diagnostics` from the `catalogue`.

`finished` answers from the `cache` what was compiled before.

Rules: no text of an IDL file reaches a stub except checked names and escaped literals. Importing this loads neither
lark nor pydantic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from . import catalogue, parts
from .diagnostics import Diagnostic, Span, diagnose
from .source import Lister, Reader, Sources, list_folder, read_file

if TYPE_CHECKING:
    from .model import Model
    from .stubs.emitter import generate

__all__ = ["Compilation", "Diagnostic", "IdlError", "Model", "Reader", "Span", "compile_idl", "generate", "read_file"]


Dialect = Literal["auto", "midl", "pidl"]
"""auto: pidl when the file has what only that dialect has, else midl."""


@dataclass(frozen=True, slots=True)
class Compilation:
    """What came of an IDL file: the model, None when there are errors, and what there is to say."""

    model: Model | None
    diagnostics: tuple[Diagnostic, ...]

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The diagnostics that stopped the compilation."""
        return tuple(found for found in self.diagnostics if found.severity == "error")


class IdlError(Exception):
    """IDL that has errors, for callers that want a stub or nothing. diagnostics: what is wrong, and where."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        super().__init__("\n".join(map(str, diagnostics)))
        self.diagnostics = tuple(diagnostics)


def compile_idl(
    path: str,
    *,
    reader: Reader = read_file,
    lister: Lister | None = None,
    search: Sequence[str] = (),
    defines: Mapping[str, str] | None = None,
    dialect: Dialect = "auto",
) -> Compilation:
    """Compile an IDL file.

    path: its name, which `reader` is asked for. reader: gives the contents of a file, raises LookupError or
    FileNotFoundError for one that is not there; a dict of texts serves: `reader={"a.idl": text}.__getitem__`.
    lister: gives the names in a folder, by default those on disk when `reader` reads the disk, else none; it is for
    imports in other letters than the file's, and for parts. search: folders for imports and includes. defines: macros,
    as `-D` gives them. dialect: of the file's language, `auto` takes Samba's when the file has what only that has.
    Never raises for bad IDL.
    """
    from .passes import run
    from .unit import Unit

    if lister is None and reader is read_file:
        lister = list_folder

    def compiled(name: str) -> Compilation:
        unit = Unit(name, Sources(reader, search, lister), defines or {}, dialect)
        diagnostics = run(unit)
        return Compilation(unit.model, tuple(diagnostics))

    alone = compiled(path)
    unknown = parts.missing(alone.errors)
    if unknown is not None and lister is not None:
        for whole in parts.wholes(path, reader, lister):
            found = compiled(whole)
            if found.model is not None:
                said = diagnose(catalogue.PART, unknown.span, name=path, whole=whole)
                return Compilation(found.model, (said, *found.diagnostics))
    return alone


def __getattr__(name: str) -> Any:
    """What an answer from the cache does not need: pydantic, lark."""
    if name == "Model":
        from .model import Model

        return Model
    if name == "generate":
        from .stubs.emitter import generate

        return generate
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
