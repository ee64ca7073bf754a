"""A wire shared by threads, with a wire of wax: turns, deadlines, and the end.

What happens between sockets that are full is `test_sending.py`.
"""

from __future__ import annotations

import gc
import queue
import threading
import weakref
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import lrpc
from lrpc.runtime.channel import BlockingChannel
from lrpc.runtime.ndr.layout import Encoding
from lrpc.runtime.status import Ran
from lrpc.runtime.wire import Message

WATCHDOG = 20.0


class WaxWire:
    """What a channel sends lands in `sent`; what a test puts in `arriving` is received."""

    encoding = Encoding.NDR
    multiplex = True
    dismissed = False

    def __init__(self) -> None:
        self.sending = threading.Lock()
        self.sent: queue.Queue[tuple[int, bytes]] = queue.Queue()
        self.arriving: queue.Queue[Any] = queue.Queue()
        self.abandoned: list[int] = []
        self.cancelled: list[int] = []
        self.closed = False
        self.failing: lrpc.RpcError | None = None
        self.full: list[int] = []
        """How many octets have gone, each time that there is no room."""
        self.long_way = False
        self.tired = False
        self._keys = iter(range(1, 1 << 30))

    def rested(self) -> bool:
        return self.tired

    def compose(self, opnum: int, parts: Sequence[Any], *, maybe: bool = False) -> Message:
        return Message(next(self._keys), (b"".join(parts),))

    def transmitting(self, message: Message) -> Generator[int]:
        yield from self.full
        if self.failing is not None:
            raise self.failing
        self.sent.put((message.key, bytes(message.pieces[0])))

    def exchange(self, opnum: int, parts: Sequence[Any], timeout: float) -> Any:
        if self.long_way:
            return None
        message = self.compose(opnum, parts)
        for _ in self.transmitting(message):
            return None
        try:
            return message.key, self.receive(timeout)
        except lrpc.DeadlineExceeded:
            return message.key, None

    def tell(self, opnum: int, parts: Sequence[Any]) -> bool:
        if not self.long_way:
            self.sent.put((0, b"".join(parts)))
        return not self.long_way

    def receive(self, timeout: float) -> Any:
        try:
            arrived = self.arriving.get(timeout=max(timeout, 0.0))
        except queue.Empty:
            raise lrpc.DeadlineExceeded("nothing came") from None
        if isinstance(arrived, lrpc.RpcError):
            raise arrived
        return arrived

    def cancel(self, key: int) -> None:
        self.cancelled.append(key)

    def abandon(self, key: int, *, cancelled: bool = False) -> None:
        self.abandoned.append(key)

    def saying(self) -> Generator[int]:
        yield from ()

    def close(self) -> None:
        self.closed = True
        self.arriving.put(lrpc.ConnectionLost("closed"))

    def receive_now(self) -> Any:
        try:
            return self.receive(0)
        except lrpc.DeadlineExceeded:
            return None

    def fileno(self) -> int:
        return -1


def reply(text: bytes, release: Any = None) -> Any:
    return text, Encoding.NDR, release


@pytest.fixture
def wire() -> WaxWire:
    return WaxWire()


@pytest.fixture
def channel(wire: WaxWire) -> BlockingChannel:
    return BlockingChannel(wire, WATCHDOG)  # type: ignore[arg-type]


def answer(wire: WaxWire, text: bytes, key: int | None = None) -> None:
    wire.arriving.put([(key or wire.sent.get(timeout=WATCHDOG)[0], reply(text))])


def test_a_call_gets_its_answer(channel: BlockingChannel, wire: WaxWire) -> None:
    wire.arriving.put([(1, reply(b"answer"))])
    assert channel.call(0, [b"que", b"stion"])[0] == b"answer"
    assert wire.sent.get_nowait() == (1, b"question")


def test_answers_are_handed_to_those_who_wait(
    channel: BlockingChannel, wire: WaxWire, threads: ThreadPoolExecutor
) -> None:
    calls = [threads.submit(channel.call, 0, [bytes([number])]) for number in range(5)]
    sent = [wire.sent.get(timeout=WATCHDOG) for _ in calls]
    wire.arriving.put([(key, reply(text)) for key, text in reversed(sent)])
    assert [call.result(WATCHDOG)[0] for call in calls] == [bytes([number]) for number in range(5)]


