"""The compilation: one tuple of passes over a unit, each `(unit) -> list[Diagnostic]`.

A pass may trust the ones before it. What a pass finds wrong it leaves out of the unit, so that those after it
still have something to say. Only the last pass makes the model, and only of a unit without errors.
"""

from __future__ import annotations

import gc
import posixpath
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final

from . import catalogue, model
from .conformance import check_conformance, check_values, misplaced
from .diagnostics import Diagnostic, Problem, Source, Span, diagnose, problem
from .lacking import Taken
from .semantics import configuration, inheritance
from .semantics.attributes import read
from .semantics.binder import Binder, Found, nameless
from .semantics.constants import evaluate
from .semantics.headers import uuid_of
from .semantics.lowering import Lowering, Unusable
from .semantics.operations import STAYING, handles_closed, stays
from .semantics.scopes import Binding, TooMany
from .semantics.shapes import Draft
from .semantics.usage import kept_out, left_out, spoken, stuck
from .syntax import tree
from .syntax.comments import doc_of_file
from .syntax.parser import parse, parse_acf, parse_expression
from .syntax.preprocessor import Preprocessor
from .unit import Pass, Unit, dialect_of, operations
from .walking import closure, held, keys, needed

MAX_IMPORTS: Final = 48
"""Files that import one another in a chain."""
MAX_WARNINGS: Final = 1000


# Reading


def load(unit: Unit) -> list[Diagnostic]:
    """Read, preprocess and parse the file and its imports."""
    diagnostics: list[Diagnostic] = []
    try:
        _load(unit, unit.sources.main(unit.path), set(), 0, diagnostics)
    except Problem as error:
        diagnostics.append(error.diagnostic)
    return diagnostics


def _load(unit: Unit, source: Source, seen: set[str], depth: int, diagnostics: list[Diagnostic]) -> None:
    seen.add(source.name)
    preprocessor = Preprocessor(unit.sources.find, _condition, unit.budget)
    preprocessor.predefine(unit.defines)
    file, complaints = parse(preprocessor.run(source))
    diagnostics += [*preprocessor.diagnostics, *complaints]
    _configure(unit, source, file, diagnostics)
    for text in _imports(file.items):
        if depth >= MAX_IMPORTS:
            raise problem(catalogue.INCLUDE_DEPTH, text.span, limit=MAX_IMPORTS)
        try:
            imported = unit.sources.find(text.value, text.span)
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
    beside = unit.sources.beside(source, f"{posixpath.basename(stem)}.acf")
    if beside is not None:
        preprocessor = Preprocessor(unit.sources.find, _condition, unit.budget)
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


def leave_out(unit: Unit) -> list[Diagnostic]:
    """Take the operations out that only their process can call: those of objects that hold what has no wire form."""
    binding, found = unit.bound, list[Diagnostic]()
    if not any(interface.object for interface in binding.interfaces):
        return found
    reasons = stuck(binding.known)
    for index, interface in enumerate(binding.interfaces):
        if interface.object:
            operations = tuple(_travelling(unit, one, reasons, found) for one in interface.operations)
            if operations != interface.operations:
                binding.interfaces[index] = interface.model_copy(update={"operations": operations})
    return found


def _travelling(
    unit: Unit, made: model.Operation, reasons: Mapping[str, str], found: list[Diagnostic]
) -> model.Operation:
    """The operation, or the bare number of it when it cannot be called from another process."""
    wanted = set(needed(made))
    if wanted.isdisjoint(reasons):
        return made
    drafts = [unit.bound.known[key] for key in closure(wanted, lambda key: unit.bound.known[key].definition)]
    errors = [one for draft in drafts for one in _obstacles(draft, made.span)]
    if not errors or any(one.entry not in STAYING for one in errors):
        return made
    if made.span is not None and made.span.source is unit.main:
        found.append(stays(made.name, made.span, errors[0]))
    return made.model_copy(update={"parameters": (), "returns": None, "handle": None, "local": True})


# Selecting


