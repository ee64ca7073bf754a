"""Parts of a value that wait for pointees, and circles that are closed at the end."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.reference_deferred import Referent, all_of, deferred, list_of, put
from lrpc.runtime.ndr.reference_rules import Place, settle

PLACE = Place("a.b", {})


class Frozen(NamedTuple):
    a: Any


def steps(value, log=None):
    """A part that waits for one thing."""
    if log is not None:
        log.append(value)
    yield from ()
    return value


def test_only_steps_have_to_be_waited_for():
    assert deferred([1, steps(2)])
    assert not deferred([1, [2], Referent("s"), None])


def test_pointees_come_in_the_order_of_the_members():
    log: list[int] = []
    made = settle(all_of(SimpleNamespace, {"a": steps(1, log), "b": 5, "c": steps(2, log)}))
    assert (made, log) == (SimpleNamespace(a=1, b=5, c=2), [1, 2])


def test_structure_is_made_without_what_is_still_open_and_waits_for_it():
    open_ = Referent("s")
    made = settle(all_of(SimpleNamespace, {"a": open_, "b": steps(7)}))
    assert made == SimpleNamespace(a=None, b=7)
    assert open_.waiting == [(made, "a")]


def test_list_waits_for_each_of_its_items_that_is_open():
    open_ = Referent("s")
    made = settle(list_of([1, steps(open_), steps(3)]))
    assert (made[0], made[2]) == (1, 3)
    ((holder, index),) = open_.waiting
    assert (holder is made, index) == (True, 1)


def test_latest_pointee_is_found_through_referents_that_are_complete():
    inner, outer = Referent("s"), Referent("s")
    outer.value, outer.complete = inner, True
    assert outer.latest() is inner
    inner.value, inner.complete = 5, True
    assert outer.latest() == 5


@pytest.mark.parametrize(("holder", "name"), [([0, 0], 1), ({"x": 0}, "x"), (SimpleNamespace(x=0), "x")])
def test_circle_is_closed_in_what_can_change(holder, name):
    put(holder, name, holder, PLACE)
    assert (vars(holder) if isinstance(holder, SimpleNamespace) else holder)[name] is holder


@pytest.mark.parametrize(("holder", "name"), [((0,), 0), (Frozen(0), "a"), (5, "a")])
def test_circle_through_what_cannot_change_is_refused_at_its_place(holder, name):
    with pytest.raises(NdrError, match="a circle through an unchangeable") as caught:
        put(holder, name, 1, PLACE)
    assert caught.value.path == "a.b"
