"""The compilation: one tuple of passes over a unit, each `(unit) -> list[Diagnostic]`.

A pass may trust the ones before it. What a pass finds wrong it leaves out of the unit, so that those after it
still have something to say. Only the last pass makes the model, and only of a unit without errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from . import catalogue, model
from .diagnostics import Diagnostic, Problem, Source, Span, diagnose, problem
from .semantics.binder import Binder, nameless
from .semantics.constants import evaluate
from .semantics.lowering import Lowering, Unusable
from .semantics.operations import handles_closed
from .semantics.scopes import Binding, TooMany
from .semantics.shapes import Draft
from .source import Library
from .syntax import tree
from .syntax.macros import Budget
from .syntax.parser import parse, parse_expression
from .syntax.preprocessor import PREDEFINED, Preprocessor
from .syntax.words import scan
from .walking import held, keys

MAX_IMPORTS: Final = 48
"""Files that import one another in a chain."""


@dataclass(slots=True)
class Unit:
    """One compilation on its way."""

    path: str
    library: Library
    defines: Mapping[str, str]
    budget: Budget = field(default_factory=Budget)
    files: list[tuple[Source, tree.File]] = field(default_factory=list[tuple[Source, tree.File]])
    """In the order of binding: imports first, the file that was asked for last."""
    binding: Binding | None = None
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

# Reading


def load(unit: Unit) -> list[Diagnostic]:
    """Read, preprocess and parse the file and its imports."""
    diagnostics: list[Diagnostic] = []
    try:
        _load(unit, unit.library.main(unit.path), set(), 0, diagnostics)
    except Problem as error:
        diagnostics.append(error.diagnostic)
    return diagnostics


def _load(unit: Unit, source: Source, seen: set[str], depth: int, diagnostics: list[Diagnostic]) -> None:
    seen.add(source.name)
    preprocessor = Preprocessor(unit.library.find, _condition, unit.budget)
    for name, value in {**PREDEFINED, **unit.defines}.items():
        preprocessor.define(name, [word for word in scan(Source("<define>", value)) if word is not None])
    file, complaints = parse(preprocessor.run(source))
    diagnostics += [*preprocessor.diagnostics, *complaints]
    for text in _imports(file.items):
        if depth >= MAX_IMPORTS:
            raise problem(catalogue.INCLUDE_DEPTH, text.span, limit=MAX_IMPORTS)
        try:
            imported = unit.library.find(text.value, text.span)
            if imported.name not in seen:
                _load(unit, imported, seen, depth + 1, diagnostics)
        except Problem as error:
            diagnostics.append(error.diagnostic)
    unit.files.append((source, file))


def _imports(items: list[tree.Item] | tuple[tree.Item, ...]) -> Iterator[tree.Text]:
    for item in items:
        if isinstance(item, tree.Import):
            yield from item.files
        elif isinstance(item, tree.Interface):
            yield from _imports(item.items)


def _condition(text: str, at: Span) -> int:
    """The value of #if: names that are no macros count as 0."""
    binding = Binding(Source(at.file, ""), main=True)
    return evaluate(parse_expression(text, at), lambda name: 0, binding.size_of)


# Binding


def bind(unit: Unit) -> list[Diagnostic]:
    """Give every name its meaning."""
    binding = unit.bound
    found: list[Diagnostic] = []
    for source, file in unit.files:
        binding.file, binding.main = source, source is unit.main
        binding.report = found if binding.main else []
        binder = Binder(binding)
        with binding.inside(), suppress(TooMany):
            binder.items(file.items)
        if binder.loose.made:
            nameless(binding, source, binder.loose.made)
    return found


# Checks


def check_conformance(unit: Unit) -> list[Diagnostic]:
    """Where types of varying size may stand (C706 4.2.21, 14.3.7)."""
    found: list[Diagnostic] = []
    for draft in unit.bound.drafts:
        report = found if draft.file is unit.main else draft.problems
        match draft.definition:
            case model.Structure() as structure:
                report += _structure_conformance(unit, structure)
            case model.UnionType() as union:
                report += _arm_conformance(unit, draft, union)
            case model.SwitchUnion(union=union):
                report += _arm_conformance(unit, draft, union)
            case _:
                pass
    for parameter in _parameters(unit):
        found += _element_conformance(unit, parameter.type, parameter.span)
    return found


def _structure_conformance(unit: Unit, structure: model.Structure) -> list[Diagnostic]:
    found: list[Diagnostic] = []
    for index, member in enumerate(structure.members):
        found += _element_conformance(unit, member.type, member.span)
        if not varies(unit, member.type):
            continue
        unit.conformant.add(structure.key)
        if index < len(structure.members) - 1:
            found.append(diagnose(catalogue.CONFORMANT_NOT_LAST, member.span, name=member.name))
    return found


def _arm_conformance(unit: Unit, draft: Draft, union: model.UnionType) -> list[Diagnostic]:
    spans = [span or draft.span for type_, span in held(union) if varies(unit, type_)]
    found = [diagnose(catalogue.CONFORMANT_PLACE, span, type="an arm", place="a union") for span in spans]
    for type_, span in held(union):
        found += _element_conformance(unit, type_, span or draft.span)
    return found


