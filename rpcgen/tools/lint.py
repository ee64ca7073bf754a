"""Advice on IDL that compiles: attributes without effect, counts without bounds, what nobody uses.

Each rule is a function of the model; `RULES` is the list. Errors are the compiler's affair.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable, Iterator
from typing import Any, Final

from .. import catalogue, model
from ..diagnostics import Diagnostic, Source, Span, diagnose
from ..walking import closure, needed

Rule = Callable[[model.Model], Iterator[Diagnostic]]


def lint(found: model.Model) -> list[Diagnostic]:
    """All advice on a model, in the order of the places."""
    said = [diagnostic for rule in RULES for diagnostic in rule(found)]
    return sorted(said, key=lambda one: (one.span.file, one.span.line, one.span.column, one.code))


def without_effect(found: model.Model) -> Iterator[Diagnostic]:
    """Attributes that the model keeps and nothing follows from."""
    for declared in declarations(found):
        for attribute in declared.attributes:
            if attribute.effect == "none":
                yield _say(catalogue.IGNORED_ATTRIBUTE, attribute, name=attribute.name)
            elif attribute.effect == "unknown":
                yield _say(catalogue.UNKNOWN_ATTRIBUTE, attribute, name=attribute.name)


def unused(found: model.Model) -> Iterator[Diagnostic]:
    """Definitions that no operation of the file reaches; a file without operations is a library of types."""
    operations = [one for interface in found.interfaces for one in (*interface.operations, *interface.callbacks)]
    if not operations:
        return
    known = {definition.key: definition for definition in found.definitions}
    reached = closure((key for operation in operations for key in needed(operation)), known.get)
    for key, definition in known.items():
        if key not in reached and not isinstance(definition, model.Enumeration):
            yield _say(catalogue.UNUSED_TYPE, definition, name=definition.name)


def unbounded(found: model.Model) -> Iterator[Diagnostic]:
    """What a client may send without end: [in] arrays and strings without [range] on them or on their count."""
    for interface in found.interfaces:
        for operation in interface.operations:
            ranged = {one.name for one in operation.parameters if isinstance(one.type, model.Ranged)}
            for parameter in operation.parameters:
                if parameter.is_in and _is_unbounded(parameter.type, ranged):
                    yield _say(catalogue.UNBOUNDED, parameter, name=parameter.name)


def never_closed(found: model.Model) -> Iterator[Diagnostic]:
    """Types of context handles that no operation closes."""
    for definition in found.definitions:
        if isinstance(definition, model.ContextType) and definition.closed_by is None:
            yield _say(catalogue.NEVER_CLOSED, definition, name=definition.name)


def narrow(found: model.Model) -> Iterator[Diagnostic]:
    """Enumerators that the 16 bits of an enum do not hold (C706 14.2.5)."""
    for definition in found.definitions:
        if isinstance(definition, model.Enumeration) and not (definition.wide or definition.bits):
            for member in definition.members:
                if member.value > 0x7FFF:
                    yield _say(catalogue.ENUM_NARROW, member, name=member.name, value=member.value)


def renamed(found: model.Model) -> Iterator[Diagnostic]:
    """Names that Python keeps for itself."""
    for declared in declarations(found):
        name = getattr(declared, "name", None)
        if name is not None and keyword.iskeyword(name):
            yield _say(catalogue.RENAMED, declared, name=name, python=f"{name}_")


RULES: Final[tuple[Rule, ...]] = (without_effect, unused, unbounded, never_closed, narrow, renamed)


def declarations(found: model.Model) -> Iterator[model.Declared]:
    """Everything that has a name, but for what comes from another file."""
    for interface in found.interfaces:
        if not interface.imported:
            yield interface
            for operation in (*interface.operations, *interface.callbacks):
                yield operation
                yield from operation.parameters
    for definition in found.definitions:
        yield definition
        yield from _parts(definition)
    yield from found.constants
    yield from found.aliases
    yield from (*found.libraries, *found.coclasses, *found.dispinterfaces, *found.modules)
    for coclass in found.coclasses:
        yield from coclass.interfaces


def _parts(definition: model.Definition) -> Iterator[model.Declared]:
    match definition:
        case model.Structure(members=members) | model.Enumeration(members=members):
            yield from members
        case model.UnionType(cases=cases):
            yield from {(case.name, str(case.span)): case for case in cases}.values()
        case model.SwitchUnion(union=union):
            yield from _parts(union)
        case _:
            pass


def _is_unbounded(type_: model.Type, ranged: set[str]) -> bool:
    for inner in _inside(type_):
        if isinstance(inner, (model.Array, model.String)) and inner.bound is None and inner.limits is None:
            size = inner.size
            named = isinstance(size, model.Sibling) and size.name in ranged
            if not named and not isinstance(size, model.Number):
                return True
    return False


def _inside(type_: model.Type) -> Iterator[model.Type]:
    """A type and those that it is made of, short of definitions."""
    yield type_
    match type_:
        case model.Pointer(target=inner) | model.Ranged(target=inner):
            yield from _inside(inner)
        case model.Subcontext(target=inner) | model.Flagged(target=inner):
            yield from _inside(inner)
        case model.Array(element=inner) | model.MultiArray(element=inner) | model.Pipe(element=inner):
            yield from _inside(inner)
        case _:
            pass


def _say(entry: catalogue.Entry, declared: model.Declared | model.Attribute, **words: Any) -> Diagnostic:
    return diagnose(entry, _span(declared.span), **words)


def _span(place: object) -> Span:
    """The place of a declaration; in a model that was read from JSON only its words are left."""
    if isinstance(place, Span):
        return place
    name, _, rest = str(place or "?:1:1").rpartition(":")
    name, _, line = name.rpartition(":")
    return Span(Source(name or "?", ""), 0, lines_moved=int(line or 1) - 1) if rest else Span(Source("?", ""), 0)
