"""Operations: numbers, names, what an operation may be, and its result.

Every declaration takes a number, also one that fails; callbacks count apart (MIDL), and an operation with [call_as]
takes the number of the local one that it stands for. A [local] operation has a number and nothing else: its types need
not travel and are not looked at. Counterpart: `parameters.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from .. import catalogue, model
from ..diagnostics import Diagnostic, Note, Problem, Span, diagnose, problem
from ..syntax import tree
from ..syntax.comments import doc_of
from . import attributes as attribute_table
from .attributes import AttributeSet
from .declared import apply, declare
from .headers import Place
from .inheritance import Taken
from .lowering import Lowering, Unusable
from .parameters import lowered, signature_of
from .scopes import NO_WIRE_FORM, Binding, check_name
from .shapes import Draft, Special

_PROPERTIES = (("propget", "get_"), ("propput", "put_"), ("propputref", "putref_"))
STAYING: Final = NO_WIRE_FORM | {
    catalogue.INCOMPLETE,
    catalogue.OUT_NOT_POINTER,
    catalogue.OUT_UNSIZED,
    catalogue.VARIABLE_ARGUMENTS,
}
"""What is wrong with an operation of an object only when it is called from another process."""
_STATUSES = tuple(model.Scalar(word=word) for word in ("ErrorStatus", "ULong", "Long", "NtStatus", "HResult"))
_OBJECT_RESULTS = frozenset(("HRESULT", "SCODE"))


@dataclass(slots=True)
class Operations:
    """The operations of an interface as they come; `taken` are the numbers of its bases."""

    place: Place
    taken: Taken = field(default_factory=Taken)
    made: list[model.Operation] = field(default_factory=list[model.Operation])
    callbacks: list[model.Operation] = field(default_factory=list[model.Operation])
    count: int = 0
    callback_count: int = 0
    _names: dict[str, Span] = field(default_factory=dict[str, Span])
    _local: dict[str, int] = field(default_factory=dict[str, int])
    _standing: list[tuple[model.Operation, tree.Attribute]] = field(
        default_factory=list[tuple[model.Operation, tree.Attribute]]
    )

    def add(self, binding: Binding, declaration: tree.Declaration) -> None:
        """One more; Problem when it is none."""
        written = {found.name: found for found in declaration.attributes if found.effect != "none"}
        callback, call_as = "callback" in written, written.get("call_as")
        number = self._number(callback=callback, stands="call_as" in written)
        name, span = name_of(declaration), declaration.declarators[0].span
        if name in self._names:
            note = Note("first defined here", self._names[name])
            raise problem(catalogue.REDEFINED, span, notes=(note,), name=name)
        self._names[name] = span
        complaints = len(binding.report)
        made = self._operation(binding, declaration, number)
        if made.local:
            self._local[name] = number
        if binding.tolerant:
            made = _tolerated(binding, made, complaints)
        if call_as is not None:
            self._standing.append((made, call_as))
        else:
            (self.callbacks if callback else self.made).append(made)

    def _operation(self, binding: Binding, declaration: tree.Declaration, number: int) -> model.Operation:
        """The operation. One of an object, or outside an interface, that has a type without a form on the wire is for
        its process alone: headers of COM are full of them, and MIDL makes the rest all the same (as widl does)."""
        report, mistakes, binding.report = binding.report, binding.mistakes, []
        made: model.Operation | None = None
        try:
            made = operation(binding, declaration, number, self.place)
        except Problem as error:
            binding.report.append(error.diagnostic)
        found, binding.report = binding.report, report
        errors = [one for one in found if one.severity == "error"]
        may_stay = self.place.object or self.place.outside
        if may_stay and errors and all(one.entry in STAYING for one in errors):
            binding.mistakes = mistakes
            report.append(stays(name_of(declaration), declaration.declarators[0].span, errors[0]))
            return _left_out(binding, declaration, number, self.place)
        if made is None:
            report += found[:-1]
            raise Problem(found[-1])
        report += found
        return made

    def _number(self, *, callback: bool, stands: bool) -> int:
        if callback:
            self.callback_count += 1
            return self.taken.callbacks + self.callback_count - 1
        if stands:
            return 0
        self.count += 1
        return self.taken.operations + self.count - 1

    def finish(self, binding: Binding) -> None:
        """Give those with [call_as] their numbers, and all their order."""
        first: dict[str, str] = {}
        for made, attribute in self._standing:
            with binding.collecting():
                target = _target(attribute)
                self._check_target(made, target, attribute.span)
                if target in first:
                    other = first[target]
                    raise problem(catalogue.CALL_AS_TWICE, attribute.span, name=made.name, target=target, first=other)
                first[target] = made.name
                number = self._local[target]
                self.made.append(made.model_copy(update={"number": number, "call_as": target}))
        self.made.sort(key=lambda each: each.number)

    def _check_target(self, made: model.Operation, target: str, at: Span) -> None:
        """Problem unless it is a local operation of this interface."""
        if target not in self._names:
            name, interface = made.name, self.place.name
            raise problem(catalogue.CALL_AS_UNKNOWN, at, name=name, target=target, interface=interface)
        if target not in self._local:
            raise problem(catalogue.CALL_AS_REMOTE, at, name=made.name, target=target)


def stays(name: str, span: Span, reason: Diagnostic) -> Diagnostic:
    """The warning about an operation that is left out."""
    notes = () if reason.span == span else (Note("this is the reason", reason.span),)
    return diagnose(catalogue.STAYS, span, notes=notes, name=name, reason=reason.message)


def _left_out(binding: Binding, declaration: tree.Declaration, number: int, place: Place) -> model.Operation:
    report, binding.report = binding.report, []  # what is to be said of its attributes is said
    made = operation(binding, declaration, number, replace(place, local=True))
    binding.report = report
    return made


def _tolerated(binding: Binding, made: model.Operation, complaints: int) -> model.Operation:
    """The operation, as one that does not travel if it has something that Samba encodes and lrpc does not."""
    said = binding.report[complaints:]
    stopped = next((found for found in said if binding.tolerates(found)), None)
    if stopped is None:
        return made
    binding.report[complaints:] = [diagnose(catalogue.LEFT_OUT, made.span, name=made.name, reason=stopped.message)]
    return made.model_copy(update={"parameters": (), "returns": None, "local": True})


def _target(attribute: tree.Attribute) -> str:
    slot = attribute.slot
    if not isinstance(slot, tree.Name):
        wanted = "the name of a local operation"
        raise problem(catalogue.ATTRIBUTE_ARGUMENTS, attribute.span, name=attribute.name, wanted=wanted)
    return slot.name


def name_of(declaration: tree.Declaration) -> str:
    """The name of an operation: those of a property are told apart by get_, put_ and putref_ (MIDL)."""
    name, written = declaration.declarators[0].name or "", {found.name for found in declaration.attributes}
    return next((prefix for attribute, prefix in _PROPERTIES if attribute in written), "") + name


def operation(binding: Binding, declaration: tree.Declaration, number: int, place: Place) -> model.Operation:
    """The operation that a declaration makes; Problem when it makes none."""
    declarator = declaration.declarators[0]
    name, span = name_of(declaration), declarator.span
    check_name(name, span)
    written = declarator.levels[0] if declarator.levels else None
    if not isinstance(written, tree.Parameters) or len(declaration.declarators) != 1:
        raise problem(catalogue.NOT_AN_OPERATION, span, name=name)
    attributes = attribute_table.read(declaration.attributes, "operation", binding.report)
    made = model.Operation(
        name=name,
        number=number,
        parameters=(),
        local=place.local or "local" in attributes,
        idempotent="idempotent" in attributes,
        maybe="maybe" in attributes,
        broadcast="broadcast" in attributes,
        doc=doc_of(span, declaration.attributes),
        attributes=attribute_table.kept(declaration.attributes, "operation"),
        span=span,
    )
    if made.local:
        return made
    if written.variadic:
        raise problem(catalogue.VARIABLE_ARGUMENTS, span, name=name)
    signature = signature_of(binding, place, written, name)
    made = made.model_copy(
        update={
            "parameters": lowered(binding, place, signature.parameters),
            "handle": signature.handle or ("IDL_handle" if "explicit_handle" in attributes else None),
            "returns": _result(binding, declaration, attributes),
        }
    )
    _check(binding, place, made, attributes)
    _check_result(binding, place, declaration, made)
    return made


def _result(binding: Binding, declaration: tree.Declaration, attributes: AttributeSet) -> model.Type | None:
    declarator, spec = declaration.declarators[0], declaration.type
    name = spec.name if isinstance(spec, tree.Named) else name_of(declaration)
    shape = declare(binding, binding.shape_of(spec), replace(declarator, levels=declarator.levels[1:]))
    shape = apply(binding, shape, attributes, name=name, span=declarator.span, position="operation")
    if shape.base is Special.VOID and not shape.levels:
        return None
    handle = isinstance(shape.base, Draft) and shape.base.kind == "context" and not shape.levels
    try:
        made = Lowering(binding, "the result", spec.span, {}, top=handle).type(shape)
    except Unusable:
        return None
    if isinstance(made, model.Pointer) and made.pointer == "ref":
        raise problem(catalogue.REF_RESULT, declarator.span, operation=name_of(declaration))
    if isinstance(made, model.Array | model.MultiArray):
        raise problem(catalogue.UNSUPPORTED, declarator.span, what="a result that is an array")
    return made


def _check(binding: Binding, place: Place, made: model.Operation, attributes: AttributeSet) -> None:
    """What an operation of its kind cannot have."""
    mark = attributes.get("callback")
    callback = mark is not None
    for name in ("callback", "maybe", "broadcast", "idempotent"):
        attribute = attributes.get(name)
        if place.object and attribute is not None:
            binding.report.append(diagnose(catalogue.CONTRADICTION, attribute.span, first="object", second=name))
    if mark is not None and not place.object:
        binding.report.append(diagnose(catalogue.CALLBACK_UNCARRIED, mark.span, name=made.name))
    for parameter in made.parameters:
        no_pipe = _no_pipe(place, made, callback=callback)
        if isinstance(parameter.type, model.Pipe) and no_pipe:
            binding.report.append(diagnose(catalogue.PIPE_OPERATION, parameter.span, name=parameter.name, what=no_pipe))
        if callback and _is_context(binding, parameter.type):
            binding.report.append(diagnose(catalogue.CALLBACK_CONTEXT, parameter.span, name=parameter.name))
        if made.maybe and parameter.is_out:
            what = f"[out] parameter {parameter.name}"
            binding.report.append(diagnose(catalogue.MAYBE_ANSWER, parameter.span, name=made.name, what=what))


def _no_pipe(place: Place, made: model.Operation, *, callback: bool) -> str | None:
    """What an operation is that cannot have pipes (C706 4.2.15; MIDL), if it is such a one."""
    if made.idempotent or made.maybe or made.broadcast:
        return "an operation that may run more than once or has no answer"
    if callback:
        return "a [callback] operation"
    if place.object:
        return "an operation of an object interface"
    return "an interface with [auto_handle]" if place.binding is not None and place.binding.kind == "auto" else None


def _is_context(binding: Binding, type_: model.Type) -> bool:
    while isinstance(type_, model.Pointer):
        type_ = type_.target
    return isinstance(type_, model.Defined) and binding.known[type_.key].kind == "context"


def _check_result(binding: Binding, place: Place, declaration: tree.Declaration, made: model.Operation) -> None:
    spec, span = declaration.type, declaration.type.span
    status = {found.name for found in made.attributes} & {"comm_status", "fault_status"}
    for attribute in made.attributes:
        if attribute.name in status and made.returns not in _STATUSES:
            why = f"{made.name} returns no error_status_t"
            at = attribute.span or span
            binding.report.append(diagnose(catalogue.NO_EFFECT, at, name=attribute.name, why=why))
    if made.maybe and made.returns is not None and not status:
        binding.report.append(diagnose(catalogue.MAYBE_ANSWER, span, name=made.name, what="result"))
    named = isinstance(spec, tree.Named) and spec.name in _OBJECT_RESULTS
    if place.object and not named and made.returns != model.Scalar(word="HResult"):
        binding.report.append(diagnose(catalogue.NOT_HRESULT, span, name=made.name))


def handles_closed(operation_: model.Operation) -> str | None:
    """The key of the context handle that an operation takes and gives back as its only parameter."""
    if len(operation_.parameters) != 1:
        return None
    parameter = operation_.parameters[0]
    if not (parameter.is_in and parameter.is_out and isinstance(parameter.type, model.Defined)):
        return None
    return parameter.type.key
