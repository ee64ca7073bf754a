"""How clients go, and in what turns they are read: what comes into a server's one queue."""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import select
import signal
import socket
import struct
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from lrpc.transports import alpc, namespace
from lrpc.transports.alpc import ConnectionRequest, server_queue
from lrpc.transports.errors import ConnectionRefused, Disconnected, ResourcesExhausted, TimedOut
from tests.transports.until import WATCHDOG, until

# Going


def test_a_killed_client_is_told_though_its_child_holds_the_socket(
    joined_port: Any, run_child: Callable[..., Any]
) -> None:
    source = (
        "import os, subprocess, sys\n"
        "from lrpc.transports import alpc\n"
        "client = alpc.connect(sys.argv[1], 20)\n"
        "os.set_inheritable(client.fileno(), True)\n"
        "child = subprocess.Popen(['sleep', '60'], close_fds=False)\n"
        "for _ in range(100):\n"
        "    client.datagram(b'%d' % child.pid)\n"
        "print(flush=True)\n"
        "sys.stdin.read()\n"
    )
    child = run_child(source, joined_port.name)
    joined_port.server.receive(WATCHDOG).accept(context="killed")
    child.stdout.readline()
    child.kill()
    child.wait(WATCHDOG)
    holder = int(joined_port.server.receive(WATCHDOG).data)
    try:
        for _ in range(99):  # what it had sent counts
            assert int(joined_port.server.receive(WATCHDOG).data) == holder
        closed = joined_port.server.receive(WATCHDOG)
        assert (closed.type, closed.port_context) == (alpc.LPC_PORT_CLOSED, "killed")
    finally:
        os.kill(holder, signal.SIGKILL)


def test_a_server_killed_in_a_request_has_lost_the_reply(run_child: Callable[..., Any]) -> None:
    source = (
        "from lrpc.transports import alpc\n"
        "server = alpc.create_port('doomed')\n"
        "print(flush=True)\n"
        "server.receive(20).accept()\n"
        "message = server.receive(20)\n"
        "print(message.data.decode(), flush=True)\n"
        "import time; time.sleep(60)\n"
    )
    child = run_child(source)
    child.stdout.readline()
    client = alpc.connect("doomed", WATCHDOG)

    def kill() -> None:
        assert child.stdout.readline() == b"work\n"
        child.kill()

    killing = threading.Thread(target=kill)
    killing.start()
    with pytest.raises(Disconnected, match="LPC_REPLY_LOST"):
        client.request(b"work")
    killing.join()
    client.close()


def test_the_end_of_a_registered_thread_is_told(joined_port: Any, open_descriptors: Callable[[], int]) -> None:
    client, _ = joined_port.connect(context="ctx")
    before = open_descriptors()
    go = threading.Event()

    def live() -> None:
        client.register_termination()
        client.datagram(b"registered")
        go.wait(WATCHDOG)

    thread = threading.Thread(target=live)
    thread.start()
    assert joined_port.server.receive(WATCHDOG).data == b"registered"
    with pytest.raises(TimedOut):
        joined_port.server.receive(0.02)
    go.set()
    thread.join()
    died = joined_port.server.receive(WATCHDOG)
    assert (died.type, died.port_context) == (alpc.LPC_CLIENT_DIED, "ctx")
    assert struct.unpack("<Q", died.data)[0] > 0
    assert open_descriptors() == before


