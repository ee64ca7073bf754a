"""A server's end of the connection-oriented protocol, through a byte stream or a message pipe.

The other sessions, and what they have in common: `session.py`. The client's side is `wire.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

from ..transports import errors as transport
from ..transports.seam import Connection
from . import dispatch, ncacn
from .authentication.credentials import Identity
from .call import Caller, Limits, set_caller
from .cancelling import Cancelling
from .contexts import AssociationGroup, AssociationGroups, ContextTable
from .dispatch import Method, Registry
from .ended import Dismissed, Ended, Limited, Malformed, paused
from .journal import note
from .ncacn.acceptor import Authenticate
from .ncacn.constants import CALL_HEADER_SIZE, WHOLE
from .ncacn.protection import Protection
from .ncacn.security import AuthLevel
from .ncacn.states import State
from .ndr.layout import Encoding
from .pdu_answering import PduAnswering
from .pdu_wire import PIPE_FRAGMENT, TCP_FRAGMENT
from .pipes.piped_calls import PipedCalls
from .pipes.piping import Piece
from .runner import async_runner, runner
from .session import BURST, SEND_TIMEOUT, Answer, Call, caller_of, offers
from .status import NCA_SERVER_TOO_BUSY, Fault, Ran, ServerTooBusy
from .stub import Octets

if TYPE_CHECKING:
    from .flat_straight import FlatTurns

PlainRequest: TypeAlias = tuple[int, int, int, bytes]
"""Call id, context id, opnum, stub."""


class PduSession(PduAnswering):
    """The connection-oriented protocol through a byte stream or a message pipe."""

    def __init__(
        self,
        connection: Connection,
        registry: Registry,
        endpoint: str,
        limits: Limits,
        *,
        patient: bool,
        protocol: str,
        secondary_address: str,
        groups: AssociationGroups,
        authenticate: Authenticate | None = None,
    ) -> None:
        super().__init__(connection, registry, patient=patient)
        self.caller = caller_of(connection, protocol)
        self.burst = BURST if connection.message_mode else 1
        self._max_pause = limits.max_pause
        self._groups = groups
        self._group: AssociationGroup | None = None
        self._piped = PipedCalls(self, limits, message_mode=connection.message_mode)
        self._methods: dict[tuple[int, int], Method] = {}
        """What has been looked up, by context id and opnum: what a context id means never changes."""
        self._runners: dict[tuple[int, int], Callable[[Octets], Any]] = {}
        """What serves plain calls, by the same: functions that give an Answer or, to asyncio, a coroutine of one."""
        self._pending = self._piped.pending
        self.turns: FlatTurns | None = None
        self.cancelling = Cancelling(self, self._pending, limits.max_calls, limits.max_cancels)
        self.bound = False
        self._endpoint = endpoint
        self._association = ncacn.ServerAssociation(
            secondary_address=secondary_address,
            group_id=self._join,
            limits=ncacn.Limits(
                max_request=limits.max_request,
                max_contexts=limits.max_bindings,
                max_calls=limits.max_calls,
                max_one_way=limits.max_one_way,
            ),
            transport_max_fragment=PIPE_FRAGMENT if connection.message_mode else TCP_FRAGMENT,
            streamed=self._is_piped,
            authenticate=authenticate,
            explain=self._explain,
        )
        self._accepted = False
        self._callers: dict[Protection, Caller] = {}
        """Who calls under which security context."""

    def serve_next(self, timeout: float | None) -> None:
        """Wait for octets and serve the calls in them."""
        try:
            self._serve(self._connection.receive(timeout))
        except transport.TransportError as error:
            raise Ended(str(error)) from error

    def serve_now(self) -> int | None:
        """Serve the calls in what has come: `unfinished`, after that."""
        try:
            octets = self._connection.receive_now()
            return None if octets is not None and self._serve(octets) else self.unfinished
        except transport.TransportError as error:
            raise Ended(str(error)) from error

    def _serve(self, octets: bytes) -> bool:
        """Was this one plain call, as nearly always? Then nothing is unfinished."""
        association = self._association
        request = association.plain_request(octets)
        if request is None:
            self._serve_calls(self._calls_of(octets))
            return False
        call_id, context_id, opnum, stub = request
        run = self._runners.get((context_id, opnum)) or self._runner(context_id, opnum)
        if run is None or len(octets) != CALL_HEADER_SIZE + len(stub):
            self._serve_calls(self._calls_of(octets, request))
            return False
        self._count(len(octets))
        self.cancelling.now = call_id
        self._answer_plain(call_id, context_id, run(stub))
        if self._pending:
            self._serve_pending()
            return False
        return True

    def _answer_plain(self, call_id: int, context_id: int, answer: Answer) -> None:
        """What `answer` does, for an answer that hardly ever is more than a fragment that finds room."""
        connection = self._connection
        if type(answer) is list and len(answer) == 1:
            plain = self._association.plain_response(call_id, context_id, answer[0])
            if plain is not None:
                self.traffic.packets_out += 1
                taken = connection.send_now(plain)
                if taken != len(plain):
                    connection.send(memoryview(plain)[taken:], SEND_TIMEOUT)
                return
        for piece in self._composed(call_id, context_id, answer):
            connection.send(piece, SEND_TIMEOUT)

    def _count(self, octets: int) -> None:
        """Count a plain request."""
        traffic = self.traffic
        traffic.octets_in += octets
        traffic.calls_in += 1
        traffic.packets_in = self._association.packets_in

    def _serve_calls(self, calls: Sequence[Call]) -> None:
        self._pending += calls
        self._serve_pending()

    def _serve_pending(self) -> None:
        while self._pending:
            self._serve_call(self._pending.popleft())

    def _runner(self, context_id: int, opnum: int) -> Callable[[Octets], Any] | None:
        """What runs a plain call; None when there is more to it than its method."""
        key = context_id, opnum
        run = self._runners.get(key)
        if run is None:
            method = self._method(*key, None)
            if isinstance(method, Method) and not method.piped:
                encoding = _encoding(self._association.contexts[context_id], "<")
                made = runner if self._patient else async_runner
                run = self._runners[key] = made(method, encoding, self.contexts)
        return run

    def _serve_call(self, call: Call) -> None:
        self.cancelling.now = call.key
        if call.caller is not None:
            set_caller(call.caller)
        if call.feed is not None:
            self._piped.serve(call, call.feed)
        else:
            self.answer(call, dispatch.answer(call.method, call.stub, call.encoding, self.contexts))
        if call.caller is not None:
            set_caller(self.caller)

    def serve(self) -> None:
        """`serve_next` until the client is gone, or does not end what it began."""
        association, receive, serve = self._association, self._connection.receive, self._serve
        try:
            while True:
                while association.unfinished:
                    self._serve_rest(association.packets_in, time.monotonic() + self._max_pause)
                while serve(receive(None)):
                    continue
        except transport.TransportError as error:
            raise Ended(str(error)) from error

    def _serve_rest(self, come: int, until: float) -> None:
        """Serve until another PDU has come than the `come` that have, or what was begun has ended."""
        while self.unfinished == come:
            left = until - time.monotonic()
            try:
                self.serve_next(max(left, 0))
            except Ended as end:
                late = time.monotonic() >= until and isinstance(end.__cause__, transport.TimedOut)
                if late:
                    raise paused(self._max_pause) from end
                raise

    @property
    def unfinished(self) -> int | None:
        """How many PDUs have come when something begun has not ended; None when nothing is begun."""
        return self._association.packets_in if self._association.unfinished else None

    def receive_now(self) -> list[Call] | None:
        """The calls in what is there."""
        try:
            octets = self._connection.receive_now()
            return None if octets is None else self._calls_of(octets)
        except transport.TransportError as error:
            raise Ended(str(error)) from error

    def _calls_of(self, octets: bytes, request: PlainRequest | None = None) -> list[Call]:
        """The calls in what has come. request: the plain one that it begins with, where that is known."""
        calls: list[Call] = []
        at = 0
        request = request or self._association.plain_request(octets)
        while request is not None:
            call_id, context_id, opnum, stub = request
            size = CALL_HEADER_SIZE + len(stub)
            self._count(size)
            calls.append(self._plain_call(call_id, context_id, opnum, stub))
            at += size
            request = self._association.plain_request(octets, at)
        if at == len(octets) and calls:
            return calls
        rest = octets[at:]
        return self._understood(rest, self._association.receive_data(rest), calls)

    def _plain_call(self, call_id: int, context_id: int, opnum: int, stub: bytes) -> Call:
        run = None if self._patient else self._runner(context_id, opnum)
        if run is not None:
            return Call(call_id, context_id, self._methods[context_id, opnum], stub, Encoding.NDR, run=run)
        return self._call(ncacn.RequestReceived(call_id, context_id, opnum, None, stub, "<", WHOLE))

    def _understood(self, octets: bytes, events: list[ncacn.Event], calls: list[Call]) -> list[Call]:
        """The calls that came before, and those in these events: which may be that one of either is given up."""
        try:
            return self._calls_in(octets, events, calls)
        except Ended as end:
            self._piped.lose(end)
            raise

    def _calls_in(self, octets: bytes, events: list[ncacn.Event], calls: list[Call]) -> list[Call]:
        if not octets:
            raise self._end_of_calls()
        self.traffic.octets_in += len(octets)
        while events:
            held_back = False
            for event in events:
                if isinstance(event, ncacn.RequestReceived | ncacn.RequestBegun):
                    self.traffic.calls_in += 1
                    calls.append(self._call(event))
                elif isinstance(event, ncacn.RequestContinued):
                    self._piped.go_on(event.call_id, event.stub, last=event.last)
                elif isinstance(event, ncacn.Orphaned | ncacn.CancelReceived):
                    self._piped.cancel(event.call_id, orphaned=isinstance(event, ncacn.Orphaned))
                    self.cancelling.give_up(event.call_id, calls)
                elif isinstance(event, ncacn.BindRequested):
                    self._bind(event)
                    held_back = True
                elif isinstance(event, ncacn.ConnectionFailed):
                    self._flush()
                    if event.limit:
                        raise Limited(event.reason, event.limit, event.value)
                    raise Malformed(event.reason, self.traffic.octets_in - len(octets))
            events = self._association.receive_data(b"") if held_back else []
        self._flush()
        if not self.bound:
            self.bound = self._accepted and self._association.state is not State.AUTHENTICATING
        if self._association.closed:
            raise Ended("the association is closed")
        return calls

    def _flush(self) -> None:
        self.traffic.packets_in, self.traffic.dropped = self._association.packets_in, self._association.dropped
        octets = self._association.data_to_send()
        if octets:
            self._send(octets)

    def _join(self, asked: int) -> int | None:
        caller = self.caller
        owner = caller.address.rpartition(":")[0] if caller.uid is None else caller.uid
        self._group = self._groups.join(asked, owner)
        return None if self._group is None else self._group.id

    def _explain(self, status: int, reason: str) -> bytes:
        return self._registry.told_of(Fault(status, reason, ran=Ran.NO))

    @property
    def contexts(self) -> ContextTable:
        """Those of the association group, which a bind has chosen before there is a call."""
        assert self._group is not None
        return self._group.contexts

    def _bind(self, event: ncacn.BindRequested) -> None:
        def offered(syntax: ncacn.SyntaxId) -> bool:
            return offers(self._registry, syntax, self._endpoint, self.caller)

        results = ncacn.negotiate(event.contexts, offered)
        self._accepted |= any(result.accepted for result in results)
        self._send(self._association.accept(event, results))

    def _call(self, event: ncacn.RequestReceived | ncacn.RequestBegun) -> Call:
        encoding = _encoding(self._association.contexts[event.context_id], event.order)
        method = self._method(event.context_id, event.opnum, event.object)
        caller = None if event.security is None else self._caller(event.security)
        if isinstance(method, Fault) or not method.piped:
            one_way = isinstance(event, ncacn.RequestReceived) and bool(event.flags & ncacn.MAYBE)
            return Call(event.call_id, event.context_id, method, event.stub, encoding, caller=caller, one_way=one_way)
        last = isinstance(event, ncacn.RequestReceived)
        feed = self._piped.begin(event.call_id, encoding, event.stub, last=last)
        return Call(event.call_id, event.context_id, method, b"", encoding, feed=feed, caller=caller)

    def _caller(self, security: Protection) -> Caller:
        """Who calls under a security context: its user, at the other end of this connection."""
        known = self._callers.get(security)
        if known is None:
            who = security.identity
            user, authentication = (who.user, who.authentication) if isinstance(who, Identity) else (str(who), "")
            # Whoever is anonymous has a key that everybody knows: no level is worth anything.
            level = AuthLevel(security.level) if user else AuthLevel.NONE
            known = replace(self.caller, user=user or None, authentication=authentication, level=level)
            self._callers[security] = known
            note("authenticated", peer=str(known), authentication=authentication, level=known.level.name)
        return known

    def _method(self, context_id: int, opnum: int, object: UUID | None) -> Method | Fault:
        method = None if object else self._methods.get((context_id, opnum))
        if method is not None:
            return method
        uuid, major, minor = self._association.contexts[context_id].abstract
        try:
            found = self._registry.find(uuid, (major, minor), opnum, object, self._endpoint)
        except Fault as fault:
            return fault
        if object is None:  # objects are a client's to name, and so without end
            self._methods[context_id, opnum] = found
        return found

    # Calls with pipes

    def _is_piped(self, context_id: int, opnum: int, object: UUID | None) -> bool:
        if context_id not in self._association.contexts:
            return False
        method = self._method(context_id, opnum, object)
        return isinstance(method, Method) and method.piped

    @property
    def full(self) -> bool:
        """A method reads more slowly than its client sends."""
        return self._piped.full

    def receive(self, timeout: float) -> list[Call]:
        """The calls in what comes next."""
        try:
            return self._calls_of(self._connection.receive(timeout))
        except transport.TimedOut:
            raise
        except transport.TransportError as error:
            raise Ended(str(error)) from error

    def messages(self, call: Call, piece: Piece) -> list[bytes]:
        """The fragments of the next piece of a response."""
        try:
            parts = self._association.respond_part(call.key, call.context_id, piece.octets, last=piece.last)
        except ncacn.StateError as error:
            raise Ended(str(error)) from error
        self.traffic.packets_out += len(parts)
        return parts

    def wanted(self, call: Call) -> bool:
        """Does the client wait for this call?"""
        return self._association.wanted(call.key)

    def send_now(self, call: Call, octets: Octets) -> int:
        """Send what there is room for."""
        try:
            return self._connection.send_now(octets)
        except transport.TransportError as error:
            raise Ended(str(error)) from error

    def answering_piece(self, call: Call, piece: Piece) -> Iterator[bool]:
        """Send the next piece of a response without waiting; yields whenever there is no room."""
        try:
            for message in self._joined(self.messages(call, piece)):
                if self.wanted(call) or piece.last or call.caller is not None:  # a security context counts them
                    yield from self._sending_all((message,))
        except transport.TransportError as error:
            raise Ended(str(error)) from error

    def forget(self, call: Call) -> None:
        """A call with pipes is over."""
        self._piped.forget(call)
        self._association.drop(call.key)

    def drop(self, call: Call) -> None:
        """A call that has no answer is not run."""
        self._association.drop(call.key)
        self._association.dropped += 1
        self.traffic.dropped = self._association.dropped

    def _end_of_calls(self) -> Ended:
        """Nothing more comes: the client has gone, or the server stops and says so."""
        if not self._registry.draining:
            return Ended("the client closed the connection")
        try:
            self.ask_to_leave()
            heard = self._association.dismissed and not self._connection.over()
        except (transport.TransportError, Ended):  # it has gone as well, or does not listen
            heard = False
        return (Dismissed if heard else Ended)("the server stops")

    def ask_to_leave(self) -> None:
        """Send a shutdown PDU, once, if the client has bound. From the thread or loop that answers its calls.

        Ended when it leaves no room for it.
        """
        octets = self._association.shutdown()
        if octets:
            self._send(octets)

    def fileno(self) -> int:
        """The connection's descriptor."""
        return self._connection.fileno()

    def look_up_anew(self) -> None:
        """Forget which methods serve which calls."""
        self._methods.clear()
        self._runners.clear()

    def drain(self) -> None:
        """Take no more calls."""
        self.cancelling.draining = True
        self._connection.drain()

    def dismiss(self) -> bool:
        """Ask the client to leave; through a message pipe, `drain` does so, and what is taken no more was not sent."""
        if self._connection.message_mode:
            return False
        self.ask_to_leave()
        return self._association.dismissed

    def hear_out(self) -> bool:
        """Refuse what has crossed the word to leave."""
        for _ in range(BURST):
            try:
                octets = self._connection.receive_now()
            except transport.TransportError as error:
                raise Ended(str(error)) from error
            if not octets:
                return self._connection.over()
            for call in self._calls_of(octets):
                self._refuse(call)
        raise Ended("the client does not leave off")

    def _refuse(self, call: Call) -> None:
        if call.one_way:
            self.drop(call)
            return
        busy = ServerTooBusy(NCA_SERVER_TOO_BUSY, "the server stops", ran=Ran.NO)
        if next(self.answering(call, busy), None) is not None:
            raise Ended("the client does not read its answers")
        if call.feed is not None:
            self.forget(call)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def end(self) -> None:
        """Leave the association group."""
        self._piped.lose("the connection has ended")
        self.close()
        self.cancelling.tell = None
        self.caller = replace(self.caller, process=None)  # a method that still runs has the descriptor
        group, self._group = self._group, None
        if group is not None:
            self._groups.leave(group)


def _encoding(context: ncacn.Context, order: str) -> Encoding:
    if context.transfer == ncacn.NDR64:
        return Encoding.NDR64
    return Encoding.NDR if order == "<" else Encoding.NDR_BIG
