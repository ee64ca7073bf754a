"""Full pointers of a call: what request and response both name is one object, at the client and at the server."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest

import lrpc
from lrpc.runtime import dispatch
from lrpc.runtime import stub as rpc
from lrpc.runtime.carrier import Flats
from lrpc.runtime.contexts import ContextTable
from lrpc.runtime.dispatch import Method, Registry
from lrpc.runtime.ndr.layout import Encoding

IDL = """
[uuid(0d5e1d2a-7a5c-4b59-8f37-5b1b6f1c9a10), version(1.0), pointer_default(ptr)]
interface Rings
{
    typedef struct Node { long v; struct Node *next; struct Node *previous; } Node;
    typedef struct Numbers { long n; [size_is(n)] long *items; [string] wchar_t *name; } Numbers;

    void Turn([in, out] Node **ring);
    void Change([in, out] Numbers *numbers);
    Node *Last([in] Node *list);
    long Length([in] Node *list);
}
"""


@pytest.fixture(scope="module")
def rings() -> ModuleType:
    return lrpc.load(IDL)


class Loop:
    """A channel to the object that serves at the other end, which keeps what was sent."""

    def __init__(self, service: Any, encoding: Encoding) -> None:
        registry = Registry(1 << 20)
        [self.interface] = registry.register(service)
        self.registry = registry
        self.encoding = encoding
        self.flats = Flats()
        self.spoil: Callable[[bytes], bytes] = bytes
        self.stubs: list[bytes] = []

    def call(self, opnum: int, parts: Sequence[Any]) -> Any:
        answer = dispatch.answer(self.method(opnum), self.kept(parts), self.encoding, ContextTable(uuid4, 1))
        if isinstance(answer, lrpc.Fault):
            raise answer
        return self.spoil(self.kept(answer)), dispatch.ANSWERED_IN[self.encoding], None

    def method(self, opnum: int) -> Method:
        return self.registry.find(self.interface.uuid, self.interface.version, opnum, None, "here")

    def kept(self, parts: Sequence[Any]) -> bytes:
        self.stubs.append(b"".join(parts))
        return self.stubs[-1]

    def close(self) -> None:
        pass


class AsyncLoop(Loop):
    async def call(self, opnum: int, parts: Sequence[Any]) -> Any:
        return super().call(opnum, parts)

    async def close(self) -> None:
        pass


@pytest.fixture
def service(rings: ModuleType) -> Any:
    class Service(rings.Rings):  # type: ignore[misc,name-defined]
        def Turn(self, ring: Any) -> Any:
            ring.v += 1
            ring.next.next = ring.next.previous = rings.Node(9, ring, ring.next)
            ring.previous = ring.next.next
            return ring

        def Change(self, numbers: Any) -> Any:
            numbers.items.append(numbers.n)
            numbers.n += 1
            return numbers

        def Last(self, list: Any) -> Any:
            while list.next is not None:
                list = list.next
            return list

        def Length(self, list: Any) -> int:
            return 1 if list.next is None else 1 + self.Length(list.next)

    return Service()


def ring_of_two(rings: ModuleType) -> Any:
    one, two = rings.Node(1, None, None), rings.Node(2, None, None)
    one.next = one.previous = two
    two.next = two.previous = one
    return one


@pytest.mark.parametrize("encoding", list(Encoding))
def test_ring_comes_back_as_the_same_objects_with_a_new_one_among_them(rings, service, encoding):
    client = rings.RingsClient(Loop(service, encoding))
    one = ring_of_two(rings)
    two = one.next
    assert client.Turn(one) is one
    new = one.previous
    assert (one.v, two.v, new.v) == (2, 2, 9)
    assert one.next is two
    assert two.next is new
    assert new.next is one
    assert two.previous is new
    assert new.previous is two


def test_response_has_the_ids_of_the_request_and_free_ones_for_new_objects(rings, service):
    loop = Loop(service, Encoding.NDR)
    rings.RingsClient(loop).Turn(ring_of_two(rings))
    request, response = loop.stubs
    assert request == struct.pack("<7I", 0x20000, 1, 0x20004, 0x20004, 2, 0x20000, 0x20000)
    ids = struct.pack("<10I", 0x20000, 2, 0x20004, 0x20008, 2, 0x20008, 0x20008, 9, 0x20000, 0x20004)
    assert response == ids


def test_lists_and_texts_that_are_the_same_stay_the_same(rings, service):
    client = rings.RingsClient(Loop(service, Encoding.NDR))
    name, items = rpc.shared("n"), [5]
    changed = client.Change(rings.Numbers(items=items, name=name, n=1))
    assert changed == rings.Numbers(items=[5, 1], name="n", n=2)
    assert changed.items is items
    assert changed.name is name


def test_result_is_the_node_that_the_client_knows(rings, service):
    client = rings.RingsClient(Loop(service, Encoding.NDR))
    last = rings.Node(3, None, None)
    assert client.Last(rings.Node(1, rings.Node(2, last, None), None)) is last


def test_asyncio_client_gets_the_same_objects(rings, service):
    one = ring_of_two(rings)
    client = rings.AsyncRingsClient(AsyncLoop(service, Encoding.NDR))
    assert asyncio.run(client.Turn(one)) is one
    assert one.previous.v == 9


def test_objects_are_left_alone_when_the_response_is_bad(rings, service):
    loop = Loop(service, Encoding.NDR)
    loop.spoil = lambda stub: stub[:-4]
    one = ring_of_two(rings)
    with pytest.raises(lrpc.BadStubData):
        rings.RingsClient(loop).Turn(one)
    assert (one.v, one.next.v) == (1, 2)
    assert one.next.next is one


def test_call_that_names_nothing_twice_is_as_short_as_ever(rings):
    operations = {operation.name: operation for operation in rings.Rings.interface.operations}
    assert operations["Length"].plain
    assert not operations["Length"].shares
    assert operations["Last"].shares
    assert not operations["Last"].plain
