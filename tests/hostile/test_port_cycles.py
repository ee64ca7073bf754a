"""Rows X1, X2 and X5 of docs/threats.md for ports: processes that are killed at any moment, and machines that are full.

LRPC_KILLS: how many are killed, 200 unless it says more (`make soak`: 10,000).
"""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, NoReturn

import pytest

import lrpc
from lrpc.transports import alpc
from lrpc.transports.alpc import CommunicationPort
from lrpc.transports.alpc.memory import memfd
from lrpc.transports.alpc.messages.port_attributes import HANDLES_ATTRIBUTES
from lrpc.transports.alpc.quota import UNLIMITED, UserQuota
from lrpc.transports.errors import Canceled, Disconnected, ReplyLost, ResourcesExhausted, TimedOut, TransportError

WATCHDOG = 20.0
KILLS = int(os.environ.get("LRPC_KILLS", "200"))
NAME = "killed"
VIEW = 20_000


@pytest.fixture(autouse=True)
def _namespace(own_namespace: Any) -> None:
    """Every test has names of its own."""


def resident() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


class Baseline:
    """What the process has: descriptors, memory, and names in the namespace."""

    def __init__(self) -> None:
        self._root = os.environ["LRPC_NAMESPACE"]
        self.descriptors, self.names, self.memory = self._now()

    def _now(self) -> tuple[int, set[str], int]:
        names = {name for _, _, files in os.walk(self._root) for name in files}
        return len(os.listdir("/proc/self/fd")), names, resident()

    def holds(self) -> None:
        descriptors, names, memory = self._now()
        assert descriptors <= self.descriptors
        assert names <= self.names
        assert memory - self.memory < 16 << 20


def forked(work: Callable[[], object]) -> int:
    """A child of fork that works until it is killed; its process id."""
    child = os.fork()
    if not child:
        try:
            work()
        finally:
            os._exit(77)
    return child


def killed(child: int) -> bool:
    """Whether it was our signal that ended it."""
    os.kill(child, signal.SIGKILL)
    return os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


def talk() -> None:
    """A client that connects, and sends messages, batches and views for ever."""
    client = alpc.connect(NAME, WATCHDOG)
    while True:
        client.send_message(b"plain")
        with client.batch() as batch:
            for number in range(10):
                batch.datagram(b"%d" % number)
        view = client.allocate(VIEW)
        number = client.send_message(b"", view=view)
        while (reply := client.receive_message(WATCHDOG)).message_id != number:
            assert reply.type != alpc.LPC_PORT_CLOSED


def listen_to(port: CommunicationPort, count: int) -> None:
    """Receives so many messages, and answers the requests; a client that is killed may have sent fewer."""
    for _ in range(count):
        message = port.receive_message(WATCHDOG)
        if message.type == alpc.LPC_PORT_CLOSED:
            return
        if message.type == alpc.LPC_REQUEST:
            port.send_message(bytes(message.view or b"")[:10], message.message_id, alpc.LPC_REPLY)


def test_x2_clients_of_ports_killed_at_any_moment_leave_nothing() -> None:
    server, dice = alpc.create_port(NAME), random.Random(2)
    for cycle in range(KILLS + 5):
        if cycle == 5:
            before = Baseline()
        child = forked(talk)
        port = server.accept(WATCHDOG)
        listen_to(port, dice.randrange(60))
        assert killed(child)
        while port.receive_message(WATCHDOG).type != alpc.LPC_PORT_CLOSED:
            pass
        port.close()
    before.holds()
    server.close()


