"""Type libraries: library, coclass, dispinterface and module, kept in the model by name.

None of them changes a stub. Interfaces, types and constants that stand in a library or module are bound like those of
the file; the methods of a dispinterface are called through IDispatch and the functions of a module are those of a DLL,
so neither travels on its own. Counterpart: `binder.py` binds what stands inside.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .. import model
from ..diagnostics import Diagnostic
from ..syntax import tree
from ..syntax.comments import doc_of
from . import attributes as attribute_table
from .headers import uuid_of, version_of


@dataclass(slots=True)
class Libraries:
    """What the main file declares of type libraries."""

    libraries: list[model.Library] = field(default_factory=list[model.Library])
    coclasses: list[model.Coclass] = field(default_factory=list[model.Coclass])
    dispinterfaces: list[model.Dispinterface] = field(default_factory=list[model.Dispinterface])
    modules: list[model.Module] = field(default_factory=list[model.Module])


def library(item: tree.Library, report: list[Diagnostic]) -> model.Library:
    """The names of what a library holds; Problem when its uuid or version is none."""
    written = attribute_table.read(item.attributes, "library", report)
    held: dict[str, list[str]] = {"interface": [], "coclass": [], "dispinterface": [], "module": [], "import": []}
    for inner in item.items:
        for kind, name in _entries(inner):
            if name not in held[kind]:
                held[kind].append(name)
    return model.Library(
        name=item.name,
        uuid=uuid_of(written.get("uuid")),
        version=version_of(written.get("version")),
        imports=tuple(held["import"]),
        interfaces=tuple(held["interface"]),
        coclasses=tuple(held["coclass"]),
        dispinterfaces=tuple(held["dispinterface"]),
        modules=tuple(held["module"]),
        doc=doc_of(item.span, item.attributes),
        attributes=attribute_table.kept(item.attributes, "library"),
        span=item.span,
    )


def _entries(item: tree.Item) -> list[tuple[str, str]]:
    match item:
        case tree.Interface(name=name):
            return [("interface", name)]
        case tree.Coclass(name=name):
            return [("coclass", name)]
        case tree.Dispinterface(name=name):
            return [("dispinterface", name)]
        case tree.Module(name=name):
            return [("module", name)]
        case tree.Forward(kind=kind, names=names):
            return [(kind, name.name) for name in names]
        case tree.ImportLibrary(file=file):
            return [("import", file.value)]
        case _:
            return []


def coclass(item: tree.Coclass, report: list[Diagnostic]) -> model.Coclass:
    """A class of objects; Problem when its uuid is none."""
    written = attribute_table.read(item.attributes, "coclass", report)
    return model.Coclass(
        name=item.name,
        uuid=uuid_of(written.get("uuid")),
        interfaces=tuple(_implemented(member, report) for member in item.members),
        doc=doc_of(item.span, item.attributes),
        attributes=attribute_table.kept(item.attributes, "coclass"),
        span=item.span,
    )


def _implemented(member: tree.CoclassMember, report: list[Diagnostic]) -> model.Implemented:
    written = attribute_table.read(member.attributes, "member", report)
    return model.Implemented(
        name=member.name,
        dispatch=member.kind == "dispinterface",
        source="source" in written,
        default="default" in written,
        doc=doc_of(member.span, member.attributes),
        attributes=attribute_table.kept(member.attributes, "member"),
        span=member.span,
    )


def dispinterface(item: tree.Dispinterface, report: list[Diagnostic]) -> model.Dispinterface:
    """What can be called through IDispatch; Problem when its uuid is none."""
    written = attribute_table.read(item.attributes, "dispinterface", report)
    return model.Dispinterface(
        name=item.name,
        uuid=uuid_of(written.get("uuid")),
        interface=None if item.interface is None else item.interface.name,
        properties=tuple(found.name or "" for line in item.properties for found in line.declarators),
        methods=tuple(found.name or "" for line in item.methods for found in line.declarators),
        doc=doc_of(item.span, item.attributes),
        attributes=attribute_table.kept(item.attributes, "dispinterface"),
        span=item.span,
    )


def module(item: tree.Module, report: list[Diagnostic]) -> model.Module:
    """The constants and functions of a DLL, by name."""
    attribute_table.read(item.attributes, "module", report)
    declared = [inner for inner in item.items if isinstance(inner, tree.Declaration) and inner.declarators]
    names = [(inner.declarators[0].name or "", inner.value is not None) for inner in declared]
    return model.Module(
        name=item.name,
        constants=tuple(name for name, constant in names if constant),
        functions=tuple(name for name, constant in names if not constant),
        doc=doc_of(item.span, item.attributes),
        attributes=attribute_table.kept(item.attributes, "module"),
        span=item.span,
    )


def is_function(item: tree.Item) -> bool:
    """A function of a module, which does not travel."""
    return isinstance(item, tree.Declaration) and bool(item.declarators) and item.value is None
