"""What generated stubs import, and nothing else of lrpc: the vocabulary, operations, and the clients they derive from.

A stub declares; it does not connect. `lrpc.connect` gives a client its channel, `lrpc.Server` gives a contract
its callers.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias, TypeVar
from uuid import UUID

from .carrier import AsyncChannel, Awaited, Channel, Flats, Reply
from .classes import NamedTuple, dataclass
from .handle import Handle, wire_of
from .ndr import layout_samba as samba
from .ndr.budget import MAX_ITEMS
from .ndr.compiler import Octets
from .ndr.errors import NdrError
from .ndr.expression import compare, present, this, when
from .ndr.layout import (
    AUTO,
    GUID,
    NO_ARM,
    Array,
    BitSet,
    Boolean,
    Byte,
    Char,
    ConformantArray,
    ConformantVaryingArray,
    ContextHandle,
    Conversion,
    Converted,
    Dimension,
    Double,
    EncapsulatedUnion,
    Encoding,
    Enum,
    ErrorStatus,
    FixedArray,
    Float,
    FullPtr,
    HResult,
    Hyper,
    Ignored,
    Int3264,
    InterfacePtr,
    Layout,
    Long,
    Mark,
    MultiArray,
    NtStatus,
    Pipe,
    PipeItems,
    Range,
    RefPtr,
    Short,
    Small,
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
from .ndr.referents import Carried
from .ndr.strictness import DEFAULT, Strictness
from .operation import (
    AsyncContract,
    AsyncIDispatch,
    AsyncIUnknown,
    Contract,
    IDispatch,
    In,
    InOut,
    Interface,
    IUnknown,
    Operation,
    Out,
)
from .pipes.piped_reply import LateCall, Open, PipedReply, explained
from .pipes.piping import (
    PR,
    AsyncPipeStream,
    PipedResult,
    PipeStream,
    at_once,
    check_sources,
    plan_of,
    request_pieces,
    streams,
)
from .status import ArgumentError, BadStubData, RpcError

if TYPE_CHECKING:
    from . import system
    from .async_recovery import AsyncRecovery
    from .automation import BSTR, SAFEARRAY, VARIANT, ArrayValue, SafeArray, Variant, VariantValue
    from .recovery import Recovery, Renewal

__all__ = [
    "AUTO", "BSTR", "GUID", "NO_ARM", "SAFEARRAY", "VARIANT", "Array", "ArrayValue", "AsyncClient",
    "AsyncContract", "AsyncIDispatch", "AsyncIUnknown", "AsyncOctetStream", "AsyncPipeStream", "BitSet", "Boolean",
    "Byte", "Char", "Client", "ConformantArray", "ConformantVaryingArray", "Context", "ContextHandle", "Contract",
    "Conversion", "Converted", "Dimension", "Double", "EncapsulatedUnion", "Enum", "ErrorStatus", "FixedArray",
    "Float", "FullPtr", "HResult", "Handle", "Hyper", "IDispatch", "IUnknown", "Ignored", "In", "InOut", "Int3264",
    "Interface", "InterfacePtr", "InterfaceRef", "Layout", "Long", "Mark", "MultiArray", "NamedTuple", "NtStatus",
    "OctetStream", "Octets", "Operation", "Out", "Pipe", "PipeItems", "PipeStream", "PipedResult", "Range",
    "RefPtr", "SafeArray", "Short", "Small", "String", "Struct", "SwitchIs", "UHyper", "UInt3264", "ULong",
    "UShort", "USmall", "Union", "UniquePtr", "Variant", "VariantValue", "VaryingArray", "WChar", "compare",
    "dataclass", "present", "samba", "shared", "system", "this", "when",
]  # fmt: skip

_AUTOMATION: Final = ("BSTR", "SAFEARRAY", "VARIANT", "ArrayValue", "SafeArray", "Variant", "VariantValue")


if not TYPE_CHECKING:  # for a type checker a module with this has every name

    def __getattr__(name: str) -> Any:
        """Automation and system handles, of which few stubs speak: they are loaded when one does."""
        if name == "system":
            from . import system

            return system
        if name not in _AUTOMATION:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from . import automation

        found = globals()[name] = getattr(automation, name)
        return found


R = TypeVar("R")
Context: TypeAlias = Any
"""A context handle: a Handle at the client, the server's own object at the server."""
OctetStream: TypeAlias = Octets | Iterable[Octets]
"""What goes into a pipe of octets: all of them, or one buffer after the other."""
AsyncOctetStream: TypeAlias = OctetStream | AsyncIterable[Octets]
"""The same for asyncio."""
InterfaceRef: TypeAlias = bytes
"""A reference to an object as it travels: an OBJREF ([MS-DCOM] 2.2.18)."""


