"""The two ends of LRPC as machines: message data in, events out; calls in, message data out.

Laws: no port, no clock, no thread. Peer input never raises: what breaks the protocol is a `Failed` event,
after which the port is to be closed. A stub above INLINE octets is handed over to be put in a view; where
a view lives and who frees it is the port's business.

States and what may happen in them stand in TRANSITIONS.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Final, NamedTuple
from uuid import UUID

from . import messages
from .messages import (
    REQUEST_SIZE,
    RESPONSE_SIZE,
    Bind,
    FaultFlag,
    MessageError,
    MessageType,
    SyntaxId,
    TransferSyntax,
)

Octets = bytes | bytearray | memoryview

INLINE: Final = 65_495 - messages.REQUEST_SIZE
"""Stubs up to this size travel in the message, as many as an ALPC message takes: copying them is cheaper than the
section's bookkeeping (13.6 us against 18 at 65,000 octets)."""
MAX_ABANDONED: Final = 1024
"""Calls that were given up whose late parts are still recognised; older ones are forgotten."""
MAX_BINDINGS: Final = 32
"""Bindings on one port: presentation contexts have the same limit."""

LAST_CALL_ID: Final = 0xFFFFFFFF
"""Call ids count from 1 up to here, and again from 1."""

RPC_S_UNKNOWN_IF: Final = 1717
RPC_S_UNSUPPORTED_TRANS_SYN: Final = 1730
RPC_S_INVALID_BINDING: Final = 1702
RPC_S_OUT_OF_RESOURCES: Final = 1721


class Bound(NamedTuple):
    """The server's answer to a Bind."""

    interface: SyntaxId
    status: int
    """0, or why the interface is not to be had."""
    syntax: TransferSyntax
    binding_id: int
    """What requests name."""


class BindRequested(NamedTuple):
    """A client wants an interface; answer with `accept` or `refuse`."""

    bind: Bind


class RequestReceived(NamedTuple):
    """A call."""

    call_id: int
    interface: SyntaxId
    syntax: TransferSyntax
    opnum: int
    object: UUID | None
    stub: Octets
    in_view: bool
    """The stub is shared memory that the client can still write to."""
    within: int = 0
    """The callback in the middle of which the call is made; 0 for none."""


class RequestBegun(NamedTuple):
    """A call that is handed on as it comes: RequestContinued tells the rest. Answer with `respond_part` or `fault`."""

    call_id: int
    interface: SyntaxId
    syntax: TransferSyntax
    opnum: int
    object: UUID | None
    stub: bytes
    last: bool
    """There are no more."""


class RequestContinued(NamedTuple):
    """More of a call, if it runs still: what comes after its answer is to be dropped, within bounds."""

    call_id: int
    stub: bytes
    last: bool


class Cancelled(NamedTuple):
    """The client neither waits for a call any more nor sends on what it had begun."""

    call_id: int


class UnboundRequest(NamedTuple):
    """A call on a binding that was never granted: answer with a fault, the port stays."""

    call_id: int


class ResponseReceived(NamedTuple):
    """The results of a call."""

    call_id: int
    stub: Octets


class ResponsePart(NamedTuple):
    """Results of a call that come part by part; the last of them is a ResponseReceived."""

    call_id: int
    stub: bytes


class FaultReceived(NamedTuple):
    """A call failed; it is the one whose message this one answers."""

    status: int
    did_not_execute: bool
    detail: bytes = b""
    """Extended error information ([MS-EERR]), as octets."""


class CallbackRequested(NamedTuple):
    """The server calls back, in the middle of the call whose message this one names: answer with `reply` or `deny`."""

    callback_id: int
    opnum: int
    stub: Octets


class CallbackAnswered(NamedTuple):
    """The results of a callback."""

    callback_id: int
    stub: Octets


class CallbackFailed(NamedTuple):
    """A callback that failed, or that was not begun."""

    callback_id: int
    status: int
    begun: bool


class Failed(NamedTuple):
    """The peer broke the protocol: close the port."""

    reason: str


class Outgoing(NamedTuple):
    """A message to send: its data, and the parts to put in a view if there is one."""

    data: bytes
    view: Sequence[Octets] | None
    size: int
    """Octets in the view."""


class State(enum.Enum):
    """What an association has been through."""

    OPEN = "open"
    BOUND = "bound"
    CLOSED = "closed"


