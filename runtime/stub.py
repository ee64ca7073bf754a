"""What generated stubs import, and nothing else of lrpc: the vocabulary, operations, and the bases of their classes.

A stub declares; it does not connect. `lrpc.connect` gives a client its channel, `lrpc.Server` gives a contract
its callers.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, TypeAlias, TypeVar
from uuid import UUID

from .ndr.compiler import Codec, Octets, compiled
from .ndr.errors import NdrError
from .ndr.expression import Inverse, compare, present, this, when
from .ndr.layout import (
    AUTO,
    GUID,
    NO_ARM,
    Array,
    Boolean,
    Byte,
    Char,
    ConformantArray,
    ConformantVaryingArray,
    ContextHandle,
    Double,
    EncapsulatedUnion,
    Encoding,
    Enum,
    ErrorStatus,
    Field,
    FixedArray,
    Float,
    FullPtr,
    HResult,
    Hyper,
    Int3264,
    Layout,
    Long,
    NtStatus,
    Parameters,
    Range,
    RefPtr,
    Short,
    Small,
    Status,
    String,
    Struct,
    SwitchIs,
    UHyper,
    UInt3264,
    ULong,
    Union,
    UniquePtr,
    UShort,
    USmall,
    VaryingArray,
    WChar,
    shared,
)
from .ndr.siblings import counts_of, items_in
from .status import ArgumentError, BadStubData, Ran, StatusError, is_failure

__all__ = [
    "AUTO", "GUID", "NO_ARM", "Array", "AsyncClient", "AsyncContract", "Boolean", "Byte", "Char", "Client",
    "ConformantArray", "ConformantVaryingArray", "Context", "ContextHandle", "Contract", "Double",
    "EncapsulatedUnion", "Enum", "ErrorStatus", "FixedArray", "Float", "FullPtr", "HResult", "Handle", "Hyper",
    "In", "InOut", "Int3264", "Interface", "Layout", "Long", "NtStatus", "Octets", "Operation", "Out", "Range",
    "RefPtr", "Short", "Small", "String", "Struct", "SwitchIs", "UHyper", "UInt3264", "ULong", "UShort", "USmall",
    "Union", "UniquePtr", "VaryingArray", "WChar", "compare", "present", "shared", "this", "when",
]  # fmt: skip

R = TypeVar("R")
Context: TypeAlias = Any
"""A context handle: a Handle at the client, the server's own object at the server."""


# What an interface is


class Parameter(NamedTuple):
    """A parameter: its name, its layout, which ways it travels, and whether its array determines it."""

    name: str
    layout: Layout
    inward: bool
    outward: bool
    auto: bool = False


def In(name: str, layout: Layout, *, auto: bool = False) -> Parameter:  # noqa: N802 -- a word of the vocabulary
    """An [in] parameter; auto: a count that may be left out."""
    return Parameter(name, layout, True, False, auto)


def Out(name: str, layout: Layout) -> Parameter:  # noqa: N802
    """An [out] parameter."""
    return Parameter(name, layout, False, True)


def InOut(name: str, layout: Layout, *, auto: bool = False) -> Parameter:  # noqa: N802
    """An [in, out] parameter."""
    return Parameter(name, layout, True, True, auto)


class Codecs(NamedTuple):
    """Both directions of an operation in one encoding."""

    request: Codec
    response: Codec