def _element_conformance(unit: Unit, type_: model.Type, span: Span) -> list[Diagnostic]:
    """Items of arrays have one size."""
    while isinstance(type_, (model.Pointer, model.Array)):
        if isinstance(type_, model.Array):
            element = type_.element
            if isinstance(element, model.Defined) and varies(unit, element):
                name = unit.bound.known[element.key].name
                return [diagnose(catalogue.CONFORMANT_PLACE, span, type=name, place="an array")]
            type_ = element
        else:
            type_ = type_.target
    return []


def varies(unit: Unit, type_: model.Type) -> bool:
    """Does the size of a value travel in front of the structure that holds it?"""
    match type_:
        case model.Array(bound=bound) | model.String(bound=bound):
            return bound is None
        case model.Defined(key=key):
            return key in unit.conformant
        case _:
            return False


def check_values(unit: Unit) -> list[Diagnostic]:
    """Parameters by value have one size."""
    return [
        diagnose(catalogue.CONFORMANT_PLACE, parameter.span, type=parameter.name, place="a parameter by value")
        for parameter in _parameters(unit)
        if parameter.by_value and varies(unit, parameter.type) and isinstance(parameter.type, model.Defined)
    ]


def _parameters(unit: Unit) -> Iterator[model.Parameter]:
    for interface in unit.bound.interfaces:
        for operation in interface.operations:
            yield from operation.parameters


# Selecting


def select(unit: Unit) -> list[Diagnostic]:
    """Make the model: what the file declares, and what that uses of its imports."""
    binding, found = unit.bound, list[Diagnostic]()
    chosen = _reachable(unit, found)
    definitions = [draft.definition for draft in binding.drafts if draft.key in chosen and draft.definition]
    kept = [constant for constant, file in binding.made_constants if file is unit.main or not file.stock]
    closing = _closing(unit)
    unit.model = model.Model(
        interfaces=tuple(binding.interfaces),
        definitions=tuple(
            definition.model_copy(update={"closed_by": closing.get(definition.key)})
            if isinstance(definition, model.ContextType)
            else definition
            for definition in definitions
        ),
        constants=tuple({constant.name: constant for constant in kept}.values()),
        aliases=_aliases(unit, chosen),
    )
    return found


def _reachable(unit: Unit, found: list[Diagnostic]) -> set[str]:
    """Keys of definitions to be printed. Problems of imported ones are reported now that they are used."""
    binding = unit.bound
    todo: list[tuple[str, Span | None]] = []
    for draft in binding.drafts:
        exported = draft.kind == "enum" and not draft.file.stock and not draft.problems
        if (draft.file is unit.main or exported) and not draft.guid:
            todo.append((draft.key, draft.span))
    for interface in binding.interfaces:
        for operation in interface.operations:
            types = [(parameter.type, parameter.span) for parameter in operation.parameters]
            if operation.returns is not None:
                types.append((operation.returns, operation.span))
            todo += [(key, span) for type_, span in types for key in keys(type_)]
    chosen: set[str] = set()
    while todo:
        key, span = todo.pop()
        if key not in chosen:
            chosen.add(key)
            todo += _used(binding.known[key], span, found)
    return chosen


def _used(draft: Draft, span: Span | None, found: list[Diagnostic]) -> list[tuple[str, Span | None]]:
    known = {id(diagnostic) for diagnostic in found}
    found += [one for one in draft.problems if id(one) not in known and one.severity == "error"]
    if draft.definition is None:
        found.append(diagnose(catalogue.INCOMPLETE, span or draft.span, type=f"{draft.kind} {draft.name}"))
    return [(key, at or span) for type_, at in held(draft.definition) for key in keys(type_)]


def _closing(unit: Unit) -> dict[str, str]:
    """For each context handle the one operation that closes it."""
    words = ("close", "free", "release", "delete", "end")
    closing: dict[str, list[str]] = {}
    for interface in unit.bound.interfaces:
        for operation in interface.operations:
            key = handles_closed(operation)
            if key is not None and any(word in operation.name.lower() for word in words):
                closing.setdefault(key, []).append(operation.name)
    return {key: names[0] for key, names in closing.items() if len(names) == 1}


def _aliases(unit: Unit, chosen: set[str]) -> tuple[model.Alias, ...]:
    """Every typedef and tag of the file, and those of the imported definitions that are printed."""
    found: dict[str, model.Alias] = {}
    for name, shape, file in unit.bound.aliases:
        draft = shape.base if isinstance(shape.base, Draft) else None
        if file is not unit.main and (draft is None or draft.key not in chosen):
            continue
        lowering = Lowering(unit.bound, name, Span(file, 0), {}, top=not shape.levels, loose=True)
        try:
            type_ = lowering.type(shape)
        except (Unusable, Problem):
            continue
        if set(keys(type_)) <= chosen:
            found[name] = model.Alias(name=name, type=type_)
    return tuple(found.values())


PASSES: Final[tuple[Pass, ...]] = (load, bind, check_conformance, check_values, select)
"""In this order."""


def run(unit: Unit) -> list[Diagnostic]:
    """All passes; the model is there when none of them found an error."""
    diagnostics: list[Diagnostic] = []
    for step in PASSES:
        diagnostics += step(unit)
        if step is load and any(found.severity == "error" for found in diagnostics):
            break
    if any(found.severity == "error" for found in diagnostics):
        unit.model = None
    return diagnostics
