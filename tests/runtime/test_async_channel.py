"""A wire shared by tasks, with a wire of wax; what only the loop can get wrong."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Generator, Iterator, Sequence
from typing import Any

import pytest

import lrpc
from lrpc.runtime.async_channel import BURST, AsyncioChannel
from lrpc.runtime.ndr.layout import Encoding
from lrpc.runtime.status import Ran
from lrpc.runtime.wire import Message


class WaxWire:
    """Readable whenever the test has put something there; takes what it is sent after `full` attempts.

    gone: how much of it has gone at each of them.
    """

    encoding = Encoding.NDR
    multiplex = True
    dismissed = False
    message_mode = True

    def __init__(self) -> None:
        self._ours, self._theirs = socket.socketpair()
        self.arriving: deque[Any] = deque()
        self.sent: list[int] = []
        self.abandoned: list[int] = []
        self.cancelled: list[int] = []
        self.full = 0
        self.gone = 0
        self.failing: lrpc.RpcError | None = None
        self._keys = iter(range(1, 1 << 30))

    def arrive(self, *arrivals: Any) -> None:
        self.arriving.extend(arrivals)
        self._theirs.send(b"!" * len(arrivals))

    def compose(self, opnum: int, parts: Sequence[Any], *, maybe: bool = False) -> Message:
        return Message(next(self._keys), ())

    def plain(self, opnum: int, parts: Sequence[Any]) -> None:
        return None

    def lend(self, opnum: int, parts: Sequence[Any]) -> int:
        return 0

    def transmitting(self, message: Message) -> Iterator[int]:
        while self.full:
            self.full -= 1
            yield self.gone
        if self.failing is not None:
            raise self.failing
        self.sent.append(message.key)

    def receive_now(self) -> Any:
        if not self.arriving:
            return None
        self._ours.recv(1)
        arrived = self.arriving.popleft()
        if isinstance(arrived, lrpc.RpcError):
            raise arrived
        return arrived

    def cancel(self, key: int) -> None:
        self.cancelled.append(key)

    def abandon(self, key: int) -> None:
        self.abandoned.append(key)

    def fileno(self) -> int:
        return self._ours.fileno()

    def saying(self) -> Generator[int]:
        yield from ()

    def close(self) -> None:
        self._ours.close()
        self._theirs.close()


def run(script: Callable[[WaxWire, AsyncioChannel], Awaitable[None]]) -> None:
    async def main() -> None:
        wire = WaxWire()
        channel = AsyncioChannel(wire, 20.0)  # type: ignore[arg-type]
        await script(wire, channel)
        await channel.close()

    asyncio.run(main())


def reply(text: bytes, release: Any = None) -> Any:
    return text, Encoding.NDR, release


async def started(channel: AsyncioChannel, count: int = 1) -> list[asyncio.Task[Any]]:
    tasks = [asyncio.ensure_future(channel.call(0, [b""])) for _ in range(count)]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


def test_answers_find_their_tasks() -> None:
    async def script(wire: WaxWire, channel: AsyncioChannel) -> None:
        tasks = await started(channel, 5)
        wire.arrive([(key, reply(b"%d" % key)) for key in reversed(wire.sent)])
        assert [answer[0] for answer in await asyncio.gather(*tasks)] == [b"1", b"2", b"3", b"4", b"5"]

    run(script)


def test_an_answer_that_nobody_waits_for_gives_its_memory_back() -> None:
    released: list[int] = []

    async def script(wire: WaxWire, channel: AsyncioChannel) -> None:
        [task] = await started(channel)
        wire.arrive([(77, reply(b"", lambda: released.append(77)))], [(1, reply(b"x"))])
        await task

    run(script)
    assert released == [77]


def test_a_flood_leaves_the_loop_its_turns() -> None:
    async def script(wire: WaxWire, channel: AsyncioChannel) -> None:
        [task] = await started(channel)
        wire.arrive(*[[(77, reply(b""))]] * (BURST * 3), [(1, reply(b"x"))])
        turns = 0
        while not task.done():
            await asyncio.sleep(0)
            turns += 1
        assert turns >= 3

    run(script)


def test_a_cancelled_call_is_told_to_the_server() -> None:
    async def script(wire: WaxWire, channel: AsyncioChannel) -> None:
        one, two = await started(channel, 2)
        one.cancel()
        with pytest.raises(asyncio.CancelledError):
            await one
        await asyncio.sleep(0)
        assert wire.abandoned == [1]
        wire.arrive([(1, reply(b"late"))], [(2, reply(b"x"))])
        assert (await two)[0] == b"x"

    run(script)


async def cancelled(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_a_call_cancelled_before_any_of_it_has_gone_is_never_sent() -> None:
    async def script(wire: WaxWire, channel: AsyncioChannel) -> None:
        wire.full = 1 << 30
        [task] = await started(channel)
        await cancelled(task)
        wire.full = 0
        [task] = await started(channel)
        wire.arrive([(wire.sent[0], reply(b"x"))])
        assert (await task)[0] == b"x"
        assert (len(wire.sent), wire.abandoned) == (1, [])

    run(script)


def test_a_call_cancelled_when_half_of_it_has_gone_is_sent_whole_and_then_abandoned() -> None:
    async def script(wire: WaxWire, channel: AsyncioChannel) -> None:
        wire.full, wire.gone = 1 << 30, 100
        [task] = await started(channel)
        await cancelled(task)
        [later] = await started(channel)
        assert (wire.sent, wire.abandoned) == ([], [])
        wire.full = 0
        while not wire.sent[1:]:
            await asyncio.sleep(0)
        assert (wire.sent, wire.abandoned) == ([1, 2], [1])
        wire.arrive([(1, reply(b"late"))], [(2, reply(b"x"))])
        assert (await later)[0] == b"x"

    run(script)


def test_a_server_that_never_reads_the_rest_of_a_message_is_given_up() -> None:
    async def script(wire: WaxWire, channel: AsyncioChannel) -> None:
        channel._timeout = 0.02
        wire.full, wire.gone = 1 << 30, 100
        with pytest.raises(lrpc.RpcError) as caught:
            await channel.call(0, [b""])
        assert caught.value.ran is Ran.UNKNOWN
        with pytest.raises(lrpc.RpcError) as caught:
            while True:
                await channel.call(0, [b""])
        assert caught.value.ran is Ran.NO

    run(script)


def test_closing_ends_calls_that_wait_and_calls_that_are_sent() -> None:
    async def script(wire: WaxWire, channel: AsyncioChannel) -> None:
        [waiting] = await started(channel)
        wire.full = 1 << 30
        [sending] = await started(channel)
        wire.full, wire.failing = 0, lrpc.ConnectionLost("closed", ran=Ran.NO)
        await channel.close()
        await channel.close()
        for task in (waiting, sending):
            with pytest.raises(lrpc.ConnectionLost):
                await task

    run(script)


def test_a_call_that_never_left_leaves_the_connection() -> None:
    async def script(wire: WaxWire, channel: AsyncioChannel) -> None:
        wire.failing = lrpc.RpcError("no room", ran=Ran.NO)
        with pytest.raises(lrpc.RpcError, match="no room"):
            await channel.call(0, [b""])
        wire.failing = None
        [task] = await started(channel)
        wire.arrive([(2, reply(b"x"))])
        await task

    run(script)


def test_what_ends_a_connection_ends_every_call() -> None:
    async def script(wire: WaxWire, channel: AsyncioChannel) -> None:
        tasks = await started(channel, 3)
        wire.arrive(lrpc.ProtocolError("nonsense", ran=Ran.NO))
        for task in tasks:
            with pytest.raises(lrpc.ProtocolError) as caught:
                await task
            assert caught.value.ran is Ran.UNKNOWN

    run(script)


def test_a_deadline_says_whether_the_call_left() -> None:
    async def script(wire: WaxWire, channel: AsyncioChannel) -> None:
        with lrpc.deadline(0.02), pytest.raises(lrpc.DeadlineExceeded) as caught:
            await channel.call(0, [b""])
        assert caught.value.ran is Ran.UNKNOWN
        wire.full = 1 << 30
        with lrpc.deadline(0.02), pytest.raises(lrpc.DeadlineExceeded) as caught:
            await channel.call(0, [b""])
        assert caught.value.ran is Ran.NO

    run(script)


def test_a_server_that_takes_one_call_at_a_time_gets_one() -> None:
    async def main() -> None:
        wire = WaxWire()
        wire.multiplex = False
        channel = AsyncioChannel(wire, 20.0)  # type: ignore[arg-type]
        tasks = await started(channel, 3)
        for number in (1, 2, 3):
            for _ in range(5):
                await asyncio.sleep(0)
            assert wire.sent == list(range(1, number + 1))
            wire.arrive([(number, reply(b"%d" % number))])
            assert (await tasks[number - 1])[0] == b"%d" % number
        await channel.close()

    asyncio.run(asyncio.wait_for(main(), 20))


def test_a_call_without_an_answer_waits_for_nothing() -> None:
    async def script(wire: WaxWire, channel: AsyncioChannel) -> None:
        await channel.tell(0, [b""])
        assert wire.sent == [1]
        assert channel._waiting == {}
        assert wire.abandoned == []

    run(script)


def test_the_last_word_on_a_cancelled_call_is_waited_for_as_long_as_is_allowed() -> None:
    async def main() -> None:
        wire = WaxWire()
        channel = AsyncioChannel(wire, 20.0, 20.0)  # type: ignore[arg-type]
        [task] = await started(channel)
        task.cancel()
        for _ in range(5):
            await asyncio.sleep(0)
        assert wire.cancelled == [1]
        assert not task.done()
        wire.arrive([(1, lrpc.CallCancelled())])
        with pytest.raises(asyncio.CancelledError):
            await task
        assert wire.abandoned == []
        await channel.close()

    asyncio.run(asyncio.wait_for(main(), 20))


class Stream(WaxWire):
    """Takes plain calls as octets, up to `room` of them at a time; what it was given stands in `taken`."""

    message_mode = False

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[bytes] = []
        self.withdrawn: list[int] = []
        self.room = 1 << 30

    def plain(self, opnum: int, parts: Sequence[Any]) -> Any:
        key = next(self._keys)
        return key, b"<%d>" % key

    def withdraw(self, key: int) -> None:
        self.withdrawn.append(key)

    def send_plain(self, octets: Any) -> int:
        if self.failing is not None:
            raise self.failing
        taken = bytes(octets[: self.room])
        self.taken += [taken] if taken else []
        return len(taken)


def stream(script: Callable[[Stream, AsyncioChannel], Awaitable[None]]) -> None:
    async def main() -> None:
        wire = Stream()
        channel = AsyncioChannel(wire, 20.0)  # type: ignore[arg-type]
        await script(wire, channel)
        await channel.close()

    asyncio.run(main())


def test_calls_of_one_turn_go_together_behind_the_first() -> None:
    async def script(wire: Stream, channel: AsyncioChannel) -> None:
        tasks = await started(channel, 5)
        assert wire.taken == [b"<1>", b"<2><3><4><5>"]
        wire.arrive([(key, reply(b"%d" % key)) for key in (3, 1, 5, 2, 4)])
        assert [answer[0] for answer in await asyncio.gather(*tasks)] == [b"1", b"2", b"3", b"4", b"5"]

    stream(script)


def test_calls_that_answers_lead_to_go_together() -> None:
    async def twice(channel: AsyncioChannel) -> None:
        await channel.call(0, [b""])
        await channel.call(0, [b""])

    async def script(wire: Stream, channel: AsyncioChannel) -> None:
        tasks = [asyncio.ensure_future(twice(channel)) for _ in range(3)]
        await asyncio.sleep(0.01)
        waiting = asyncio.ensure_future(channel.call(0, [b""]))
        await asyncio.sleep(0.01)
        wire.taken.clear()
        wire.arrive([(1, reply(b"")), (2, reply(b"")), (3, reply(b""))])
        while not wire.taken:
            await asyncio.sleep(0)
        assert wire.taken == [b"<5><6><7>"]
        wire.arrive([(key, reply(b"")) for key in range(4, 8)])
        await asyncio.gather(waiting, *tasks)

    stream(script)


def test_what_finds_no_room_goes_before_anything_else() -> None:
    async def script(wire: Stream, channel: AsyncioChannel) -> None:
        wire.room = 4
        tasks = await started(channel, 4)
        tasks += await started(channel)  # which waits for its turn
        while len(wire.taken) < 4:
            await asyncio.sleep(0)
        assert b"".join(wire.taken) == b"<1><2><3><4>"
        while len(wire.sent) < 1:
            await asyncio.sleep(0)
        wire.arrive([(key, reply(b"")) for key in range(1, 6)])
        await asyncio.gather(*tasks)

    stream(script)


def test_a_call_that_is_cancelled_in_its_turn_is_not_sent() -> None:
    async def script(wire: Stream, channel: AsyncioChannel) -> None:
        tasks = [asyncio.ensure_future(channel.call(0, [b""])) for _ in range(3)]
        asyncio.get_running_loop().call_soon(tasks[1].cancel)  # after its step, before what was made is sent
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert wire.taken == [b"<1>", b"<3>"]
        assert (wire.withdrawn, wire.abandoned) == ([2], [])
        wire.arrive([(1, reply(b"")), (3, reply(b""))])
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(done[1], asyncio.CancelledError)

    stream(script)


def test_calls_that_could_not_be_sent_together_did_not_run_and_the_one_before_may_have() -> None:
    async def script(wire: Stream, channel: AsyncioChannel) -> None:
        [first] = await started(channel)
        others = [asyncio.ensure_future(channel.call(0, [b""])) for _ in range(2)]
        wire.failing = lrpc.ConnectionLost("gone")
        errors = await asyncio.gather(*others, return_exceptions=True)
        assert [getattr(error, "ran", None) for error in errors] == [Ran.NO, Ran.NO]
        assert wire.withdrawn == [2, 3]
        await channel.close()
        with pytest.raises(lrpc.ConnectionLost) as caught:
            await first
        assert caught.value.ran is Ran.UNKNOWN

    stream(script)


def test_an_answer_that_is_there_at_once_needs_no_turn_of_the_loop() -> None:
    async def script(wire: Stream, channel: AsyncioChannel) -> None:
        turns = 0

        def turn() -> None:
            nonlocal turns
            turns += 1

        wire.arrive([(1, reply(b"1"))])
        assert (await channel.call(0, [b""]))[0] == b"1"
        wire.arrive([(2, reply(b"2"))])
        asyncio.get_running_loop().call_later(0, turn)
        assert (await channel.call(0, [b""]))[0] == b"2"
        assert turns == 0

    stream(script)


def test_calls_that_are_answered_at_once_leave_others_their_turns() -> None:
    async def script(wire: Stream, channel: AsyncioChannel) -> None:
        over = False

        def end() -> None:
            nonlocal over
            over = True

        asyncio.get_running_loop().call_later(0.01, end)
        for key in range(1, 1 << 20):
            wire.arrive([(key, reply(b""))])
            await channel.call(0, [b""])
            if over:
                break
        assert over

    stream(script)


def test_a_call_that_finds_no_room_at_all_goes_once_in_its_turn() -> None:
    async def script(wire: Stream, channel: AsyncioChannel) -> None:
        wire.room = 0
        task = asyncio.ensure_future(channel.call(0, [b""]))
        await asyncio.sleep(0)
        wire.room = 1 << 30
        while not wire.sent:
            await asyncio.sleep(0)
        assert (wire.taken, wire.withdrawn, wire.sent) == ([], [1], [2])
        wire.arrive([(2, reply(b"2"))])
        assert (await task)[0] == b"2"
        assert wire.taken == []

    stream(script)
