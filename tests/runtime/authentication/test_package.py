from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from spnego._context import GSSMech
from spnego._ntlm_raw.messages import Negotiate, NegotiateFlags
from spnego._spnego import NegTokenInit, NegTokenResp
from spnego._spnego import unpack_token as unpacked

import lrpc
from lrpc.runtime.authentication.identity import Identity
from lrpc.runtime.authentication.package import PackageContext
from lrpc.runtime.ncacn.security import AuthLevel, AuthType, SecurityContext, SecurityError

HEAD, STUB, TAIL = b"head of the PDU.", b"stub" * 8, b"trailer8"
LEVELS = (AuthLevel.PACKET, AuthLevel.INTEGRITY, AuthLevel.PRIVACY)


@pytest.fixture
def authenticator(tmp_path: Path) -> lrpc.Authenticator:
    (tmp_path / "users").write_text("DOM:Mary:secret\n:plain:pass\n")
    return lrpc.Authenticator(users=tmp_path / "users")


def pair(
    authenticator: lrpc.Authenticator,
    authentication: str,
    user: str = r"DOM\mary",
    password: str = "secret",
    level: AuthLevel = AuthLevel.PRIVACY,
) -> tuple[SecurityContext, SecurityContext]:
    credentials = lrpc.Credentials(user, password)
    client = lrpc.Security(level, authentication, credentials).context("localhost")
    server = authenticator.context(client.auth_type, AuthLevel.INTEGRITY)
    assert server is not None
    return client, server


def agreed(
    authenticator: lrpc.Authenticator, authentication: str, level: AuthLevel = AuthLevel.PRIVACY
) -> tuple[SecurityContext, SecurityContext]:
    client, server = pair(authenticator, authentication, level=level)
    token = client.step(b"")
    while not (client.complete and server.complete):
        token = server.step(token)
        token = client.step(token) if token else token
    return client, server


@pytest.mark.parametrize("authentication", ["ntlm", "negotiate"])
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("sign_header", [True, False])
def test_what_one_end_protects_the_other_reads(
    authenticator: lrpc.Authenticator, authentication: str, level: AuthLevel, sign_header: bool
) -> None:
    client, server = agreed(authenticator, authentication, level)
    for sender, receiver in ((client, server), (server, client)) * 2:
        for stub in (STUB, b"", STUB * 100):
            sent, value = sender.protect(level, HEAD, stub, TAIL, sign_header=sign_header)
            assert len(value) == sender.signature_size(level)
            assert len(sent) == len(stub)
            assert (sent == stub) is (level != AuthLevel.PRIVACY or not stub)
            assert receiver.unprotect(level, HEAD, sent, TAIL, value, sign_header=sign_header) == stub


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("changed", [0, 1, 2, 3])
def test_a_change_of_any_part_is_noticed(authenticator: lrpc.Authenticator, level: AuthLevel, changed: int) -> None:
    client, server = agreed(authenticator, "ntlm")
    sent, value = client.protect(level, HEAD, STUB, TAIL, sign_header=True)
    parts = [HEAD, sent, TAIL, value]
    parts[changed] = bytes((parts[changed][0] ^ 1,)) + parts[changed][1:]
    with pytest.raises(SecurityError):
        server.unprotect(level, *parts, sign_header=True)


@pytest.mark.parametrize("level", LEVELS)
def test_ntlm_covers_the_whole_pdu_without_header_signing_too(
    authenticator: lrpc.Authenticator, level: AuthLevel
) -> None:
    client, server = agreed(authenticator, "ntlm")
    sent, value = client.protect(level, HEAD, STUB, TAIL, sign_header=False)
    with pytest.raises(SecurityError):
        server.unprotect(level, b"other", sent, TAIL, value, sign_header=False)


@pytest.mark.parametrize("authentication", ["ntlm", "negotiate"])
def test_a_level_that_was_not_agreed_on_is_not_to_be_had(
    authenticator: lrpc.Authenticator, authentication: str
) -> None:
    for end in agreed(authenticator, authentication, AuthLevel.INTEGRITY):
        end.protect(AuthLevel.INTEGRITY, HEAD, STUB, TAIL, sign_header=True)
        with pytest.raises(SecurityError, match="confidentiality"):
            end.protect(AuthLevel.PRIVACY, HEAD, STUB, TAIL, sign_header=True)
    for end in agreed(authenticator, authentication, AuthLevel.CONNECT):
        with pytest.raises(SecurityError, match="integrity"):
            end.signature_size(AuthLevel.PACKET)


