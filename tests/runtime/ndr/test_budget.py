"""What one message may cost, in both readers and both writers alike."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Callable
from typing import Any

import pytest

from lrpc.runtime.ndr import compiler, reference_reader_fields, reference_writer_contexts
from lrpc.runtime.ndr.budget import MAX_DEPTH, MAX_ITEMS, NESTED_COST, TOO_DEEP, TOO_MANY
from lrpc.runtime.ndr.compiler import NOTHING, Codec
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.layout import ConformantArray, Encoding, Layout, Long, Parameters, Struct, UniquePtr

Node = dataclasses.make_dataclass("Node", ["v", "next"], slots=True)
Fork = dataclasses.make_dataclass("Fork", ["left", "right"], slots=True)
LIST: Struct = Struct(Node, "v" / Long, "next" / UniquePtr(lambda: LIST))
FORK: Struct = Struct(Fork, "left" / UniquePtr(lambda: FORK), "right" / UniquePtr(lambda: FORK))
EMPTY = ConformantArray(Struct(dataclasses.make_dataclass("Empty", [])))


def codec(layout: Layout) -> Codec:
    """One that is made now, with the budget that there is now."""
    return Codec(Parameters("value" / layout), NOTHING, Encoding.NDR)


@pytest.fixture
def longest(monkeypatch: pytest.MonkeyPatch) -> int:
    """The nodes of the longest list, with a smaller budget: a reference reader takes seconds for all of it."""
    items = 100 * NESTED_COST
    for module in (compiler, reference_reader_fields, reference_writer_contexts):
        monkeypatch.setattr(module, "MAX_ITEMS", items)
    monkeypatch.setitem(compiler._SUPPORT, "MAX_ITEMS", items)
    return 101


def reasons(*calls: Callable[[], Any]) -> set[str]:
    """What each says, which has to refuse."""
    found: set[str] = set()
    for call in calls:
        with pytest.raises(NdrError) as caught:
            call()
        found.add(caught.value.reason)
    return found


def of_both_readers(layout: Layout, octets: bytes) -> set[str]:
    return reasons(lambda: codec(layout).decode(octets, items=compiler.MAX_ITEMS), lambda: layout.parse(octets))


def of_both_writers(layout: Layout, value: Any) -> set[str]:
    return reasons(lambda: codec(layout).encode((value,)), lambda: layout.build(value))


def chain(length: int) -> Any:
    node = None
    for index in range(length):
        node = Node(index, node)
    return node


def nested(depth: int) -> Any:
    fork = Fork(None, None)
    for _ in range(depth):
        fork = Fork(fork, Fork(None, None))
    return fork


def test_longest_list_is_taken_by_both(longest):
    octets = LIST.build(chain(longest))
    assert octets == b"".join(codec(LIST).encode((chain(longest),)))
    (ours,) = codec(LIST).decode(octets, items=compiler.MAX_ITEMS)
    assert LIST.parse(octets).v == ours.v == longest - 1


def test_longer_list_is_refused_by_both_in_the_same_words(longest):
    assert of_both_readers(LIST, struct.pack("<II", 1, 1) * longest + bytes(8)) == {TOO_MANY}
    assert of_both_writers(LIST, chain(longest + 1)) == {TOO_MANY}


def test_value_that_contains_itself_is_refused_by_both_in_the_same_words(longest):
    node = Node(1, None)
    node.next = node
    assert of_both_writers(LIST, node) == {TOO_MANY}


def test_deepest_nesting_is_taken_by_both():
    octets = FORK.build(nested(MAX_DEPTH))
    assert octets == b"".join(codec(FORK).encode((nested(MAX_DEPTH),)))
    assert FORK.parse(octets).left.right == codec(FORK).decode(octets)[0].left.right == Fork(None, None)


def test_deeper_nesting_is_refused_by_both_in_the_same_words():
    assert of_both_readers(FORK, struct.pack("<II", 1, 2) * (MAX_DEPTH + 1) + bytes(8)) == {TOO_DEEP}
    assert of_both_writers(FORK, nested(MAX_DEPTH + 1)) == {TOO_DEEP}


def test_items_without_octets_are_refused_by_both_in_the_same_words():
    assert of_both_readers(EMPTY, struct.pack("<I", MAX_ITEMS + 1)) == {TOO_MANY}
