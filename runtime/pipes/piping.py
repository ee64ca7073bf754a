"""Calls with pipes: what stands where in their stubs, and the stubs piece by piece. For both ends and both faces.

In a request the pipes come behind everything else, in a response before it (C706 14.3.10), each read or written to
its end before the next. The functions here are coroutines and receive by one that is given to them: asyncio awaits
them, and where receiving blocks they never suspend, so `at_once` runs them.

Below: `ndr/pipe_stream.py`. Above: `stub.py` (client) and `dispatch.py` (server).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import aclosing
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar, cast

from ..ndr.compiler import Codec, Octets
from ..ndr.errors import NdrError
from ..ndr.layout import Encoding, Field, Mark, Parameters, Pipe, PipeItems
from ..ndr.layout_arrays import CHUNK_ITEMS, CHUNK_OCTETS
from ..ndr.pipe_stream import PipeReader, PipeWriter, lead
from ..ndr.referents import Carried
from ..ndr.strictness import DEFAULT, Strictness
from ..operation import Operation, Parameter
from ..status import PipeOrderError

T = TypeVar("T")
Values = tuple[Any, ...]


class Part(NamedTuple):
    """The next octets of a stub. It begins as a Reply does."""

    stub: Octets
    encoding: Encoding
    release: Callable[[], None] | None
    last: bool


class Piece(NamedTuple):
    """The next octets of a stub, to be sent."""

    octets: Sequence[Octets]
    last: bool


Pieces = AsyncGenerator[Piece, None]
Receive = Callable[[], Awaitable[Part]]


def at_once(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that waits by blocking, if at all."""
    try:
        coroutine.send(None)
        coroutine.throw(TypeError("the blocking face takes no pipe that is awaited"))
    except StopIteration as stop:
        return cast(T, stop.value)
    raise TypeError("the blocking face waits for nothing")


# Where pipes stand


class Plan:
    """An operation with pipes in one encoding: its parameters, and the codecs of what is no pipe."""

    def __init__(self, operation: Operation[Any], encoding: Encoding, strictness: Strictness) -> None:
        self.operation = operation
        self.encoding = encoding
        self.strictness = strictness
        self.pipes_in = [(at, found) for at, found in enumerate(operation.inward) if found.piped]
        self.pipes_out = [(at, found) for at, found in enumerate(operation.given_back) if found.piped]
        self._request = Parameters(*(_field(found) for found in operation.inward if not found.piped))
        self.front = Codec(self._request, Parameters(), encoding, strictness)
        """What a request has before its pipes."""
        self._tails: dict[int, Codec] = {}

    def divided(self, values: Sequence[Any]) -> tuple[Values, Values]:
        """The [in] values: those in front, and the pipes."""
        pipes = {at for at, _ in self.pipes_in}
        front = tuple(value for at, value in enumerate(values) if at not in pipes)
        return Carried(front), tuple(value for at, value in enumerate(values) if at in pipes)

    def joined(self, front: Sequence[Any], pipes: Sequence[Any]) -> Values:
        """The [in] values in their order."""
        values = list(front)
        for (at, _), pipe in zip(self.pipes_in, pipes, strict=True):
            values.insert(at, pipe)
        return tuple(values)

    def placed(self, others: Sequence[Any]) -> list[Any]:
        """The [out] values in their order, None for pipes."""
        outs = list(others)
        for at, _ in self.pipes_out:
            outs.insert(at, None)
        return outs

    def others(self, outs: Sequence[Any]) -> Values:
        """The [out] values that are no pipes."""
        pipes = {at for at, _ in self.pipes_out}
        return tuple(value for at, value in enumerate(outs) if at not in pipes)

    def encode_tail(self, offset: int, outs: Values, front: Values) -> Octets:
        """What a response has behind its pipes, which end at `offset`. NdrError."""
        phase = offset % 8
        return b"".join(self._tail(phase).encode((bytes(phase), *outs), front))[phase:]

    def decode_tail(self, offset: int, octets: bytes, front: Values) -> Values:
        """The [out] values that are no pipes. NdrError."""
        phase = offset % 8
        return self._tail(phase).decode(bytes(phase) + octets, front)[1:]

    def _tail(self, phase: int) -> Codec:
        codec = self._tails.get(phase)
        if codec is None:
            fields = [Field(found.name, found.layout) for found in self.operation.given_back if not found.piped]
            codec = self._tails[phase] = Codec(
                Parameters(lead(phase), *fields), self._request, self.encoding, self.strictness
            )
        return codec


