"""What an interface is: its operations, their parameters and results, as a stub declares them.

An operation knows its layouts and has its codecs made on first use; it sends nothing. Clients (`stub.py`) and
servers (`dispatch.py`) work from it.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, TypeVar
from uuid import UUID

from .ndr.compiler import Codec, Decoder, Encoder, compiled
from .ndr.errors import NdrError
from .ndr.expression import Inverse
from .ndr.layout import AUTO, Array, ContextHandle, Encoding, Field, Layout, Mark, Parameters, Pipe, Status
from .ndr.layout_system import SystemHandle
from .ndr.shape import carries, scalars_alone
from .ndr.siblings import Level, counts_of, items_in
from .ndr.strictness import DEFAULT, Strictness
from .status import BadStubData, StatusError, is_failure

if TYPE_CHECKING:
    from .carrier import Reply

R = TypeVar("R")


class Parameter(NamedTuple):
    """A parameter: its name, its layout, which ways it travels, and whether its array determines it.

    partial: [partial_ignore], a request carries only whether there is a value.
    """

    name: str
    layout: Layout
    inward: bool
    outward: bool
    auto: bool = False
    partial: bool = False

    @property
    def piped(self) -> bool:
        """Is it a pipe?"""
        return isinstance(self.layout, Pipe)


def In(name: str, layout: Layout, *, auto: bool = False) -> Parameter:  # noqa: N802 -- a word of the vocabulary
    """An [in] parameter; auto: a count that may be left out."""
    return Parameter(name, layout, True, False, auto)


def Out(name: str, layout: Layout) -> Parameter:  # noqa: N802
    """An [out] parameter."""
    return Parameter(name, layout, False, True)


def InOut(name: str, layout: Layout, *, auto: bool = False, partial: bool = False) -> Parameter:  # noqa: N802
    """An [in, out] parameter."""
    return Parameter(name, layout, True, True, auto, partial)


class Held(NamedTuple):
    """A context handle of a request: its place, its type, whether calls share it, whether it may be null."""

    place: int
    type: str
    shared: bool
    nullable: bool


class Codecs(NamedTuple):
    """Both directions of an operation in one encoding."""

    request: Codec
    response: Codec


class Flat(NamedTuple):
    """The struct formats, without a byte order, of an operation's stubs of scalars alone in NDR 2.0."""

    request: str
    response: str


