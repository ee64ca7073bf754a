"""The compilation: one tuple of passes over a unit, each `(unit) -> list[Diagnostic]`.

A pass may trust the ones before it. What a pass finds wrong it leaves out of the unit, so that those after it
still have something to say. Only the last pass makes the model, and only of a unit without errors.
"""

from __future__ import annotations

import gc
import posixpath
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, Literal

from . import catalogue, model
from .diagnostics import Diagnostic, Problem, Source, Span, diagnose, problem
from .pidl.dialect import looks_like_pidl
from .semantics import configuration, inheritance
from .semantics.attributes import read
from .semantics.binder import Binder, Found, nameless
from .semantics.constants import evaluate
from .semantics.headers import uuid_of
from .semantics.lowering import Lowering, Unusable
from .semantics.operations import handles_closed
from .semantics.scopes import Binding, TooMany
from .semantics.shapes import Draft
from .semantics.usage import kept_out, left_out, spoken, stuck
from .source import Library
from .syntax import tree
from .syntax.comments import doc_of_file
from .syntax.macros import Budget
from .syntax.parser import parse, parse_acf, parse_expression
from .syntax.preprocessor import Preprocessor
from .walking import held, keys

Dialect = Literal["auto", "midl", "pidl"]
"""auto: pidl when the file has what only that dialect has, else midl."""

MAX_IMPORTS: Final = 48
"""Files that import one another in a chain."""


@dataclass(slots=True)
class Unit:
    """One compilation on its way."""

    path: str
    library: Library
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
    preprocessor.predefine(unit.defines)
    file, complaints = parse(preprocessor.run(source))
    diagnostics += [*preprocessor.diagnostics, *complaints]
    _configure(unit, source, file, diagnostics)
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


def _configure(unit: Unit, source: Source, file: tree.File, diagnostics: list[Diagnostic]) -> None:
    """Lay the ACF of a file over it: `x.acf` beside `x.idl`, if there is one."""
    stem, ending = posixpath.splitext(source.name)
    if source.stock or ending.lower() == ".acf":
        return
    beside = unit.library.beside(source, f"{posixpath.basename(stem)}.acf")
    if beside is not None:
        preprocessor = Preprocessor(unit.library.find, _condition, unit.budget)
        preprocessor.predefine(unit.defines)
        configured, complaints = parse_acf(preprocessor.run(beside))
        diagnostics += [*preprocessor.diagnostics, *complaints]
        configuration.merge(file, configured, diagnostics)


def _imports(items: list[tree.Item] | tuple[tree.Item, ...]) -> Iterator[tree.Text]:
    for item in items:
        if isinstance(item, tree.Import):
            yield from item.files
        elif isinstance(item, (tree.Interface, tree.Library)):
            yield from _imports(item.items)


def _condition(text: str, at: Span) -> int:
    """The value of #if: names that are no macros count as 0."""
    binding = Binding(Source(at.file, ""), main=True)
    return evaluate(parse_expression(text, at), lambda name: 0, binding)


def translate(unit: Unit) -> list[Diagnostic]:
    """Give the files of another dialect the form that the binder knows."""
    found: list[Diagnostic] = []
    if dialect_of(unit) == "pidl":
        from .pidl.translation import translate as from_pidl

        unit.bound.tolerant = True
        stock = [file for source, file in unit.files if source.stock]
        from_pidl([file for source, file in unit.files if not source.stock], found, stock)
    return found


# Binding


def bind(unit: Unit) -> list[Diagnostic]:
    """Give every name its meaning."""
    binding, state, found = unit.bound, unit.found, list[Diagnostic]()
    for source, file in unit.files:
        state.family.learn(source, file.items)
        _name_interfaces(binding, file.items)
    state.family.settle(unit.main)
    for source, file in unit.files:
        binding.file, binding.main = source, source is unit.main
        binding.report = found if binding.main else []
        binder = Binder(binding, state)
        with binding.inside(), suppress(TooMany):
            binder.items(file.items)
        if binder.loose.made:
            nameless(binding, source, binder.loose.made)
    return found + state.problems


def _name_interfaces(binding: Binding, items: list[tree.Item]) -> None:
    """Interfaces are types everywhere, also before they are defined."""
    for name, attributes, _ in inheritance.names(items):
        iid = None
        with suppress(Problem):
            iid = uuid_of(read(attributes, "interface", []).get("uuid"))
        binding.interface(name, iid)


# Checks


