from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from lrpc.transports import memory, tcp
from lrpc.transports.asynchronous import AsyncConnection, AsyncListener
from lrpc.transports.errors import BadFrame, Disconnected
from lrpc.transports.seam import Peer
from lrpc.transports.unix import PacketConnection
from tests.transports.until import WATCHDOG, run


def test_messages_go_both_ways(pair: Any) -> None:
    async def scenario() -> None:
        client, server = AsyncConnection(pair.client), AsyncConnection(pair.server)
        assert (client.message_mode, client.max_message) == (pair.client.message_mode, pair.client.max_message)
        assert client.peer == pair.client.peer
        for number in range(50):
            receiving = asyncio.create_task(server.receive())
            await asyncio.sleep(0)
            await client.send(bytes([number]))
            assert await receiving == bytes([number])
            await server.send(b"answer")
            assert await client.receive() == b"answer"
        client.close()
        assert await server.receive() == b""
        server.close()

    run(scenario)


def test_a_sender_waits_for_room(pair: Any) -> None:
    async def scenario() -> None:
        client, server = AsyncConnection(pair.client), AsyncConnection(pair.server)
        sending = asyncio.create_task(send_all(client))
        received = 0
        while received < 400 * 32768:
            received += len(await server.receive())
        await sending
        client.close()
        server.close()

    async def send_all(client: AsyncConnection) -> None:
        await asyncio.gather(*(client.send(bytes(32768)) for _ in range(400)))

    run(scenario)


def test_tasks_that_send_do_not_tear_a_stream(joined: Callable[..., Any]) -> None:
    async def scenario() -> None:
        listener = tcp.listen()
        client = AsyncConnection(tcp.connect(listener.address, WATCHDOG))
        server = AsyncConnection(listener.accept(WATCHDOG))
        sending = [asyncio.create_task(client.send(bytes([number]) * 3_000_000)) for number in range(4)]
        received = b""
        while len(received) < 12_000_000:
            received += await server.receive()
        await asyncio.gather(*sending)
        assert received == b"".join(bytes([number]) * 3_000_000 for number in range(4))
        for one in (client, server, listener):
            one.close()

    run(scenario)


def test_close_wakes_who_receives_and_who_sends(pair: Any) -> None:
    async def scenario() -> None:
        client = AsyncConnection(pair.client)
        receiving = asyncio.create_task(client.receive())
        sending = asyncio.create_task(send_for_ever(client))
        while not sending.done() and client._writer._waiting is None and client._connection.send_now(b"x" * 32768):
            await asyncio.sleep(0)
        client.close()
        assert await receiving == b""
        with pytest.raises(Disconnected):
            await sending

    async def send_for_ever(client: AsyncConnection) -> None:
        while True:
            await client.send(bytes(32768))

    run(scenario)


def test_a_cancelled_receive_loses_nothing(pair: Any) -> None:
    async def scenario() -> None:
        client = AsyncConnection(pair.client)
        for number in range(50):
            receiving = asyncio.create_task(client.receive())
            await asyncio.sleep(0)
            pair.server.send(bytes([number]))
            for _ in range(number % 4):
                await asyncio.sleep(0)
            receiving.cancel()
            outcome = (await asyncio.gather(receiving, return_exceptions=True))[0]
            if isinstance(outcome, asyncio.CancelledError):
                outcome = await client.receive()
            assert outcome == bytes([number])
        client.close()

    run(scenario)


def test_a_time_limit_leaves_the_connection_usable(pair: Any) -> None:
    async def scenario() -> None:
        client = AsyncConnection(pair.client)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await client.receive()
        pair.server.send(b"late")
        assert await client.receive() == b"late"
        client.close()

    run(scenario)


def test_a_send_that_was_cancelled_in_the_middle_of_a_stream_ends_it() -> None:
    async def scenario() -> None:
        listener = tcp.listen()
        client = AsyncConnection(tcp.connect(listener.address, WATCHDOG))
        server = listener.accept(WATCHDOG)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await client.send(bytes(64 << 20))
        with pytest.raises(Disconnected):
            await client.send(b"x")
        server.close()
        listener.close()

    run(scenario)


def test_a_send_that_was_cancelled_before_it_began_changes_nothing() -> None:
    async def scenario() -> None:
        one, two = memory.pair()
        client = AsyncConnection(one)
        await client.send(bytes(memory.MAX_QUEUED))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await client.send(b"never")
        assert len(two.receive(WATCHDOG)) == memory.MAX_QUEUED
        await client.send(b"next")
        assert two.receive(WATCHDOG) == b"next"
        client.close()
        two.close()

    run(scenario)


@pytest.fixture
def limited() -> Iterator[tuple[PacketConnection, socket.socket]]:
    one, two = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection = PacketConnection(one, Peer(), 10)
    yield connection, two
    connection.close()
    two.close()


def test_a_bad_frame_reaches_the_task_that_waits(limited: tuple[PacketConnection, socket.socket]) -> None:
    async def scenario() -> None:
        receiving = asyncio.create_task(AsyncConnection(limited[0]).receive())
        await asyncio.sleep(0)
        limited[1].send(bytes(11))
        with pytest.raises(BadFrame):
            await receiving

    run(scenario)


def test_a_descriptor_nobody_reads_is_not_watched(pair: Any) -> None:
    async def scenario() -> None:
        client = AsyncConnection(pair.client)
        receiving = asyncio.create_task(client.receive())
        await asyncio.sleep(0)
        pair.server.send(b"1")
        assert await receiving == b"1"
        assert client._reader._registered >= 0
        pair.server.send(b"2")
        while client._reader._registered >= 0:
            await asyncio.sleep(0)
        assert await client.receive() == b"2"
        client.close()

    run(scenario)


def test_a_listener_accepts_and_says_when_it_is_closed(mechanism: Any, threads: ThreadPoolExecutor) -> None:
    async def scenario() -> None:
        listener = AsyncListener(mechanism.listen())
        for _ in range(3):
            accepting = asyncio.create_task(listener.accept())
            client = await asyncio.to_thread(mechanism.connect, listener.address)
            server = await accepting
            client.close()
            server.close()
        accepting = asyncio.create_task(listener.accept())
        await asyncio.sleep(0)
        listener.close()
        with pytest.raises(Disconnected):
            await accepting

    run(scenario)


def test_repr_shows_what_is_inside(pair: Any) -> None:
    async def scenario() -> None:
        assert repr(AsyncConnection(pair.client)) == f"<async {pair.client!r}>"

    run(scenario)
