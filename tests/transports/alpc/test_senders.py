"""Who sends the messages of raw ports, and acting for them."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lrpc.transports.alpc import Message, PortAttributes
from lrpc.transports.alpc.messages.message import pack
from lrpc.transports.alpc.messages.port_attributes import PortFlags
from lrpc.transports.errors import (
    AccessDenied,
    BadImpersonationLevel,
    Canceled,
    Disconnected,
    NotSupported,
    ReplyMismatch,
)
from lrpc.transports.security import ImpersonationLevel, SecurityQos
from lrpc.transports.security.quality import ContextTracking
from tests.users import EVERYBODY, AsUser

WATCHDOG = 20.0
USUAL = PortAttributes().flags
TAKING = PortAttributes(flags=USUAL | PortFlags.ALLOW_DUP_OBJECT)
DYNAMIC = PortAttributes(flags=TAKING.flags, quality_of_service=SecurityQos(tracking=ContextTracking.DYNAMIC))


# Who it is


def test_a_server_knows_who_sends(serve: Callable[..., Any]) -> None:
    def who(message: Message) -> None:
        with message.open_sender_process() as process, message.open_sender_thread() as thread:
            assert process.pid == message.client_id[0] == os.getpid()
            assert thread.pid == message.client_id[1]
        token = message.attributes.token
        assert token is not None
        message.reply(f"{message.sid} {token.modified_id}".encode())

    served = serve(who)
    client = served.connect()
    assert client.request(timeout=WATCHDOG).data == f"S-1-22-1-{os.geteuid()} 1".encode()


def tell(message: Message) -> None:
    identity = message.identity
    assert identity is not None
    assert message.attributes.token is not None
    said = message.sid, identity.peer.pid == os.getpid(), message.attributes.token.modified_id, identity.changed
    message.reply(" ".join(map(str, said)).encode())


def test_a_client_that_becomes_another_user_is_seen_where_it_is_tracked(
    serve: Callable[..., Any], public_names: Path, root: None
) -> None:
    served = serve(tell, TAKING, EVERYBODY)
    child = os.fork()
    if not child:
        dynamic, static = served.connect(DYNAMIC), served.connect()
        said = [dynamic.request(timeout=WATCHDOG).data]
        os.seteuid(1000)
        said += [port.request(timeout=WATCHDOG).data for port in (dynamic, dynamic, static)]
        os.seteuid(0)
        said += [dynamic.request(timeout=WATCHDOG).data]
        os.seteuid(1000)
        said += [dynamic.request(timeout=WATCHDOG, handles=[0]).data]
        expected = [
            b"S-1-22-1-0 False 1 False",
            b"S-1-22-1-1000 False 2 True",
            b"S-1-22-1-1000 False 2 True",
            b"S-1-22-1-0 False 1 False",
            b"S-1-22-1-0 False 3 False",
            b"S-1-22-1-1000 False 4 True",
        ]
        os._exit(0 if said == expected else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_socket_that_a_child_uses_as_well_is_seen_where_it_is_tracked(joined_port: Any) -> None:
    client, _ = joined_port.connect(attributes=DYNAMIC)
    client.datagram(b"mine")
    shared = os.dup(client._socket.fileno())
    child = os.fork()
    if not child:
        frame = pack(3, 77, b"the child's")
        socket.socket(fileno=shared).send(frame)
        os._exit(0)
    os.waitpid(child, 0)
    os.close(shared)
    first, second = joined_port.server.receive(WATCHDOG), joined_port.server.receive(WATCHDOG)
    assert [message.client_id[0] for message in (first, second)] == [os.getpid(), child]
    assert [message.identity is not None and message.identity.changed for message in (first, second)] == [False, True]


def test_a_forged_header_counts_for_nothing(serve: Callable[..., Any]) -> None:
    served = serve(lambda message: message.reply(str(message.client_id[0]).encode()))
    client = served.connect()
    os_getpid = os.getpid
    try:
        os.getpid = lambda: 1
        answer = client.request(timeout=WATCHDOG)
    finally:
        os.getpid = os_getpid
    assert answer.data == str(os.getpid()).encode()


# Impersonation


def test_a_server_that_is_root_acts_as_the_sender_while_it_waits(
    serve: Callable[..., Any], as_other: AsUser, public_names: Path, shared: Path
) -> None:
    def touch(message: Message) -> None:
        path = Path(message.data.decode())
        with message.impersonate():
            path.touch()
        assert os.geteuid() == 0
        message.reply(b"done")
        with pytest.raises(ReplyMismatch):
            message.impersonate()

    served = serve(touch, PortAttributes(), EVERYBODY)

    def ask() -> bytes:
        client = served.connect()
        return bytes(client.request(str(shared / "file").encode(), timeout=WATCHDOG).data)

    assert as_other(1000, ask) == b"done"
    assert (shared / "file").stat().st_uid == 1000


def test_static_tracking_impersonates_who_connected_and_dynamic_who_sends(
    serve: Callable[..., Any], public_names: Path, root: None
) -> None:
    def act(message: Message) -> None:
        with message.impersonate():
            uid = os.geteuid()
        message.reply(str(uid).encode())

    served = serve(act, PortAttributes(), EVERYBODY)
    child = os.fork()
    if not child:
        static, dynamic = served.connect(), served.connect(DYNAMIC)
        os.seteuid(1000)
        said = [port.request(timeout=WATCHDOG).data for port in (static, dynamic)]
        os._exit(0 if said == [b"0", b"1000"] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_client_decides_how_far_a_server_goes(serve: Callable[..., Any]) -> None:
    def act(message: Message) -> None:
        with pytest.raises(BadImpersonationLevel):
            message.impersonate(ImpersonationLevel.IMPERSONATION)
        with message.impersonate() as acting:
            assert acting.level == ImpersonationLevel.IDENTIFICATION
            with pytest.raises(BadImpersonationLevel):
                acting.open("/dev/null")
        message.reply()

    served = serve(act)
    identify = PortAttributes(quality_of_service=SecurityQos(ImpersonationLevel.IDENTIFICATION))
    client = served.connect(identify)
    client.request(timeout=WATCHDOG)


def test_a_client_that_forbids_it_is_not_impersonated(serve: Callable[..., Any]) -> None:
    def act(message: Message) -> None:
        with pytest.raises(AccessDenied):
            message.impersonate()
        message.reply()

    served = serve(act)
    client = served.connect(PortAttributes(flags=USUAL & ~PortFlags.ALLOW_IMPERSONATION))
    client.request(timeout=WATCHDOG)


def test_a_message_of_nobodys_has_no_sender(joined_port: Any) -> None:
    connecting, asking = joined_port.ask()
    assert asking.sid is None
    with pytest.raises(NotSupported):
        asking.open_sender_process()
    with pytest.raises(ReplyMismatch):
        asking.impersonate()
    asking.accept()
    connecting.result(WATCHDOG).close()


def test_who_has_withdrawn_its_request_is_not_acted_for(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    message = joined_port.canceled(client)
    with pytest.raises(Disconnected):
        message.impersonate()
    with pytest.raises(Canceled):
        message.call_back(b"")
