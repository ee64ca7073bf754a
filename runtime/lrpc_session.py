"""A server's end of LRPC, through an ALPC port.

The other sessions, and what they have in common: `session.py`. The client's side is `wire.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from uuid import UUID, uuid4

from ..transports import alpc
from ..transports import errors as transport
from . import dispatch, ncalrpc
from .call import Limits
from .callbacks.line import Backs, Line, held
from .callbacks.served import MAX_DEPTH
from .cancelling import GIVEN_UP, Cancelling
from .contexts import ContextTable
from .dispatch import Method, Registry
from .ended import Ended, Malformed
from .handles import accompanied, beside
from .journal import note
from .lrpc_wire import fill, room_in
from .ndr.layout import Encoding
from .pipes.piped_calls import PipedCalls, sending
from .pipes.piping import Piece
from .plain_serving import PlainServing, encoding_of
from .session import BURST, SEND_TIMEOUT, Answer, Call, caller_of, offers
from .status import (
    NCA_OP_RNG_ERROR,
    NCA_SERVER_TOO_BUSY,
    NCA_UNKNOWN_IF,
    RPC_S_PROCNUM_OUT_OF_RANGE,
    RPC_S_SERVER_TOO_BUSY,
    RPC_S_UNKNOWN_IF,
    RPC_X_BAD_STUB_DATA,
    CallCancelled,
    Fault,
    Ran,
    RpcError,
    ServerTooBusy,
    fault,
)
from .stub import Octets


class LrpcSession(PlainServing):
    """LRPC through an ALPC port."""

    def __init__(
        self,
        port: alpc.CommunicationPort,
        registry: Registry,
        endpoint: str,
        limits: Limits,
        *,
        patient: bool,
        contexts: ContextTable | None = None,
    ) -> None:
        super().__init__(port, limits, patient=patient)
        who = caller_of(port, "ncalrpc", port.beside.quality_of_service.level)
        self.caller = replace(who, room=partial(room_in, port))
        self.burst = BURST
        self.contexts = ContextTable(uuid4, limits.max_contexts) if contexts is None else contexts
        self._piped = PipedCalls(self, limits, message_mode=True)
        self._pending = self._piped.pending
        self.cancelling = Cancelling(self, self._pending, limits.max_calls, limits.max_cancels)
        self.backs = Backs()
        self._depth = 0
        """Callbacks, one within the other, in the middle of which what comes is served."""
        self._unwanted = 0
        """Octets of requests with pipes that came when their calls were over."""
        self.bound = False
        self._registry = registry
        self._endpoint = endpoint
        self._association = ncalrpc.ServerAssociation(limits.max_bindings)
        self._methods: dict[tuple[ncalrpc.SyntaxId, int], Method] = {}

    def serve_next(self, timeout: float | None) -> None:
        """Wait for a message and serve it."""
        try:
            self._serve_message(self._port.receive_message(timeout))
        except transport.TransportError as error:
            raise Ended(str(error)) from error

    def serve(self) -> None:
        """Serve messages until the client is gone; replying to a plain call and waiting for the next are one step."""
        port = self._port
        try:
            frame = port.receive_frame()
            while True:
                reply = self._plain_reply(frame)
                if reply and self._lane_turns is None:
                    frame = port.send_wait_receive(reply, SEND_TIMEOUT, None)
                    continue
                while reply and self._lane_turns is not None:
                    port.send_frame(reply, SEND_TIMEOUT)
                    reply = self._lane_turns()
                if reply is None:
                    self._serve_message(port.understood(frame))
                elif self._pending:
                    self._serve_pending()
                frame = port.receive_frame()
        except transport.TransportError as error:
            raise Ended(str(error)) from error

    def serve_now(self) -> None:
        """Serve the message that has come: whole, so nothing is unfinished."""
        port = self._port
        try:
            frame = port.receive_frame_now()
            reply = None if frame is None else self._plain_reply(frame)
            if reply:
                port.send_frame(reply, SEND_TIMEOUT)
            elif reply is not None:
                self._serve_pending()
            elif frame is not None and (message := port.understood_now(frame)) is not None:
                self._serve_message(message)
        except transport.TransportError as error:
            raise Ended(str(error)) from error

    def _serve_message(self, message: alpc.PortMessage) -> None:
        self._serve_calls(self._understood(message))

    def _serve_calls(self, calls: Sequence[Call]) -> None:
        self._pending += calls
        self._serve_pending()

    def _serve_pending(self) -> None:
        while self._pending:
            self._serve_call(self._pending.popleft())

    def _serve_call(self, call: Call) -> None:
        self.cancelling.now = call.key
        if call.feed is not None:
            self._piped.serve(call, call.feed)
            return
        line = self.line(call)
        with nullcontext() if line is None and not self._depth else held(line):
            answer = dispatch.answer(call.method, call.stub, call.encoding, self.contexts)
        try:
            self.answer(call, answer)
        finally:
            del answer  # or a fault's traceback would hold the fault, and the client's memory, in a circle

    unfinished: None = None
    """A message comes whole, or not at all."""

    def receive_now(self) -> list[Call] | None:
        """The next call, if a message is there."""
        try:
            frame = self._port.receive_frame_now()
            if frame is None:
                return None
            if self.turns is not None and (frame := self.turns.serve(frame, self._flats, self._port)) is None:
                return []
            call = None if self._patient else self._plain_call(frame)
            if call is not None:
                return [call]
            message = self._port.understood_now(frame)
            return None if message is None else self._understood(message)
        except transport.TransportError as error:
            raise Ended(str(error)) from error

    def receive(self, timeout: float) -> list[Call]:
        """The next call, if that is what comes next."""
        try:
            return self._understood(self._port.receive_message(timeout))
        except transport.TimedOut:
            raise
        except transport.TransportError as error:
            raise Ended(str(error)) from error

    def _understood(self, message: alpc.PortMessage) -> list[Call]:
        try:
            return self._calls_in(message)
        except Ended as end:
            self._piped.lose(end)
            self.backs.lose(end)
            raise

    def _calls_in(self, message: alpc.PortMessage) -> list[Call]:
        if message.type == alpc.LPC_PORT_CLOSED:
            raise Ended("the client closed the port or died")
        self.traffic.received(len(message.data) + (0 if message.view is None else len(message.view)))
        event = self._association.receive(message.data, message.view)
        if isinstance(event, ncalrpc.RequestReceived):
            return [self._call(message, event)]
        if message.type == alpc.LPC_DATAGRAM:
            raise Malformed("a datagram that is no whole call")
        if isinstance(event, ncalrpc.BindRequested):
            self._bind(message, event)
        elif isinstance(event, ncalrpc.RequestBegun):
            return [self._call_begun(message, event)]
        elif isinstance(event, ncalrpc.RequestContinued):
            self._go_on(event)
        elif isinstance(event, ncalrpc.Cancelled):
            self._piped.cancel(event.call_id)
            self.cancelling.give_up(event.call_id, [])
        elif isinstance(event, ncalrpc.CallbackAnswered | ncalrpc.CallbackFailed):
            self._answered(message, event)
        elif isinstance(event, ncalrpc.UnboundRequest):
            unknown = Fault(RPC_S_UNKNOWN_IF, ran=Ran.NO)
            return [Call(event.call_id, 0, unknown, b"", Encoding.NDR, message)]
        elif event is not None:
            raise Malformed(event.reason)
        return []

    def _call(self, message: alpc.PortMessage, event: ncalrpc.RequestReceived) -> Call:
        self.traffic.calls_in += 1
        encoding = encoding_of(event.syntax)
        one_way = message.type == alpc.LPC_DATAGRAM
        if len(event.stub) > self._limits.max_local_request:
            reason, most = f"a request of {len(event.stub)} octets", self._limits.max_local_request
            note("limit", peer=str(self.caller), reason=reason, limit="max_local_request", value=most)
            fault = Fault(5, "the request is too large", ran=Ran.NO)
            return Call(event.call_id, 0, fault, b"", encoding, message, one_way=one_way)
        method = self._method(event.interface, event.opnum, event.object)
        if isinstance(method, Method) and method.piped and not one_way:
            feed = self._piped.begin(event.call_id, encoding, bytes(event.stub), last=True)
            return Call(event.call_id, 0, method, b"", encoding, message, feed)
        if isinstance(method, Method) and method.piped:
            method = Fault(RPC_X_BAD_STUB_DATA, "a call with pipes has an answer", ran=Ran.NO)
        within = event.within
        stub = accompanied(event.stub, message.handles)
        return Call(event.call_id, 0, method, stub, encoding, message, one_way=one_way, within=within)

    def _method(self, interface: ncalrpc.SyntaxId, opnum: int, object: UUID | None) -> Method | Fault:
        method = None if object else self._methods.get((interface, opnum))
        if method is not None:
            return method
        uuid, *version = interface
        try:
            found = self._registry.find(uuid, (version[0], version[1]), opnum, object, self._endpoint)
        except Fault as error:
            return Fault(_LOCAL.get(error.status, error.status), str(error), ran=Ran.NO)
        if object is None:  # objects are a client's to name, and so without end
            self._methods[interface, opnum] = found
        return found

    # Callbacks

    def line(self, call: Call) -> Line | None:
        """What a blocking method calls its client back through, if its interface has callbacks."""
        if not isinstance(call.method, Method) or call.method.callbacks is None or call.message is None:
            return None
        return Line(self, call.message.message_id, call.encoding, call.method.callbacks)

    def serve_within(self, callback_id: int, timeout: float) -> None:
        """Receive what comes next, and serve a call that is made in the middle of the callback. Others wait."""
        pending = self._pending
        try:
            pending += self.receive(timeout)
        except transport.TimedOut:
            return
        if self.cancelling.now == GIVEN_UP:
            raise CallCancelled(message="the client gave up the call that it is called back in", ran=Ran.UNKNOWN)
        own = [call for call in pending if call.within == callback_id]
        for call in own:
            pending.remove(call)
            self._serve_nested(call)
        while len(pending) > self._limits.max_calls:
            self.answer(pending.pop(), ServerTooBusy(ran=Ran.NO))

    def _serve_nested(self, call: Call) -> None:
        if self._depth == MAX_DEPTH:
            self.answer(call, ServerTooBusy(message=f"more than {MAX_DEPTH} calls within callbacks", ran=Ran.NO))
            return
        self._depth += 1
        outer = self.cancelling.now
        try:
            self._serve_call(call)
        finally:
            self.cancelling.now = outer
            self._depth -= 1

    def call_back(self, message_id: int, callback_id: int, opnum: int, parts: Sequence[Octets]) -> None:
        """Send a callback in the middle of the call whose message is named."""
        self._send(message_id, *self._called_back(callback_id, opnum, parts), alpc.LPC_REQUEST)

    def calling_back(self, message_id: int, callback_id: int, opnum: int, parts: Sequence[Octets]) -> Iterator[bool]:
        """The same without waiting; yields whenever there is no room."""
        return self._sending(message_id, *self._called_back(callback_id, opnum, parts), alpc.LPC_REQUEST)

    def _called_back(self, callback_id: int, opnum: int, parts: Sequence[Octets]) -> tuple[bytes, alpc.View | None]:
        data, in_view, size = self._association.call_back(callback_id, opnum, parts)
        return data, None if in_view is None else fill(self._port, in_view, size)

    def _answered(self, message: alpc.PortMessage, event: ncalrpc.CallbackAnswered | ncalrpc.CallbackFailed) -> None:
        if isinstance(event, ncalrpc.CallbackFailed):
            self.backs.failed(event.callback_id, fault(event.status, did_not_execute=not event.begun))
        else:
            release = None if message.view is None else partial(self._port.release, message)
            self.backs.replied(event.callback_id, event.stub, release)

    # Calls with pipes

    @property
    def full(self) -> bool:
        """A method reads more slowly than its client sends."""
        return self._piped.full

    def _call_begun(self, message: alpc.PortMessage, event: ncalrpc.RequestBegun) -> Call:
        self.traffic.calls_in += 1
        encoding = encoding_of(event.syntax)
        method = self._method(event.interface, event.opnum, event.object)
        if isinstance(method, Method) and not method.piped:
            method = Fault(RPC_X_BAD_STUB_DATA, "the operation has no pipes", ran=Ran.NO)
        if isinstance(method, Fault):
            return Call(event.call_id, 0, method, b"", encoding, message)
        feed = self._piped.begin(event.call_id, encoding, event.stub, last=event.last)
        return Call(event.call_id, 0, method, b"", encoding, message, feed)

    def _go_on(self, event: ncalrpc.RequestContinued) -> None:
        if not self._piped.go_on(event.call_id, event.stub, last=event.last):
            self._unwanted += len(event.stub)
            if self._unwanted > self._limits.max_request:
                raise Malformed("a call that was answered is sent on and on")
        if event.last:
            self._unwanted = 0

    def messages(self, call: Call, piece: Piece) -> list[bytes]:
        """The messages of the next piece of a response."""
        messages = self._association.respond_parts(call.key, b"".join(piece.octets), last=piece.last)
        for octets in messages:
            self.traffic.sent(len(octets))
        return messages

    def wanted(self, call: Call) -> bool:
        """Does the client wait for this call?"""
        return call.feed is not None and not call.feed.given_up

    def send_now(self, call: Call, octets: Octets) -> int:
        """Send one message, if there is room."""
        assert call.message is not None
        try:
            sent = self._port.send_message_now(octets, call.message.message_id, alpc.LPC_REPLY)
        except transport.TransportError as error:
            raise Ended(str(error)) from error
        return len(octets) if sent else 0

    def send_behind(self) -> None:
        """Nothing waits: messages go whole or not at all."""

    def answering_piece(self, call: Call, piece: Piece) -> Iterator[bool]:
        """Send the next piece of a response without waiting; yields whenever there is no room."""
        return sending(self, call, self.messages(call, piece))

    def forget(self, call: Call) -> None:
        """A call with pipes is over."""
        self._piped.forget(call)

    def drop(self, call: Call) -> None:
        """A call that has no answer is not run."""
        assert call.message is not None
        self._port.release(call.message)
        self.traffic.dropped += 1

    def _bind(self, message: alpc.PortMessage, event: ncalrpc.BindRequested) -> None:
        if offers(self._registry, event.bind.interface, self._endpoint, self.caller):
            answer = self._association.accept(event)
            self.bound = True
        else:
            answer = self._association.refuse(event)
        self.traffic.sent(len(answer))
        if self._patient:
            self._port.send_message(answer, message.message_id, alpc.LPC_REPLY, None, SEND_TIMEOUT)
        elif not self._port.send_message_now(answer, message.message_id, alpc.LPC_REPLY):
            raise Ended("the client does not read its answers")

    def answer(self, call: Call, answer: Answer) -> None:
        """Reply to the message of a call."""
        assert call.message is not None
        if call.one_way:
            self._port.release(call.message)
            return
        self._send(call.message.message_id, *self._composed(call.key, answer))

    def _send(self, message_id: int, data: bytes, view: alpc.View | None, kind: int = alpc.LPC_REPLY) -> None:
        self.traffic.sent(len(data) + (0 if view is None else len(view.buffer)))
        try:
            self._port.send_message(data, message_id, kind, view, SEND_TIMEOUT, beside(data))
        except transport.TransportError as error:
            raise Ended(str(error)) from error

    def answering(self, call: Call, answer: Answer) -> Iterator[bool]:
        """Reply without waiting; yields whenever there is no room."""
        if call.message is None:
            yield from self._sending(call.context_id, *self._composed(call.key, answer))
            return
        if call.one_way:
            self._port.release(call.message)
            return
        yield from self._sending(call.message.message_id, *self._composed(call.key, answer))

    def hold(self) -> None:
        """A message goes by itself."""

    def let_go(self) -> None:
        """Nothing was held back."""

    def _sending(
        self, message_id: int, data: bytes, view: alpc.View | None, kind: int = alpc.LPC_REPLY
    ) -> Iterator[bool]:
        self.traffic.sent(len(data) + (0 if view is None else len(view.buffer)))
        try:
            while not self._port.send_message_now(data, message_id, kind, view, beside(data)):
                yield False
        except transport.TransportError as error:
            raise Ended(str(error)) from error

    def _composed(self, call_id: int, answer: Answer) -> tuple[bytes, alpc.View | None]:
        if isinstance(answer, Fault):
            return self._association.fault(
                answer.status, did_not_execute=answer.ran is Ran.NO, detail=self._registry.told_of(answer)
            ), None
        octets, parts, size = self._association.respond(call_id, answer)
        data = accompanied(octets, beside(answer))
        if parts is None:
            return data, None
        try:
            return data, fill(self._port, parts, size)
        except RpcError as error:
            note("limit", peer=str(self.caller), reason=f"no room for a response: {error}", limit="section", value=size)
            return self._association.fault(0x1C00001B), None

    def fileno(self) -> int:
        """The port's descriptor."""
        return self._port.fileno()

    def look_up_anew(self) -> None:
        """Forget which methods serve which calls."""
        self._methods.clear()
        self._runners.clear()
        self._flats.clear()
        self._turned.clear()
        self._awaited.clear()

    def drain(self) -> None:
        """Take no more calls."""
        self.cancelling.draining = True
        self._port.drain()

    def dismiss(self) -> bool:
        """There is no word for it, and no need: a message that is taken no more was not sent."""
        return False

    def hear_out(self) -> bool:
        """There is nothing to hear."""
        return True

    def close(self) -> None:
        """Close the port."""
        self._port.close()

    def end(self) -> None:
        """Run down what the client left."""
        self._piped.lose("the connection has ended")
        self.backs.lose("the connection has ended")
        self.close()
        self.cancelling.tell = None
        self._end_turns()
        self.look_up_anew()  # what serves calls knows us
        self.caller = replace(self.caller, process=None, room=None)  # a method that still runs has the descriptor
        self.contexts.run_down()


_LOCAL = {
    NCA_UNKNOWN_IF: RPC_S_UNKNOWN_IF,
    NCA_OP_RNG_ERROR: RPC_S_PROCNUM_OUT_OF_RANGE,
    NCA_SERVER_TOO_BUSY: RPC_S_SERVER_TOO_BUSY,
}
"""LRPC speaks of these with Win32 codes."""
