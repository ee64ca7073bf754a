"""A client's end of the connection-oriented protocol: a `wire.Wire`. The server's side is `pdu_session.py`."""

from __future__ import annotations

import select
import threading
from collections.abc import Generator, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from ..transports import errors as transport
from ..transports.seam import Connection
from . import ncacn
from .call import Limits
from .carrier import Under
from .handshake import Handshake
from .ncacn.constants import CALL_HEADER_SIZE, Order
from .ncacn.security import AuthLevel
from .ndr.layout import Encoding
from .pipes.piping import Part, Piece
from .status import (
    ConnectionLost,
    ProtocolError,
    Ran,
    ResponseTooLarge,
    RpcError,
    ServerTooBusy,
)
from .stub import Interface, Octets

if TYPE_CHECKING:
    from .authentication.security import Security
    from .flat import Turn
    from .flat_prompt import Hands
    from .operation import Flat, Operation
from .wire import Arrival, Exchanged, Message, failure, lost, ready

PIPE_FRAGMENT: Final = 4280
TCP_FRAGMENT: Final = 5840
PLAIN: Final = 1024
"""Octets of a plain call over the network: every server takes it in one fragment."""
PAUSE: Final = 0.005
"""Seconds without a word from the server after which one looks before one sends: calls that follow closely pay nothing.
"""


