"""Rows P of docs/threats.md: what emulating ports on Linux may get wrong, beyond what other tests show."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from lrpc.transports import alpc, unix
from lrpc.transports.alpc import CommunicationPort
from lrpc.transports.errors import Disconnected, TimedOut
from lrpc.transports.seam import Peer

WATCHDOG = 20.0
Ports = tuple[CommunicationPort, CommunicationPort]


@pytest.fixture
def make_ports() -> Iterator[Callable[..., Ports]]:
    made: list[CommunicationPort] = []

    def make(**limits: int) -> Ports:
        made.extend(
            CommunicationPort(end, Peer(), **limits) for end in socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        )
        return made[-2], made[-1]

    yield make
    for port in made:
        port.close()


def in_child(work: Callable[[], object]) -> int:
    """Runs it in a child of fork; its exit status."""
    child = os.fork()
    if not child:
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def test_p3_no_descriptor_that_comes_is_inherited_by_programs(make_ports: Callable[..., Ports]) -> None:
    one, two = make_ports()
    view = one.allocate(100)
    one.send_message(b"", view=view)
    two.receive_message(WATCHDOG)
    inheritable = [name for name in os.listdir("/proc/self/fd") if int(name) > 2 and _is_inheritable(int(name))]
    assert not [name for name in inheritable if "memfd" in _target(name)]


def _is_inheritable(descriptor: int) -> bool:
    try:
        return os.get_inheritable(descriptor)
    except OSError:  # the one that listed the folder
        return False


def _target(name: str) -> str:
    return os.readlink(f"/proc/self/fd/{name}")


def test_p11_a_peer_is_whom_it_acts_as_and_not_who_started_it(tmp_path: Any) -> None:
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(path)
        listener.listen()
        child = os.fork()
        if not child:
            os.setresuid(1000, 0, 0)
            client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            client.connect(path)
            client.recv(1)
            os._exit(0)
        with listener.accept()[0] as accepted:
            assert unix.peer_of(accepted, path).uid == 0
            accepted.send(b"x")
        assert os.waitpid(child, 0)[1] == 0


def test_p12_children_of_a_client_keep_no_connection_alive(make_ports: Callable[..., Ports]) -> None:
    client, server = make_ports()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(writing)
        os.read(reading, 1)
        os._exit(0)
    client.close()
    assert server.receive_message(WATCHDOG).type == alpc.LPC_PORT_CLOSED
    os.write(writing, b"x")
    assert os.waitpid(child, 0)[1] == 0
    os.close(reading)
    os.close(writing)


def test_p13_a_child_of_a_server_says_nothing_in_its_name(make_ports: Callable[..., Ports]) -> None:
    client, server = make_ports()

    def speak() -> None:
        try:
            server.send_message(b"from the child")
        except Disconnected:
            return
        raise AssertionError

    assert in_child(speak) == 0
    server.send_message(b"from the parent")
    assert client.receive_message(WATCHDOG).data == b"from the parent"


@pytest.mark.parametrize("batched", [False, True])
def test_p14_two_that_only_send_are_both_told_and_go_on(make_ports: Callable[..., Ports], batched: bool) -> None:
    ends = make_ports()

    def fill(port: CommunicationPort) -> int:
        sent = 0
        with pytest.raises(TimedOut):
            while True:
                if batched:
                    batch = port.batch()
                    for _ in range(100):
                        batch.datagram(bytes(500))
                    batch.flush(0.05)
                else:
                    port.send_message(bytes(50_000), type=alpc.LPC_DATAGRAM, timeout=0.05)
                sent += 1
        return sent

    with ThreadPoolExecutor(2) as threads:
        sent = [*threads.map(fill, ends)]
    for port, count in zip(reversed(ends), sent, strict=True):
        for _ in range(100 * count if batched else count):
            assert port.receive_message(WATCHDOG).type == alpc.LPC_DATAGRAM
    ends[0].send_message(b"on it goes")
    while ends[1].receive_message(WATCHDOG).data != b"on it goes":
        pass


def test_p15_a_number_means_something_only_in_its_own_connection(make_ports: Callable[..., Ports]) -> None:
    pairs = [make_ports() for _ in range(3)]
    for number, (client, _) in enumerate(pairs):
        client.send_message(b"request %d" % number, 7)
    for _, server in reversed(pairs):
        request = server.receive_message(WATCHDOG)
        server.send_message(request.data + b" answered", request.message_id, alpc.LPC_REPLY)
    for number, (client, _) in enumerate(pairs):
        assert client.receive_message(WATCHDOG)[:3] == (alpc.LPC_REPLY, 7, b"request %d answered" % number)


LEFT_OPEN = """
import socket, threading
from lrpc.transports import alpc
from lrpc.transports.seam import Peer
ends = [alpc.CommunicationPort(e, Peer()) for e in socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)]
server = alpc.create_port("left open")
view = ends[0].allocate(100)
ends[0].send_message(b"", view=view)
message = ends[1].receive_message(5)
batch = ends[0].batch()
batch.datagram(b"never sent")
iocp = alpc.IoCompletionPort(1)
ends[1].associate(iocp, "key")
threading.Thread(target=iocp.get, daemon=True).start()
keep = ends, server, view, message, batch, iocp
"""


def test_p18_a_program_that_ends_with_everything_open_ends_quietly(own_namespace: Any) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run([sys.executable, "-c", LEFT_OPEN], env=environment, capture_output=True, timeout=WATCHDOG)
    assert (ended.returncode, ended.stderr) == (0, b"")
    alpc.create_port("left open").close()
