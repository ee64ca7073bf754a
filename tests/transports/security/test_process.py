from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lrpc.transports import kernel, unix
from lrpc.transports.errors import AccessDenied, Disconnected, NotSupported, ResourcesExhausted
from lrpc.transports.seam import Peer
from lrpc.transports.security import process
from tests.transports.until import WATCHDOG, until

OWN = Peer(os.getpid(), os.geteuid(), os.getegid())


@pytest.fixture
def child() -> Iterator[tuple[int, socket.socket]]:
    """A child that has connected to us, and its pid."""
    listening, inode = unix.packet_socket(), f"\0lrpc-test-{os.getpid()}-{threading.get_native_id()}"
    listening.bind(inode)
    listening.listen(1)
    pid = os.fork()
    if not pid:
        connected = unix.packet_socket()
        connected.connect(inode)
        connected.recv(1)
        os._exit(0)
    accepted = listening.accept()[0]
    with listening, accepted:
        yield pid, accepted


@pytest.fixture
def thread_pidfds() -> None:
    try:
        os.close(os.pidfd_open(os.getpid(), kernel.PIDFD_THREAD))
    except OSError:
        pytest.xfail("pidfds of threads came with Linux 6.9")


def wait_for(pid: int) -> None:
    os.waitpid(pid, 0)


@pytest.mark.parametrize("option", [kernel.SO_PEERPIDFD, 9999])
def test_the_sender_is_opened_by_its_socket(
    option: int, child: tuple[int, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel, "SO_PEERPIDFD", option)
    pid, connected = child
    with process.open_peer(connected.fileno(), unix.peer_of(connected, "x")) as opened:
        assert opened.pid == pid
        assert not os.get_inheritable(opened.fileno())
        assert not opened.ended
        info = opened.info()
        assert info is not None
        assert (info.pid, info.ppid, info.euid) == (pid, os.getpid(), os.geteuid())
        assert opened.executable() == os.path.realpath(sys.executable)
        connected.send(b"x")
        wait_for(pid)
        assert opened.ended
        assert opened.info() is None
        assert opened.executable() is None
    assert opened.fileno() == -1
    opened.close()


def test_one_that_is_dead_and_gone_is_still_opened_by_its_socket(child: tuple[int, socket.socket]) -> None:
    pid, connected = child
    peer = unix.peer_of(connected, "x")
    connected.send(b"x")
    wait_for(pid)
    if kernel.peer_pidfd(connected) is None:
        pytest.xfail("this kernel gives no pidfds of processes that are gone")
    with process.open_peer(connected.fileno(), peer) as opened:
        assert opened.ended
    with pytest.raises(Disconnected):
        process.open_process(peer)


def test_a_number_that_another_user_has_now_is_not_the_sender() -> None:
    with pytest.raises(Disconnected):
        process.open_process(Peer(os.getpid(), os.geteuid() + 1, 0))


@pytest.mark.parametrize("pid", [None, 0, -1])
def test_who_has_no_number_is_not_opened(pid: int | None) -> None:
    with pytest.raises(NotSupported):
        process.open_process(Peer(pid, 0, 0))


def test_a_thread_is_opened_and_tells_of_its_end(thread_pidfds: None) -> None:
    leave, started = threading.Event(), threading.Event()
    numbers: list[int] = []

    def run() -> None:
        numbers.append(threading.get_native_id())
        started.set()
        leave.wait(WATCHDOG)

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(WATCHDOG)
    with process.open_process(OWN) as own, process.open_thread(own, numbers[0]) as opened:
        assert not opened.ended
        leave.set()
        thread.join(WATCHDOG)
        until(lambda: not os.path.exists(f"/proc/self/task/{numbers[0]}"))
        assert opened.ended


def test_a_thread_of_another_process_is_refused(thread_pidfds: None) -> None:
    with process.open_process(OWN) as own, pytest.raises(AccessDenied):
        process.open_thread(own, os.getppid())


def test_no_descriptor_left_is_resources_exhausted(
    child: tuple[int, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*arguments: Any) -> Any:
        raise OSError(24, "Too many open files")

    pid, connected = child
    monkeypatch.setattr(kernel, "peer_pidfd", exhausted)
    with pytest.raises(ResourcesExhausted):
        process.open_peer(connected.fileno(), unix.peer_of(connected, "x"))
    monkeypatch.setattr(os, "pidfd_open", exhausted)
    with pytest.raises(ResourcesExhausted):
        process.open_process(OWN)
    connected.send(b"x")
    wait_for(pid)


def test_nothing_is_left_open(open_descriptors: Callable[[], int]) -> None:
    before = open_descriptors()
    for gone in (Peer(os.getpid(), 4711, 0), Peer(2**22)):
        with pytest.raises(Disconnected):
            process.open_process(gone)
    with process.open_process(OWN) as own:
        repr(own)
    assert open_descriptors() == before
