"""How a client sets up further security contexts, and what becomes of its states."""

from __future__ import annotations

import pytest

from lrpc.runtime.ncacn import (
    NDR,
    BindAnswered,
    BindRefused,
    ContextRequest,
    FaultStatus,
    StateError,
    bind_pdu,
    feature_syntax,
    pdu,
)
from lrpc.runtime.ncacn.security import AuthLevel, AuthType, SecurityError
from lrpc.runtime.ncacn.states import State

NTLM, SPNEGO, KERBEROS = AuthType.NTLM, AuthType.SPNEGO, AuthType.KERBEROS


def called(kit, client, server, call_id: int, **options):
    """What a server tells of a call, which the client then has the answer to."""
    (event,) = server.receive_data(b"".join(client.request(call_id, 0, 7, b"12345678", **options)))
    (answer,) = client.receive_data(b"".join(server.respond(call_id, 0, b"answer")))
    assert answer.stub == b"answer"
    assert event.stub == b"12345678"
    return event


@pytest.mark.parametrize("kind", [NTLM, SPNEGO, KERBEROS])
def test_several_contexts_on_one_connection_are_kept_apart(kit, kind):
    client, server = kit.secured_pair(features=True)
    (told,) = kit.converse(client, server, client.authenticate(kit.Package(kind, server=False), AuthLevel.PRIVACY))
    assert isinstance(told, BindAnswered)
    assert (told.alter, told.security) == (True, 2)
    assert called(kit, client, server, 5).security.id == 1
    second = called(kit, client, server, 6, security=2).security
    assert (second.id, second.level, second.context.auth_type) == (2, AuthLevel.PRIVACY, kind)
    assert called(kit, client, server, 7, security=1).security.id == 1


def test_calls_go_on_while_a_further_context_is_set_up(kit):
    client, server = kit.secured_pair(features=True)
    octets = client.authenticate(kit.Package(SPNEGO, server=False))
    called(kit, client, server, 5)
    assert client.state is State.ALTERING
    (told,) = kit.converse(client, server, octets)
    assert told.security == 2
    assert client.state is State.SECURED


def test_context_beside_an_anonymous_bind_is_used_where_it_is_named(kit):
    client, server = kit.bound_pair(server=kit.new_server(authenticate=kit.acceptors()))
    with pytest.raises(StateError, match="not granted"):
        client.authenticate(kit.Package(NTLM, server=False))
    item = ContextRequest(1, kit.INTERFACE, [feature_syntax(1)])
    kit.converse(client, server, client.alter([item]))
    (told,) = kit.converse(client, server, client.authenticate(kit.Package(NTLM, server=False)))
    assert called(kit, client, server, 5).security is None
    assert called(kit, client, server, 6, security=told.security).security.id == 1


def test_first_token_that_is_not_to_be_had_changes_nothing(kit):
    def fail(token: bytes) -> bytes:
        raise SecurityError("no ticket")

    client, server = kit.secured_pair(features=True)
    package = kit.Package(KERBEROS, server=False)
    package.step = fail
    with pytest.raises(SecurityError):
        client.authenticate(package)
    called(kit, client, server, 5)


def test_further_context_that_is_refused_ends_the_association(kit):
    client, _ = kit.secured_pair(features=True)
    octets = client.authenticate(kit.Package(NTLM, server=False))
    (alter,) = kit.pdus(octets)
    fault = pdu.Fault(alter.call_id, 0, FaultStatus.RPC_S_SEC_PKG_ERROR, flags=0x23).serialize()
    assert client.receive_data(fault) == [BindRefused(0, [], FaultStatus.RPC_S_SEC_PKG_ERROR)]
    assert client.closed


def test_alter_context_of_a_secured_association_needs_no_token(kit):
    client, server = kit.secured_pair()
    octets = client.alter([ContextRequest(3, kit.OTHER, [NDR])])
    assert kit.pdus(octets)[0].auth is None
    (told,) = kit.converse(client, server, octets)
    assert (told.alter, told.results[0].accepted) == (True, True)
    assert client.state is server.state is State.SECURED
    called(kit, client, server, 5)


def test_call_that_never_went_ends_a_protected_association(kit):
    client, _ = kit.secured_pair()
    client.request(5, 0, 7, b"")
    client.withdraw(5)
    assert client.closed


@pytest.mark.parametrize("level", [None, AuthLevel.CONNECT])
def test_call_that_never_went_is_forgotten(kit, level):
    client, _ = kit.secured_pair(level=level) if level else kit.bound_pair()
    client.request(5, 0, 7, b"")
    client.withdraw(5)
    assert not client.unanswered
    assert not client.abandoned
    assert client.request(5, 0, 7, b"")


def test_package_that_fails_ends_the_association(kit):
    def fail(level, head, stub, tail, sign_header):
        raise SecurityError("the ticket has expired")

    package = kit.Package(NTLM, server=False)
    client, _ = kit.secured_pair(package=package)
    package.protect = fail
    with pytest.raises(StateError, match="the ticket has expired"):
        client.request(5, 0, 7, b"")
    assert client.closed


def test_answer_to_nothing_is_no_leg(kit):
    client, _ = kit.secured_pair()
    octets = bind_pdu.AlterContextResponse(1, [bind_pdu.ContextResult(0, 0, NDR)], 5840, 5840, 7).serialize()
    (failure,) = client.receive_data(octets)
    assert "may not come while secured" in failure.reason
