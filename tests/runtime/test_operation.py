"""What an interface is, and that every word a stub declares with works from a client to a service and back."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from types import ModuleType
from typing import Any
from uuid import UUID, uuid4

import pytest

import lrpc
from lrpc.rpcgen.load import load
from lrpc.runtime import dispatch
from lrpc.runtime import stub as rpc
from lrpc.runtime.async_server import AsyncServer
from lrpc.runtime.carrier import Flats
from lrpc.runtime.contexts import ContextTable
from lrpc.runtime.dispatch import Registry
from lrpc.runtime.ndr.layout import Encoding
from lrpc.runtime.pipes import piped_method
from lrpc.runtime.pipes.piped_reply import PipeCall
from lrpc.runtime.pipes.piping import Part, Pieces, PipeStream

IDL = """
import "oaidl.idl";
[uuid(5c5a0f0e-2d37-4a53-8f0c-0a1cf7c5a311), version(1.0), pointer_default(unique)]
interface Words
{
    typedef pipe byte octets;
    typedef pipe long numbers;
    typedef [context_handle] void *session;
    typedef struct { long top; long bottom; } wire_fraction;
    typedef [transmit_as(wire_fraction)] double fraction;
    session Open([in, string] wchar_t *name);
    void Close([in, out] session *it);
    void Hint([in, out, unique, partial_ignore] long *hint);
    void Echo([in] octets data, [in] numbers more, [out] octets *back, [out] long *total);
    void Turn([in] long m, [in] long n, [in, size_is(m, n)] long cells[*][*], [out] long *sum);
    fraction Half([in] fraction whole);
    [idempotent] void Ping();
    [maybe] void Tell();
    [broadcast] void Who();
    [callback] long Progress([in] long done);
}
[object, uuid(5c5a0f0e-2d37-4a53-8f0c-0a1cf7c5a312)]
interface ILens : IUnknown { HRESULT Look([in] long distance); }
[object, uuid(5c5a0f0e-2d37-4a53-8f0c-0a1cf7c5a313)]
interface IZoom : ILens { HRESULT Zoom([in] long by); }
"""


@pytest.fixture(scope="module")
def words() -> ModuleType:
    return load(IDL, cached=False)


class Whole:
    """A call with pipes that goes through in one part."""

    def __init__(self, through: Through, opnum: int, pieces: Pieces) -> None:
        self._through = through
        self._opnum = opnum
        self._pieces = pieces

    async def receive(self) -> Part:
        stub = b"".join([bytes(octets) async for piece in self._pieces for octets in piece.octets])
        encoding = dispatch.ANSWERED_IN[self._through.encoding]
        return Part(await self._through.answered(self._opnum, stub), encoding, None, last=True)

    def close(self) -> None:
        """Nothing is held."""


class Through:
    """A channel that ends in the dispatcher."""

    def __init__(self, service: Any, encoding: Encoding) -> None:
        self.encoding = encoding
        self.flats = Flats()
        self._registry = Registry(1 << 20)
        [self._interface] = self._registry.register(service)
        self._contexts = ContextTable(uuid4, 10)

    def call(self, opnum: int, parts: Sequence[rpc.Octets]) -> rpc.Reply:
        found = self._registry.find(self._interface.uuid, self._interface.version, opnum, None, "here")
        answer = dispatch.answer(found, b"".join(parts), self.encoding, self._contexts)
        if isinstance(answer, lrpc.Fault):
            raise answer
        return b"".join(answer), dispatch.ANSWERED_IN[self.encoding], None

    async def answered(self, opnum: int, stub: bytes) -> bytes:
        async def receive() -> Part:
            return Part(stub, self.encoding, None, last=True)

        found = self._registry.find(self._interface.uuid, self._interface.version, opnum, None, "here")
        pieces = piped_method.serve(found, receive, self._contexts, 1000, PipeStream)
        return b"".join([bytes(octets) async for piece in pieces for octets in piece.octets])

    def open(self, opnum: int, pieces: Pieces) -> PipeCall:
        return Whole(self, opnum, pieces)

    def close(self) -> None:
        """Nothing is held."""


@pytest.fixture
def served(words: ModuleType) -> Any:
    class Service(words.Words):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            self.hints: list[object] = []

        def Open(self, name: str) -> object:
            return [name]

        def Close(self, it: object) -> object:
            return None

        def Hint(self, hint: bool | None) -> int | None:
            self.hints.append(hint)
            return 5 if hint else None

        def Echo(self, data: Iterator[bytes], more: Iterator[int]) -> Any:
            return words.EchoResult([b"".join(data)[::-1]], sum(more))

        def Turn(self, m: int, n: int, cells: Sequence[Sequence[int]]) -> int:
            assert (m, n) == (len(cells), len(cells[0]))
            return sum(map(sum, cells))

        def Half(self, whole: Fraction) -> Fraction:
            return whole / 2

        def Ping(self) -> None: ...

        def Tell(self) -> None: ...

        def Who(self) -> None: ...

    return Service()


@pytest.fixture(params=list(Encoding), ids=lambda encoding: encoding.name)
def client(words: ModuleType, served: Any, request: pytest.FixtureRequest) -> Any:
    return words.WordsClient(Through(served, request.param))


def test_context_handle_may_be_what_an_operation_returns(client: Any) -> None:
    handle = client.Open("a")
    assert isinstance(handle, rpc.Handle)
    assert not handle.closed
    handle.close()
    assert handle.closed


@pytest.mark.parametrize(("hint", "seen", "answer"), [(True, True, 5), (7, True, 5), (None, None, None)])
def test_partial_pointer_goes_as_a_mark_and_comes_whole(
    client: Any, served: Any, hint: object, seen: object, answer: object
) -> None:
    assert client.Hint(hint) == answer
    assert served.hints == [seen]


def test_pipes_take_what_can_be_walked_and_give_all_of_it(client: Any) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"ab"
        yield b""
        yield b"c"

    for data, more, back, total in [(chunks(), (number for number in (1, 2, 3)), b"cba", 6), (b"", [], b"", 0)]:
        result = client.Echo(data, more)
        assert b"".join(result.back) == back
        assert result.total == total


def test_array_of_two_dimensions_travels(client: Any) -> None:
    assert client.Turn(2, 3, [[1, 2, 3], [4, 5, 6]]) == 21
    with pytest.raises(lrpc.ArgumentError, match="cells"):
        client.Turn(2, 3, [[1, 2, 3], [4, 5]])


def test_conversion_is_the_users(client: Any, words: ModuleType) -> None:
    wire = words.wire_fraction
    words.fraction.use(
        to_wire=lambda value: wire(value.numerator, value.denominator),
        from_wire=lambda found: Fraction(found.top, found.bottom),
    )
    assert client.Half(Fraction(2, 3)) == Fraction(1, 3)
    with pytest.raises(lrpc.ArgumentError, match="fraction"):
        client.Half(math.pi)


def test_operation_keeps_what_the_idl_says_of_it(words: ModuleType) -> None:
    of = words.Words.interface.operation
    marks = {
        name: (of(name).idempotent, of(name).maybe, of(name).broadcast) for name in ("Ping", "Tell", "Who", "Open")
    }
    assert marks == {
        "Ping": (True, False, False),
        "Tell": (False, True, False),
        "Who": (False, False, True),
        "Open": (False, False, False),
    }


def test_callbacks_stand_apart(words: ModuleType) -> None:
    assert words.Words.interface.callbacks is words.WordsCallbacks.interface
    [progress] = words.WordsCallbacks.interface.operations
    assert (progress.opnum, progress.name) == (0, "Progress")
    assert progress not in words.Words.interface.operations
    assert not issubclass(words.WordsCallbacks, words.Words)
    with pytest.raises(TypeError, match="Progress"):
        words.WordsCallbacks()
    with pytest.raises(TypeError, match=r"lrpc\.callback"):
        words.WordsCallbacks.interface.require_calls()


def test_interface_has_the_operations_of_its_base_before_its_own(words: ModuleType) -> None:
    zoom, lens = words.IZoom.interface, words.ILens.interface
    assert [(found.opnum, found.name) for found in zoom.operations] == [(3, "Look"), (4, "Zoom")]
    assert zoom.by_opnum[3] is lens.operation("Look") is zoom.operation("Look")
    assert zoom.base is lens
    assert lens.base is rpc.IUnknown.interface
    assert issubclass(words.IZoomClient, words.ILensClient)
    assert issubclass(words.AsyncIZoom, words.AsyncILens)
    assert issubclass(words.IZoom, rpc.IUnknown)


def test_own_operation_comes_before_one_of_the_base_with_its_name() -> None:
    first: rpc.Operation[None] = rpc.Operation(0, "Next")
    second: rpc.Operation[None] = rpc.Operation(1, "Next", python="Next_")
    base = rpc.Interface("A", UUID(int=1), (1, 0), (first,))
    assert rpc.Interface("B", UUID(int=2), (1, 0), (second,), base=base).operation("Next") is second


def test_known_interfaces_of_objects() -> None:
    assert str(rpc.IUnknown.interface.uuid) == "00000000-0000-0000-c000-000000000046"
    assert str(rpc.IDispatch.interface.uuid) == "00020400-0000-0000-c000-000000000046"
    assert rpc.IDispatch.interface.base is rpc.AsyncIUnknown.interface
    assert rpc.IUnknown.interface.operations == ()


def test_interface_of_objects_is_not_connected_to(words: ModuleType) -> None:
    for client in (words.ILensClient, words.AsyncIZoomClient):
        with pytest.raises(TypeError, match="object layer"):
            lrpc.connect(client, "ncalrpc:[nowhere]")


def test_interface_of_objects_is_not_registered(words: ModuleType) -> None:
    class Lens(words.ILens):  # type: ignore[misc,name-defined]
        def Look(self, distance: int) -> int:
            return 0

    with lrpc.Server() as server, pytest.raises(TypeError, match="ILens is an interface of objects"):
        server.register(Lens())


def test_interface_of_objects_is_not_registered_by_asyncio(words: ModuleType) -> None:
    class Lens(words.AsyncILens):  # type: ignore[misc,name-defined]
        async def Look(self, distance: int) -> int:
            return 0

    async def register() -> None:
        async with AsyncServer() as server:
            server.register(Lens())

    with pytest.raises(TypeError, match="object layer"):
        asyncio.run(register())