class PduWire:
    """The connection-oriented protocol through a byte stream or a message pipe."""

    def __init__(
        self,
        connection: Connection,
        limits: Limits,
        object: UUID | None = None,
        security: Security | None = None,
        host: str = "",
    ) -> None:
        self.encoding = Encoding.NDR
        self.sending = threading.Lock()
        self.message_mode = connection.message_mode
        self.connection = connection
        self.handles = False
        self.numbered = security is not None and security.level > AuthLevel.CONNECT
        self._object = object
        self._security = security
        self._host = host
        fragment = PIPE_FRAGMENT if connection.message_mode else TCP_FRAGMENT
        bounds = ncacn.Limits(max_response=limits.max_response)
        self._association = ncacn.ClientAssociation(limits=bounds, max_fragment=fragment)
        self.group_id = 0
        self._context_id = 0
        """The presentation context that the server accepted."""
        self._dismissed = False
        self._unsaid = b""
        """What is to be said before anything else, once there is room."""
        self._heard = 0.0
        """When something came for the last time, or the call was made that it answered."""
        self._engine = threading.Lock()
        """Over the association, which takes one thread at a time: one may send while another receives."""

    @property
    def multiplex(self) -> bool:
        """Calls may overlap: the bind has settled it."""
        return self._association.multiplex

    @property
    def dismissed(self) -> bool:
        """A shutdown PDU has come (C706 12.6.4.11), and no call waits any more."""
        return self._dismissed and not self._association.unanswered

    gathering = 0
    """Not asked: over a stream calls are sent one by one."""

    @property
    def _keeps(self) -> bool:
        """The server keeps the connection when it is told that nobody waits for a call."""
        return bool(self._association.features & ncacn.KEEP_CONNECTION_ON_ORPHAN)

    def allocate(self, size: int) -> None:
        """A network shares no memory."""

    def bind(
        self,
        interface: Interface,
        timeout: float,
        group_id: int = 0,
        encodings: Sequence[Encoding] = (Encoding.NDR,),
    ) -> None:
        """Ask for an interface, and prove who asks."""
        handshake = self._handshake(self._security)
        try:
            answer, chosen = handshake.bind(interface, timeout, group_id, encodings)
        except transport.TransportError as error:
            raise lost(error, sent=False) from error
        self.group_id, self._context_id, self.encoding = answer.group_id, chosen, encodings[chosen]
        self._heard = monotonic()

    def _handshake(self, security: Security | None) -> Handshake:
        return Handshake(self.connection, self._association, security, self._host)

    def introduce(self, security: Security) -> bytes:
        """What begins a further security context. ValueError for one that its calls would not name."""
        lowest = min(each.level for each in (security, self._security) if each is not None)
        if lowest < AuthLevel.PACKET:
            raise ValueError(f"at level {lowest.name} no call says whose it is: share connections from PACKET upwards")
        with self._engine:
            return self._handshake(security).introduction()

    def authenticate(self, begun: bytes, timeout: float) -> tuple[int, list[Arrival]]:
        """With both turns in hand, exchange the tokens of a context that was begun."""
        try:
            number, events = self._handshake(None).authenticate(begun, timeout)
        except transport.TransportError as error:
            raise lost(error, sent=False) from error
        self.numbered = True
        return number, self._arrived(events)

    def _received(self, timeout: float) -> bytes:
        octets = self.connection.receive(timeout)
        self._heard = monotonic()
        return octets

    def _understood(self, octets: bytes) -> list[Arrival]:
        if not octets:
            raise ConnectionLost("the server closed the connection")
        arrivals: list[Arrival] = []
        at = 0
        with self._engine:
            while (answer := self._association.plain_response(octets, at)) is not None:
                key, stub = answer
                arrivals.append((key, (stub, self.encoding, None)))
                at += CALL_HEADER_SIZE + len(stub)
            events = self._association.receive_data(octets[at:]) if at < len(octets) else []
        return arrivals + self._arrived(events) if events else arrivals

    def rested(self) -> bool:
        """Has something come in a pause? A byte stream takes what is sent to a server that has gone."""
        return monotonic() - self._heard > PAUSE and bool(ready(self.fileno(), select.POLLIN, 0))

    def compose(self, opnum: int, parts: Sequence[Octets], *, maybe: bool = False) -> Message:
        """A request in as many fragments as it takes."""
        try:
            with self._engine:
                key = self._association.next_call_id()
                flags = ncacn.MAYBE if maybe else 0
                stub = parts[0] if len(parts) == 1 else list(parts)
                pieces = self._association.request(
                    key, self._context_id, opnum, stub, object=self._object, flags=flags, security=_security(opnum)
                )
        except ncacn.StateError as error:
            raise self._unable(error) from error
        return Message(key, pieces if self.message_mode or len(pieces) == 1 else (b"".join(pieces),))

    def tell(self, opnum: int, parts: Sequence[Octets]) -> bool:
        """None goes that is not composed."""
        return False

    def transmitting(self, message: Message) -> Generator[int]:
        """Send it without waiting; yields whenever there is no room."""
        gone = 0
        try:
            while not self._say():
                yield 0
            for piece in message.pieces:
                taken = self.connection.send_now(piece)
                gone += taken
                rest = memoryview(piece)[taken:] if taken != len(piece) else b""
                while rest:
                    yield gone
                    taken = self.connection.send_now(rest)
                    gone += taken
                    rest = rest[taken:]
        except transport.TransportError as error:
            if gone:  # part of a call: nothing sensible can follow
                raise ConnectionLost(str(error)) from error
            self.withdraw(message.key)
            raise lost(error, sent=False) from error
        except GeneratorExit:
            if not gone:
                self.withdraw(message.key)
            raise

    def begin(self, opnum: int) -> int:
        """A call with pipes: the key that its Parts have. It is sent as `more` has it, with `sending` held."""
        try:
            with self._engine:
                key = self._association.next_call_id()
                self._association.begin(key, self._context_id, opnum, object=self._object, security=_security(opnum))
        except ncacn.StateError as error:
            raise self._unable(error) from error
        return key

    def more(self, key: int, piece: Piece) -> list[bytes]:
        """The messages of the next piece of its request."""
        with self._engine:
            return self._association.more(key, piece.octets, last=piece.last)

    def given_up(self, key: int) -> bytes:
        """What tells the server that nobody waits for a call, or that no more of it comes; empty if it knows."""
        with self._engine:
            octets = self._association.orphan(key)
        if octets and not self._keeps:
            raise ConnectionLost("a call was given up at a server that does not keep the connection")
        return octets

    def send_now(self, octets: Octets) -> int:
        """How many octets, of one message or several, have gone without waiting."""
        try:
            return self.connection.send_now(octets) if self._say() else 0
        except transport.TransportError as error:
            raise lost(error) from error

    send_plain = send_now

    def _unable(self, error: ncacn.StateError) -> RpcError:
        """Why a call cannot be made."""
        if self._association.closed:
            return ConnectionLost(str(error), ran=Ran.NO)
        return ServerTooBusy(0x1C010014, str(error), ran=Ran.NO)

    def flat(self, turn: Turn, operation: Operation[Any], flat: Flat) -> None:
        """There is no faster way: what a PDU says of a call is not of fixed size."""

    def flat_now(self, hands: Hands, operation: Operation[Any], flat: Flat) -> None:
        """Nor here."""

    def exchange(self, opnum: int, parts: Sequence[Octets], timeout: float) -> Exchanged | None:
        """Send a plain call and receive what arrives next. Only while the server has no other: so it reads, and there
        is no waiting for room. Both turns are had, so `_engine` is not needed; and no step is one too many here."""
        if len(parts) != 1 or len(parts[0]) > PLAIN or self._unsaid or self._dismissed or self._object is not None:
            return None
        now = monotonic()
        if (now - self._heard > PAUSE and self.rested()) or not self.sending.acquire(False):
            return None
        association = self._association
        try:
            if association.unanswered or (association.abandoned and not self._has_room()):
                return None
            call = association.plain_request(self._context_id, opnum, parts[0])
            if call is None:
                return None
            key, request = call
            taken = 0
            try:
                taken = self.connection.send_now(request)
                if taken != len(request):
                    self.connection.send(memoryview(request)[taken:], timeout)
            except transport.TransportError as error:
                raise self._unsent(key, error, sent=bool(taken)) from error
        finally:
            self.sending.release()
        try:
            octets = self.connection.receive(timeout)
        except transport.TransportError as error:
            if isinstance(error, transport.TimedOut):
                return key, None
            raise lost(error) from error
        except KeyboardInterrupt:
            self._give_up(key)
            raise
        self._heard = now
        stub = association.plain_answer(octets, key)
        return key, self._understood(octets) if stub is None else (stub, self.encoding, None)

    def _unsent(self, key: int, error: transport.TransportError, *, sent: bool) -> RpcError:
        """What a call fails with that could not be sent, or not to its end."""
        (self._association.orphan if sent else self._association.withdraw)(key)
        return lost(error, sent=sent)

    def plain(self, opnum: int, parts: Sequence[Octets]) -> tuple[int, bytes] | None:
        """A plain call: its key and octets, to be given to `send_plain`."""
        if len(parts) != 1 or len(parts[0]) > PLAIN or self._object is not None:
            return None
        with self._engine:
            return self._association.plain_request(self._context_id, opnum, parts[0])

    def lend(self, opnum: int, parts: Sequence[Octets]) -> int:
        """Never: nothing is shared with the server."""
        return 0

    def withdraw(self, key: int) -> None:
        """The server will never hear of this call, nor has it to hear that it is given up."""
        with self._engine:
            self._association.withdraw(key)

    def _give_up(self, key: int) -> None:
        """The answer may still come, to nobody: tell the server, unless that would have to wait for its turn."""
        if self.sending.acquire(False):
            try:
                self.abandon(key)
            finally:
                self.sending.release()

    def _has_room(self) -> bool:
        """A server that is stuck in answers that nobody waits for reads nothing."""
        return bool(ready(self.fileno(), select.POLLOUT, 0) & select.POLLOUT)

    def receive(self, timeout: float) -> list[Arrival]:
        """What arrives next."""
        try:
            return self._understood(self._received(timeout))
        except transport.TransportError as error:
            raise lost(error) from error

    def receive_now(self) -> list[Arrival] | None:
        """What has arrived."""
        try:
            octets = self.connection.receive_now()
        except transport.TransportError as error:
            raise lost(error) from error
        return None if octets is None else self._understood(octets)

    def _arrived(self, events: list[ncacn.Event]) -> list[Arrival]:
        arrivals: list[Arrival] = []
        for event in events:
            if isinstance(event, ncacn.ResponseReceived):
                arrivals.append((event.call_id, (event.stub, self._encoding(event.order), None)))
            elif isinstance(event, ncacn.ResponsePart):
                arrivals.append((event.call_id, Part(event.stub, self._encoding(event.order), None, event.last)))
            elif isinstance(event, ncacn.FaultReceived):
                arrivals.append((event.call_id, failure(event)))
            elif isinstance(event, ncacn.ShutdownRequested):
                self._dismissed = True
            elif isinstance(event, ncacn.ConnectionFailed):
                large = event.status == ncacn.FaultStatus.NCA_S_OUT_ARGS_TOO_BIG
                raise (ResponseTooLarge if large else ProtocolError)(event.reason)
        return arrivals

    def _encoding(self, order: Order) -> Encoding:
        """What a response is written in."""
        if order == "<":
            return self.encoding
        if self.encoding is Encoding.NDR64:
            raise ProtocolError("a response in NDR64 is not little-endian")  # MS-RPCE 2.2.5
        return Encoding.NDR_BIG

    def cancel(self, key: int) -> None:
        """Ask the server to end a call."""
        with self._engine:
            octets = self._association.cancel(key)
        self._tell(octets)

    def abandon(self, key: int, *, cancelled: bool = False) -> None:
        """Tell the server that nobody waits; drop what still comes.

        Only a server that keeps the connection is told so (MS-RPCE 3.3.1.5.10); one that does not is asked to end the
        call, and where it takes one call at a time the connection ends.
        """
        with self._engine:
            asked = b"" if cancelled else self._association.cancel(key)
            orphaned = self._association.orphan(key)
        self._tell(asked + orphaned if self._keeps else asked)
        if orphaned and not (self._keeps or self._association.multiplex):
            raise ConnectionLost("a call was given up at a server that takes one at a time")

    def saying(self) -> Generator[int]:
        """Send what is to be said; yields while there is no room."""
        try:
            while not self._say():
                yield 0
        except transport.TransportError as error:
            raise lost(error) from error

    def _tell(self, octets: bytes) -> None:
        self._unsaid += octets
        try:
            self._say()
        except transport.TransportError as error:
            raise lost(error) from error

    def _say(self) -> bool:
        """Is all said that was to be?"""
        while self._unsaid:
            taken = self.connection.send_now(self._unsaid)
            if not taken:
                return False
            self._unsaid = self._unsaid[taken:]
        return True

    def fileno(self) -> int:
        """The connection's descriptor."""
        return self.connection.fileno()

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


def _security(opnum: int) -> int | None:
    """The security context of a call; None for the bind's."""
    return opnum.security if isinstance(opnum, Under) else None
