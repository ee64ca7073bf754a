"""From a request's stub to a method of the server's object, and back: what both faces of a server do for a call.

`Registry` knows which object answers for an interface; `serve` and `serve_async` run one call. What goes wrong
comes out as a Fault, whatever it was: a peer never sees a traceback, and never stops the server.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from .admission import Admit, Guard, guard
from .call import holder, peer
from .contexts import NO_HANDLES, STRICT, ContextTable, HandleRules, Hold
from .journal import note
from .ncacn.security import AuthLevel
from .ndr.blank import blank
from .ndr.errors import NdrError
from .ndr.layout import ContextHandle, Encoding, Field, Parameters
from .ndr.strictness import DEFAULT, Strictness
from .quota import Quota, quota
from .status import (
    NCA_OP_RNG_ERROR,
    NCA_SERVER_TOO_BUSY,
    NCA_UNKNOWN_IF,
    NCA_UNSPECIFIED,
    Fault,
    OperationOutOfRange,
    Ran,
    ServerTooBusy,
    StatusError,
    UnknownInterface,
    is_failure,
)
from .stub import AsyncContract, Contract, Interface, Octets, Operation

if TYPE_CHECKING:
    from .extended import Disclosure

Values = tuple[Any, ...]
UNSUPPORTED_TYPE = 0x1C010017
Wrap = Callable[[Interface, Operation[Any], Callable[..., Any]], Callable[..., Any]]
"""What is put around a method."""


ANSWERED_IN = {Encoding.NDR: Encoding.NDR, Encoding.NDR_BIG: Encoding.NDR, Encoding.NDR64: Encoding.NDR64}
"""What a request's encoding is answered in: a server writes in its own order of octets, and says so (C706 14.1)."""


class Method(NamedTuple):
    """An operation and the bound method that serves it."""

    operation: Operation[Any]
    function: Callable[..., Any]
    interface: UUID
    octets: Callable[[Any], Any]
    """What byte arrays become: bytes, or views of shared memory; then arrays of numbers are views too."""
    items: int
    """Objects that one request may make."""
    strictness: Strictness
    """What is overlooked in requests."""
    piped: bool = False
    """The operation has pipes: `pipes/piped_method.py` serves it."""
    guard: Guard | None = None
    """Who may call it."""
    quota: Quota | None = None
    """What its calls may cost."""
    callbacks: Interface | None = None
    """What it may call its client by, where that is carried."""
    rules: HandleRules = STRICT
    """Which context handles it takes."""


class Registration(NamedTuple):
    """An object that answers for one interface."""

    interface: Interface
    methods: dict[int, Method]
    object: UUID | None
    endpoints: frozenset[str] | None
    """The endpoints that it answers on; None: all of its server."""
    annotation: str = ""
    """What the endpoint mapper tells people about it."""

    def at(self, endpoint: str) -> bool:
        """Does it answer there?"""
        return self.endpoints is None or endpoint in self.endpoints


