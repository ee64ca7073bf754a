"""Parameters: names, directions, binding handles, and the types that travel.

A handle_t is taken off the wire wherever it stands (MIDL); a [handle] type binds and still travels. A parameter with
[comm_status] or [fault_status] that is not [out] is a local variable of the caller and does not travel (C706 4.3.4).
Counterpart: `operations.py` has what concerns an operation as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .. import catalogue, model
from ..diagnostics import Span, diagnose, problem
from ..syntax import tree
from ..syntax.comments import doc_of
from . import attributes as attribute_table
from .attributes import AttributeSet
from .correlations import Neighbour, siblings_in
from .declared import apply, declare
from .definitions import selectors, shape_of
from .headers import Place
from .lowering import Lowering, Unusable, determined, is_count
from .scopes import Binding, check_name
from .shapes import Broken, Draft, Level, Shape, Special, Stream

_STATUS_WORDS = frozenset(("ErrorStatus", "ULong", "Long"))


@dataclass(slots=True)
class Parameter:
    """A parameter while its operation is bound."""

    name: str
    span: Span
    shape: Shape
    written: tree.Parameter
    attributes: AttributeSet
    is_in: bool
    is_out: bool


@dataclass(slots=True)
class Signature:
    """What stands between the parentheses of an operation: what travels, and its handle_t."""

    parameters: list[Parameter] = field(default_factory=list[Parameter])
    handle: str | None = None


def signature_of(binding: Binding, place: Place, written: tree.Parameters, operation: str) -> Signature:
    """The parameters, with their shapes."""
    found, names = Signature(), set[str]()
    for number, each in enumerate(written.parameters, 1):
        if _is_void(each, written.parameters):
            break
        parameter = _parameter(binding, each, number)
        if _is_deep_handle(parameter.shape):
            what = "a pointer to a pointer to a context handle"
            binding.report.append(diagnose(catalogue.UNSUPPORTED, parameter.span, what=what))
        if parameter.name in names:
            binding.report.append(
                diagnose(catalogue.DUPLICATE_FIELD, parameter.span, name=parameter.name, where=operation)
            )
        names.add(parameter.name)
        if parameter.shape.base is Special.HANDLE:
            _take_handle(binding, place, found, parameter, operation)
        elif not _hidden(binding, parameter):
            found.parameters.append(parameter)
    return found


def _is_deep_handle(shape: Shape) -> bool:
    is_context = isinstance(shape.base, Draft) and shape.base.kind == "context"
    return is_context and sum(level.pointer for level in shape.levels) > 1


def _is_void(parameter: tree.Parameter, parameters: Sequence[tree.Parameter]) -> bool:
    """`(void)`."""
    nothing = isinstance(parameter.type, tree.Words) and parameter.type.words == ("void",)
    return nothing and len(parameters) == 1 and not parameter.declarator.levels and not parameter.declarator.name


def _parameter(binding: Binding, written: tree.Parameter, number: int) -> Parameter:
    name, span = written.declarator.name or f"param_{number}", written.span
    attributes = attribute_table.read(written.attributes, "parameter", binding.report)
    is_in, is_out = "in" in attributes, "out" in attributes
    parameter = Parameter(name, span, Shape(Broken()), written, attributes, is_in or not is_out, is_out)
    with binding.collecting():
        check_name(name, span)
        handle_name = written.type.name if isinstance(written.type, tree.Named) else name
        shape = declare(binding, shape_of(binding, written.type, attributes, name), written.declarator)
        parameter.shape = apply(binding, shape, attributes, name=handle_name, span=span, position="parameter")
        silent = shape.base is Special.HANDLE or "comm_status" in attributes or "fault_status" in attributes
        if not is_in and not is_out and not silent:
            binding.report.append(diagnose(catalogue.NO_DIRECTION, span, name=name))
        if is_out and not binding.tolerant:
            _check_out(parameter)
    return parameter


def _take_handle(binding: Binding, place: Place, found: Signature, parameter: Parameter, operation: str) -> None:
    if found.handle is not None:
        binding.report.append(diagnose(catalogue.TOO_MANY_HANDLES, parameter.span, operation=operation))
    elif place.object:
        binding.report.append(diagnose(catalogue.OBJECT_HANDLE, parameter.span, name=parameter.name))
    found.handle = parameter.name


def _hidden(binding: Binding, parameter: Parameter) -> bool:
    """Is it a status that only the caller sees? Complains of one whose type is none."""
    attribute = parameter.attributes.get("comm_status") or parameter.attributes.get("fault_status")
    if attribute is None or isinstance(parameter.shape.base, Broken):
        return False
    base, levels = parameter.shape.base, parameter.shape.levels
    if len(levels) != 1 or not isinstance(base, model.Scalar) or base.word not in _STATUS_WORDS:
        binding.report.append(
            diagnose(catalogue.STATUS_TYPE, attribute.span, attribute=attribute.name, name=parameter.name)
        )
    return not parameter.is_out


def _check_out(parameter: Parameter) -> None:
    """What [out] asks of a type (C706 4.2.24)."""
    shape = parameter.shape
    if isinstance(shape.base, (Broken, Stream)):
        return
    if not shape.levels:
        raise problem(catalogue.OUT_NOT_POINTER, parameter.span, name=parameter.name)
    first = shape.levels[0]
    if first.pointer and first.explicit in ("unique", "ptr") and not parameter.is_in:
        raise problem(catalogue.OUT_NOT_REF, parameter.span, name=parameter.name, kind=first.explicit)
    unsized = first.size is None and first.bound is None and (first.string or not first.pointer)
    if unsized and not parameter.is_in:
        raise problem(catalogue.OUT_UNSIZED, parameter.span, name=parameter.name)


# Lowering


def lowered(binding: Binding, place: Place, parameters: list[Parameter]) -> tuple[model.Parameter, ...]:
    """The parameters as they travel; one that cannot is reported and left out."""
    siblings = {found.name: Neighbour(found.shape, found.is_in, found.is_out) for found in parameters}
    made: list[model.Parameter] = []
    for found in parameters:
        with binding.collecting():
            try:
                type_ = Lowering(binding, found.name, found.span, siblings, top=True).type(found.shape)
            except Unusable:
                continue
            _check_directions(found, type_, siblings)
            made.append(_made(place, found, type_))
    return _with_auto(made)


def _made(place: Place, found: Parameter, type_: model.Type) -> model.Parameter:
    spec = found.written.type
    return model.Parameter(
        name=found.name,
        type=type_,
        is_in=found.is_in,
        is_out=found.is_out,
        binding=isinstance(spec, tree.Named) and spec.name in place.handles,
        partial=_partial(found),
        by_value=not found.shape.levels,
        doc=doc_of(found.span, found.written.attributes),
        attributes=attribute_table.kept(found.written.attributes, "parameter"),
        span=found.span,
    )


def _partial(found: Parameter) -> bool:
    """[partial_ignore] (MS-RPCE 2.2.4.13): of a pointer that is [in, out, unique]."""
    attribute = found.attributes.get("partial_ignore")
    if attribute is None:
        return False
    first = found.shape.levels[0] if found.shape.levels else Level(False)
    if not (found.is_in and found.is_out and first.pointer and first.explicit == "unique"):
        raise problem(catalogue.PARTIAL_POINTER, attribute.span, name=found.name)
    return True


def _check_directions(parameter: Parameter, type_: model.Type, siblings: dict[str, Neighbour]) -> None:
    """A size must travel where its array does, and before it where memory is taken for it (C706 4.2.17.5)."""
    for name in sorted(_named(type_)):
        sibling = siblings[name]
        if parameter.is_in and not sibling.is_in:
            raise problem(catalogue.SIZE_DIRECTION, parameter.span, name=name, array=parameter.name)
    array = type_.target if isinstance(type_, model.Pointer) and parameter.is_in else type_
    if isinstance(array, (model.Array, model.String)) and not parameter.is_in:
        for name in sorted(siblings_in(array.size)):
            if not siblings[name].is_in:
                raise problem(catalogue.OUT_UNSIZED, parameter.span, name=parameter.name)


def _named(type_: model.Type) -> frozenset[str]:
    """The siblings that a type names."""
    match type_:
        case model.Pointer(target=inner):
            return _named(inner)
        case model.Array(element=element, size=size, length=length, first=first):
            return _named(element) | siblings_in(size) | siblings_in(length) | siblings_in(first)
        case model.MultiArray(element=element, dimensions=dimensions):
            parts = [part for each in dimensions for part in (each.size, each.length, each.first)]
            return frozenset[str]().union(_named(element), *map(siblings_in, parts))
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
