"""An interface with pipes and its service in both faces: what the tests of pipes call. Loaded by conftest.py.

`Seen` is what a test sees of the service, and what it holds up.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import lrpc
from lrpc.rpcgen.load import load

WATCHDOG = 20.0

stub: Any = load(
    """
[uuid(6b1d7a52-8f0c-4c9e-9d5a-0f3c5a1e7b99), version(1.0)]
interface Piper
{
    typedef pipe byte Octets;
    typedef pipe long Numbers;
    typedef struct { char a; hyper b; } Pair;
    typedef pipe Pair Pairs;
    long Add([in] long a, [in] long b);
    long Sum([in, string] wchar_t *name, [in] Octets data);
    long Dot([in] Numbers left, [in] Numbers right);
    void Count([in] long n, [out] Numbers *numbers);
    void Octets([in] long n, [in] long size, [out] Octets *back);
    void Echo([in] Octets data, [out] Octets *back);
    void Swap([in, out] Pairs *pairs);
    long Watch([in] long n, [out] Numbers *numbers, [out, string] wchar_t **name, [out] Octets *data);
    error_status_t Pull([in] long n, [out] Numbers *numbers);
    long First([in] Octets data);
}
""",
    cached=False,
)
Pair = stub.Pair


class Seen:
    """What the service does, told to a test in another thread."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.waiting = threading.Event()
        self.made = 0
        """Items or buffers that a pipe was filled with so far."""
        self.closed = threading.Event()
        """A generator was ended before its end."""
        self.error: BaseException | None = None
        """What an [in] pipe raised."""

    def wait(self) -> None:
        self.waiting.set()
        assert self.go.wait(WATCHDOG)

    async def wait_async(self) -> None:
        self.waiting.set()
        until = time.monotonic() + WATCHDOG
        while not self.go.is_set():
            assert time.monotonic() < until
            await asyncio.sleep(0.001)


class Service(stub.Piper):  # type: ignore[misc]
    def __init__(self, seen: Seen) -> None:
        self.seen = seen

    def Add(self, a: int, b: int) -> int:
        return a + b

    def Sum(self, name: str, data: Iterator[bytes]) -> int:
        if name == "wait":
            next(data)
            self.seen.wait()
        try:
            return sum(len(chunk) for chunk in data)
        except lrpc.RpcError as error:
            self.seen.error = error
            raise

    def Dot(self, left: Iterator[int], right: Iterator[int]) -> int:
        return sum(a * b for a, b in zip(list(left), right, strict=True))

    def Count(self, n: int) -> Iterator[int]:
        try:
            for number in range(n) if n >= 0 else _endless():
                self.seen.made += 1
                yield number
        except GeneratorExit:
            self.seen.closed.set()
            raise

    def Octets(self, n: int, size: int) -> Iterator[bytes]:
        for _ in range(n):
            self.seen.made += 1
            yield bytes(size)

    def Echo(self, data: Iterator[bytes]) -> Iterator[bytes]:
        return data

    def Swap(self, pairs: Iterator[Any]) -> Iterator[Any]:
        for pair in pairs:
            yield Pair(pair.a + 1, -pair.b)

    def Watch(self, n: int) -> Any:
        result = stub.WatchResult(range(n), "begun", [], 0)

        def data() -> Iterator[bytes]:
            for size in range(1, 4):
                result.return_ += size
                yield b"x" * size
            result.name = "done"

        result.data = data()
        return result

    def Pull(self, n: int) -> Iterator[int]:
        yield from range(abs(n))
        if n < 0:
            raise lrpc.StatusError(5)
        if n > 1000:
            raise ValueError("a mistake")

    def First(self, data: Iterator[bytes]) -> int:
        return next(data)[0]


class AsyncService(stub.AsyncPiper):  # type: ignore[misc]
    def __init__(self, seen: Seen) -> None:
        self.seen = seen

    async def Add(self, a: int, b: int) -> int:
        return a + b

    async def Sum(self, name: str, data: AsyncIterator[bytes]) -> int:
        if name == "wait":
            await anext(data)
            await self.seen.wait_async()
        try:
            return sum([len(chunk) async for chunk in data])
        except lrpc.RpcError as error:
            self.seen.error = error
            raise

    async def Dot(self, left: AsyncIterator[int], right: AsyncIterator[int]) -> int:
        return sum(a * b for a, b in zip([a async for a in left], [b async for b in right], strict=True))

    async def Count(self, n: int) -> AsyncIterator[int]:
        try:
            for number in range(n) if n >= 0 else _endless():
                self.seen.made += 1
                yield number
        except GeneratorExit:
            self.seen.closed.set()
            raise

    async def Octets(self, n: int, size: int) -> AsyncIterator[bytes]:
        for _ in range(n):
            self.seen.made += 1
            yield bytes(size)

    def Echo(self, data: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        return data

    async def Swap(self, pairs: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for pair in pairs:
            yield Pair(pair.a + 1, -pair.b)

    async def Watch(self, n: int) -> Any:
        result = stub.AsyncWatchResult(range(n), "begun", [], 0)

        async def data() -> AsyncIterator[bytes]:
            for size in range(1, 4):
                result.return_ += size
                yield b"x" * size
            result.name = "done"

        result.data = data()
        return result

    async def Pull(self, n: int) -> AsyncIterator[int]:
        for number in range(abs(n)):
            yield number
        if n < 0:
            raise lrpc.StatusError(5)
        if n > 1000:
            raise ValueError("a mistake")

    async def First(self, data: AsyncIterator[bytes]) -> int:
        return (await anext(data))[0]


def _endless() -> Iterator[int]:
    number = 0
    while True:
        yield number
        number = (number + 1) & 0x7FFFFFFF
