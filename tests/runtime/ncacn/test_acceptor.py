"""Security contexts at the server: what binds, auth3s and requests are answered, as Windows answers them."""

from __future__ import annotations

import pytest

from lrpc.runtime.ncacn import (
    NDR,
    ClientAssociation,
    ConnectionFailed,
    ContextRequest,
    FaultStatus,
    Limits,
    NakReason,
    RequestReceived,
    bind_pdu,
    pdu,
)
from lrpc.runtime.ncacn.header import AuthTrailer
from lrpc.runtime.ncacn.security import AuthLevel, AuthType, SecurityError
from lrpc.runtime.ncacn.states import State

PROTO_ERROR, DENIED = FaultStatus.NCA_S_PROTO_ERROR, FaultStatus.ACCESS_DENIED
PACKAGE_ERROR = FaultStatus.RPC_S_SEC_PKG_ERROR
CONNECT, PACKET, INTEGRITY, PRIVACY = AuthLevel.CONNECT, AuthLevel.PACKET, AuthLevel.INTEGRITY, AuthLevel.PRIVACY
NTLM, SPNEGO, KERBEROS = AuthType.NTLM, AuthType.SPNEGO, AuthType.KERBEROS
FIRST, LAST, MPX, SIGN_HEADERS = 0x01, 0x02, 0x10, 0x04


class Talk:
    """A client written by hand: PDU by PDU, with any trailer."""

    def __init__(self, kit, flags: int = 0x03, **options) -> None:
        self.kit = kit
        self.flags = flags
        self.server = kit.new_server(**{"authenticate": kit.acceptors(), **options})
        self.packages = {}

    def say(self, message) -> list:
        """The PDUs that answer one."""
        self.events, sent = self.kit.listen(self.server, [message.serialize()])
        return self.kit.pdus(sent)

    def trailer(self, id: int = 1, kind: int = NTLM, level: int = INTEGRITY, value: bytes | None = None) -> AuthTrailer:
        package = self.packages.setdefault(id, self.kit.Package(kind, server=False))
        return AuthTrailer(kind, level, package.step(b"") if value is None else value, id)

    def bind(self, auth: AuthTrailer | None = None, *, alter: bool = False, item=None, flags: int | None = None):
        """The answer to a bind or alter context."""
        items = [item or ContextRequest(0, self.kit.INTERFACE, [NDR])]
        cls = bind_pdu.AlterContext if alter else bind_pdu.Bind
        (answer,) = self.say(cls(1, items, 5840, 5840, 0, self.flags if flags is None else flags, auth=auth))
        return answer

    def next(self, answer, *, auth3: bool = False, **options):
        """The answer to the next token, given the last answer."""
        auth = self.due(answer)
        return self.say(bind_pdu.Auth3(1, auth=auth)) if auth3 else self.bind(auth, alter=True, **options)

    def due(self, answer) -> AuthTrailer:
        auth = answer.auth
        return AuthTrailer(auth.type, auth.level, self.packages[auth.context_id].step(auth.value), auth.context_id)

    def set_up(self, id: int = 1, kind: int = NTLM, level: int = INTEGRITY, *, alter: bool = False) -> None:
        self.next(self.bind(self.trailer(id, kind, level), alter=alter), auth3=kind != SPNEGO)

    def request(self, auth: AuthTrailer | None = None, call_id: int = 7, flags: int = 3, **fields):
        return self.say(pdu.Request(call_id, 0, 5, b"", flags=flags, auth=auth, **fields))

    def end(self, answers: list) -> tuple[int, int, int, bool]:
        """(call id, context id, status, did not execute) of a fault, after which the association is closed."""
        (fault,) = answers
        assert isinstance(fault, pdu.Fault)
        assert fault.auth is None
        assert self.server.closed
        assert isinstance(self.events[-1], ConnectionFailed)
        return fault.call_id, fault.context_id, fault.status, bool(fault.flags & 0x20)


@pytest.fixture
def talk(kit):
    return Talk(kit)


# Binds


