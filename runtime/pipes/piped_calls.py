"""The calls with pipes of one connection, at the server: their requests as `Feed`s, and in the blocking face all of it.

There the thread that runs a method receives for it, and nothing is read while it does not ask: a client that sends
faster than the method reads has to wait. In asyncio the loop receives, and `async_server.py` does the rest.
"""

from __future__ import annotations

import select
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from ...transports import errors as transport
from ..call import Limits
from ..contexts import ContextTable
from ..dispatch import Method
from ..ended import Ended, Limited
from ..ndr.layout import Encoding
from ..session import Answer, Call
from ..status import CallCancelled, ConnectionLost, Fault, Ran
from ..stub import Octets
from ..wire import FALSE_ROOM, ready
from . import piped_method
from .feed import Feed
from .outbox import Outbox
from .piping import Part, Piece, Pieces, PipeStream, at_once

GLANCE: Final = 0.005
"""Seconds between two looks whether a client has given up a call whose response is sent."""
IDLE: Final = 60.0
"""Seconds between two looks at a client that has given up a call and reads nothing."""


class Exchange(Protocol):
    """What a session does for its calls with pipes. All of it raises Ended."""

    @property
    def contexts(self) -> ContextTable:
        """The context handles that the client may use."""
        ...

    def receive(self, timeout: float) -> list[Call]:
        """The calls in what comes next; transport.TimedOut when nothing does."""
        ...

    def receive_now(self) -> list[Call] | None:
        """The calls that are there; None when nothing is."""
        ...

    def messages(self, call: Call, piece: Piece) -> Sequence[bytes]:
        """The messages of the next piece of a response."""
        ...

    def wanted(self, call: Call) -> bool:
        """Does the client wait for this call?"""
        ...

    def send_now(self, call: Call, octets: Octets) -> int:
        """How many octets of a response have gone without waiting."""
        ...

    def send_behind(self) -> None:
        """A response that may have been half sent is sent whole: send what waited for that."""
        ...

    def answer(self, call: Call, answer: Answer) -> None:
        """End a call."""
        ...

    def forget(self, call: Call) -> None:
        """A call is over."""
        ...

    def fileno(self) -> int:
        """Readable when something has come."""
        ...