class _Calls:
    """What both faces of a client share: values to a request, a response to a result."""

    interface: ClassVar[Interface]
    _renewal: Renewal | None
    """What is done about connections that end; None: nothing."""

    def __init__(
        self, channel: Any, connection: Any = None, strictness: Strictness = DEFAULT, recovery: Any = None
    ) -> None:
        self._channel = channel
        try:
            self._encoding: Encoding = channel.encoding
        except AttributeError:
            name = type(self).__name__
            raise TypeError(f"{name} is made by lrpc.connect({name}, ...)") from None
        self._strictness = strictness
        self._straight = self._encoding is Encoding.NDR and strictness is DEFAULT
        self._flats: Flats = channel.flats if self._straight else Flats()
        self._recovery = self._renewal = recovery
        self.connection = connection

    def _go_on(self, recovery: Any) -> None:
        """With the connection that there is now."""
        self._channel, self.connection = recovery.channel, recovery.connection
        self._flats = self._channel.flats if self._straight else self._flats

    def _encode(self, operation: Operation[Any], values: tuple[Any, ...]) -> list[Octets]:
        try:
            codecs = operation.ndr if self._encoding is Encoding.NDR else operation.codecs(self._encoding)
            return codecs.request.encode(values)
        except NdrError as error:
            raise ArgumentError(f"{operation.name}: {error}") from error

    def _decode(self, operation: Operation[Any], values: tuple[Any, ...], reply: Reply) -> tuple[Any, ...]:
        stub, encoding, release = reply
        try:
            default = encoding is Encoding.NDR and self._strictness is DEFAULT
            codecs = operation.ndr if default else operation.codecs(encoding, self._strictness)
            return codecs.response.decode(stub, values)
        except NdrError as error:
            raise BadStubData(f"{operation.name}: {error}") from error
        finally:
            if release is not None:
                release()

    def _prepared(self, operation: Operation[Any], values: tuple[Any, ...]) -> tuple[Any, ...]:
        """The values as NDR takes them: counts filled in, context handles by their octets, room for referents."""
        if operation.keywords:
            values = self._fill(operation, values)
        values = self._given(operation, values) if operation.handles else values
        if operation.system and not self._channel.handles:
            raise ArgumentError(f"{operation.name} has system handles, which travel by ncalrpc alone")
        return Carried(values) if operation.shares else values

    def _reply(self, operation: Operation[Any], open: Open, values: tuple[Any, ...]) -> PipedReply:
        """The reply of a call with pipes, which has not begun."""
        plan = plan_of(operation, self._encoding)
        front, sources = plan.divided(self._prepared(operation, values))
        try:
            parts = plan.front.encode(front)
            check_sources(plan, sources)
        except NdrError as error:
            raise ArgumentError(f"{operation.name}: {error}") from error
        pieces = explained(operation, request_pieces(plan, parts, sources))

        def taken(outs: Sequence[Any]) -> Sequence[Any]:
            return self._taken(operation, values, tuple(outs)) if operation.handles else outs

        return PipedReply(operation, open(operation.opnum, pieces), front, taken, self._strictness)

    def _results(self, reply: PipedReply, operation: Operation[Any], kind: type[PR], face: type[Any]) -> PR:
        """The results of a call, its pipes among them."""
        result = kind.__new__(kind)
        reply.fill(result)
        result.__setattr__("_source", reply)
        pipes = plan_of(operation, self._encoding).pipes_out
        for (at, _), stream in zip(pipes, streams(reply, pipes, face), strict=True):
            setattr(result, kind.__slots__[at], stream)
        return result

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
            value if not isinstance(parameter.layout, ContextHandle) else wire_of(operation, parameter, value)
            for parameter, value in zip(operation.inward, values, strict=True)
        )

    def _taken(self, operation: Operation[Any], values: tuple[Any, ...], outs: tuple[Any, ...]) -> list[Any]:
        """Context handles as the caller takes them: the one that went in, if it is still the same."""
        given = {parameter.name: value for parameter, value in zip(operation.inward, values, strict=True)}
        taken = list(outs)
        for index, parameter in enumerate(operation.given_back):
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
        handle = Handle(wire, layout.name, self, closer)
        if self._renewal is not None:
            self._renewal.handles.add(handle)
        return handle