def test_a_pdu_that_is_sent_again_is_noticed(authenticator: lrpc.Authenticator) -> None:
    client, server = agreed(authenticator, "ntlm")
    sent, value = client.protect(AuthLevel.INTEGRITY, HEAD, STUB, TAIL, sign_header=True)
    server.unprotect(AuthLevel.INTEGRITY, HEAD, sent, TAIL, value, sign_header=True)
    with pytest.raises(SecurityError):
        server.unprotect(AuthLevel.INTEGRITY, HEAD, sent, TAIL, value, sign_header=True)


@pytest.mark.parametrize("authentication", ["ntlm", "negotiate"])
def test_the_server_learns_the_user_as_the_file_spells_it(
    authenticator: lrpc.Authenticator, authentication: str
) -> None:
    _, server = agreed(authenticator, authentication)
    assert server.identity == Identity(r"DOM\Mary", "ntlm")


@pytest.mark.parametrize(("user", "password"), [(r"DOM\mary", "wrong"), (r"DOM\nobody", "secret"), ("mary", "secret")])
def test_wrong_credentials_are_refused_without_a_secret_in_the_reason(
    authenticator: lrpc.Authenticator, user: str, password: str
) -> None:
    client, server = pair(authenticator, "ntlm", user, password)
    with pytest.raises(SecurityError) as refused:
        server.step(client.step(server.step(client.step(b""))))
    assert not server.complete
    assert "secret" not in refused.value.reason
    assert "wrong" not in refused.value.reason


@pytest.mark.parametrize(
    "token", [b"\0", b"\0" * 40, b"NTLMSSP\0", b"NTLMSSP\0\x01\0\0\0", b"NTLMSSP\0\x03" + b"\xff" * 80]
)
@pytest.mark.parametrize("authentication", ["ntlm", "negotiate"])
def test_a_token_that_makes_no_sense_is_a_security_error(
    authenticator: lrpc.Authenticator, authentication: str, token: bytes
) -> None:
    client, server = pair(authenticator, authentication)
    with pytest.raises(SecurityError):
        server.step(token)
        server.step(token)
    client.step(b"")
    with pytest.raises(SecurityError):
        client.step(token)
        client.step(token)


def test_a_cut_token_is_a_security_error(authenticator: lrpc.Authenticator) -> None:
    for length in range(0, 200, 7):
        client, server = pair(authenticator, "ntlm")
        last = client.step(server.step(client.step(b"")))
        with pytest.raises(SecurityError):
            server.step(last[:length])


