"""Row T3 of docs/threats.md: networks that lose, delay and reorder, and peers that are there and say nothing."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import lrpc

CALLS = """
import json, time
for line in sys.stdin:
    number, size, seconds = json.loads(line)
    began = time.monotonic()
    try:
        with lrpc.deadline(seconds):
            octets = bytes(range(256)) * size
            said = client.Echo(octets) == octets if size else client.Add(number, 1)
    except lrpc.RpcError as error:
        said = f"{type(error).__name__} {error.ran.value}"
    print(json.dumps([said, time.monotonic() - began]), flush=True)
"""
"""A client that makes the calls that it is told: Add of a number, or Echo of so many times 256 octets."""


class Remote:
    """A client on the other machine."""

    def __init__(self, program: Any) -> None:
        self._program = program

    def begin(self, number: int, size: int = 0, seconds: float = 60.0) -> None:
        self._program.stdin.write(f"{json.dumps([number, size, seconds])}\n")
        self._program.stdin.flush()

    def end(self) -> tuple[Any, float]:
        said, took = json.loads(self._program.stdout.readline())
        return said, took

    def call(self, number: int, size: int = 0, seconds: float = 60.0) -> Any:
        self.begin(number, size, seconds)
        return self.end()[0]


@pytest.fixture
def link(links: Any) -> Iterator[Any]:
    made = links()
    yield made
    made.close()


@pytest.fixture
def remote(link: Any, sources: Any) -> Any:
    """Connects a client of one machine to the server of the other."""
    environment = {**os.environ, "PYTHONPATH": str(Path(lrpc.__file__).parents[1])}

    def connect(keepalive: float = 30.0) -> Remote:
        calculator = str(sources.CALCULATOR)
        server = link.run(sources.SERVER, calculator, "ncacn_ip_tcp:10.9.0.1[0]", environment=environment)
        binding = server.stdout.readline().strip()
        source = sources.CLIENT.replace("sys.argv[2])", f"sys.argv[2], limits=lrpc.Limits(keepalive={keepalive}))")
        client = Remote(link.run(source + CALLS, calculator, binding, environment=environment))
        assert client.call(1) == 2
        return client

    return connect


def test_t3_calls_survive_loss_reordering_and_small_packets(link: Any, remote: Any) -> None:
    client = remote()
    link.loss, link.delay, link.jitter = 0.05, 0.002, 0.01
    assert [client.call(number) for number in range(20)] == list(range(1, 21))
    assert [client.call(0, size) for size in (1, 10, 40)] == [True] * 3


def test_t3_calls_survive_two_seconds_of_latency(link: Any, remote: Any) -> None:
    client = remote()
    link.delay = 1.0
    client.begin(7)
    said, took = client.end()
    assert said == 8
    assert took >= 2
    assert client.call(7, 0, 1.0) == "DeadlineExceeded unknown"
    assert client.call(8) == 9


def test_t3_where_all_is_lost_deadlines_hold_and_late_answers_reach_nobody(link: Any, remote: Any) -> None:
    client = remote()
    link.loss = 1.0
    for number in (100, 200):
        client.begin(number, 0, 0.5)
        said, took = client.end()
        assert said == "DeadlineExceeded unknown"
        assert took >= 0.5
    link.loss = 0.0
    assert [client.call(number) for number in range(5)] == [1, 2, 3, 4, 5]


def test_t3_a_machine_that_has_gone_is_noticed_and_the_call_may_have_run(link: Any, remote: Any) -> None:
    client = remote(keepalive=2.0)
    link.loss = 1.0
    assert client.call(100) == "ConnectionLost unknown"
    link.loss = 0.0
    assert client.call(1) == 2


def test_t3_a_client_that_is_stopped_holds_up_nobody(
    hosts: Any, face: str, binding_for: Any, client_process: Any, clients_of: Any
) -> None:
    host = hosts(face)
    host.server.register(host.service)
    binding = host.listen(binding_for("ncacn_ip_tcp"))
    child = client_process(binding, "print(client.Add(1, 1), flush=True)\nclient.Wait(1)\n")
    assert child.stdout.readline() == "2\n"
    host.world.has_entered(1)
    child.send_signal(signal.SIGSTOP)
    os.waitpid(child.pid, os.WUNTRACED)  # its threads stop one after the other
    try:
        host.world.gate(1).set()
        other = clients_of("blocking")(binding)
        assert [other.Add(number, 1) for number in range(10)] == list(range(1, 11))
    finally:
        child.send_signal(signal.SIGCONT)
    assert child.wait(20) == 0
