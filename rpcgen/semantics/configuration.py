"""Configuration: what an ACF says is laid over the syntax tree of its IDL file, before anything is bound.

An attribute of an ACF (C706 4.3) is then one like those of the file: the table says whether it is honoured, and
contradictions are found where all are found. A [comm_status] or [fault_status] parameter that only the ACF knows is
the caller's and does not travel (C706 4.3.4). Counterparts: `syntax/acf.py` reads the file; the binder sees one tree.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from .. import catalogue
from ..diagnostics import Diagnostic, Span, diagnose
from ..syntax import acf, tree

_STATUS = frozenset(("comm_status", "fault_status"))


def merge(file: tree.File, configured: Sequence[acf.AcfInterface], report: list[Diagnostic]) -> None:
    """Lay the attributes over the items of `file`; what they name and the file does not have goes to `report`."""
    for interface in configured:
        found = False
        for items in _lists(file):
            for index, item in enumerate(items):
                if isinstance(item, tree.Interface) and item.name == interface.name:
                    items[index] = _Interface(file, item, interface, report).merged()
                    found = True
        if not found:
            report.append(
                diagnose(
                    catalogue.NOT_CONFIGURED,
                    interface.span,
                    what="interface",
                    name=interface.name,
                    where="the IDL file",
                )
            )


def _lists(file: tree.File) -> Iterator[list[tree.Item]]:
    """The lists that hold interfaces; those of libraries are put back when they have been walked."""
    yield file.items
    for index, item in enumerate(file.items):
        if isinstance(item, tree.Library):
            inner = list(item.items)
            yield inner
            file.items[index] = replace(item, items=tuple(inner))


@dataclass(slots=True)
class _Interface:
    """One interface and its configuration."""

    file: tree.File
    item: tree.Interface
    configured: acf.AcfInterface
    report: list[Diagnostic]

    def merged(self) -> tree.Interface:
        items = list(self.item.items)
        for entry in self.configured.items:
            if isinstance(entry, acf.AcfOperation):
                self._operation(items, entry)
            else:
                for name in entry.names:
                    self._typedef(items, name, entry.attributes)
        return replace(self.item, attributes=(*self.item.attributes, *self.configured.attributes), items=tuple(items))

    def _missing(self, what: str, name: str, span: Span, where: str) -> None:
        self.report.append(diagnose(catalogue.NOT_CONFIGURED, span, what=what, name=name, where=where))

    def _operation(self, items: list[tree.Item], entry: acf.AcfOperation) -> None:
        for index, item in enumerate(items):
            if isinstance(item, tree.Declaration) and item.declarators and item.declarators[0].name == entry.name:
                levels = item.declarators[0].levels
                if levels and isinstance(levels[0], tree.Parameters):
                    items[index] = self._configured(item, levels[0], entry)
                    return
        self._missing("operation", entry.name, entry.span, f"the interface {self.item.name}")

    def _configured(
        self, item: tree.Declaration, signature: tree.Parameters, entry: acf.AcfOperation
    ) -> tree.Declaration:
        parameters = list(signature.parameters)
        places = {each.declarator.name: index for index, each in enumerate(parameters)}
        for wanted in entry.parameters:
            index = places.get(wanted.name)
            if index is not None:
                both = (*parameters[index].attributes, *wanted.attributes)
                parameters[index] = replace(parameters[index], attributes=both)
            elif not _STATUS & {found.name for found in wanted.attributes}:
                self._missing("parameter", wanted.name, wanted.span, f"the operation {entry.name}")
        declarator = item.declarators[0]
        levels = (replace(signature, parameters=tuple(parameters)), *declarator.levels[1:])
        declarators = (replace(declarator, levels=levels), *item.declarators[1:])
        return replace(item, attributes=(*item.attributes, *entry.attributes), declarators=declarators)

    def _typedef(self, items: list[tree.Item], name: tree.Name, attributes: tree.Attributes) -> None:
        for held in (items, self.file.items):
            for index, item in enumerate(held):
                if isinstance(item, tree.Typedef) and any(each.name == name.name for each in item.declarators):
                    held[index : index + 1] = _split(item, name.name, attributes)
                    return
        self._missing("type", name.name, name.span, f"the interface {self.item.name}")


def _split(item: tree.Typedef, name: str, attributes: tree.Attributes) -> list[tree.Item]:
    """The typedef with the attributes on one of its names only; a body is defined once, under a tag."""
    both = (*item.attributes, *attributes)
    if len(item.declarators) == 1:
        return [replace(item, attributes=both)]
    made: list[tree.Item] = []
    spec, kind = item.type, _BODIES.get(type(item.type))
    if kind is not None and isinstance(spec, (tree.Struct, tree.PlainUnion, tree.SwitchUnion, tree.Enum)):
        tag = spec.tag or name
        made.append(tree.Declaration(item.span, item.attributes, replace(spec, tag=tag), ()))
        spec = tree.Tagged(spec.span, kind, tag)
    for each in item.declarators:
        attributes = both if each.name == name else item.attributes
        made.append(replace(item, type=spec, declarators=(each,), attributes=attributes))
    return made


_BODIES: dict[type, str] = {
    tree.Struct: "struct", tree.PlainUnion: "union", tree.SwitchUnion: "union", tree.Enum: "enum",
}  # fmt: skip