TRANSITIONS: Final[dict[State, dict[MessageType, State]]] = {
    State.OPEN: {MessageType.BIND: State.BOUND},
    State.BOUND: {
        MessageType.BIND: State.BOUND,
        MessageType.REQUEST: State.BOUND,
        MessageType.RESPONSE: State.BOUND,
        MessageType.FAULT: State.BOUND,
        MessageType.CANCEL: State.BOUND,
        MessageType.CALLBACK_ACK: State.BOUND,
        MessageType.CALLBACK_NACK: State.BOUND,
        MessageType.CALLBACK_REQUEST: State.BOUND,
        MessageType.CALLBACK_REPLY: State.BOUND,
        MessageType.CALLBACK_FAULT: State.BOUND,
    },
    State.CLOSED: {},
}

ServerEvent = (
    BindRequested
    | RequestReceived
    | RequestBegun
    | RequestContinued
    | Cancelled
    | UnboundRequest
    | CallbackAnswered
    | CallbackFailed
    | Failed
    | None
)
ClientEvent = Bound | ResponseReceived | ResponsePart | FaultReceived | CallbackRequested | Failed | None


@dataclass(slots=True)
class _Flow:
    """A call that is sent part by part, and how far it is."""

    call_id: int
    binding_id: int
    opnum: int
    object: UUID | None
    begun: bool = False
    sent: bool = False
    answered: bool = False


class _Association:
    def __init__(self) -> None:
        self.state = State.OPEN

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.state.value}>"

    def _step(self, kind: MessageType) -> None:
        after = TRANSITIONS[self.state].get(kind)
        if after is None:
            raise MessageError(f"{kind.name} on an association that is {self.state.value}")
        self.state = after

    def _fail(self, reason: object) -> Failed:
        self.state = State.CLOSED
        return Failed(str(reason))


class ClientAssociation(_Association):
    """The calling end. Bind interfaces one after the other, then make requests; answers come by call id."""

    def __init__(self) -> None:
        super().__init__()
        self._binding: Bind | None = None
        self._preferred: TransferSyntax | None = None
        self._bindings = 0
        self.next_call_id: Callable[[], int] = chain.from_iterable(repeat(range(1, LAST_CALL_ID + 1))).__next__
        """How the response of the next call will be known. Threads may draw at the same time."""
        self.flow: _Flow | None = None
        """The call that goes, or comes, part by part."""
        # Calls that were given up, of which parts may still come, oldest first.
        self._abandoned: dict[int, None] = {}

    def bind(
        self,
        interface: SyntaxId,
        syntaxes: TransferSyntax = TransferSyntax.NDR | TransferSyntax.NDR64,
        preferred: TransferSyntax | None = None,
    ) -> bytes:
        """The message that asks for an interface. One at a time: wait for Bound before the next.

        preferred: the syntax of Bound, if the server grants several; without it the server chooses.
        """
        first = self._bindings
        self._bindings += 2
        self._binding = Bind(0, interface, syntaxes, first, first + 1, preferred is not None)
        self._preferred = preferred
        return self._binding.pack()

    def request(
        self,
        call_id: int,
        binding_id: int,
        opnum: int,
        parts: Sequence[Octets],
        uuid: UUID | None = None,
        within: int = 0,
    ) -> Outgoing:
        """The message of a call; within: the callback in the middle of which it is made."""
        return _outgoing(lambda flags: messages.pack_request(call_id, binding_id, opnum, uuid, flags, within), parts)

    def begin(self, call_id: int, binding_id: int, opnum: int, uuid: UUID | None = None) -> None:
        """A call that goes, and whose response comes, part by part: one at a time."""
        self.flow = _Flow(call_id, binding_id, opnum, uuid)

    def more(self, call_id: int, octets: bytes, *, last: bool) -> list[bytes]:
        """The messages of its next octets, none for no octets unless they are the last."""
        parts: list[bytes] = []
        flow = self.flow
        if flow is None or flow.call_id != call_id:
            return parts
        for begin in range(0, max(len(octets), int(last)), INLINE):
            flags = messages.PIPE_REQUEST | (messages.PART_OF_FLOW if flow.begun else 0)
            if last and begin + INLINE >= len(octets):
                flags |= messages.LAST_PIPE_CHUNK
            header = messages.pack_request(call_id, flow.binding_id, flow.opnum, flow.object, flags)
            parts.append(header + octets[begin : begin + INLINE])
            flow.begun = True
        flow.sent = last
        return parts

    def cancel(self, call_id: int) -> bytes:
        """The message that asks the server to end a call. It is answered all the same."""
        return messages.pack_cancel(call_id)

    def give_up(self, call_id: int) -> bytes:
        """The message that ends it; empty when it has ended at both ends, or never began."""
        flow, self.flow = self.flow, None
        if flow is None or not flow.begun or (flow.sent and flow.answered):
            return b""
        self._abandoned[call_id] = None
        if len(self._abandoned) > MAX_ABANDONED:
            del self._abandoned[next(iter(self._abandoned))]
        return messages.pack_cancel(call_id)

    def receive(self, data: bytes, view: memoryview | None = None) -> ClientEvent:
        """What a message from the server means."""
        try:
            kind = messages.message_type(data)
            if kind is MessageType.RESPONSE and self.state is State.BOUND:
                event = _response(data, view)
                plain = self.flow is None and isinstance(event, ResponseReceived)
                return event if plain else self._of_flow(event)
            return self._other(kind, data, view)
        except MessageError as error:
            return self._fail(error)

    def reply(self, callback_id: int, parts: Sequence[Octets]) -> Outgoing:
        """The results of a callback, as an answer to its message."""
        return _outgoing(lambda flags: messages.pack_callback_reply(callback_id, flags), parts)

    def deny(self, callback_id: int, status: int, *, begun: bool) -> bytes:
        """A callback that failed, or that was not begun, as an answer to its message."""
        return messages.pack_callback_fault(callback_id, status, begun=begun)

    def _of_flow(self, event: ResponseReceived | ResponsePart) -> ClientEvent:
        """What belongs to the call that comes in parts; None for what is late."""
        own = self.flow is not None and self.flow.call_id == event.call_id
        if isinstance(event, ResponsePart):
            if event.call_id in self._abandoned:
                return None
            if not own:
                raise MessageError(f"a part of the response to call {event.call_id}, which comes whole")
        elif own and self.flow is not None:
            self.flow.answered = True
        return event

    def _other(self, kind: MessageType, data: bytes, view: memoryview | None) -> ClientEvent:
        self._step(kind)
        if kind is MessageType.FAULT:
            status, flags = messages.parse_fault(data)
            return FaultReceived(status, bool(flags & FaultFlag.DID_NOT_EXECUTE), messages.detail_of(data))
        if kind is MessageType.BIND:
            return self._bound(Bind.parse(data))
        if kind is MessageType.CALLBACK_REQUEST:
            flags, callback_id, _, opnum, _ = messages.parse_request(data)
            return CallbackRequested(callback_id, opnum, _stub(flags, data, REQUEST_SIZE, view))
        raise MessageError(f"a server sent {kind.name}")

    def _bound(self, answer: Bind) -> Bound:
        asked, self._binding = self._binding, None
        if asked is None or answer.interface != asked.interface:
            raise MessageError("an answer to a Bind that was not asked")
        if answer.status:
            return Bound(asked.interface, answer.status, TransferSyntax.NDR, 0)
        several = asked.multiple and answer.multiple
        if answer.syntaxes not in asked.syntaxes or (len(answer.syntaxes) != 1 and not (several and answer.syntaxes)):
            raise MessageError(f"the server chose the syntaxes {answer.syntaxes!r}")
        first = next(iter(answer.syntaxes))
        chosen = self._preferred if self._preferred and self._preferred in answer.syntaxes else first
        return Bound(asked.interface, 0, chosen, asked.binding_id(chosen))


