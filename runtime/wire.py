"""A client's engine on a transport: calls go out, outcomes come in. One thread at a time sends, one receives.

`PduWire` speaks the connection-oriented protocol through a byte stream or message pipe, `LrpcWire` (`lrpc_wire.py`)
LRPC through an ALPC port. `channel.py` shares a wire between callers; the server's side is `session.py`.

Rules:
- what a wire raises is of `status.py`; errors of the engines and transports end here;
- no sleeping over a call that finds no room: the server may be stuck in sending, and reads on once it is read from.
"""

from __future__ import annotations

import math
import select
import threading
import time
from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol
from uuid import UUID

from ..transports import alpc
from ..transports import errors as transport
from ..transports.seam import Connection
from . import ncacn, ncalrpc
from .call import Limits
from .carrier import Reply
from .handshake import Handshake
from .ncacn.security import AuthLevel
from .ndr.layout import Encoding
from .pipes.piping import Part, Piece
from .status import (
    ConnectionLost,
    DeadlineExceeded,
    Fault,
    ProtocolError,
    Ran,
    RpcError,
    ServerTooBusy,
    fault,
)
from .stub import Interface, Octets

if TYPE_CHECKING:
    from .authentication.security import Security


class Back(NamedTuple):
    """A callback, which comes in the middle of a call: its stub as that of a Reply, and what it is."""

    stub: Octets
    encoding: Encoding
    release: Callable[[], None] | None
    callback_id: int
    opnum: int


Outcome = Reply | Part | Back | RpcError
Arrival = tuple[int, Outcome]
"""The key of a call and how it ended; for a call with pipes, or when the server calls back, how it goes on."""

Exchanged = tuple[int, Reply | list[Arrival] | None]
"""The key of a call, and its reply by itself, or whatever else came next; None: nothing came in time."""

PIPE_FRAGMENT: Final = 4280
TCP_FRAGMENT: Final = 5840
PLAIN: Final = 1024
"""Octets of a plain call over the network: every server takes it in one fragment."""
PAUSE: Final = 0.005
"""Seconds without a word from the server after which one looks before one sends: calls that follow closely pay nothing.
"""
FALSE_ROOM: Final = 0.001
"""Seconds to wait where room was promised and there was none: the descriptor of `memory` always promises."""


class Message(NamedTuple):
    """A call, ready to be sent: the key its outcome will have, its octets, and the view that goes with them."""

    key: int
    pieces: Sequence[Octets]
    view: alpc.View | None = None
    maybe: bool = False
    """It has no answer."""
    kind: int = alpc.LPC_REQUEST
    """What ALPC calls it."""