def test_the_environment_is_as_it_was_after_each_step(
    authenticator: lrpc.Authenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NTLM_USER_FILE", "/somewhere/else")
    monkeypatch.delenv("LM_COMPAT_LEVEL", raising=False)
    before = dict(os.environ)
    agreed(authenticator, "ntlm")
    assert dict(os.environ) == before


def test_ntlm_version_1_is_refused(authenticator: lrpc.Authenticator, monkeypatch: pytest.MonkeyPatch) -> None:
    client, server = pair(authenticator, "ntlm")
    challenge = server.step(client.step(b""))
    monkeypatch.setenv("LM_COMPAT_LEVEL", "2")
    old, _ = pair(authenticator, "ntlm")
    old.step(b"")
    with pytest.raises(SecurityError, match="NTLMv1"):
        server.step(old.step(challenge))


@pytest.mark.parametrize("authentication", ["ntlm", "negotiate"])
def test_client_that_is_nobody_has_no_name(authenticator: lrpc.Authenticator, authentication: str) -> None:
    """MS-NLMP 3.3.2: neither a user nor a response. What it may do is said by `level` and `admit`."""
    from spnego._ntlm_raw.messages import Authenticate, Challenge, NegotiateFlags
    from spnego._spnego import NegTokenResp, unpack_token

    client, server = pair(authenticator, authentication)
    challenge = server.step(client.step(b""))
    inner = challenge if authentication == "ntlm" else unpack_token(challenge).response_token
    flags = Challenge.unpack(inner).flags & ~(NegotiateFlags.key_exch | NegotiateFlags.version)
    token = Authenticate(flags | NegotiateFlags.anonymous, b"\0", b"").pack()
    answer = server.step(token if authentication == "ntlm" else NegTokenResp(response_token=token).pack())
    assert server.complete
    assert server.identity == Identity("", "ntlm")
    assert not answer or unpack_token(answer).mech_list_mic is None


def test_what_a_package_has_not_agreed_on_is_not_promised() -> None:
    from spnego import ContextReq

    kerberos = SimpleNamespace(
        negotiated_protocol="kerberos",
        context_attr=ContextReq.integrity,
        query_message_sizes=lambda: SimpleNamespace(header=76),
    )
    context = PackageContext(AuthType.KERBEROS, kerberos)  # type: ignore[arg-type]
    assert context.signature_size(AuthLevel.INTEGRITY) == 28
    with pytest.raises(SecurityError, match="kerberos has not agreed on confidentiality"):
        context.signature_size(AuthLevel.PRIVACY)


def test_without_pyspnego_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spnego", None)
    with pytest.raises(lrpc.MissingPackage, match=r"lrpc\[security\]"):
        lrpc.Security(authentication="ntlm", credentials=lrpc.Credentials("a", "b")).context("localhost")


def test_without_gssapi_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gssapi", None)
    with pytest.raises(lrpc.MissingPackage, match=r"lrpc\[kerberos\]"):
        lrpc.Security(authentication="kerberos", credentials=lrpc.Credentials("a", "b")).context("localhost")


def test_a_context_has_the_type_of_its_package(authenticator: lrpc.Authenticator) -> None:
    assert pair(authenticator, "ntlm")[0].auth_type == AuthType.NTLM
    assert pair(authenticator, "negotiate")[1].auth_type == AuthType.SPNEGO


def unpack_token(token: bytes) -> NegTokenResp:
    found = unpacked(token)
    assert isinstance(found, NegTokenResp)
    return found


def test_a_client_of_ntlm_that_signs_nothing_offers_no_key_exchange(authenticator: lrpc.Authenticator) -> None:
    """Samba refuses the key of one octet that pyspnego would send."""
    for level, offered in ((AuthLevel.CONNECT, False), (AuthLevel.INTEGRITY, True)):
        client, _ = pair(authenticator, "ntlm", level=level)
        flags = Negotiate.unpack(client.step(b"")).flags
        assert bool(flags & NegotiateFlags.key_exch) is offered


def test_negotiate_without_integrity_has_no_mic_of_the_packages(authenticator: lrpc.Authenticator) -> None:
    """It would be a constant."""
    client, server = pair(authenticator, "negotiate", level=AuthLevel.CONNECT)
    last = client.step(server.step(client.step(b"")))
    assert unpack_token(last).mech_list_mic is None
    done = server.step(last)
    assert unpack_token(done).mech_list_mic is None
    assert (client.step(done), client.complete, server.complete) == (b"", True, True)


def test_a_token_ahead_for_a_package_that_is_not_taken_is_dropped(authenticator: lrpc.Authenticator) -> None:
    """As Windows sends one of Kerberos and offers NTLM behind it."""
    server = authenticator.context(AuthType.SPNEGO, AuthLevel.INTEGRITY)
    assert server is not None
    offer = NegTokenInit([GSSMech.kerberos.value, GSSMech.ntlm.value], mech_token=b"a token of Kerberos").pack()
    answer = unpack_token(server.step(offer))
    assert (answer.supported_mech, answer.response_token) == (GSSMech.ntlm.value, None)


def test_a_client_that_offers_nothing_that_is_taken_is_refused(authenticator: lrpc.Authenticator) -> None:
    server = authenticator.context(AuthType.SPNEGO, AuthLevel.INTEGRITY)
    assert server is not None
    with pytest.raises(SecurityError, match="no package that is taken"):
        server.step(NegTokenInit([GSSMech.kerberos.value], mech_token=b"a token of Kerberos").pack())
