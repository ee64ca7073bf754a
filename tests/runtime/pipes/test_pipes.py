"""Calls with pipes, from a client to a service and back: each transport, both faces at both ends."""

from __future__ import annotations

import asyncio
import itertools
import threading
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import pytest

import lrpc

WATCHDOG = 20.0


class Caller:
    """A client of either face, whose calls read their pipes to the end."""

    def __init__(self, connected: Any, clients: Any) -> None:
        self.loop = clients.loop
        self.client = connected.client if self.loop else connected

    def run(self, blocking: Callable[[Any], Any], asynchronous: Callable[[Any], Any]) -> Any:
        """One of the two, with the client."""
        return self.loop.run(asynchronous(self.client)) if self.loop else blocking(self.client)

    def call(self, name: str, *arguments: Any) -> Any:
        """A call without [out] pipes."""

        async def awaited(client: Any) -> Any:
            return await getattr(client, name)(*arguments)

        return self.run(lambda client: getattr(client, name)(*arguments), awaited)

    def read(self, name: str, *arguments: Any, most: int | None = None) -> list[Any]:
        """What a call with one [out] pipe gives, or the first of it; then it is closed."""

        def blocking(client: Any) -> list[Any]:
            with getattr(client, name)(*arguments) as stream:
                return list(itertools.islice(stream, most))

        async def asynchronous(client: Any) -> list[Any]:
            found: list[Any] = []
            async with getattr(client, name)(*arguments) as stream:
                while most is None or len(found) < most:
                    try:
                        found.append(await anext(stream))
                    except StopAsyncIteration:
                        break
            return found

        found: list[Any] = self.run(blocking, asynchronous)
        return found


@pytest.fixture
def seen(host: Any, piper: ModuleType) -> Any:
    """The service is registered, and this is what is seen of it."""
    made = piper.Seen()
    host.server.register((piper.AsyncService if host.loop else piper.Service)(made))
    return made


@pytest.fixture
def caller(
    seen: Any, binding: str, clients_of: Callable[[str], Any], client_face: str, piper: ModuleType
) -> Iterator[Caller]:
    clients = clients_of(client_face)
    kind = piper.stub.AsyncPiperClient if client_face == "asyncio" else piper.stub.PiperClient
    yield Caller(clients.of(kind, binding), clients)
    seen.go.set()


def slowly(chunks: list[bytes]) -> AsyncIterator[bytes]:
    async def each() -> AsyncIterator[bytes]:
        for chunk in chunks:
            await asyncio.sleep(0)
            yield chunk

    return each()


# What goes through


def test_octets_come_back_however_they_are_divided(caller: Caller) -> None:
    for chunks in ([], [b""], [b"a"], [b"hello", b"", b"w" * 70_000], [b"12345678"] * 50):
        whole = b"".join(chunks)
        assert b"".join(caller.read("Echo", iter(chunks))) == whole
        assert b"".join(caller.read("Echo", whole)) == whole
        assert caller.call("Sum", "x", chunks) == len(whole)
        assert caller.call("Add", 2, 3) == 5


def test_asynchronous_iterators_go_into_pipes(caller: Caller) -> None:
    if caller.loop:
        assert b"".join(caller.read("Echo", slowly([b"ab", b"c"]))) == b"abc"
        assert caller.call("Sum", "x", slowly([b"ab", b"c"])) == 3
    else:
        with pytest.raises(TypeError, match="awaited"):
            caller.call("Sum", "x", slowly([b"ab", b"c"]))
        assert caller.call("Add", 2, 3) == 5


def test_items_come_one_by_one_in_lists_and_in_chunks(caller: Caller, piper: ModuleType) -> None:
    assert caller.read("Count", 0) == []
    assert caller.read("Count", 50) == list(range(50))
    assert caller.call("Dot", [1, 2, 3], iter((4, 5, 6))) == 32
    pairs = [piper.Pair(number % 200, number << 33) for number in range(5000)]
    assert caller.read("Swap", pairs) == [piper.Pair(pair.a + 1, -pair.b) for pair in pairs]


