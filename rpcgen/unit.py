"""The unit: one compilation on its way through the passes, which fill it. Counterpart: `passes.py` runs them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from . import Dialect, model
from .diagnostics import Diagnostic, Source
from .pidl.dialect import looks_like_pidl
from .semantics.binder import Found
from .semantics.scopes import Binding
from .source import Sources
from .syntax import tree
from .syntax.macros import Budget


@dataclass(slots=True)
class Unit:
    """One compilation on its way."""

    path: str
    sources: Sources
    defines: Mapping[str, str]
    dialect: Dialect = "auto"
    budget: Budget = field(default_factory=Budget)
    files: list[tuple[Source, tree.File]] = field(default_factory=list[tuple[Source, tree.File]])
    """In the order of binding: imports first, the file that was asked for last."""
    binding: Binding | None = None
    found: Found = field(default_factory=Found)
    """What the files give beside names."""
    conformant: set[str] = field(default_factory=set[str])
    """Keys of structures that end in an array of varying size."""
    model: model.Model | None = None

    @property
    def bound(self) -> Binding:
        """The binding, once there is one."""
        if self.binding is None:
            self.binding = Binding(Source(self.path, ""), main=True)
        return self.binding

    @property
    def main(self) -> Source:
        """The file that was asked for."""
        return self.files[-1][0]


Pass = Callable[[Unit], list[Diagnostic]]


def dialect_of(unit: Unit) -> Literal["midl", "pidl"]:
    """The dialect of the main file: as asked for, or told by what only the one has."""
    if unit.dialect != "auto":
        return unit.dialect
    return "pidl" if looks_like_pidl(unit.main.text) else "midl"


def operations(unit: Unit) -> Iterator[model.Operation]:
    """Of all interfaces, callbacks too."""
    for interface in unit.bound.interfaces:
        yield from interface.operations
        yield from interface.callbacks


def parameters(unit: Unit) -> Iterator[model.Parameter]:
    """Of all operations."""
    for operation in operations(unit):
        yield from operation.parameters
