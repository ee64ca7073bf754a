"""The flat calls of a connection that an asyncio server reads, one after the other without a turn of the loop between.

A method that waits for nothing runs as in a blocking server (`flat_serving.py`), within its client's context, and the
next call is looked for at once (`looking.py`). A method that has to wait, and whatever else comes, goes the general
way: `plain_serving.py`, which uses this. Given to a session by `async_server.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextvars import Context
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from .eager import Begun, Eager, Waits
from .flat import TARGET
from .flat_serving import uncount
from .ndr.layout import Encoding
from .session import Call
from .status import Fault

if TYPE_CHECKING:
    from ..transports import alpc
    from .dispatch import Method

STRAIGHT: Final = 16
"""Calls served before others have a look: a hundred microseconds or so."""

Flat: TypeAlias = Callable[[bytes], bytes | None]


FLAT: Final = Call(-1, 0, Fault(0), b"", Encoding.NDR)
"""What stands for a flat call whose answer waits for room."""


class Visit(Protocol):
    """What there is to know of a client: see `serving/visitor.py`."""

    context: Context
    running: int
    unread: bool


class Readers(Protocol):
    """Who reads it: see `serving/loop_readers.py`."""

    alone: bool
    look: Callable[[Callable[[], Any]], Any]


class FlatTurns:
    """Serves the flat calls of one client. later: sends an answer that there is no room for now."""

    def __init__(
        self,
        eager: Eager,
        readers: Readers,
        client: Visit,
        later: Callable[[Iterator[bool]], None],
    ) -> None:
        self._eager = eager
        self._readers = readers
        self._client = client
        self._later = later
        self._begun: Begun[Any] | None = None
        """A method that has begun, for the call that is made of its frame."""
        self.sending: Iterator[bool] | None = None
        """What sends an answer that is longer than a flat one."""

    def split(self, method: Method) -> tuple[Method, Method, tuple[type[BaseException], ...]]:
        """What serves flat calls of a method, as far as it goes without waiting; what does it otherwise, and goes on
        where the other has begun; and what the first raises that is no answer."""
        stepped = method._replace(function=self._eager.stepped(method.function))
        return stepped, method._replace(function=self._resumed(method.function)), (KeyboardInterrupt, Waits)

    def _resumed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def resume(*values: Any) -> Any:
            begun, self._begun = self._begun, None
            return function(*values) if begun is None else begun

        return resume

    def serve(self, frame: bytes, flats: Mapping[bytes, Flat], port: alpc.CommunicationPort) -> bytes | None:
        """Serve a flat call, and those that come after it; the first frame that is none that is served here."""
        client, readers, look = self._client, self._readers, self._readers.look
        run, send, receive = client.context.run, port.send_frame_now, port.receive_frame_now
        for left in range(STRAIGHT - 1 if readers.alone else 0, -1, -1):
            flat = flats.get(frame[TARGET])
            if flat is None or client.running or client.unread:
                return frame
            client.running = 1
            try:
                reply = run(flat, frame)
            except Waits as waits:
                self._begun = waits.begun
                uncount(port.traffic, frame)
                return frame
            finally:
                client.running = 0
            if reply is None:
                return frame
            if not (reply and send(reply)):
                self._finish(reply, port)
            if not left:
                readers.alone = False
                break
            found = look(receive)
            if found is None:
                break
            frame = found
        return None

    def _finish(self, reply: bytes, port: alpc.CommunicationPort) -> None:
        """Send an answer that is no flat one, or one that there was no room for."""
        sending, self.sending = self.sending, None
        if reply:
            sending = _resending(port, reply)
        if sending is not None and next(sending, None) is not None:
            self._later(sending)


def _resending(port: alpc.CommunicationPort, frame: bytes) -> Iterator[bool]:
    while not port.send_frame_now(frame):
        yield False