def test_other_results_are_there_behind_the_last_pipe(caller: Caller) -> None:
    def blocking(client: Any) -> None:
        with client.Watch(3) as watch:
            assert list(watch.numbers) == [0, 1, 2]
            with pytest.raises(lrpc.PipeOrderError, match="name is known when"):
                _ = watch.name
            assert list(watch.data) == [b"x", b"xx", b"xxx"]
            assert (watch.name, watch.return_) == ("done", 6)

    async def asynchronous(client: Any) -> None:
        async with await client.Watch(3) as watch:
            assert [number async for number in watch.numbers] == [0, 1, 2]
            with pytest.raises(lrpc.PipeOrderError, match="name is known when"):
                _ = watch.name
            assert [data async for data in watch.data] == [b"x", b"xx", b"xxx"]
            assert (watch.name, watch.return_) == ("done", 6)

    caller.run(blocking, asynchronous)
    assert caller.call("Add", 2, 3) == 5


def test_pipes_are_read_in_their_order(caller: Caller) -> None:
    def blocking(client: Any) -> None:
        watch = client.Watch(3)
        with pytest.raises(lrpc.PipeOrderError, match="data comes behind the pipe numbers"):
            next(watch.data)
        assert list(watch.numbers) == [0, 1, 2]
        assert len(list(watch.data)) == 3

    async def asynchronous(client: Any) -> None:
        watch = await client.Watch(3)
        with pytest.raises(lrpc.PipeOrderError, match="data comes behind the pipe numbers"):
            await anext(watch.data)
        assert [number async for number in watch.numbers] == [0, 1, 2]
        assert len([data async for data in watch.data]) == 3

    caller.run(blocking, asynchronous)


# What goes wrong


def test_failure_behind_items_is_a_status_after_them(caller: Caller) -> None:
    assert caller.read("Pull", 3) == [0, 1, 2]
    with pytest.raises(lrpc.StatusError) as caught:
        caller.read("Pull", -3)
    assert caught.value.code == 5
    assert caller.read("Pull", -3, most=3) == [0, 1, 2]
    assert caller.call("Add", 2, 3) == 5


def test_mistake_in_the_middle_is_a_fault(caller: Caller) -> None:
    with pytest.raises(lrpc.Fault, match="nca_s_fault_unspec"):
        caller.read("Pull", 1001)
    assert caller.call("Add", 2, 3) == 5


def test_mistake_of_whoever_fills_a_pipe_is_the_callers(caller: Caller, seen: Any, until: Any) -> None:
    def chunks() -> Iterator[bytes]:
        yield bytes(8)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        caller.call("Sum", "x", chunks())
    assert caller.call("Add", 2, 3) == 5
    until(lambda: seen.error is not None)
    assert isinstance(seen.error, lrpc.CallCancelled)


def test_item_that_does_not_fit_is_told(caller: Caller) -> None:
    with pytest.raises(lrpc.ArgumentError, match="Dot: left") as caught:
        caller.call("Dot", [1, 1 << 40], [2])
    assert caught.value.ran is lrpc.Ran.UNKNOWN  # the method may have begun
    assert caller.call("Add", 2, 3) == 5


@pytest.mark.parametrize("wrong", [7, None, "text"])
def test_what_cannot_fill_a_pipe_is_told_before_anything_goes(caller: Caller, wrong: Any) -> None:
    with pytest.raises(
        lrpc.ArgumentError, match=f"Sum: data: a pipe takes an iterable, not {type(wrong).__name__}"
    ) as caught:
        caller.call("Sum", "x", wrong)
    assert caught.value.ran is lrpc.Ran.NO
    assert caller.call("Add", 2, 3) == 5


def test_pipe_need_not_be_read_to_its_end(caller: Caller) -> None:
    for count in (1, 96):
        assert caller.call("First", itertools.repeat(b"\7" * 65536, count)) == 7
        assert caller.call("Add", 2, 3) == 5


def test_reader_may_stop(caller: Caller, seen: Any, until: Any) -> None:
    assert caller.read("Count", 2000, most=3) == [0, 1, 2]
    assert caller.call("Add", 2, 3) == 5
    assert caller.read("Count", 2, most=3) == [0, 1]


def test_stream_that_was_never_advanced_made_no_call(caller: Caller, seen: Any) -> None:
    def make(client: Any) -> None:
        client.Count(5)

    async def make_async(client: Any) -> None:
        client.Count(5)

    caller.run(make, make_async)
    assert caller.call("Add", 2, 3) == 5
    assert seen.made == 0


# Back-pressure


