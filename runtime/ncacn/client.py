"""The client's end of a connection: an association that calls go out on. Counterpart: `server.py`.

Drive it so: send what `bind` gives, hand every read to `receive_data`, and once BindAnswered came, send what
`request` gives. Call ids are the owner's choice; `next_call_id` offers one. One thread may receive while
another sends; senders exclude each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final
from uuid import UUID

from .associating import Associating
from .bind_pdu import BindAck, BindNak
from .constants import (
    CALL_HEADER_SIZE,
    DID_NOT_EXECUTE,
    FIRST_FRAGMENT,
    LAST_FRAGMENT,
    MAX_FRAGMENT_TCP,
    MAYBE,
    WHOLE,
    FaultStatus,
    Order,
    PacketType,
)
from .errors import PduError, StateError
from .events import (
    BindRefused,
    ConnectionFailed,
    Event,
    FaultReceived,
    ResponsePart,
    ResponseReceived,
    ShutdownRequested,
)
from .fragments import Assembly, Octets, Stub, cut, joined, room
from .inbox import Inbox
from .limits import DEFAULT_LIMITS, Limits
from .outgoing import Outgoing
from .pdu import (
    REQUEST_HEAD,
    RESPONSE_HEAD,
    UUID_SIZE,
    CoCancel,
    Fault,
    OrphanedCall,
    Pdu,
    Request,
    Response,
    parse_body,
    start,
)
from .protection import Protection
from .states import State

_BOUND: Final = State.BOUND
_read_response = RESPONSE_HEAD.unpack_from
_WHOLE_RESPONSE: Final = start(PacketType.RESPONSE, WHOLE)
_WHOLE_REQUEST: Final = start(PacketType.REQUEST, WHOLE)
WINE_CALL_ID: Final = 1
"""The call id of every answer of Wine's server, whatever the call's (seen with Wine 8)."""
_ANSWERS: Final[dict[int, int]] = dict.fromkeys(
    (
        PacketType.RESPONSE,
        PacketType.FAULT,
        PacketType.BIND_ACK,
        PacketType.BIND_NAK,
        PacketType.ALTER_CONTEXT_RESP,
        PacketType.SHUTDOWN,
    ),
    0xFFFF,
)
"""What may come, and how long: a server that ignores the limit it was given does no harm here."""


class _Pieces(list["Assembly[Response]"]):
    """What stands for the fragments of a response that is handed on as it comes: nothing of it is kept."""

    __slots__ = ("order",)
    order: Order | None


class ClientAssociation(Associating):
    """One connection of a client.

    max_fragment: the size of fragment that is offered, 5840 for TCP, 4280 for pipes. order: the byte order
    of what is sent. multiplex: whether to ask for calls that overlap.

    contexts: what has been accepted so far, by context id. features: the bind-time features that were granted
    (MS-RPCE 2.2.2.14). unanswered, abandoned: the calls that have no answer yet, by id, and those that
    were given up and may still be answered; where there are neither, nothing is to come from the server.
    """

    def __init__(
        self,
        *,
        limits: Limits = DEFAULT_LIMITS,
        max_fragment: int = MAX_FRAGMENT_TCP,
        order: Order = "<",
        multiplex: bool = True,
    ) -> None:
        super().__init__(max_fragment, order, multiplex=multiplex)
        self._limits = limits
        self._inbox = Inbox(_ANSWERS)
        self._last_call_id = 0
        # Calls without their answer. The list is empty until a fragment of it came, and then holds all of them;
        # what still comes for a call that was just orphaned goes into a list that nobody has.
        self.unanswered: dict[int, list[Assembly[Response]]] = {}
        # Requests of which fragments are still to be sent.
        self._sending: dict[int, Outgoing] = {}
        # Calls that have no answer, oldest first; there are servers that answer them all the same.
        self._told: dict[int, None] = {}
        # Orphaned calls whose answer may still come, oldest first.
        self.abandoned: dict[int, None] = {}
        # Calls that are waiting or abandoned and whose answers are protected.
        self._guarded: dict[int, Protection] = {}
        # Security and presentation contexts that the server was told of under their own signature.
        self._vouched: set[tuple[int, int]] = set()

    # What goes out

    def request(
        self,
        call_id: int,
        context_id: int,
        opnum: int,
        stub: Stub,
        *,
        object: UUID | None = None,
        flags: int = 0,
        security: int | None = None,
    ) -> list[bytes]:
        """A call, as fragments to be sent in order with no other request between them.

        flags: MAYBE for a call that has no answer, or 0. security: the security context that it comes under, without
        it the bind's. Raises StateError when no call can be made now, for a context that was not accepted, and for a
        call id in use.
        """
        self._machine.sent(PacketType.REQUEST)
        self._check_call(call_id, context_id)
        if self._initiator.contexts:
            guard = self._guard(security)
            if guard is not None:
                return self._guarded_request(guard, Request(call_id, context_id, opnum, b"", object, 0, flags), stub)
        self._expect(call_id, flags)
        octets = joined(stub)
        size = len(octets)
        if object is None and not flags and self._order == "<" and size + CALL_HEADER_SIZE <= self._max_fragment:
            return [
                REQUEST_HEAD.pack(_WHOLE_REQUEST, size + CALL_HEADER_SIZE, call_id, size, context_id, opnum) + octets
            ]
        template = Request(call_id, context_id, opnum, b"", object, 0, flags, self._order)
        return list(self._cut(template, memoryview(octets)))

    def plain_request(self, context_id: int, opnum: int, stub: Octets) -> tuple[int, bytes] | None:
        """Nearly every call: its new id, and all of it as one fragment. None where there is more to it: `request`."""
        size = len(stub) + CALL_HEADER_SIZE
        if (
            size > self._max_fragment
            or self._machine.state is not _BOUND
            or context_id not in self.contexts
            or self._order != "<"
            or self._initiator.contexts
            or (self.unanswered and not self._multiplex)
        ):
            return None
        self._last_call_id = call_id = self._last_call_id % 0xFFFF_FFFF + 1
        if call_id in self.unanswered or call_id in self.abandoned:
            call_id = self.next_call_id()
        self.unanswered[call_id] = []
        head = REQUEST_HEAD.pack(_WHOLE_REQUEST, size, call_id, size - CALL_HEADER_SIZE, context_id, opnum)
        return call_id, head + stub

    def begin(
        self, call_id: int, context_id: int, opnum: int, *, object: UUID | None = None, security: int | None = None
    ) -> None:
        """A call whose request is sent, and whose response is told, piece by piece: ResponsePart, ResponseReceived.

        The fragments come from `more`. Raises what `request` raises.
        """
        self._machine.sent(PacketType.REQUEST)
        self._check_call(call_id, context_id)
        self.unanswered[call_id] = pieces = _Pieces()
        pieces.order = None
        template = Request(call_id, context_id, opnum, b"", object, 0, 0, self._order)
        self._sending[call_id] = self._outgoing(self._guard(security), template)

    def more(self, call_id: int, octets: Sequence[Octets], *, last: bool) -> list[bytes]:
        """The next fragments of a call that was begun, no other request between them. None once it was given up."""
        outgoing = self._sending.get(call_id)
        if outgoing is None:
            return []
        if last:
            del self._sending[call_id]
        return outgoing.more(octets, last=last)

    def cancel(self, call_id: int) -> bytes:
        """Asks the server to end a call, which is answered all the same. Empty when the call has its answer."""
        if call_id not in self.unanswered:
            return b""
        self._machine.sent(PacketType.CO_CANCEL)
        return CoCancel(call_id, order=self._order).serialize()

    def orphan(self, call_id: int) -> bytes:
        """Gives a call up: nothing more is told of it. Empty when the call has its answer, unless it is still sent."""
        unsent = self._sending.pop(call_id, None) is not None
        if call_id not in self.unanswered:
            return OrphanedCall(call_id, order=self._order).serialize() if unsent and not self.closed else b""
        self._machine.sent(PacketType.ORPHANED)
        # First here, then gone from there: the answer finds the call in one of the two.
        self.abandoned[call_id] = None
        self.unanswered.pop(call_id, None)
        if len(self.abandoned) > self._limits.max_abandoned:
            oldest = next(iter(self.abandoned))
            del self.abandoned[oldest]
            self._guarded.pop(oldest, None)
        return OrphanedCall(call_id, order=self._order).serialize()

    def withdraw(self, call_id: int) -> None:
        """Forgets a call none of whose octets have gone. Was it protected, the association is at its end: each fragment
        that the server gets must be the next one that was signed."""
        if call_id in self._guarded:
            self._close()
        self._sending.pop(call_id, None)
        self.unanswered.pop(call_id, None)

    # What comes in

    def receive_data(self, octets: bytes) -> list[Event]:
        """What happened, given the next octets of the stream: any number of PDUs, cut anywhere.

        Never raises for what a peer sent. After the association closed, nothing happens any more.
        """
        events: list[Event] = []
        at = 0
        while (plain := self.plain_response(octets, at)) is not None:
            events.append(ResponseReceived(*plain, "<"))
            at += CALL_HEADER_SIZE + len(plain[1])
        return events if events and at == len(octets) else events + self._receive(octets[at:])

    def plain_response(self, octets: bytes, at: int = 0) -> tuple[int, bytes] | None:
        """Nearly all that comes: a whole little-endian response; the id of its call, and the stub.

        None, and nothing has happened, when what begins at `at` is anything else: `receive_data` takes it and the rest.
        """
        left = len(octets) - at
        if left >= CALL_HEADER_SIZE and not self._inbox.octets and self._machine.state is State.BOUND:
            begin, size, call_id, _, _, _ = RESPONSE_HEAD.unpack_from(octets, at)
            if begin == _WHOLE_RESPONSE and CALL_HEADER_SIZE <= size <= left and self.unanswered.get(call_id) == []:
                self.unanswered.pop(call_id, None)
                return call_id, octets[at + CALL_HEADER_SIZE : at + size]
        return None

    def plain_answer(self, octets: bytes, call_id: int) -> bytes | None:
        """The stub, if the octets are a plain response to this call and nothing else; as nearly all that a call is
        answered with. None, and nothing has happened, for any others: `receive_data` takes them."""
        size = len(octets)
        if size < CALL_HEADER_SIZE or self._inbox.octets or self._machine.state is not _BOUND:
            return None
        begin, length, answered, _, _, _ = _read_response(octets)
        if begin != _WHOLE_RESPONSE or length != size or answered != call_id or self.unanswered.get(call_id) != []:
            return None
        del self.unanswered[call_id]
        return octets[CALL_HEADER_SIZE:]

    # What can be asked

    def next_call_id(self) -> int:
        """A call id that is not in use, counting up from 1."""
        while True:
            self._last_call_id = self._last_call_id % 0xFFFF_FFFF + 1
            if self._last_call_id not in self.unanswered and self._last_call_id not in self.abandoned:
                return self._last_call_id

    def __repr__(self) -> str:
        return f"<ClientAssociation {self.state.value}, {len(self.contexts)} contexts, {len(self.unanswered)} calls>"

    # PDUs, one by one

    def _receive(self, octets: bytes) -> list[Event]:
        events: list[Event] = []
        self._inbox.octets += octets
        try:
            while not self.closed:
                taken = self._inbox.take()
                if taken is None:
                    return events
                pdu = parse_body(*taken)
                self._machine.received(pdu.ptype)
                event = self._handle(pdu)
                if event is not None:
                    events.append(event)
        except PduError as error:
            self._close()
            events.append(ConnectionFailed(error.reason, error.status))
        self._inbox.clear()
        return events

    def _handle(self, pdu: Pdu) -> Event | None:
        if isinstance(pdu, (Response, Fault)) and pdu.auth and not self._initiator.contexts:
            raise PduError("an answer is authenticated and the association is not", status=FaultStatus.ACCESS_DENIED)
        if isinstance(pdu, Response):
            return self._response(pdu)
        if isinstance(pdu, Fault):
            return self._fault(pdu)
        if isinstance(pdu, BindAck):
            return self._bound(pdu)
        if isinstance(pdu, BindNak):
            self._close()
            return BindRefused(pdu.reason, pdu.versions, detail=pdu.detail)
        # The table lets nothing else through.
        return ShutdownRequested()

    def _response(self, response: Response) -> ResponseReceived | ResponsePart | None:
        call_id = response.call_id = self._meant(response.call_id)
        last = bool(response.flags & LAST_FRAGMENT)
        self._check_guarded(response, last=last)
        parts = self.unanswered.get(call_id)
        if parts is None:
            self._drop("response", call_id, last)
            return None
        if isinstance(parts, _Pieces):
            return self._piece(parts, response, last=last)
        self._add(parts, response)
        if not last:
            return None
        self.unanswered.pop(call_id, None)
        return ResponseReceived(call_id, parts[0].stub(), response.order)

    def _piece(self, parts: _Pieces, response: Response, *, last: bool) -> ResponsePart:
        if bool(response.flags & FIRST_FRAGMENT) is not (parts.order is None):
            raise PduError(f"the fragments of the response to call {response.call_id} are out of order")
        if parts.order not in (None, response.order):
            raise PduError("a fragment does not continue its call")
        parts.order = response.order
        if last:
            self.unanswered.pop(response.call_id, None)
        return ResponsePart(response.call_id, response.stub, response.order, last)

    def _add(self, parts: list[Assembly[Response]], response: Response) -> None:
        # Fragments of different responses may alternate: nothing forbids a server to.
        if bool(response.flags & FIRST_FRAGMENT) is bool(parts):
            raise PduError(f"the fragments of the response to call {response.call_id} are out of order")
        limit = self._limits.max_response
        if parts:
            parts[0].add(response)
        else:
            parts.append(Assembly(response, limit, self._limits, FaultStatus.NCA_S_OUT_ARGS_TOO_BIG))
        # All responses together, though there is hardly ever a second one.
        if sum(one.size for each in list(self.unanswered.values()) for one in each) > limit:
            raise PduError(f"responses exceed {limit} octets", status=FaultStatus.NCA_S_OUT_ARGS_TOO_BIG)

    def _fault(self, fault: Fault) -> FaultReceived | BindRefused | None:
        call_id = fault.call_id
        if self._asked is not None and call_id == self._asked.call_id:
            self._close()
            return BindRefused(0, [], fault.status, fault.detail)
        call_id = self._meant(call_id)
        forgeable = self._guarded.pop(call_id, None) is not None
        if self.unanswered.pop(call_id, None) is None:
            self._drop("fault", call_id, True, fault.status)
            return None
        never = bool(fault.flags & DID_NOT_EXECUTE)
        return FaultReceived(call_id, fault.status, never, fault.detail, forgeable)

    def _meant(self, call_id: int) -> int:
        """The call that an answer is to, which is not always the one it names.

        Wine's server answers every call as call 1. That is taken for the answer to the only call that there is, and
        only where no other could be meant: calls may not overlap, and none was given up whose answer may still come.
        """
        if call_id == WINE_CALL_ID and not self._multiplex and not self.abandoned and len(self.unanswered) == 1:
            return next(iter(self.unanswered))
        return call_id

    def _drop(self, what: str, call_id: int, last: bool, status: int = FaultStatus.NCA_S_PROTO_ERROR) -> None:
        # An answer that nobody waits for is either late or a lie.
        if call_id not in self.abandoned and call_id not in self._told:
            raise PduError(f"a {what} to call {call_id}, which was not made", status=status)
        if last:
            self.abandoned.pop(call_id, None)

    # Calls

    def _check_call(self, call_id: int, context_id: int) -> None:
        if context_id not in self.contexts:
            raise StateError(f"context {context_id} was not accepted")
        if call_id in self.unanswered or call_id in self.abandoned:
            raise StateError(f"call id {call_id} is in use")
        if self.unanswered and not self._multiplex:
            raise StateError("the server takes one call at a time")

    def _guard(self, security: int | None) -> Protection | None:
        """What protects a call under this security context."""
        found = self._initiator.find(security)
        return found if found is not None and found.guards else None

    def _outgoing(self, guard: Protection | None, template: Request) -> Outgoing:
        call_id, context_id = template.call_id, template.context_id
        known = False
        if guard is not None:
            known = (guard.id, context_id) in self._vouched
            self._vouched.add((guard.id, context_id))
            if not template.flags & MAYBE:
                self._guarded[call_id] = guard
        return Outgoing(template, self._max_fragment, guard, self.contexts[context_id], known=known)

    def _expect(self, call_id: int, flags: int) -> None:
        if not flags & MAYBE:
            self.unanswered[call_id] = []
            return
        self._told[call_id] = None
        if len(self._told) > self._limits.max_abandoned:
            del self._told[next(iter(self._told))]

    def _guarded_request(self, guard: Protection, template: Request, stub: Stub) -> list[bytes]:
        template.order = self._order
        outgoing = self._outgoing(guard, template)
        self._expect(template.call_id, template.flags)
        try:
            return outgoing.more([joined(stub)], last=True)
        except StateError:  # the security package is at its end, and so is what it protected
            self._close()
            raise

    def _check_guarded(self, response: Response, *, last: bool) -> None:
        """Whatever is answered to a call that is protected is protected the same way, wanted or not."""
        guard = self._guarded.get(response.call_id)
        if guard is None:
            return
        if response.auth is None or not guard.named_by(response.auth):
            raise PduError("a response is not protected as its call was", status=FaultStatus.ACCESS_DENIED)
        guard.unwrap(response, CALL_HEADER_SIZE)
        if last:
            self._guarded.pop(response.call_id, None)

    def _cut(self, template: Request, stub: memoryview) -> Iterator[bytes]:
        size = len(stub)
        header_size = CALL_HEADER_SIZE + (UUID_SIZE if template.object else 0)
        flags = template.flags
        for begin, end in cut(size, room(self._max_fragment, header_size)):
            template.flags = flags | (FIRST_FRAGMENT if begin == 0 else 0) | (LAST_FRAGMENT if end == size else 0)
            template.alloc_hint = size - begin
            template.stub = bytes(stub[begin:end])
            yield template.serialize()

    def _close(self) -> None:
        self._machine.fail()
        self.unanswered.clear()
        self._sending.clear()
        self.abandoned.clear()
        self._guarded.clear()
        self._asked = self._answered = None