def check_conformance(unit: Unit) -> list[Diagnostic]:
    """Where types of varying size may stand (C706 4.2.21, 14.3.7)."""
    found: list[Diagnostic] = []
    for draft in unit.bound.drafts:
        report = found if draft.file is unit.main and not unit.bound.tolerant else draft.problems
        match draft.definition:
            case model.Structure() as structure:
                report += _structure_conformance(unit, structure)
            case model.UnionType() as union:
                report += _arm_conformance(unit, draft, union)
            case model.SwitchUnion(union=union):
                report += _arm_conformance(unit, draft, union)
            case _:
                pass
    for parameter in () if unit.bound.tolerant else _parameters(unit):
        found += _element_conformance(unit, parameter.type, parameter.span)
    return found


def _structure_conformance(unit: Unit, structure: model.Structure) -> list[Diagnostic]:
    found: list[Diagnostic] = []
    for index, member in enumerate(structure.members):
        found += _element_conformance(unit, member.type, member.span)
        if not varies(unit, member.type):
            continue
        unit.conformant.add(structure.key)
        if unit.bound.tolerant and not isinstance(member.type, model.Array | model.MultiArray | model.String):
            what = f"{member.name}, a structure in a structure whose size varies"
            found.append(diagnose(catalogue.UNSUPPORTED, member.span, what=what))
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
        case model.Array(inline=True):
            return False
        case model.Array(bound=bound) | model.String(bound=bound):
            return bound is None
        case model.Flagged(target=target):
            return varies(unit, target)
        case model.MultiArray(dimensions=dimensions):
            return any(dimension.bound is None for dimension in dimensions)
        case model.Defined(key=key):
            return key in unit.conformant
        case _:
            return False


def check_values(unit: Unit) -> list[Diagnostic]:
    """Parameters by value have one size."""
    return [] if unit.bound.tolerant else _values(unit, _parameters(unit))


def _values(unit: Unit, parameters: Iterable[model.Parameter]) -> list[Diagnostic]:
    return [
        diagnose(catalogue.CONFORMANT_PLACE, parameter.span, type=parameter.name, place="a parameter by value")
        for parameter in parameters
        if parameter.by_value and varies(unit, parameter.type) and isinstance(parameter.type, model.Defined)
    ]


def _parameters(unit: Unit) -> Iterator[model.Parameter]:
    for operation in _operations(unit):
        yield from operation.parameters


def _operations(unit: Unit) -> Iterator[model.Operation]:
    for interface in unit.bound.interfaces:
        yield from interface.operations
        yield from interface.callbacks


def _misplaced(unit: Unit, operation: model.Operation) -> list[Diagnostic]:
    """What varies in size where that is not possible."""
    found = _values(unit, operation.parameters)
    for parameter in operation.parameters:
        found += _element_conformance(unit, parameter.type, parameter.span)
    return found


# Selecting


def leave_out(unit: Unit) -> list[Diagnostic]:
    """In the pidl dialect, keep operations whose types cannot travel out of the stub."""
    binding, found = unit.bound, list[Diagnostic]()
    if not binding.tolerant:
        return found
    reasons = stuck(binding.known)
    for index, interface in enumerate(binding.interfaces):
        operations = tuple(
            kept_out(operation, reasons, binding.known, _misplaced(unit, operation), found)
            for operation in interface.operations
        )
        binding.interfaces[index] = interface.model_copy(update={"operations": operations})
    return found


def select(unit: Unit) -> list[Diagnostic]:
    """Make the model: what the file declares, and what that uses of its imports."""
    binding, found = unit.bound, list[Diagnostic]()
    chosen = _reachable(unit, found)
    definitions = [draft.definition for draft in binding.drafts if draft.key in chosen and draft.definition]
    kept = [constant for constant, file in binding.made_constants if file is unit.main or not file.stock]
    closing, libraries = _closing(unit), unit.found.libraries
    unit.model = model.Model(
        source=unit.main.name,
        dialect=dialect_of(unit),
        doc=doc_of_file(unit.main),
        interfaces=tuple(inheritance.base_first(binding.interfaces)),
        definitions=tuple(
            definition.model_copy(update={"closed_by": closing.get(definition.key)})
            if isinstance(definition, model.ContextType)
            else definition
            for definition in definitions
        ),
        constants=tuple({constant.name: constant for constant in kept}.values()),
        aliases=_aliases(unit, chosen),
        libraries=tuple(libraries.libraries),
        coclasses=tuple(libraries.coclasses),
        dispinterfaces=tuple(libraries.dispinterfaces),
        modules=tuple(libraries.modules),
    )
    return found


def dialect_of(unit: Unit) -> Literal["midl", "pidl"]:
    """The dialect of the main file: as asked for, or told by what only the one has."""
    if unit.dialect != "auto":
        return unit.dialect
    return "pidl" if looks_like_pidl(unit.main.text) else "midl"