some_transports = pytest.mark.parametrize("transport", ["ncacn_ip_tcp", "ncalrpc"], indirect=True)


def test_server_fills_a_pipe_as_it_is_read(caller: Caller, seen: Any) -> None:
    assert caller.read("Count", -1, most=5) == [0, 1, 2, 3, 4]
    assert seen.closed.wait(WATCHDOG)
    assert caller.call("Add", 2, 3) == 5


@some_transports
def test_no_more_is_made_than_buffers_hold(caller: Caller, seen: Any) -> None:
    def blocking(client: Any) -> int:
        with client.Octets(10_000, 65_536) as stream:
            next(stream)
            return self_made(seen)

    async def asynchronous(client: Any) -> int:
        async with client.Octets(10_000, 65_536) as stream:
            await anext(stream)
            return await asyncio.to_thread(self_made, seen)

    assert caller.run(blocking, asynchronous) < 1000
    assert caller.call("Add", 2, 3) == 5


def self_made(seen: Any) -> int:
    """How far the server has come when it comes no further."""
    made = -1
    settled = threading.Event()
    while made != seen.made:
        made = seen.made
        settled.wait(0.1)
    return made


@some_transports
def test_no_more_is_taken_than_buffers_hold(caller: Caller, seen: Any, threads: ThreadPoolExecutor, until: Any) -> None:
    given: list[bytes] = []

    def chunks() -> Iterator[bytes]:
        while len(given) < 500:
            given.append(bytes(65_536))
            yield given[-1]

    call = threads.submit(caller.call, "Sum", "wait", chunks())
    assert seen.waiting.wait(WATCHDOG)
    settled = threading.Event()
    taken = -1
    while taken != (now := len(given)):
        taken = now
        settled.wait(0.1)
    assert taken < 400
    seen.go.set()
    total = call.result(WATCHDOG)
    assert 499 * 65_536 <= total < 500 * 65_536


@some_transports
def test_long_pipes_take_no_memory(caller: Caller, seen: Any) -> None:
    chunk = bytes(65_536)
    assert b"".join(caller.read("Echo", [chunk])) == chunk
    tracemalloc.start()
    try:
        assert caller.call("Sum", "x", itertools.repeat(chunk, 250)) == 250 << 16
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 6 << 20


@some_transports
def test_pipes_both_ways_take_no_memory(caller: Caller) -> None:
    chunk, count = bytes(65_536), 200

    def blocking(client: Any) -> int:
        return sum(map(len, client.Echo(itertools.repeat(chunk, count))))

    async def asynchronous(client: Any) -> int:
        total = 0
        async for found in client.Echo(itertools.repeat(chunk, count)):
            total += len(found)
        return total

    tracemalloc.start()
    try:
        assert caller.run(blocking, asynchronous) == count << 16
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 6 << 20


# Time, and others


def test_server_that_does_not_go_on_is_given_up(
    caller: Caller, seen: Any, binding: str, clients_of: Any, client_face: str, piper: ModuleType
) -> None:
    clients = clients_of(client_face)
    kind = piper.stub.AsyncPiperClient if client_face == "asyncio" else piper.stub.PiperClient
    impatient = Caller(clients.of(kind, binding, timeout=0.3), clients)
    with pytest.raises(lrpc.DeadlineExceeded) as caught:
        impatient.call("Sum", "wait", [b"hello"])
    assert caught.value.ran is lrpc.Ran.UNKNOWN
    seen.go.set()
    assert caller.call("Add", 2, 3) == 5


def test_deadline_bounds_the_whole_call(caller: Caller, seen: Any) -> None:
    def blocking(client: Any) -> None:
        with lrpc.deadline(0.3):
            stream = client.Count(-1)
        for _ in stream:
            pass

    async def asynchronous(client: Any) -> None:
        with lrpc.deadline(0.3):
            stream = client.Count(-1)
        async for _ in stream:
            pass

    with pytest.raises(lrpc.DeadlineExceeded):
        caller.run(blocking, asynchronous)
    assert seen.closed.wait(WATCHDOG)
    assert caller.call("Add", 2, 3) == 5


