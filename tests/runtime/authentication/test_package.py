from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

import lrpc
from lrpc.runtime.authentication.package import PackageContext
from lrpc.runtime.ncacn.security import AuthLevel, AuthType, SecurityError
from tests.runtime.authentication.contexts import agreed, pair

HEAD, STUB, TAIL = b"head of the PDU.", b"stub" * 8, b"trailer8"
LEVELS = (AuthLevel.PACKET, AuthLevel.INTEGRITY, AuthLevel.PRIVACY)


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
