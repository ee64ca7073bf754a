"""The half of a server's session of LRPC that serves plain calls: see `lrpc_session.py`, and `plain.py` for the octets.

A blocking server makes the reply of the request's frame in one step; an asyncio server has a Call of it, whose method
needs not be looked up.
"""

from __future__ import annotations

import abc
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from ..transports import alpc
from ..transports import errors as transport
from . import ncalrpc, plain
from .call import Limits
from .cancelling import Cancelling
from .contexts import ContextTable
from .dispatch import Method
from .ended import Ended
from .flat import TARGET, target
from .flat_lane import fits, whole_request
from .flat_serving import Serving, served, serving
from .flat_turns import Turned, turned, turns
from .ncalrpc import messages
from .ndr.layout import Encoding
from .operation import Flat
from .runner import async_runner, is_straight, runner
from .session import SEND_TIMEOUT, Answer, Call
from .status import Fault
from .stub import Octets

if TYPE_CHECKING:
    from .flat_straight import FlatTurns


class PlainServing(abc.ABC):
    """The plain calls of one port."""

    contexts: ContextTable
    cancelling: Cancelling
    _association: ncalrpc.ServerAssociation
    _pending: deque[Call]
    _methods: dict[tuple[ncalrpc.SyntaxId, int], Method]

    def __init__(self, port: alpc.CommunicationPort, limits: Limits, *, patient: bool) -> None:
        self.traffic = port.traffic
        self._port = port
        port.lengthen_by(partial(whole_request, port.client_id))
        self._copying = plain.Copying(port)
        self._limits = limits
        self._patient = patient
        self._runners: dict[tuple[int, int], Callable[[Octets], Any]] = {}
        """What serves plain calls, by binding id and opnum: functions as those of a PduSession."""
        self._flats: dict[bytes, Callable[[bytes], bytes | None]] = {}
        """What serves those of scalars alone, by the same as it stands in their frames."""
        self._turned: dict[bytes, Turned] = {}
        """What serves those that come through a lane."""
        self._lane_turns: Callable[[], bytes] | None = None
        """What serves all those in turn, if there are any."""
        self.turns: FlatTurns | None = None
        """How an asyncio server has them served."""
        self._awaited: dict[tuple[int, int], tuple[Method, Encoding, Callable[[Octets], Any]]] = {}
        """The same for the loop, with what there is to know of the call."""

    @abc.abstractmethod
    def _method(self, interface: ncalrpc.SyntaxId, opnum: int, object: UUID | None) -> Method | Fault:
        """What serves an operation."""

    @abc.abstractmethod
    def _send(self, message_id: int, data: bytes, view: alpc.View | None, kind: int = alpc.LPC_REPLY) -> None:
        """Send a message."""

    @abc.abstractmethod
    def _sending(
        self, message_id: int, data: bytes, view: alpc.View | None, kind: int = alpc.LPC_REPLY
    ) -> Iterator[bool]:
        """The same without waiting; yields whenever there is no room."""

    @abc.abstractmethod
    def answering(self, call: Call, answer: Answer) -> Iterator[bool]:
        """Reply without waiting; yields whenever there is no room."""

    @abc.abstractmethod
    def _composed(self, call_id: int, answer: Answer) -> tuple[bytes, alpc.View | None]:
        """The message that an answer is."""

    def _plain_reply(self, frame: bytes) -> bytes | None:
        """Serve a plain call: the frame of its reply, empty when there is none, or it is on its way already.

        None when the frame is anything else; nothing has happened then.
        """
        flat = self._flats.get(frame[TARGET])
        if flat is not None and (reply := flat(frame)) is not None:
            return reply
        if len(frame) in plain.LARGE_REQUEST_SIZES and (call := self._large_call(frame)) is not None:
            size = len(frame) + len(call[4])
        else:
            call, size = plain.read_request(frame), len(frame)
        run = None if call is None else self._runners.get(call[2:4]) or self._runner(*call[2:4])
        reply = None
        if call is not None and run is not None:
            message_id, call_id, _, _, stub = call
            self.cancelling.now = call_id
            self.traffic.called(size)
            if message_id:  # no name for what it comes to, which would keep a fault in a circle: see below
                reply = self._finished(message_id, call_id, run(stub))
            else:
                run(stub)
                reply = b""
        if self._port.kept:
            self._port.drop_kept()
        return reply

    def _large_call(self, packet: bytes) -> tuple[int, int, int, int, Octets] | None:
        """What `plain.read_request` gives, of a call in a view. A view of ours that is back by it may be kept."""
        borrowed = self._port.borrow(packet)
        if borrowed is None or len(borrowed[2]) != messages.LARGE_REQUEST.size:
            return None
        type_, message_id, data, _, stub = borrowed
        what, flags, call_id, binding_id, opnum, within, size = plain.read_large_request(data)
        if (
            type_ != alpc.LPC_REQUEST
            or what != messages.MessageType.REQUEST
            or flags != messages.IN_VIEW
            or within
            or size != len(stub)
            or size > self._limits.max_local_request
        ):
            return None
        return message_id, call_id, binding_id, opnum, stub

    def _finished(self, message_id: int, call_id: int, answer: Answer) -> bytes:
        """The frame that answers a plain call; it may be on its way already, and then is empty."""
        if type(answer) is list and not self._pending:
            size = len(answer[0]) if len(answer) == 1 else sum(map(len, answer))
            if size <= self._copying.most:
                if size > self._copying.through:
                    self._copying.longer()
                stub = answer[0] if len(answer) == 1 else b"".join(answer)
                reply = plain.response(self._port.client_id, message_id, call_id, stub)
                self.traffic.sent(len(reply))
                return reply
            if self.turns is None and self._lend(message_id, call_id, answer, size):
                return b""
        composed = self._composed(call_id, answer)
        del answer  # or a fault's traceback would hold the fault, and what its method allocated, in a circle
        if self.turns is None:
            self._send(message_id, *composed)
        else:
            self.turns.sending = self._sending(message_id, *composed)
        return b""

    def _lend(self, message_id: int, call_id: int, answer: Sequence[Octets], size: int) -> bool:
        """Answer in a view; False: there is none to be had, as is told when the answer is composed."""
        data = plain.large_response(call_id, size)
        try:
            self._port.lend(data, answer, size, message_id, alpc.LPC_REPLY, SEND_TIMEOUT)
        except (transport.Disconnected, transport.TimedOut) as error:
            raise Ended(str(error)) from error
        except transport.TransportError:
            return False
        self.traffic.sent(len(data) + size)
        return True

    def _runner(self, binding_id: int, opnum: int) -> Callable[[Octets], Any] | None:
        binding = self._association.binding(binding_id)
        method = None if binding is None else self._method(binding[0], opnum, None)
        if (
            binding is None
            or not isinstance(method, Method)
            or method.piped
            or method.callbacks is not None
            or self._limits.max_local_request < ncalrpc.INLINE
        ):
            return None
        encoding, flat = encoding_of(binding[1]), method.operation.flat
        if flat is not None and is_straight(method, encoding) and (self._patient or self.turns is not None):
            method = self._serve_flat(target(binding_id, opnum), method, flat)
        made = runner if self._patient else async_runner
        run = self._runners[binding_id, opnum] = made(method, encoding, self.contexts)
        return run

    def _serve_flat(self, called: bytes, method: Method, flat: Flat) -> Method:
        """Have the calls of a method served as flat ones; what serves those that are not."""
        port = self._port
        session = Serving(port, self.contexts, self.traffic, self.cancelling, self._finished)
        if self.turns is not None:
            stepped, general, let_out = self.turns.split(method)
            self._flats[called] = serving(served(stepped, flat, port.client_id), session, let_out)
            return general
        what = served(method, flat, port.client_id)
        self._flats[called] = serving(what, session)
        if port.lane is not None and fits(max(what.size, what.response.size), port):
            self._turned[called] = turned(what)
            self._lane_turns = self._lane_turns or turns(self._turned[called], self._turned, session, port.lane)
        return method

    def _end_turns(self) -> None:
        self.turns = None

    def _plain_call(self, frame: bytes) -> Call | None:
        """A plain call for the loop to run. It has no message; its context id is the id of that."""
        if len(frame) in plain.LARGE_REQUEST_SIZES and (request := self._large_call(frame)) is not None:
            size = len(frame) + len(request[4])
        else:
            request, size = plain.read_request(frame), len(frame)
        if self._port.kept:
            self._port.drop_kept()
        if request is None or not request[0]:  # which has no reply
            return None
        message_id, call_id, binding_id, opnum, stub = request
        known = self._awaited.get((binding_id, opnum)) or self._await(binding_id, opnum)
        if known is None:
            return None
        method, encoding, run = known
        self.traffic.called(size)
        return Call(call_id, message_id, method, stub, encoding, run=run)

    def _await(self, binding_id: int, opnum: int) -> tuple[Method, Encoding, Callable[[Octets], Any]] | None:
        run, binding = self._runner(binding_id, opnum), self._association.binding(binding_id)
        if run is None or binding is None:
            return None
        known = self._awaited[binding_id, opnum] = self._methods[binding[0], opnum], encoding_of(binding[1]), run
        return known

    def answer_now(self, call: Call, answer: Answer) -> Iterator[bool] | None:
        """Reply without waiting, as far as there is room; None when that is all."""
        if call.message is None and type(answer) is list:  # with descriptors it is more than that
            try:
                if octets := self._sent_now(call, answer, sum(map(len, answer))):
                    self.traffic.sent(octets)
                    return None
            except (transport.Disconnected, transport.BadFrame) as error:
                raise Ended(str(error)) from error
            except transport.TransportError:  # as when it is composed, which tells of it
                pass
        sending = self.answering(call, answer)
        return None if next(sending, None) is None else sending

    def _sent_now(self, call: Call, answer: Sequence[Octets], size: int) -> int:
        """Send an answer, if there is room: how many octets."""
        port, message_id = self._port, call.context_id
        if size > self._copying.most:
            data = plain.large_response(call.key, size)
            return len(data) + size if port.lend_now(data, answer, size, message_id, alpc.LPC_REPLY) else 0
        if size > self._copying.through:
            self._copying.longer()
        stub = answer[0] if len(answer) == 1 else b"".join(answer)
        frame = plain.response(port.client_id, message_id, call.key, stub)
        return len(frame) if port.send_frame_now(frame) else 0


def encoding_of(syntax: ncalrpc.TransferSyntax) -> Encoding:
    """What stubs are written in."""
    return Encoding.NDR if syntax is ncalrpc.TransferSyntax.NDR else Encoding.NDR64