def _reachable(unit: Unit, found: list[Diagnostic]) -> set[str]:
    """Keys of definitions to be printed. What keeps a type from travelling is reported if something needs it to."""
    chosen: set[str] = set()
    todo: list[tuple[str, Span | None]] = []
    for operation in _operations(unit):
        types = [(parameter.type, parameter.span) for parameter in operation.parameters]
        if operation.returns is not None:
            types.append((operation.returns, operation.span))
        todo += [(key, span) for type_, span in types for key in keys(type_)]
    while todo:
        key, span = todo.pop()
        if key not in chosen:
            chosen.add(key)
            todo += _used(unit.bound.known[key], span, found)
    return chosen | _kept(unit, chosen, found)


def _used(draft: Draft, span: Span | None, found: list[Diagnostic]) -> list[tuple[str, Span | None]]:
    known = {id(diagnostic) for diagnostic in found}
    found += [one for one in _obstacles(draft, span) if id(one) not in known]
    return [(key, at or span) for type_, at in held(draft.definition) for key in keys(type_)]


def _obstacles(draft: Draft, span: Span | None) -> list[Diagnostic]:
    """Why a definition cannot travel."""
    errors = [one for one in draft.problems if one.severity == "error"]
    if draft.definition is None and not errors:
        return [diagnose(catalogue.INCOMPLETE, span or draft.span, type=spoken(draft))]
    return errors


def _kept(unit: Unit, chosen: set[str], found: list[Diagnostic]) -> set[str]:
    """Keys of definitions that nothing uses and that are printed all the same: those of the file that can travel."""
    binding = unit.bound
    reasons = stuck(binding.known)
    kept: set[str] = set()
    for draft in binding.drafts:
        exported = draft.kind == "enum" and not draft.file.stock
        wanted = draft.file is unit.main or exported
        if wanted and not draft.guid and not draft.presented and draft.key not in reasons:
            kept.add(draft.key)
    kept = _closure(unit, kept)
    found += left_out(binding.known.values(), reasons, chosen | kept, unit.main)
    return kept


def _closure(unit: Unit, wanted: set[str]) -> set[str]:
    """The definitions that others need."""
    closure, todo = set[str](), list(wanted)
    while todo:
        key = todo.pop()
        if key not in closure:
            closure.add(key)
            todo += [inner for type_, _ in held(unit.bound.known[key].definition) for inner in keys(type_)]
    return closure


def _closing(unit: Unit) -> dict[str, str]:
    """For each context handle the one operation that closes it."""
    words = ("close", "free", "release", "delete", "end")
    closing: dict[str, list[str]] = {}
    for operation in _operations(unit):
        key = handles_closed(operation)
        if key is not None and any(word in operation.name.lower() for word in words):
            closing.setdefault(key, []).append(operation.name)
    return {key: names[0] for key, names in closing.items() if len(names) == 1}


def _aliases(unit: Unit, chosen: set[str]) -> tuple[model.Alias, ...]:
    """Every typedef and tag of the file, and those of the imported definitions that are printed."""
    found: dict[str, model.Alias] = {}
    for name, shape, file, span, attributes, doc in unit.bound.aliases:
        draft = shape.base if isinstance(shape.base, Draft) else None
        if file is not unit.main and (draft is None or draft.key not in chosen):
            continue
        lowering = Lowering(unit.bound, name, span, {}, top=not shape.levels, loose=True)
        try:
            type_ = lowering.type(shape)
        except (Unusable, Problem):
            continue
        if set(keys(type_)) <= chosen:
            found[name] = model.Alias(name=name, type=type_, doc=doc, attributes=attributes, span=span)
    return tuple(found.values())


PASSES: Final[tuple[Pass, ...]] = (
    load, translate, bind, check_conformance, check_values, leave_out, select,
)  # fmt: skip
"""In this order."""


def run(unit: Unit) -> list[Diagnostic]:
    """All passes; the model is there when none of them found an error."""
    with _uncollected():
        return _run(unit)


@contextmanager
def _uncollected() -> Generator[None]:
    """No garbage collection: trees have no cycles worth finding, and looking takes three quarters of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _run(unit: Unit) -> list[Diagnostic]:
    diagnostics: list[Diagnostic] = []
    for step in PASSES:
        diagnostics += step(unit)
        if step is load and any(found.severity == "error" for found in diagnostics):
            break
    if any(found.severity == "error" for found in diagnostics):
        unit.model = None
    return diagnostics
