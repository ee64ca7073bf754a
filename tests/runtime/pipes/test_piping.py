"""The stubs of calls with pipes, piece by piece and in any cut: the same octets as whole stubs."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lrpc
from lrpc.runtime import stub as rpc
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.layout import Encoding
from lrpc.runtime.pipes.piping import AsyncPipeStream, Incoming, Part, PipeStream, at_once, plan_of, request_pieces

OPERATION: rpc.Operation[Any] = rpc.Operation(
    0,
    "Mix",
    rpc.In("left", rpc.Pipe(rpc.Byte)),
    rpc.In("name", rpc.UniquePtr(rpc.String(rpc.WChar))),
    rpc.In("right", rpc.Pipe(rpc.Hyper)),
    rpc.Out("back", rpc.Pipe(rpc.Short)),
    rpc.Out("total", rpc.Hyper),
    rpc.In("n", rpc.Short),
    rpc.Out("rows", rpc.ConformantArray(rpc.Long, rpc.this.n)),
)


def stub_of(plan: Any, values: tuple[Any, ...]) -> bytes:
    async def all_of() -> bytes:
        front, sources = plan.divided(values)
        parts = plan.front.encode(front)
        pieces = [piece async for piece in request_pieces(plan, parts, sources)]
        assert [piece.last for piece in pieces] == [False] * (len(pieces) - 1) + [True]
        return b"".join(bytes(octets) for piece in pieces for octets in piece.octets)

    return at_once(all_of())


def receiver(stub: bytes, cuts: list[int], encoding: Encoding) -> Callable[[], Awaitable[Part]]:
    places = [0, *sorted(min(cut, len(stub)) for cut in cuts), len(stub)]
    parts = iter([stub[begin:end] for begin, end in itertools.pairwise(places)])
    left = len(places) - 1

    async def receive() -> Part:
        nonlocal left
        left -= 1
        return Part(next(parts), encoding, None, left == 0)

    return receive


CUTS = st.lists(st.integers(0, 300), max_size=6)
ENCODINGS = st.sampled_from(list(Encoding))


@settings(max_examples=100, deadline=None)
@given(
    st.binary(max_size=60), st.none() | st.text("abc", max_size=9), st.lists(st.integers(0, 9), max_size=9), CUTS,
    ENCODINGS,
)  # fmt: skip
def test_request_is_read_in_any_cut(
    left: bytes, name: str | None, right: list[int], cuts: list[int], encoding: Encoding
) -> None:
    plan = plan_of(OPERATION, encoding)
    stub = stub_of(plan, (left, name, right, 3))
    assert OPERATION.codecs(encoding).request.decode(stub) == (left, name, right, 3)
    pipes = [found for found in OPERATION.inward if found.piped]
    incoming = Incoming(receiver(stub, cuts, encoding), partial(plan_of, OPERATION), pipes, 1000)

    async def read() -> tuple[Any, ...]:
        front = await incoming.front(1000)
        found: list[Any] = [b"", []]
        for index in range(2):
            while (items := await incoming.next(index)) is not None:
                found[index] += items
        return plan.joined(front, found)

    assert at_once(read()) == (left, name, right, 3)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 9), max_size=9), CUTS, ENCODINGS)
def test_response_is_read_in_any_cut(back: list[int], cuts: list[int], encoding: Encoding) -> None:
    given_ = (b"", None, [], 2)
    stub = b"".join(OPERATION.codecs(encoding).response.encode((back, 77, [5, 6]), given_))
    plan = plan_of(OPERATION, encoding)
    pipes = [found for found in OPERATION.outward if found.piped]
    incoming = Incoming(receiver(stub, cuts, encoding), partial(plan_of, OPERATION), pipes, 1000)

    async def read() -> tuple[Any, ...]:
        found: list[int] = []
        while (items := await incoming.next(0)) is not None:
            found += items
        rest = await incoming.rest()
        return found, plan.placed(plan.decode_tail(incoming.offset, rest, (None, 2)))

    assert at_once(read()) == (back, [None, 77, [5, 6]])


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=80), CUTS, ENCODINGS)
def test_any_octets_are_values_or_an_error(stub: bytes, cuts: list[int], encoding: Encoding) -> None:
    pipes = [found for found in OPERATION.inward if found.piped]
    incoming = Incoming(receiver(stub, cuts, encoding), partial(plan_of, OPERATION), pipes, 50)

    async def read() -> None:
        await incoming.front(1000)
        for index in range(2):
            while await incoming.next(index) is not None:
                continue

    try:
        at_once(read())
    except NdrError as error:
        assert error.status


def test_stub_that_ends_in_a_pipe_is_told() -> None:
    plan = plan_of(OPERATION, Encoding.NDR)
    stub = stub_of(plan, (b"abc", None, [], 1))[:-6]
    pipes = [found for found in OPERATION.inward if found.piped]
    incoming = Incoming(receiver(stub, [], Encoding.NDR), partial(plan_of, OPERATION), pipes, 1000)

    async def read() -> None:
        await incoming.front(1000)
        for index in range(2):
            while await incoming.next(index) is not None:
                continue

    with pytest.raises(NdrError, match="ends before the pipe does"):
        at_once(read())


def test_parameters_in_front_are_bounded() -> None:
    async def receive() -> Part:
        return Part(b"\xff" * 30, Encoding.NDR, None, last=False)

    pipes = [found for found in OPERATION.inward if found.piped]
    with pytest.raises(NdrError):
        at_once(Incoming(receive, partial(plan_of, OPERATION), pipes, 100).front(1000))


class Items:
    """A source of one pipe."""

    def __init__(self, *chunks: Any) -> None:
        self.chunks = list(chunks)
        self.closed = False

    async def next(self, index: int) -> Any:
        return self.chunks.pop(0) if self.chunks else None

    def close(self) -> None:
        self.closed = True


def test_stream_is_an_iterator_of_items_or_of_buffers() -> None:
    assert list(PipeStream[int](Items([1, 2], [3]), 0, octets=False)) == [1, 2, 3]
    assert list(PipeStream[bytes](Items(b"ab", b"c"), 0, octets=True)) == [b"ab", b"c"]
    source = Items([1, 2], [3])
    with PipeStream[int](source, 0, octets=False) as stream:
        assert next(stream) == 1
    assert source.closed


def test_asynchronous_stream_is_an_asynchronous_iterator() -> None:
    async def read() -> tuple[list[int], bool]:
        source = Items([1, 2], [3])
        async with AsyncPipeStream[int](source, 0, octets=False) as stream:
            found = [item async for item in stream]
        return found, source.closed

    assert asyncio.run(read()) == ([1, 2, 3], True)


def test_blocking_face_waits_for_nothing_that_is_awaited() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        await asyncio.sleep(0)
        yield b"a"

    async def read() -> None:
        async for _ in chunks():
            pass

    with pytest.raises(TypeError, match="awaited"):
        at_once(read())


def test_result_tells_what_is_not_known_yet() -> None:
    @rpc.dataclass(slots=True)
    class Result(rpc.PipedResult):
        total: int

    empty = Result.__new__(Result)
    with pytest.raises(lrpc.PipeOrderError, match="total is known when"):
        _ = empty.total
    assert not hasattr(empty, "other")
    assert Result(7).total == 7
