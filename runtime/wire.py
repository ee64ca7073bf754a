"""A client's engine on a transport: calls go out, outcomes come in. One thread at a time sends, one receives.

`LrpcWire` speaks LRPC through an ALPC port, `PduWire` the connection-oriented protocol through any other
connection. `channel.py` shares a wire between callers; the server's side is `session.py`.

Rules:
- what a wire raises is of `status.py`; errors of the engines and transports end here;
- no sleeping over a call that finds no room: the server may be stuck in sending, and reads on once it is read from.
"""

from __future__ import annotations

import math
import select
import threading
import time
from collections.abc import Generator, Sequence
from functools import partial
from typing import Final, NamedTuple, Protocol
from uuid import UUID

from ..transports import alpc
from ..transports import errors as transport
from ..transports.seam import Connection
from . import ncacn, ncalrpc, plain
from .call import Limits
from .ndr.layout import Encoding
from .pipes.piping import Part, Piece
from .status import (
    BindRefused,
    ConnectionLost,
    DeadlineExceeded,
    ProtocolError,
    Ran,
    RpcError,
    ServerTooBusy,
    fault,
    fault_name,
)
from .stub import Interface, Octets, Reply

Outcome = Reply | Part | RpcError
Arrival = tuple[int, Outcome]
"""The key of a call and how it ended, or for a call with pipes how it goes on."""

PIPE_FRAGMENT: Final = 4280
TCP_FRAGMENT: Final = 5840
PLAIN: Final = 1024
"""Octets of a plain call over the network: every server takes it in one fragment."""
FALSE_ROOM: Final = 0.001
"""Seconds to wait where room was promised and there was none: the descriptor of `memory` always promises."""
PLAIN_SEND: Final = 0.001
"""Seconds that a plain call may wait for room before it is sent the longer way. (Constant: setting it is a call.)"""


class Message(NamedTuple):
    """A call, ready to be sent: the key its outcome will have, its octets, and the view that goes with them."""

    key: int
    pieces: Sequence[Octets]
    view: alpc.View | None = None


class PipeWire(Protocol):
    """What a call with pipes needs: its request goes, and its response comes, piece by piece."""

    message_mode: bool
    """What is sent goes whole or not at all."""

    def begin(self, opnum: int) -> int:
        """Such a call: the key that its Parts have. It is sent as `more` has it, with `sending` held."""
        ...

    def more(self, key: int, piece: Piece) -> list[bytes]:
        """The messages of the next piece of its request."""
        ...

    def given_up(self, key: int) -> bytes:
        """What tells the server that nobody waits for it, or that no more of it comes; empty if it knows."""
        ...

    def send_now(self, octets: Octets) -> int:
        """How many octets, of one message or several, have gone without waiting."""
        ...

    def receive(self, timeout: float) -> list[Arrival]:
        """What arrives next; DeadlineExceeded when nothing does."""
        ...

    def receive_now(self) -> list[Arrival] | None:
        """What has arrived; None when nothing has."""
        ...

    def fileno(self) -> int:
        """Readable when something has arrived."""
        ...


class Wire(PipeWire, Protocol):
    """What a channel needs of an engine on a transport."""

    encoding: Encoding
    sending: threading.Lock
    """Held over `compose` and `transmitting`."""

    def bind(self, interface: Interface, timeout: float) -> None:
        """Ask for an interface. BindRefused when the server does not grant it."""
        ...

    def compose(self, opnum: int, parts: Sequence[Octets]) -> Message:
        """A call as a message."""
        ...

    def transmitting(self, message: Message) -> Generator[int]:
        """Send it without waiting; yields whenever there is no room: how many octets have gone.

        Closed or failing before any has, it leaves the connection usable; afterwards there is but ending it.
        """
        ...

    def exchange(self, opnum: int, parts: Sequence[Octets], timeout: float) -> tuple[int, Reply | list[Arrival]] | None:
        """Send a call and receive what arrives next, where one step does both: its reply by itself, or whatever
        else it is. None: that way is closed to this call, and nothing has happened. Abandons it if it fails."""
        ...

    def abandon(self, key: int) -> None:
        """Nobody waits for this call any more: what still comes of it is dropped."""
        ...

    def fileno(self) -> int:
        """Readable when something has arrived."""
        ...

    def close(self) -> None:
        """Give up the connection."""
        ...