class PipeWire(Protocol):
    """What a call with pipes needs: its request goes, and its response comes, piece by piece."""

    message_mode: bool
    """What is sent goes whole or not at all."""
    numbered: bool
    """A security context counts the messages: each that was made has to go, or the connection is over."""

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

    group_id: int
    """The association group that the bind led into; 0 where there are none."""

    @property
    def multiplex(self) -> bool:
        """Calls may overlap."""
        ...

    @property
    def dismissed(self) -> bool:
        """The server asked for the connection to be closed, and no call waits any more."""
        ...

    def rested(self) -> bool:
        """Has something come though nothing was sent for a while: the end, perhaps? Asked when no call waits."""
        ...

    def bind(self, interface: Interface, timeout: float, group_id: int = 0) -> None:
        """Ask for an interface, in an association group or a new one. BindRefused when the server does not grant it."""
        ...

    def compose(self, opnum: int, parts: Sequence[Octets], *, maybe: bool = False) -> Message:
        """A call as a message; maybe: it has no answer."""
        ...

    def transmitting(self, message: Message) -> Generator[int]:
        """Send it without waiting; yields whenever there is no room: how many octets have gone.

        Closed or failing before any has, it leaves the connection usable; afterwards there is but ending it.
        """
        ...

    def exchange(self, opnum: int, parts: Sequence[Octets], timeout: float) -> Exchanged | None:
        """Send a call and receive what arrives next, where one step does both.

        None: that way is closed to this call, and nothing has happened.
        """
        ...

    def cancel(self, key: int) -> None:
        """Ask the server to end a call. It is answered all the same."""
        ...

    def abandon(self, key: int, *, cancelled: bool = False) -> None:
        """Nobody waits for this call any more: what still comes of it is dropped. The server is told that, and to end
        it, unless it was `cancelled`. Raises ConnectionLost where the protocol has no way to go on after that."""
        ...

    def saying(self) -> Generator[int]:
        """Send what these two have left for want of room; yields while there is none. The next call sends it, too."""
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
        self.numbered = security is not None and security.level > AuthLevel.CONNECT
        self._object = object
        self._security = security
        self._host = host
        fragment = PIPE_FRAGMENT if connection.message_mode else TCP_FRAGMENT
        bounds = ncacn.Limits(max_response=limits.max_response)
        self._association = ncacn.ClientAssociation(limits=bounds, max_fragment=fragment)
        self.group_id = 0
        self._dismissed = False
        self._unsaid = b""
        """What is to be said before anything else, once there is room."""
        self._heard = 0.0
        """When something came for the last time."""
        self._engine = threading.Lock()
        """Over the association, which takes one thread at a time: one may send while another receives."""

    @property
    def multiplex(self) -> bool:
        """Calls may overlap: the bind has settled it."""
        return self._association.multiplex

    @property
    def dismissed(self) -> bool:
        """A shutdown PDU has come (C706 12.6.4.11), and no call waits any more."""
        return self._dismissed and not self._association.waiting

    @property
    def _keeps(self) -> bool:
        """The server keeps the connection when it is told that nobody waits for a call."""
        return bool(self._association.features & ncacn.KEEP_CONNECTION_ON_ORPHAN)

    def bind(self, interface: Interface, timeout: float, group_id: int = 0) -> None:
        """Ask for an interface in NDR 2.0, and prove who asks."""
        handshake = Handshake(self.connection, self._association, self._security, self._host)
        try:
            self.group_id = handshake.bind(interface, timeout, group_id)
        except transport.TransportError as error:
            raise lost(error, sent=False) from error
        self._heard = time.monotonic()

    def _read(self, timeout: float) -> list[ncacn.Event]:
        octets = self.connection.receive(timeout)
        self._heard = time.monotonic()
        if not octets:
            raise ConnectionLost("the server closed the connection")
        with self._engine:
            return self._association.receive_data(octets)

    def rested(self) -> bool:
        """Has something come in a pause? A byte stream takes what is sent to a server that has gone."""
        return time.monotonic() - self._heard > PAUSE and bool(ready(self.fileno(), select.POLLIN, 0))

    def compose(self, opnum: int, parts: Sequence[Octets], *, maybe: bool = False) -> Message:
        """A request in as many fragments as it takes."""
        try:
            with self._engine:
                key = self._association.next_call_id()
                flags = ncacn.MAYBE if maybe else 0
                pieces = self._association.request(key, 0, opnum, list(parts), object=self._object, flags=flags)
        except ncacn.StateError as error:
            raise self._unable(error) from error
        return Message(key, pieces if self.connection.message_mode else (b"".join(pieces),))

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

    def _unable(self, error: ncacn.StateError) -> RpcError:
        """Why a call cannot be made."""
        if self._association.closed:
            return ConnectionLost(str(error), ran=Ran.NO)
        return ServerTooBusy(0x1C010014, str(error), ran=Ran.NO)

    def _unsent(self, message: Message) -> None:
        """The server will never hear of this call, nor has it to hear that it is given up."""
        with self._engine:
            self._association.withdraw(message.key)

    def exchange(self, opnum: int, parts: Sequence[Octets], timeout: float) -> Exchanged | None:
        """Send a plain call and receive what arrives next. Only while the server has no other: so it reads, and there
        is no waiting for room."""
        if len(parts) != 1 or len(parts[0]) > PLAIN or self._object is not None or self._unsaid or self.rested():
            return None
        if not self.sending.acquire(False):
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
            if isinstance(error, transport.TimedOut):
                return key, None
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

    def _has_room(self) -> bool:
        """A server that is stuck in answers that nobody waits for reads nothing."""
        return bool(ready(self.fileno(), select.POLLOUT, 0) & select.POLLOUT)

    def _send_plain(self, opnum: int, stub: Octets, timeout: float) -> int:
        """The key of a call that has been sent; 0 when others are under way."""
        with self._engine:
            if not self._association.idle and (self._association.waiting or not self._has_room()):
                return 0
            key = self._association.next_call_id()
            try:
                [request] = self._association.request(key, 0, opnum, stub)
            except ncacn.StateError as error:
                raise self._unable(error) from error
        taken = 0
        try:
            taken = self.connection.send_now(request)
            if taken != len(request):
                self.connection.send(memoryview(request)[taken:], timeout)
        except transport.TransportError as error:
            with self._engine:
                (self._association.orphan if taken else self._association.withdraw)(key)
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
                arrivals.append((event.call_id, failure(event)))
            elif isinstance(event, ncacn.ShutdownRequested):
                self._dismissed = True
            elif isinstance(event, ncacn.ConnectionFailed):
                raise ProtocolError(event.reason)
        return arrivals

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


def failure(event: ncacn.FaultReceived | ncalrpc.FaultReceived) -> Fault:
    """The error that a fault is, with what it says besides."""
    found = fault(event.status, did_not_execute=event.did_not_execute)
    if event.detail:
        from .extended import received  # hardly any fault has it

        found.extended = received(event.detail)
    return found