def _stub(flags: int, data: bytes, start: int, view: memoryview | None) -> Octets:
    return messages.large_stub(data, start, view) if flags & messages.VIEW_PRESENT else data[start:]


def _outgoing(head: Callable[[int], bytes], parts: Sequence[Octets]) -> Outgoing:
    """A message with stub data in it, or in a view when it is large; head: what stands in front of it, by its flags."""
    size = sum(map(len, parts))
    if size <= INLINE:
        return Outgoing(b"".join((head(0), *parts)), None, 0)
    return Outgoing(head(messages.IN_VIEW) + messages.pack_large(size), parts, size)


def _response(data: bytes, view: memoryview | None) -> ResponseReceived | ResponsePart:
    flags, call_id = messages.parse_response(data)
    if flags & messages.PART_OF_FLOW:
        return ResponsePart(call_id, data[RESPONSE_SIZE:])
    return ResponseReceived(call_id, _stub(flags, data, RESPONSE_SIZE, view))


class ServerAssociation(_Association):
    """The serving end."""

    def __init__(self, max_bindings: int = MAX_BINDINGS) -> None:
        super().__init__()
        self._max_bindings = max_bindings
        self._bindings: dict[int, tuple[SyntaxId, TransferSyntax]] = {}

    def receive(self, data: bytes, view: memoryview | None = None) -> ServerEvent:
        """What a message from the client means; None for one that asks for nothing (a cancel that came too late)."""
        try:
            kind = messages.message_type(data)
            if kind is MessageType.REQUEST and self.state is State.BOUND:
                return self._request(data, view)
            self._step(kind)
            if kind is MessageType.BIND:
                return BindRequested(Bind.parse(data))
            if kind is MessageType.CANCEL:
                call_id = messages.parse_cancel(data)
                return None if call_id is None else Cancelled(call_id)
            return self._called_back(kind, data, view)
        except MessageError as error:
            return self._fail(error)

    def _called_back(self, kind: MessageType, data: bytes, view: memoryview | None) -> ServerEvent:
        """The answer to a callback, of which its server knows whether it waits for it."""
        if kind is MessageType.CALLBACK_REPLY:
            flags, callback_id = messages.parse_response(data)
            return CallbackAnswered(callback_id, _stub(flags, data, RESPONSE_SIZE, view))
        if kind in (MessageType.CALLBACK_FAULT, MessageType.CALLBACK_NACK):
            return CallbackFailed(*messages.parse_callback_fault(data), kind is MessageType.CALLBACK_FAULT)
        if kind is MessageType.CALLBACK_ACK:
            return None
        raise MessageError(f"a client sent {kind.name}")

    def call_back(self, callback_id: int, opnum: int, parts: Sequence[Octets]) -> Outgoing:
        """A callback, for the message of the call that it belongs to."""
        return _outgoing(lambda flags: messages.pack_callback(callback_id, opnum, flags), parts)

    def binding(self, binding_id: int) -> tuple[SyntaxId, TransferSyntax] | None:
        """What a binding id stands for; None when it was never granted."""
        return self._bindings.get(binding_id)

    def _request(
        self, data: bytes, view: memoryview | None
    ) -> RequestReceived | RequestBegun | RequestContinued | UnboundRequest:
        flags, call_id, binding_id, opnum, uuid = messages.parse_request(data)
        last = bool(flags & messages.LAST_PIPE_CHUNK)
        if flags & messages.PIPE_REQUEST and flags & messages.PART_OF_FLOW:
            return RequestContinued(call_id, data[REQUEST_SIZE:], last)
        binding = self._bindings.get(binding_id)
        if binding is None:
            return UnboundRequest(call_id)
        if flags & messages.PIPE_REQUEST:
            return RequestBegun(call_id, *binding, opnum, uuid, data[REQUEST_SIZE:], last)
        if flags & messages.VIEW_PRESENT:
            stub: Octets = messages.large_stub(data, REQUEST_SIZE, view)
            return RequestReceived(call_id, *binding, opnum, uuid, stub, True, messages.within_of(data))
        return RequestReceived(call_id, *binding, opnum, uuid, data[REQUEST_SIZE:], False, messages.within_of(data))

    def accept(self, event: BindRequested, preferred: TransferSyntax = TransferSyntax.NDR) -> bytes:
        """Grant the interface, in the preferred syntax if the client offers it, or in all if it wants several."""
        bind = event.bind
        if not bind.syntaxes:
            return self.refuse(event, RPC_S_UNSUPPORTED_TRANS_SYN)
        granted = bind.syntaxes
        if not bind.multiple:
            granted = preferred if preferred in granted else next(iter(granted))
        new = {bind.binding_id(syntax): (bind.interface, syntax) for syntax in granted}
        if len(self._bindings) + len(new) > self._max_bindings:
            return self.refuse(event, RPC_S_OUT_OF_RESOURCES)
        if len(new) < len(granted) or any(self._bindings.get(id, known) != known for id, known in new.items()):
            return self.refuse(event, RPC_S_INVALID_BINDING)
        self._bindings |= new
        return Bind(0, bind.interface, granted, bind.ndr_id, bind.ndr64_id, bind.multiple).pack()

    def refuse(self, event: BindRequested, status: int = RPC_S_UNKNOWN_IF) -> bytes:
        """Deny the interface, with a Win32 status."""
        bind = event.bind
        return Bind(status, bind.interface, TransferSyntax(0), bind.ndr_id, bind.ndr64_id).pack()

    def respond(self, call_id: int, parts: Sequence[Octets]) -> Outgoing:
        """The results of a call."""
        return _outgoing(lambda flags: messages.pack_response(call_id, flags), parts)

    def respond_parts(self, call_id: int, octets: bytes, *, last: bool) -> list[bytes]:
        """The messages of the next results of a call, none for no octets unless they are the last."""
        parts: list[bytes] = []
        for begin in range(0, max(len(octets), int(last)), INLINE):
            end = last and begin + INLINE >= len(octets)
            header = messages.pack_response(call_id, 0 if end else messages.PART_OF_FLOW)
            parts.append(header + octets[begin : begin + INLINE])
        return parts

    def fault(self, status: int, *, did_not_execute: bool = False, detail: bytes = b"") -> bytes:
        """The failure of a call, as an answer to its message; detail: extended error information ([MS-EERR])."""
        return messages.pack_fault(status, FaultFlag.DID_NOT_EXECUTE if did_not_execute else 0, detail)
