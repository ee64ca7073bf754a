from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from lrpc.transports import kernel
from lrpc.transports.kernel import Credentials, ProcessInfo


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, two = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with one, two:
        yield one, two


def own_info() -> ProcessInfo:
    (ruid, euid, suid), (rgid, egid, sgid) = os.getresuid(), os.getresgid()
    return ProcessInfo(os.getpid(), os.getppid(), ruid, rgid, euid, egid, suid, sgid)


def test_credentials_are_those_of_the_kernel(pair: tuple[socket.socket, socket.socket]) -> None:
    octets = pair[0].getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, kernel.UCRED_SIZE)
    assert Credentials.parse(octets) == (os.getpid(), os.geteuid(), os.getegid())
    assert bytes(Credentials.parse(octets)) == octets


def test_a_pidfd_names_the_process_that_connected(pair: tuple[socket.socket, socket.socket]) -> None:
    pidfd = kernel.peer_pidfd(pair[0])
    assert pidfd is not None
    assert not os.get_inheritable(pidfd)
    assert kernel.pid_of(pidfd) == os.getpid()
    assert kernel.process_info(pidfd) == own_info()
    os.close(pidfd)


def test_a_kernel_without_pidfds_of_peers_has_none(
    pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel, "SO_PEERPIDFD", 9999)
    assert kernel.peer_pidfd(pair[0]) is None


@pytest.mark.parametrize("request_number", [kernel._PIDFD_GET_INFO, 0x5401])
def test_proc_tells_what_an_older_kernel_does_not(request_number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "_PIDFD_GET_INFO", request_number)
    pidfd = os.pidfd_open(os.getpid())
    assert kernel.process_info(pidfd) == own_info()
    os.close(pidfd)


@pytest.mark.parametrize("request_number", [kernel._PIDFD_GET_INFO, 0x5401])
def test_the_dead_are_nobody(request_number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "_PIDFD_GET_INFO", request_number)
    child = os.fork()
    if not child:
        os._exit(0)
    pidfd = os.pidfd_open(child)
    os.waitpid(child, 0)
    assert kernel.process_info(pidfd) is None
    assert kernel.pid_of(pidfd) is None
    os.close(pidfd)


def test_a_socket_that_refuses_descriptors_gets_none(pair: tuple[socket.socket, socket.socket]) -> None:
    if kernel.refuse_descriptors(pair[1]):
        with pytest.raises(PermissionError):
            socket.send_fds(pair[0], [b"x"], [0])
        assert kernel.refuse_descriptors(pair[1], refuse=False)
    socket.send_fds(pair[0], [b"x"], [0])


def test_an_older_kernel_cannot_refuse_descriptors(
    pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel, "SO_PASSRIGHTS", 9999)
    assert not kernel.refuse_descriptors(pair[1])


def test_users_without_a_number_have_the_one_of_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/proc/sys/kernel/overflowuid", encoding="ascii") as number:
        assert kernel.overflow_uid() == int(number.read())
    monkeypatch.setattr("builtins.open", refuse)
    assert kernel.overflow_uid() == 65534


def refuse(*arguments: Any, **options: Any) -> Any:
    raise FileNotFoundError


def test_a_failure_of_the_machine_is_not_taken_for_an_old_kernel(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    pair[0].close()
    with pytest.raises(OSError):
        kernel.peer_pidfd(pair[0])
