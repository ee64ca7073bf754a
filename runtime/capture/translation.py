"""LRPC messages as PDUs of the connection-oriented protocol, which dissectors know: one translator per connection.

A Bind becomes a bind (the first) or an alter context, its answer a bind_ack; binding ids are context ids, message
ids call ids. Requests and responses are cut into fragments of 64 KiB. Faults and cancels, which name their call by
the id of the message, get its call id and context. What is no message of LRPC, and a callback, which has no PDU, comes
out as it is. Never raises.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from uuid import UUID

from ..ncacn import bind_pdu, pdu
from ..ncacn.constants import DID_NOT_EXECUTE, FIRST_FRAGMENT, LAST_FRAGMENT, ContextOutcome, RejectionReason
from ..ncacn.fragments import cut
from ..ncacn.syntax import NDR, NDR64, SyntaxId
from ..ncalrpc import messages
from ..ncalrpc.messages import Bind, FaultFlag, MessageError, MessageType, RequestFlag, TransferSyntax
from .stream import Piece

FRAGMENT: Final = 0xFFFF - 0xFFFF % 8 - 64
"""Octets of stub in a fragment: nobody has to hold more than one, and a PDU cannot be longer."""
MAX_KNOWN: Final = 4096
"""Calls whose answers may still come; the oldest are forgotten."""
_SYNTAXES: Final = {TransferSyntax.NDR: NDR, TransferSyntax.NDR64: NDR64}
_MAX_FRAGMENT: Final = 0xFFF8


class Translator:
    """What is needed to know of a connection to translate its next message."""

    def __init__(self) -> None:
        self._binds = 0
        self._asked: tuple[Bind, int] | None = None
        self._calls: dict[int, tuple[int, int]] = {}
        """Call id and context id of a request, by the id of its message."""
        self._answered: set[int] = set()
        """Messages whose answer has begun and not ended."""

    def pieces(self, message_id: int, data: bytes, view: memoryview | None, *, request: bool) -> Iterator[Piece]:
        """The PDUs of a message; request: it came from the client."""
        try:
            translated = list(self._translated(message_id, data, view, request))
        except MessageError:
            yield Piece(data, False)
            return
        for octets in translated:
            yield Piece(octets)

    def _translated(self, message_id: int, data: bytes, view: memoryview | None, request: bool) -> Iterator[bytes]:
        kind = messages.message_type(data)
        if kind is MessageType.BIND:
            yield self._bind(Bind.parse(data)) if request else self._bound(Bind.parse(data))
        elif kind is MessageType.REQUEST:
            yield from self._request(message_id, data, view)
        elif kind is MessageType.RESPONSE:
            yield from self._response(message_id, data, view)
        elif kind is MessageType.FAULT:
            yield self._fault(message_id, data)
        elif kind > MessageType.CANCEL:
            raise MessageError("callbacks have no PDU")
        else:
            yield pdu.CoCancel(self._cancelled(message_id, data)).serialize()

    def _bind(self, bind: Bind) -> bytes:
        self._binds += 1
        self._asked = bind, self._binds
        abstract = SyntaxId(*bind.interface)
        offered = [syntax for syntax in _SYNTAXES if syntax in bind.syntaxes]
        contexts = [
            bind_pdu.ContextRequest(bind.binding_id(syntax) & 0xFFFF, abstract, [_SYNTAXES[syntax]])
            for syntax in offered
        ]
        kind = bind_pdu.Bind if self._binds == 1 else bind_pdu.AlterContext
        return kind(self._binds, contexts, _MAX_FRAGMENT, _MAX_FRAGMENT).serialize()

    def _bound(self, answer: Bind) -> bytes:
        asked, number = self._asked or (answer, 0)
        refused = bind_pdu.ContextResult(
            ContextOutcome.PROVIDER_REJECTION, RejectionReason.ABSTRACT_SYNTAX_NOT_SUPPORTED
        )
        other = bind_pdu.ContextResult(
            ContextOutcome.PROVIDER_REJECTION, RejectionReason.TRANSFER_SYNTAXES_NOT_SUPPORTED
        )
        results = [
            refused
            if answer.status
            else bind_pdu.ContextResult(ContextOutcome.ACCEPTANCE, transfer=_SYNTAXES[syntax])
            if syntax in answer.syntaxes
            else other
            for syntax in _SYNTAXES
            if syntax in asked.syntaxes
        ]
        kind = bind_pdu.BindAck if number <= 1 else bind_pdu.AlterContextResponse
        return kind(number, results, _MAX_FRAGMENT, _MAX_FRAGMENT, 1).serialize()

    def _request(self, message_id: int, data: bytes, view: memoryview | None) -> Iterator[bytes]:
        flags, call_id, binding_id, opnum, uuid = messages.parse_request(data)
        stub = _stub(flags, data, messages.REQUEST_SIZE, view)
        context_id = binding_id & 0xFFFF
        self._calls[message_id] = call_id, context_id
        if len(self._calls) > MAX_KNOWN:
            self._forget(next(iter(self._calls)))
        begins = not (flags & RequestFlag.PIPE_REQUEST and flags & RequestFlag.PART_OF_FLOW)
        ends = not flags & RequestFlag.PIPE_REQUEST or bool(flags & RequestFlag.LAST_PIPE_CHUNK)
        return _requests(call_id, context_id, opnum & 0xFFFF, uuid, stub, begins, ends)

    def _response(self, message_id: int, data: bytes, view: memoryview | None) -> Iterator[bytes]:
        flags, call_id = messages.parse_response(data)
        stub = _stub(flags, data, messages.RESPONSE_SIZE, view)
        begins, ends = message_id not in self._answered, not flags & RequestFlag.PART_OF_FLOW
        _, context_id = self._calls.get(message_id, (call_id, 0))
        if ends:
            self._forget(message_id)
        elif message_id in self._calls:
            self._answered.add(message_id)
        return _responses(call_id, context_id, stub, begins, ends)

    def _fault(self, message_id: int, data: bytes) -> bytes:
        status, flags = messages.parse_fault(data)
        call_id, context_id = self._calls.get(message_id, (message_id, 0))
        self._forget(message_id)
        never = DID_NOT_EXECUTE if flags & FaultFlag.DID_NOT_EXECUTE else 0
        whole, detail = FIRST_FRAGMENT | LAST_FRAGMENT | never, messages.detail_of(data)
        return pdu.Fault.of(call_id, context_id, status, detail, whole).serialize()

    def _cancelled(self, message_id: int, data: bytes) -> int:
        return messages.parse_cancel(data) or self._calls.get(message_id, (message_id, 0))[0]

    def _forget(self, message_id: int) -> None:
        self._calls.pop(message_id, None)
        self._answered.discard(message_id)


def _stub(flags: int, data: bytes, start: int, view: memoryview | None) -> memoryview:
    return messages.large_stub(data, start, view) if flags & RequestFlag.VIEW_PRESENT else memoryview(data)[start:]


def _requests(
    call_id: int, context_id: int, opnum: int, uuid: UUID | None, stub: memoryview, begins: bool, ends: bool
) -> Iterator[bytes]:
    for begin, end, flags in _cuts(len(stub), begins, ends):
        part, hint = bytes(stub[begin:end]), len(stub) - begin
        yield pdu.Request(call_id, context_id, opnum, part, uuid, hint, flags).serialize()


def _responses(call_id: int, context_id: int, stub: memoryview, begins: bool, ends: bool) -> Iterator[bytes]:
    for begin, end, flags in _cuts(len(stub), begins, ends):
        yield pdu.Response(call_id, context_id, bytes(stub[begin:end]), 0, len(stub) - begin, flags).serialize()


def _cuts(size: int, begins: bool, ends: bool) -> Iterator[tuple[int, int, int]]:
    """Begin, end and flags of the fragments of a message; begins, ends: it is the first, the last of its stub."""
    for begin, end in cut(size, FRAGMENT):
        first = FIRST_FRAGMENT if begins and not begin else 0
        yield begin, end, first | (LAST_FRAGMENT if ends and end == size else 0)