@pytest.mark.parametrize("kind", [NTLM, SPNEGO, KERBEROS])
@pytest.mark.parametrize("level", [CONNECT, PACKET, INTEGRITY, PRIVACY])
def test_token_of_a_bind_is_answered_under_the_same_type_level_and_id(talk, kind, level):
    answer = talk.bind(talk.trailer(99, kind, level))
    assert isinstance(answer, bind_pdu.BindAck)
    assert (answer.auth.type, answer.auth.level, answer.auth.context_id) == (kind, level, 99)
    assert answer.auth.value
    assert talk.server.state is State.AUTHENTICATING


@pytest.mark.parametrize(
    ("kind", "level", "reason"),
    [
        (NTLM, 0, NakReason.NOT_SPECIFIED),
        (NTLM, 1, NakReason.NOT_SPECIFIED),
        (NTLM, 7, NakReason.NOT_SPECIFIED),
        (NTLM, 255, NakReason.NOT_SPECIFIED),
        (77, 0, NakReason.NOT_SPECIFIED),
        (77, 5, NakReason.AUTHENTICATION_TYPE_NOT_RECOGNIZED),
        (0, 5, NakReason.AUTHENTICATION_TYPE_NOT_RECOGNIZED),
        (77, 3, NakReason.AUTHENTICATION_TYPE_NOT_RECOGNIZED),
        (NTLM, 3, NakReason.INVALID_CHECKSUM),
    ],
)
def test_rule_40_bind_of_an_odd_level_or_type_is_refused_level_first(talk, kind, level, reason):
    answer = talk.bind(AuthTrailer(kind, level, b"token"))
    assert (type(answer), answer.reason) == (bind_pdu.BindNak, reason)
    assert talk.server.closed


def test_rule_40_bind_of_a_client_that_fails_is_refused_with_invalid_checksum(talk):
    answer = talk.bind(talk.trailer(value=b"nonsense"))
    assert (type(answer), answer.reason) == (bind_pdu.BindNak, NakReason.INVALID_CHECKSUM)
    assert "wrong credentials" in talk.events[-1].reason


def test_package_that_cannot_be_had_refuses_the_bind(kit):
    def authenticate(auth_type, auth_level):
        raise SecurityError("no keytab")

    talk = Talk(kit, authenticate=authenticate)
    assert talk.bind(talk.trailer()).reason == NakReason.INVALID_CHECKSUM
    assert "no keytab" in talk.events[-1].reason


def test_package_without_an_answer_refuses_the_bind(kit):
    class Silent(kit.Package):
        def step(self, token: bytes) -> bytes:
            return b""

    talk = Talk(kit, authenticate=lambda auth_type, auth_level: Silent(auth_type, server=True))
    assert talk.bind(talk.trailer()).reason == NakReason.INVALID_CHECKSUM


def test_server_without_packages_refuses_every_type(kit):
    talk = Talk(kit, authenticate=None)
    assert talk.bind(talk.trailer()).reason == NakReason.AUTHENTICATION_TYPE_NOT_RECOGNIZED


@pytest.mark.parametrize(("more", "fine"), [(0, True), (1, False)])
def test_rule_32_padding_of_a_bind_may_claim_all_but_eight_octets_of_its_body(talk, more, fine):
    items = [ContextRequest(0, talk.kit.INTERFACE, [NDR])]
    value = talk.trailer().value
    bind = bind_pdu.Bind(1, items, 5840, 5840, 0, 3, auth=AuthTrailer(NTLM, 5, value, 1))
    octets = bytearray(bind.serialize())
    at = len(octets) - len(value) - 8
    octets[at + 2] = at - 24 + more
    _, sent = talk.kit.listen(talk.server, [bytes(octets)])
    (answer,) = talk.kit.pdus(sent)
    if fine:
        assert answer.results[0].accepted
    else:
        assert answer.reason == NakReason.PROTOCOL_VERSION_NOT_SUPPORTED