def lost(error: transport.TransportError, *, sent: bool = True) -> RpcError:
    """The error of a call whose transport failed; `sent`: the server may have the request."""
    ran = Ran.UNKNOWN if sent and error.sent else Ran.NO
    if isinstance(error, transport.TimedOut):
        return DeadlineExceeded(str(error), ran=ran)
    if isinstance(error, transport.BadFrame):
        return ProtocolError(str(error), ran=ran)
    if isinstance(error, transport.QuotaExceeded | transport.MessageTooLong | transport.ResourcesExhausted):
        return RpcError(str(error), ran=ran)
    return ConnectionLost(str(error), ran=ran)


def ready(descriptor: int, events: int, seconds: float) -> int:
    """Which of `events` a descriptor has come to within `seconds`; a closed one has nothing to wait for."""
    if descriptor < 0:
        return 0
    poll = select.poll()
    poll.register(descriptor, events)
    return next((found for _, found in poll.poll(math.ceil(seconds * 1000))), 0)


class LrpcWire:
    """LRPC through an ALPC port. A call's key is its call id, which its messages carry as message id too."""

    def __init__(self, port: alpc.CommunicationPort, limits: Limits, object: UUID | None = None) -> None:
        self.encoding = Encoding.NDR
        self.sending = threading.Lock()
        self.message_mode = True
        self.port = port
        self._client_id = port.client_id
        self._max_response = limits.max_response
        self._object = object
        self._association = ncalrpc.ClientAssociation()
        self._binding_id = 0

    def bind(self, interface: Interface, timeout: float) -> None:
        """Ask for an interface, in NDR 2.0: the shorter of the two."""
        syntax = ncalrpc.SyntaxId(interface.uuid, *interface.version)
        try:
            self.port.send_message(self._association.bind(syntax, ncalrpc.TransferSyntax.NDR), timeout=timeout)
            message = self.port.receive_message(timeout)
        except transport.TransportError as error:
            raise lost(error, sent=False) from error
        if message.type == alpc.LPC_PORT_CLOSED:
            raise ConnectionLost("the server closed the port while it was bound", ran=Ran.NO)
        event = self._association.receive(message.data, message.view)
        if not isinstance(event, ncalrpc.Bound):
            raise ProtocolError(f"a bind was answered by {event}", ran=Ran.NO)
        if event.status:
            raise BindRefused(f"{interface.name}: {fault_name(event.status)}")
        self._binding_id = event.binding_id

    def compose(self, opnum: int, parts: Sequence[Octets]) -> Message:
        """A request; one that is large goes into a view of the port's section."""
        key = self._association.next_call_id()
        data, in_view, size = self._association.request(key, self._binding_id, opnum, parts, self._object)
        return Message(key, (data,), None if in_view is None else fill(self.port, in_view, size))

    def exchange(self, opnum: int, parts: Sequence[Octets], timeout: float) -> tuple[int, Reply | list[Arrival]] | None:
        """Send a plain call and receive what arrives next."""
        if self._object is not None or len(parts) != 1 or len(parts[0]) > ncalrpc.INLINE:
            return None
        key = self._association.next_call_id()
        try:
            frame = plain.request(self._client_id, key, self._binding_id, opnum, parts[0])
            answer = self.port.send_wait_receive(frame, PLAIN_SEND, timeout)
            stub = plain.read_response(answer, key)
            if stub is not None:
                return key, (stub, self.encoding, None)
            return key, self._arrived(self.port.understood(answer, timeout))
        except transport.TransportError as error:
            if isinstance(error, transport.TimedOut) and not error.sent:
                return None
            raise lost(error) from error

    def transmitting(self, message: Message) -> Generator[int]:
        """Send it without waiting; yields whenever there is no room. It goes whole or not at all."""
        try:
            while not self.port.send_message_now(message.pieces[0], message.key, alpc.LPC_REQUEST, message.view):
                yield 0
        except transport.TransportError as error:
            self._unsent(message)
            raise lost(error, sent=False) from error
        except GeneratorExit:
            self._unsent(message)
            raise

    def begin(self, opnum: int) -> int:
        """A call with pipes."""
        key = self._association.next_call_id()
        self._association.begin(key, self._binding_id, opnum, self._object)
        return key

    def more(self, key: int, piece: Piece) -> list[bytes]:
        """The messages of the next piece of its request."""
        return self._association.more(key, b"".join(piece.octets), last=piece.last)

    def given_up(self, key: int) -> bytes:
        """A message that cancels it, unless it has ended at both ends or was never begun."""
        return self._association.give_up(key)

    def send_now(self, octets: Octets) -> int:
        """Send one message of the call with pipes, if there is room; the message id is that of its call."""
        try:
            return len(octets) if self.port.send_message_now(octets, ncalrpc.call_id_of(octets)) else 0
        except transport.TransportError as error:
            raise lost(error) from error

    def _unsent(self, message: Message) -> None:
        if message.view is not None:
            self.port.discard(message.view)

    def receive(self, timeout: float) -> list[Arrival]:
        """What arrives next."""
        try:
            return self._arrived(self.port.receive_message(timeout))
        except transport.TransportError as error:
            raise lost(error) from error

    def receive_now(self) -> list[Arrival] | None:
        """What has arrived."""
        try:
            message = self.port.receive_message_now()
        except transport.TransportError as error:
            raise lost(error) from error
        return None if message is None else self._arrived(message)

    def _arrived(self, message: alpc.PortMessage) -> list[Arrival]:
        if message.type == alpc.LPC_PORT_CLOSED:
            raise ConnectionLost("the server closed the port or died")
        event = self._association.receive(message.data, message.view)
        release = None if message.view is None else partial(self.port.release, message)
        key = message.message_id
        if isinstance(event, ncalrpc.ResponseReceived) and event.call_id == key:
            if len(event.stub) > self._max_response:
                raise ProtocolError(f"a response of {len(event.stub)} octets, the most is {self._max_response}")
            return [(key, (event.stub, self.encoding, release))]
        if isinstance(event, ncalrpc.ResponsePart) and event.call_id == key:
            return [(key, Part(event.stub, self.encoding, None, last=False))]
        if event is None:  # of a call that was given up
            return []
        if isinstance(event, ncalrpc.FaultReceived):
            return [(key, fault(event.status, did_not_execute=event.did_not_execute))]
        reason = event.reason if isinstance(event, ncalrpc.Failed) else f"an answer that was not asked for: {event}"
        raise ProtocolError(reason)

    def abandon(self, key: int) -> None:
        """Nothing to do: an answer that nobody waits for is dropped by the channel."""

    def fileno(self) -> int:
        """The port's descriptor."""
        return self.port.fileno()

    def close(self) -> None:
        """Close the port."""
        self.port.close()


