"""Connections with a tap: they are what they stand for, and write down what passes.

What is sent is written down before any answer to it can be: ahead of a send that waits, and with the lock of the tap
held over one that does not.

Law: a tap changes nothing of what passes, nor its errors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...transports import alpc
from ...transports.alpc import LPC_DATAGRAM, LPC_REPLY, LPC_REQUEST, CommunicationPort, PortMessage
from ...transports.alpc.handles import Sendable
from ...transports.alpc.messages.message import unpack
from ...transports.errors import TimedOut, TransportError
from ...transports.seam import Buffer, Connection
from .file import Side
from .stream import Cutter
from .tap import Tap, clock
from .translation import Translator


class TappedConnection:
    """A byte stream or message pipe with a tap; keeps `seam.Connection`."""

    def __init__(self, connection: Connection, tap: Tap) -> None:
        self._connection = connection
        self._tap = tap
        self._cutters = {True: Cutter(), False: Cutter()}
        self.message_mode = connection.message_mode
        self.max_message = connection.max_message
        self.peer = connection.peer

    def __repr__(self) -> str:
        return f"<TappedConnection {self._connection!r}>"

    def send(self, data: Buffer, timeout: float | None = None) -> None:
        """Sends all of it."""
        self._passed(data, clock(), outbound=True)
        self._connection.send(data, timeout)

    def receive(self, timeout: float | None = None) -> bytes:
        """What has come."""
        octets = self._connection.receive(timeout)
        self._passed(octets, clock(), outbound=False)
        return octets

    def send_now(self, data: Buffer) -> int:
        """Octets taken without waiting."""
        with self._tap.lock:
            now = clock()
            taken = self._connection.send_now(data)
            if taken:
                self._passed(memoryview(data)[:taken], now, outbound=True)
        return taken

    def receive_now(self) -> bytes | None:
        """What has come; None: nothing yet."""
        octets = self._connection.receive_now()
        if octets is not None:
            self._passed(octets, clock(), outbound=False)
        return octets

    def fileno(self) -> int:
        """The descriptor of the connection."""
        return self._connection.fileno()

    def drain(self) -> None:
        """Takes no more."""
        self._connection.drain()

    def over(self) -> bool:
        """Can nothing come any more?"""
        return self._connection.over()

    def close(self) -> None:
        """Ends the connection for both ends."""
        self._connection.close()

    def _passed(self, octets: Buffer, now: int, *, outbound: bool) -> None:
        with self._tap.lock:
            cutter = self._cutters[outbound]
            self._tap.write(cutter.feed(octets) if octets else cutter.rest(), now, outbound=outbound)


class TappedPort:
    """An ALPC port with a tap, for the engines of LRPC: it has what they use of a port."""

    def __init__(self, port: CommunicationPort, tap: Tap) -> None:
        self._port = port
        self._tap = tap
        self._translator = Translator()
        self.peer = port.peer
        self.client_id = port.client_id
        self.traffic = port.traffic
        self.beside = port.beside
        self.handles_given = port.handles_given
        self.allocate_in_place = port.allocate_in_place
        self.filled = port.filled
        self.lent_requests = port.lent_requests
        self.returned = port.returned
        self.kept = port.kept
        self.drop_kept = port.drop_kept
        self.discard = port.discard
        self.release = port.release
        self.fileno = port.fileno
        self.drain = port.drain
        self.close = port.close

    def __repr__(self) -> str:
        return f"<TappedPort {self._port!r}>"

    def send_message(
        self,
        data: Buffer,
        message_id: int = 0,
        type: int = LPC_REQUEST,
        view: alpc.View | None = None,
        timeout: float | None = None,
        handles: Sequence[Sendable] = (),
    ) -> int:
        """Sends one message."""
        self._passed(message_id, bytes(data), None if view is None else view.buffer, clock(), outbound=True)
        return self._port.send_message(data, message_id, type, view, timeout, handles)

    def send_message_now(
        self,
        data: Buffer,
        message_id: int = 0,
        type: int = LPC_REQUEST,
        view: alpc.View | None = None,
        handles: Sequence[Sendable] = (),
    ) -> int:
        """The same without waiting."""
        with self._tap.lock:
            copy = None if view is None else memoryview(bytes(view.buffer))  # it is the peer's once it is sent
            now = clock()
            sent = self._port.send_message_now(data, message_id, type, view, handles)
            if sent:
                self._passed(sent, bytes(data), copy, now, outbound=True)
        return sent

    lane: None = None
    """Frames are looked at on their way."""

    def lengthen_by(self, lengthen: Callable[[bytes], bytes | None]) -> None:
        """Frames are seen whole."""
        self._port.lengthen_by(lengthen)

    def send_wait_receive(self, frame: bytes, send_timeout: float | None, timeout: float | None) -> bytes:
        """Sends a server's answer and waits for the next frame. A client is told to take the way of two steps."""
        if self._tap.side is Side.CLIENT:
            raise _apart()
        self._framed(frame, outbound=True)
        received = self._port.send_wait_receive(frame, send_timeout, timeout)
        self._framed(received, outbound=False)
        return received

    def lend_wait_receive(
        self,
        data: bytes,
        parts: Sequence[Buffer],
        size: int,
        message_id: int,
        send_timeout: float | None,
        timeout: float | None,
    ) -> bytes:
        """Refused: a client takes the way of two steps, and a server does not wait here."""
        raise _apart()

    def receive_frame(self, timeout: float | None = None) -> bytes:
        """The next frame."""
        frame = self._port.receive_frame(timeout)
        self._framed(frame, outbound=False)
        return frame

    def receive_frame_now(self) -> bytes | None:
        """The next frame, if there is one."""
        frame = self._port.receive_frame_now()
        if frame:
            self._framed(frame, outbound=False)
        return frame

    def send_frame(self, frame: bytes, timeout: float | None) -> None:
        """Sends a whole frame."""
        self._framed(frame, outbound=True)
        self._port.send_frame(frame, timeout)

    def lend(
        self, data: bytes, parts: Sequence[Buffer], size: int, message_id: int, type: int, timeout: float | None
    ) -> None:
        """Sends a message with a view."""
        self._passed(message_id, data, memoryview(b"".join(parts)), clock(), outbound=True)
        self._port.lend(data, parts, size, message_id, type, timeout)

    def lend_now(self, data: bytes, parts: Sequence[Buffer], size: int, message_id: int, type: int) -> bool:
        """Sends a message with a view, if there is room."""
        with self._tap.lock:
            copy, now = memoryview(b"".join(parts)), clock()
            sent = self._port.lend_now(data, parts, size, message_id, type)
            if sent:
                self._passed(message_id, data, copy, now, outbound=True)
        return sent

    def borrow(self, packet: bytes) -> None:
        """None: what comes in a view is written down by `understood`."""

    def send_frame_now(self, frame: bytes) -> bool:
        """Sends a whole frame, if there is room."""
        with self._tap.lock:
            sent = self._port.send_frame_now(frame)
            if sent:
                self._framed(frame, outbound=True)
        return sent

    def batch(self, timeout: float | None = None) -> alpc.Batch:
        """Messages that go together; each is written down when it is added."""
        made = self._port.batch(timeout)
        add = made.datagram

        def datagram(data: Buffer) -> None:
            self._passed(0, bytes(data), None, clock(), outbound=True)
            add(data)

        made.datagram = datagram  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
        return made

    def understood_now(self, frame: bytes) -> PortMessage | None:
        """The same without waiting."""
        message = self._port.understood_now(frame)
        if message is not None and _plain(frame) is None:
            self._received(message)
        return message

    def understood(self, frame: bytes, timeout: float | None = None) -> PortMessage:
        """The message in a frame; one that came with a view, or after the frame, is written down here."""
        message = self._port.understood(frame, timeout)
        if _plain(frame) is None:
            self._received(message)
        return message

    def receive_message(self, timeout: float | None = None) -> PortMessage:
        """The next message."""
        message = self._port.receive_message(timeout)
        self._received(message)
        return message

    def receive_message_now(self) -> PortMessage | None:
        """The next message, if there is one."""
        message = self._port.receive_message_now()
        if message is not None:
            self._received(message)
        return message

    def _received(self, message: PortMessage) -> None:
        if message.type != alpc.LPC_PORT_CLOSED:
            self._passed(message.message_id, message.data, message.view, clock(), outbound=False)

    def _framed(self, frame: bytes, *, outbound: bool) -> None:
        plain = _plain(frame)
        if plain is not None:
            self._passed(plain[0], plain[1], None, clock(), outbound=outbound)

    def _passed(self, message_id: int, data: bytes, view: memoryview | None, now: int, *, outbound: bool) -> None:
        request = outbound is (self._tap.side is Side.CLIENT)
        with self._tap.lock:
            pieces = self._translator.pieces(message_id, data, view, request=request)
            self._tap.write(pieces, now, outbound=outbound)


def _apart() -> TimedOut:
    """Has whoever would send and receive in one step take two."""
    error = TimedOut("a tapped port sends and receives apart")
    error.sent = False
    return error


def _plain(frame: bytes) -> tuple[int, bytes] | None:
    """Message id and data of a frame that says all by itself; None for any other."""
    try:
        kind, message_id, data, view = unpack(frame)
    except TransportError:
        return None
    return (message_id, data) if kind in (LPC_REQUEST, LPC_REPLY, LPC_DATAGRAM) and view is None else None