class Client(_Calls):
    """Base of generated blocking clients. Made by `lrpc.connect`; a context manager that closes its connection.

    connection: how the server was reached, and why so.
    """

    _channel: Channel
    _recovery: Recovery | None

    def _call(self, operation: Operation[R], *values: Any) -> R:
        flat = self._flats[operation]
        if flat is not None:
            try:
                result: R | None = flat(values)
            except RpcError as failure:
                reply = self._again(operation, values, self._encode(operation, values), failure)
                return operation.plain_result(values, reply)
            if result is not None:
                return result
        if not operation.single or not self._straight:
            return self._general(operation, values)
        # The shortest way, step for step: nothing but values in, one value out.
        encode, decode = operation.straight
        try:
            if operation.keywords:
                values = operation.filled(values)
            parts = encode(values, ())
        except Exception as failure:
            error = operation.ndr.request.explained_value(values, (), failure)
            raise ArgumentError(f"{operation.name}: {error}") from error
        try:
            reply = stub, encoding, release = self._channel.call(operation.opnum, parts)
        except RpcError as failure:
            reply = stub, encoding, release = self._again(operation, values, parts, failure)
        if encoding is not Encoding.NDR:
            return operation.plain_result(values, reply)
        try:
            return decode(stub, bytes, MAX_ITEMS, values)[0]  # type: ignore[no-any-return]
        except Exception as failure:
            error = operation.ndr.response.explained_stub(stub, values, failure)
            raise BadStubData(f"{operation.name}: {error}") from error
        finally:
            if release is not None:
                release()

    def _general(self, operation: Operation[R], values: tuple[Any, ...]) -> R:
        """A call of any operation."""
        sent = self._prepared(operation, values)
        parts = self._encode(operation, sent)
        send: Callable[..., Any] = self._channel.tell if operation.maybe else self._channel.call
        try:
            reply = send(operation.opnum, parts)
        except RpcError as failure:
            reply = self._again(operation, values, parts, failure)
        if operation.maybe:
            return operation.unanswered()
        return self._shaped(operation, values, self._decode(operation, sent, reply))

    def _again(self, operation: Operation[Any], values: tuple[Any, ...], parts: list[Octets], failure: RpcError) -> Any:
        """Make a call again that has failed, if that is wise."""
        recovery = self._recovery

        def call() -> Reply | None:
            self._go_on(recovery)
            if operation.handles:
                self._given(operation, values)  # some may have died
            return (self._channel.tell if operation.maybe else self._channel.call)(operation.opnum, parts)

        try:
            if recovery is None:
                raise failure
            return recovery.again(operation, call, failure)
        finally:
            del failure  # or it would hold itself, by way of this frame

    def _live(self) -> Channel:
        """The channel for a call with pipes, which is not made again: of a new connection, if the old one has ended."""
        recovery = self._recovery
        if recovery is not None and self._channel.has_ended():
            recovery.renew()
            self._go_on(recovery)
        return self._channel

    def _piped(self, operation: Operation[R], *values: Any) -> R:
        """A call with [in] pipes only."""
        return at_once(self._reply(operation, self._live().open, values).whole())  # type: ignore[no-any-return]

    def _stream(self, operation: Operation[R], *values: Any) -> PipeStream[R]:
        """A call that gives back nothing but a pipe."""
        source = self._reply(operation, self._live().open, values)
        [stream] = streams(source, plan_of(operation, self._encoding).pipes_out, PipeStream)
        return stream  # type: ignore[no-any-return]

    def _pipes(self, operation: Operation[Any], kind: type[PR], *values: Any) -> PR:
        """A call that gives back pipes and more."""
        return self._results(self._reply(operation, self._live().open, values), operation, kind, PipeStream)

    def close(self) -> None:
        """Give up the connection; the server runs down the context handles that are left."""
        if self._recovery is not None:
            self._recovery.closed = True
        self._channel.close()

    def __enter__(self: C) -> C:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


