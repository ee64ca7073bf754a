from __future__ import annotations

import select
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

import pytest

from lrpc.transports import alpc
from lrpc.transports.alpc.queue import TAKEN_BLINDLY, Queue
from lrpc.transports.alpc.received import Message, Origin, State
from lrpc.transports.errors import BufferTooSmall, Disconnected, TimedOut
from tests.transports.until import WATCHDOG, until


def message(data: bytes = b"", state: State = State.OVER) -> Message:
    return Message(Origin(), alpc.LPC_DATAGRAM, 1, data=data, state=state)


class Source:
    """What a queue reads from: it waits until there is something."""

    def __init__(self) -> None:
        self.queue = Queue(self.gather)
        self.readers = 0
        self.most_readers = 0
        self._coming: deque[Message] = deque()
        self._come = threading.Semaphore(0)

    def send(self, *messages: Message) -> None:
        self._coming.extend(messages)
        self._come.release(len(messages))

    def gather(self, timeout: float | None) -> None:
        self.readers += 1
        self.most_readers = max(self.readers, self.most_readers)
        try:
            if self._come.acquire(timeout=timeout):
                with self.queue.changed:
                    self.queue.put(self._coming.popleft())
        finally:
            self.readers -= 1


def test_messages_come_in_their_order() -> None:
    source = Source()
    source.send(*(message(b"%d" % number) for number in range(5)))
    assert [source.queue.next(WATCHDOG).data for _ in range(5)] == [b"0", b"1", b"2", b"3", b"4"]
    for timeout in (0.0, 0.01):
        with pytest.raises(TimedOut):
            source.queue.next(timeout)


def test_one_thread_reads_for_all() -> None:
    source = Source()
    with ThreadPoolExecutor(8) as threads:
        waiting = [threads.submit(source.queue.next, WATCHDOG) for _ in range(8)]
        source.send(*(message(b"%d" % number) for number in range(8)))
        assert sorted(one.result(WATCHDOG).data for one in waiting) == [b"%d" % number for number in range(8)]
    assert source.most_readers == 1


def test_another_reads_on_when_the_reader_has_waited_long_enough() -> None:
    source = Source()
    with ThreadPoolExecutor(2) as threads:
        reading = threads.submit(source.queue.next, 0.1)
        until(lambda: source.queue._reading)
        waiting = threads.submit(source.queue.next, 2 * WATCHDOG)
        with pytest.raises(TimedOut):
            reading.result(WATCHDOG)
        source.send(message(b"late"))
        assert waiting.result(WATCHDOG).data == b"late"


def test_what_was_withdrawn_is_passed_over() -> None:
    source = Source()
    source.send(message(b"withdrawn", State.WITHDRAWN), message(b"next"))
    assert source.queue.next(WATCHDOG).data == b"next"
    assert len(source.queue) == 0


def test_a_message_that_is_too_large_stays_in_front() -> None:
    source = Source()
    source.send(message(bytes(10)), message(b"behind"))
    with pytest.raises(BufferTooSmall) as small:
        source.queue.next(WATCHDOG, size=9)
    assert small.value.needed == 10
    assert source.queue.next(WATCHDOG, size=10).data == bytes(10)
    assert source.queue.next(WATCHDOG).data == b"behind"


def test_a_thread_that_waits_for_something_else_leaves_messages_to_others() -> None:
    source = Source()
    found: list[str] = []
    with ThreadPoolExecutor(2) as threads:
        waiting = threads.submit(source.queue.take, lambda: found[0] if found else None, WATCHDOG)
        taking = threads.submit(source.queue.next, WATCHDOG)
        source.send(message(b"beside"))
        assert taking.result(WATCHDOG).data == b"beside"
        with source.queue.changed:
            found.append("found")
            source.queue.changed.notify_all()
        source.send(message())  # wakes whoever reads
        assert waiting.result(WATCHDOG) == "found"


