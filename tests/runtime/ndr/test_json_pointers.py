"""Full pointers as JSON: aliases, circles, and what is too deep to be in its place."""

from __future__ import annotations

import dataclasses
import json
from types import SimpleNamespace
from typing import Any

import pytest

from lrpc.runtime.ndr import json_pointers
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.json_form import from_json, to_json
from lrpc.runtime.ndr.json_pointers import DEEP
from lrpc.runtime.ndr.layout import (
    Char,
    ConformantArray,
    Conversion,
    Converted,
    Dimension,
    EncapsulatedUnion,
    FixedArray,
    FullPtr,
    Layout,
    Long,
    MultiArray,
    Parameters,
    Short,
    String,
    Struct,
    Union,
    UniquePtr,
    shared,
)

Node = dataclasses.make_dataclass("Node", ["v", "next", "back"], slots=True)
LIST: Struct = Struct(SimpleNamespace, "v" / Long, "next" / UniquePtr(lambda: LIST))
RING: Struct = Struct(Node, "v" / Long, "next" / FullPtr(lambda: RING), "back" / FullPtr(lambda: RING))
RINGS = Parameters("p" / FullPtr(RING))


def chain(length: int) -> Any:
    node = None
    for index in range(length):
        node = SimpleNamespace(v=index, next=node)
    return node


def ring(length: int) -> Any:
    nodes = [Node(index, None, None) for index in range(length)]
    for node, after in zip(nodes, [*nodes[1:], nodes[0]], strict=True):
        node.next, after.back = after, node
    return nodes[0]


def refused(layout: Layout, data: Any) -> NdrError:
    with pytest.raises(NdrError) as caught:
        from_json(layout, data)
    return caught.value


def brackets(text: str) -> int:
    """How many are in each other at most."""
    depth = deepest = 0
    for letter in text:
        depth += (letter in "[{") - (letter in "]}")
        deepest = max(deepest, depth)
    return deepest


# Circles


def test_circle_has_a_form_and_comes_back():
    form = to_json(RINGS, {"p": ring(2)})
    two = {"v": 1, "next": "alias of .p", "back": "alias of .p"}
    assert form == {"p": {"v": 0, "next": two, "back": "alias of next"}}
    one = from_json(RINGS, form)["p"]
    assert one.next.next is one.next.back is one
    assert one.back is one.next


def test_node_that_points_to_itself_has_a_form_and_comes_back():
    one = from_json(RINGS, to_json(RINGS, {"p": ring(1)}))["p"]
    assert one.next is one.back is one


def test_circle_goes_through_arrays_and_unions():
    union: EncapsulatedUnion = EncapsulatedUnion(
        dataclasses.make_dataclass("Choice", ["t", "u"]),
        "t",
        "u",
        Union(Short, {1: FullPtr(lambda: ConformantArray(FullPtr(union)))}),
    )
    layout = Parameters("p" / FullPtr(union))
    value = from_json(layout, {"p": {"t": 1, "u": ["alias of .p", {"t": 1, "u": "alias of .p.u"}]}})["p"]
    assert value.u[0] is value
    assert value.u[1].u is value.u
    assert from_json(layout, to_json(layout, {"p": value}))["p"].u[1].t == 1


def test_circle_goes_through_rows():
    cell: Struct = Struct(dict, "rows" / FullPtr(lambda: MultiArray(cell, Dimension(1), Dimension(1))))
    value = from_json(cell, {"rows": [[{"rows": "alias of .rows"}]]})["rows"]
    assert value[0][0]["rows"] is value


def test_circle_through_what_is_made_whole_is_refused():
    turned: Converted = Converted(Struct(SimpleNamespace, "a" / FullPtr(lambda: turned)), Conversion("c"))
    error = refused(Parameters("p" / FullPtr(turned)), {"p": {"a": "alias of .p"}})
    assert (error.path, error.reason) == ("p.a", "'p' contains itself through a value that is made whole")


def test_value_that_contains_itself_without_full_pointers_is_refused(monkeypatch):
    monkeypatch.setattr(json_pointers, "MAX_ITEMS", 800)
    assert len(to_json(LIST, chain(101))) == 2
    for wrong in (chain(102), chain(1)):
        wrong.next = wrong.next or wrong
        with pytest.raises(NdrError, match="more items than the budget"):
            to_json(LIST, wrong)