def test_rule_32_trailer_askew_is_refused_without_reason(talk):
    octets = bytearray(bind_pdu.Bind(1, [ContextRequest(0, talk.kit.INTERFACE, [NDR])], 5840, 5840).serialize())
    octets[8] += 10
    octets[10] = 1
    _, sent = talk.kit.listen(talk.server, [bytes(octets) + bytes(10)])
    assert talk.kit.pdus(sent)[0].reason == NakReason.NOT_SPECIFIED


# The next tokens


def test_rule_47_spnego_goes_on_with_an_alter_context_that_is_answered(talk):
    answer = talk.next(talk.bind(talk.trailer(kind=SPNEGO)))
    assert (type(answer), answer.call_id) == (bind_pdu.AlterContextResponse, 1)
    assert answer.results[0].accepted
    talk.packages[1].step(answer.auth.value)
    assert talk.packages[1].complete
    assert talk.server.state is State.SECURED


def test_rule_47_last_token_of_ntlm_goes_with_an_auth3_that_is_not_answered(talk):
    assert talk.next(talk.bind(talk.trailer()), auth3=True) == []
    assert talk.server.state is State.SECURED


def test_last_token_of_ntlm_may_go_with_an_alter_context_whose_answer_has_an_empty_trailer(talk):
    auth = talk.due(talk.bind(talk.trailer()))
    item = ContextRequest(0, talk.kit.INTERFACE, [NDR])
    octets = bind_pdu.AlterContext(1, [item], 5840, 5840, auth=auth).serialize()
    _, sent = talk.kit.listen(talk.server, [octets])
    assert sent[10:12] == b"\0\0"
    assert sent[-8:] == bytes((NTLM, INTEGRITY, 0, 0, 1, 0, 0, 0))
    assert talk.server.state is State.SECURED


def test_client_that_fails_in_an_alter_context_gets_a_fault(talk):
    auth = talk.due(talk.bind(talk.trailer()))
    answer = talk.bind(AuthTrailer(auth.type, auth.level, b"nonsense", 1), alter=True)
    assert talk.end([answer]) == (1, 0, PACKAGE_ERROR, True)


def test_rule_48_context_that_changes_its_level_is_denied(talk):
    auth = talk.due(talk.bind(talk.trailer()))
    answer = talk.bind(AuthTrailer(auth.type, PRIVACY, auth.value, 1), alter=True)
    assert talk.end([answer]) == (1, 0, DENIED, True)


@pytest.mark.parametrize(("kind", "status"), [(KERBEROS, PACKAGE_ERROR), (77, PACKAGE_ERROR), (0, DENIED)])
def test_rule_48_context_that_changes_its_type_is_refused(talk, kind, status):
    auth = talk.due(talk.bind(talk.trailer()))
    answer = talk.bind(AuthTrailer(kind, auth.level, auth.value, 1), alter=True)
    assert talk.end([answer]) == (1, 0, status, True)


def test_changed_presentation_context_weighs_more_than_a_changed_level(talk):
    auth = talk.due(talk.bind(talk.trailer()))
    item = ContextRequest(0, talk.kit.OTHER, [NDR])
    answer = talk.bind(AuthTrailer(auth.type, PRIVACY, auth.value, 1), alter=True, item=item)
    assert talk.end([answer]) == (1, 0, PROTO_ERROR, True)


@pytest.mark.parametrize("kind", [NTLM, SPNEGO])
def test_authentication_that_is_over_cannot_be_begun_again_by_an_alter_context(talk, kind):
    talk.set_up(kind=kind)
    answer = talk.bind(AuthTrailer(kind, INTEGRITY, talk.kit.Package(kind, server=False).step(b""), 1), alter=True)
    assert talk.end([answer]) == (1, 0, DENIED, True)


@pytest.mark.parametrize("kind", [NTLM, SPNEGO])
def test_authentication_that_is_over_cannot_be_begun_again_by_an_auth3(talk, kind):
    talk.set_up(kind=kind)
    auth = AuthTrailer(kind, INTEGRITY, talk.kit.Package(kind, server=False).step(b""), 1)
    assert talk.end(talk.say(bind_pdu.Auth3(1, auth=auth))) == (1, 0, PROTO_ERROR, True)