def test_an_answer_that_nobody_waits_for_gives_its_memory_back(channel: BlockingChannel, wire: WaxWire) -> None:
    released: list[int] = []
    wire.arriving.put([(77, reply(b"late", lambda: released.append(77)))])
    wire.arriving.put([(1, reply(b"mine"))])
    assert channel.call(0, [b""])[0] == b"mine"
    assert released == [77]


def test_whatever_keeps_arriving_does_not_outlast_a_deadline(wire: WaxWire, threads: ThreadPoolExecutor) -> None:
    channel = BlockingChannel(wire, 0.05)  # type: ignore[arg-type]
    done = threading.Event()

    def flood() -> None:
        while not done.is_set():
            if wire.arriving.qsize() < 100:
                wire.arriving.put([(77, reply(b"noise"))])

    flooding = threads.submit(flood)
    with pytest.raises(lrpc.DeadlineExceeded) as caught:
        channel.call(0, [b""])
    done.set()
    flooding.result(WATCHDOG)
    assert caught.value.ran is Ran.UNKNOWN


def test_a_call_that_never_left_leaves_the_connection(channel: BlockingChannel, wire: WaxWire) -> None:
    wire.failing = lrpc.RpcError("no room", ran=Ran.NO)
    with pytest.raises(lrpc.RpcError, match="no room"):
        channel.call(0, [b""])
    wire.failing = None
    wire.arriving.put([(2, reply(b"answer"))])
    assert channel.call(0, [b""])[0] == b"answer"
    assert not wire.closed


@pytest.mark.parametrize("error", [lrpc.ConnectionLost("gone", ran=Ran.NO), lrpc.ProtocolError("nonsense")])
def test_what_ends_a_connection_ends_every_call(
    channel: BlockingChannel, wire: WaxWire, threads: ThreadPoolExecutor, error: lrpc.RpcError
) -> None:
    calls = [threads.submit(channel.call, 0, [b""]) for _ in range(4)]
    for _ in calls:
        wire.sent.get(timeout=WATCHDOG)
    wire.arriving.put(error)
    errors = [call.exception(WATCHDOG) for call in calls]
    assert {type(found) for found in errors} <= {type(error), lrpc.ConnectionLost}
    assert sum(getattr(found, "ran", None) is Ran.UNKNOWN for found in errors) >= 3
    assert wire.closed
    with pytest.raises(lrpc.ConnectionLost, match="had ended before") as caught:
        channel.call(0, [b""])
    assert caught.value.ran is Ran.NO


@pytest.mark.parametrize(("gone", "ran"), [(0, Ran.NO), (10, Ran.UNKNOWN)])
def test_a_connection_outlives_a_call_of_which_nothing_had_gone_in_time(
    channel: BlockingChannel, wire: WaxWire, gone: int, ran: Ran
) -> None:
    wire.long_way, wire.full = True, [gone] * 1_000_000
    with pytest.raises(lrpc.DeadlineExceeded) as caught, lrpc.deadline(0.02):
        channel.call(0, [b""])
    assert caught.value.ran is ran
    assert wire.closed is bool(gone)
    assert wire.sent.empty()
    assert not wire.sending.locked()


def test_what_comes_while_a_call_is_sent_goes_to_those_who_wait(
    channel: BlockingChannel, wire: WaxWire, threads: ThreadPoolExecutor
) -> None:
    wire.long_way, wire.full = True, [0, 10, 10, 20]
    released: list[int] = []
    for arrivals in ([], [(77, reply(b"", lambda: released.append(77)))], [(1, reply(b"early"))], [(1, reply(b""))]):
        wire.arriving.put(arrivals)
    assert channel.call(0, [b"whole"])[0] == b"early"
    assert wire.sent.get_nowait() == (1, b"whole")
    assert released == [77]