class PipedCalls:
    """message_mode: the connection takes messages whole or not at all."""

    def __init__(self, exchange: Exchange, limits: Limits, *, message_mode: bool) -> None:
        self._exchange = exchange
        self._limits = limits
        self._feeds: dict[int, Feed] = {}
        self._outbox = Outbox(message_mode=message_mode)
        self.pending: deque[Call] = deque()
        """Calls that came while the thread served another one."""

    # What comes

    def begin(self, key: int, encoding: Encoding, stub: Octets, *, last: bool) -> Feed:
        """A call has begun to come."""
        feed = self._feeds[key] = Feed(encoding)
        feed.put(stub, last=last)
        return feed

    def go_on(self, key: int, stub: Octets, *, last: bool) -> bool:
        """More of it has come; False when it does not run any more."""
        feed = self._feeds.get(key)
        if feed is not None:
            feed.put(stub, last=last)
        return feed is not None

    def cancel(self, key: int, *, orphaned: bool = True) -> None:
        """Its client has given it up; orphaned: it does not wait for an answer either."""
        feed = self._feeds.get(key)
        if feed is not None:
            feed.given_up = feed.given_up or orphaned
            feed.fail(CallCancelled(ran=Ran.YES))

    def lose(self, why: object) -> None:
        """The connection is over: who reads a request learns it."""
        for feed in self._feeds.values():
            feed.fail(ConnectionLost(str(why)))

    def forget(self, call: Call) -> None:
        """A call is over."""
        self._feeds.pop(call.key, None)

    @property
    def full(self) -> bool:
        """A method reads more slowly than its client sends: nothing more is to be received."""
        return bool(self._feeds) and any(feed.full for feed in self._feeds.values())

    @property
    def _crowded(self) -> bool:
        """Nothing more is received before some of the calls that wait have been served."""
        return len(self.pending) >= self._limits.max_calls

    @property
    def half_sent(self) -> bool:
        """Part of a message has gone."""
        return bool(self._outbox)

    # The blocking face

    def serve(self, call: Call, feed: Feed) -> None:
        """Run a call in this thread, and send its response."""

        async def receive() -> Part:
            return self._next_part(feed)

        assert isinstance(call.method, Method)
        contexts, limit = self._exchange.contexts, self._limits.max_request
        pieces = piped_method.serve(call.method, receive, contexts, limit, PipeStream)
        try:
            at_once(self._respond(call, feed, pieces))
        except Fault as fault:
            self._exchange.answer(call, fault)
        finally:
            at_once(pieces.aclose())
            self._exchange.forget(call)
        self._send_rest(call)

    async def _respond(self, call: Call, feed: Feed, pieces: Pieces) -> None:
        look = 0.0
        async for piece in pieces:
            if time.monotonic() >= look and not (feed.full or self._crowded):
                self._glance()
                look = time.monotonic() + GLANCE
            if not self._exchange.wanted(call):
                return
            self._push(call, self._exchange.messages(call, piece), last=piece.last)

    def _next_part(self, feed: Feed) -> Part:
        """The next part of a request, received if it has not come."""
        until = time.monotonic() + self._limits.max_silence
        while (part := feed.take()) is None:
            left = until - time.monotonic()
            try:
                if left <= 0:
                    raise self._slow("the client does not go on with a call")
                self.pending += self._exchange.receive(left)
            except transport.TimedOut:
                continue
            except Ended as end:
                self.lose(end)
        return part

    def _glance(self) -> bool:
        """Take what has come, if anything has: the client may have given up."""
        calls = self._exchange.receive_now()
        self.pending += calls or ()
        return calls is not None

    def _push(self, call: Call, messages: Sequence[bytes], *, last: bool) -> None:
        """Send, for as long as the client wants it. Whoever has no room takes what comes meanwhile."""
        self._outbox.numbered = call.caller is not None
        self._outbox.put(messages)
        until, lied = time.monotonic() + self._limits.max_silence, False
        while self._outbox:
            if self._send_some(call):
                until, lied = time.monotonic() + self._limits.max_silence, False
            else:
                lied = self._wait(until - time.monotonic(), lied=lied)
            if not (last or self._exchange.wanted(call)):
                self._outbox.put(self._outbox.cut())  # half a message cannot stay half
                return

    def _send_rest(self, call: Call) -> None:
        """Finish a message that was half sent when its client gave up, whenever that reads again; then what waits."""
        lied = False
        while self._outbox:
            if not self._send_some(call):
                lied = self._wait(IDLE, lied=lied)
        self._exchange.send_behind()

    def _send_some(self, call: Call) -> int:
        taken = self._exchange.send_now(call, self._outbox.next())
        self._outbox.sent(taken)
        return taken

    def _wait(self, left: float, *, lied: bool) -> bool:
        """Wait for room to send or something to read; was room promised?"""
        if left <= 0:
            raise self._slow("the client leaves its answers unread")
        reading = not (self._crowded or self.full)
        if reading and self._glance():  # the descriptor tells of what comes after this
            return False
        events = (select.POLLIN if reading else 0) | (0 if lied else select.POLLOUT)
        found = ready(self._exchange.fileno(), events, min(left, FALSE_ROOM) if lied else left)
        if found & ~select.POLLOUT and reading:
            self._glance()
        return bool(found & select.POLLOUT)

    def _slow(self, reason: str) -> Limited:
        return Limited(reason, "max_silence", self._limits.max_silence)


def sending(exchange: Exchange, call: Call, messages: Sequence[bytes]) -> Iterator[bool]:
    """Send messages that go whole or not at all, without waiting; yields whenever there is no room."""
    for message in messages:
        while exchange.wanted(call) and not exchange.send_now(call, message):
            yield False
