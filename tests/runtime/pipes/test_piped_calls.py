"""Calls with pipes at a server, in a session that a test holds in its hands."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest

import lrpc
from lrpc.runtime.contexts import ContextTable
from lrpc.runtime.dispatch import Registry
from lrpc.runtime.ended import Ended, Limited
from lrpc.runtime.ndr.layout import Encoding
from lrpc.runtime.pipes.feed import FULL
from lrpc.runtime.pipes.piped_calls import PipedCalls, sending
from lrpc.runtime.pipes.piping import Piece
from lrpc.runtime.session import Answer, Call
from lrpc.transports.errors import TimedOut

KEY = 7


class Exchange:
    """Takes so many octets of a send; what comes is what a test puts there."""

    def __init__(self, limits: lrpc.Limits) -> None:
        self.contexts = ContextTable(uuid4, 10)
        self.piped = PipedCalls(self, limits, message_mode=False)
        self.ends = socket.socketpair()
        self.room = 1 << 20
        self.sent = b""
        self.coming: list[bytes | Exception | None] = []
        self.answers: list[Answer] = []
        self.forgotten = self.behind = 0
        self.is_wanted = True

    def receive(self, timeout: float) -> list[Call]:
        if not self.coming:
            raise TimedOut("receiving")
        return self.receive_now() or []

    def receive_now(self) -> list[Call] | None:
        if not self.coming:
            return None
        found = self.coming.pop(0)
        if isinstance(found, Exception):
            raise found
        if found is None:
            self.is_wanted = False
            self.piped.cancel(KEY)
        else:
            self.piped.go_on(KEY, found, last=not found)
        return []

    def messages(self, call: Call, piece: Piece) -> list[bytes]:
        return [bytes(octets) for octets in piece.octets]

    def wanted(self, call: Call) -> bool:
        return self.is_wanted

    def send_now(self, call: Call, octets: Any) -> int:
        taken = bytes(octets[: self.room])
        self.room -= len(taken)
        self.sent += taken
        return len(taken)

    def send_behind(self) -> None:
        self.behind += 1

    def answer(self, call: Call, answer: Answer) -> None:
        self.answers.append(answer)

    def forget(self, call: Call) -> None:
        self.forgotten += 1
        self.piped.forget(call)

    def fileno(self) -> int:
        return self.ends[0].fileno()


@pytest.fixture
def seen(piper: ModuleType) -> Any:
    return piper.Seen()


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    made = Exchange(lrpc.Limits(max_silence=0.2))
    yield made
    for end in made.ends:
        end.close()


def serve(exchange: Exchange, piper: ModuleType, seen: Any, name: str, stub: bytes, *, last: bool) -> None:
    registry = Registry(1 << 16)
    [interface] = registry.register(piper.Service(seen))
    method = registry.find(interface.uuid, interface.version, interface.operation(name).opnum, None, "here")
    feed = exchange.piped.begin(KEY, Encoding.NDR, stub, last=last)
    exchange.piped.serve(Call(KEY, 0, method, b"", Encoding.NDR, feed=feed), feed)


def test_request_is_received_as_the_method_asks(exchange: Exchange, piper: ModuleType, seen: Any) -> None:
    exchange.coming = [b"\2\0\0\0ab", b"\0\0\0\0\0\0", b""]
    serve(exchange, piper, seen, "Echo", b"", last=False)
    assert exchange.sent == b"\2\0\0\0ab\0\0\0\0\0\0"
    assert (exchange.forgotten, exchange.behind) == (1, 1)


def test_silent_client_is_done_with(exchange: Exchange, piper: ModuleType, seen: Any) -> None:
    serve(exchange, piper, seen, "First", b"", last=False)
    [answer] = exchange.answers
    assert isinstance(answer, lrpc.Fault)


def test_client_that_is_gone_is_told_to_the_method(exchange: Exchange, piper: ModuleType, seen: Any) -> None:
    front = b"\2\0\0\0\0\0\0\0\2\0\0\0x\0\0\0"
    exchange.coming = [front, Ended("gone")]
    serve(exchange, piper, seen, "Sum", b"", last=False)
    assert isinstance(seen.error, lrpc.ConnectionLost)


def test_client_that_reads_nothing_is_done_with(exchange: Exchange, piper: ModuleType, seen: Any) -> None:
    exchange.room = 5
    with pytest.raises(Limited, match="unread") as caught:
        serve(exchange, piper, seen, "Count", b"\3\0\0\0", last=True)
    assert caught.value.limit == "max_silence"
    assert seen.closed.is_set()


def test_client_that_gives_up_ends_the_generator(exchange: Exchange, piper: ModuleType, seen: Any) -> None:
    exchange.coming = [None]
    serve(exchange, piper, seen, "Count", b"\xff\xff\xff\xff", last=True)
    assert seen.closed.is_set()
    assert exchange.answers == []


def test_message_that_is_half_sent_is_finished_when_the_client_reads(
    exchange: Exchange, piper: ModuleType, seen: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange.room = 3

    def give_up_then_read() -> list[Call] | None:
        if exchange.is_wanted:
            exchange.is_wanted = False
            exchange.ends[0].recv(1)
        exchange.room = 100
        return []

    monkeypatch.setattr("lrpc.runtime.pipes.piped_calls.GLANCE", 1e9)
    exchange.coming = []
    looks = iter((lambda: None, *[give_up_then_read] * 9))
    monkeypatch.setattr(exchange, "receive_now", lambda: next(looks)())
    exchange.ends[1].send(b"!")
    serve(exchange, piper, seen, "Count", b"\xff\xff\xff\xff", last=True)
    assert exchange.sent == b"\1\0\0\0\0\0\0\0"
    assert exchange.behind == 1


def test_more_of_a_call_that_is_over_is_not_wanted(exchange: Exchange) -> None:
    assert not exchange.piped.go_on(KEY, b"late", last=True)
    exchange.piped.cancel(KEY)
    assert not exchange.piped.full


def test_messages_that_go_whole_wait_for_room(exchange: Exchange) -> None:
    exchange.room = 0
    steps = sending(exchange, Call(KEY, 0, lrpc.Fault(1), b"", Encoding.NDR), [b"abc"])
    next(steps)
    exchange.room = 100
    assert list(steps) == []
    assert exchange.sent == b"abc"


def test_who_waits_for_room_takes_no_more_than_a_feed_holds(
    exchange: Exchange, piper: ModuleType, seen: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange.room = 4
    looks: list[int] = []

    def more() -> list[Call]:
        looks.append(1)
        exchange.piped.go_on(KEY, bytes(FULL), last=False)
        return []

    monkeypatch.setattr(exchange, "receive_now", more)
    exchange.ends[1].send(b"!")  # there is always something to read
    front = b"\x08\0\0\0" + bytes(8)
    with pytest.raises(Limited):
        serve(exchange, piper, seen, "Echo", front, last=False)
    assert len(looks) <= 2
