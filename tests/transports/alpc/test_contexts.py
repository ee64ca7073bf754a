"""In whose name messages are sent: security contexts, of clients that may be several users."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from lrpc.transports import alpc, kernel
from lrpc.transports.alpc import contexts
from lrpc.transports.alpc.messages.attributes import (
    SECURITY_ATTRIBUTE,
    SECURITY_CREATE_HANDLE,
    SECURITY_RELEASE_HANDLE,
    AttributeBlock,
    SecurityAttribute,
)
from lrpc.transports.alpc.messages.message import SECURITY_CONTEXT
from lrpc.transports.alpc.outbox import Outgoing
from lrpc.transports.errors import (
    BadImpersonationLevel,
    Disconnected,
    InvalidParameter,
    NoImpersonationToken,
    NotSupported,
    QuotaExceeded,
)
from lrpc.transports.seam import Peer
from lrpc.transports.security import (
    PORT_CONNECT,
    PORT_RIGHTS,
    ImpersonationLevel,
    SecurityDescriptor,
    SecurityQos,
    Token,
    access_check,
    impersonate,
)

WATCHDOG = 20.0
IDENTIFICATION = SecurityQos(ImpersonationLevel.IDENTIFICATION)


def told(joined: Any, client: alpc.MessagePort, **options: Any) -> alpc.Message:
    """The message that the server gets when the client posts with these."""
    client.post(b"", timeout=WATCHDOG, **options)
    message: alpc.Message = joined.server.receive(WATCHDOG)
    return message


def test_a_message_says_which_context_it_is_sent_in(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    with alpc.create_security_context(client, IDENTIFICATION) as context:
        named = told(joined_port, client, security=context)
        assert named.attributes.security == SecurityAttribute(0, 0, context.handle)
        assert named.attributes.valid & SECURITY_ATTRIBUTE
        assert named.identity is not None
        assert (named.identity.peer.pid, named.identity.peer.uid) == (os.getpid(), os.geteuid())
        assert not named.identity.changed
        plain = told(joined_port, client)
        assert plain.attributes.security is None
        tokens = named.attributes.token, plain.attributes.token
        assert tokens[0] is not None
        assert tokens[1] is not None
        assert tokens[0].token_id != tokens[1].token_id
        for message in (named, plain):
            message.reply()


def test_a_context_has_its_own_level(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    context = alpc.create_security_context(client, IDENTIFICATION)
    message = told(joined_port, client, security=context)
    with pytest.raises(BadImpersonationLevel):
        message.impersonate(ImpersonationLevel.IMPERSONATION)
    assert message.impersonate().level == ImpersonationLevel.IDENTIFICATION
    message.reply()
    usual = told(joined_port, client)
    assert usual.impersonate().level == ImpersonationLevel.IMPERSONATION
    usual.reply()


def test_a_datagram_and_a_request_name_one_too(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    with alpc.create_security_context(client) as context:
        client.datagram(b"told", security=context)
        assert joined_port.server.receive(WATCHDOG).attributes.security.context_handle == context.handle
        asking = joined_port.call(client.request, b"", timeout=WATCHDOG, security=context)
        message = joined_port.server.receive(WATCHDOG)
        assert message.attributes.security.context_handle == context.handle
        message.reply()
        asking.result(WATCHDOG)


def test_a_thread_that_acts_for_another_user_captures_that_user(joined_port: Any, as_other: Callable[..., Any]) -> None:
    client, _ = joined_port.connect()

    def capture() -> alpc.SecurityContext:
        with impersonate(Peer(os.getpid(), 1000, 1000)):
            return alpc.create_security_context(client)

    context = joined_port.call(capture).result(WATCHDOG)
    message = told(joined_port, client, security=context)  # by a thread that is root
    assert str(message.sid) == "S-1-22-1-1000"
    assert message.identity is not None
    assert message.identity.changed
    with message.impersonate() as impersonation:
        assert (impersonation.real, os.geteuid()) == (True, 1000)
    message.reply()
    usual = told(joined_port, client)
    assert str(usual.sid) == "S-1-22-1-0"
    usual.reply()


def test_a_context_has_the_groups_of_the_thread_that_made_it(joined_port: Any, as_other: Callable[..., Any]) -> None:
    client, _ = joined_port.connect()

    def capture() -> alpc.SecurityContext:
        with impersonate(Peer(os.getpid(), 1000, 1000, (27, 4321))):
            return alpc.create_security_context(client)

    message = told(joined_port, client, security=joined_port.call(capture).result(WATCHDOG))
    with message.impersonate() as impersonation:
        assert sorted(os.getgroups()) == [27, 4321]
        for descriptor, admitted in (
            ("D:(A;;CC;;;S-1-22-2-4321)", True),
            ("D:(D;;CC;;;S-1-22-2-4321)(A;;CC;;;WD)", False),
        ):
            assert impersonation.admits(SecurityDescriptor.parse(descriptor), PORT_CONNECT, PORT_RIGHTS) is admitted
    message.reply()


def test_a_port_that_takes_no_descriptors_is_not_told_groups_and_denials_count(make_joined: Any) -> None:
    joined = make_joined(max_section_size=0)
    client, _ = joined.connect()
    with alpc.create_security_context(client) as context:
        message = told(joined, client, security=context)
        assert message.identity is not None
        assert message.identity.peer.groups is None or not kernel.refuse_descriptors(socket.socket())
        token = Token.of(message.identity.peer)
        denying = SecurityDescriptor.parse("D:(D;;CC;;;S-1-22-2-4321)(A;;CC;;;WD)")
        assert not access_check(denying, token, PORT_CONNECT, PORT_RIGHTS)
        message.reply()


def test_creating_contexts_leaves_no_descriptors(joined_port: Any, open_descriptors: Callable[[], int]) -> None:
    client, _ = joined_port.connect()
    told(joined_port, client).reply()
    before = open_descriptors()
    for _ in range(3 * contexts.MAX_CONTEXTS):
        with alpc.create_security_context(client) as context:
            told(joined_port, client, security=context).reply()
    assert open_descriptors() == before


def test_a_deleted_context_is_kept_by_messages_and_named_by_no_other(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    context = alpc.create_security_context(client)
    message = told(joined_port, client, security=context)
    for _ in range(2):
        context.delete()
    with pytest.raises(InvalidParameter):
        client.post(b"", security=context)
    assert message.impersonate().level == ImpersonationLevel.IMPERSONATION
    message.reply()
    told(joined_port, client).reply()


def test_nobody_acts_by_a_revoked_context_from_then_on(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    context = alpc.create_security_context(client)
    message = told(joined_port, client, security=context)
    assert message.impersonate().level == ImpersonationLevel.IMPERSONATION
    for _ in range(2):
        context.revoke()
    with pytest.raises(NoImpersonationToken):  # though nobody has received since
        message.impersonate()
    assert message.sid is not None
    with pytest.raises(InvalidParameter):
        client.post(b"", security=context)
    message.reply()


def test_a_message_may_be_the_last_to_name_its_context(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    context = alpc.create_security_context(client)
    block = AttributeBlock(security=SecurityAttribute(SECURITY_RELEASE_HANDLE, 0, context.handle))
    exchange = client.exchange
    exchange.post(Outgoing(alpc.LPC_REQUEST, exchange.number(), block=block), None, WATCHDOG)
    message = joined_port.server.receive(WATCHDOG)
    assert message.impersonate().level == ImpersonationLevel.IMPERSONATION
    message.reply()
    client.post(b"", security=context)  # it does not know that it is gone
    assert joined_port.server.receive(WATCHDOG).type == alpc.LPC_PORT_CLOSED


def test_contexts_are_counted(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    made = [alpc.create_security_context(client) for _ in range(contexts.MAX_CONTEXTS)]
    with pytest.raises(QuotaExceeded):
        alpc.create_security_context(client)
    made[0].delete()
    made[1].revoke()
    for _ in range(2):
        alpc.create_security_context(client)
    told(joined_port, client, security=made[-1]).reply()


def test_a_context_is_for_its_own_port(joined_port: Any) -> None:
    (one, _), (two, _) = joined_port.connect(), joined_port.connect()
    with alpc.create_security_context(one) as context, pytest.raises(InvalidParameter):
        two.post(b"", security=context)


def test_servers_and_lanes_have_none(joined_port: Any) -> None:
    _, port = joined_port.connect()
    with pytest.raises(NotSupported):
        alpc.create_security_context(port)
    listening = alpc.listen("with-a-lane")
    accepted: list[Any] = []
    thread = threading.Thread(target=lambda: accepted.append(listening.accept(WATCHDOG)))
    thread.start()
    with alpc.connect("with-a-lane", WATCHDOG, attributes=alpc.PortAttributes(lane=True)) as client:
        thread.join()
        if client.beside.has_lane:
            with pytest.raises(NotSupported):
                alpc.create_security_context(client)
        accepted[0].close()
    listening.close()


def test_a_connection_that_is_over_has_no_contexts_to_delete(joined_port: Any) -> None:
    client, port = joined_port.connect()
    with alpc.create_security_context(client):
        told(joined_port, client).reply()
        port.close()
    with pytest.raises(Disconnected):
        alpc.create_security_context(client)


# Clients that lie

QOS = bytes(SecurityQos())


@pytest.mark.parametrize(
    ("attribute", "data"),
    [
        (SecurityAttribute(0, 0, 9), b""),
        (SecurityAttribute(SECURITY_RELEASE_HANDLE, 0, 9), b""),
        (SecurityAttribute(SECURITY_CREATE_HANDLE | SECURITY_RELEASE_HANDLE, 0, 9), QOS),
        (SecurityAttribute(1, 0, 1), b""),
        (SecurityAttribute(SECURITY_CREATE_HANDLE, 0, 1), QOS),
        (SecurityAttribute(SECURITY_CREATE_HANDLE, 0, 2), QOS[:-1]),
        (SecurityAttribute(SECURITY_CREATE_HANDLE, 0, 2), b"\x0c\0\0\0\x09" + QOS[5:]),
    ],
)
def test_what_cannot_be_done_with_a_context_ends_the_connection(
    joined_port: Any, attribute: SecurityAttribute, data: bytes
) -> None:
    client, _ = joined_port.connect()
    exchange = client.exchange
    for block in (None, SecurityAttribute(SECURITY_CREATE_HANDLE, 0, 1)):
        say(client, block, QOS if block else b"")
    say(client, attribute, data)
    assert joined_port.server.receive(WATCHDOG).type == alpc.LPC_PORT_CLOSED
    assert not exchange.outstanding


def test_a_client_that_creates_contexts_without_end_is_cut_off(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    say(client, None, b"")
    with contextlib.suppress(Disconnected):
        for handle in range(1, contexts.MAX_CONTEXTS + 2):
            say(client, SecurityAttribute(SECURITY_CREATE_HANDLE, 0, handle), QOS)
    assert joined_port.server.receive(WATCHDOG).type == alpc.LPC_PORT_CLOSED


def test_a_context_without_credentials_ends_the_connection(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    say(client, SecurityAttribute(SECURITY_CREATE_HANDLE, 0, 1), QOS)  # without having said that it comes
    assert joined_port.server.receive(WATCHDOG).type == alpc.LPC_PORT_CLOSED


def made_by_a_child() -> socket.socket:
    """A socket that another process made, which has ended."""
    ours, theirs = socket.socketpair()
    child = os.fork()
    if not child:
        made, _ = socket.socketpair()
        socket.send_fds(theirs, [b"x"], [made.fileno()])
        os._exit(0)
    with ours, theirs:
        _, [descriptor], _, _ = socket.recv_fds(ours, 1, 1)
    os.waitpid(child, 0)
    return socket.socket(fileno=descriptor)


def no_socket() -> Any:
    return os.fdopen(os.memfd_create("none"), "rb")


@pytest.mark.parametrize("proof", [made_by_a_child, no_socket, socket.socket])
def test_a_descriptor_that_proves_nothing_ends_the_connection(
    joined_port: Any,
    proof: Callable[[], Any],
    open_descriptors: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else whoever was given a socket by root would have root's groups."""
    client, _ = joined_port.connect()
    told(joined_port, client).reply()
    before = open_descriptors()
    pair = proof(), proof()
    monkeypatch.setattr(socket, "socketpair", lambda: pair)
    with alpc.create_security_context(client):
        assert joined_port.server.receive(WATCHDOG).type == alpc.LPC_PORT_CLOSED
    assert open_descriptors() < before


def test_a_message_that_names_no_context_ends_the_connection(joined_port: Any) -> None:
    for flags in (0, SECURITY_CREATE_HANDLE):
        client, _ = joined_port.connect()
        block = AttributeBlock(security=SecurityAttribute(flags, 0, 1))
        client.exchange.post(Outgoing(alpc.LPC_REQUEST, 1, block=block), None, WATCHDOG)
        assert joined_port.server.receive(WATCHDOG).type == alpc.LPC_PORT_CLOSED


def test_a_server_that_names_a_context_is_left(joined_port: Any) -> None:
    client, port = joined_port.connect()
    block = AttributeBlock(security=SecurityAttribute(0, 0, 1))
    port.exchange.post(Outgoing(alpc.LPC_REQUEST, 0x80000001, block=block), None, WATCHDOG)
    with pytest.raises(Exception, match="security context"):
        client.receive(WATCHDOG)


def say(client: alpc.MessagePort, attribute: SecurityAttribute | None, data: bytes) -> None:
    exchange = client.exchange
    block = AttributeBlock(security=attribute)
    exchange.send(Outgoing(SECURITY_CONTEXT, exchange.number(), data=data, block=block), WATCHDOG)