@lru_cache(maxsize=256)
def plan_of(operation: Operation[Any], encoding: Encoding, strictness: Strictness = DEFAULT) -> Plan:
    """The plan of an operation; `strictness` says what is overlooked in what is read."""
    return Plan(operation, encoding, strictness)


def _field(parameter: Parameter) -> Field:
    return Field(parameter.name, Mark() if parameter.partial else parameter.layout)


# Out


async def written(writer: PipeWriter, source: Any, name: str) -> AsyncGenerator[list[Octets], None]:
    """The octets of a pipe up to its end, as the source gives items or buffers; a sequence goes in whole chunks."""
    async with aclosing(_portions(writer.pipe, source, name)) as portions:
        async for items in portions:
            try:
                octets = writer.write(items)
            except (NdrError, TypeError, ValueError) as error:
                raise _unfit(name, error) from error
            if octets:
                yield octets


def check_sources(plan: Plan, sources: Sequence[Any]) -> None:
    """NdrError for what no pipe can be filled from, before anything of the call has gone."""
    for (_, parameter), source in zip(plan.pipes_in, sources, strict=True):
        if isinstance(source, str) or not isinstance(source, Iterable | AsyncIterable):
            raise _unfit(parameter.name, f"a pipe takes an iterable, not {type(source).__name__}")


async def request_pieces(plan: Plan, front: Sequence[Octets], sources: Sequence[Any]) -> Pieces:
    """The stub of a request."""
    yield Piece(front, not plan.pipes_in)
    offset = sum(map(len, front))
    for number, ((_, parameter), source) in enumerate(zip(plan.pipes_in, sources, strict=True), 1):
        writer = PipeWriter(cast(Pipe, parameter.layout), plan.encoding, offset)
        async with aclosing(written(writer, source, parameter.name)) as pieces:
            async for octets in pieces:
                yield Piece(octets, last=False)
        yield Piece(writer.end(), number == len(plan.pipes_in))
        offset = writer.offset


async def _portions(pipe: Pipe, source: Any, name: str) -> AsyncGenerator[Any, None]:
    """What a source gives, in parts that a chunk or a few may hold."""
    whatever: Any = source  # its items stay Any for type checkers, whatever it is found to be
    if isinstance(source, bytes | bytearray | memoryview) if pipe.octets else isinstance(source, Sequence):
        for portion in _cut(pipe, source, name):
            yield portion
    elif isinstance(source, AsyncIterable):
        async for item in whatever:
            for portion in _cut(pipe, _several(pipe, item), name):
                yield portion
    elif isinstance(source, Iterable) and not isinstance(source, str):
        for item in whatever:
            for portion in _cut(pipe, _several(pipe, item), name):
                yield portion
    else:
        raise _unfit(name, f"a pipe takes an iterable, not {type(source).__name__}")


def _several(pipe: Pipe, item: Any) -> Any:
    return item if pipe.octets or isinstance(item, PipeItems) else [item]


def _cut(pipe: Pipe, items: Any, name: str) -> Iterator[Any]:
    most = CHUNK_OCTETS if pipe.octets else CHUNK_ITEMS
    if pipe.octets:
        try:
            items = memoryview(items).cast("B")
        except TypeError as error:
            raise _unfit(name, error) from error
    for at in range(0, len(items), most):
        yield items[at : at + most]


def _unfit(name: str, reason: object) -> NdrError:
    found = NdrError(reason.reason if isinstance(reason, NdrError) else str(reason))
    found.path = name if not isinstance(reason, NdrError) or not reason.path else f"{name}: {reason.path}"
    return found


# In


