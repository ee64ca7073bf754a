"""The half of a server's session of the connection-oriented protocol that answers: see `pdu_session.py`.

A stream has but one message half sent at a time: what the engine says meanwhile goes behind it, and answers that are
made together may go together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..transports import errors as transport
from ..transports.seam import Connection
from ..transports.traffic import Traffic
from . import ncacn
from .dispatch import Registry
from .ended import Ended
from .pipes.piped_calls import PipedCalls
from .session import MAX_BEHIND, SEND_TIMEOUT, Answer, Call
from .status import Fault, Ran


class PduAnswering:
    """What is sent through one connection."""

    _association: ncacn.ServerAssociation
    _piped: PipedCalls

    def __init__(self, connection: Connection, registry: Registry, *, patient: bool) -> None:
        self.traffic = Traffic()
        self._connection = connection
        self._registry = registry
        self._patient = patient
        self._half_sent = False
        self._held: list[bytes] | None = None
        """Answers that are to go together."""
        self._behind = b""
        """What the engine says while an answer is half sent: it goes behind."""

    def answer(self, call: Call, answer: Answer) -> None:
        """The response or fault of a call."""
        try:
            for piece in self._composed(call.key, call.context_id, answer):
                self._connection.send(piece, SEND_TIMEOUT)
        except transport.TransportError as error:
            raise Ended(str(error)) from error

    def answering(self, call: Call, answer: Answer) -> Iterator[bool]:
        """The same without waiting; yields whenever there is no room."""
        return self._going(self._composed(call.key, call.context_id, answer))

    def answer_now(self, call: Call, answer: Answer) -> Iterator[bool] | None:
        """The same as far as there is room; None when that is all, or is held until `let_go`."""
        messages = self._composed(call.key, call.context_id, answer)
        if self._held is not None:
            self._held += messages
            return None
        sending = self._going(messages)
        return None if next(sending, None) is None else sending

    def hold(self) -> None:
        """Hold the answers of `answer_now` back, that they may go together."""
        self._held = None if self._connection.message_mode else []

    def let_go(self) -> Iterator[bool] | None:
        """What sends those that were held back; None when there are none."""
        held, self._held = self._held, None
        return self._going((b"".join(held),)) if held else None

    def _going(self, messages: Sequence[bytes]) -> Iterator[bool]:
        try:
            yield from self._sending_all(messages)
        except transport.TransportError as error:
            raise Ended(str(error)) from error

    def _sending_all(self, messages: Sequence[bytes]) -> Iterator[bool]:
        for message in messages:
            taken = self._connection.send_now(message)
            if taken != len(message):
                yield from self._sending(memoryview(message)[taken:])
            while self._behind:
                behind, self._behind = self._behind, b""
                yield from self._sending(memoryview(behind))

    def _sending(self, rest: memoryview) -> Iterator[bool]:
        taken = len(rest)
        while rest:
            self._half_sent = True
            yield bool(taken)
            taken = self._connection.send_now(rest)
            rest = rest[taken:]
        self._half_sent = False

    def _composed(self, key: int, context_id: int, answer: Answer) -> Sequence[bytes]:
        if type(answer) is list and len(answer) == 1:
            plain = self._association.plain_response(key, context_id, answer[0])
            if plain is not None:
                self.traffic.packets_out += 1
                return (plain,)
        try:
            if isinstance(answer, Fault):
                never, detail = answer.ran is Ran.NO, self._registry.told_of(answer)
                octets = self._association.fault(key, context_id, answer.status, did_not_execute=never, detail=detail)
                self.traffic.packets_out += bool(octets)
                return (octets,) if octets else ()
            pieces = self._association.respond(key, context_id, answer)
            self.traffic.packets_out += len(pieces)
        except ncacn.StateError as error:
            raise Ended(str(error)) from error
        return self._joined(pieces)

    def _joined(self, pieces: Sequence[bytes]) -> Sequence[bytes]:
        return pieces if self._connection.message_mode or len(pieces) < 2 else (b"".join(pieces),)

    def send_behind(self) -> None:
        """Send what the engine said while a fragment was half sent."""
        behind, self._behind = self._behind, b""
        if behind:
            self._connection.send(behind, SEND_TIMEOUT)

    def _send(self, octets: bytes) -> None:
        """Send what the engine says by itself; without patience a client that leaves no room for it is done with."""
        self.traffic.packets_out += 1
        half_sent = self._half_sent or self._piped.half_sent
        if half_sent and len(self._behind) < MAX_BEHIND:
            self._behind += octets
        elif self._patient and not half_sent:
            self._connection.send(octets, SEND_TIMEOUT)
        elif half_sent or self._connection.send_now(octets) != len(octets):
            raise Ended("the client does not read its answers")
