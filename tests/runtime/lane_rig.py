"""A server of calls of numbers, and a client that has a lane to it."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import lrpc
from lrpc.transports.alpc.lane import Lane

WATCHDOG = 20.0
calc: Any = lrpc.load("""
[uuid(6c2f0d0a-7a35-4a1b-9a53-3c1f0e5f9f33), version(1.0)]
interface Calc {
    long Add([in] long a, [in] long b);
    hyper Wide([in] small a, [in] hyper b);
    boolean None();
    long Length([in, string] wchar_t *text);
    double Slow([in] double seconds);
    long Bad([in] long what);
}
""")


class Service(calc.Calc):  # type: ignore[misc]
    def __init__(self) -> None:
        self.wrong: Any = None
        self.cancelled = threading.Event()

    def Add(self, a: int, b: int) -> int:
        return a + b

    def Wide(self, a: int, b: int) -> int:
        return a + b

    def None_(self) -> bool:
        return True

    def Length(self, text: str) -> int:
        return len(text)

    def Slow(self, seconds: float) -> float:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if lrpc.call_cancelled(0.001):
                self.cancelled.set()
                break
        return seconds

    def Bad(self, what: int) -> Any:
        if what:
            raise lrpc.Fault(what, "as asked")
        return "no number"


class Rig:
    """A server, a client of it with a lane, and both ends of the lane."""

    def __init__(self, client: Any, server: lrpc.Server, service: Service, binding: str) -> None:
        self.client = client
        self.server = server
        self.service = service
        self.binding = binding
        self.lane: Lane = client._channel._wire.port.lane
        self.went: list[int] = []

    def awake(self) -> None:
        """Calls until both ends look into the lane."""
        until = time.monotonic() + WATCHDOG
        lane = self.lane
        while lane.away or lane.words[lane.peer_away_at]:
            assert self.client.Add(1, 2) == 3
            assert time.monotonic() < until

    def short(self, call: Callable[[], Any], times: int = 200) -> int:
        """How many of the requests went in their short form."""
        count = 0
        for _ in range(times):
            self.awake()
            start = self.lane.out.start
            self.lane.memory[start : start + 4] = bytes(4)
            call()
            key, total = struct.unpack_from("<HH", self.lane.memory, start)
            count += key > 0 and total == 0  # a whole frame begins with DataLength and TotalLength
        return count


@contextmanager
def rigged() -> Iterator[Rig]:
    """Both, where LRPC_LANE is 1."""
    service = Service()
    with lrpc.Server() as server:
        server.register(service)
        binding = str(server.listen(f"ncalrpc:[test-lane-{time.monotonic_ns()}]"))
        server.start()
        with lrpc.connect(calc.CalcClient, binding) as client:
            yield Rig(client, server, service, binding)