class Registry:
    """Which object answers for an interface, on which endpoint."""

    def __init__(self, items: int, wrap: Wrap | None = None, extended_errors: Disclosure = "status") -> None:
        self._items = items
        self._wrap = wrap
        self._extended_errors: Disclosure = extended_errors
        self.registrations: list[Registration] = []
        self.draining = False
        """Calls that come from now on are refused: the server stops."""
        self._built_in: list[Registration] = []
        """What a server answers by itself, where nobody registered the same."""

    def register(
        self,
        implementation: Contract | AsyncContract,
        *,
        object: UUID | None = None,
        endpoints: Sequence[str] | None = None,
        views: bool = False,
        annotation: str = "",
        built_in: bool = False,
        strictness: Strictness = DEFAULT,
        level: AuthLevel = AuthLevel.NONE,
        admit: Admit | None = None,
        local_only: bool = False,
        max_calls: int | None = None,
        max_request: int | None = None,
        handles: HandleRules = STRICT,
    ) -> list[Interface]:
        """Have an object answer for every interface that it implements. TypeError when it implements none."""
        interfaces = interfaces_of(implementation)
        if not interfaces:
            raise TypeError(_no_interface(implementation))
        octets: Callable[[Any], Any] = memoryview if views else bytes
        allowed = None if endpoints is None else frozenset(endpoints)
        for interface in interfaces:
            interface.require_calls()
            kept = guard(interface, level, admit, local_only=local_only)
            bounded = quota(interface, max_calls, max_request)
            methods = {
                operation.opnum: Method(
                    operation,
                    self._function(implementation, interface, operation),
                    interface.uuid,
                    octets,
                    self._items,
                    strictness,
                    operation.piped,
                    kept,
                    bounded,
                    interface.callbacks,
                    handles,
                )
                for operation in interface.operations
            }
            entry = Registration(interface, methods, object, allowed, annotation)
            (self._built_in if built_in else self.registrations).append(entry)
        return interfaces

    def _function(self, implementation: object, interface: Interface, operation: Operation[Any]) -> Callable[..., Any]:
        function: Callable[..., Any] = getattr(implementation, operation.method)
        return function if self._wrap is None else self._wrap(interface, operation, function)

    def told_of(self, fault: Fault) -> bytes:
        """What a client is told of a fault besides its status: extended error information ([MS-EERR]), as octets."""
        if self._extended_errors == "none" or (self._extended_errors == "status" and not fault.extended):
            return b""
        from .extended import disclosed  # hardly any fault has it

        try:
            return disclosed(fault, self._extended_errors)
        except Exception as error:  # whatever the owner's function does, the client is told of the fault
            note("bad_records", reason=str(error))
            return b""

    def interfaces(self, endpoint: str) -> list[Interface]:
        """What is registered there, each once, without what a server answers by itself."""
        return list(dict.fromkeys(found.interface for found in self.registrations if found.at(endpoint)))

    def offers(self, uuid: UUID, version: tuple[int, int], endpoint: str) -> bool:
        """Is the interface served there? Minor versions are upwards compatible (C706 6.1.2)."""
        return bool(self._serving(uuid, version, endpoint))

    def find(self, uuid: UUID, version: tuple[int, int], opnum: int, object: UUID | None, endpoint: str) -> Method:
        """The method of a call. A Fault when there is none; an object that nobody registered has the default one."""
        if self.draining:
            raise ServerTooBusy(NCA_SERVER_TOO_BUSY, "the server stops", ran=Ran.NO)
        serving = self._serving(uuid, version, endpoint)
        for wanted in (object, None):
            for found in serving:
                if found.object == wanted:
                    return _method(found, opnum)
        if serving:
            raise Fault(UNSUPPORTED_TYPE, ran=Ran.NO)
        raise UnknownInterface(NCA_UNKNOWN_IF, ran=Ran.NO)

    def _serving(self, uuid: UUID, version: tuple[int, int], endpoint: str) -> list[Registration]:
        """Who answers there: those that were registered, before what a server answers by itself."""
        for registrations in (self.registrations, self._built_in):
            serving = [
                found
                for found in registrations
                if found.interface.uuid == uuid
                and found.interface.version[0] == version[0]
                and found.interface.version[1] >= version[1]
                and found.at(endpoint)
            ]
            if serving:
                return serving
        return []


def _method(registration: Registration, opnum: int) -> Method:
    method = registration.methods.get(opnum)
    if method is None:
        raise OperationOutOfRange(NCA_OP_RNG_ERROR, ran=Ran.NO)
    return method


def _no_interface(implementation: object) -> str:
    """Why an object cannot be registered."""
    if isinstance(implementation, type):
        return f"{implementation.__name__} is a class: give an object, {implementation.__name__}()"
    return f"{type(implementation).__name__} implements no generated interface"


def interfaces_of(implementation: object) -> list[Interface]:
    """The generated interfaces that an object implements."""
    found = [base.__dict__.get("interface") for base in type(implementation).__mro__]
    return [interface for interface in found if isinstance(interface, Interface)]


# One call


def serve(method: Method, stub: Octets, encoding: Encoding, contexts: ContextTable) -> list[Octets]:
    """Run one call to a blocking method: the parts of the response's stub, or a Fault."""
    if method.guard is not None:
        method.guard.check(method.operation.opnum)
    if method.quota is None:
        return _served(method, stub, encoding, contexts)
    method.quota.check(len(stub))
    with method.quota:
        return _served(method, stub, encoding, contexts)


