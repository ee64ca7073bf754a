from __future__ import annotations

import pytest

from lrpc.transports import alpc
from lrpc.transports.alpc.received import Message, Origin
from lrpc.transports.alpc.waiting import Waiter, Waiters
from lrpc.transports.errors import Canceled


def test_callbacks_come_before_the_answer_and_the_answer_before_a_failure() -> None:
    waiter = Waiter(7, 7)
    assert waiter.next() is None
    callback, answer = (Message(Origin(), kind, 7) for kind in (alpc.LPC_REQUEST, alpc.LPC_REPLY))
    waiter.answer = answer
    waiter.failure = Canceled()
    waiter.calls.append(callback)
    assert waiter.next() is callback
    assert waiter.next() is answer
    waiter.answer = None
    with pytest.raises(Canceled):
        waiter.next()


def test_the_innermost_is_the_last() -> None:
    looks: list[bool] = []
    waiters = Waiters(lambda: looks.append(True))
    outer, inner = Waiter(7, 7), Waiter(7, 9)
    for waiter in (outer, inner):
        waiters.add(waiter)
    assert waiters.of(7) == [outer, inner]
    assert waiters.find(7, 9) is inner
    assert waiters.find(9, 9) is None
    assert (outer.number_of_callback, inner.number_of_callback) == (0, 9)
    assert waiters.drop(inner)
    assert not waiters.drop(inner)
    assert waiters.of(7) == [outer]
    assert len(looks) == 1


def test_all_fail_at_once() -> None:
    waiters = Waiters(lambda: None)
    made = [Waiter(number % 2, number) for number in range(4)]
    for waiter in made:
        waiters.add(waiter)
    waiters.fail_all(Canceled("all"))
    assert not waiters
    for waiter in made:
        with pytest.raises(Canceled, match="all"):
            waiter.next()
