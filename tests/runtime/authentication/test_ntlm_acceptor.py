from __future__ import annotations

import pytest

import lrpc
from lrpc.runtime.authentication.credentials import Identity
from lrpc.runtime.ncacn.security import SecurityError
from tests.runtime.authentication.contexts import agreed, pair


@pytest.mark.parametrize("authentication", ["ntlm", "negotiate"])
def test_the_server_learns_the_user_as_the_file_spells_it(
    authenticator: lrpc.Authenticator, authentication: str
) -> None:
    _, server = agreed(authenticator, authentication)
    assert server.identity == Identity(r"DOM\Mary", "ntlm")


@pytest.mark.parametrize(
    ("user", "password", "reason"),
    [
        (r"DOM\mary", "wrong", r"the password of DOM\Mary is another"),
        (r"DOM\nobody", "secret", r"there is no account DOM\nobody"),
        ("mary", "secret", r"there is no account \mary"),
        ("DOM\\line\nanother", "secret", r"there is no account DOM\line?another"),
        ("DOM\\" + "x" * 500, "secret", "there is no account DOM\\" + "x" * 124 + "..."),
    ],
)
def test_wrong_credentials_are_refused_by_account_without_a_secret_in_the_reason(
    authenticator: lrpc.Authenticator, user: str, password: str, reason: str
) -> None:
    client, server = pair(authenticator, "ntlm", user, password)
    with pytest.raises(SecurityError) as refused:
        server.step(client.step(server.step(client.step(b""))))
    assert not server.complete
    assert refused.value.reason == reason


def test_a_cut_token_is_a_security_error(authenticator: lrpc.Authenticator) -> None:
    for length in range(0, 200, 7):
        client, server = pair(authenticator, "ntlm")
        last = client.step(server.step(client.step(b"")))
        with pytest.raises(SecurityError):
            server.step(last[:length])


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


def test_a_response_is_checked_over_the_octets_that_came(authenticator: lrpc.Authenticator) -> None:
    """impacket's has nothing behind its AV_PAIRs, and a pair that pyspnego does not know may be among them."""
    from spnego._ntlm_raw.crypto import hmac_md5, ntowfv1, ntowfv2
    from spnego._ntlm_raw.messages import Authenticate, Challenge, NegotiateFlags, NTClientChallengeV2, TargetInfo

    client, server = pair(authenticator, "ntlm")
    challenge = Challenge.unpack(server.step(client.step(b"")))
    claims = NTClientChallengeV2(client_challenge=b"nonsense", av_pairs=TargetInfo()).pack()
    claims = claims[:-4] + b"\x63\0\x02\0??" + claims[-4:]
    proof = hmac_md5(ntowfv2("mary", ntowfv1("secret"), "DOM"), challenge.server_challenge + claims)
    flags = challenge.flags & ~(NegotiateFlags.key_exch | NegotiateFlags.version)
    token = Authenticate(flags, b"\0" * 24, proof + claims, domain_name="DOM", username="mary").pack()
    assert server.step(token) == b""
    assert server.identity == Identity(r"DOM\Mary", "ntlm")


def test_a_changed_exchange_is_noticed_by_its_mic(authenticator: lrpc.Authenticator) -> None:
    client, server = pair(authenticator, "ntlm")
    first = client.step(b"")
    challenge = server.step(first[:-1] + b"\x0a")  # the last octet of the version
    with pytest.raises(SecurityError, match="changed on their way"):
        server.step(client.step(challenge))
