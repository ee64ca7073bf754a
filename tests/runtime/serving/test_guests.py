"""Who is connected: the limits on strangers and users, and what connections have carried."""

from __future__ import annotations

from typing import Any

import pytest

from lrpc.runtime.call import Caller, Limits
from lrpc.runtime.serving.guests import Guests
from lrpc.transports.traffic import Traffic


class Guest:
    def __init__(self, uid: int | None = 1, address: str = "") -> None:
        self.caller = Caller("ncalrpc", 5, uid, address=address)
        self.bound = False
        self.traffic = Traffic(calls_in=1)


@pytest.fixture
def dropped() -> list[Any]:
    return []


def guests(dropped: list[Any], **limits: int) -> Guests:
    return Guests(Limits(**limits), dropped.append)  # type: ignore[arg-type]


def test_the_oldest_stranger_makes_room_for_the_newest(dropped: list[Any]) -> None:
    made, old, new = guests(dropped, max_strangers=2), [Guest(), Guest()], Guest()
    assert all(made.admit(guest) for guest in (*old, new))  # type: ignore[arg-type]
    assert dropped == old[:1]


def test_whoever_has_bound_is_no_stranger(dropped: list[Any]) -> None:
    made, many = guests(dropped, max_strangers=2), [Guest() for _ in range(6)]
    for guest in many:
        assert made.admit(guest)  # type: ignore[arg-type]
        guest.bound = True
    assert dropped == []
    assert len(made.present()) == 6


def test_users_have_a_limit_each(dropped: list[Any]) -> None:
    made = guests(dropped, max_connections=1)
    found = [made.admit(guest) for guest in (Guest(1), Guest(1), Guest(2))]  # type: ignore[arg-type]
    assert found == [True, False, True]


def test_addresses_count_without_their_ports(dropped: list[Any]) -> None:
    made = guests(dropped, max_connections=1)
    found = [made.admit(Guest(None, where)) for where in ("10.0.0.1:1", "10.0.0.1:2", "10.0.0.2:1")]  # type: ignore[arg-type]
    assert found == [True, False, True]


def test_nobody_is_admitted_after_closing(dropped: list[Any]) -> None:
    made, guest = guests(dropped), Guest()
    made.admit(guest)  # type: ignore[arg-type]
    assert made.close() == [guest]
    assert not made.admit(Guest())  # type: ignore[arg-type]


def test_what_was_carried_is_counted_on(dropped: list[Any]) -> None:
    made, guest = guests(dropped), Guest()
    made.admit(guest)  # type: ignore[arg-type]
    made.admit(Guest())  # type: ignore[arg-type]
    made.dismiss(guest)  # type: ignore[arg-type]
    assert made.traffic().calls_in == 2
    assert not made.users[0]