C = TypeVar("C", bound=Client)


class AsyncClient(_Calls):
    """Base of generated asyncio clients."""

    _channel: AsyncChannel
    _recovery: AsyncRecovery | None

    async def _call(self, operation: Operation[R], *values: Any) -> R:
        flat = self._flats[operation]
        if flat is not None and (result := flat(values)) is not None:
            return await self._awaited(operation, values, result) if type(result) is Awaited else result
        if not operation.single or not self._straight:
            return await self._general(operation, values)
        # The shortest way, as of the blocking client.
        encode, decode = operation.straight
        try:
            if operation.keywords:
                values = operation.filled(values)
            parts = encode(values, ())
        except Exception as failure:
            error = operation.ndr.request.explained_value(values, (), failure)
            raise ArgumentError(f"{operation.name}: {error}") from error
        try:
            reply = stub, encoding, release = await self._channel.call(operation.opnum, parts)
        except RpcError as failure:
            reply = stub, encoding, release = await self._again(operation, values, parts, failure)
        if encoding is not Encoding.NDR:
            return operation.plain_result(values, reply)
        try:
            return decode(stub, bytes, MAX_ITEMS, values)[0]  # type: ignore[no-any-return]
        except Exception as failure:
            error = operation.ndr.response.explained_stub(stub, values, failure)
            raise BadStubData(f"{operation.name}: {error}") from error
        finally:
            if release is not None:
                release()

    async def _general(self, operation: Operation[R], values: tuple[Any, ...]) -> R:
        """A call of any operation."""
        sent = self._prepared(operation, values)
        parts = self._encode(operation, sent)
        send: Callable[..., Any] = self._channel.tell if operation.maybe else self._channel.call
        try:
            reply = await send(operation.opnum, parts)
        except RpcError as failure:
            reply = await self._again(operation, values, parts, failure)
        if operation.maybe:
            return operation.unanswered()
        return self._shaped(operation, values, self._decode(operation, sent, reply))

    async def _awaited(self, operation: Operation[R], values: tuple[Any, ...], sent: Awaited) -> R:
        """The rest of a flat call that was not answered at once."""
        try:
            reply = await sent.reply
        except RpcError as failure:
            reply = await self._again(operation, values, self._encode(operation, values), failure)
        return operation.plain_result(values, reply)

    async def _again(
        self, operation: Operation[Any], values: tuple[Any, ...], parts: list[Octets], failure: RpcError
    ) -> Any:
        """Make a call again that has failed, if that is wise."""
        recovery = self._recovery

        async def call() -> Reply | None:
            self._go_on(recovery)
            if operation.handles:
                self._given(operation, values)
            return await (self._channel.tell if operation.maybe else self._channel.call)(operation.opnum, parts)

        try:
            if recovery is None:
                raise failure
            return await recovery.again(operation, call, failure)
        finally:
            del failure

    async def _live(self) -> AsyncChannel:
        """The channel for a call with pipes, which is not made again: of a new connection, if the old one has ended."""
        recovery = self._recovery
        if recovery is not None and self._channel.has_ended():
            await recovery.renew()
            self._go_on(recovery)
        return self._channel

    async def _piped(self, operation: Operation[R], *values: Any) -> R:
        """A call with [in] pipes only."""
        return await self._reply(operation, (await self._live()).open, values).whole()  # type: ignore[no-any-return]

    def _stream(self, operation: Operation[R], *values: Any) -> AsyncPipeStream[R]:
        """A call that gives back nothing but a pipe."""
        ended = self._recovery is not None and self._channel.has_ended()
        source = self._reply(operation, partial(LateCall, self._live) if ended else self._channel.open, values)
        [stream] = streams(source, plan_of(operation, self._encoding).pipes_out, AsyncPipeStream)
        return stream  # type: ignore[no-any-return]

    async def _pipes(self, operation: Operation[Any], kind: type[PR], *values: Any) -> PR:
        """A call that gives back pipes and more."""
        return self._results(
            self._reply(operation, (await self._live()).open, values), operation, kind, AsyncPipeStream
        )

    async def close(self) -> None:
        """Give up the connection; the server runs down the context handles that are left."""
        if self._recovery is not None:
            self._recovery.closed = True
        await self._channel.close()

    async def __aenter__(self: A) -> A:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


A = TypeVar("A", bound=AsyncClient)
