"""Full pointers in the hands of a peer, and how the work grows: both readers, both writers."""

from __future__ import annotations

import dataclasses
import gc
import struct
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from lrpc.runtime.ndr.budget import MAX_DEPTH, TOO_DEEP
from lrpc.runtime.ndr.compiler import NOTHING, Codec
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.json_form import from_json, to_json
from lrpc.runtime.ndr.layout import (
    Byte,
    Char,
    ConformantArray,
    Encoding,
    FixedArray,
    FullPtr,
    Layout,
    Long,
    Parameters,
    Short,
    String,
    Struct,
    UniquePtr,
)
from lrpc.runtime.ndr.referents import OTHER, ROUND

Node = dataclasses.make_dataclass("Node", ["v", "next", "back"], slots=True)
RING: Struct = Struct(Node, "v" / Long, "next" / FullPtr(lambda: RING), "back" / FullPtr(lambda: RING))
RINGS = Parameters("p" / FullPtr(RING))
LIST: Struct = Struct(
    dataclasses.make_dataclass("Link", ["v", "next"], slots=True), "v" / Long, "next" / UniquePtr(lambda: LIST)
)
ROUND_A_RING = [1, 7, 2, 2, 8, 1, 1]
"""A ring of two: ids, values, ids."""


def words(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}I", *numbers)


def codec(layout: Layout) -> Codec:
    return Codec(layout if isinstance(layout, Parameters) else Parameters("value" / layout), NOTHING, Encoding.NDR)


def read(layout: Parameters, octets: bytes) -> list[list[Any]]:
    """The values that both readers make."""
    return [list(codec(layout).decode(octets)), list(layout.parse(octets).values())]


def reason(layout: Parameters, octets: bytes) -> str:
    """Why both refuse, in the same words."""
    found: set[str] = set()
    for reader in (codec(layout).decode, layout.parse):
        with pytest.raises(NdrError) as caught:
            reader(octets)
        found.add(caught.value.reason)
    [only] = found
    return only


def calls(function: Callable[[], Any]) -> int:
    """How many functions are called, or generators gone on with."""
    count = 0

    def step(frame: Any, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    gc.disable()  # whoever listens to it is called as often as there is memory
    sys.setprofile(step)
    try:
        function()
    finally:
        sys.setprofile(None)
        gc.enable()
    return count


# What a peer may send


@pytest.mark.parametrize("octets", [words(*ROUND_A_RING), words(5, 7, 5, 5)])
def test_ring_is_read_by_both(octets):
    for (first,) in read(RINGS, octets):
        assert first.v == 7
        assert first.next.next is first
        assert first.back is first.next


def test_alias_before_its_pointee_gets_the_object_that_comes_later():
    """The id of `q` is read before that inside of `p`, whose turn is earlier."""
    inner = Struct(dataclasses.make_dataclass("Inner", ["x"]), "x" / FullPtr(Long))
    both = Struct(dataclasses.make_dataclass("Both", ["p", "q"]), "p" / UniquePtr(inner), "q" / FullPtr(Long))
    for (value,) in read(Parameters("b" / both), words(1, 9, 9, 7)):
        assert value.p.x is value.q
        assert value.q == 7


@pytest.mark.parametrize("second", [Short, UniquePtr(Long), ConformantArray(Long), String(Char)], ids=repr)
def test_alias_of_another_type_is_refused(second):
    layout = Parameters("a" / FullPtr(Long), "b" / FullPtr(second))
    assert reason(layout, words(9, 7, 9)) == OTHER.format(9)


def test_pointee_that_contains_itself_and_is_made_whole_is_refused():
    factory = dataclasses.make_dataclass("Frozen", ["a"], frozen=True)
    frozen: Struct = Struct(factory, "a" / FullPtr(lambda: frozen))
    assert reason(Parameters("p" / FullPtr(frozen)), words(9, 9)) == ROUND.format(9)
    for (value,) in read(Parameters("p" / FullPtr(frozen)), words(9, 8, 0)):
        assert value.a.a is None


def test_id_of_zero_is_null_and_the_largest_is_an_id():
    layout = Parameters("a" / FullPtr(Long), "b" / FullPtr(Long), "c" / FullPtr(Long))
    for a, b, c in read(layout, words(0, 0xFFFF_FFFF, 7, 0xFFFF_FFFF)):
        assert a is None
        assert b is c


def test_many_aliases_of_a_huge_array_take_no_memory_of_their_own():
    count, size = 20_000, 1 << 20
    layout = Parameters("a" / FullPtr(ConformantArray(Byte)), "b" / ConformantArray(FullPtr(ConformantArray(Byte))))
    octets = words(9, size) + bytes(size) + words(count) + words(9) * count
    for reader in (codec(layout).decode, lambda octets: layout.parse(octets).values()):
        tracemalloc.start()
        first, rest = reader(octets)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(rest) == count
        assert all(other is first for other in rest)
        assert peak < 32 * size


def test_nesting_of_full_pointers_has_the_limit_of_all_others():
    nodes = range(2, 2 * MAX_DEPTH + 6, 2)
    assert reason(RINGS, words(1, *(number for node in nodes for number in (0, node, node + 1)))) == TOO_DEEP


# How the work grows


def ring(length: int) -> Any:
    nodes = [Node(index, None, None) for index in range(length)]
    for node, after in zip(nodes, [*nodes[1:], nodes[0]], strict=True):
        node.back, after.next = after, node
    return nodes[0]


def chain(length: int) -> Any:
    node = None
    for index in range(length):
        node = LIST.factory(index, node)
    return node


@pytest.mark.parametrize(
    ("layout", "make"), [(LIST, chain), (FixedArray(FullPtr(LIST), 1), lambda length: [chain(length)])], ids=repr
)
def test_work_for_a_node_is_the_same_in_a_list_of_any_length(layout, make):
    def work(length: int) -> list[int]:
        value = make(length)
        octets = layout.build(value)
        form = to_json(layout, value)
        ours = codec(layout)
        assert b"".join(ours.encode((value,))) == octets
        ours.decode(octets)
        steps = [
            lambda: layout.build(value),
            lambda: layout.parse(octets),
            lambda: ours.encode((value,)),
            lambda: ours.decode(octets),
            lambda: to_json(layout, value),
            lambda: from_json(layout, form),
        ]
        return [calls(step) for step in steps]

    once, four_times = work(500), work(2_000)
    for few, many in zip(once, four_times, strict=True):
        assert many <= 4.2 * few


def test_ring_of_many_nodes_is_written_and_read_by_both():
    """Each node leads on before it leads back: that it leads back to what was there makes it no deeper."""
    length = 5_000
    octets = RINGS.build({"p": ring(length)})
    assert octets == b"".join(codec(RINGS).encode((ring(length),)))
    for (first,) in read(RINGS, octets):
        node = first
        for index in range(length):
            assert node.v == index
            node = node.back
        assert node is first
