"""A client's end of LRPC, through an ALPC port: a `wire.Wire`. The server's side is `lrpc_session.py`."""

from __future__ import annotations

import select
import threading
from collections import deque
from collections.abc import Generator, Sequence
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from ..transports import alpc
from ..transports import errors as transport
from ..transports.alpc.messages.message import FRAME_SIZE
from . import ncalrpc, plain
from .call import Limits, Room
from .carrier import Calling, Reply
from .flat import PLAIN_SEND, Turn, Way, calling, ends_of
from .flat_lane import calling as calling_by_lane
from .flat_lane import fits, whole_response
from .flat_prompt import Hands, calling_now
from .handles import accompanied, beside
from .ndr.layout import Encoding
from .pipes.piping import Part, Piece
from .status import (
    RPC_S_CANNOT_SUPPORT,
    BindRefused,
    ConnectionLost,
    Fault,
    InvalidBinding,
    ProtocolError,
    Ran,
    ResponseTooLarge,
    fault_name,
)
from .stub import Interface, Octets, Operation
from .wire import Arrival, Back, Exchanged, Message, failure, lost, ready

if TYPE_CHECKING:
    from .authentication.security import Security
    from .operation import Flat
    from .prompt import Prompt

_SYNTAXES: Final = {Encoding.NDR: ncalrpc.TransferSyntax.NDR, Encoding.NDR64: ncalrpc.TransferSyntax.NDR64}
MOST_GATHERED: Final = 256
"""Calls without an answer that wait to be sent together."""

within: Final[ContextVar[tuple[LrpcWire, int] | None]] = ContextVar("lrpc callback", default=None)
"""The callback that runs here, and the wire that it came by."""