class Incoming:
    """A stub with pipes that comes part by part. limit: octets of what is no pipe."""

    def __init__(
        self, receive: Receive, plan: Callable[[Encoding], Plan], pipes: Sequence[Parameter], limit: int
    ) -> None:
        self._receive = receive
        self._plan = plan
        self._pipes = pipes
        self._limit = limit
        self._held = b""
        self._index = 0
        self._reader: PipeReader | None = None
        self._last = False
        self.encoding: Encoding | None = None
        """None until the first part has come."""
        self.offset: int = 0
        """Where the next pipe begins, or what is behind the last."""

    @property
    def plan(self) -> Plan:
        """The operation's plan in the encoding that the peer chose."""
        assert self.encoding is not None
        return self._plan(self.encoding)

    async def front(self, items: int) -> Values:
        """The values in front of the pipes. NdrError."""
        stub, enough = bytearray(), 0
        while True:
            stub += await self._more("")
            if len(stub) < enough and not self._last:
                continue
            codec = self.plan.front
            found = codec.decode_front(bytes(stub), items=items)
            if found is not None:
                values, self.offset = found
                self._held = bytes(stub[self.offset :])
                return values
            if self._last or len(stub) > self._limit:
                return codec.decode(bytes(stub), items=items)  # which says what is wrong with it
            enough = 2 * len(stub)  # as often as its length doubles: the work is linear

    async def next(self, index: int) -> Any:
        """The next items of a pipe; None at its end. NdrError; PipeOrderError when it is not this one's turn."""
        if index < self._index:
            return None
        name, layout, *_ = self._pipes[index]
        if index > self._index:
            raise PipeOrderError(f"{name} comes behind the pipe {self._pipes[self._index].name}, which is not read yet")
        if self.encoding is None:
            self._held = await self._more(name)
        reader = self._reader
        if reader is None:
            assert self.encoding is not None
            reader = self._reader = PipeReader(
                cast(Pipe, layout), self.encoding, self.offset, name=name, strictness=self.plan.strictness
            )
            reader.feed(self._held)
        while (items := reader.read()) is None:
            if reader.ended:
                self._held, self.offset = reader.rest(), reader.offset
                self._reader, self._index = None, index + 1
                return None
            reader.feed(await self._more(name))
        return items

    async def rest(self) -> bytes:
        """What is behind the pipes."""
        stub = bytearray(self._held)
        while not self._last:
            stub += await self._more("")
            if len(stub) > self._limit:
                raise NdrError(f"the results behind the pipes exceed {self._limit} octets")
        return bytes(stub)

    async def _more(self, name: str) -> bytes:
        if self._last:
            raise NdrError("the stub ends before the pipe does", path=name, offset=None, rule="C706 14.3.10")
        part = await self._receive()
        self.encoding, self._last = part.encoding, part.last
        return bytes(part.stub)


# What users hold


class Source(Protocol):
    """Where a stream gets its items."""

    async def next(self, index: int) -> Any:
        """The next items of a pipe; None at its end."""
        ...

    def close(self) -> None:
        """Nobody reads on."""
        ...


class PipeStream(Generic[T], Iterator[T]):
    """A pipe that is read as it is advanced: an iterator of items, or of buffers where they are octets.

    Closing it before its end, by `close`, `with`, or letting go of it, gives up the call.
    """

    def __init__(self, source: Source, index: int, *, octets: bool) -> None:
        self._source = source
        self._index = index
        self._octets = octets
        self._items: Iterator[Any] = iter(())

    def __next__(self) -> T:
        for item in self._items:
            return cast(T, item)
        items = at_once(self._source.next(self._index))
        if items is None:
            raise StopIteration
        if self._octets:
            return cast(T, items)
        self._items = iter(items)
        return next(self)

    def close(self) -> None:
        """Read no more."""
        self._source.close()

    def __enter__(self) -> PipeStream[T]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncPipeStream(Generic[T]):
    """The same for asyncio."""

    def __init__(self, source: Source, index: int, *, octets: bool) -> None:
        self._source = source
        self._index = index
        self._octets = octets
        self._items: Iterator[Any] = iter(())

    def __aiter__(self) -> AsyncPipeStream[T]:
        return self

    async def __anext__(self) -> T:
        for item in self._items:
            return cast(T, item)
        items = await self._source.next(self._index)
        if items is None:
            raise StopAsyncIteration
        if self._octets:
            return cast(T, items)
        self._items = iter(items)
        return cast(T, next(self._items))

    async def aclose(self) -> None:
        """Read no more."""
        self._source.close()

    async def __aenter__(self) -> AsyncPipeStream[T]:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._source.close()


def streams(source: Source, pipes: Sequence[tuple[int, Parameter]], kind: type[Any]) -> list[Any]:
    """A stream for each pipe, of one of the two classes."""
    return [
        kind(source, index, octets=cast(Pipe, parameter.layout).octets) for index, (_, parameter) in enumerate(pipes)
    ]


class PipedResult:
    """Base of the results of an operation that gives pipes and more. Its pipes come in their order.

    At the client the other values are there once the last pipe is read to its end, and PipeOrderError before. A server
    fills them in until then: the generator of a pipe may.
    """

    __slots__ = ("__weakref__", "_source")
    _source: Source

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name in type(self).__slots__:
                raise PipeOrderError(f"{name} is known when the pipes have been read to their end")
            raise AttributeError(name)

    def close(self) -> None:
        """Read no more of the pipes; before their end this gives up the call."""
        self._source.close()

    def __enter__(self: PR) -> PR:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self: PR) -> PR:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()


PR = TypeVar("PR", bound=PipedResult)