def _served(method: Method, stub: Octets, encoding: Encoding, contexts: ContextTable) -> list[Octets]:
    given = _decoded(method, stub, encoding)
    with holding(method, given, contexts) as handles:
        try:
            result = invoke(method, given, handles)
        except KeyboardInterrupt:  # of the program, which is to end
            raise
        except BaseException as error:
            return failed(method, given, error, ANSWERED_IN[encoding], contexts)
        return answered(method, given, result, ANSWERED_IN[encoding], contexts)


async def serve_async(method: Method, stub: Octets, encoding: Encoding, contexts: ContextTable) -> list[Octets]:
    """Run one call to an asyncio method."""
    if method.guard is not None:
        await method.guard.check_async(method.operation.opnum)
    if method.quota is None:
        return await _served_async(method, stub, encoding, contexts)
    method.quota.check(len(stub))
    with method.quota:
        return await _served_async(method, stub, encoding, contexts)


async def _served_async(method: Method, stub: Octets, encoding: Encoding, contexts: ContextTable) -> list[Octets]:
    given = _decoded(method, stub, encoding)
    async with holding(method, given, contexts) as handles:
        try:
            result = await invoke(method, given, handles)
        except (Exception, SystemExit) as error:
            return failed(method, given, error, ANSWERED_IN[encoding], contexts)
        return answered(method, given, result, ANSWERED_IN[encoding], contexts)


def answer(method: Method | Fault, stub: Octets, encoding: Encoding, contexts: ContextTable) -> list[Octets] | Fault:
    """What a call to a blocking method is answered with."""
    if isinstance(method, Fault):
        return method
    try:
        return serve(method, stub, encoding, contexts)
    except Fault as fault:
        return fault


async def answer_async(
    method: Method | Fault, stub: Octets, encoding: Encoding, contexts: ContextTable
) -> list[Octets] | Fault:
    """What a call to an asyncio method is answered with."""
    if isinstance(method, Fault):
        return method
    try:
        return await serve_async(method, stub, encoding, contexts)
    except Fault as fault:
        return fault


def _decoded(method: Method, stub: Octets, encoding: Encoding) -> Values:
    """The [in] values as NDR gives them."""
    operation = method.operation
    try:
        codec = operation.codecs(encoding, method.strictness).request
        return codec.decode(stub, octets=method.octets, items=method.items)
    except NdrError as error:
        raise refused(operation, error) from error


def refused(operation: Operation[Any], error: NdrError) -> Fault:
    """A stub that does not fit the operation, as a fault."""
    note("bad_stub", operation=operation.name, reason=str(error), peer=peer(), status=error.status, offset=error.offset)
    return Fault(error.status, f"{operation.name}: {error}", ran=Ran.NO)


def unfit(operation: Operation[Any], error: NdrError) -> Fault:
    """Results that do not fit the operation, as a fault."""
    misfit(operation, str(error))
    return Fault(NCA_UNSPECIFIED, f"{operation.name}: {error}", ran=Ran.YES)


def misfit(operation: Operation[Any], reason: str) -> None:
    """Log a method that gave back what it must not."""
    note("bad_result", operation=operation.name, reason=reason, peer=peer())


def invoke(method: Method, given: Values, handles: Sequence[Any]) -> Any:
    """What the method gives, or a coroutine of it. handles: the objects of its context handles."""
    operation = method.operation
    if handles:
        found, values = iter(handles), list(given)
        for each in operation.held:
            if values[each.place] is not None or not each.nullable:
                values[each.place] = next(found)
        given = tuple(values)
    return operation.invoke(method.function, given)


def holding(method: Method, given: Values, contexts: ContextTable) -> Hold:
    """What has the objects of a call's context handles while it runs; for either face.

    Only an [in, out] handle may be null, and is None then.
    """
    held = method.operation.held
    if not held:
        return NO_HANDLES
    wanted = [
        (given[place], type, shared)
        for place, type, shared, nullable in held
        if given[place] is not None or not nullable
    ]
    return contexts.hold(wanted, method.interface, holder(), method.rules)


def answered(method: Method, given: Values, result: Any, encoding: Encoding, contexts: ContextTable) -> list[Octets]:
    """The stub of what a method gave back."""
    operation = method.operation
    if operation.plain:
        return _encoded(method, given, (result,), encoding)
    outs = _outs(operation, result)
    if operation.handles:
        outs = stored(method, given, outs, contexts)
    return _encoded(method, given, (*outs, 0) if operation.hidden else outs, encoding)