def test_x2_clients_killed_before_they_are_let_in_leave_nothing() -> None:
    server, dice = alpc.create_port(NAME), random.Random(3)
    before = Baseline()
    for _ in range(KILLS // 4):
        children = [forked(talk) for _ in range(3)]
        request = server.listen(WATCHDOG)
        for child in children:
            assert killed(child)
        if dice.random() < 0.5:
            with pytest.raises(Disconnected):
                request.accept()
        else:
            request.refuse()
        request.close()
        with pytest.raises(TimedOut):
            while True:  # the others, if they got so far
                server.listen(0.0).close()
    before.holds()
    server.close()


def converse() -> None:
    """A client that uses whatever a port has, for ever."""
    client = alpc.connect(NAME, WATCHDOG, attributes=HANDLES_ATTRIBUTES)
    client.register_termination()
    event, answer = os.eventfd(0), bytearray(100)
    while True:
        with alpc.create_security_context(client) as context:
            client.post(b"posted", view=client.allocate(VIEW), handles=[event, event], security=context)
        client.post(b"", view=client.allocate(VIEW, secure=True))
        client.datagram(b"told", handles=[event])
        with contextlib.suppress(Canceled):
            client.request(b"directly", entries=[b"octets", answer], on_callback=lambda message: b"back")
        with contextlib.suppress(TimedOut):
            while True:
                client.receive(0).release()


def deal_with(message: alpc.Message, dice: random.Random) -> None:
    """What a server may do with a message, its sender being killed at any moment."""
    if message.type != alpc.LPC_REQUEST:
        message.release()
        return
    with contextlib.suppress(Disconnected, ReplyLost, Canceled):
        if message.entries is not None:
            message.write(1, message.read(0))
            assert message.call_back(b"which?", WATCHDOG).data == b"back"
        with message.open_sender_process() as process:
            assert process.pid == message.client_id[0]
        port, view = message.port, dice.random() < 0.5
        assert port is not None
        message.reply(view=port.allocate(VIEW) if view else None, handles=[0] * dice.randrange(3))


def conversation(server: alpc.ConnectionPort, dice: random.Random) -> UserQuota:
    """Everything from a client's beginning to its end; what the user's quota is."""
    child, held, left, quota = forked(converse), list[alpc.Message](), dice.randrange(1, 40), UNLIMITED
    while (message := server.receive(WATCHDOG)).type != alpc.LPC_PORT_CLOSED:
        if message.type == alpc.LPC_CONNECTION_REQUEST:
            quota = message.accept().quota
        elif message.data == b"posted" and dice.random() < 0.3:
            held.append(message)
        else:
            deal_with(message, dice)
        left -= 1
        if not left:
            assert killed(child)
    for message in held:
        message.release()
    return quota


def test_x2_clients_in_conversation_killed_at_any_moment_leave_nothing() -> None:
    server, dice = alpc.create_port(NAME, attributes=HANDLES_ATTRIBUTES), random.Random(5)
    for cycle in range(KILLS + 5):
        if cycle == 5:
            before = Baseline()
        quota = conversation(server, dice)
    before.holds()
    assert [quota.pool.used, quota.sections.used, quota.views.used, quota.handles.used] == [0, 0, 0, 0]
    server.close()


CALLS: Any = lrpc.load("""
[uuid(1d0f8f0a-3f0c-4f3b-9a55-0f6d1c7e9b21), version(1.0)]
interface Calls {
    void Fill([in] long n, [out, size_is(n)] byte back[]);
}
""")


def filled(begun: threading.Semaphore, n: int) -> memoryview:
    """What a method takes of its caller: a descriptor of the process, and room in the memory that it shares."""
    assert lrpc.caller().pidfd > 2
    begun.release()
    return lrpc.allocate(n).buffer


def call(binding: str) -> None:
    """Calls for ever."""
    with lrpc.connect(CALLS.CallsClient, binding) as calls:
        while True:
            calls.Fill(VIEW * 10)


@pytest.fixture
def calls(hosts: Any, face: str, binding_for: Any) -> tuple[Any, str, threading.Semaphore]:
    """A server, where it listens, and what is released by each call."""
    begun = threading.Semaphore(0)

    class Calls(CALLS.Calls):  # type: ignore[misc]
        def Fill(self, n: int) -> memoryview:
            return filled(begun, n)

    class AsyncCalls(CALLS.AsyncCalls):  # type: ignore[misc]
        async def Fill(self, n: int) -> memoryview:
            return filled(begun, n)

    host = hosts(face)
    host.server.register(AsyncCalls() if face == "asyncio" else Calls())
    return host.server, str(host.listen(binding_for("ncalrpc"))), begun


@pytest.mark.parametrize("face", ["blocking", "asyncio"], indirect=True)  # a follower keeps the last it has served
def test_x2_callers_killed_at_any_moment_leave_nothing(calls: tuple[Any, str, threading.Semaphore], until: Any) -> None:
    server, binding, begun = calls
    dice = random.Random(6)
    gc.disable()  # whatever is left in a circle is left
    try:
        for cycle in range(KILLS // 4 + 5):
            if cycle == 5:
                before = Baseline()
            child = forked(partial(call, binding))
            for _ in range(dice.randrange(1, 20)):
                assert begun.acquire(timeout=WATCHDOG)
            assert killed(child)
            until(lambda: not server._sessions)
        until(lambda: len(os.listdir("/proc/self/fd")) <= before.descriptors)
        before.holds()
    finally:
        gc.enable()


def serve() -> None:
    """A server that takes a client, and answers its requests for ever."""
    server = alpc.create_port(NAME)
    while True:
        port = server.accept(WATCHDOG)
        while (message := port.receive_message(WATCHDOG)).type != alpc.LPC_PORT_CLOSED:
            if message.type == alpc.LPC_REQUEST:
                view = port.allocate(VIEW)
                port.send_message(b"", message.message_id, alpc.LPC_REPLY, view=view)


def reached() -> CommunicationPort:
    """A connection to the server that is about to be there."""
    until = time.monotonic() + WATCHDOG
    while True:
        try:
            return alpc.connect(NAME, WATCHDOG)
        except TransportError:
            assert time.monotonic() < until
            os.sched_yield()


def test_x1_servers_of_ports_killed_at_any_moment_are_noticed_and_their_name_is_free() -> None:
    dice, before = random.Random(4), None
    for cycle in range(KILLS + 5):
        if cycle == 5:
            before = Baseline()
        child = forked(serve)
        client = reached()
        for _ in range(dice.randrange(10)):
            number = client.send_message(b"")
            reply = client.receive_message(WATCHDOG)
            assert (reply.message_id, reply.view) == (number, bytes(VIEW))
            client.release(reply)
        if dice.random() < 0.5:
            client.send_message(b"never answered")
        assert killed(child)
        while client.receive_message(WATCHDOG).type != alpc.LPC_PORT_CLOSED:
            pass
        with pytest.raises(Disconnected):
            client.send_message(b"nobody is there")
        client.close()
    assert before is not None
    before.holds()
    alpc.create_port(NAME).close()


# X5: full machines


@contextmanager
def no_descriptors() -> Iterator[None]:
    before, taken = resource.getrlimit(resource.RLIMIT_NOFILE), list[int]()
    most = max(int(name) for name in os.listdir("/proc/self/fd")) + 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, before[1]))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            while True:
                taken.append(os.dup(0))
        yield
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture
def pair() -> Iterator[tuple[CommunicationPort, CommunicationPort]]:
    """A server's end, and a client's."""
    server = alpc.create_port(NAME)
    with ThreadPoolExecutor(1) as threads:
        connecting = threads.submit(alpc.connect, NAME, WATCHDOG)
        port = server.listen(WATCHDOG).accept()
        client = connecting.result(WATCHDOG)
    yield port, client
    client.close()
    port.close()
    server.close()