class Operation(Generic[R]):
    """An operation: number, name, parameters in IDL order, what it returns.

    result: the NamedTuple of two or more results. python: the method's name where it differs from the IDL's.
    """

    def __init__(
        self,
        opnum: int,
        name: str,
        *parameters: Parameter,
        returns: Layout | None = None,
        result: type[Any] | None = None,
        python: str | None = None,
    ) -> None:
        self.opnum = opnum
        self.name = name
        self.parameters = parameters
        self.returns = returns
        self.result = result
        self.method = python or name
        self._codecs: dict[Encoding, Codecs] = {}

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
    def request(self) -> Parameters:
        """The layout of a request's stub."""
        return Parameters(*(Field(parameter.name, parameter.layout) for parameter in self.inward))

    @cached_property
    def response(self) -> Parameters:
        """The layout of a response's stub."""
        fields = [Field(parameter.name, parameter.layout) for parameter in self.outward]
        return Parameters(*fields, *([Field("__return__", self.returns)] if self.returns is not None else []))

    @cached_property
    def family(self) -> str | None:
        """The family of the status that it returns, None when it returns no status."""
        return self.returns.family if isinstance(self.returns, Status) else None

    @cached_property
    def hidden(self) -> bool:
        """The returned status is no result: it is 0 whenever the call gives one."""
        return self.family == "win32"

    @cached_property
    def plain(self) -> bool:
        """One result, no status, no context handle, nothing to fill in: the shortest way."""
        return len(self.response.fields) == 1 and self.family is None and not self.handles and not self.keywords

    @cached_property
    def handles(self) -> bool:
        """Does a context handle travel in either direction?"""
        return any(isinstance(parameter.layout, ContextHandle) for parameter in self.parameters)

    @cached_property
    def keywords(self) -> tuple[str, ...]:
        """The parameters that a method takes by keyword: counts that an array determines."""
        return tuple(parameter.name for parameter in self.inward if parameter.auto)

    @cached_property
    def _determined(self) -> list[tuple[int, int, Array, Inverse]]:
        """Which count is determined by which array: their places among the [in] values, the array, and how."""
        places = {parameter.name: index for index, parameter in enumerate(self.inward) if parameter.auto}
        found: list[tuple[int, int, Array, Inverse]] = []
        for index, parameter in enumerate(self.inward):
            for array, inverse in counts_of(parameter.layout):
                if inverse.name in places:
                    found.append((places[inverse.name], index, array, inverse))
        return found

    def filled(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        """The [in] values with the counts that were left out. NdrError when no count fits."""
        known = list(values)
        for count, place, array, inverse in self._determined:
            if known[count] is AUTO:
                known[count] = inverse.value(items_in(values[place], array))
        return tuple(known)

    @cached_property
    def ndr(self) -> Codecs:
        """The codecs for NDR 2.0 in little-endian, which nearly every call uses."""
        return self.codecs(Encoding.NDR)

    def codecs(self, encoding: Encoding) -> Codecs:
        """The compiled codecs for an encoding."""
        found = self._codecs.get(encoding)
        if found is None:
            request = compiled(self.request, Parameters(), encoding)
            found = self._codecs[encoding] = Codecs(request, compiled(self.response, self.request, encoding))
        return found

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
    """An interface: name, UUID, version, operations; endpoints: where the IDL says it is found."""

    def __init__(
        self,
        name: str,
        uuid: UUID,
        version: tuple[int, int],
        operations: tuple[Operation[Any], ...],
        *,
        endpoints: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self.uuid = uuid
        self.version = version
        self.operations = operations
        self.endpoints = endpoints

    def __repr__(self) -> str:
        return f"<interface {self.name} {self.uuid} v{self.version[0]}.{self.version[1]}>"

    @cached_property
    def by_opnum(self) -> dict[int, Operation[Any]]:
        """The operations by number; numbers that are not used on the wire are missing."""
        return {operation.opnum: operation for operation in self.operations}

    def operation(self, name: str) -> Operation[Any]:
        """The operation of an IDL name. KeyError when there is none."""
        for operation in self.operations:
            if operation.name == name:
                return operation
        raise KeyError(name)


class Contract(abc.ABC):
    """Base of the abstract classes that a blocking server implements and a blocking client is."""

    interface: ClassVar[Interface]


class AsyncContract(abc.ABC):
    """Base of the abstract classes that an asyncio server implements and an asyncio client is."""

    interface: ClassVar[Interface]


# What calls


Reply: TypeAlias = tuple[Octets, Encoding, Callable[[], None] | None]
"""The stub of a response, what it is written in, and what gives back the shared memory that it is in, if it is."""


class Channel(Protocol):
    """What a client calls through: an interface bound on a connection."""

    encoding: Encoding
    """What requests are written in."""

    def call(self, opnum: int, parts: Sequence[Octets]) -> Reply:
        """Send a request and wait for its response."""
        ...

    def close(self) -> None:
        """Give up the connection."""
        ...


class AsyncChannel(Protocol):
    """The same for asyncio."""

    encoding: Encoding

    async def call(self, opnum: int, parts: Sequence[Octets]) -> Reply:
        """Send a request and wait for its response."""
        ...

    async def close(self) -> None:
        """Give up the connection."""
        ...


class Handle:
    """A context handle at the client. Closing it calls the operation that the interface has for that, if it has one."""

    __slots__ = ("_client", "_operation", "type", "wire")

    def __init__(self, wire: tuple[int, UUID], type: str, client: Any, operation: Operation[Any] | None) -> None:
        self.wire: tuple[int, UUID] | None = wire
        """Attributes and UUID; None once it is closed."""
        self.type = type
        self._client = client
        self._operation = operation

    def __repr__(self) -> str:
        return f"<{self.type} {self.wire[1] if self.wire else 'closed'}>"

    @property
    def closed(self) -> bool:
        """Has the server taken it back?"""
        return self.wire is None

    def close(self) -> None:
        """Give it back to the server. Without an operation for that the server does so when the connection ends."""
        if self.wire is not None and self._operation is not None:
            getattr(self._client, self._operation.method)(self)
        self.wire = None

    async def aclose(self) -> None:
        """`close` for an asyncio client."""
        if self.wire is not None and self._operation is not None:
            await getattr(self._client, self._operation.method)(self)
        self.wire = None

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Handle:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class _Calls:
    """What both faces of a client share: values to a request, a response to a result."""

    interface: ClassVar[Interface]
    _encoding: Encoding

    def _encode(self, operation: Operation[Any], values: tuple[Any, ...]) -> list[Octets]:
        try:
            codecs = operation.ndr if self._encoding is Encoding.NDR else operation.codecs(self._encoding)
            return codecs.request.encode(values)
        except NdrError as error:
            raise ArgumentError(f"{operation.name}: {error}") from error

    def _decode(self, operation: Operation[Any], values: tuple[Any, ...], reply: Reply) -> tuple[Any, ...]:
        stub, encoding, release = reply
        try:
            codecs = operation.ndr if encoding is Encoding.NDR else operation.codecs(encoding)
            return codecs.response.decode(stub, values)
        except NdrError as error:
            raise BadStubData(f"{operation.name}: {error}") from error
        finally:
            if release is not None:
                release()

    def _prepared(self, operation: Operation[Any], values: tuple[Any, ...]) -> tuple[Any, ...]:
        """The values as NDR takes them: counts filled in, context handles by their octets."""
        if operation.keywords:
            values = self._fill(operation, values)
        return self._given(operation, values) if operation.handles else values

    def _shaped(self, operation: Operation[R], values: tuple[Any, ...], outs: tuple[Any, ...]) -> R:
        """The result as the caller takes it."""
        return operation.shape(self._taken(operation, values, outs) if operation.handles else outs)

    def _fill(self, operation: Operation[Any], values: tuple[Any, ...]) -> tuple[Any, ...]:
        try:
            return operation.filled(values)
        except (NdrError, TypeError) as error:
            raise ArgumentError(f"{operation.name}: {error}") from error

    def _given(self, operation: Operation[Any], values: tuple[Any, ...]) -> tuple[Any, ...]:
        """Context handles as NDR takes them."""
        return tuple(
            value if not isinstance(parameter.layout, ContextHandle) else _wire(operation, parameter, value)
            for parameter, value in zip(operation.inward, values, strict=True)
        )

    def _taken(self, operation: Operation[Any], values: tuple[Any, ...], outs: tuple[Any, ...]) -> list[Any]:
        """Context handles as the caller takes them: the one that went in, if it is still the same."""
        given = {parameter.name: value for parameter, value in zip(operation.inward, values, strict=True)}
        taken = list(outs)
        for index, parameter in enumerate(operation.outward):
            if isinstance(parameter.layout, ContextHandle):
                taken[index] = self._handle(parameter.layout, outs[index], given.get(parameter.name))
        return taken

    def _handle(self, layout: ContextHandle, wire: tuple[int, UUID] | None, given: Any) -> Handle | None:
        if isinstance(given, Handle):
            given.wire = wire
            return None if wire is None else given
        if wire is None:
            return None
        closer = self.interface.operation(layout.closed_by) if layout.closed_by else None
        return Handle(wire, layout.name, self, closer)


def _wire(operation: Operation[Any], parameter: Parameter, value: Any) -> tuple[int, UUID] | None:
    if isinstance(value, Handle) and value.wire is not None:
        return value.wire
    if value is None and parameter.outward:
        return None
    problem = "is closed" if isinstance(value, Handle) else f"takes a context handle, not {type(value).__name__}"
    raise ArgumentError(f"{operation.name}: {parameter.name} {problem}", ran=Ran.NO)


class Client(_Calls):
    """Base of generated blocking clients. Made by `lrpc.connect`; a context manager that closes its connection.

    connection: how the server was reached, and why so.
    """

    def __init__(self, channel: Channel, connection: Any = None) -> None:
        self._channel = channel
        self._encoding = channel.encoding
        self.connection = connection

    def _call(self, operation: Operation[R], *values: Any) -> R:
        if not operation.plain or self._encoding is not Encoding.NDR:
            sent = self._prepared(operation, values)
            reply = self._channel.call(operation.opnum, self._encode(operation, sent))
            return self._shaped(operation, values, self._decode(operation, sent, reply))
        # The shortest way, step for step: nothing but values in, one value out.
        request, response = operation.ndr
        try:
            parts = request.encode(values)
        except NdrError as error:
            raise ArgumentError(f"{operation.name}: {error}") from error
        reply = stub, encoding, release = self._channel.call(operation.opnum, parts)
        if release is not None or encoding is not Encoding.NDR:
            return self._decode(operation, values, reply)[0]  # type: ignore[no-any-return]
        try:
            return response.decode(stub, values)[0]  # type: ignore[no-any-return]
        except NdrError as error:
            raise BadStubData(f"{operation.name}: {error}") from error

    def close(self) -> None:
        """Give up the connection; the server runs down the context handles that are left."""
        self._channel.close()

    def __enter__(self: C) -> C:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


C = TypeVar("C", bound=Client)


class AsyncClient(_Calls):
    """Base of generated asyncio clients."""

    def __init__(self, channel: AsyncChannel, connection: Any = None) -> None:
        self._channel = channel
        self._encoding = channel.encoding
        self.connection = connection

    async def _call(self, operation: Operation[R], *values: Any) -> R:
        sent = self._prepared(operation, values)
        reply = await self._channel.call(operation.opnum, self._encode(operation, sent))
        return self._shaped(operation, values, self._decode(operation, sent, reply))

    async def close(self) -> None:
        """Give up the connection; the server runs down the context handles that are left."""
        await self._channel.close()

    async def __aenter__(self: A) -> A:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


A = TypeVar("A", bound=AsyncClient)
