"""The response of a call with pipes, as a client reads it."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import pytest

import lrpc
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.layout import Encoding
from lrpc.runtime.pipes.piped_reply import LateCall, PipedReply, explained
from lrpc.runtime.pipes.piping import Part, Pieces, at_once


class Call:
    """Gives parts."""

    def __init__(self, *parts: bytes) -> None:
        self.parts = list(parts)
        self.closed = 0

    async def receive(self) -> Part:
        return Part(self.parts.pop(0), Encoding.NDR, None, not self.parts)

    def close(self) -> None:
        self.closed += 1


def reply(piper: ModuleType, name: str, call: Call, front: tuple[Any, ...] = (3,)) -> PipedReply:
    def taken(outs: Sequence[Any]) -> Sequence[Any]:
        return outs

    return PipedReply(piper.stub.Piper.interface.operation(name), call, front, taken)


def test_items_then_the_status(piper: ModuleType) -> None:
    found = reply(piper, "Pull", Call(struct.pack("<Ii", 1, 7), struct.pack("<II", 0, 5)))
    assert at_once(found.next(0)) == [7]
    with pytest.raises(lrpc.StatusError):
        at_once(found.next(0))


def test_end_may_be_asked_for_again(piper: ModuleType) -> None:
    found = reply(piper, "Pull", Call(struct.pack("<II", 0, 0)))
    assert at_once(found.next(0)) is None
    assert at_once(found.next(0)) is None


def test_response_that_does_not_fit_gives_up_the_call(piper: ModuleType) -> None:
    call = Call(struct.pack("<I", 0xFFFF_FFFF))
    with pytest.raises(lrpc.BadStubData, match="Pull: numbers"):
        at_once(reply(piper, "Pull", call).next(0))
    assert call.closed


def test_results_without_out_pipes_are_whole(piper: ModuleType) -> None:
    assert at_once(reply(piper, "Sum", Call(b"\1\0", b"\0\0"), ("x",)).whole()) == 1
    with pytest.raises(lrpc.BadStubData, match="Sum"):
        at_once(reply(piper, "Sum", Call(b"\1\0"), ("x",)).whole())


def test_reply_that_nobody_holds_gives_up_its_call(piper: ModuleType) -> None:
    call = Call(b"")
    reply(piper, "Pull", call)
    assert call.closed


def test_what_does_not_fit_a_pipe_is_an_error_of_the_arguments(piper: ModuleType) -> None:
    async def pieces() -> Pieces:
        raise NdrError("too large", path="left")
        yield

    with pytest.raises(lrpc.ArgumentError, match="Dot: left: too large"):
        at_once(explained(piper.stub.Piper.interface.operation("Dot"), pieces()).__anext__())


def test_late_call_is_opened_when_its_response_is_asked_for() -> None:
    opened: list[int] = []

    class Opener:
        def open(self, opnum: int, pieces: Pieces) -> Call:
            opened.append(opnum)
            return call

    async def live() -> Opener:
        return Opener()

    async def use() -> None:
        no_pieces: Any = None
        late = LateCall(live, 7, no_pieces)
        late.close()
        assert (opened, call.closed) == ([], 0)
        assert [(await late.receive()).stub for _ in range(2)] == [b"a", b"b"]
        late.close()

    call = Call(b"a", b"b")
    asyncio.run(use())
    assert (opened, call.closed) == ([7], 1)
