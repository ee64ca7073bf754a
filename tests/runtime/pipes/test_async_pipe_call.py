"""A call with pipes for asyncio, on a wire that a test holds in its hands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

import lrpc
from lrpc.runtime.ndr.layout import Encoding
from lrpc.runtime.pipes.async_pipe_call import FULL, AsyncioPipeCall
from lrpc.runtime.pipes.piping import Part, Piece

KEY = 7


def part(stub: bytes, *, last: bool = False) -> Part:
    return Part(stub, Encoding.NDR, None, last)


class Wire:
    """Takes so many octets of a send."""

    message_mode = False
    numbered = False

    def __init__(self) -> None:
        self.room = 1 << 20
        self.sent = b""

    def begin(self, opnum: int) -> int:
        return KEY

    def more(self, key: int, piece: Piece) -> list[bytes]:
        return [bytes(octets) for octets in piece.octets]

    def given_up(self, key: int) -> bytes:
        return b"!"

    def send_now(self, octets: Any) -> int:
        taken = bytes(octets[: self.room])
        self.room -= len(taken)
        self.sent += taken
        return len(taken)

    def receive(self, timeout: float) -> Any:
        raise AssertionError("the channel receives")

    receive_now = fileno = receive


class Turns:
    """The channel, and what is read of it."""

    def __init__(self) -> None:
        self.taken = 0
        self.disowned = False
        self.reading: list[bool] = []
        self.ended: lrpc.RpcError | None = None
        self.waiting = asyncio.Event()
        self.free = asyncio.Event()

    async def take_turns(self, call: AsyncioPipeCall) -> None:
        self.taken += 1

    def disown(self) -> None:
        self.disowned = True

    def give_turns(self) -> None:
        self.taken -= 1

    async def room(self) -> None:
        self.waiting.set()
        await self.free.wait()

    def read(self, on: bool) -> None:
        self.reading.append(on)

    def end(self, error: lrpc.RpcError) -> None:
        self.ended = error


async def pieces(*octets: bytes, failing: Exception | None = None) -> AsyncGenerator[Piece, None]:
    for one in octets:
        yield Piece([one], last=False)
    if failing is not None:
        raise failing
    yield Piece([], last=True)


def made(*octets: bytes, timeout: float = 20.0, **options: Any) -> tuple[AsyncioPipeCall, Turns, Wire]:
    turns, wire = Turns(), Wire()
    return AsyncioPipeCall(turns, wire, 5, pieces(*octets, **options), timeout, None), turns, wire


def test_request_is_sent_while_the_response_comes() -> None:
    async def run() -> None:
        call, turns, wire = made(b"ab", b"cd")
        first = asyncio.ensure_future(call.receive())
        await asyncio.sleep(0.01)
        assert (wire.sent, turns.taken) == (b"abcd", 1)
        call.deliver(part(b"x"))
        assert await first == part(b"x")
        call.deliver((b"y", Encoding.NDR, None))
        assert await call.receive() == part(b"y", last=True)
        assert turns.taken == 0

    asyncio.run(run())


def test_connection_is_not_read_ahead_for_ever() -> None:
    async def run() -> None:
        call, turns, _ = made()
        first = asyncio.ensure_future(call.receive())
        await asyncio.sleep(0)
        call.deliver(part(bytes(FULL)))
        assert turns.reading == [False]
        await first
        assert turns.reading == [False, True]
        call.close()

    asyncio.run(run())


def test_message_that_is_half_gone_is_finished_before_the_farewell() -> None:
    async def run() -> None:
        call, turns, wire = made(b"abcdef", b"never")
        wire.room = 3
        first = asyncio.ensure_future(call.receive())
        await turns.waiting.wait()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert (turns.taken, turns.disowned) == (1, True)
        wire.room = 100
        turns.free.set()
        while turns.taken:
            await asyncio.sleep(0)
        assert wire.sent == b"abcdef!"
        assert turns.ended is None

    asyncio.run(run())


def test_server_that_reads_nothing_loses_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lrpc.runtime.pipes.async_pipe_call.FAREWELL", 0.05)

    async def run() -> None:
        call, turns, wire = made(b"abcdef")
        wire.room = 3
        first = asyncio.ensure_future(call.receive())
        await turns.waiting.wait()
        first.cancel()
        while turns.taken:
            await asyncio.sleep(0.001)
        assert isinstance(turns.ended, lrpc.ConnectionLost)

    asyncio.run(run())


def test_silence_is_bounded() -> None:
    async def run() -> None:
        call, turns, _ = made(b"ab", timeout=0.05)
        with pytest.raises(lrpc.DeadlineExceeded):
            await call.receive()
        assert turns.taken == 0

    asyncio.run(run())


def test_what_fills_the_pipe_may_fail_without_harm() -> None:
    async def run() -> None:
        for failing in (KeyError("mine"), lrpc.ConnectionLost("another one")):
            call, turns, _ = made(b"ab", failing=failing)
            with pytest.raises(type(failing)):
                await call.receive()
            assert (turns.ended, turns.taken) == (None, 0)

    asyncio.run(run())


def test_fault_ends_the_call_alone() -> None:
    async def run() -> None:
        call, turns, wire = made(b"ab")
        first = asyncio.ensure_future(call.receive())
        await asyncio.sleep(0.01)
        call.deliver(lrpc.Fault(1))
        with pytest.raises(lrpc.Fault):
            await first
        assert (turns.ended, wire.sent[-1:]) == (None, b"!")

    asyncio.run(run())


def test_closed_call_does_not_begin() -> None:
    async def run() -> None:
        call, turns, _ = made()
        call.close()
        with pytest.raises(lrpc.ConnectionLost, match="given up"):
            await call.receive()
        assert turns.taken == 0

    asyncio.run(run())
