from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lrpc.transports import alpc, pipe, unix
from lrpc.transports.errors import (
    AccessDenied,
    Disconnected,
    NameCollision,
    NameInvalid,
    NameNotFound,
    ServerSidMismatch,
    TimedOut,
    TypeMismatch,
)
from lrpc.transports.pipe import PipeListener, pipe_name
from lrpc.transports.seam import Peer

WATCHDOG = 20.0
OTHER_USER = os.geteuid() + 4711


@pytest.fixture
def listener() -> Iterator[PipeListener]:
    listener = pipe.listen("calc")
    yield listener
    listener.close()


@pytest.mark.parametrize(
    "address", ["calc", "\\pipe\\calc", "\\PIPE\\calc", "\\\\.\\pipe\\calc", "\\Device\\NamedPipe\\calc"]
)
def test_a_pipe_has_one_name_in_many_spellings(address: str) -> None:
    assert pipe_name(address) == "calc"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "\\pipe\\",
        "..",
        ".",
        "\\pipe\\..",
        "a\\b",
        "a/b",
        "\\pipe\\a\\..\\b",
        "../etc",
        "nul\0",
        "x" * 256,
        "c:calc",
        "\\\\server\\pipe\\calc",
        "\\calc",
    ],
)
def test_what_is_no_pipe_name_is_refused(address: str) -> None:
    for use in (pipe_name, pipe.listen, pipe.connect):
        with pytest.raises(NameInvalid):
            use(address)


@pytest.mark.parametrize("name", ["x" * 255, "with space", "dots.in.it", "Ünï", "-", "a%2fb"])
def test_other_names_are_fine(name: str, threads: ThreadPoolExecutor) -> None:
    listener = pipe.listen(name)
    client = pipe.connect("\\pipe\\" + name.upper(), WATCHDOG)
    server = listener.accept(WATCHDOG)
    assert pipe.list_pipes() == [name]
    for one in (client, server, listener):
        one.close()


def test_case_makes_no_difference(listener: PipeListener) -> None:
    with pytest.raises(NameCollision):
        pipe.listen("CALC")


def test_a_name_that_is_closed_is_free(listener: PipeListener) -> None:
    listener.close()
    with pytest.raises(NameNotFound):
        pipe.connect("calc", WATCHDOG)
    pipe.listen("calc").close()


def test_a_client_that_left_is_accepted_as_ended(listener: PipeListener) -> None:
    client = pipe.connect("calc", WATCHDOG)
    client.send(b"gone already")
    client.close()
    server = listener.accept(WATCHDOG)
    assert [server.receive(WATCHDOG), server.receive(WATCHDOG)] == [b"gone already", b""]
    server.close()


def test_the_first_users_word_is_the_only_one_that_counts(
    monkeypatch: pytest.MonkeyPatch, open_descriptors: Callable[[], int]
) -> None:
    listener = pipe.listen("calc")
    before = open_descriptors()
    monkeypatch.setattr(unix, "peer_of", lambda sock, address: Peer(1, OTHER_USER, OTHER_USER, (), address))
    with pytest.raises(ServerSidMismatch):
        pipe.connect("calc", WATCHDOG)
    stranger = pipe.connect("calc", WATCHDOG, server_sid="S-1-1-0")
    assert listener.accept_now() is None
    assert stranger.receive(WATCHDOG) == b""
    stranger.close()
    with pytest.raises(TimedOut):
        listener.accept(0.01)
    assert open_descriptors() == before
    listener.close()


def test_a_security_descriptor_opens_a_pipe(monkeypatch: pytest.MonkeyPatch, own_namespace: Path) -> None:
    listener = pipe.listen("calc", security="D:(A;;GA;;;WD)")
    (path,) = own_namespace.rglob("*.socket")
    assert path.stat().st_mode & 0o777 == 0o666
    monkeypatch.setattr(unix, "peer_of", lambda sock, address: Peer(1, OTHER_USER, OTHER_USER, (), address))
    client = pipe.connect("calc", WATCHDOG, server_sid="S-1-1-0")
    server = listener.accept(WATCHDOG)
    assert server.peer.uid == OTHER_USER
    for one in (client, server, listener):
        one.close()


def test_reading_alone_is_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    listener = pipe.listen("calc", security="D:(A;;GR;;;WD)")
    client = pipe.connect("calc", WATCHDOG)
    assert listener.accept_now() is None
    assert client.receive(WATCHDOG) == b""
    client.close()
    listener.close()


def test_a_socket_that_may_not_be_written_to_is_denied(listener: PipeListener, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    class Closed:
        def __init__(self, *arguments: object) -> None: ...

        setblocking = setsockopt = close = lambda self, *arguments: None
        connect = denied

    monkeypatch.setattr(unix.socket, "socket", Closed)
    with pytest.raises(AccessDenied):
        pipe.connect("calc", WATCHDOG)


def test_a_pipe_that_could_not_listen_gives_its_name_back(own_namespace: Path) -> None:
    pipe.listen("calc").close()
    obstacle = own_namespace / "device" / "namedpipe" / "calc.socket"
    obstacle.touch()
    with pytest.raises(NameCollision):
        pipe.listen("calc")
    obstacle.unlink()
    pipe.listen("calc").close()


def test_a_closed_listener_says_so(listener: PipeListener) -> None:
    listener.close()
    with pytest.raises(Disconnected):
        listener.accept(WATCHDOG)


def test_a_port_is_no_pipe_and_a_pipe_no_port() -> None:
    with alpc.create_port(r"\Device\NamedPipe\port"), pytest.raises(TypeMismatch):
        pipe.connect("port", WATCHDOG)
    with contextlib.closing(pipe.listen("pipe")), pytest.raises(TypeMismatch):
        alpc.connect(r"\Device\NamedPipe\pipe", WATCHDOG)