def test_one_who_reads_a_pipe_cannot_call_on_its_connection(caller: Caller) -> None:
    def blocking(client: Any) -> None:
        with client.Count(-1) as stream:
            next(stream)
            with pytest.raises(lrpc.PipeOrderError):
                client.Add(2, 3)
            with pytest.raises(lrpc.PipeOrderError):
                next(client.Count(3))
        assert client.Add(2, 3) == 5

    async def asynchronous(client: Any) -> None:
        async with client.Count(-1) as stream:
            await anext(stream)
            with pytest.raises(lrpc.PipeOrderError):
                await client.Add(2, 3)
            with pytest.raises(lrpc.PipeOrderError):
                await anext(client.Count(3))
        assert await client.Add(2, 3) == 5

    caller.run(blocking, asynchronous)


def test_calls_of_others_wait_for_the_end_of_a_pipe(caller: Caller, threads: ThreadPoolExecutor) -> None:
    def blocking(client: Any) -> None:
        with client.Count(-1) as stream:
            next(stream)
            waiting = [threads.submit(client.Add, 2, number) for number in range(3)]
            next(stream)
        assert [call.result(WATCHDOG) for call in waiting] == [2, 3, 4]

    async def asynchronous(client: Any) -> None:
        async with client.Count(-1) as stream:
            await anext(stream)
            waiting = [asyncio.ensure_future(client.Add(2, number)) for number in range(3)]
            await anext(stream)
        assert await asyncio.gather(*waiting) == [2, 3, 4]

    caller.run(blocking, asynchronous)


def test_server_that_ends_in_the_middle_is_lost(caller: Caller, host: Any, seen: Any) -> None:
    def blocking(client: Any) -> None:
        stream = client.Count(-1)
        next(stream)
        host.stop(0)
        for _ in stream:
            pass

    async def asynchronous(client: Any) -> None:
        stream = client.Count(-1)
        await anext(stream)
        await asyncio.to_thread(host.stop, 0)
        async for _ in stream:
            pass

    with pytest.raises(lrpc.ConnectionLost):
        caller.run(blocking, asynchronous)


def test_client_that_ends_in_the_middle_is_lost(
    caller: Caller, seen: Any, threads: ThreadPoolExecutor, until: Any
) -> None:
    go = threading.Event()

    def chunks() -> Iterator[bytes]:
        yield bytes(8)
        seen.go.set()
        if not caller.loop:
            caller.client.close()
        yield bytes(8)

    async def chunks_async() -> AsyncIterator[bytes]:
        yield bytes(8)
        seen.go.set()
        await caller.client.close()
        yield bytes(8)

    with pytest.raises(lrpc.ConnectionLost):
        caller.call("Sum", "wait", chunks_async() if caller.loop else chunks())
    go.set()
    until(lambda: seen.error is not None)
    assert isinstance(seen.error, lrpc.ConnectionLost)


@pytest.mark.parametrize("client_face", ["asyncio"], indirect=True)
def test_cancelled_task_gives_up_its_call(caller: Caller, seen: Any, until: Any) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield bytes(8)
        await asyncio.sleep(WATCHDOG)

    async def cancelled(client: Any) -> int:
        task = asyncio.ensure_future(client.Sum("x", chunks()))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        result: int = await client.Add(2, 3)
        return result

    assert caller.loop.run(cancelled(caller.client)) == 5
    until(lambda: seen.error is not None)


def test_result_that_nobody_holds_gives_up_its_call(caller: Caller) -> None:
    def blocking(client: Any) -> int:
        assert next(client.Watch(100_000).numbers) == 0
        found: int = client.Add(2, 3)
        return found

    async def asynchronous(client: Any) -> int:
        watch = await client.Watch(100_000)
        assert await anext(watch.numbers) == 0
        del watch
        found: int = await client.Add(2, 3)
        return found

    assert caller.run(blocking, asynchronous) == 5


# A connection that has ended


@some_transports
def test_stream_of_a_client_whose_connection_has_ended_comes_by_a_new_one(
    caller: Caller, host: Any, hosts: Any, face: str, binding: str, piper: ModuleType, until: Any
) -> None:
    assert caller.read("Count", 3) == [0, 1, 2]
    host.stop()
    successor = hosts(face)
    made = piper.Seen()
    successor.server.register((piper.AsyncService if successor.loop else piper.Service)(made))
    successor.listen(binding)
    until(caller.client._channel.has_ended)
    assert caller.read("Count", 3) == [0, 1, 2]
    assert caller.call("Add", 2, 3) == 5
