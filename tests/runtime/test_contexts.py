"""Context handles and association groups, without a server."""

from __future__ import annotations

import itertools
from typing import Any
from uuid import UUID

import pytest

import lrpc
from lrpc.runtime.contexts import AssociationGroups, ContextTable
from lrpc.runtime.status import Ran

ONE, TWO = UUID(int=1), UUID(int=2)


class Thing:
    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def table() -> ContextTable:
    numbers = itertools.count(100)
    return ContextTable(lambda: UUID(int=next(numbers)), 3)


def test_a_handle_stands_for_its_object(table: ContextTable) -> None:
    thing = Thing()
    wire = table.store(thing, ONE, "T")
    assert wire == (0, UUID(int=100))
    assert table.find(wire, ONE, "T") is thing
    assert len(table) == 1


@pytest.mark.parametrize(
    ("wire", "interface", "kind"),
    [
        (None, ONE, "T"),
        ((0, UUID(int=99)), ONE, "T"),
        ((0, UUID(int=100)), TWO, "T"),
        ((0, UUID(int=100)), ONE, "U"),
    ],
)
def test_every_wrong_handle_gives_the_same_answer(table: ContextTable, wire: Any, interface: UUID, kind: str) -> None:
    table.store(Thing(), ONE, "T")
    with pytest.raises(lrpc.ContextMismatch) as caught:
        table.find(wire, interface, kind)
    assert caught.value.ran is Ran.NO
    assert str(caught.value) == f"no such {kind} here"


def test_a_handle_stays_itself_while_its_object_changes(table: ContextTable) -> None:
    wire = table.store(Thing(), ONE, "T")
    other = Thing()
    assert table.store(other, ONE, "T", wire) == wire
    assert table.find(wire, ONE, "T") is other


def test_none_closes_a_handle(table: ContextTable) -> None:
    wire = table.store(Thing(), ONE, "T")
    assert table.store(None, ONE, "T", wire) is None
    assert table.store(None, ONE, "T", wire) is None
    assert table.store(None, ONE, "T") is None
    assert len(table) == 0


def test_an_object_that_finds_no_room_is_closed(table: ContextTable) -> None:
    kept = [Thing() for _ in range(3)]
    for thing in kept:
        table.store(thing, ONE, "T")
    late = Thing()
    with pytest.raises(lrpc.Fault, match="more than 3") as caught:
        table.store(late, ONE, "T")
    assert caught.value.ran is Ran.YES
    assert late.closed == 1
    assert [thing.closed for thing in kept] == [0, 0, 0]


def test_rundown_closes_everything_once(table: ContextTable, caplog: pytest.LogCaptureFixture) -> None:
    class Stubborn(Thing):
        def close(self) -> None:
            super().close()
            raise RuntimeError("no")

    things = [Stubborn(), Thing()]
    for thing in things:
        table.store(thing, ONE, "T")
    table.store(object(), ONE, "without close")
    assert table.run_down() == 3
    assert table.run_down() == 0
    assert [thing.closed for thing in things] == [1, 1]
    assert "rundown of a T failed" in caplog.text


def test_an_object_that_comes_after_the_rundown_is_closed(table: ContextTable) -> None:
    table.run_down()
    late = Thing()
    with pytest.raises(lrpc.Fault):
        table.store(late, ONE, "T")
    assert late.closed == 1


@pytest.fixture
def groups(table: ContextTable) -> AssociationGroups:
    return AssociationGroups(lambda: table)


def test_a_group_is_joined_by_its_owner_only(groups: AssociationGroups) -> None:
    group = groups.join(0, "me")
    assert group is not None
    assert groups.join(group.id, "me") is group
    assert groups.join(group.id, "you") is None
    assert groups.join(group.id + 1, "me") is None


def test_a_group_ends_with_its_last_connection(groups: AssociationGroups, table: ContextTable) -> None:
    group = groups.join(0, "me")
    assert group is not None
    groups.join(group.id, "me")
    thing = Thing()
    group.contexts.store(thing, ONE, "T")
    groups.leave(group)
    assert thing.closed == 0
    groups.leave(group)
    assert thing.closed == 1
    assert groups.join(group.id, "me") is None


def test_groups_are_numbered_anew(groups: AssociationGroups) -> None:
    found = [groups.join(0, "me") for _ in range(3)]
    ids = {group.id for group in found if group}
    assert len(ids) == 3
    assert all(0 < id < 1 << 31 for id in ids)