def test_x5_a_port_without_descriptors_says_so_and_goes_on(pair: Any) -> None:
    server, client = pair
    with no_descriptors():
        with pytest.raises(ResourcesExhausted):
            client.allocate(VIEW)
        with pytest.raises(ResourcesExhausted):
            alpc.create_port("another")
        with pytest.raises(ResourcesExhausted):
            alpc.connect(NAME, 0.05)
        client.send_message(b"what needs none passes")
        assert server.receive_message(WATCHDOG).data == b"what needs none passes"
    client.send_message(b"", view=client.allocate(VIEW))
    assert server.receive_message(WATCHDOG).view == bytes(VIEW)


def test_x5_who_cannot_take_a_section_loses_that_connection_alone(pair: Any) -> None:
    server, client = pair
    client.send_message(b"", view=client.allocate(VIEW))
    with no_descriptors(), pytest.raises(TransportError):
        server.receive_message(WATCHDOG)
    assert server.fileno() < 0
    while client.receive_message(WATCHDOG).type != alpc.LPC_PORT_CLOSED:
        pass


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.ENOMEM, errno.EMFILE, errno.EDQUOT])
@pytest.mark.parametrize("call", ["memfd_create", "ftruncate", "open"])
def test_x5_a_section_that_cannot_be_made_leaks_nothing(
    pair: Any, monkeypatch: pytest.MonkeyPatch, number: int, call: str
) -> None:
    def fail(*_: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    server, client = pair
    before = len(os.listdir("/proc/self/fd"))
    with monkeypatch.context() as patched:
        patched.setattr(memfd.os, call, fail)
        with pytest.raises(TransportError):
            client.send_message(b"", view=client.allocate(VIEW))
    assert len(os.listdir("/proc/self/fd")) - before <= 2  # a section that was made, mapped, and not yet passed on
    client.send_message(b"", view=client.allocate(VIEW))
    assert server.receive_message(WATCHDOG).view == bytes(VIEW)


FULL = """
import os, sys
from lrpc.transports import alpc
from lrpc.transports.errors import TransportError
held = []
try:
    for number in range(1000):
        held.append(alpc.create_port(f"port-{number}"))
except TransportError as error:
    assert error.status in (0xC000009A, 0xC0000044), error
    assert held
else:
    sys.exit("it was never full")
for port in held:
    port.close()
alpc.create_port("again").close()
"""


def test_x5_a_full_disk_makes_no_port_and_loses_none(tmp_path: Any) -> None:
    root = tmp_path / "small"
    root.mkdir(mode=0o700)
    mount = f'mount -t tmpfs -o size=64k,nr_inodes=24,mode=700 tmpfs "{root}" && exec "$0" -c "$1"'
    command = ["unshare", "--mount", "--map-root-user", "sh", "-c", mount, sys.executable, FULL]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "LRPC_NAMESPACE": str(root)}
    ended = subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")