def test_an_outcome_counts_that_came_before_the_sending_failed(channel: BlockingChannel, wire: WaxWire) -> None:
    wire.long_way, wire.full, wire.failing = True, [10], lrpc.ConnectionLost("reset")
    wire.arriving.put([(1, lrpc.Fault(5))])
    with pytest.raises(lrpc.Fault):
        channel.call(0, [b""])
    assert wire.closed


def test_what_the_server_said_before_it_left_is_looked_for(channel: BlockingChannel, wire: WaxWire) -> None:
    wire.long_way, wire.failing = True, lrpc.ConnectionLost("reset")
    wire.arriving.put([(77, reply(b"noise"))])
    wire.arriving.put([(1, lrpc.Fault(5))])
    with pytest.raises(lrpc.Fault):
        channel.call(0, [b""])
    assert wire.closed


@pytest.mark.parametrize(("gone", "ran"), [(0, Ran.NO), (10, Ran.UNKNOWN)])
def test_an_end_that_comes_while_a_call_is_sent_is_its_end(
    channel: BlockingChannel, wire: WaxWire, gone: int, ran: Ran
) -> None:
    wire.long_way, wire.full = True, [gone]
    wire.arriving.put(lrpc.ConnectionLost("the server closed the connection"))
    with pytest.raises(lrpc.ConnectionLost) as caught:
        channel.call(0, [b""])
    assert caught.value.ran is ran
    assert wire.closed


def test_an_interrupted_call_ends_the_connection_and_keeps_no_turn(channel: BlockingChannel, wire: WaxWire) -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    wire.long_way, wire.full = True, [10]
    wire.fileno = interrupted  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        channel.call(0, [b""])
    for _ in range(2):
        with pytest.raises(lrpc.ConnectionLost, match="interrupted"):
            channel.call(0, [b""])
    assert not wire.sending.locked()


def test_a_fault_ends_its_call_only(channel: BlockingChannel, wire: WaxWire) -> None:
    wire.arriving.put([(1, lrpc.Fault(5))])
    with pytest.raises(lrpc.Fault):
        channel.call(0, [b""])
    wire.arriving.put([(2, reply(b"answer"))])
    assert channel.call(0, [b""])[0] == b"answer"


def test_a_call_waits_for_its_turn_to_send_no_longer_than_its_deadline(
    wire: WaxWire, threads: ThreadPoolExecutor
) -> None:
    channel = BlockingChannel(wire, WATCHDOG)  # type: ignore[arg-type]
    reading = threads.submit(channel.call, 0, [b"first"])
    wire.sent.get(timeout=WATCHDOG)
    with wire.sending, lrpc.deadline(0.02), pytest.raises(lrpc.DeadlineExceeded) as caught:
        channel.call(0, [b"second"])
    assert caught.value.ran is Ran.NO
    assert wire.sent.empty()
    wire.arriving.put([(1, reply(b"answer"))])
    assert reading.result(WATCHDOG)[0] == b"answer"


def test_a_follower_that_is_late_is_told_to_the_server(
    channel: BlockingChannel, wire: WaxWire, threads: ThreadPoolExecutor
) -> None:
    leading = threads.submit(channel.call, 0, [b"leader"])
    wire.sent.get(timeout=WATCHDOG)

    def follow() -> Ran:
        with lrpc.deadline(0.02), pytest.raises(lrpc.DeadlineExceeded) as caught:
            channel.call(0, [b"follower"])
        return caught.value.ran

    assert threads.submit(follow).result(WATCHDOG) is Ran.UNKNOWN
    assert (wire.abandoned, wire.cancelled) == ([2], [])
    wire.arriving.put([(2, reply(b"late")), (1, reply(b"answer"))])
    assert leading.result(WATCHDOG)[0] == b"answer"


def test_a_failed_call_leaves_no_circle_behind(channel: BlockingChannel, wire: WaxWire) -> None:
    gc.disable()
    try:
        _refuse(wire)
        holder = _Holder(b"stub")
        gone = weakref.ref(holder)
        for _ in range(2):
            _fail(channel, holder)
        del holder
        assert gone() is None
    finally:
        gc.enable()


def _refuse(wire: WaxWire) -> None:
    """Two calls, the second one after something else has come."""
    for arrivals in ([(1, lrpc.Fault(5))], [(77, reply(b""))], [(2, lrpc.Fault(5))]):
        wire.arriving.put(arrivals)


