"""Context handles and association groups, without a server."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest

import lrpc
from lrpc.runtime import contexts
from lrpc.runtime.contexts import (
    NO_HANDLES,
    AssociationGroups,
    ContextTable,
    HandleRules,
    Hold,
    Holder,
)
from lrpc.runtime.status import Ran

WATCHDOG = 20.0
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


# Who may use a handle


def held(table: ContextTable, wire: Any, *more: Any, kind: str = "T", shared: bool = False, **options: Any) -> Hold:
    return table.hold([(each, kind, shared) for each in (wire, *more)], ONE, **options)


def test_a_handle_is_its_owners_alone(table: ContextTable) -> None:
    wire = table.store(Thing(), ONE, "T", holder=Holder("me", 5))
    assert table.find(wire, ONE, "T", Holder("me", 5))
    for stranger in (Holder("you", 6), Holder(None, 6)):
        with pytest.raises(lrpc.ContextMismatch, match="no such T here"):
            table.find(wire, ONE, "T", stranger)


@pytest.mark.parametrize(("level", "enough"), [(4, False), (5, True), (6, True)])
def test_a_call_needs_the_level_that_a_handle_was_made_at(table: ContextTable, level: int, enough: bool) -> None:
    wire = table.store(Thing(), ONE, "T", holder=Holder("me", 5))
    if enough:
        assert table.find(wire, ONE, "T", Holder("me", level))
    else:
        with pytest.raises(lrpc.ContextMismatch, match="no such T here"):
            table.find(wire, ONE, "T", Holder("me", level))


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("type_strict", [False, True])
@pytest.mark.parametrize(("interface", "kind"), [(ONE, "T"), (TWO, "T"), (ONE, "U"), (TWO, "U")])
def test_rules_say_whose_handles_an_interface_takes(
    table: ContextTable, strict: bool, type_strict: bool, interface: UUID, kind: str
) -> None:
    wire, rules = table.store(Thing(), ONE, "T"), HandleRules(strict, type_strict)
    if (interface != ONE and strict) or (kind != "T" and type_strict):
        with pytest.raises(lrpc.ContextMismatch):
            table.find(wire, interface, kind, rules=rules)
    else:
        assert table.find(wire, interface, kind, rules=rules)


def test_two_tables_know_a_handle_by_different_keys() -> None:
    """Where a handle is kept says nothing about it to somebody who tries many and takes the time."""
    one, two = ContextTable(lambda: UUID(int=7), 1), ContextTable(lambda: UUID(int=7), 1)
    assert one._key((0, UUID(int=7))) != two._key((0, UUID(int=7)))


# Calls that use a handle


def test_calls_on_one_handle_take_turns(table: ContextTable, threads: ThreadPoolExecutor) -> None:
    wire, running, most = table.store(Thing(), ONE, "T"), [0], [0]

    def use() -> None:
        with held(table, wire):
            running[0] += 1
            most[0] = max(most[0], running[0])
            time.sleep(0.001)
            running[0] -= 1

    list(threads.map(lambda _: use(), range(20)))
    assert most == [1]


def test_calls_on_a_shared_handle_do_not(table: ContextTable, threads: ThreadPoolExecutor) -> None:
    wire, together = table.store(Thing(), ONE, "T"), threading.Barrier(4)

    def use() -> None:
        with held(table, wire, shared=True):
            together.wait(WATCHDOG)

    list(threads.map(lambda _: use(), range(4)))


def test_handles_are_taken_in_one_order_by_all(table: ContextTable, threads: ThreadPoolExecutor) -> None:
    one, two = table.store(Thing(), ONE, "T"), table.store(Thing(), ONE, "T")

    def use(n: int) -> None:
        for _ in range(50):
            with held(table, *((one, two) if n % 2 else (two, one))):
                time.sleep(0)

    list(threads.map(use, range(4)))


def test_a_handle_given_twice_is_taken_once(table: ContextTable) -> None:
    thing = Thing()
    wire = table.store(thing, ONE, "T")
    with held(table, wire, wire) as values:
        assert values == [thing, thing]
    with held(table, wire):
        assert True


def test_a_thread_comes_back_to_its_handle(table: ContextTable) -> None:
    wire = table.store(Thing(), ONE, "T")
    with held(table, wire), held(table, wire) as values:
        assert len(values) == 1


def test_of_two_that_close_a_handle_one_does(table: ContextTable, threads: ThreadPoolExecutor) -> None:
    wire = table.store(Thing(), ONE, "T")

    def close(_: int) -> str:
        try:
            with held(table, wire):
                time.sleep(0.01)
                assert table.store(None, ONE, "T", wire) is None
        except lrpc.ContextMismatch as error:
            return error.ran.value
        return "closed"

    assert sorted(threads.map(close, range(4))) == ["closed", "no", "no", "no"]


def test_of_two_that_close_a_shared_handle_one_does(table: ContextTable) -> None:
    wire = table.store(Thing(), ONE, "T")
    with held(table, wire, shared=True), held(table, wire, shared=True):
        assert table.store(None, ONE, "T", wire) is None
        for value in (None, Thing()):
            with pytest.raises(lrpc.ContextMismatch) as caught:
                table.store(value, ONE, "T", wire)
            assert caught.value.ran is Ran.YES
    assert len(table) == 0


def test_a_call_that_waits_too_long_did_not_run(
    table: ContextTable, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contexts, "MAX_WAIT", 0.01)
    wire = table.store(Thing(), ONE, "T")

    def use() -> None:
        with held(table, wire):
            raise AssertionError

    with held(table, wire), pytest.raises(lrpc.ServerTooBusy) as caught:
        threads.submit(use).result(WATCHDOG)
    assert caught.value.ran is Ran.NO
    assert threads.submit(lambda: held(table, wire).__enter__()).result(WATCHDOG)


def test_tasks_take_turns_too() -> None:
    table = ContextTable(uuid4, 3, asynchronous=True)

    async def run() -> None:
        wire, running = table.store(Thing(), ONE, "T"), [0]

        async def use() -> None:
            async with held(table, wire):
                running[0] += 1
                assert running == [1]
                await asyncio.sleep(0)
                running[0] -= 1

        async with asyncio.TaskGroup() as group:
            for _ in range(10):
                group.create_task(use())
        waiting = held(table, wire)
        async with held(table, wire):
            late = asyncio.create_task(waiting.__aenter__())
            await asyncio.sleep(0)
            late.cancel()
        with pytest.raises(asyncio.CancelledError):
            await late
        assert table.run_down() == 1

    asyncio.run(run())


def test_what_a_call_uses_is_run_down_after_it(table: ContextTable) -> None:
    used, idle = Thing(), Thing()
    wire = table.store(used, ONE, "T")
    table.store(idle, ONE, "T")
    with held(table, wire):
        assert table.run_down() == 2
        assert (used.closed, idle.closed) == (0, 1)
        assert table.run_down() == 0
    assert (used.closed, idle.closed) == (1, 1)


def test_what_its_own_call_closes_is_not_run_down(table: ContextTable) -> None:
    used = Thing()
    wire = table.store(used, ONE, "T")
    with held(table, wire):
        table.run_down()
        assert table.store(None, ONE, "T", wire) is None
    assert used.closed == 0


def test_no_handles_are_held_by_anybody() -> None:
    with NO_HANDLES as nothing, NO_HANDLES:
        assert nothing == []


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
