from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrpc.transports import alpc
from lrpc.transports.alpc import inquiry
from lrpc.transports.alpc.inquiry import Client, Information, inquire, parse
from lrpc.transports.alpc.messages import message as wire
from lrpc.transports.errors import AccessDenied, BadFrame, Disconnected, NameNotFound, TimedOut
from lrpc.transports.namespace import current
from lrpc.transports.seam import Peer
from tests.users import AsUser

WATCHDOG = 20.0


@pytest.fixture
def port(threads: ThreadPoolExecutor) -> Iterator[alpc.ConnectionPort]:
    """A port that accepts whoever comes."""
    port = alpc.create_port("asked")
    accepted = []

    def serve() -> None:
        try:
            while True:
                accepted.append(port.accept())
        except Disconnected:
            return

    serving = threads.submit(serve)
    yield port
    port.close()
    serving.result(WATCHDOG)
    for one in accepted:
        one.close()


def ask(name: str = "asked", timeout: float = WATCHDOG) -> object:
    return inquire([name], timeout, alpc.DIRECTORY)[name]


def told(name: str = "asked") -> Information:
    information = ask(name)
    assert isinstance(information, Information)
    return information


def test_a_port_tells_who_it_is_and_its_limits(port: alpc.ConnectionPort) -> None:
    port.interfaces = lambda: ["one", "two"]
    information = told()
    assert (information.pid, information.uid) == (os.getpid(), os.geteuid())
    assert information.max_message_length == port.attributes.max_message_length
    assert information.interfaces == ("one", "two")


def test_a_port_tells_its_clients_and_what_they_carry(port: alpc.ConnectionPort) -> None:
    clients = [alpc.connect("asked", WATCHDOG) for _ in range(3)]
    [server, *_] = port._ledger.present()
    server.traffic.received(7)
    server.traffic.sent(9)
    information = told()
    assert (information.connections, information.accepted) == (3, 3)
    assert (information.packets_in, information.octets_in, information.octets_out) == (1, 7, 9)
    assert [client.octets_in for client in information.clients] == [7, 0, 0]
    assert {client.pid for client in information.clients} == {os.getpid()}
    server.close()
    assert (told().connections, told().octets_in) == (2, 7)
    for client in clients:
        client.close()


def test_asking_is_no_connection(port: alpc.ConnectionPort) -> None:
    for _ in range(100):
        assert told().accepted == 0


def test_those_who_may_not_connect_are_not_told(port: alpc.ConnectionPort, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(port, "admits", lambda peer: False)
    assert isinstance(ask(), AccessDenied)


def test_users_are_told_whom_the_descriptor_admits(
    public_names: Path, as_other: AsUser, threads: ThreadPoolExecutor
) -> None:
    port = alpc.create_port("asked", security="D:(A;;0x1;;;S-1-22-1-1000)")
    serving = threads.submit(port.receive, WATCHDOG)
    try:
        assert as_other(1000, lambda: type(ask()).__name__) == "Information"
        assert as_other(1001, lambda: type(ask()).__name__) == "AccessDenied"
    finally:
        port.close()
        assert isinstance(serving.exception(WATCHDOG), Disconnected)


def test_a_name_nobody_holds_and_a_holder_that_hangs_are_told_apart(open_descriptors: Callable[[], int]) -> None:
    before = open_descriptors()
    claim = current(alpc.DIRECTORY).claim("hangs")
    with claim.listen(0o600, 1):
        answers = inquire(["hangs", "nobody"], 0.05, alpc.DIRECTORY)
        assert isinstance(answers["nobody"], NameNotFound)
        assert isinstance(answers["hangs"], TimedOut)
    claim.close()
    assert open_descriptors() == before


@pytest.mark.parametrize(
    "frame",
    [
        b"x",
        wire.pack(alpc.LPC_CONNECTION_REPLY, 1, bytes(16)),
        wire.pack(inquiry.PORT_INFORMATION, 1, b"\0"),
        wire.pack(inquiry.PORT_INFORMATION, 1, bytes(4) + b"[]"),
        wire.pack(inquiry.PORT_INFORMATION, 1, bytes(4) + b"[" * 50_000),
    ],
)
def test_a_holder_that_talks_nonsense_is_one(frame: bytes, threads: ThreadPoolExecutor) -> None:
    claim = current(alpc.DIRECTORY).claim("strange")
    with claim.listen(0o600, 1) as listening:

        def answer() -> None:
            accepted, _ = listening.accept()
            with accepted:
                accepted.recv(1000)
                accepted.send(frame)

        answering = threads.submit(answer)
        assert isinstance(ask("strange"), BadFrame)
        answering.result(WATCHDOG)
    claim.close()


def test_a_holder_that_hangs_up_does_not_let_us_know(threads: ThreadPoolExecutor) -> None:
    claim = current(alpc.DIRECTORY).claim("strange")
    with claim.listen(0o600, 1) as listening:
        answering = threads.submit(lambda: listening.accept()[0].close())  # what was asked is not even read
        assert isinstance(ask("strange"), AccessDenied)
        answering.result(WATCHDOG)
    claim.close()


def test_only_words_that_fit_are_taken() -> None:
    most = (1 << 64) - 1
    clients = [5, {"pid": most + 1, "uid": 7, "octets_in": "8"}]
    said = {
        "pid": 9,
        "octets_in": most,
        "backlog": -1,
        "worker": True,
        "clients": clients,
        "interfaces": ["x" * 201, 5],
    }
    assert parse(json.dumps(said).encode(), Peer(1, 2, 3, None, "")) == Information(
        pid=1, uid=2, octets_in=most, clients=(Client(uid=7),), interfaces=("x" * 200,)
    )
    assert parse(b'{"clients": 5, "interfaces": {}}', Peer(1, 2, 3, None, "")) == Information(pid=1, uid=2)


def test_of_a_client_that_the_kernel_does_not_tell_of_nothing_is_said(
    ports: tuple[alpc.CommunicationPort, alpc.CommunicationPort],
) -> None:
    assert inquiry.client(ports[0]) == Client(pid=0, uid=0)


def test_an_answer_of_most_clients_and_interfaces_fits_in_a_message() -> None:
    big = (1 << 64) - 1
    client = Client(*[(1 << 32) - 1] * 2, *[big] * 4)
    most = Information(
        clients=(client,) * inquiry.MAX_CLIENTS, interfaces=("ü" * 30,) * inquiry.MAX_TEXTS, octets_in=big
    )
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    inquiry.answer(theirs, most)
    _, _, data, _ = wire.unpack(ours.recv(1 << 17))
    ours.close()
    assert parse(data[4:], Peer(0, 0, 0, None, "")) == most


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["clients", "interfaces", "pid", "x"]), inner),
    )
)
def test_any_words_of_a_holder_are_information_or_none(said: object) -> None:
    found = parse(json.dumps(said).encode(), Peer(1, 2, 3, None, ""))
    assert isinstance(found, Information) == isinstance(said, dict)
    if isinstance(found, Information):
        assert (found.pid, found.uid) == (1, 2)
        assert all(isinstance(client.pid, int) for client in found.clients)


def test_asking_disturbs_no_client_that_connects(port: alpc.ConnectionPort) -> None:
    stop = threading.Event()

    def keep_asking() -> None:
        while not stop.is_set():
            told()

    asking = threading.Thread(target=keep_asking)
    asking.start()
    try:
        for _ in range(50):
            alpc.connect("asked", WATCHDOG).close()
    finally:
        stop.set()
        asking.join(WATCHDOG)
    assert told().accepted == 50
