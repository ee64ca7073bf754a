from __future__ import annotations

import pytest
from spnego._context import GSSMech
from spnego._spnego import NegState, NegTokenInit, NegTokenResp
from spnego._spnego import unpack_token as unpacked

import lrpc
from lrpc.runtime.ncacn.security import AuthLevel, AuthType, SecurityError
from tests.runtime.authentication.contexts import pair


def unpack_token(token: bytes) -> NegTokenResp:
    found = unpacked(token)
    assert isinstance(found, NegTokenResp)
    return found


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
    assert answer.neg_state == NegState.request_mic


def test_a_client_that_gets_its_first_choice_is_asked_for_no_mic(authenticator: lrpc.Authenticator) -> None:
    client, server = pair(authenticator, "negotiate")
    assert unpack_token(server.step(client.step(b""))).neg_state == NegState.accept_incomplete


def test_a_client_that_offers_nothing_that_is_taken_is_refused(authenticator: lrpc.Authenticator) -> None:
    server = authenticator.context(AuthType.SPNEGO, AuthLevel.INTEGRITY)
    assert server is not None
    with pytest.raises(SecurityError, match="no package that is taken"):
        server.step(NegTokenInit([GSSMech.kerberos.value], mech_token=b"a token of Kerberos").pack())
