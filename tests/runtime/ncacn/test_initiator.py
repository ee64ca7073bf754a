"""Security contexts at the client: which tokens go how, and a server that is not believed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lrpc.runtime.ncacn import (
    NDR,
    BindAnswered,
    BindRefused,
    ClientAssociation,
    ConnectionFailed,
    ContextRequest,
    FaultStatus,
    NakReason,
    PduError,
    StateError,
    bind_pdu,
    pdu,
)
from lrpc.runtime.ncacn.header import AuthTrailer
from lrpc.runtime.ncacn.initiator import Initiator
from lrpc.runtime.ncacn.security import AuthLevel, AuthType, SecurityError
from lrpc.runtime.ncacn.states import State

NTLM, SPNEGO, KERBEROS = AuthType.NTLM, AuthType.SPNEGO, AuthType.KERBEROS
CONNECT, PACKET, INTEGRITY, PRIVACY = AuthLevel.CONNECT, AuthLevel.PACKET, AuthLevel.INTEGRITY, AuthLevel.PRIVACY


def bind(kit, client: ClientAssociation, kind: int = NTLM, level: int = INTEGRITY, **options) -> bytes:
    item = ContextRequest(0, kit.INTERFACE, [NDR])
    return client.bind([item], security=kit.Package(kind, server=False, **options), level=level)


def sent_by_client(kit, kind: int, level: int, *, server=None) -> list:
    """All PDUs of a client that sets up a context."""
    client, server = ClientAssociation(), server or kit.new_server(authenticate=kit.acceptors())
    octets, sent = bind(kit, client, kind, level), []
    while octets:
        sent += kit.pdus(octets)
        _, answer = kit.listen(server, [octets])
        client.receive_data(answer)
        octets = client.data_to_send()
    assert client.state is State.SECURED
    return sent


@pytest.mark.parametrize("kind", [NTLM, KERBEROS])
def test_rule_47_third_token_goes_with_an_auth3_of_the_same_call(kit, kind):
    first, last = sent_by_client(kit, kind, INTEGRITY)
    assert (type(first), type(last)) == (bind_pdu.Bind, bind_pdu.Auth3)
    assert first.call_id == last.call_id
    assert replace(first.auth, value=b"") == replace(last.auth, value=b"")


def test_rule_47_spnego_goes_on_with_an_alter_context_that_offers_again_what_was_accepted(kit):
    first, last = sent_by_client(kit, SPNEGO, INTEGRITY)
    assert (type(first), type(last)) == (bind_pdu.Bind, bind_pdu.AlterContext)
    assert last.contexts == [ContextRequest(0, kit.INTERFACE, [NDR])]


@pytest.mark.parametrize(
    ("asked", "sent"),
    [(AuthLevel.DEFAULT, CONNECT), (CONNECT, CONNECT), (AuthLevel.CALL, PACKET), (PACKET, PACKET), (PRIVACY, PRIVACY)],
)
def test_rule_35_level_call_is_sent_as_packet_and_default_as_connect(kit, asked, sent):
    assert {message.auth.level for message in sent_by_client(kit, NTLM, asked)} == {sent}


@pytest.mark.parametrize("level", [CONNECT, PACKET])
def test_rule_33_header_signing_is_offered_where_fragments_are_signed(kit, level):
    first, *_ = sent_by_client(kit, NTLM, level)
    assert bool(first.flags & 4) is (level != CONNECT)


def test_bind_is_told_once_all_tokens_are_exchanged(kit):
    client, server = ClientAssociation(), kit.new_server(authenticate=kit.acceptors())
    _, answer = kit.listen(server, [bind(kit, client, SPNEGO)])
    assert client.receive_data(answer) == []
    assert client.state is State.AUTHENTICATING
    with pytest.raises(StateError, match="authenticating"):
        client.request(5, 0, 7, b"")
    _, answer = kit.listen(server, [client.data_to_send()])
    (told,) = client.receive_data(answer)
    assert isinstance(told, BindAnswered)
    assert (told.alter, told.secondary_address, told.security) == (False, "135", 1)
    assert client.request(5, 0, 7, b"")


@pytest.mark.parametrize("legs", [1, 2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("kind", [NTLM, SPNEGO])
def test_tokens_may_be_as_many_as_the_package_has(kit, kind, legs):
    client, server = ClientAssociation(), kit.new_server(authenticate=kit.acceptors(legs=legs))
    (told,) = kit.converse(client, server, bind(kit, client, kind, legs=legs))
    assert isinstance(told, BindAnswered)
    assert client.state is server.state is State.SECURED
    (event,) = server.receive_data(b"".join(client.request(5, 0, 7, b"stub")))
    assert event.security.level == INTEGRITY


def test_level_none_is_no_authentication(kit):
    with pytest.raises(StateError, match="NONE"):
        Initiator().begin(kit.Package(NTLM, server=False), AuthLevel.NONE)


def test_package_that_has_no_first_token_ends_the_association(kit):
    def fail(token: bytes) -> bytes:
        raise SecurityError("no ticket")

    client, package = ClientAssociation(), kit.Package(NTLM, server=False)
    package.step = fail
    with pytest.raises(SecurityError, match="no ticket"):
        client.bind([ContextRequest(0, kit.INTERFACE, [NDR])], security=package)
    assert client.closed


def test_context_that_was_not_set_up_cannot_be_named(kit):
    client, _ = kit.bound_pair()
    with pytest.raises(StateError, match="no security context 5"):
        client.begin(9, 0, 7, security=5)


# A server that refuses


def test_server_that_refuses_the_credentials(kit):
    client = ClientAssociation()
    server = kit.new_server(authenticate=kit.acceptors(key=b"another"))
    refused, told = kit.converse(client, server, bind(kit, client))
    assert isinstance(refused, ConnectionFailed)
    assert isinstance(told, BindRefused)
    assert told.reason == NakReason.INVALID_CHECKSUM
    assert client.closed


def test_server_that_refuses_a_later_token(kit):
    client = ClientAssociation()
    bind(kit, client, SPNEGO)
    package = kit.Package(SPNEGO, server=True)
    ack = answer(kit, client, package)
    assert client.receive_data(ack) == []
    (leg,) = kit.pdus(client.data_to_send())
    fault = pdu.Fault(leg.call_id, 0, FaultStatus.RPC_S_SEC_PKG_ERROR, flags=0x23).serialize()
    (told,) = client.receive_data(fault)
    assert told == BindRefused(0, [], FaultStatus.RPC_S_SEC_PKG_ERROR)


# A server that is not believed


def answer(kit, client: ClientAssociation, package, **changes) -> bytes:
    """The bind_ack of a server to the bind that a client waits with, with a trailer that is changed."""
    auth = AuthTrailer(package.auth_type, INTEGRITY, package.step(b"token1 of %d:shared" % package.legs), 1)
    results = [bind_pdu.ContextResult(0, 0, NDR)]
    changed = None if "none" in changes else replace(auth, **changes)
    return bind_pdu.BindAck(1, results, 5840, 5840, 7, "135", auth=changed).serialize()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"none": True}, "without authentication"),
        ({"type": 9}, "for another context"),
        ({"level": 6}, "for another context"),
        ({"context_id": 2}, "for another context"),
        ({"value": b"nonsense"}, "fails to authenticate: wrong credentials"),
        ({"value": b"token2 of 3:other"}, "fails to authenticate"),
    ],
    ids=["none", "type", "level", "id", "token", "key"],
)
def test_answer_that_proves_nothing_ends_the_association(kit, changes, reason):
    client = ClientAssociation()
    bind(kit, client)
    (failure,) = client.receive_data(answer(kit, client, kit.Package(NTLM, server=True), **changes))
    assert isinstance(failure, ConnectionFailed)
    assert reason in failure.reason
    assert client.closed
    assert client.data_to_send() == b""


def test_token_that_is_not_due_ends_the_association(kit):
    client = ClientAssociation()
    bind(kit, client, SPNEGO, legs=3)
    assert client.receive_data(answer(kit, client, kit.Package(SPNEGO, server=True, legs=3))) == []
    (leg,) = kit.pdus(client.data_to_send())
    auth = AuthTrailer(SPNEGO, INTEGRITY, b"one more", 1)
    results = [bind_pdu.ContextResult(0, 0, NDR)]
    octets = bind_pdu.AlterContextResponse(leg.call_id, results, 5840, 5840, 7, auth=auth).serialize()
    (failure,) = client.receive_data(octets)
    assert "not due" in failure.reason


def test_exchange_that_does_not_end_is_ended(kit):
    begun = Initiator()
    package = kit.Package(NTLM, server=False)
    trailer = begun.begin(package, INTEGRITY)
    package.step = lambda token: b""
    with pytest.raises(PduError, match="does not end"):
        begun.answered(replace(trailer, value=b"token"))


def test_tokens_without_a_context_to_go_with_end_the_association(kit):
    client = ClientAssociation()
    bind(kit, client, SPNEGO)
    package = kit.Package(SPNEGO, server=True)
    auth = AuthTrailer(SPNEGO, INTEGRITY, package.step(b"token1 of 4:shared"), 1)
    octets = bind_pdu.BindAck(1, [bind_pdu.ContextResult(2, 1)], 5840, 5840, 7, "135", auth=auth).serialize()
    (failure,) = client.receive_data(octets)
    assert "no context is accepted" in failure.reason


@pytest.fixture(params=[PACKET, INTEGRITY, PRIVACY])
def asked(request, kit):
    """A client that waits for the answer to call 5, and the server that has it."""
    client, server = kit.secured_pair(level=request.param)
    server.receive_data(b"".join(client.request(5, 0, 7, b"stub")))
    return client, server


def failure_of(client: ClientAssociation, octets: bytes) -> str:
    events = client.receive_data(octets)
    assert isinstance(events[-1], ConnectionFailed)
    assert client.closed
    return events[-1].reason


def test_response_without_a_signature_is_refused(asked):
    client, _ = asked
    assert "not protected" in failure_of(client, pdu.Response(5, 0, b"stub").serialize())


def test_later_fragment_without_a_signature_is_refused(asked):
    client, server = asked
    first, *_ = server.respond(5, 0, bytes(8000))
    assert client.receive_data(first) == []
    assert "not protected" in failure_of(client, pdu.Response(5, 0, bytes(16), flags=2).serialize())


@pytest.mark.parametrize("at", [0, 1, 4], ids=["type", "level", "id"])
def test_response_under_another_context_is_refused(asked, at):
    client, server = asked
    octets = bytearray(b"".join(server.respond(5, 0, bytes(16))))
    octets[-24 + at] ^= 1
    assert "not protected" in failure_of(client, bytes(octets))


def test_response_that_was_changed_is_refused(asked):
    client, server = asked
    octets = bytearray(b"".join(server.respond(5, 0, bytes(16))))
    octets[24] ^= 1
    assert "was not protected by the peer" in failure_of(client, bytes(octets))


def test_response_to_a_call_that_was_given_up_is_checked_too(asked):
    client, server = asked
    client.orphan(5)
    late = bytearray(b"".join(server.respond(5, 0, bytes(16))))
    server.receive_data(b"".join(client.request(6, 0, 7, b"next")))
    answer = b"".join(server.respond(6, 0, b"answer"))
    (event,) = client.receive_data(bytes(late) + answer)
    assert (event.call_id, event.stub) == (6, b"answer")


def test_fault_needs_no_signature_since_no_server_signs_one(asked):
    client, server = asked
    (event,) = client.receive_data(server.fault(5, 0, 0x1C010002))
    assert (event.status, event.forgeable) == (0x1C010002, True)


def test_fault_of_a_call_that_is_not_protected_is_no_worse_than_its_response(kit):
    client, server = kit.secured_pair(level=CONNECT)
    server.receive_data(b"".join(client.request(5, 0, 7, b"")))
    (event,) = client.receive_data(server.fault(5, 0, 0x1C010002))
    assert not event.forgeable


def test_authenticated_answer_of_a_server_that_was_not_asked_is_refused(kit):
    client, _ = kit.bound_pair()
    client.request(5, 0, 7, b"")
    octets = pdu.Response(5, 0, bytes(16), auth=AuthTrailer(10, 5, bytes(16))).serialize()
    assert "authenticated" in failure_of(client, octets)


def test_trailer_on_a_response_at_connect_is_passed_over(kit):
    client, server = kit.secured_pair(level=CONNECT)
    server.receive_data(b"".join(client.request(5, 0, 7, b"")))
    octets = pdu.Response(5, 0, b"12345678", auth=AuthTrailer(10, 2, bytes(16), 1)).serialize()
    (event,) = client.receive_data(octets)
    assert event.stub == b"12345678"
