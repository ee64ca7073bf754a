"""Sockets from systemd, and words to it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from lrpc.transports import activation
from lrpc.transports.errors import NameNotFound, TypeMismatch


@pytest.fixture
def two_sockets(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """An environment for two sockets that are numbered one after the other, wherever that is."""
    listening = socket.create_server(("127.0.0.1", 0))
    first = listening.fileno()
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    os.dup2(connected.fileno(), first + 1)
    extra = socket.socket(fileno=first + 1) if connected.fileno() != first + 1 else connected
    monkeypatch.setattr(activation, "FIRST", first)
    monkeypatch.setattr(activation, "_inherited", None)
    yield {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "2", "LISTEN_FDNAMES": "web:silent"}
    monkeypatch.undo()
    for one in (extra, connected, listening):
        one.detach()
    for descriptor in (first, first + 1):
        try:
            os.close(descriptor)
        except OSError:
            continue


def test_sockets_are_found_by_name_once(two_sockets: dict[str, str]) -> None:
    assert [name for name, _ in activation.inherited(two_sockets)] == ["web", "silent"]
    assert two_sockets == {}
    found = activation.take("web", 0, socket.SOCK_STREAM)
    assert not os.get_inheritable(found.fileno())
    found.close()
    with pytest.raises(NameNotFound, match="there are: silent"):
        activation.take("web", 0, socket.SOCK_STREAM)


def test_sockets_of_one_name_are_told_apart_by_kind(two_sockets: dict[str, str]) -> None:
    activation.inherited(two_sockets | {"LISTEN_FDNAMES": "calc:calc"})
    activation.take("calc", socket.AF_INET, socket.SOCK_STREAM).close()
    with pytest.raises(TypeMismatch, match="inherited as calc is AF_UNIX SOCK_SEQPACKET"):
        activation.take("calc", 0, socket.SOCK_STREAM)


def test_socket_of_another_kind_is_refused_and_kept(two_sockets: dict[str, str]) -> None:
    activation.inherited(two_sockets)
    with pytest.raises(TypeMismatch, match="web is AF_INET SOCK_STREAM"):
        activation.take("web", socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with pytest.raises(TypeMismatch, match="silent"):  # it does not listen
        activation.take("silent", socket.AF_UNIX, socket.SOCK_SEQPACKET)
    activation.take("web", 0, socket.SOCK_STREAM).close()


@pytest.mark.parametrize("environment", [{}, {"LISTEN_PID": "1", "LISTEN_FDS": "1"}, {"LISTEN_FDS": "1"}])
def test_sockets_for_another_process_are_none(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activation, "_inherited", None)
    assert activation.inherited(environment) == []
    with pytest.raises(NameNotFound, match="there are: none"):
        activation.take("x", 0, socket.SOCK_STREAM)
    monkeypatch.undo()


@pytest.mark.parametrize("abstract", [False, True])
def test_words_arrive(tmp_path: Path, abstract: bool) -> None:
    name = f"@lrpc-{os.getpid()}-notify" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name.replace("@", "\0", 1))
        assert activation.notify("READY=1", {"NOTIFY_SOCKET": name})
        assert manager.recv(100) == b"READY=1"
    assert not activation.notify("READY=1", {"NOTIFY_SOCKET": name})


def test_nobody_is_told_where_nobody_asks() -> None:
    assert not activation.notify("READY=1", {})
    assert not activation.notify("READY=1", {"NOTIFY_SOCKET": "vsock:2:1234"})


def test_signs_of_life_come_twice_as_often_as_they_must() -> None:
    mine = str(os.getpid())
    assert activation.watchdog({"WATCHDOG_USEC": "3000000"}) == 1.5
    assert activation.watchdog({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": mine}) == 1.5
    for other in ({}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "x"}, {"WATCHDOG_USEC": "9", "WATCHDOG_PID": "1"}):
        assert activation.watchdog(other) is None
