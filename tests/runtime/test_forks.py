"""os.fork with clients and servers open: the child is told so, and the parent notices nothing (threats, X4)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import lrpc

BETWEEN_PROCESSES = ("ncalrpc", "ncacn_np", "ncacn_ip_tcp")


@pytest.fixture(params=BETWEEN_PROCESSES)
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def in_child(work: Callable[[], object]) -> str:
    """What `work` gives in a child, or how it fails."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            said = str(work())
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with open(reading, encoding="utf-8") as answer:
        said = answer.read()
    os.waitpid(child, 0)
    return said


def use_and_close(client: Any) -> str:
    """What a call of the other process's client raises, and that closing it raises nothing."""
    if hasattr(client, "loop"):  # of asyncio: the loop's thread is not in the child
        client = client.client

        async def use() -> str:
            try:
                await client.Add(1, 1)
            except lrpc.ForkedBinding as error:
                await client.close()
                return f"{error.ran.value} {error}"
            return "it ran"

        return asyncio.run(use())
    try:
        client.Add(1, 1)
    except lrpc.ForkedBinding as error:
        client.close()
        return f"{error.ran.value} {error}"
    return "it ran"


def test_client_of_the_parent_is_refused_and_left_alone(host: Any, connect: Any, binding: str, until: Any) -> None:
    client = connect(binding)
    large = bytes(100_000)
    assert len(client.Echo(large)) == len(large)
    until(lambda: host.server.statistics[2] == host.server.statistics[3])  # what goes is counted when it has gone
    before = host.server.statistics
    assert in_child(lambda: use_and_close(client)).startswith("no this connection is the parent process's")
    assert host.server.statistics == before
    assert client.Add(2, 3) == 5
    assert client.Echo(large) == large


@pytest.mark.parametrize("client_face", ["blocking"], indirect=True)
def test_child_may_connect_anew(host: Any, connect: Any, binding: str, calculator: Any) -> None:
    def call() -> int:
        with lrpc.connect(calculator.CalculatorClient, binding) as client:
            return int(client.Add(2, 3))

    client = connect(binding)
    assert in_child(call) == "5"
    assert client.Add(1, 1) == 2


@pytest.mark.parametrize("client_face", ["blocking"], indirect=True)
def test_fork_in_the_middle_of_a_call_does_not_hang_the_child(
    host: Any, connect: Any, binding: str, threads: ThreadPoolExecutor
) -> None:
    client = connect(binding)
    running = threads.submit(client.Wait, 1)
    host.world.has_entered(1)
    assert in_child(lambda: use_and_close(client)).startswith("no ")
    host.world.gate(1).set()
    assert running.result(20) == 1


@pytest.fixture(params=["blocking", "followers", "asyncio"])
def face(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("client_face", ["blocking"], indirect=True)
def test_server_of_the_parent_is_refused_and_goes_on(
    host: Any, connect: Any, binding: str, binding_for: Any, transport: str
) -> None:
    client, server, asynchronous = connect(binding), host.server, host.face == "asyncio"

    def listen() -> None:
        listening = server.listen(binding_for(transport))
        if asynchronous:
            asyncio.run(listening)

    def stop() -> str:
        stopped = server.stop()
        if asynchronous:
            asyncio.run(stopped)
        return "stopped"

    assert in_child(listen).startswith("ForkedBinding: listen: this server is the parent process's")
    assert in_child(lambda: server.register(host.greeting())).startswith("ForkedBinding: register: ")
    assert in_child(stop) == "stopped"
    assert client.Add(1, 1) == 2
    assert connect(binding).Add(1, 1) == 2


def test_child_that_lives_on_holds_no_port(hosts: Any, binding_for: Any, transport: str) -> None:
    host = hosts("blocking")
    bound = host.listen(binding_for(transport))
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(writing)
        os.read(reading, 1)
        os._exit(0)
    host.stop()
    again = hosts("blocking")
    assert again.listen(str(bound)) == bound
    os.close(writing)
    os.close(reading)
    os.waitpid(child, 0)
