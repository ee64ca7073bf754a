from __future__ import annotations

import asyncio
import socket

import pytest

from lrpc.transports.alpc import LPC_DATAGRAM, LPC_PORT_CLOSED, LPC_REPLY, CommunicationPort
from lrpc.transports.alpc.asynchronous import AsyncPort
from lrpc.transports.errors import BadFrame, Disconnected, MessageTooLong
from tests.transports.until import run

Ports = tuple[CommunicationPort, CommunicationPort]


def test_requests_are_answered_with_views_both_ways(ports: Ports) -> None:
    async def serve(server: AsyncPort) -> None:
        while (message := await server.receive_message()).type != LPC_PORT_CLOSED:
            assert message.view is not None
            view = server.port.allocate(len(message.view))
            view.buffer[:] = message.view
            await server.send_message(message.data, message.message_id, LPC_REPLY, view)

    async def scenario() -> None:
        client, server = AsyncPort(ports[0]), AsyncPort(ports[1])
        serving = asyncio.create_task(serve(server))
        for size in (1, 4096, 1 << 20) * 5:
            view = client.port.allocate(size)
            view.buffer[:] = b"x" * size
            number = await client.send_message(b"data", view=view)
            reply = await client.receive_message()
            assert (reply.message_id, reply.data, reply.view) == (number, b"data", b"x" * size)
            client.port.release(reply)
        client.close()
        await serving
        server.close()

    run(scenario)


def test_a_sender_waits_for_room(ports: Ports) -> None:
    async def scenario() -> None:
        client, server = AsyncPort(ports[0]), AsyncPort(ports[1])
        sending = asyncio.gather(*(client.send_message(bytes(60_000), type=LPC_DATAGRAM) for _ in range(100)))
        numbers = {(await server.receive_message()).message_id for _ in range(100)}
        assert numbers == set(await sending)
        client.close()
        server.close()

    run(scenario)


def test_close_wakes_who_receives_and_who_sends(ports: Ports) -> None:
    async def scenario() -> None:
        client = AsyncPort(ports[0])
        while ports[0].send_message_now(bytes(60_000)):
            pass
        receiving = asyncio.create_task(client.receive_message())
        sending = asyncio.create_task(client.send_message(bytes(60_000)))
        await asyncio.sleep(0)
        client.close()
        assert (await receiving).type == LPC_PORT_CLOSED
        with pytest.raises(Disconnected):
            await sending

    run(scenario)


def test_errors_reach_the_task(raw: tuple[CommunicationPort, socket.socket]) -> None:
    async def scenario() -> None:
        port = AsyncPort(raw[0])
        with pytest.raises(MessageTooLong):
            await port.send_message(bytes(65_496))
        receiving = asyncio.create_task(port.receive_message())
        await asyncio.sleep(0)
        raw[1].send(b"nonsense")
        with pytest.raises(BadFrame):
            await receiving
        assert repr(port) == f"<async {raw[0]!r}>"
        assert port.peer == raw[0].peer

    run(scenario)
