"""Connections that one loop reads: all of them get their turns, and so does the loop."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest

from lrpc.runtime.looking import Looking
from lrpc.runtime.serving.loop_readers import STRAIGHT, LoopReaders


def test_what_has_come_is_read_from_all_until_they_are_removed() -> None:
    async def run() -> None:
        readers, pairs, read = LoopReaders(), [socket.socketpair() for _ in range(3)], Counter[int]()
        done = asyncio.Event()

        def take(at: int) -> bool:
            try:
                pairs[at][0].recv(1, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return False
            read[at] += 1
            if read.total() == 3:
                done.set()
            return True

        for at, (ours, theirs) in enumerate(pairs):
            readers.add(ours.fileno(), partial(take, at))
            theirs.send(b"x")
        await done.wait()
        assert read == Counter({0: 1, 1: 1, 2: 1})
        for ours, theirs in pairs:
            readers.remove(ours.fileno())
            theirs.send(b"x")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert read.total() == 3
        readers.close()
        readers.close()
        for pair in pairs:
            for end in pair:
                end.close()

    asyncio.run(run())


def test_one_that_always_has_more_keeps_neither_another_nor_the_loop_from_their_turns() -> None:
    async def run() -> None:
        readers, loop = LoopReaders(), asyncio.get_running_loop()
        flood, other = socket.socketpair(), socket.socketpair()
        over: asyncio.Future[int] = loop.create_future()
        flooded, turns = 0, 0

        def flooding() -> bool:
            nonlocal flooded
            flooded += 1  # nothing is taken: it stays readable
            return True

        def told() -> bool:
            if not over.done():
                over.set_result(flooded)
            return False

        def turn() -> None:
            nonlocal turns
            turns += 1
            if turns == 20:
                other[1].send(b"x")
            loop.call_later(0, turn)

        readers.add(flood[0].fileno(), flooding)
        readers.add(other[0].fileno(), told)
        flood[1].send(b"x")
        turn()
        assert await over > 0
        assert turns >= 20
        readers.close()
        for end in (*flood, *other):
            end.close()

    asyncio.run(run())


def test_one_that_removes_itself_is_not_read_on() -> None:
    async def run() -> None:
        readers, (ours, theirs), read = LoopReaders(), socket.socketpair(), list[bool]()

        def take() -> bool:
            read.append(True)
            readers.remove(ours.fileno())
            return True

        readers.add(ours.fileno(), take)
        theirs.send(b"x")
        while not read:
            await asyncio.sleep(0)
        assert read == [True]
        readers.close()
        ours.close()
        theirs.close()

    asyncio.run(run())


@pytest.mark.parametrize("enough", [False, True])
def test_the_only_one_that_has_something_is_read_on_and_then_the_others_are_looked_at(
    monkeypatch: pytest.MonkeyPatch, enough: bool
) -> None:
    async def run() -> None:
        readers, pairs, read = LoopReaders(), [socket.socketpair() for _ in range(2)], list[int]()

        def take(at: int) -> bool:
            read.append(at)
            readers.alone = readers.alone and not enough
            if read == [0]:
                pairs[1][1].send(b"x")
            if at:
                for ours, _ in pairs:
                    readers.remove(ours.fileno())
            return True

        for at, (ours, _) in enumerate(pairs):
            readers.add(ours.fileno(), partial(take, at))
        pairs[0][1].send(b"x")
        while 1 not in read:
            await asyncio.sleep(0)
        first = 2 if enough else STRAIGHT + 2
        assert sorted(read[: first + 1]) == [0] * first + [1]
        readers.close()
        for pair in pairs:
            for end in pair:
                end.close()

    def look(_: Looking, receive: Callable[[], object]) -> object:
        return receive()

    monkeypatch.setattr(Looking, "look", look)
    asyncio.run(run())


def test_one_that_an_earlier_one_removes_is_not_read() -> None:
    async def run() -> None:
        readers, pairs, read = LoopReaders(), [socket.socketpair() for _ in range(2)], list[int]()

        def take(at: int) -> bool:
            read.append(at)
            for ours, _ in pairs:
                readers.remove(ours.fileno())
            return True

        for at, (ours, theirs) in enumerate(pairs):
            readers.add(ours.fileno(), partial(take, at))
            theirs.send(b"x")
        while not read:
            await asyncio.sleep(0)
        assert len(read) == 1
        readers.close()
        for pair in pairs:
            for end in pair:
                end.close()

    asyncio.run(run())


def test_a_descriptor_that_is_closed_already_can_be_removed() -> None:
    async def run() -> None:
        readers, (ours, theirs) = LoopReaders(), socket.socketpair()
        descriptor = ours.fileno()
        readers.add(descriptor, lambda: False)
        ours.close()
        theirs.close()
        readers.remove(descriptor)
        readers.remove(descriptor)
        readers.close()

    asyncio.run(run())