def _outs(operation: Operation[Any], result: Any) -> Values:
    """The values of a response, out of what a method returned."""
    count = len(operation.response.fields) - operation.hidden
    if count == 1:
        return (result,)
    if count == 0 and result is None:
        return ()
    outs: Values | None = result  # if the method keeps to its signature
    if isinstance(outs, tuple) and len(outs) == count:
        return outs
    misfit(operation, f"{type(result).__name__} where {count} results belong")
    raise Fault(NCA_UNSPECIFIED, f"{operation.name} returned what it must not", ran=Ran.YES)


def _encoded(method: Method, given: Values, outs: Values, encoding: Encoding) -> list[Octets]:
    try:
        return method.operation.codecs(encoding).response.encode(outs, given)
    except NdrError as error:
        raise unfit(method.operation, error) from error


def stored(method: Method, given: Values, outs: Values, contexts: ContextTable) -> Values:
    """Context handles for objects: the one that an [in, out] handle came in as stays, unless None closes it."""
    operation = method.operation
    known = {parameter.name: value for parameter, value in zip(operation.inward, given, strict=True)}
    kept = [
        contexts.store(value, method.interface, parameter.layout.name, known.get(parameter.name), holder())
        if isinstance(parameter.layout, ContextHandle)
        else value
        for parameter, value in zip(operation.given_back, outs, strict=False)
    ]
    return (*kept, *outs[len(kept) :])


def failed(
    method: Method, given: Values, error: BaseException, encoding: Encoding, contexts: ContextTable
) -> list[Octets]:
    """What a method that raised answers: its status beside the other results, or a fault."""
    operation = method.operation
    if isinstance(error, StatusError) and operation.family is not None and is_failure(error.code, operation.family):
        if error.result is None:
            return _alone(method, given, error, encoding)
        return _encoded(method, given, (*_beside(method, given, error.result, contexts), error.code), encoding)
    if isinstance(error, Fault) and not error.received:
        try:
            raise error
        finally:
            del error  # or its traceback would hold it, and what its method allocated, in a circle
    raise fault_of(operation, error) from error


def fault_of(operation: Operation[Any], error: BaseException) -> Fault:
    """What a method's error is to a client, where it is not told by a status."""
    if isinstance(error, Fault):
        if not error.received:
            return error
        return type(error)(error.status, error.args[0], ran=Ran.YES, extended=error.extended)
    if isinstance(error, StatusError):
        return Fault(error.code, str(error), ran=Ran.YES, extended=error.extended)
    note("failed", operation=operation.name, peer=peer(), failure=error)
    return Fault(NCA_UNSPECIFIED, ran=Ran.YES)


def _beside(method: Method, given: Values, result: Any, contexts: ContextTable) -> Values:
    """The [out] values that a failure carries."""
    operation = method.operation
    count = len(operation.outward)
    outs: Values | None = result  # if there are several, perhaps with the status as well
    if not isinstance(outs, tuple) or (count <= 1 and operation.hidden):
        outs = (result,)
    outs = outs[:count]
    if len(outs) != count:
        misfit(operation, f"{type(result).__name__} beside its status, where {count} results belong")
        raise Fault(NCA_UNSPECIFIED, f"{operation.name} failed in a way that it must not", ran=Ran.YES)
    return stored(method, given, outs, contexts) if method.operation.handles else outs


def _alone(method: Method, given: Values, error: StatusError, encoding: Encoding) -> list[Octets]:
    """A status beside results that say nothing.

    There may be none: a request can name an arm that a union has not. Then the status is that of a fault.
    """
    operation = method.operation
    try:
        outs = (*blanks(operation, given), error.code)
        return operation.codecs(encoding).response.encode(outs, given)
    except NdrError as impossible:
        raise Fault(error.code, f"{operation.name}: {error}; {impossible}", ran=Ran.YES) from error


def blanks(operation: Operation[Any], given: Values) -> Values:
    """Results that say nothing: what came in for [in, out], else the zero of the type."""
    siblings = {parameter.name: value for parameter, value in zip(operation.inward, given, strict=True)}
    outs = Parameters(*(Field(found.name, found.layout) for found in operation.outward if not found.inward))
    made = blank(outs, siblings)
    return tuple(siblings[found.name] if found.inward else made[found.name] for found in operation.outward)
