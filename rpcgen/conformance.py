"""Conformance: where types may stand whose size varies (C706 4.2.21, 14.3.7).

The size of such a type travels in front of the structure that it ends; what would need it elsewhere is refused.
Counterpart: `passes.py` calls it between binding and selecting.
"""

from __future__ import annotations

from collections.abc import Iterable

from . import catalogue, model
from .diagnostics import Diagnostic, Span, diagnose
from .semantics.shapes import Draft
from .unit import Unit, operations, parameters
from .walking import held


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
    found += _result_conformance(unit)
    for parameter in () if unit.bound.tolerant else parameters(unit):
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


def _result_conformance(unit: Unit) -> list[Diagnostic]:
    """A result travels by value."""
    return [
        diagnose(catalogue.CONFORMANT_PLACE, one.span, type=f"the result of {one.name}", place="a result")
        for one in operations(unit)
        if not unit.bound.tolerant
        and one.span is not None
        and isinstance(one.returns, model.Defined)
        and varies(unit, one.returns)
    ]


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
    return [] if unit.bound.tolerant else _values(unit, parameters(unit))


def _values(unit: Unit, found: Iterable[model.Parameter]) -> list[Diagnostic]:
    return [
        diagnose(catalogue.CONFORMANT_PLACE, parameter.span, type=parameter.name, place="a parameter by value")
        for parameter in found
        if parameter.by_value and varies(unit, parameter.type) and isinstance(parameter.type, model.Defined)
    ]


def misplaced(unit: Unit, operation: model.Operation) -> list[Diagnostic]:
    """What varies in size where that is not possible."""
    found = _values(unit, operation.parameters)
    for parameter in operation.parameters:
        found += _element_conformance(unit, parameter.type, parameter.span)
    return found
