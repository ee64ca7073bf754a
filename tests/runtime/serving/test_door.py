"""Who is turned away at the door: users whose connections come and go without a call, and nobody else."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from lrpc.runtime.call import Caller
from lrpc.runtime.serving.door import AT_ONCE, FORGIVEN, MAX_USERS, REST, Door, user_of
from lrpc.transports.seam import Peer

HERE, THERE = Peer(address="10.0.0.1:7"), Peer(address="10.0.0.2:7")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def counted(clock: Clock, peer: Peer, times: int, most: int = 4) -> Door:
    door = Door(most, clock)
    for _ in range(times):
        door.count(user_of(peer))
    return door


def test_a_user_is_who_the_kernel_names_or_else_the_address_without_its_port() -> None:
    assert user_of(Peer(uid=5, address="/x")) == user_of(Caller("ncalrpc", 7, 5)) == "uid 5"
    assert user_of(HERE) == user_of(Peer(address="10.0.0.1:8")) == "10.0.0.1"


@pytest.mark.parametrize(("times", "shut"), [(0, False), (3, False), (4, True), (9, True)])
def test_the_door_is_shut_to_the_user_of_so_many_and_to_no_other(clock: Clock, times: int, shut: bool) -> None:
    door = counted(clock, HERE, times)
    assert door.is_shut(HERE) is shut
    assert not door.is_shut(THERE)


def test_what_is_forgiven_opens_it_again(clock: Clock) -> None:
    door = counted(clock, HERE, 5)
    clock.now += 1.5 / FORGIVEN
    assert not door.is_shut(HERE)
    door.count(user_of(HERE))
    assert door.is_shut(HERE)
    clock.now += 1000
    door.count(user_of(HERE))
    assert not door.is_shut(HERE)


def test_shutting_it_is_logged_once_with_the_limit(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "lrpc"):
        counted(clock, HERE, 9)
    (record,) = caplog.records
    known: Any = record
    assert (known.peer, known.limit, known.value) == ("10.0.0.1", "max_idlers", 4)


def test_users_that_are_remembered_are_bounded_and_the_longest_gone_goes(clock: Clock) -> None:
    door = counted(clock, HERE, 4)
    for number in range(MAX_USERS):
        door.count(f"192.168.0.{number}")
    assert not door.is_shut(HERE)
    assert len(door._against) == MAX_USERS


def test_after_a_few_there_is_a_rest(clock: Clock) -> None:
    door = Door(1, clock)
    assert [door.rest() for _ in range(2 * AT_ONCE)] == [*[0.0] * (AT_ONCE - 1), REST] * 2
