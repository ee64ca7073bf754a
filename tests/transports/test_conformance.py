"""One contract, held against every transport: the bullets of `transports/seam.py`."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from lrpc.transports.errors import ConnectFailed, Disconnected, MessageTooLong, NameCollision, TimedOut
from lrpc.transports.seam import Connection

WATCHDOG = 20.0
SIZES = (1, 2, 39, 40, 41, 255, 4096, 5840, 16384, 32768, 65494, 65495)
LOCAL = ("alpc", "memory", "pipe")
BETWEEN_PROCESSES = ("alpc", "pipe", "tcp")
IN_MESSAGES = ("alpc", "memory", "pipe")

only = pytest.mark.parametrize


def receive_exactly(connection: Connection, size: int) -> bytes:
    """One message, or as much of a stream."""
    octets = connection.receive(WATCHDOG)
    while not connection.message_mode and octets and len(octets) < size:
        more = connection.receive(WATCHDOG)
        assert more
        octets += more
    return octets


def readable(descriptor: int, timeout: float) -> bool:
    return bool(select.select([descriptor], [], [], timeout)[0])


def pattern(size: int, seed: int = 0) -> bytes:
    return bytes((seed + index * 7) & 0xFF for index in range(256)) * (size // 256 + 1)


def again_and_again(act: Callable[[], object]) -> None:
    """A stream takes a part before it waits, and learns of an end only by the answer to what it sends."""
    for _ in range(100_000):
        act()


# Order and boundaries


def test_octets_arrive_unchanged_both_ways(pair: Any) -> None:
    for size in SIZES:
        sent = pattern(size, size)[:size]
        pair.client.send(sent, WATCHDOG)
        assert receive_exactly(pair.server, size) == sent
        pair.server.send(sent, WATCHDOG)
        assert receive_exactly(pair.client, size) == sent


def test_order_is_kept(pair: Any, threads: ThreadPoolExecutor) -> None:
    sent = [index.to_bytes(4, "big") * (1 + index % 300) for index in range(2000)]
    sending = threads.submit(lambda: [pair.client.send(one, WATCHDOG) for one in sent])
    expected = b"".join(sent)
    received = b""
    while len(received) < len(expected):
        received += pair.server.receive(WATCHDOG)
    sending.result(WATCHDOG)
    assert received == expected


@only("mechanism", IN_MESSAGES, indirect=True)
def test_one_send_is_one_receive(pair: Any) -> None:
    sent = [pattern(size)[:size] for size in SIZES]
    assert pair.client.message_mode
    for one in sent[:3] * 5:
        pair.client.send(one)
    assert [pair.server.receive(WATCHDOG) for _ in range(15)] == sent[:3] * 5


@only("mechanism", IN_MESSAGES, indirect=True)
@only("count", [4])
def test_concurrent_senders_do_not_tear_messages(pair: Any, threads: ThreadPoolExecutor, count: int) -> None:
    def send(number: int) -> None:
        for _ in range(50):
            pair.client.send(bytes([number]) * 60_000, WATCHDOG)

    sending = [threads.submit(send, number) for number in range(count)]
    received = [pair.server.receive(WATCHDOG) for _ in range(count * 50)]
    for one in sending:
        one.result(WATCHDOG)
    assert sorted(received) == [bytes([number]) * 60_000 for number in range(count) for _ in range(50)]


@only("mechanism", ["tcp"], indirect=True)
def test_concurrent_senders_do_not_tear_a_stream(pair: Any, threads: ThreadPoolExecutor) -> None:
    block = 1 << 20
    sending = [threads.submit(pair.client.send, bytes([number]) * block, WATCHDOG) for number in range(4)]
    received = receive_exactly(pair.server, 4 * block)
    for one in sending:
        one.result(WATCHDOG)
    blocks = [received[start : start + block] for start in range(0, 4 * block, block)]
    assert sorted(blocks) == [bytes([number]) * block for number in range(4)]


def test_any_buffer_can_be_sent(pair: Any) -> None:
    for buffer in (b"octets", bytearray(b"octets"), memoryview(b"__octets__")[2:-2]):
        pair.client.send(buffer, WATCHDOG)
        assert receive_exactly(pair.server, 6) == b"octets"


def test_nothing_is_not_a_message(pair: Any) -> None:
    pair.client.send(b"")
    assert pair.client.send_now(b"") == 0
    pair.client.send(b"something")
    assert pair.server.receive(WATCHDOG) == b"something"


@only("mechanism", ["alpc", "pipe"], indirect=True)
def test_a_message_longer_than_the_bound_is_refused_and_harmless(pair: Any) -> None:
    with pytest.raises(MessageTooLong):
        pair.client.send(bytes(pair.client.max_message + 1))
    with pytest.raises(MessageTooLong):
        pair.client.send_now(bytes(pair.client.max_message + 1))
    pair.client.send(bytes(pair.client.max_message))
    assert len(pair.server.receive(WATCHDOG)) == pair.client.max_message


# The end


def test_close_is_seen_after_what_was_sent(pair: Any) -> None:
    pair.client.send(b"last words")
    pair.client.close()
    assert pair.server.receive(WATCHDOG) == b"last words"
    assert pair.server.receive(WATCHDOG) == b""
    assert pair.server.receive(WATCHDOG) == b""
    assert pair.server.receive_now() == b""


def test_what_a_peer_sent_arrives_although_it_left_without_listening(pair: Any) -> None:
    pair.client.send(b"never read")
    pair.server.send(b"last words")
    assert readable(pair.server.fileno(), WATCHDOG)
    pair.server.close()
    assert pair.client.receive(WATCHDOG) == b"last words"
    assert pair.client.receive(WATCHDOG) == b""


def test_sending_to_a_closed_peer_says_disconnected(pair: Any) -> None:
    pair.server.close()
    with pytest.raises(Disconnected):
        again_and_again(lambda: pair.client.send(b"anybody there?", WATCHDOG))


def test_sending_now_to_a_closed_peer_says_disconnected(pair: Any) -> None:
    pair.server.close()
    with pytest.raises(Disconnected):
        again_and_again(lambda: pair.client.send_now(b"anybody there?"))


def test_close_wakes_the_receiver(mechanism: Any, joined: Callable[..., Any], threads: ThreadPoolExecutor) -> None:
    for _ in range(20):
        pair = joined(mechanism)
        receiving = threads.submit(pair.client.receive)
        pair.client.close()
        assert receiving.result(WATCHDOG) == b""


def test_close_by_the_peer_wakes_the_receiver(pair: Any, threads: ThreadPoolExecutor) -> None:
    receiving = threads.submit(pair.client.receive)
    pair.server.close()
    assert receiving.result(WATCHDOG) == b""


def test_close_wakes_a_blocked_sender(pair: Any, threads: ThreadPoolExecutor) -> None:
    def send_for_ever() -> None:
        while True:
            pair.client.send(bytes(32768))

    sending = threads.submit(send_for_ever)
    assert readable(pair.server.fileno(), WATCHDOG)
    while pair.client.send_now(bytes(32768)):
        pass
    pair.server.close()
    with pytest.raises(Disconnected):
        sending.result(WATCHDOG)


def test_a_closed_connection_says_so(pair: Any) -> None:
    pair.client.close()
    pair.client.close()
    assert pair.client.receive(WATCHDOG) == b""
    assert pair.client.receive_now() == b""
    assert pair.client.fileno() == -1
    assert "closed" in repr(pair.client)
    with pytest.raises(Disconnected):
        pair.client.send(b"x", 1.0)


@only("mechanism", BETWEEN_PROCESSES, indirect=True)
def test_a_killed_peer_is_seen(mechanism: Any, run_child: Callable[..., Any]) -> None:
    source = (
        "import sys, importlib\n"
        "transport = importlib.import_module('lrpc.transports.' + sys.argv[1])\n"
        "connection = getattr(transport, 'dial', transport.connect)(sys.argv[2], 20)\n"
        "connection.send(b'here')\n"
        "connection.receive()\n"
    )
    listener = mechanism.listen()
    child = run_child(source, mechanism.name, listener.address)
    server = listener.accept(WATCHDOG)
    assert server.receive(WATCHDOG) == b"here"
    child.kill()
    assert server.receive(WATCHDOG) == b""
    server.close()
    listener.close()


# Waiting


def test_a_receive_that_timed_out_loses_nothing(pair: Any) -> None:
    for timeout in (0.0, 0.001, 0.02):
        with pytest.raises(TimedOut):
            pair.client.receive(timeout)
        pair.server.send(b"late")
        assert pair.client.receive(WATCHDOG) == b"late"


def test_a_send_that_has_no_room_times_out(pair: Any) -> None:
    while pair.client.send_now(bytes(32768)):
        pass
    with pytest.raises(TimedOut):
        again_and_again(lambda: pair.client.send(bytes(32768), 0.02))


@only("mechanism", IN_MESSAGES, indirect=True)
def test_a_send_that_timed_out_has_sent_nothing(pair: Any) -> None:
    count = 0
    while pair.client.send_now(count.to_bytes(4, "big") * 4096):
        count += 1
    with pytest.raises(TimedOut):
        pair.client.send(bytes(16384), 0.01)
    assert [pair.server.receive(WATCHDOG)[:4] for _ in range(count)] == [n.to_bytes(4, "big") for n in range(count)]
    assert pair.server.receive_now() is None
    pair.client.send(b"and on")
    assert pair.server.receive(WATCHDOG) == b"and on"


def test_nothing_yet_is_none(pair: Any) -> None:
    assert pair.client.receive_now() is None
    assert pair.server.send_now(b"now") == 3
    assert readable(pair.client.fileno(), WATCHDOG)
    assert pair.client.receive_now() == b"now"
    assert pair.client.receive_now() is None


def test_the_descriptor_is_readable_exactly_while_something_is_there(pair: Any) -> None:
    descriptor = pair.server.fileno()
    assert not readable(descriptor, 0)
    pair.client.send(b"1")
    assert readable(descriptor, WATCHDOG)
    assert pair.server.receive(WATCHDOG) == b"1"
    assert not readable(descriptor, 0)
    pair.client.close()
    assert readable(descriptor, WATCHDOG)


# Names and listeners


def test_a_name_has_one_holder(mechanism: Any) -> None:
    listener = mechanism.listen()
    with pytest.raises(NameCollision):
        mechanism.listen(listener.address)
    listener.close()
    mechanism.listen(listener.address).close()


def test_connecting_where_nobody_listens_fails(mechanism: Any) -> None:
    listener = mechanism.listen()
    listener.close()
    with pytest.raises(ConnectFailed):
        mechanism.connect(listener.address)


def test_a_closed_listener_leaves_its_connections_alone(pair: Any) -> None:
    pair.listener.close()
    pair.listener.close()
    pair.client.send(b"still here")
    assert pair.server.receive(WATCHDOG) == b"still here"


def test_close_wakes_a_thread_in_accept(mechanism: Any, threads: ThreadPoolExecutor) -> None:
    for _ in range(20):
        listener = mechanism.listen()
        accepting = threads.submit(listener.accept)
        listener.close()
        with pytest.raises(Disconnected):
            accepting.result(WATCHDOG)
        with pytest.raises(Disconnected):
            listener.accept_now()


def test_accept_times_out(mechanism: Any) -> None:
    listener = mechanism.listen()
    assert listener.accept_now() is None
    with pytest.raises(TimedOut):
        listener.accept(0.01)
    listener.close()


def test_a_listener_is_readable_when_a_client_comes(mechanism: Any, threads: ThreadPoolExecutor) -> None:
    listener = mechanism.listen()
    assert not readable(listener.fileno(), 0)
    connecting = threads.submit(mechanism.connect, listener.address)
    server = None
    while server is None:
        assert readable(listener.fileno(), WATCHDOG)
        server = listener.accept_now()
    client = connecting.result(WATCHDOG)
    client.send(b"hello")
    assert server.receive(WATCHDOG) == b"hello"
    for one in (client, server, listener):
        one.close()


def test_many_clients_are_told_apart(mechanism: Any, threads: ThreadPoolExecutor) -> None:
    listener = mechanism.listen()
    clients = [threads.submit(mechanism.connect, listener.address) for _ in range(8)]
    servers = [listener.accept(WATCHDOG) for _ in clients]
    for number, client in enumerate(clients):
        client.result(WATCHDOG).send(bytes([number + 1]))
    assert sorted(server.receive(WATCHDOG) for server in servers) == [bytes([number + 1]) for number in range(8)]
    for one in [listener, *servers, *(client.result() for client in clients)]:
        one.close()


# Identity and what is given back


@only("mechanism", LOCAL, indirect=True)
def test_the_peer_is_the_kernels_word(pair: Any) -> None:
    for end in (pair.client, pair.server):
        peer = end.peer
        assert (peer.pid, peer.uid, peer.gid) == (os.getpid(), os.geteuid(), os.getegid())
        assert sorted(peer.groups) == sorted(os.getgroups())


def test_a_peer_over_a_network_has_an_address_and_no_identity(joined: Callable[..., Any], request: Any) -> None:
    pair = joined(request.getfixturevalue("tcp_mechanism"))
    assert pair.client.peer.address == pair.listener.address
    assert pair.server.peer.uid is None


@pytest.fixture
def tcp_mechanism() -> Any:
    from lrpc.transports import tcp

    class Tcp:
        listen = staticmethod(lambda: tcp.listen())
        connect = staticmethod(tcp.connect)

    return Tcp


def test_descriptors_go_back_to_the_baseline(
    mechanism: Any, threads: ThreadPoolExecutor, open_descriptors: Callable[[], int]
) -> None:
    before = open_descriptors()
    for _ in range(10):
        listener = mechanism.listen()
        accepting = threads.submit(listener.accept, WATCHDOG)
        client = mechanism.connect(listener.address)
        server = accepting.result(WATCHDOG)
        server.fileno(), client.fileno(), listener.fileno()
        client.send(b"x")
        assert server.receive(WATCHDOG) == b"x"
        for one in (client, server, listener):
            one.close()
    assert open_descriptors() == before


@only("mechanism", BETWEEN_PROCESSES, indirect=True)
def test_no_descriptor_survives_exec(pair: Any, mechanism: Any) -> None:
    ends = [end.fileno() for end in (pair.client, pair.server, pair.listener)]
    source = "import os, sys; print([os.path.exists(f'/proc/self/fd/{fd}') for fd in sys.argv[1:]])"
    command = [sys.executable, "-c", source, *map(str, ends)]
    assert (
        subprocess.run(command, close_fds=False, capture_output=True, check=True).stdout.strip()
        == b"[False, False, False]"
    )