def test_alias_leads_to_what_is_read_before_it():
    """Arrays are read behind other members, which may be their counts."""
    inner = Struct(SimpleNamespace, "x" / FullPtr(Long))
    layout = Struct(SimpleNamespace, "a" / FixedArray(inner, 1), "b" / inner)
    seven = shared(7)
    form = to_json(layout, SimpleNamespace(a=[SimpleNamespace(x=seven)], b=SimpleNamespace(x=seven)))
    assert list(form.items()) == [("a", [{"x": "alias of .b.x"}]), ("b", {"x": 7})]
    value = from_json(layout, form)
    assert value.a[0].x is value.b.x


# What is apart


def test_short_list_is_in_its_place():
    assert brackets(json.dumps(to_json(LIST, chain(DEEP)))) == DEEP


@pytest.mark.parametrize("length", [DEEP + 2, 20_000])
def test_long_list_is_in_parts_that_any_program_reads(length):
    text = json.dumps(to_json(LIST, chain(length)))
    assert brackets(text) <= DEEP + 4
    value, found = from_json(LIST, json.loads(text)), 0
    while value is not None:
        value, found = value.next, found + 1
    assert found == length


@pytest.mark.parametrize("length", [DEEP + 2, 2_000])
def test_long_ring_comes_back(length):
    text = json.dumps(to_json(RINGS, {"p": ring(length)}))
    assert brackets(text) <= DEEP + 4
    first = node = from_json(RINGS, json.loads(text))["p"]
    for index in range(length):
        assert node.v == index
        assert node.next.back is node
        node = node.next
    assert node is first


def test_full_pointers_share_what_is_apart():
    data = {"$value": {"p": {"$ref": 0}}, "$pointees": [{"v": 1, "next": {"$ref": 0}, "back": "alias of $0"}]}
    one = from_json(RINGS, data)["p"]
    assert one.next is one.back is one


def test_pointer_to_a_pointer_that_is_apart_is_resolved():
    deep = Parameters("p" / FullPtr(FullPtr(RING)))
    data = {"$value": {"p": {"$ref": 0}}, "$pointees": [{"$ref": 1}, {"v": 1, "next": {"$ref": 1}, "back": None}]}
    one = from_json(deep, data)["p"]
    assert one.next is one


@pytest.mark.parametrize(
    ("data", "path", "reason"),
    [
        ({"$value": {"v": 1, "next": {"$ref": 1}}, "$pointees": [1]}, "next", "1 is no index of $pointees"),
        ({"$value": {"v": 1, "next": {"$ref": True}}, "$pointees": [1]}, "next", "True is no index of $pointees"),
        ({"v": 1, "next": {"$ref": 0}}, "next", "0 is no index of $pointees"),
        ({"$value": {"v": 1, "next": None}, "$pointees": [1]}, "$pointees[0]", "nothing leads here"),
        ({"$value": 1, "$pointees": 2}, "$pointees", "2 where a list is needed"),
        (
            {"$value": {"v": 1, "next": {"$ref": 0}}, "$pointees": [{"v": 1, "next": {"$ref": 0}}]},
            "$0.next",
            "{'$ref': 0} is used twice, and not by full pointers",
        ),
    ],
)
def test_form_that_leads_nowhere_is_refused(data, path, reason):
    error = refused(LIST, data)
    assert (error.path, error.reason) == (path, reason)


def test_index_of_another_type_is_refused():
    layout = Parameters("a" / FullPtr(Long), "b" / FullPtr(Short))
    data = {"$value": {"a": {"$ref": 0}, "b": {"$ref": 0}}, "$pointees": [5]}
    assert refused(layout, data).reason == "no short at '$0' so far"


def test_texts_and_numbers_are_never_apart():
    deep: Layout = Struct(dict, "a" / FullPtr(String(Char)), "b" / FullPtr(String(Char)))
    text = shared("x")
    value: Any = {"a": text, "b": text}
    for _ in range(DEEP + 3):
        deep, value = Struct(dict, "in" / deep), {"in": value}
    form = to_json(deep, value)
    assert "$ref" not in json.dumps(form)
    back = from_json(deep, form)
    for _ in range(DEEP + 3):
        back = back["in"]
    assert back["a"] is back["b"]
