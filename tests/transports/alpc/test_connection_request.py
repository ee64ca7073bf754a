from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from lrpc.transports import alpc, kernel, namespace
from lrpc.transports.alpc import CommunicationPort, ConnectionRequest, PortAttributes
from lrpc.transports.alpc.memory.section import SectionLimits
from lrpc.transports.alpc.message_port import MessagePort
from lrpc.transports.alpc.messages.port_attributes import Agreement, Terms, parse_terms
from lrpc.transports.alpc.messages.port_message import LPC_CONNECTION_REPLY
from lrpc.transports.errors import Disconnected
from lrpc.transports.seam import Peer
from lrpc.transports.traffic import Ledger

WATCHDOG = 20.0
Asked = tuple[ConnectionRequest, socket.socket, Ledger[CommunicationPort]]


@pytest.fixture
def asked() -> Iterator[Asked]:
    """A request, the client's socket, and where those are entered who are let in."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ledger = Ledger[CommunicationPort]()
    terms = Terms(0, 1040, SectionLimits(), 0x20000, 0, b"hello")
    agreed = Agreement(Peer(1, 2, 3, None, "port"), PortAttributes(), terms)
    yield ConnectionRequest(ours, agreed, ledger), theirs, ledger
    ours.close()
    theirs.close()


def answer(client: socket.socket) -> Terms:
    return parse_terms(client.recv(1000), LPC_CONNECTION_REPLY)


def test_it_tells_who_asks_and_what_was_said(asked: Asked) -> None:
    assert (asked[0].data, asked[0].peer.uid) == (b"hello", 2)
    assert repr(asked[0]) == "<ConnectionRequest of pid 1 uid 2 to port>"
    assert asked[0].fileno() >= 0


def test_accepting_says_so_and_makes_a_port_within_both_limits(asked: Asked) -> None:
    request, client, ledger = asked
    port = request.accept(b"welcome", context="ctx")
    assert (answer(client).status, port.context, port.max_message) == (0, "ctx", 1000)
    assert ledger.present() == [port]
    port.close()


def test_accepting_messages_makes_a_port_that_knows_the_clients_flags(asked: Asked) -> None:
    request, client, ledger = asked
    port = request.accept_messages(b"welcome")
    assert isinstance(port, MessagePort)
    assert (port.peer_flags, port.connection_data, answer(client).data) == (0x20000, b"hello", b"welcome")
    assert ledger.accepted == 1
    port.close()


def test_refusing_gives_status_and_reason(asked: Asked) -> None:
    request, client, _ = asked
    request.refuse(b"full", status=0xC0000044)
    terms = answer(client)
    assert (terms.status, terms.data) == (0xC0000044, b"full")
    assert client.recv(1) == b""


def test_one_that_has_left_can_be_refused_and_not_accepted(asked: Asked) -> None:
    request, client, _ = asked
    client.close()
    request.refuse()
    with pytest.raises(Disconnected):
        request.accept()


def test_dropping_it_says_nothing(asked: Asked) -> None:
    request, client, _ = asked
    request.close()
    assert client.recv(1) == b""


# Descriptors where none belong


def refuses(connected: socket.socket) -> bool:
    """Whether the kernel lets nobody send a descriptor there."""
    try:
        socket.send_fds(connected, [b"x"], [0])
    except PermissionError:
        return True
    return False


@pytest.fixture
def refusing() -> bool:
    """Whether this kernel can."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
        return kernel.refuse_descriptors(probe)


def test_who_is_not_let_in_sends_no_descriptors(own_namespace: object, refusing: bool) -> None:
    with alpc.create_port("stern") as server:
        names = namespace.current(alpc.DIRECTORY)
        with names.connect("stern", None, WATCHDOG) as silent:
            assert refuses(silent) == refusing  # before it is accepted
        with names.connect("stern", None, WATCHDOG) as silent:
            assert server.receive_now() is None
            assert refuses(silent) == refusing  # and after


@pytest.mark.parametrize("wanted", [False, True])
def test_a_port_that_takes_neither_sections_nor_handles_is_sent_no_descriptors(
    make_joined: Any, refusing: bool, wanted: bool
) -> None:
    attributes: dict[str, Any] = {} if wanted else {"max_section_size": 0}
    joined = make_joined(**attributes)
    client, port = joined.connect(attributes=alpc.PortAttributes(**attributes))
    assert [refuses(end._socket) for end in (client, port)] == [refusing and not wanted] * 2


def test_an_older_kernel_refuses_none_and_nothing_else_changes(
    make_joined: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel, "SO_PASSRIGHTS", 9999)
    joined = make_joined(max_section_size=0)
    client, _ = joined.connect()
    assert not refuses(client._socket)
