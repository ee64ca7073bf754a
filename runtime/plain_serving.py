"""The half of a server's session of LRPC that serves plain calls: see `lrpc_session.py`, and `plain.py` for the octets.

A blocking server makes the reply of the request's frame in one step; an asyncio server has a Call of it, whose method
needs not be looked up.
"""

from __future__ import annotations

import abc
from collections import deque
from collections.abc import Callable
from typing import Any
from uuid import UUID

from ..transports import alpc
from ..transports import errors as transport
from . import ncalrpc, plain
from .call import Limits
from .cancelling import Cancelling
from .contexts import ContextTable
from .dispatch import Method
from .ended import Ended
from .ndr.layout import Encoding
from .runner import async_runner, runner
from .session import Answer, Call
from .status import Fault
from .stub import Octets


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
        self._limits = limits
        self._patient = patient
        self._runners: dict[tuple[int, int], Callable[[Octets], Any]] = {}
        """What serves plain calls, by binding id and opnum: functions as those of a PduSession."""

    @abc.abstractmethod
    def _method(self, interface: ncalrpc.SyntaxId, opnum: int, object: UUID | None) -> Method | Fault:
        """What serves an operation."""

    @abc.abstractmethod
    def _send(self, message_id: int, data: bytes, view: alpc.View | None, kind: int = alpc.LPC_REPLY) -> None:
        """Send a message."""

    @abc.abstractmethod
    def _composed(self, call_id: int, answer: Answer) -> tuple[bytes, alpc.View | None]:
        """The message that an answer is."""

    def _plain_reply(self, frame: bytes) -> bytes | None:
        """Serve a plain call: the frame of its reply, empty when there is none, or it is on its way already.

        None when the frame is anything else; nothing has happened then.
        """
        call = plain.read_request(frame)
        if call is None:
            return None
        message_id, call_id, binding_id, opnum, stub = call
        run = self._runners.get((binding_id, opnum)) or self._runner(binding_id, opnum)
        if run is None:
            return None
        self.cancelling.now = call_id
        traffic = self.traffic
        traffic.calls_in += 1
        traffic.packets_in += 1
        traffic.octets_in += len(frame)
        answer: Answer = run(stub)
        if not message_id:
            return b""
        if type(answer) is list and len(answer) == 1 and len(answer[0]) <= ncalrpc.INLINE and not self._pending:
            traffic.packets_out += 1
            reply = plain.response(self._port.client_id, message_id, call_id, answer[0])
            traffic.octets_out += len(reply)
            return reply
        self._send(message_id, *self._composed(call_id, answer))
        return b""

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
        made = runner if self._patient else async_runner
        run = self._runners[binding_id, opnum] = made(method, encoding_of(binding[1]), self.contexts)
        return run

    def _plain_call(self, frame: bytes) -> Call | None:
        """A plain call for the loop to run. It has no message; its context id is the id of that."""
        request = plain.read_request(frame)
        if request is None or not request[0]:  # which has no reply
            return None
        message_id, call_id, binding_id, opnum, stub = request
        run = self._runners.get((binding_id, opnum)) or self._runner(binding_id, opnum)
        binding = self._association.binding(binding_id)
        if run is None or binding is None:
            return None
        self.traffic.calls_in += 1
        self.traffic.received(len(frame))
        return Call(call_id, message_id, self._methods[binding[0], opnum], stub, encoding_of(binding[1]), run=run)

    def _replied(self, call: Call, answer: Answer) -> bool:
        """Has the answer to such a call gone, as a plain reply?"""
        if (
            call.message is not None
            or type(answer) is not list  # with descriptors it is more than that
            or len(answer) != 1
            or len(answer[0]) > ncalrpc.INLINE
        ):
            return False
        reply = plain.response(self._port.client_id, call.context_id, call.key, answer[0])
        try:
            sent = self._port.send_frame_now(reply)
        except transport.TransportError as error:
            raise Ended(str(error)) from error
        if sent:
            self.traffic.sent(len(reply))
        return sent


def encoding_of(syntax: ncalrpc.TransferSyntax) -> Encoding:
    """What stubs are written in."""
    return Encoding.NDR if syntax is ncalrpc.TransferSyntax.NDR else Encoding.NDR64
