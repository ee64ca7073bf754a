"""Parts of a value that wait for pointees, and values that full pointers lead to before they have their members."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NamedTuple

from lrpc.runtime.ndr.reference_deferred import Referent, all_of, deferred, list_of
from lrpc.runtime.ndr.reference_rules import settle
from lrpc.runtime.ndr.referents import Referents


class Frozen(NamedTuple):
    a: Any


def steps(value, log=None):
    """A part that waits for one thing."""
    if log is not None:
        log.append(value)
    yield from ()
    return value


def points_back(referent):
    """A part that is what a full pointer leads to, as it is by now."""
    yield from ()
    return referent.value


def test_only_steps_have_to_be_waited_for():
    assert deferred([1, steps(2)])
    assert not deferred([1, [2], Referent("s"), None])


def test_pointees_come_in_the_order_of_the_members():
    log: list[int] = []
    made = settle(all_of(SimpleNamespace, {"a": steps(1, log), "b": 5, "c": steps(2, log)}))
    assert (made, log) == (SimpleNamespace(a=1, b=5, c=2), [1, 2])


def test_structure_that_full_pointers_lead_to_is_there_before_its_members():
    first, second = Referent("s"), Referent("s")
    made = settle(all_of(SimpleNamespace, {"a": points_back(first), "b": steps(7)}, (first, second)))
    assert made.a is made
    assert made.b == 7
    assert first.there
    assert second.value is made


def test_list_that_a_full_pointer_leads_to_is_there_before_its_items():
    referent = Referent("s")
    made = settle(list_of([1, points_back(referent), steps(3)], (referent,)))
    assert (made[0], made[2]) == (1, 3)
    assert made[1] is made
    assert settle(list_of([steps(2)])) == [2]


def test_structure_that_cannot_change_is_made_at_the_end():
    referent = Referent("s")
    assert settle(all_of(Frozen, {"a": points_back(referent)}, (referent,))) == Frozen(None)
    assert not referent.there


def test_object_of_the_request_gets_the_members_of_the_response():
    before, call = SimpleNamespace(a=1, b=2), Referents()
    assert settle(all_of(SimpleNamespace, {"a": steps(3), "b": 4}, (Referent("s", before=before),), call)) is before
    assert before == SimpleNamespace(a=3, b=4)
    items = [1]
    assert settle(list_of([steps(3)], (Referent("s", before=items),), call)) is items
    assert items == [3]
    call.restore()
    assert (before, items) == (SimpleNamespace(a=1, b=2), [1])