def fill(port: alpc.CommunicationPort, parts: Sequence[Octets], size: int) -> alpc.View:
    """A view of the port's section with `parts` in it, one after the other."""
    try:
        view = port.allocate(size)
    except transport.TransportError as error:
        raise lost(error, sent=False) from error
    offset = 0
    for part in parts:
        view.buffer[offset : offset + len(part)] = part
        offset += len(part)
    return view


class PduWire:
    """The connection-oriented protocol through a byte stream or a message pipe."""

    def __init__(self, connection: Connection, limits: Limits, object: UUID | None = None) -> None:
        self.encoding = Encoding.NDR
        self.sending = threading.Lock()
        self.message_mode = connection.message_mode
        self.connection = connection
        self._object = object
        fragment = PIPE_FRAGMENT if connection.message_mode else TCP_FRAGMENT
        bounds = ncacn.Limits(max_response=limits.max_response)
        self._association = ncacn.ClientAssociation(limits=bounds, max_fragment=fragment)
        self._engine = threading.Lock()
        """Over the association, which takes one thread at a time: one may send while another receives."""

    def bind(self, interface: Interface, timeout: float) -> None:
        """Ask for an interface in NDR 2.0."""
        syntax = ncacn.SyntaxId(interface.uuid, *interface.version)
        until = time.monotonic() + timeout
        try:
            self.connection.send(self._association.bind([ncacn.ContextRequest(0, syntax, [ncacn.NDR])]), timeout)
            while not (events := self._read(until - time.monotonic())):
                if time.monotonic() > until:
                    raise DeadlineExceeded("the answer to a bind does not end", ran=Ran.NO)
        except transport.TransportError as error:
            raise lost(error, sent=False) from error
        except ConnectionLost as error:
            raise ConnectionLost(str(error), ran=Ran.NO) from None
        event = events[0]
        if isinstance(event, ncacn.BindRefused):
            raise _refused(event)
        if isinstance(event, ncacn.ConnectionFailed):
            raise ProtocolError(f"no answer to a bind: {event.reason}", ran=Ran.NO)
        if not isinstance(event, ncacn.BindAnswered):
            raise ProtocolError(f"a bind was answered by {event}", ran=Ran.NO)
        if not event.results[0].accepted:
            raise BindRefused(f"{interface.name}: the server does not grant it: {event.results[0]}")

    def _read(self, timeout: float) -> list[ncacn.Event]:
        octets = self.connection.receive(timeout)
        if not octets:
            raise ConnectionLost("the server closed the connection")
        with self._engine:
            return self._association.receive_data(octets)

    def compose(self, opnum: int, parts: Sequence[Octets]) -> Message:
        """A request in as many fragments as it takes."""
        try:
            with self._engine:
                key = self._association.next_call_id()
                pieces = self._association.request(key, 0, opnum, list(parts), object=self._object)
        except ncacn.StateError as error:
            raise ServerTooBusy(0x1C010014, str(error), ran=Ran.NO) from error
        return Message(key, pieces if self.connection.message_mode else (b"".join(pieces),))

    def transmitting(self, message: Message) -> Generator[int]:
        """Send it without waiting; yields whenever there is no room."""
        gone = 0
        try:
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
            self._unsent(message)
            raise lost(error, sent=False) from error
        except GeneratorExit:
            if not gone:
                self._unsent(message)
            raise

    def begin(self, opnum: int) -> int:
        """A call with pipes: the key that its Parts have. It is sent as `more` has it, with `sending` held."""
        try:
            with self._engine:
                key = self._association.next_call_id()
                self._association.begin(key, 0, opnum, object=self._object)
        except ncacn.StateError as error:
            raise ServerTooBusy(0x1C010014, str(error), ran=Ran.NO) from error
        return key

    def more(self, key: int, piece: Piece) -> list[bytes]:
        """The messages of the next piece of its request."""
        with self._engine:
            return self._association.more(key, piece.octets, last=piece.last)

    def given_up(self, key: int) -> bytes:
        """What tells the server that nobody waits for a call, or that no more of it comes; empty if it knows."""
        with self._engine:
            return self._association.orphan(key)

    def send_now(self, octets: Octets) -> int:
        """How many octets, of one message or several, have gone without waiting."""
        try:
            return self.connection.send_now(octets)
        except transport.TransportError as error:
            raise lost(error) from error

    def _unsent(self, message: Message) -> None:
        """The server will never hear of this call, nor has it to hear that it is given up."""
        with self._engine:
            self._association.orphan(message.key)

    def exchange(self, opnum: int, parts: Sequence[Octets], timeout: float) -> tuple[int, Reply | list[Arrival]] | None:
        """Send a plain call and receive what arrives next. Only while the server has no other: so it reads, and there
        is no waiting for room."""
        if len(parts) != 1 or len(parts[0]) > PLAIN or self._object is not None or not self.sending.acquire(False):
            return None
        try:
            key = self._send_plain(opnum, parts[0], timeout)
        finally:
            self.sending.release()
        if not key:
            return None
        try:
            events = self._read(timeout)
        except transport.TransportError as error:
            self._give_up(key)
            raise lost(error) from error
        except KeyboardInterrupt:
            self._give_up(key)
            raise
        event = events[0] if len(events) == 1 else None
        if isinstance(event, ncacn.ResponseReceived) and event.call_id == key and event.order == "<":
            return key, (event.stub, Encoding.NDR, None)
        return key, self._arrived(events)

    def _give_up(self, key: int) -> None:
        """The answer may still come, to nobody: tell the server, unless that would have to wait for its turn."""
        if self.sending.acquire(False):
            try:
                self.abandon(key)
            finally:
                self.sending.release()

    def _send_plain(self, opnum: int, stub: Octets, timeout: float) -> int:
        """The key of a call that has been sent; 0 when others are under way."""
        with self._engine:
            if not self._association.idle:
                return 0
            key = self._association.next_call_id()
            [request] = self._association.request(key, 0, opnum, stub)
        taken = 0
        try:
            taken = self.connection.send_now(request)
            if taken != len(request):
                self.connection.send(memoryview(request)[taken:], timeout)
        except transport.TransportError as error:
            with self._engine:
                self._association.orphan(key)
            raise lost(error, sent=bool(taken)) from error
        return key

    def receive(self, timeout: float) -> list[Arrival]:
        """What arrives next."""
        try:
            return self._arrived(self._read(timeout))
        except transport.TransportError as error:
            raise lost(error) from error

    def receive_now(self) -> list[Arrival] | None:
        """What has arrived."""
        try:
            octets = self.connection.receive_now()
        except transport.TransportError as error:
            raise lost(error) from error
        if octets is None:
            return None
        if not octets:
            raise ConnectionLost("the server closed the connection")
        with self._engine:
            events = self._association.receive_data(octets)
        return self._arrived(events)

    def _arrived(self, events: list[ncacn.Event]) -> list[Arrival]:
        arrivals: list[Arrival] = []
        for event in events:
            if isinstance(event, ncacn.ResponseReceived):
                encoding = Encoding.NDR if event.order == "<" else Encoding.NDR_BIG
                arrivals.append((event.call_id, (event.stub, encoding, None)))
            elif isinstance(event, ncacn.ResponsePart):
                encoding = Encoding.NDR if event.order == "<" else Encoding.NDR_BIG
                arrivals.append((event.call_id, Part(event.stub, encoding, None, event.last)))
            elif isinstance(event, ncacn.FaultReceived):
                arrivals.append((event.call_id, fault(event.status, did_not_execute=event.did_not_execute)))
            elif isinstance(event, ncacn.ConnectionFailed):
                raise ProtocolError(event.reason)
        return arrivals

    def abandon(self, key: int) -> None:
        """Tell the server that nobody waits, if there is room to tell it; drop what still comes."""
        with self._engine:
            octets = self._association.orphan(key)
        try:
            taken = self.connection.send_now(octets) if octets else 0
        except transport.TransportError as error:
            raise lost(error) from error
        if 0 < taken < len(octets):  # a PDU cut short: nothing sensible can follow
            raise ConnectionLost("the server does not read what it is sent")

    def fileno(self) -> int:
        """The connection's descriptor."""
        return self.connection.fileno()

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


def _refused(event: ncacn.BindRefused) -> BindRefused:
    spoken = ", ".join(f"{major}.{minor}" for major, minor in event.versions)
    return BindRefused(f"bind_nak, reason {event.reason}" + (f"; the server speaks {spoken}" if spoken else ""))