class Operation(Generic[R]):
    """An operation: number, name, parameters in IDL order, what it returns.

    result: the NamedTuple of two or more results. python: the method's name where it differs from the IDL's.
    idempotent, maybe, broadcast: the IDL says so (C706 4.2.22). A client may repeat one that is idempotent although it
    may have run; it sends one that is maybe and waits for nothing; broadcast says idempotent, since over a connection
    there is but one server.
    """

    def __init__(
        self,
        opnum: int,
        name: str,
        *parameters: Parameter,
        returns: Layout | None = None,
        result: type[Any] | None = None,
        python: str | None = None,
        idempotent: bool = False,
        maybe: bool = False,
        broadcast: bool = False,
    ) -> None:
        self.opnum = opnum
        self.name = name
        self.parameters = parameters
        self.returns = returns
        self.result = result
        self.method = python or name
        self.idempotent = idempotent
        self.maybe = maybe
        self.broadcast = broadcast
        self._codecs: dict[Encoding, Codecs] = {}
        self._others: dict[tuple[Encoding, Strictness], Codecs] = {}

    def __repr__(self) -> str:
        return f"<operation {self.opnum} {self.name}>"

    @cached_property
    def inward(self) -> tuple[Parameter, ...]:
        """The parameters of a request."""
        return tuple(parameter for parameter in self.parameters if parameter.inward)

    @cached_property
    def outward(self) -> tuple[Parameter, ...]:
        """The parameters of a response, without what the operation returns."""
        return tuple(parameter for parameter in self.parameters if parameter.outward)

    @cached_property
    def given_back(self) -> tuple[Parameter, ...]:
        """All of a response: the parameters, and what the operation returns as `__return__`."""
        return self.outward if self.returns is None else (*self.outward, Out("__return__", self.returns))

    @cached_property
    def request(self) -> Parameters:
        """The layout of a request's stub."""
        return Parameters(*(Field(found.name, Mark() if found.partial else found.layout) for found in self.inward))

    @cached_property
    def response(self) -> Parameters:
        """The layout of a response's stub."""
        return Parameters(*(Field(found.name, found.layout) for found in self.given_back), pipes_first=True)

    @cached_property
    def family(self) -> str | None:
        """The family of the status that it returns, None when it returns no status."""
        return self.returns.family if isinstance(self.returns, Status) else None

    @cached_property
    def hidden(self) -> bool:
        """The returned status is no result: it is 0 whenever the call gives one."""
        return self.family == "win32"

    @cached_property
    def single(self) -> bool:
        """One result, no status, context handle or pipe, nothing to share."""
        special = self.family is not None or self.handles or self.shares or self.piped or self.system
        return len(self.response.fields) == 1 and not special

    @cached_property
    def plain(self) -> bool:
        """The same, and nothing to fill in: the shortest way."""
        return self.single and not self.keywords

    @cached_property
    def flat(self) -> Flat | None:
        """The stubs as structs, where both have nothing but scalars and the call is `plain`."""
        request, response = scalars_alone(self.request), scalars_alone(self.response)
        if request is None or response is None or not self.plain or self.maybe:
            return None
        return Flat(request, response)

    @cached_property
    def shares(self) -> bool:
        """May full pointers of the response lead to objects of the request?"""
        return carries(self.request, self.response)

    @cached_property
    def piped(self) -> bool:
        """Has it pipes, in either direction? Its calls go through `pipes/piping.py`."""
        return any(found.piped for found in self.parameters)

    @cached_property
    def pipe_alone(self) -> bool:
        """A pipe is all that a call gives back."""
        results = len(self.given_back) - self.hidden
        return results == 1 and any(found.piped for found in self.outward)

    @cached_property
    def handles(self) -> bool:
        """Does a context handle travel in either direction?"""
        return any(isinstance(found.layout, ContextHandle) for found in (*self.parameters, *self.given_back))

    @cached_property
    def system(self) -> bool:
        """Does a system handle travel in either direction?"""
        return any(isinstance(found.layout, SystemHandle) for found in (*self.parameters, *self.given_back))

    @cached_property
    def held(self) -> tuple[Held, ...]:
        """The context handles of a request."""
        return tuple(
            Held(at, found.layout.name, found.layout.shared, found.outward)
            for at, found in enumerate(self.inward)
            if isinstance(found.layout, ContextHandle)
        )

    @cached_property
    def keywords(self) -> tuple[str, ...]:
        """The parameters that a method takes by keyword: counts that an array determines."""
        return tuple(parameter.name for parameter in self.inward if parameter.auto)

    @cached_property
    def _by_keyword(self) -> list[tuple[str, int]]:
        """The same, the last first, each with its place among the [in] values."""
        return [(found.name, at) for at, found in enumerate(self.inward) if found.auto][::-1]

    def invoke(self, function: Callable[..., Any], given: tuple[Any, ...]) -> Any:
        """What a method gives for the [in] values, or a coroutine of it."""
        if not self._by_keyword:
            return function(*given)
        counts: dict[str, Any] = {}
        for name, at in self._by_keyword:
            counts[name] = given[at]
            given = given[:at] + given[at + 1 :]
        return function(*given, **counts)

    @cached_property
    def _determined(self) -> list[tuple[int, int, Array, Inverse, bool]]:
        """Which count is determined by which array: their places among the [in] values, the array, and how.

        And whether it is just the number of octets of a value that is bytes.
        """
        places = {parameter.name: index for index, parameter in enumerate(self.inward) if parameter.auto}
        found: list[tuple[int, int, Array, Inverse, bool]] = []
        for index, parameter in enumerate(self.inward):
            for array, inverse in counts_of(parameter.layout):
                if inverse.name in places:
                    same = inverse == Inverse(inverse.name) and type(array) is not Level
                    found.append((places[inverse.name], index, array, inverse, same))
        return found

    def filled(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        """The [in] values with the counts that were left out. NdrError when no count fits."""
        known = list(values)
        for count, place, array, inverse, same in self._determined:
            if known[count] is AUTO:
                value = values[place]
                octets = same and type(value) is bytes
                known[count] = len(value) if octets else inverse.value(items_in(value, array))
        return tuple(known)

    @cached_property
    def ndr(self) -> Codecs:
        """The codecs for NDR 2.0 in little-endian, which nearly every call uses."""
        return self.codecs(Encoding.NDR)

    @cached_property
    def straight(self) -> tuple[Encoder, Decoder]:
        """The bare functions of a client in NDR 2.0, little-endian: of requests out, and of responses in."""
        return self.ndr.request.encoder(), self.ndr.response.decoder()

    def codecs(self, encoding: Encoding, strictness: Strictness = DEFAULT) -> Codecs:
        """The compiled codecs for an encoding; `strictness` says what they overlook when they read."""
        if strictness is not DEFAULT:
            return self._codecs_for(encoding, strictness)
        found = self._codecs.get(encoding)
        if found is None:
            found = self._codecs[encoding] = self._codecs_for(encoding, DEFAULT)
        return found

    def _codecs_for(self, encoding: Encoding, strictness: Strictness) -> Codecs:
        found = self._others.get((encoding, strictness))
        if found is None:
            codec: Callable[[Parameters, Parameters, Encoding, Strictness], Codec] = compiled
            if self.system:
                from .handles import HandledCodec  # hardly any operation has them

                codec = HandledCodec
            request = codec(self.request, Parameters(), encoding, strictness)
            response = codec(self.response, self.request, encoding, strictness)
            found = self._others[encoding, strictness] = Codecs(request, response)
        return found

    def plain_result(self, values: tuple[Any, ...], reply: Reply) -> R:
        """The result in the reply to a call that is `plain`. BadStubData."""
        stub, encoding, release = reply
        try:
            result: R = self.codecs(encoding).response.decode(stub, values)[0]
        except NdrError as error:
            raise BadStubData(f"{self.name}: {error}") from error
        finally:
            if release is not None:
                release()
        return result

    def unanswered(self) -> R:
        """The result of a call that has no answer: a status says success, for want of another word."""
        return self.shape((0,) * len(self.response.fields))

    def shape(self, outs: Sequence[Any]) -> R:
        """The result that a method gives, out of the values of a response. StatusError for a failure."""
        results = outs[:-1] if self.hidden else outs
        shaped: Any = results[0] if results else None
        if self.result is not None:
            shaped = self.result(*results)
        if self.family is not None and is_failure(outs[-1], self.family):
            raise StatusError(outs[-1], shaped, family=self.family)
        return shaped  # type: ignore[no-any-return]


class Interface:
    """An interface: name, UUID, version, operations; endpoints: where the IDL says it is found.

    operations: those of `base` come before its own and have the lower numbers. callbacks: the interface of what a
    server calls at its client, that of `base` unless it has its own. object: it is an interface of objects, which the
    object layer calls. calls_back: it is one of callbacks.
    """

    def __init__(
        self,
        name: str,
        uuid: UUID,
        version: tuple[int, int],
        operations: tuple[Operation[Any], ...],
        *,
        endpoints: tuple[str, ...] = (),
        callbacks: Interface | None = None,
        base: Interface | None = None,
        object: bool = False,
        calls_back: bool = False,
    ) -> None:
        self.name = name
        self.uuid = uuid
        self.version = version
        self.operations: tuple[Operation[Any], ...] = operations if base is None else (*base.operations, *operations)
        self.endpoints = endpoints
        self.callbacks: Interface | None = base.callbacks if base is not None and callbacks is None else callbacks
        self.base = base
        self.object = object
        self.calls_back = calls_back

    def __repr__(self) -> str:
        return f"<interface {self.name} {self.uuid} v{self.version[0]}.{self.version[1]}>"

    @cached_property
    def system(self) -> bool:
        """Do system handles travel? Only transports of one machine carry such calls."""
        return any(operation.system for operation in self.operations)

    @cached_property
    def by_opnum(self) -> dict[int, Operation[Any]]:
        """The operations by number; numbers that are not used on the wire are missing."""
        return {operation.opnum: operation for operation in self.operations}

    def operation(self, name: str) -> Operation[Any]:
        """The operation of an IDL name, its own before one of its base. KeyError when there is none."""
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, Operation[Any]]:
        return {operation.name: operation for operation in self.operations}

    def require_calls(self) -> None:
        """TypeError for an interface of objects or callbacks: a binding is not enough to call one."""
        if self.calls_back:
            raise TypeError(
                f"{self.name} is called while a call is served: clients give lrpc.connect an object for it "
                f"(callbacks=), methods of servers call it through lrpc.callback"
            )
        if self.object:
            raise TypeError(
                f"{self.name} is an interface of objects: it is called and served through the object layer "
                f"(lrpc.runtime.objects), not by lrpc.connect and Server.register"
            )


class Contract(abc.ABC):
    """Base of the abstract classes that a blocking server implements and a blocking client is."""

    interface: ClassVar[Interface]


class AsyncContract(abc.ABC):
    """Base of the abstract classes that an asyncio server implements and an asyncio client is."""

    interface: ClassVar[Interface]


class IUnknown(Contract):
    """The base of every interface of objects; its three methods never travel ([MS-DCOM] 3.1.1.5.8)."""


class AsyncIUnknown(AsyncContract):
    """IUnknown for asyncio."""


class IDispatch(IUnknown):
    """IDispatch where no file defines it: numbers 3 to 6 are its own ([MS-OAUT] 3.1.4)."""


class AsyncIDispatch(AsyncIUnknown):
    """IDispatch for asyncio."""


IUnknown.interface = AsyncIUnknown.interface = Interface(
    "IUnknown", UUID("00000000-0000-0000-c000-000000000046"), (0, 0), (), object=True
)
IDispatch.interface = AsyncIDispatch.interface = Interface(
    "IDispatch", UUID("00020400-0000-0000-c000-000000000046"), (0, 0), (), base=IUnknown.interface, object=True
)
