"""Calls that find nothing in their way: when they go, which go together, and what becomes of those that do not."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

import lrpc
from lrpc.runtime.async_channel import AsyncioChannel
from lrpc.runtime.ndr.layout import Encoding
from lrpc.runtime.prompt_calls import MAX_CALLS
from lrpc.runtime.status import Ran
from lrpc.runtime.wire import Message

WATCHDOG = 20.0


class PlainWire:
    """All of its calls are plain: a letter each. It takes `room` octets, or fails, and is answered by the test.

    Those of `large` letters are lent instead, if there is room for more than an octet.
    """

    encoding = Encoding.NDR
    multiplex = True
    dismissed = False

    def __init__(self, *, message_mode: bool = False) -> None:
        self.message_mode = message_mode
        self._ours, self._theirs = socket.socketpair()
        self.arriving: deque[Any] = deque()
        self.sent: list[bytes] = []
        self.room = 1 << 20
        self.large: set[bytes] = set()
        self.failing: lrpc.RpcError | None = None
        self.withdrawn: list[int] = []
        self.abandoned: list[int] = []
        self._keys = iter(range(1, 1 << 30))

    def plain(self, opnum: int, parts: Sequence[bytes]) -> tuple[int, bytes] | None:
        return None if parts[0] in self.large else (next(self._keys), b"".join(parts))

    def lend(self, opnum: int, parts: Sequence[bytes]) -> int:
        return next(self._keys) if self.room > 1 and self.send_plain(b"lent " + parts[0]) else 0

    def send_plain(self, octets: Any) -> int:
        if self.failing is not None:
            raise self.failing
        taken = bytes(octets[: self.room])
        self.room -= len(taken)
        self.sent += [taken] if taken else []
        return len(taken)

    def withdraw(self, key: int) -> None:
        self.withdrawn.append(key)

    def compose(self, opnum: int, parts: Sequence[bytes], *, maybe: bool = False) -> Message:
        self._composed = b"".join(parts)
        return Message(next(self._keys), ())

    def transmitting(self, message: Message) -> Generator[int]:
        while not self.send_plain(self._composed):
            yield 0

    def receive_now(self) -> Any:
        if not self.arriving:
            return None
        self._ours.recv(1)
        return self.arriving.popleft()

    def arrive(self, *arrivals: tuple[int, Any]) -> None:
        self.arriving.append([*arrivals])
        self._theirs.send(b"!")

    def abandon(self, key: int) -> None:
        self.abandoned.append(key)

    def saying(self) -> Generator[int]:
        yield from ()

    def fileno(self) -> int:
        return self._ours.fileno()

    def close(self) -> None:
        self._ours.close()
        self._theirs.close()


def run(
    script: Callable[[PlainWire, AsyncioChannel], Awaitable[None]],
    *,
    timeout: float = 2 * WATCHDOG,
    message_mode: bool = False,
) -> None:
    async def main() -> None:
        wire = PlainWire(message_mode=message_mode)
        channel = AsyncioChannel(wire, timeout)  # type: ignore[arg-type]
        async with asyncio.timeout(WATCHDOG):
            await script(wire, channel)
        await channel.close()

    asyncio.run(main())


def reply(text: bytes, release: Any = None) -> Any:
    return text, Encoding.NDR, release


async def made(channel: AsyncioChannel, letters: str) -> list[asyncio.Task[Any]]:
    """Calls that have been made in one turn of the loop, and whose turn has ended."""
    tasks = [asyncio.ensure_future(channel.call(0, [letter.encode()])) for letter in letters]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


def test_a_call_alone_has_gone_before_the_loop_is_asked() -> None:
    async def script(wire: PlainWire, channel: AsyncioChannel) -> None:
        call: Coroutine[Any, Any, Any] = channel.call(0, [b"a"])
        call.send(None)
        assert wire.sent == [b"a"]
        call.close()

    run(script)


def test_calls_made_while_one_waits_go_together_and_find_their_answers() -> None:
    async def script(wire: PlainWire, channel: AsyncioChannel) -> None:
        tasks = await made(channel, "abcd")
        assert wire.sent == [b"a", b"bcd"]
        wire.arrive(*((key, reply(b"%d" % key)) for key in (3, 1, 4, 2)))
        assert [answer[0] for answer in await asyncio.gather(*tasks)] == [b"1", b"2", b"3", b"4"]

    run(script)


def test_calls_that_answers_lead_to_go_together() -> None:
    async def script(wire: PlainWire, channel: AsyncioChannel) -> None:
        async def twice(letter: bytes) -> bytes:
            await channel.call(0, [letter])
            return bytes((await channel.call(0, [letter.upper()]))[0])

        tasks = [asyncio.ensure_future(twice(letter)) for letter in (b"a", b"b", b"c")]
        for _ in range(3):
            await asyncio.sleep(0)
        wire.arrive(*((key, reply(b"")) for key in (1, 2, 3)))
        while len(wire.sent) < 3:
            await asyncio.sleep(0)
        assert wire.sent == [b"a", b"bc", b"ABC"]
        wire.arrive(*((key, reply(b"%d" % key)) for key in (4, 5, 6)))
        assert await asyncio.gather(*tasks) == [b"4", b"5", b"6"]

    run(script)


def test_where_messages_have_bounds_each_call_goes_by_itself() -> None:
    async def script(wire: PlainWire, channel: AsyncioChannel) -> None:
        tasks = await made(channel, "abc")
        assert wire.sent == [b"a", b"b", b"c"]
        wire.arrive(*((key, reply(b"")) for key in (1, 2, 3)))
        await asyncio.gather(*tasks)

    run(script, message_mode=True)


def test_what_there_is_no_room_for_goes_later_and_nothing_goes_between() -> None:
    async def script(wire: PlainWire, channel: AsyncioChannel) -> None:
        wire.room = 3
        tasks = await made(channel, "abcd")
        tasks += await made(channel, "e")
        assert b"".join(wire.sent) == b"abc"
        wire.room = 100
        while b"".join(wire.sent) != b"abcde":
            await asyncio.sleep(0)
        wire.arrive(*((key, reply(b"")) for key in range(1, 6)))
        await asyncio.gather(*tasks)

    run(script)


def test_large_calls_are_lent_each_as_soon_as_it_is_made() -> None:
    async def script(wire: PlainWire, channel: AsyncioChannel) -> None:
        wire.large = {b"b", b"c"}
        tasks = await made(channel, "abcd")
        assert wire.sent == [b"a", b"lent b", b"lent c", b"d"]
        wire.arrive(*((key, reply(b"%d" % key)) for key in (3, 1, 4, 2)))
        assert [answer[0] for answer in await asyncio.gather(*tasks)] == [b"1", b"2", b"3", b"4"]

    run(script, message_mode=True)


def test_the_answer_of_a_call_that_is_lent_is_looked_for() -> None:
    async def script(wire: PlainWire, channel: AsyncioChannel) -> None:
        wire.large = {b"a"}
        channel._looking = SimpleNamespace(look=lambda receive: receive())  # type: ignore[assignment]
        wire.arrive((1, reply(b"x")))
        with pytest.raises(StopIteration) as ended:
            channel.call(0, [b"a"]).send(None)
        assert ended.value.value[0] == b"x"

    run(script, message_mode=True)


def test_a_large_call_that_cannot_be_lent_goes_as_any_other() -> None:
    async def script(wire: PlainWire, channel: AsyncioChannel) -> None:
        wire.large, wire.room = {b"a"}, 1
        [task] = await made(channel, "a")
        assert wire.sent == [b"a"]
        wire.arrive((1, reply(b"x")))
        assert (await task)[0] == b"x"

    run(script, message_mode=True)


def test_a_call_without_any_room_is_withdrawn_and_made_anew_when_there_is() -> None:
    async def script(wire: PlainWire, channel: AsyncioChannel) -> None:
        wire.room = 0
        [task] = await made(channel, "a")
        assert (wire.sent, wire.withdrawn) == ([], [1])
        wire.room = 1
        while not wire.sent:
            await asyncio.sleep(0)
        wire.arrive((2, reply(b"x")))
        assert (await task)[0] == b"x"

    run(script)


@pytest.mark.parametrize("count", [1, 3])
def test_calls_that_could_not_be_sent_did_not_run(count: int) -> None:
    """One that is alone, and those that were to go together behind one that had gone."""

    async def script(wire: PlainWire, channel: AsyncioChannel) -> None:
        before = await made(channel, "z") if count > 1 else []
        wire.failing = lrpc.ConnectionLost("gone")
        tasks = await made(channel, "abc"[:count])
        errors = await asyncio.gather(*tasks, return_exceptions=True)
        assert [(type(error), error.ran) for error in errors] == [(lrpc.ConnectionLost, Ran.NO)] * count  # type: ignore[union-attr]
        assert len(wire.withdrawn) == count
        assert channel.has_ended() is not bool(before)  # to one that has gone there may be an answer yet
        for task in before:
            wire.arrive((1, reply(b"x")))
            assert (await task)[0] == b"x"

    run(script)


def test_only_so_many_calls_are_on_their_way() -> None:
    async def script(wire: PlainWire, channel: AsyncioChannel) -> None:
        tasks = await made(channel, "a" * (MAX_CALLS + 5))
        assert len(b"".join(wire.sent)) == MAX_CALLS
        wire.arrive(*((key, reply(b"")) for key in range(1, 6)))
        while len(b"".join(wire.sent)) < MAX_CALLS + 5:
            await asyncio.sleep(0)
        wire.arrive(*((key, reply(b"")) for key in range(6, MAX_CALLS + 6)))
        await asyncio.gather(*tasks)

    run(script)


def test_calls_without_answers_are_late_and_given_up_and_leave_their_places() -> None:
    async def script(wire: PlainWire, channel: AsyncioChannel) -> None:
        for error in await asyncio.gather(*await made(channel, "abc"), return_exceptions=True):
            assert (type(error), error.ran) == (lrpc.DeadlineExceeded, Ran.UNKNOWN)  # type: ignore[union-attr]
        assert wire.abandoned == [1, 2, 3]
        assert channel._room.free == MAX_CALLS

    run(script, timeout=0.01)


def test_a_call_that_is_cancelled_before_it_has_gone_is_never_sent() -> None:
    async def script(wire: PlainWire, channel: AsyncioChannel) -> None:
        [first] = await made(channel, "a")
        calls = [channel.call(0, [letter]) for letter in (b"b", b"c")]
        tasks = [asyncio.ensure_future(call) for call in calls]
        asyncio.get_running_loop().call_soon(tasks[0].cancel)  # in the turn in which they are made
        await asyncio.wait((tasks[0],))
        assert (wire.sent, wire.withdrawn, wire.abandoned) == ([b"a", b"c"], [2], [])
        wire.arrive((1, reply(b"")), (3, reply(b"")))
        await asyncio.gather(first, tasks[1])

    run(script)


def test_an_answer_found_on_looking_costs_no_turn_and_anothers_gives_its_memory_back() -> None:
    released: list[int] = []

    async def script(wire: PlainWire, channel: AsyncioChannel) -> None:
        channel._looking = SimpleNamespace(look=lambda receive: receive())  # type: ignore[assignment]
        wire.arrive((77, reply(b"", lambda: released.append(77))), (1, reply(b"x")))
        with pytest.raises(StopIteration) as ended:
            channel.call(0, [b"a"]).send(None)
        assert ended.value.value[0] == b"x"

    run(script)
    assert released == [77]