def test_a_client_that_there_is_nothing_to_serve_with_has_gone(
    joined_port: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def receive_frame_now(other: alpc.MessagePort) -> bytes | None:
        if other is port:
            raise ResourcesExhausted("no descriptor left")
        return received(other)

    client, port = joined_port.connect(context="ctx")
    received = alpc.MessagePort.receive_frame_now
    monkeypatch.setattr(alpc.MessagePort, "receive_frame_now", receive_frame_now)
    client.datagram(b"")
    closed = joined_port.server.receive(WATCHDOG)
    assert (closed.type, closed.port_context) == (alpc.LPC_PORT_CLOSED, "ctx")
    assert client.receive(WATCHDOG).type == alpc.LPC_PORT_CLOSED


def test_nothing_is_kept_of_a_client_that_has_gone(joined_port: Any) -> None:
    client, port = joined_port.connect()
    gone = weakref.ref(port)
    client.close()
    closed = joined_port.server.receive(WATCHDOG)
    assert closed.type == alpc.LPC_PORT_CLOSED
    del port, closed
    gc.collect()
    assert gone() is None


def test_threads_of_others_and_too_many_are_not_registered(joined_port: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(server_queue, "MAX_THREADS", 3)
    client, _ = joined_port.connect()
    for _ in range(10):
        client.register_termination()
    assert joined_port.server.receive(WATCHDOG).type == alpc.LPC_PORT_CLOSED


def test_a_thread_that_there_is_no_descriptor_for_is_not_registered(
    joined_port: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(*_: object) -> int:
        raise OSError(errno.EMFILE, "none left")

    client, _ = joined_port.connect()
    monkeypatch.setattr(os, "pidfd_open", none_left)
    client.register_termination()
    assert joined_port.server.receive(WATCHDOG).type == alpc.LPC_PORT_CLOSED


# The port


def test_the_port_is_readable_as_long_as_something_waits(joined_port: Any) -> None:
    poll = select.poll()
    poll.register(joined_port.server.fileno(), select.POLLIN)
    assert not poll.poll(0)
    client, _ = joined_port.connect()
    assert not poll.poll(0)
    client.datagram(b"one")
    client.datagram(b"two")
    assert poll.poll(WATCHDOG)
    assert joined_port.server.receive(WATCHDOG).data == b"one"
    assert poll.poll(0)
    message = joined_port.server.receive_now()
    assert message is not None
    assert message.data == b"two"
    assert not poll.poll(0)
    assert joined_port.server.receive_now() is None


def test_messages_that_another_thread_read_are_heard_of(joined_port: Any) -> None:
    client, port = joined_port.connect()
    asking = joined_port.call(client.request, b"R", timeout=WATCHDOG, on_callback=_post_and_answer)
    message = joined_port.server.receive(WATCHDOG)
    poll = select.poll()
    poll.register(joined_port.server.fileno(), select.POLLIN)
    assert message.call_back(b"", WATCHDOG).data == b"answered"
    assert poll.poll(0)
    assert joined_port.server.receive(0.0).data == b"beside"
    assert not poll.poll(0)
    message.reply()
    asking.result(WATCHDOG)
    assert port.fileno() >= 0


def _post_and_answer(callback: alpc.Message) -> bytes:
    assert callback.port is not None
    callback.port.datagram(b"beside")
    return b"answered"


def test_a_port_that_is_not_waitable_has_its_bare_descriptor(make_joined: Any) -> None:
    joined = make_joined(flags=alpc.PortFlags.ALLOW_LPC_REQUESTS)
    client, _ = joined.connect()
    assert joined.server.fileno() == joined.server._epoll.fileno()
    client.datagram(b"x")
    assert joined.server.receive(WATCHDOG).data == b"x"


def test_closing_wakes_who_receives_and_ends_all_clients(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    asking = joined_port.call(client.request, b"R")
    held = joined_port.server.receive(WATCHDOG)
    receiving = [joined_port.call(joined_port.server.receive, WATCHDOG) for _ in range(3)]
    joined_port.server.close()
    for one in (*receiving, asking):
        with pytest.raises(Disconnected):
            one.result(WATCHDOG)
    with pytest.raises(Disconnected):
        joined_port.server.receive(0)
    assert not held.needs_release
    held.reply(b"to nobody")


def test_a_client_let_in_while_the_port_closes_is_not_kept(
    joined_port: Any, monkeypatch: pytest.MonkeyPatch, open_descriptors: Callable[[], int]
) -> None:
    def let_in_and_close(request: ConnectionRequest, data: bytes) -> alpc.MessagePort:
        port = let_in(request, data)
        joined_port.server.close()
        return port

    let_in = ConnectionRequest.accept_messages
    monkeypatch.setattr(ConnectionRequest, "accept_messages", let_in_and_close)
    connecting, request = joined_port.ask()
    before = open_descriptors()
    with pytest.raises(Disconnected):
        request.accept()
    with connecting.result(WATCHDOG) as client:
        assert client.receive(WATCHDOG).type == alpc.LPC_PORT_CLOSED
    assert open_descriptors() < before - 2  # the port's, and both ends of the connection


def test_a_client_that_is_read_while_the_port_closes_is_sent_away(
    joined_port: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def close_and_ask(queue: server_queue.ServerQueue, request: ConnectionRequest) -> None:
        joined_port.server.close()
        ask(queue, request)

    ask = server_queue.ServerQueue._ask
    monkeypatch.setattr(server_queue.ServerQueue, "_ask", close_and_ask)
    asking = joined_port.call(alpc.connect, joined_port.name, WATCHDOG)
    with pytest.raises(Disconnected):
        joined_port.server.receive(WATCHDOG)
    assert isinstance(asking.exception(WATCHDOG), ConnectionRefused)


def test_a_port_closes_although_a_client_takes_nothing(joined_port: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_queue, "LINGER", 0.05)
    client, port = joined_port.connect()
    while not len(port.exchange.outbox):
        port.datagram(bytes(60_000))
    joined_port.server.close()
    assert client.receive(WATCHDOG).data == bytes(60_000)


def test_everything_is_given_back(open_descriptors: Callable[[], int], make_joined: Any) -> None:
    make_joined().close()
    before = open_descriptors()
    joined = make_joined()
    for number in range(20):
        client, _ = joined.connect(context=number)
        client.register_termination()
        client.post(b"held")
        message = joined.server.receive(WATCHDOG)
        client.close()
        for _ in range(2):
            joined.server.receive(WATCHDOG).release()
        del message
    with namespace.current(alpc.DIRECTORY).connect(joined.name, None, WATCHDOG):  # one that says nothing
        assert joined.server.receive_now() is None
    joined.close()
    assert open_descriptors() == before


def test_a_program_that_is_started_inherits_nothing(make_joined: Any) -> None:
    before = inheritable()
    joined = make_joined()
    client, _ = joined.connect()
    client.register_termination()
    client.datagram(b"registered")
    assert joined.server.receive(WATCHDOG).data == b"registered"
    assert min(joined.server.fileno(), client.fileno()) >= 0
    assert inheritable() <= before


def inheritable() -> set[int]:
    found = set[int]()
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        with contextlib.suppress(OSError):  # the one of the list itself
            if os.get_inheritable(descriptor):
                found.add(descriptor)
    return found


def test_a_child_of_fork_leaves_the_port_alone(make_joined: Any, open_descriptors: Callable[[], int]) -> None:
    before = open_descriptors()
    joined = make_joined()
    client, _ = joined.connect()
    pid = os.fork()
    if not pid:
        os._exit(not (joined.server.fileno() == client.fileno() == -1 and open_descriptors() == before))
    assert os.waitpid(pid, 0)[1] == 0
    client.datagram(b"still here")
    assert joined.server.receive(WATCHDOG).data == b"still here"
    assert isinstance(client._socket, socket.socket)


def test_batches_reach_the_queue_whole(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    with client.batch() as batch:
        for number in range(100):
            batch.datagram(b"%d" % number)
    assert [int(joined_port.server.receive(WATCHDOG).data) for _ in range(100)] == list(range(100))


# Reading no more than is needed


def test_messages_that_wait_are_taken_without_asking_everybody(joined_port: Any) -> None:
    clients = [joined_port.connect()[0] for _ in range(4)]
    for client in clients:
        for number in range(32):
            client.post(b"%d" % number)
    looks = looks_of(joined_port.server)
    for _ in range(4 * 32):
        joined_port.server.receive(WATCHDOG).reply()
    assert len(looks) <= 1 + 4 * 32 // 32


def looks_of(server: Any) -> list[float | None]:
    """The times for which a port looks from now on whether something comes."""
    looks, poll = list[float | None](), server.poll

    def look(timeout: float | None) -> list[tuple[int, int]]:
        looks.append(timeout)
        found: list[tuple[int, int]] = poll(timeout)
        return found

    server.poll = look
    return looks


def test_what_is_canceled_after_it_was_read_is_not_picked_up(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    numbers = [client.post(b"%d" % number) for number in range(3)]
    first = joined_port.server.receive(WATCHDOG)  # and the others are read
    client.cancel(numbers[1])
    last = joined_port.server.receive(WATCHDOG)
    assert last.data == b"2"
    assert joined_port.server.receive_now() is None
    for message in (first, last):
        message.reply()


def test_a_client_that_goes_takes_its_requests_along(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    for _ in range(3):
        client.post(b"")
    first = joined_port.server.receive(WATCHDOG)
    client.close()
    notices = [joined_port.server.receive(WATCHDOG) for _ in range(2)]
    assert [notice.type for notice in notices] == [alpc.LPC_CANCELED, alpc.LPC_PORT_CLOSED]
    for message in (first, *notices):
        message.release()


@pytest.mark.parametrize("kind", ["post", "datagram"])
def test_who_sends_without_end_holds_up_nobody(joined_port: Any, kind: str) -> None:
    flood, _ = joined_port.connect(context="flood")
    other, _ = joined_port.connect(context="other")
    over = threading.Event()

    def send_on() -> None:
        while not over.is_set():
            with contextlib.suppress(TimedOut):
                getattr(flood, kind)(b"flood", timeout=0.05)

    flooding = joined_port.call(send_on)
    joined_port.server.receive(WATCHDOG).release()
    other.datagram(b"mine")
    before = 0
    while (message := joined_port.server.receive(WATCHDOG)).port_context == "flood":
        before += 1
        message.release()
    over.set()
    flooding.result(WATCHDOG)
    assert (message.data, before < 1000) == (b"mine", True)
    while (message := joined_port.server.receive_now()) is not None:
        message.release()


def test_of_a_batch_in_many_packets_two_are_read_before_the_others_have_their_turn(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    with client.batch() as batch:
        for _ in range(300):
            batch.datagram(bytes(600))
    queue = joined_port.server.queue_messages().queue
    queue.read_now()
    assert 100 < len(queue) < 300
    for _ in range(300):
        assert joined_port.server.receive(WATCHDOG).type == alpc.LPC_DATAGRAM


def test_who_is_silent_is_dropped_though_nothing_else_comes(make_joined: Any) -> None:
    joined = make_joined(handshake_timeout=0.05)
    with namespace.current(alpc.DIRECTORY).connect(joined.name, None, WATCHDOG) as silent:
        silent.settimeout(WATCHDOG)
        assert joined.server.receive_now() is None
        with pytest.raises(TimedOut):
            joined.server.receive(0.2)
        assert silent.recv(1) == b""


def test_a_notice_that_nobody_sent_wakes_who_reads(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    message = joined_port.canceled(client)
    receiving = joined_port.call(joined_port.server.receive)
    until(lambda: joined_port.server.queue_messages().queue._reading)
    message.reply(b"late")
    assert receiving.result(WATCHDOG).type == alpc.LPC_LOST_REPLY


# Sending what waits


def test_what_waits_for_a_client_goes_though_nobody_receives(joined_port: Any) -> None:
    joined_port.connect()  # and for this one nothing does
    client, port = joined_port.connect()
    for _ in range(2):
        count = 0
        while not len(port.exchange.outbox):
            port.datagram(bytes(60_000))
            count += 1
        assert {thread.daemon for thread in threading.enumerate() if thread.name == "lrpc port"} == {True}
        for _ in range(count):
            assert len(client.receive(WATCHDOG).data) == 60_000
    until(lambda: "lrpc port" not in {thread.name for thread in threading.enumerate()})  # it ends when all have all
    looks = looks_of(joined_port.server)
    with pytest.raises(TimedOut):
        joined_port.server.receive(0.02)
    assert len(looks) < 10


def test_what_a_client_said_counts_though_it_went_without_taking_all(
    joined_port: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_queue.ServerQueue, "_pump", lambda _: None)
    client, port = joined_port.connect()
    while not len(port.exchange.outbox):
        port.datagram(bytes(60_000))
    client.datagram(b"last words")
    client.close()
    assert joined_port.server.receive(WATCHDOG).data == b"last words"
    assert joined_port.server.receive(WATCHDOG).type == alpc.LPC_PORT_CLOSED
