"""Methods with pipes, without a connection: what they get, what they give, and what a peer that means no good gets."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest

import lrpc
from lrpc.runtime.contexts import ContextTable
from lrpc.runtime.dispatch import Registry
from lrpc.runtime.ndr.layout import Encoding
from lrpc.runtime.pipes import piped_method
from lrpc.runtime.pipes.piping import Part, Piece, PipeStream, at_once

BAD_STUB_DATA = 1783
Serve = Callable[..., Iterator[Piece]]


@pytest.fixture
def serve(piper: ModuleType) -> Serve:
    """The pieces of the response to a request that comes in these parts."""
    registry = Registry(1 << 16)
    [interface] = registry.register(piper.Service(piper.Seen()))
    contexts = ContextTable(uuid4, 10)

    def run(name: str, *parts: bytes, encoding: Encoding = Encoding.NDR) -> Iterator[Piece]:
        left = list(parts)

        async def receive() -> Part:
            return Part(left.pop(0), encoding, None, not left)

        opnum = interface.operation(name).opnum
        method = registry.find(interface.uuid, interface.version, opnum, None, "here")
        pieces = piped_method.serve(method, receive, contexts, 1000, PipeStream)
        while True:
            try:
                yield at_once(pieces.__anext__())
            except StopAsyncIteration:
                return

    return run


def octets_of(pieces: Iterator[Piece]) -> bytes:
    return b"".join(bytes(octets) for piece in pieces for octets in piece.octets)


def test_response_is_made_piece_by_piece(serve: Serve) -> None:
    pieces = serve("Count", struct.pack("<i", 1 << 20))
    assert octets_of(iter([next(pieces), next(pieces)])) == struct.pack("<IiIi", 1, 0, 1, 1)


def test_response_is_that_of_the_whole_codec(serve: Serve, piper: ModuleType) -> None:
    operation = piper.stub.Piper.interface.operation("Watch")
    for encoding in (Encoding.NDR, Encoding.NDR64):
        stub = octets_of(serve("Watch", struct.pack("<i", 3), encoding=encoding))
        outs = operation.codecs(encoding).response.decode(stub, (3,))
        assert outs == ([0, 1, 2], "done", b"xxxxxx", 6)


def test_big_endian_request_is_answered_in_little_endian(serve: Serve) -> None:
    stub = octets_of(serve("Pull", struct.pack(">i", 2), encoding=Encoding.NDR_BIG))
    assert stub == struct.pack("<IiIiII", 1, 0, 1, 1, 0, 0)


def test_status_of_a_failure_stands_behind_what_was_sent(serve: Serve) -> None:
    assert octets_of(serve("Pull", struct.pack("<i", -1))) == struct.pack("<IiII", 1, 0, 0, 5)


def front(name: str = "x") -> bytes:
    text = (name + "\0").encode("utf-16-le")
    octets = struct.pack("<III", len(name) + 1, 0, len(name) + 1) + text
    return octets + bytes(-len(octets) % 4)


@pytest.mark.parametrize(
    "parts",
    [
        (front() + struct.pack("<I", 0x8000_0000), b""),
        (front() + struct.pack("<I", 0xFFFF_FFFF),),
        (front() + struct.pack("<I", 9) + b"12345678",),
        (front() + struct.pack("<I", 8) + b"1234", b"5678"),
        (front() + b"\1\0",),
        (front()[:-4],),
        (b"\xff" * 600, b"\xff" * 600, b""),
        (b"",),
    ],
    ids=["2_gi", "4_gi", "short", "no_end", "half_count", "cut_front", "long_front", "nothing"],
)
def test_what_does_not_fit_is_a_fault(serve: Serve, parts: tuple[bytes, ...]) -> None:
    with pytest.raises(lrpc.Fault) as caught:
        octets_of(serve("Sum", *parts))
    assert caught.value.status == BAD_STUB_DATA


def test_negated_count_is_checked(serve: Serve) -> None:
    wide = struct.pack("<QQQ", 2, 0, 2) + "x\0".encode("utf-16-le") + bytes(4)
    good = wide + struct.pack("<Q3s5xQQQ", 3, b"abc", (1 << 64) - 3, 0, 0)
    assert octets_of(serve("Sum", good, encoding=Encoding.NDR64)) == struct.pack("<i", 3)
    with pytest.raises(lrpc.Fault, match="ends in"):
        octets_of(serve("Sum", wide + struct.pack("<Q3s5xQQQ", 3, b"abc", 3, 0, 0), encoding=Encoding.NDR64))


@pytest.mark.parametrize("parts", [(front(), *(bytes([octet]) for octet in struct.pack("<I2sxxI", 2, b"ab", 0)))])
def test_parts_may_be_single_octets(serve: Serve, parts: tuple[bytes, ...]) -> None:
    assert octets_of(serve("Sum", *parts)) == struct.pack("<i", 2)


def test_method_that_gives_back_what_it_must_not_is_a_fault(piper: ModuleType) -> None:
    class Wrong(piper.Service):  # type: ignore[misc,name-defined]
        def Watch(self, n: int) -> Any:
            return 7

    registry = Registry(1 << 16)
    [interface] = registry.register(Wrong(piper.Seen()))

    async def receive() -> Part:
        return Part(struct.pack("<i", 1), Encoding.NDR, None, last=True)

    method = registry.find(interface.uuid, interface.version, interface.operation("Watch").opnum, None, "here")
    pieces = piped_method.serve(method, receive, ContextTable(uuid4, 10), 1000, PipeStream)
    with pytest.raises(lrpc.Fault, match="returned what it must not"):
        at_once(pieces.__anext__())