class _Holder:
    def __init__(self, stub: bytes) -> None:
        self.stub = stub


def _fail(channel: BlockingChannel, holder: _Holder) -> None:
    try:
        channel.call(0, [holder.stub])
    except lrpc.Fault:
        return
    raise AssertionError("it did not fail")


def test_a_call_given_up_while_another_one_is_sent_is_told_of_after_it(
    channel: BlockingChannel, wire: WaxWire, threads: ThreadPoolExecutor
) -> None:
    def brief() -> None:
        with lrpc.deadline(0.2):
            channel.call(0, [b""])

    call = threads.submit(brief)
    wire.sent.get(timeout=WATCHDOG)
    assert wire.sending.acquire(timeout=WATCHDOG)
    assert isinstance(call.exception(WATCHDOG), lrpc.DeadlineExceeded)
    assert wire.abandoned == []
    channel._sent()
    assert wire.abandoned == [1]


def test_a_server_that_takes_one_call_at_a_time_gets_one(threads: ThreadPoolExecutor) -> None:
    wire = WaxWire()
    wire.multiplex = False
    channel = BlockingChannel(wire, WATCHDOG)  # type: ignore[arg-type]
    calls = [threads.submit(channel.call, 0, [b""]) for _ in range(8)]
    for _ in calls:
        key, _ = wire.sent.get(timeout=WATCHDOG)
        assert wire.sent.empty()
        wire.arriving.put([(key, reply(b"%d" % key))])
    assert sorted(call.result(WATCHDOG)[0] for call in calls) == [b"%d" % key for key in range(1, 9)]


def test_a_call_waits_for_the_one_before_it_no_longer_than_its_deadline(threads: ThreadPoolExecutor) -> None:
    wire = WaxWire()
    wire.multiplex = False
    channel = BlockingChannel(wire, WATCHDOG)  # type: ignore[arg-type]
    first = threads.submit(channel.call, 0, [b""])
    key, _ = wire.sent.get(timeout=WATCHDOG)
    with pytest.raises(lrpc.DeadlineExceeded) as caught, lrpc.deadline(0.02):
        channel.call(0, [b""])
    assert caught.value.ran is Ran.NO
    wire.arriving.put([(key, reply(b"x"))])
    assert first.result(WATCHDOG)[0] == b"x"


# What has no answer, and what looks before it sends


@pytest.mark.parametrize(("long_way", "key"), [(False, 0), (True, 1)])
def test_a_call_without_an_answer_is_sent_once(
    channel: BlockingChannel, wire: WaxWire, long_way: bool, key: int
) -> None:
    wire.long_way = long_way
    channel.tell(0, [b"told"])
    assert wire.sent.get_nowait() == (key, b"told")
    channel.close()
    with pytest.raises(lrpc.ConnectionLost):
        channel.tell(0, [b"not told"])
    assert wire.sent.empty()


def test_a_call_without_an_answer_that_fails_is_not_sent_after_all(channel: BlockingChannel, wire: WaxWire) -> None:
    def refuse(*_: object) -> bool:
        raise lrpc.RpcError("no room", ran=Ran.NO)

    wire.tell = refuse  # type: ignore[method-assign]
    with pytest.raises(lrpc.RpcError, match="no room"):
        channel.tell(0, [b"not told"])
    assert wire.sent.empty()


def test_a_call_after_a_pause_takes_what_has_come_and_goes(channel: BlockingChannel, wire: WaxWire) -> None:
    wire.long_way = wire.tired = True
    released: list[int] = []
    wire.arriving.put([(77, reply(b"late", lambda: released.append(77)))])
    wire.arriving.put([(1, reply(b"answer"))])
    assert channel.call(0, [b""])[0] == b"answer"
    assert released == [77]


def test_a_call_after_a_pause_finds_the_end_of_the_connection_and_is_not_sent(
    channel: BlockingChannel, wire: WaxWire
) -> None:
    wire.long_way = wire.tired = True
    wire.arriving.put(lrpc.ConnectionLost("the server closed the connection"))
    with pytest.raises(lrpc.ConnectionLost, match="had ended before") as caught:
        channel.call(0, [b""])
    assert caught.value.ran is Ran.NO
    assert wire.sent.empty()