class LrpcWire:
    """LRPC through an ALPC port. A call's key is its call id, which its messages carry as message id too."""

    def __init__(self, port: alpc.CommunicationPort, limits: Limits, object: UUID | None = None) -> None:
        self.encoding = Encoding.NDR
        self.sending = threading.Lock()
        self.message_mode = self.multiplex = True
        self.group_id = 0
        self.dismissed = False
        self._unsaid: deque[bytes | alpc.Batch] = deque()
        """What is to be said before anything else, once there is room."""
        self.gathering = 0
        self._gathered: alpc.Batch | None = None
        """Calls without an answer that wait for each other, at the end of those; and how many they are."""
        self._count = 0
        self.numbered = False
        self.port = port
        self._client_id = port.client_id
        self._copying = plain.Copying(port)
        port.lengthen_by(partial(whole_response, self._client_id))
        self._max_response = limits.max_response
        self._object = object
        self.handles = bool(port.handles_given)
        self._special = object is not None or self.handles or self._max_response < ncalrpc.INLINE
        """No call is plain."""
        self._association = ncalrpc.ClientAssociation()
        self.called_back = False
        self._refused = False
        """A callback has come, and nobody serves any."""
        """Somebody serves callbacks: they are handed on."""
        self._binding_id = 0

    def bind(
        self,
        interface: Interface,
        timeout: float,
        group_id: int = 0,
        encodings: Sequence[Encoding] = (Encoding.NDR,),
    ) -> None:
        """Ask for an interface. InvalidBinding for a group: a port is one."""
        if group_id:
            raise InvalidBinding("ncalrpc has no association groups: context handles are of one connection")
        syntax = ncalrpc.SyntaxId(interface.uuid, *interface.version)
        preferred = _SYNTAXES[encodings[0]] if len(encodings) > 1 else None
        offered = ncalrpc.TransferSyntax(sum({_SYNTAXES[encoding] for encoding in encodings}))
        try:
            self.port.send_message(self._association.bind(syntax, offered, preferred), timeout=timeout)
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
        self.encoding = next(encoding for encoding in encodings if _SYNTAXES[encoding] is event.syntax)

    def introduce(self, security: Security) -> bytes:
        """InvalidBinding: there is but one."""
        raise InvalidBinding("ncalrpc: the kernel says who calls through a port")

    def authenticate(self, begun: bytes, timeout: float) -> tuple[int, list[Arrival]]:
        """Never begun."""
        raise InvalidBinding("ncalrpc: the kernel says who calls through a port")

    def rested(self) -> bool:
        """Has something come? Asked by calls that are not plain; a port whose server has gone takes no plain one."""
        return bool(ready(self.fileno(), select.POLLIN, 0))

    def allocate(self, size: int) -> Room:
        """Room in the port's section, from where `fill` takes it."""
        return room_in(self.port, size)

    def compose(self, opnum: int, parts: Sequence[Octets], *, maybe: bool = False) -> Message:
        """A request; one that is large goes into a view of the port's section."""
        key = self._association.next_call_id()
        back = within.get()
        callback_id = back[1] if back is not None and back[0] is self else 0
        data, in_view, size = self._association.request(key, self._binding_id, opnum, parts, self._object, callback_id)
        view = None if in_view is None else fill(self.port, in_view, size)
        return Message(key, (accompanied(data, beside(parts)),), view, maybe)

    def plain(self, opnum: int, parts: Sequence[Octets]) -> tuple[int, bytes] | None:
        """A plain call: its key, and the frame to be given to `send_plain`."""
        size = sum(map(len, parts))
        if self._special or size > self._copying.most or within.get() is not None:
            return None
        if size > self._copying.through:
            self._copying.longer()
        key = self._association.next_call_id()
        return key, plain.request(self._client_id, key, self._binding_id, opnum, _joined(parts))

    def send_plain(self, octets: Octets) -> int:
        """Send such a frame, if there is room."""
        try:
            if self._unsaid and not self._say():
                return 0
            return len(octets) if self.port.send_frame_now(bytes(octets)) else 0
        except transport.TransportError as error:
            raise lost(error) from error

    def lend(self, opnum: int, parts: Sequence[Octets]) -> int:
        """Send a call that is plain but for its size, if there is room; why there is none the general way tells."""
        if self._special or within.get() is not None:
            return 0
        key, size = self._association.next_call_id(), sum(map(len, parts))
        data = plain.large_request(key, self._binding_id, opnum, 0, size)
        try:
            if self._unsaid and not self._say():
                return 0
            return key if self.port.lend_now(data, parts, size, key, alpc.LPC_REQUEST) else 0
        except transport.TransportError:
            return 0

    def withdraw(self, key: int) -> None:
        """Nothing is known of such a call."""

    def exchange(self, opnum: int, parts: Sequence[Octets], timeout: float) -> Exchanged | None:
        """Send a call and receive what arrives next."""
        if self._special or self._unsaid:
            return None
        port, key = self.port, self._association.next_call_id()
        size = len(parts[0]) if len(parts) == 1 else sum(map(len, parts))
        try:
            if size > self._copying.most:
                data = plain.large_request(key, self._binding_id, opnum, 0, size)
                answer = port.lend_wait_receive(data, parts, size, key, PLAIN_SEND, timeout)
            else:
                if size > self._copying.through:
                    self._copying.longer()
                stub = parts[0] if len(parts) == 1 else b"".join(parts)
                frame = plain.request(self._client_id, key, self._binding_id, opnum, stub)
                answer = port.send_wait_receive(frame, PLAIN_SEND, timeout)
        except (transport.MessageTooLong, transport.QuotaExceeded, transport.ResourcesExhausted) as error:
            if not error.sent:  # it may be copied all the same
                return None
            return self._heard(key, timeout, error)
        except BaseException as error:
            return self._heard(key, timeout, error)
        if size <= self._copying.most and len(answer) != plain.LARGE_RESPONSE_SIZE:  # as nearly always: a step less
            result = plain.read_response(answer, key)
            if result is not None:
                return key, (result, self.encoding, None)
        reply = self._answer(answer)
        return reply if reply is not None and reply[0] == key else self._heard(key, timeout, answer)

    def _heard(self, key: int, timeout: float, heard: bytes | BaseException) -> Exchanged | None:
        """What a call comes to whose answer is not read in one step, or that has failed. None: it has not gone."""
        try:
            if isinstance(heard, BaseException):
                raise heard
            return key, self._arrived(self.port.understood(heard, timeout))
        except transport.TimedOut as error:
            return (key, None) if error.sent else None
        except transport.TransportError as error:
            raise lost(error) from error
        except KeyboardInterrupt:
            self.abandon(key)
            raise
        finally:
            del heard  # an error, perhaps, that has this frame

    def flat(self, turn: Turn, operation: Operation[Any], flat: Flat) -> Calling | None:
        """What makes calls of an operation of scalars alone; None if they say more than that."""
        if self._special or self.encoding is not Encoding.NDR:
            return None

        def rare(key: int, timeout: float, values: tuple[Any, ...], heard: bytes | BaseException) -> Any:
            reply = turn.rare(partial(self._heard, key, timeout, heard), timeout)
            return None if reply is None else operation.plain_result(values, reply)

        next_call_id = self._association.next_call_id
        way = Way(self._client_id, self._binding_id, next_call_id, self.port, self._unsaid)
        frames = ends_of(operation.opnum, flat, way)
        call = calling(frames, way, turn, rare)
        if (lane := self.port.lane) is None or not fits(frames.request.size, self.port):
            return call
        return calling_by_lane(flat, frames, way, turn, rare, call, lane)

    def flat_now(self, hands: Hands, operation: Operation[Any], flat: Flat) -> Calling | None:
        """The same for a channel of asyncio."""
        if self._special or self.encoding is not Encoding.NDR:
            return None

        def heard(key: int, what: bytes | transport.TransportError) -> Prompt[Any]:
            return hands.heard(key, partial(self._understood, what))

        way = Way(self._client_id, self._binding_id, self._association.next_call_id, self.port, self._unsaid)
        return calling_now(ends_of(operation.opnum, flat, way), way, hands, heard)

    def _understood(self, heard: bytes | transport.TransportError) -> list[Arrival]:
        """What has arrived with a frame that is no answer as expected."""
        try:
            if not isinstance(heard, bytes):
                raise heard
            message = self.port.understood_now(heard)
            return [] if message is None else self._arrived(message)
        except transport.TransportError as error:
            raise lost(error) from error
        finally:
            del heard  # an error, perhaps, that has this frame

    def tell(self, opnum: int, parts: Sequence[Octets]) -> bool:
        """Send a plain call without an answer, or have it wait for others."""
        if self._special or sum(map(len, parts)) > ncalrpc.INLINE or within.get() is not None:
            return False
        if self._unsaid and not self.gathering:
            return False
        key = self._association.next_call_id()
        frame = plain.request(self._client_id, key, self._binding_id, opnum, _joined(parts), alpc.LPC_DATAGRAM)
        try:
            if not self.gathering:
                self.port.send_frame(frame, PLAIN_SEND)
            else:
                self._gather(frame[FRAME_SIZE:])
        except transport.TimedOut:
            return False
        except transport.TransportError as error:
            raise lost(error, sent=False) from error
        return True

    def transmitting(self, message: Message) -> Generator[int]:
        """Send it without waiting; yields whenever there is no room. It goes whole or not at all."""
        kind = alpc.LPC_DATAGRAM if message.maybe else message.kind
        pieces = message.pieces
        handles = beside(pieces[0]) if pieces else ()
        try:
            if self.gathering and message.maybe and message.view is None and not handles:
                self._gather(pieces[0])
                return
            while not self._say():
                yield 0
            while pieces and not self.port.send_message_now(pieces[0], message.key, kind, message.view, handles):
                yield 0
        except transport.TransportError as error:
            self._unsent(message)
            raise lost(error, sent=False) from error
        except GeneratorExit:
            self._unsent(message)
            raise

    def _gather(self, data: Octets) -> None:
        """Have it sent with others; when they are many, now, if there is room."""
        if self._gathered is None:
            self._gathered = self.port.batch()
            self._unsaid.append(self._gathered)
            self._count = 0
        self._gathered.datagram(data)
        self._count += 1
        if self._count % MOST_GATHERED == 0:
            self._say()

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
            sent = self._say() and self.port.send_message_now(octets, ncalrpc.call_id_of(octets))
            return len(octets) if sent else 0
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
            frame = self.port.receive_frame_now()
            if frame is None:
                return None
            if self._association.flow is None and not self._special and (answer := self._answer(frame)) is not None:
                return [answer]
            message = self.port.understood_now(frame)
        except transport.TransportError as error:
            raise lost(error) from error
        return None if message is None else self._arrived(message)

    def _answer(self, frame: bytes) -> tuple[int, Reply] | None:
        """The call that a frame answers, and its reply; None when the frame is anything else than a plain answer."""
        port = self.port
        if len(frame) == plain.LARGE_RESPONSE_SIZE and (lent := port.borrow(frame)) is not None:
            _, key, data, number, octets = lent
            size = len(octets)
            if data != plain.large_response(key, size) or size > self._max_response:
                return None
            return key, (octets, self.encoding, partial(port.release_view, number, size))
        answer = plain.read_answer(frame)
        if answer is None:
            return None
        if port.lent_requests:
            port.returned(0, answer[0])
        return answer[0], (answer[1], self.encoding, None)

    def _arrived(self, message: alpc.PortMessage) -> list[Arrival]:
        if message.type == alpc.LPC_PORT_CLOSED:
            raise ConnectionLost("the server closed the port or died")
        event = self._association.receive(message.data, message.view)
        release = None if message.view is None else partial(self.port.release, message)
        key = message.message_id
        if isinstance(event, ncalrpc.ResponseReceived) and event.call_id == key:
            if len(event.stub) > self._max_response:
                raise ResponseTooLarge(f"a response of {len(event.stub)} octets, the most is {self._max_response}")
            return [(key, (accompanied(event.stub, message.handles), self.encoding, release))]
        if isinstance(event, ncalrpc.ResponsePart) and event.call_id == key:
            return [(key, Part(event.stub, self.encoding, None, last=False))]
        if event is None:  # of a call that was given up
            return []
        if isinstance(event, ncalrpc.FaultReceived):
            return [(key, self._failure(event))]
        if isinstance(event, ncalrpc.CallbackRequested):
            stub = accompanied(event.stub, message.handles)
            return self._back(key, Back(stub, self.encoding, release, event.callback_id, event.opnum))
        reason = event.reason if isinstance(event, ncalrpc.Failed) else f"an answer that was not asked for: {event}"
        raise ProtocolError(reason)

    # Callbacks

    def _back(self, key: int, back: Back) -> list[Arrival]:
        if self.called_back:
            return [(key, back)]
        self._refused = True
        self.deny(key, back, Fault(RPC_S_CANNOT_SUPPORT, ran=Ran.NO))
        return []

    def _failure(self, event: ncalrpc.FaultReceived) -> Fault:
        found = failure(event)
        if self._refused and found.status == RPC_S_CANNOT_SUPPORT:
            found.args = (f"{found}: the server calls back, and this client was made without connect(callbacks=)",)
        return found

    def deny(self, key: int, back: Back, why: Fault) -> None:
        """Fail a callback without waiting for room, of which a server that waits for its answer leaves enough."""
        message = self.answer(key, back, why)
        try:
            sent = self.port.send_message_now(message.pieces[0], key, message.kind)
        except transport.TransportError as error:
            raise lost(error) from error
        if not sent:
            raise ConnectionLost("the server does not read the answers to its callbacks")

    def answer(self, key: int, back: Back, answer: list[Octets] | Fault) -> Message:
        """What a callback in the middle of the call `key` is answered with."""
        if back.release is not None:
            back.release()
        if isinstance(answer, Fault):
            begun = answer.ran is not Ran.NO
            data = self._association.deny(back.callback_id, answer.status, begun=begun)
            return Message(key, (data,), kind=alpc.LPC_REPLY)
        data, in_view, size = self._association.reply(back.callback_id, answer)
        view = None if in_view is None else fill(self.port, in_view, size)
        return Message(key, (accompanied(data, beside(answer)),), view, kind=alpc.LPC_REPLY)

    def cancel(self, key: int) -> None:
        """Ask the server to end a call; it is answered all the same."""
        self._unsaid.append(self._association.cancel(key))
        try:
            self._say()
        except transport.TransportError as error:
            raise lost(error) from error

    def abandon(self, key: int, *, cancelled: bool = False) -> None:
        """The same, unless that was said: an answer that nobody waits for is dropped by the channel."""
        if not cancelled:
            self.cancel(key)

    def saying(self) -> Generator[int]:
        """Send what is to be said; yields while there is no room."""
        try:
            while not self._say():
                yield 0
        except transport.TransportError as error:
            raise lost(error) from error

    def _say(self) -> bool:
        """Is all said that was to be?"""
        while self._unsaid:
            octets = self._unsaid[0]
            if isinstance(octets, alpc.Batch):
                self._gathered = None
                sent = octets.flush_now()
            else:
                sent = bool(self.port.send_message_now(octets, ncalrpc.call_id_of(octets)))
            if not sent:
                return False
            self._unsaid.popleft()
        return True

    def fileno(self) -> int:
        """The port's descriptor."""
        return self.port.fileno()

    def close(self) -> None:
        """Close the port."""
        self.port.close()


def _joined(parts: Sequence[Octets]) -> Octets:
    return parts[0] if len(parts) == 1 else b"".join(parts)


def room_in(port: alpc.CommunicationPort, size: int) -> Room:
    """Room in the port's section, from where `fill` takes it."""
    try:
        return port.allocate_in_place(size)
    except transport.TransportError as error:
        raise lost(error, sent=False) from error


def fill(port: alpc.CommunicationPort, parts: Sequence[Octets], size: int) -> alpc.View:
    """A view of the port's section with `parts` in it, one after the other; what `allocate` gave stays where it is."""
    try:
        return port.filled(parts, size)
    except transport.TransportError as error:
        raise lost(error, sent=False) from error
