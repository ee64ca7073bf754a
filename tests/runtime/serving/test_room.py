"""How long an answer waits for room."""

from __future__ import annotations

import asyncio
import socket
from types import SimpleNamespace
from typing import Any

import pytest

from lrpc.runtime.ended import Ended
from lrpc.runtime.prompt import fulfil
from lrpc.runtime.serving.room import Room


@pytest.fixture
def ends() -> Any:
    one, two = socket.socketpair()
    with one, two:
        one.setblocking(False)
        yield one, two


def fill(end: socket.socket) -> None:
    while True:
        try:
            end.send(bytes(1 << 16))
        except BlockingIOError:
            return


def test_where_there_is_room_nobody_waits(ends: Any) -> None:
    asyncio.run(Room(ends[0]).wait(20, moved=True))


def test_where_there_is_none_it_ends_when_nothing_has_gone_for_the_time(ends: Any) -> None:
    fill(ends[0])
    with pytest.raises(Ended, match="unread"):
        asyncio.run(Room(ends[0]).wait(0.01, moved=True))


def test_room_that_is_promised_and_not_there_does_not_prolong_the_time(ends: Any) -> None:
    async def lied_to() -> int:
        room, times = Room(ends[0]), 0
        await room.wait(0.05, moved=True)
        with pytest.raises(Ended, match="unread"):
            while True:
                await room.wait(0.05, moved=False)
                times += 1
        return times

    assert asyncio.run(lied_to()) <= 50  # and does not spin


def test_what_moves_has_its_time_anew(ends: Any) -> None:
    async def slow() -> None:
        room = Room(ends[0])
        for _ in range(20):
            await room.wait(0.02, moved=True)
            await asyncio.sleep(0.005)

    asyncio.run(slow())


def test_a_feed_wakes_who_waits(ends: Any) -> None:
    async def woken() -> None:
        feed: Any = SimpleNamespace(wake=None)
        asyncio.get_running_loop().call_later(0.01, lambda: feed.wake())
        await Room(ends[0], feed).wait(20, moved=True)
        assert feed.wake is None

    fill(ends[0])
    asyncio.run(woken())


def test_a_connection_that_was_closed_has_no_room(ends: Any) -> None:
    ends[0].close()
    with pytest.raises(Ended, match="closed"):
        asyncio.run(Room(ends[0]).wait(20, moved=True))


def test_a_future_is_fulfilled_once() -> None:
    async def twice() -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        fulfil(future)
        fulfil(future)

    asyncio.run(twice())