def test_who_has_the_connection_for_a_call_with_pipes_makes_no_other_call(
    channel: BlockingChannel, wire: WaxWire
) -> None:
    channel.take_turns(WATCHDOG)
    with pytest.raises(lrpc.PipeOrderError):
        channel.call(0, [b""])
    with pytest.raises(lrpc.PipeOrderError):
        channel.take_turns(WATCHDOG)
    channel.give_turns()
    wire.arriving.put([(1, reply(b"answer"))])
    assert channel.call(0, [b""])[0] == b"answer"


def test_turns_that_cannot_be_had_in_time_are_given_back(wire: WaxWire) -> None:
    wire.multiplex = False
    channel = BlockingChannel(wire, WATCHDOG)  # type: ignore[arg-type]
    for turn in (wire.sending, channel._reading):
        with turn, pytest.raises(lrpc.DeadlineExceeded) as caught:
            channel.take_turns(0.01)
        assert caught.value.ran is Ran.NO
    channel.close()
    for _ in range(2):
        with pytest.raises(lrpc.ConnectionLost) as lost:
            channel.take_turns(WATCHDOG)
        assert lost.value.ran is Ran.NO


def test_a_follower_that_reads_the_end_ends_the_connection(
    channel: BlockingChannel, wire: WaxWire, threads: ThreadPoolExecutor
) -> None:
    calls = [threads.submit(channel.call, 0, [b""]) for _ in range(2)]
    keys = [wire.sent.get(timeout=WATCHDOG)[0] for _ in calls]
    wire.arriving.put([(keys[0], reply(b"answer"))])
    wire.arriving.put(lrpc.ConnectionLost("gone"))
    assert [call.exception(WATCHDOG) is None for call in calls].count(True) == 1
    assert wire.closed
    assert channel.broken is not None


def test_the_last_word_on_a_follower_comes_by_who_reads(wire: WaxWire, threads: ThreadPoolExecutor) -> None:
    channel = BlockingChannel(wire, WATCHDOG, WATCHDOG)  # type: ignore[arg-type]
    wire.cancel = lambda key: wire.arriving.put([(key, lrpc.CallCancelled(ran=Ran.NO))])  # type: ignore[method-assign]
    leading = threads.submit(channel.call, 0, [b"leader"])
    wire.sent.get(timeout=WATCHDOG)

    def follow() -> Ran:
        with lrpc.deadline(0.02), pytest.raises(lrpc.DeadlineExceeded) as caught:
            channel.call(0, [b"follower"])
        return caught.value.ran

    following = threads.submit(follow)
    assert following.result(WATCHDOG) is Ran.NO
    assert not wire.abandoned
    wire.arriving.put([(1, reply(b"answer"))])
    assert leading.result(WATCHDOG)[0] == b"answer"


def test_the_last_word_on_a_late_call_comes_behind_others(wire: WaxWire) -> None:
    def cancel(key: int) -> None:
        wire.arriving.put([(77, reply(b""))])
        wire.arriving.put([(key, lrpc.CallCancelled(ran=Ran.NO))])

    channel = BlockingChannel(wire, 0.01, WATCHDOG)  # type: ignore[arg-type]
    wire.cancel = cancel  # type: ignore[method-assign]
    with pytest.raises(lrpc.DeadlineExceeded) as caught:
        channel.call(0, [b""])
    assert caught.value.ran is Ran.NO


def test_a_connection_that_takes_no_word_of_a_late_call_is_over(wire: WaxWire) -> None:
    def lost(key: int, *, cancelled: bool = False) -> None:
        raise lrpc.ConnectionLost("reset")

    channel = BlockingChannel(wire, 0.01)  # type: ignore[arg-type]
    wire.abandon = lost  # type: ignore[method-assign]
    with pytest.raises(lrpc.DeadlineExceeded):
        channel.call(0, [b""])
    assert wire.closed
    assert not wire.sending.locked()
