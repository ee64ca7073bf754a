"""Operations: parameters, directions, handles and results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from .. import catalogue, model
from ..diagnostics import Span, diagnose, problem
from ..syntax import tree
from . import attributes as attribute_table
from .attributes import AttributeSet
from .correlations import Neighbour, siblings_in
from .declared import apply, declare
from .definitions import selectors, shape_of
from .lowering import Lowering, Unusable, determined, is_count
from .scopes import Binding, check_name
from .shapes import Broken, Draft, Shape, Special


@dataclass(slots=True)
class _Parameter:
    """A parameter while its operation is bound."""

    name: str
    span: Span
    shape: Shape
    is_in: bool
    is_out: bool


def operation(binding: Binding, declaration: tree.Declaration, number: int) -> model.Operation | None:
    """The operation that a declaration makes; None when nothing of it travels ([local])."""
    declarator = declaration.declarators[0]
    name, span = declarator.name or "", declarator.span
    check_name(name, span)
    attributes = attribute_table.read(declaration.attributes, "operation", binding.report)
    signature = declarator.levels[0] if declarator.levels else None
    if not isinstance(signature, tree.Parameters) or len(declaration.declarators) != 1:
        raise problem(catalogue.NOT_AN_OPERATION, span, name=name)
    if "local" in attributes:
        binding.report.append(diagnose(catalogue.LOCAL_INTERFACE, span, name=name))
        return None
    parameters = _parameters(binding, signature, name)
    return model.Operation(
        name=name,
        number=number,
        parameters=_lowered(binding, parameters),
        returns=_result(binding, declaration, declarator, attributes),
        span=span,
    )


def _result(
    binding: Binding, declaration: tree.Declaration, declarator: tree.Declarator, attributes: AttributeSet
) -> model.Type | None:
    span = declarator.span
    shape = declare(binding, binding.shape_of(declaration.type), replace(declarator, levels=declarator.levels[1:]))
    shape = apply(binding, shape, attributes, name="the result", span=span, position="operation")
    if shape.base is Special.VOID and not shape.levels:
        return None
    if isinstance(shape.base, Draft) and shape.base.kind == "context":
        raise problem(catalogue.UNSUPPORTED, span, what="a context handle as the result of an operation")
    try:
        return Lowering(binding, "the result", declaration.type.span, {}).type(shape)
    except Unusable:
        return None


def _parameters(binding: Binding, signature: tree.Parameters, operation_name: str) -> list[_Parameter]:
    found: list[_Parameter] = []
    handles = 0
    names: set[str] = set()
    for number, written in enumerate(signature.parameters, 1):
        if _is_void(written, signature.parameters):
            break
        parameter = _parameter(binding, written, number)
        if parameter.shape.base is Special.HANDLE:
            handles += 1
            if handles > 1:
                words = {"operation": operation_name}
                binding.report.append(diagnose(catalogue.TOO_MANY_HANDLES, parameter.span, **words))
            continue
        if parameter.name in names:
            words = {"name": parameter.name, "where": operation_name}
            binding.report.append(diagnose(catalogue.DUPLICATE_FIELD, parameter.span, **words))
        names.add(parameter.name)
        found.append(parameter)
    return found


def _is_void(parameter: tree.Parameter, parameters: Sequence[tree.Parameter]) -> bool:
    """`(void)`."""
    nothing = isinstance(parameter.type, tree.Words) and parameter.type.words == ("void",)
    return nothing and len(parameters) == 1 and not parameter.declarator.levels and not parameter.declarator.name


def _parameter(binding: Binding, written: tree.Parameter, number: int) -> _Parameter:
    name, span = written.declarator.name or f"param_{number}", written.span
    attributes = attribute_table.read(written.attributes, "parameter", binding.report)
    is_in, is_out = "in" in attributes, "out" in attributes
    with binding.collecting():
        check_name(name, span)
        handle_name = written.type.name if isinstance(written.type, tree.Named) else name
        shape = declare(binding, shape_of(binding, written.type, attributes, name), written.declarator)
        shape = apply(binding, shape, attributes, name=handle_name, span=span, position="parameter")
        if not is_in and not is_out and shape.base is not Special.HANDLE:
            binding.report.append(diagnose(catalogue.NO_DIRECTION, span, name=name))
        parameter = _Parameter(name, span, shape, is_in or not is_out, is_out)
        if is_out:
            _check_out(parameter)
        return parameter
    return _Parameter(name, span, Shape(Broken()), is_in or not is_out, is_out)


def _check_out(parameter: _Parameter) -> None:
    """What [out] asks of a type (C706 4.2.24)."""
    shape = parameter.shape
    if isinstance(shape.base, Broken):
        return
    if not shape.levels:
        raise problem(catalogue.OUT_NOT_POINTER, parameter.span, name=parameter.name)
    first = shape.levels[0]
    if first.pointer and first.explicit in ("unique", "ptr") and not parameter.is_in:
        raise problem(catalogue.OUT_NOT_REF, parameter.span, name=parameter.name, kind=first.explicit)
    unsized = first.size is None and first.bound is None and (first.string or not first.pointer)
    if unsized and not parameter.is_in:
        raise problem(catalogue.OUT_UNSIZED, parameter.span, name=parameter.name)


def _lowered(binding: Binding, parameters: list[_Parameter]) -> tuple[model.Parameter, ...]:
    siblings = {found.name: Neighbour(found.shape, found.is_in, found.is_out) for found in parameters}
    lowered: list[model.Parameter] = []
    for found in parameters:
        with binding.collecting():
            lowering = Lowering(binding, found.name, found.span, siblings, top=True)
            try:
                type_ = lowering.type(found.shape)
            except Unusable:
                continue
            _check_directions(found, type_, siblings)
            lowered.append(
                model.Parameter(
                    name=found.name,
                    type=type_,
                    is_in=found.is_in,
                    is_out=found.is_out,
                    by_value=not found.shape.levels,
                    span=found.span,
                )
            )
    return _with_auto(lowered)


def _check_directions(parameter: _Parameter, type_: model.Type, siblings: dict[str, Neighbour]) -> None:
    """A size must travel where its array does, and before it where memory is taken for it (C706 4.2.17.5)."""
    for name in sorted(_named(type_)):
        sibling = siblings[name]
        if parameter.is_in and not sibling.is_in:
            words = {"name": name, "array": parameter.name}
            raise problem(catalogue.SIZE_DIRECTION, parameter.span, **words)
    array = type_.target if isinstance(type_, model.Pointer) and parameter.is_in else type_
    if isinstance(array, (model.Array, model.String)) and not parameter.is_in:
        for name in sorted(siblings_in(array.size)):
            if not siblings[name].is_in:
                raise problem(catalogue.OUT_UNSIZED, parameter.span, name=parameter.name)


def _named(type_: model.Type) -> frozenset[str]:
    match type_:
        case model.Pointer(target=inner):
            return _named(inner)
        case model.Array(element=element, size=size, length=length, first=first):
            return _named(element) | siblings_in(size) | siblings_in(length) | siblings_in(first)
        case model.String(size=size):
            return siblings_in(size)
        case model.Selected(switch=switch):
            return siblings_in(switch)
        case _:
            return frozenset()


def _with_auto(parameters: list[model.Parameter]) -> tuple[model.Parameter, ...]:
    """The parameters, those that an [in] array determines marked."""
    counts = frozenset[str]().union(*(determined(found.type) for found in parameters if found.is_in))
    tags = frozenset[str]().union(*(selectors(found.type) for found in parameters))
    return tuple(
        found.model_copy(update={"auto": True})
        if found.name in counts - tags and not found.is_out and is_count(found.type)
        else found
        for found in parameters
    )


def handles_closed(operation_: model.Operation) -> str | None:
    """The key of the context handle that an operation takes and gives back as its only parameter."""
    if len(operation_.parameters) != 1:
        return None
    parameter = operation_.parameters[0]
    if not (parameter.is_in and parameter.is_out and isinstance(parameter.type, model.Defined)):
        return None
    return parameter.type.key