def test_what_is_put_wakes_who_waits_though_another_goes_on_reading() -> None:
    source = Source()
    found: list[str] = []
    with ThreadPoolExecutor(2) as threads:
        reading = threads.submit(source.queue.take, lambda: found[0] if found else None, WATCHDOG)
        until(lambda: source.queue._reading)
        waiting = threads.submit(source.queue.next, WATCHDOG)
        until(lambda: source.queue.changed._waiters)  # type: ignore[attr-defined]
        with source.queue.changed:
            source.queue.put(message(b"put"))
        assert waiting.result(WATCHDOG).data == b"put"
        found.append("found")
        source.send(message())
        assert reading.result(WATCHDOG) == "found"


def test_the_bell_is_heard_while_messages_wait() -> None:
    source = Source()
    queue = source.queue
    poll = select.poll()
    pair = select.epoll()
    assert queue.fileno(-1) == -1
    with queue.changed:
        queue.put(message(b"one"))
    poll.register(queue.fileno(pair.fileno()), select.POLLIN)
    assert poll.poll(0)
    with queue.changed:
        queue.put(message(b"two"))
    queue.next(WATCHDOG)
    assert poll.poll(0)
    queue.next(WATCHDOG)
    assert not poll.poll(0)
    queue.close(Disconnected("closed"))
    assert queue.fileno(pair.fileno()) == -1
    pair.close()


@pytest.mark.parametrize("takes", [True, False])
def test_the_bell_is_heard_by_others_but_for_what_its_reader_takes(takes: bool) -> None:
    def gather(_: float | None) -> None:
        with queue.changed:
            queue.put(message())
        heard.append(bool(poll.poll(0)))

    queue, poll, heard = Queue(gather), select.poll(), list[bool]()
    with select.epoll() as source:
        poll.register(queue.fileno(source.fileno()), select.POLLIN)
    if takes:
        queue.next(WATCHDOG)
    else:
        queue.take(lambda: heard or None, WATCHDOG)
    assert heard == [not takes]
    queue.close(Disconnected("closed"))


def test_a_closed_queue_has_nothing_and_says_why(open_descriptors: Callable[[], int]) -> None:
    source, before = Source(), open_descriptors()
    held = message(state=State.QUEUED)
    with select.epoll() as epoll:
        source.queue.fileno(epoll.fileno())
    with source.queue.changed:
        source.queue.put(held)
    source.queue.close(Disconnected("closed"))
    assert open_descriptors() == before
    assert held.state is State.OVER
    for _ in range(2):
        with pytest.raises(Disconnected, match="closed"):
            source.queue.next(WATCHDOG)


def test_all_are_looked_at_now_and_then_though_messages_wait() -> None:
    looks: list[float | None] = []
    queue = Queue(looks.append)
    with queue.changed:
        for _ in range(3 * TAKEN_BLINDLY):
            queue.put(message())
    for _ in range(3 * TAKEN_BLINDLY):
        queue.next(WATCHDOG)
    assert looks == [0.0] * 3


def test_reading_for_others_ends_when_it_is_not_needed() -> None:
    source = Source()
    source.send(message(), message(), message())
    source.queue.read_while(lambda: len(source.queue) < 3)
    assert len(source.queue) == 3


def test_who_reads_for_others_leaves_it_to_who_reads_anyway() -> None:
    source, looks = Source(), iter([True, True, False])
    with ThreadPoolExecutor(1) as threads:
        reading = threads.submit(source.queue.next, WATCHDOG)
        until(lambda: source.readers)
        source.queue.read_while(lambda: next(looks))
        source.send(message(b"read"))
        assert reading.result(WATCHDOG).data == b"read"
    assert source.most_readers == 1


def test_who_waits_for_a_reader_hears_that_the_queue_is_closed() -> None:
    source = Source()
    with ThreadPoolExecutor(2) as threads:
        receiving = [threads.submit(source.queue.next, WATCHDOG) for _ in range(2)]
        until(lambda: source.queue._reading and source.queue.changed._waiters)  # type: ignore[attr-defined]
        source.queue.close(Disconnected("closed"))
        [told], [reading] = wait(receiving, WATCHDOG, FIRST_COMPLETED)
        with pytest.raises(Disconnected, match="closed"):
            told.result()
        source.send(message(b"late"))
        assert reading.result(WATCHDOG).data == b"late"