def test_auth3_of_an_unknown_context_breaks_the_protocol(talk):
    auth = talk.due(talk.bind(talk.trailer()))
    auth3 = bind_pdu.Auth3(1, auth=AuthTrailer(auth.type, auth.level, auth.value, 2))
    assert talk.end(talk.say(auth3)) == (1, 0, PROTO_ERROR, True)


def test_rule_32_auth3_with_padding_is_answered_as_if_memory_were_short(talk):
    auth = talk.due(talk.bind(talk.trailer()))
    octets = bytearray(bind_pdu.Auth3(1, auth=auth).serialize())
    octets[22] = 1
    talk.events, sent = talk.kit.listen(talk.server, [bytes(octets)])
    status = FaultStatus.NCA_S_FAULT_REMOTE_NO_MEMORY
    assert talk.end(talk.kit.pdus(sent)) == (1, 0, status, True)


@pytest.mark.parametrize("value", [b"nonsense", None], ids=["wrong", "early"])
def test_rule_32_auth3_that_fails_shows_at_the_next_request(talk, value):
    answer = talk.bind(talk.trailer(kind=NTLM if value else SPNEGO))
    auth = talk.due(answer)
    assert talk.say(bind_pdu.Auth3(1, auth=AuthTrailer(auth.type, auth.level, value or auth.value, 1))) == []
    assert talk.end(talk.request()) == (7, 0, DENIED, False)
    why = "wrong credentials" if value else "the package has not done with its tokens"
    assert talk.events[-1].reason == f"the client is refused: {why}"


def test_auth3_that_fails_without_a_reason_has_failed(talk):
    class Silent(talk.kit.Package):
        def step(self, token: bytes) -> bytes:
            given = super().step(token)
            if self.complete:
                raise SecurityError("")
            return given

    talk.server = talk.kit.new_server(authenticate=lambda kind, level: Silent(kind, server=True))
    talk.set_up()
    assert talk.end(talk.request()) == (7, 0, DENIED, False)


@pytest.mark.parametrize("kind", [NTLM, SPNEGO])
@pytest.mark.parametrize("signed", [True, False])
def test_rule_52_request_while_tokens_are_due_breaks_the_protocol_and_does_not_run(talk, kind, signed):
    talk.bind(talk.trailer(kind=kind, level=CONNECT))
    auth = AuthTrailer(kind, CONNECT, b"\1" + bytes(15), 1) if signed else None
    assert talk.end(talk.request(auth)) == (7, 0, PROTO_ERROR, True)


def test_privacy_that_the_package_cannot_give_is_refused_with_the_last_token(kit):
    class NoPrivacy(kit.Package):
        def signature_size(self, level: int) -> int:
            raise SecurityError("sealing was not negotiated")

    talk = Talk(kit, authenticate=lambda auth_type, auth_level: NoPrivacy(auth_type, server=True))
    answer = talk.next(talk.bind(talk.trailer(level=PRIVACY)))
    assert talk.end([answer]) == (1, 0, PACKAGE_ERROR, True)


# Requests


def told(talk):
    (event,) = talk.events
    assert isinstance(event, RequestReceived)
    return event


def test_request_names_its_context_and_its_level_and_who_calls(talk):
    talk.set_up(9, NTLM, CONNECT)
    assert talk.request(AuthTrailer(NTLM, CONNECT, b"\1" + bytes(15), 9)) == []
    security = told(talk).security
    assert (security.id, security.level, security.identity) == (9, CONNECT, "the client")


def test_response_at_connect_has_no_trailer(talk):
    talk.set_up(level=CONNECT)
    talk.request(AuthTrailer(NTLM, CONNECT, b"\1" + bytes(15), 1))
    (octets,) = talk.server.respond(7, 0, b"done")
    assert pdu.parse_pdu(octets).auth is None


@pytest.mark.parametrize(
    ("kind", "level", "id"),
    [(NTLM, PACKET, 1), (NTLM, PRIVACY, 1), (KERBEROS, CONNECT, 1), (NTLM, CONNECT, 2), (0, CONNECT, 1)],
)
def test_rule_48_request_that_names_another_type_level_or_context_is_denied(talk, kind, level, id):
    talk.set_up(level=CONNECT)
    assert talk.end(talk.request(AuthTrailer(kind, level, bytes(16), id))) == (7, 0, DENIED, False)


