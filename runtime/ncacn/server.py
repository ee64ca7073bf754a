"""The server's end of a connection: an association that requests come from. Counterpart: `client.py`.

Drive it so: give every read to `receive_data`, send what `data_to_send` then holds, answer each event; after
answering a BindRequested call `receive_data(b"")` for what was held back; close when `closed` says so.
Answers may come from other threads than the one that receives, one for each call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

from .acceptor import Acceptor, Authenticate
from .answering import CANCELLED, RUNNING, SILENT, Answering
from .bind_pdu import AlterContext, AlterContextResponse, Auth3, Bind, BindAck, BindNak
from .constants import (
    CALL_HEADER_SIZE,
    CONCURRENT_MULTIPLEX,
    FIRST_FRAGMENT,
    LAST_FRAGMENT,
    MAX_FRAGMENT_TCP,
    MAYBE,
    PENDING_CANCEL,
    SUPPORT_HEADER_SIGN,
    WHOLE,
    FaultStatus,
    NakReason,
    PacketType,
    RejectionReason,
)
from .errors import PduError, StateError
from .events import (
    BindRequested,
    CancelReceived,
    ConnectionFailed,
    Event,
    Orphaned,
    RequestBegun,
    RequestContinued,
    RequestReceived,
)
from .fragments import agreed_fragment
from .header import Header
from .inbox import Inbox
from .incoming import Incoming
from .limits import DEFAULT_LIMITS, Limits
from .negotiation import Context, ContextRequest, ContextResult, check_offer, rejection
from .pdu import REQUEST_HEAD, CoCancel, Pdu, Request, parse_body, start
from .states import Exchange, State
from .syntax import NDR64

_BOUND: Final = State.BOUND
_read_request = REQUEST_HEAD.unpack_from
_WHOLE_REQUEST: Final = start(PacketType.REQUEST, WHOLE)
_UNANSWERED: Final = (State.BINDING, State.ALTERING)
_ANSWERED_BY_FAULT: Final = (PacketType.REQUEST, PacketType.ALTER_CONTEXT, PacketType.AUTH3)


def _largest(transport: int) -> dict[int, int]:
    # Requests are held to the transport's limit, not the negotiated one; the rest as Windows has it.
    types = (PacketType.BIND, PacketType.ALTER_CONTEXT, PacketType.AUTH3, PacketType.CO_CANCEL, PacketType.ORPHANED)
    return {PacketType.REQUEST: transport, **dict.fromkeys(types, 0xFFFF)}


class ServerAssociation(Answering):
    """One connection of a server.

    secondary_address: what a bind_ack says, the port in decimal or `\\PIPE\\name`. group_id(asked): the id of
    the association group to be in, asked being 0 for a new one; None when there is no such group.
    transport_max_fragment: 5840 for TCP, 4280 for pipes. streamed(context_id, opnum, object): whether such a request,
    in several fragments, is handed on as it comes, whatever its size: RequestBegun, RequestContinued.
    authenticate(auth_type, auth_level): a server's end of a security context, None for a type that is not spoken; it
    may raise SecurityError. explain(status, reason): extended error information of a refusal ([MS-EERR]), as octets; it
    goes to clients that ask for features, as all do that know of it, and never says why one failed to authenticate.

    contexts: what has been accepted so far, by context id. packets_in: PDUs that have come. dropped: calls
    with MAYBE that did not run, since too many did.
    """

    def __init__(
        self,
        *,
        secondary_address: str,
        group_id: Callable[[int], int | None],
        limits: Limits = DEFAULT_LIMITS,
        transport_max_fragment: int = MAX_FRAGMENT_TCP,
        streamed: Callable[[int, int, UUID | None], bool] | None = None,
        authenticate: Authenticate | None = None,
        explain: Callable[[int, str], bytes] | None = None,
    ) -> None:
        super().__init__(transport_max_fragment)
        self.contexts: dict[int, Context] = {}
        self.packets_in = 0
        self.dropped = 0
        self._strays = 0
        self._secondary_address = secondary_address
        self._choose_group = group_id
        self._limits = limits
        self._transport_max_fragment = transport_max_fragment
        self._streamed = streamed
        # A whole request up to this size needs no further look at the limits.
        self._largest_whole = min(transport_max_fragment, limits.max_request + CALL_HEADER_SIZE)
        self._inbox = Inbox(_largest(transport_max_fragment))
        self._out = bytearray()
        self._explain = explain
        self._understands = False  # the client has shown that it knows MS-RPCE
        # Settled by the bind.
        self._group_id = 0
        self._calls_allowed = 1
        self._acceptor = Acceptor(authenticate, limits.max_security_contexts)
        # The bind or alter context that waits for its answer, and what is told of it.
        self._asked: Bind | None = None
        self._unanswered: BindRequested | None = None
        self._untold: list[Event] = []  # how that ended, if badly
        # The call whose fragments are coming; at most one at a time, multiplexed or not.
        self._incoming: Incoming | None = None

    # What comes in

    def receive_data(self, octets: bytes) -> list[Event]:
        """What happened, given the next octets of the stream: any number of PDUs, cut anywhere.

        Never raises for what a peer sent. After the association closed, nothing happens any more.
        """
        events: list[Event] = []
        at = 0
        while (plain := self.plain_request(octets, at)) is not None:
            call_id, context_id, opnum, stub = plain
            events.append(RequestReceived(call_id, context_id, opnum, None, stub, "<", WHOLE))
            at += CALL_HEADER_SIZE + len(stub)
        return events if events and at == len(octets) else events + self._receive(octets[at:])

    def plain_request(self, octets: bytes, at: int = 0) -> tuple[int, int, int, bytes] | None:
        """Nearly all that comes: a whole little-endian request; call id, context id, opnum and stub of RequestReceived.

        None, and nothing has happened, when what begins at `at` is anything else: `receive_data` takes it and the rest.
        """
        left = len(octets) - at
        if left >= CALL_HEADER_SIZE and not self._inbox.octets and self._machine.state is _BOUND:
            begin, size, call_id, _, context_id, opnum = _read_request(octets, at)
            running = self._running
            if (
                begin == _WHOLE_REQUEST
                and CALL_HEADER_SIZE <= size <= left
                and size <= self._largest_whole
                and context_id in self.contexts
                and call_id not in running
                and len(running) < self._calls_allowed
                and self._incoming is None
            ):
                running[call_id] = [RUNNING]
                self.packets_in += 1
                return call_id, context_id, opnum, octets[at + CALL_HEADER_SIZE : at + size]
        return None

    def data_to_send(self) -> bytes:
        """The octets that the association sends by itself; each is given once."""
        if not self._out:
            return b""
        octets = bytes(self._out)
        self._out.clear()
        return octets

    # What goes out

    def accept(self, event: BindRequested, results: Sequence[ContextResult]) -> bytes:
        """The answer to a bind or alter context, one result for each offered context.

        A context beyond the limit is rejected here, whatever its result says; one that is offered again with
        another interface or encoding breaks the protocol, and a client that fails to authenticate is refused, which
        closes the association instead: `receive_data` tells it.
        Raises StateError unless `event` is the one that waits.
        """
        if not self._settle(event):
            return b""
        if len(results) != len(event.contexts):
            raise StateError(f"{len(results)} results for {len(event.contexts)} contexts")
        try:
            given = [self._enter(item, result) for item, result in zip(event.contexts, results, strict=True)]
            return self._answer(event, given)
        except PduError as error:
            ptype = PacketType.ALTER_CONTEXT if event.alter else PacketType.BIND
            self._untold.append(self._refuse(error.about(ptype, event.call_id)))
            return self.data_to_send()

    def refuse(
        self,
        event: BindRequested,
        reason: NakReason = NakReason.NOT_SPECIFIED,
        status: int = FaultStatus.ACCESS_DENIED,
    ) -> bytes:
        """Refuses a bind with `reason`, or an alter context with a fault of `status`, and closes the association.

        Raises StateError unless `event` is the one that waits.
        """
        if not self._settle(event):
            return b""
        ptype = PacketType.ALTER_CONTEXT if event.alter else PacketType.BIND
        self._refuse(PduError("refused", nak=reason, status=status).about(ptype, event.call_id))
        return self.data_to_send()

    # What can be asked

    @property
    def unfinished(self) -> bool:
        """A PDU, or a request that is not handed on as it comes, has begun and its end has not come."""
        incoming = self._incoming
        return bool(self._inbox.octets) or (incoming is not None and not incoming.streamed)

    @property
    def max_fragment(self) -> int:
        """The size of fragment that the bind settled."""
        return self._max_fragment

    def __repr__(self) -> str:
        return f"<ServerAssociation {self.state.value}, {len(self.contexts)} contexts, {len(self._running)} calls>"

    # PDUs, one by one

    def _receive(self, octets: bytes) -> list[Event]:
        events, self._untold = self._untold, []
        if self.closed or not (octets or self._inbox.octets):
            return events
        self._inbox.octets += octets
        try:
            while self._machine.state not in _UNANSWERED:
                taken = self._inbox.take()
                if taken is None:
                    return events
                self.packets_in += 1
                pdu = self._admit(*taken)
                event = self._handle(pdu)
                if event is not None:
                    events.append(event)
            self._check_held(len(octets))
        except PduError as error:
            events.append(self._refuse(error))
        return events

    def _admit(self, header: Header, octets: bytes) -> Pdu:
        pdu = parse_body(header, octets)
        try:
            self._machine.received(pdu.ptype)
        except PduError as error:
            raise error.about(pdu.ptype, pdu.call_id) from None
        return pdu

    def _handle(self, pdu: Pdu) -> Event | None:
        try:
            if isinstance(pdu, Request):
                return self._request(pdu)
            if isinstance(pdu, Bind):
                return self._bind(pdu)
            if isinstance(pdu, CoCancel):
                return self._cancel(pdu.call_id)
            if isinstance(pdu, Auth3):
                self._finish_exchange(pdu)
                return None
            # The table lets nothing else through.
            return self._orphan(pdu.call_id)
        except PduError as error:
            raise error.about(pdu.ptype, pdu.call_id) from None

    def _bind(self, bind: Bind) -> BindRequested:
        alter = isinstance(bind, AlterContext)
        self._understands |= any(item.features is not None for item in bind.contexts)
        self._acceptor.check(bind)
        check_offer(bind, self._limits)
        if not alter:
            self._open(bind)
        self._asked = bind
        self._unanswered = BindRequested(bind.call_id, bind.contexts, self._group_id, alter, bind.flags)
        return self._unanswered

    def _finish_exchange(self, auth3: Auth3) -> None:
        self._acceptor.finish(auth3)
        if self._machine.state is State.AUTHENTICATING and not self._acceptor.unfinished:
            self._machine.exchanged(Exchange.OVER)

    def _open(self, bind: Bind) -> None:
        group_id = self._choose_group(bind.group_id)
        if group_id is None:
            raise PduError(f"there is no association group {bind.group_id:#x}", nak=NakReason.NOT_SPECIFIED)
        self._group_id = group_id
        self._max_fragment = agreed_fragment(bind.max_xmit, bind.max_recv, self._transport_max_fragment)
        if bind.flags & CONCURRENT_MULTIPLEX:
            self._calls_allowed = self._limits.max_calls

    def _request(self, request: Request) -> RequestReceived | RequestBegun | RequestContinued | None:
        if request.flags & FIRST_FRAGMENT:
            return self._begin(request)
        incoming = self._incoming
        if incoming is None or request.call_id != incoming.first.call_id:
            self._stray(request)
            return None
        context = self.contexts.get(incoming.first.context_id)
        event = incoming.add(request, context, wanted=request.call_id in self._running)
        if not request.flags & LAST_FRAGMENT:
            return event
        self._incoming = None
        return event if incoming.streamed else self._received(incoming)

    def _begin(self, first: Request) -> RequestReceived | RequestBegun | None:
        streamed = self._is_streamed(first)
        self._check_start(first, streamed=streamed)
        incoming = Incoming(first, self._acceptor.admit(first), self._limits, streamed=streamed)
        if first.flags & LAST_FRAGMENT:
            return self._received(incoming)
        self._incoming = incoming
        return incoming.begun() if streamed and self._start(incoming) else None

    def _received(self, incoming: Incoming) -> RequestReceived | None:
        return incoming.received(self.contexts[incoming.first.context_id]) if self._start(incoming) else None

    def _is_streamed(self, request: Request) -> bool:
        if self._streamed is None or request.flags & LAST_FRAGMENT:
            return False
        return self._streamed(request.context_id, request.opnum, request.object)

    def _check_start(self, request: Request, *, streamed: bool) -> None:
        if request.flags & PENDING_CANCEL:
            status = FaultStatus.RPC_S_NO_CALL_ACTIVE
            raise PduError("a call begins cancelled", status=status, did_not_execute=True)
        if self._incoming is not None:
            raise self._interrupted(self._incoming, request)
        if self._calls_allowed == 1:
            # Without multiplexing the fault names the call in progress, as Windows does.
            for call_id in [running for running in list(self._running) if running not in self._one_way]:
                raise PduError("a call begins while another one runs").about(PacketType.REQUEST, call_id)
        if request.call_id in self._running:
            raise PduError(f"call {request.call_id} runs already", context_id=request.context_id)
        # Believed only as far as it promises trouble: a call in one fragment is as long as it is.
        if not (streamed or request.flags & LAST_FRAGMENT) and request.alloc_hint > self._limits.max_request:
            raise PduError(
                f"a request of {request.alloc_hint} octets by its alloc_hint",
                status=FaultStatus.ACCESS_DENIED,
                context_id=request.context_id,
                limit="max_request",
                value=self._limits.max_request,
            )

    def _interrupted(self, incoming: Incoming, request: Request) -> PduError:
        """What a call is refused with that begins while the fragments of another come."""
        first = incoming.first
        same = request.call_id == first.call_id
        forged = same and request.context_id == first.context_id and self._acceptor.other(request, incoming.security)
        status = FaultStatus.RPC_S_SEC_PKG_ERROR if forged else FaultStatus.NCA_S_PROTO_ERROR
        alone = self._calls_allowed == 1
        error = PduError(
            "a call begins while another one comes", status=status, context_id=first.context_id if same or alone else 0
        )
        return error.about(first.ptype, first.call_id if alone else request.call_id)

    def _stray(self, request: Request) -> None:
        """Refuses a fragment whose first has not come; which call is blamed, is as Windows has it."""
        incoming = self._incoming
        if incoming is not None:
            error = PduError("a fragment does not continue its call")
            if self._calls_allowed == 1:
                error.context_id = incoming.first.context_id
                error.about(incoming.first.ptype, incoming.first.call_id)
            raise error
        if self._calls_allowed == 1:
            raise PduError("a fragment comes without its first")
        if request.context_id not in self.contexts:
            self._decline(request, FaultStatus.NCA_S_UNK_IF)
            return
        self._acceptor.admit(request)
        raise PduError("a fragment comes without its first", context_id=request.context_id)

    def _start(self, incoming: Incoming) -> bool:
        first = incoming.first
        context = self.contexts.get(first.context_id)
        if context is None:
            self._decline(first, FaultStatus.NCA_S_UNK_IF)
            return False
        if context.transfer == NDR64 and first.order != "<":
            raise PduError("NDR64 is little-endian", context_id=first.context_id)  # MS-RPCE 2.2.5
        one_way = first.flags & MAYBE
        if one_way and len(self._one_way) >= self._limits.max_one_way:
            self.dropped += 1
            return False
        if not one_way and len(self._running) - len(self._one_way) >= self._limits.max_calls:
            self._decline(first, FaultStatus.NCA_S_SERVER_TOO_BUSY)
            return False
        if one_way:
            self._one_way.add(first.call_id)
        if incoming.guard is not None:
            self._guards[first.call_id] = incoming.guard
        self._running[first.call_id] = [SILENT if one_way else RUNNING]
        return True

    def _decline(self, request: Request, status: int) -> None:
        if not request.flags & MAYBE:
            context_id = request.context_id if request.context_id in self.contexts else 0
            self._out += self._fault(request.call_id, context_id, status, True)

    def _cancel(self, call_id: int) -> CancelReceived | None:
        # A call that is unknown, or whose fragments are still coming, is left alone, as Windows does.
        fate = self._running.get(call_id)
        if fate is None or fate[0] != RUNNING:
            self._check_strays()
            return None
        fate[0] = CANCELLED
        return CancelReceived(call_id)

    def _orphan(self, call_id: int) -> Orphaned | None:
        incoming = self._incoming
        if incoming is not None and incoming.streamed and incoming.first.call_id == call_id:
            self._incoming = None  # C706 12.6.4.8: its fragments end here
        fate = self._running.get(call_id)
        if fate is None or fate[0] == SILENT:
            self._check_strays()
            return None
        fate[0] = SILENT
        return Orphaned(call_id)

    def _check_strays(self) -> None:
        # It may have crossed the answer on its way, as a cancel and an orphan can for every call, and no more.
        self._strays += 1
        if self._strays > self._limits.max_strays + 2 * (self.packets_in - self._strays):
            raise PduError(f"{self._strays} words on calls that do not run")

    # Answers to binds

    def _settle(self, event: BindRequested) -> bool:
        if self.closed:
            return False
        if event is not self._unanswered:
            raise StateError("this bind does not wait for an answer")
        return True

    def _enter(self, item: ContextRequest, result: ContextResult) -> ContextResult:
        known = self.contexts.get(item.context_id)
        wanted = Context(item.abstract, result.transfer if result.accepted or known is None else known.transfer)
        if known not in (None, wanted):
            raise PduError(f"context {item.context_id} changes from {known} to {wanted}")
        if not result.accepted:
            return result
        if known is None and len(self.contexts) >= self._limits.max_contexts:
            return rejection(RejectionReason.LOCAL_LIMIT_EXCEEDED)
        self.contexts[item.context_id] = wanted
        return result

    def _answer(self, event: BindRequested, results: list[ContextResult]) -> bytes:
        assert self._asked is not None
        auth = self._acceptor.answer(self._asked)
        self._unanswered = self._asked = None
        answer = AlterContextResponse if event.alter else BindAck
        flags = WHOLE | event.flags & SUPPORT_HEADER_SIGN
        if not event.alter:
            flags |= event.flags & CONCURRENT_MULTIPLEX
        address = "" if event.alter else self._secondary_address
        size = self._max_fragment
        self._machine.sent(answer.ptype)
        if self._acceptor:
            self._machine.exchanged(Exchange.UNFINISHED if self._acceptor.unfinished else Exchange.OVER)
        return answer(event.call_id, results, size, size, self._group_id, address, flags, auth=auth).serialize()

    # The end

    def _refuse(self, error: PduError) -> ConnectionFailed:
        # The one place where what a peer did wrong becomes an answer (the reasons as Windows gives them).
        if error.ptype == PacketType.BIND:
            self._out += BindNak(error.call_id, error.nak, detail=self._explained(error)).serialize()
        elif error.ptype in _ANSWERED_BY_FAULT:
            unheard = error.did_not_execute or error.ptype != PacketType.REQUEST
            self._out += self._fault(error.call_id, error.context_id, error.status, unheard, self._explained(error))
        self._machine.fail()
        self._unanswered = self._asked = self._incoming = None
        self._inbox.clear()
        return ConnectionFailed(error.reason, error.status, error.limit, error.value)

    def _explained(self, error: PduError) -> bytes:
        if self._explain is None or not self._understands:
            return b""
        if error.limit:
            return self._explain(error.status, f"{error.reason}: {error.limit} is {error.value}")
        secret = error.status in (FaultStatus.RPC_S_SEC_PKG_ERROR, FaultStatus.ACCESS_DENIED)
        return b"" if secret else self._explain(error.status, error.reason)

    def _check_held(self, arrived: int) -> None:
        # What one read brought is held whole; more is taken only up to the limit.
        held = len(self._inbox.octets)
        if held > max(arrived, self._limits.max_held):
            raise PduError(f"{held} octets came before the bind was answered", status=FaultStatus.ACCESS_DENIED)