def keep_out(unit: Unit) -> list[Diagnostic]:
    """In the pidl dialect, keep operations whose types cannot travel out of the stub."""
    binding, found = unit.bound, list[Diagnostic]()
    if not binding.tolerant:
        return found
    reasons = stuck(binding.known)
    for index, interface in enumerate(binding.interfaces):
        operations = tuple(
            kept_out(operation, reasons, binding.known, misplaced(unit, operation), found)
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


def _reachable(unit: Unit, found: list[Diagnostic]) -> set[str]:
    """Keys of definitions to be printed. What keeps a type from travelling is reported if something needs it to."""
    chosen: set[str] = set()
    todo: list[tuple[str, Span | None]] = []
    for operation in operations(unit):
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
    kept = closure(kept, lambda key: binding.known[key].definition)
    found += left_out(binding.known.values(), reasons, chosen | kept, unit.main)
    return kept


def _closing(unit: Unit) -> dict[str, str]:
    """For each context handle the one operation that closes it."""
    words = ("close", "free", "release", "delete", "end")
    closing: dict[str, list[str]] = {}
    for operation in operations(unit):
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
    load, translate, bind, leave_out, check_conformance, check_values, keep_out, select,
)  # fmt: skip
"""In this order."""


def run(unit: Unit) -> list[Diagnostic]:
    """All passes; the model is there when none of them found an error."""
    with _uncollected():
        return _run(unit)


@contextmanager
def _uncollected() -> Generator[None]:
    """No garbage collection: of all that a compilation makes five objects are in cycles, and looking for them takes a
    fifth of the time of a usual file, and half of a large one's (wine's mshtml.idl: 9.8 s without, 21.2 s with)."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _run(unit: Unit) -> list[Diagnostic]:
    diagnostics = load(unit)
    if any(found.severity == "error" for found in diagnostics):
        return diagnostics
    diagnostics += _supplied(unit, _understand(unit))
    if any(found.severity == "error" for found in diagnostics):
        unit.model = None
    return _shortened(diagnostics)


def _shortened(diagnostics: list[Diagnostic]) -> list[Diagnostic]:
    """Every error, and no more warnings than anybody reads."""
    warnings = [found for found in diagnostics if found.severity == "warning"]
    if len(warnings) <= MAX_WARNINGS:
        return diagnostics
    first = set(map(id, warnings[:MAX_WARNINGS]))
    kept = [found for found in diagnostics if found.severity == "error" or id(found) in first]
    return [*kept, diagnose(catalogue.TOO_MANY_WARNINGS, warnings[MAX_WARNINGS].span, limit=MAX_WARNINGS)]


def _understand(unit: Unit) -> list[Diagnostic]:
    """The passes behind `load`, from the start."""
    unit.binding, unit.found, unit.conformant = None, Found(), set()
    return [diagnostic for step in PASSES[1:] for diagnostic in step(unit)]


def _supplied(unit: Unit, found: list[Diagnostic]) -> list[Diagnostic]:
    """What is found when the file gets the stock files that it lacks; nothing else is tried when it lacks none."""
    taken = Taken()
    while dialect_of(unit) == "midl" and (wanted := taken.wanted(_in_order(unit, found))):
        files = list(unit.files)
        for name, said in wanted.items():
            _supply(unit, name, said.span)
        again = _understand(unit)
        if not taken.settle(found, again):
            unit.files = files
            break
        found = again
    return [*taken.warnings(), *found]


def _in_order(unit: Unit, found: list[Diagnostic]) -> list[Diagnostic]:
    """In the order of the files: a stock file goes in front of the first that lacks it."""
    places = {source.name: index for index, (source, _) in enumerate(unit.files)}
    return sorted(found, key=lambda one: places.get(one.span.source.name, len(places)))


def _supply(unit: Unit, name: str, at: Span) -> None:
    """Put a stock file in front of the file that lacks it."""
    names = [source.name for source, _ in unit.files]
    index = names.index(at.source.name) if at.source.name in names else len(names) - 1
    behind, unit.files[index:] = unit.files[index:], []
    stock = unit.sources.stock(name, at)
    if stock.name not in names:
        _load(unit, stock, set(names), 0, [])
    unit.files += behind