def test_request_without_a_trailer_comes_under_the_newest_context_of_level_connect(talk):
    talk.set_up(1, level=CONNECT)
    talk.set_up(2, level=CONNECT, alter=True)
    talk.request()
    assert told(talk).security.id == 2


def test_request_without_a_trailer_comes_from_nobody_once_one_has_named_a_context(talk):
    talk.set_up(1, level=CONNECT)
    talk.request(AuthTrailer(NTLM, CONNECT, bytes(16), 1))
    talk.server.respond(7, 0, b"")
    talk.request()
    assert told(talk).security is None
    talk.server.respond(7, 0, b"")
    talk.set_up(2, level=CONNECT, alter=True)
    talk.request()
    assert told(talk).security is None


def test_request_without_a_trailer_comes_from_nobody_beside_a_protected_context(talk):
    talk.bind()
    talk.set_up(level=INTEGRITY, alter=True)
    talk.request()
    assert told(talk).security is None


@pytest.mark.parametrize("level", [PACKET, INTEGRITY, PRIVACY])
def test_request_without_a_trailer_comes_from_nobody_whatever_the_bind_promised(talk, level):
    talk.set_up(level=level)
    talk.request()
    assert told(talk).security is None


def test_request_without_a_trailer_is_not_lent_a_context_that_failed(talk):
    talk.bind()
    answer = talk.bind(talk.trailer(level=CONNECT), alter=True)
    auth = talk.due(answer)
    talk.say(bind_pdu.Auth3(1, auth=AuthTrailer(auth.type, auth.level, b"nonsense", 1)))
    assert talk.end(talk.request()) == (7, 0, DENIED, False)


def test_calls_go_on_while_a_further_context_is_set_up(talk):
    talk.bind()
    talk.bind(talk.trailer(), alter=True)
    talk.request()
    assert told(talk).security is None


# Several contexts


@pytest.mark.parametrize("kind", [NTLM, SPNEGO])
def test_contexts_beyond_the_limit_break_the_protocol(kit, kind):
    talk = Talk(kit, limits=Limits(max_security_contexts=2))
    talk.bind()
    talk.set_up(1, kind, alter=True)
    talk.set_up(2, kind, alter=True)
    assert talk.end([talk.bind(talk.trailer(3, kind), alter=True)]) == (1, 0, PROTO_ERROR, True)


def test_limit_of_contexts_is_eight():
    assert Limits().max_security_contexts == 8


# Header signing


@pytest.mark.parametrize(("where", "on"), [("bind", True), ("alter", True), ("auth3", False), ("later", True)])
def test_rule_33_header_signing_is_turned_on_by_any_bind_or_alter_context(kit, where, on):
    talk = Talk(kit)
    answer = talk.bind(talk.trailer(), flags=0x07 if where == "bind" else 0x03)
    assert bool(answer.flags & SIGN_HEADERS) is (where == "bind")
    if where == "alter":
        assert talk.next(answer, flags=0x07).flags & SIGN_HEADERS
    else:
        talk.say(bind_pdu.Auth3(1, 0x07 if where == "auth3" else 0x03, auth=talk.due(answer)))
    if where == "later":
        assert talk.bind(alter=True, flags=0x07).flags & SIGN_HEADERS
    package = talk.packages[1]
    request = pdu.Request(7, 0, 5, b"", auth=AuthTrailer(NTLM, INTEGRITY, bytes(16), 1)).serialize()
    head, tail = request[:24], request[24:32]
    _, value = package.protect(INTEGRITY, head, b"", tail, sign_header=on)
    (event,) = talk.server.receive_data(request[:32] + value)
    assert event.security.sign_header is on


def test_client_and_server_agree_without_a_hand(kit):
    client, server = kit.secured_pair()
    assert isinstance(client, ClientAssociation)
    assert server.state is client.state is State.SECURED
