"""A blocking call with pipes on a wire that a test holds in its hands."""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import pytest

import lrpc
from lrpc.runtime.ndr.layout import Encoding
from lrpc.runtime.pipes.pipe_call import BlockingPipeCall, part_of
from lrpc.runtime.pipes.piping import Part, Piece, at_once
from lrpc.runtime.wire import Arrival

KEY = 7


def part(stub: bytes, *, last: bool = False) -> Part:
    return Part(stub, Encoding.NDR, None, last)


class Wire:
    """Takes so many octets of a send; what arrives is what a test puts there."""

    message_mode = False
    numbered = False

    def __init__(self) -> None:
        self.ends = socket.socketpair()
        self.room = 1 << 20
        self.sent = b""
        self.arrivals: list[list[Arrival] | lrpc.RpcError] = []
        self.given: list[int] = []

    def begin(self, opnum: int) -> int:
        return KEY

    def more(self, key: int, piece: Piece) -> list[bytes]:
        return [bytes(octets) for octets in piece.octets] + ([b"."] if piece.last else [])

    def given_up(self, key: int) -> bytes:
        self.given.append(key)
        return b"!"

    def send_now(self, octets: Any) -> int:
        taken = bytes(octets[: self.room])
        self.room -= len(taken)
        self.sent += taken
        return len(taken)

    def receive(self, timeout: float) -> list[Arrival]:
        if not self.arrivals:
            raise lrpc.DeadlineExceeded("no answer in time")
        return self.receive_now() or []

    def receive_now(self) -> list[Arrival] | None:
        found = self.arrivals.pop(0) if self.arrivals else None
        if isinstance(found, lrpc.RpcError):
            raise found
        return found

    def fileno(self) -> int:
        return self.ends[0].fileno()

    def close(self) -> None:
        for end in self.ends:
            end.close()


class Turns:
    """The channel."""

    def __init__(self) -> None:
        self.taken = 0
        self.others: list[Arrival] = []
        self.ended: lrpc.RpcError | None = None

    def take_turns(self, timeout: float) -> None:
        self.taken += 1

    def give_turns(self) -> None:
        self.taken -= 1

    def deliver(self, arrival: Arrival) -> None:
        self.others.append(arrival)

    def end(self, error: lrpc.RpcError) -> None:
        self.ended = error


@pytest.fixture
def wire() -> Iterator[Wire]:
    made = Wire()
    yield made
    made.close()


@pytest.fixture
def turns() -> Turns:
    return Turns()


async def pieces(*octets: bytes, failing: Exception | None = None) -> AsyncGenerator[Piece, None]:
    for one in octets:
        yield Piece([one], last=False)
    if failing is not None:
        raise failing
    yield Piece([], last=True)


def call(turns: Turns, wire: Wire, *octets: bytes, timeout: float = 20.0, **options: Any) -> BlockingPipeCall:
    return BlockingPipeCall(turns, wire, 5, pieces(*octets, **options), timeout, None)


def test_nothing_happens_before_the_response_is_asked_for(turns: Turns, wire: Wire) -> None:
    made = call(turns, wire, b"ab")
    assert (turns.taken, wire.sent) == (0, b"")
    made.close()
    assert wire.given == []


def test_request_is_sent_and_the_response_comes_in_parts(turns: Turns, wire: Wire) -> None:
    made = call(turns, wire, b"ab", b"cd")
    wire.arrivals = [[], [], [(9, lrpc.Fault(1)), (KEY, part(b"x"))], [(KEY, part(b"y", last=True))]]
    assert at_once(made.receive()) == part(b"x")
    assert turns.taken == 1
    assert at_once(made.receive()) == part(b"y", last=True)
    assert wire.sent.startswith(b"ab")
    assert [key for key, _ in turns.others] == [9]
    assert turns.taken == 0


def test_whole_response_is_its_only_part(turns: Turns, wire: Wire) -> None:
    made = call(turns, wire)
    wire.arrivals = [[], [(KEY, (b"z", Encoding.NDR, None))]]
    assert at_once(made.receive()) == part(b"z", last=True)
    assert part_of((b"z", Encoding.NDR, None)) == part(b"z", last=True)


def test_response_that_ends_first_cuts_the_request_short(turns: Turns, wire: Wire) -> None:
    made = call(turns, wire, *[b"ab"] * 100)
    wire.room = 1
    wire.arrivals = [[(KEY, part(b"x", last=True))]]
    wire.ends[1].send(b"!")
    assert at_once(made.receive()).last
    wire.room = 1 << 20
    assert wire.given == [KEY]
    assert turns.taken == 0


def test_message_that_is_half_gone_is_finished_before_the_farewell(turns: Turns, wire: Wire) -> None:
    made = call(turns, wire, b"abcdef", b"never")
    wire.room = 3
    wire.arrivals = [[(KEY, part(b"x"))]]
    wire.ends[1].send(b"!")
    at_once(made.receive())
    wire.room = 1 << 20
    made.close()
    made.close()
    assert wire.sent == b"abcdef!"
    assert (turns.taken, turns.ended) == (0, None)


def test_server_that_reads_nothing_loses_the_connection(
    turns: Turns, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lrpc.runtime.pipes.pipe_call.FAREWELL", 0.05)
    made = call(turns, wire, b"abcdef")
    wire.room = 3
    wire.arrivals = [[(KEY, part(b"x"))]]
    wire.ends[1].send(b"!")
    at_once(made.receive())
    made.close()
    assert isinstance(turns.ended, lrpc.ConnectionLost)
    assert turns.taken == 0


def test_silence_is_bounded(turns: Turns, wire: Wire) -> None:
    wire.room = 0
    with pytest.raises(lrpc.DeadlineExceeded):
        at_once(call(turns, wire, b"ab", timeout=0.05).receive())
    assert turns.taken == 0


def test_call_is_bounded_as_a_whole(turns: Turns, wire: Wire) -> None:
    made = BlockingPipeCall(turns, wire, 5, pieces(b"ab"), 20.0, time.monotonic() - 1)
    with pytest.raises(lrpc.DeadlineExceeded) as caught:
        at_once(made.receive())
    assert caught.value.ran is lrpc.Ran.NO


def test_failing_connection_ends_for_all(turns: Turns, wire: Wire) -> None:
    wire.arrivals = [lrpc.ConnectionLost("gone")]
    with pytest.raises(lrpc.ConnectionLost):
        at_once(call(turns, wire, b"ab").receive())
    assert turns.ended is not None


def test_fault_ends_the_call_alone(turns: Turns, wire: Wire) -> None:
    wire.arrivals = [[(KEY, lrpc.Fault(1))]]
    with pytest.raises(lrpc.Fault):
        at_once(call(turns, wire, b"ab").receive())
    assert turns.ended is None
    assert wire.given == [KEY]


def test_what_fills_the_pipe_may_fail_without_harm(turns: Turns, wire: Wire) -> None:
    for failing in (KeyError("mine"), lrpc.ConnectionLost("another one")):
        with pytest.raises(type(failing)):
            at_once(call(turns, wire, b"ab", failing=failing).receive())
    assert turns.ended is None
    assert turns.taken == 0


def test_closed_call_does_not_begin(turns: Turns, wire: Wire) -> None:
    made = call(turns, wire)
    made.close()
    with pytest.raises(lrpc.ConnectionLost, match="given up"):
        at_once(made.receive())
