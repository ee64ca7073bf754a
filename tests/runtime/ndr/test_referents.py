"""Values that are made before what they hold, and what a request and its response share."""

from __future__ import annotations

import copy
import dataclasses
from types import SimpleNamespace
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from lrpc.runtime.ndr.layout import shared
from lrpc.runtime.ndr.referents import Carried, Referents, can_begin, fill, new

Node = dataclasses.make_dataclass("Node", ["v", "next"], slots=True)


class Pair(NamedTuple):
    v: Any
    next: Any


@dataclasses.dataclass
class Checked:
    v: int

    def __post_init__(self) -> None:
        self.v += 1


@dataclasses.dataclass
class Made:
    v: int

    def __new__(cls, *_: Any) -> Made:
        return super().__new__(cls)


FROZEN = dataclasses.make_dataclass("Frozen", ["v"], frozen=True)


@pytest.mark.parametrize("factory", [Node, dict, SimpleNamespace])
def test_structure_is_made_empty_and_filled(factory):
    assert can_begin(factory, "v", "next")
    made = new(factory)
    fill(made, {"v": 1, "next": made})
    assert (made["next"] if factory is dict else made.next) is made


@pytest.mark.parametrize("factory", [Pair, Checked, Made, FROZEN, lambda v: v, int])
def test_structure_that_is_made_whole_is_known(factory):
    assert not can_begin(factory, "v")


def test_members_have_to_be_all_that_a_class_has():
    assert not can_begin(Node, "v")


def test_response_is_read_into_the_objects_of_the_request():
    node, items, call = Node(1, None), [1, 2], Referents()
    call.written = {(id(node), 1): (5, node), (id(items), 2): (9, items)}
    assert call.before(5, 1) is node
    assert call.before(5, 2) is None
    assert call.before(6, 1) is None
    assert call.begin([None, call.before(5, 1)], Node) is node
    assert call.begin([items], list) is items
    assert call.begin([items], Node) is not items
    assert isinstance(call.begin([None], list), list)


def test_objects_are_as_they_were_when_a_response_is_wrong():
    call = Referents()
    held: list[Any] = [Node(1, None), [1, 2], {"a": 1}, SimpleNamespace(a=1)]
    copies = [Node(1, None), [1, 2], {"a": 1}, SimpleNamespace(a=1)]
    for value in held:
        assert call.begin([value], type(value)) is value
    held[0].v, held[1][:], held[3].a = 7, [], 8
    held[2].update(a=5)
    call.restore()
    assert held == copies


def test_response_is_written_with_the_ids_of_the_request():
    node, call = Node(1, None), Referents()
    call.read = {7: (1, node), 8: (2, None), 9: (3, 5)}
    assert call.by_identity() == {(id(node), 1): (7, node)}


def test_value_that_cannot_change_is_the_same_when_it_is_equal():
    seven, call = shared(7), Referents()
    assert call.again(seven, shared(7)) is seven
    assert call.again(seven, shared(8)) == 8
    identity = UUID(int=5)
    assert call.again(identity, UUID(int=5)) is identity
    other = shared("a")
    assert call.again(seven, other) is other
    assert call.again(None, 5) == 5


@pytest.mark.parametrize(
    ("before", "value"),
    [
        (Node(1, None), Node(2, 3)),
        ([1], [2, 3]),
        ({"a": 1}, {"a": 2}),
        (SimpleNamespace(a=1), SimpleNamespace(a=2)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_object_that_was_there_gets_what_a_new_one_holds(before, value):
    call, held = Referents(), copy.copy(before)
    assert call.again(before, value) is before
    assert before == value
    call.restore()
    assert before == held


def test_object_that_cannot_be_filled_is_a_new_one():
    value = FROZEN(2)
    assert Referents().again(FROZEN(1), value) is value
    assert Referents().again(Checked(1), value) is value


def test_values_of_a_request_are_a_tuple_with_referents():
    values = Carried([1, 2])
    assert values == (1, 2)
    assert values.referents.written == values.referents.read == {}
