from __future__ import annotations

import pytest

import lrpc
from lrpc.runtime.authentication.security import of_binding
from lrpc.runtime.ncacn.security import AuthLevel


def test_the_default_is_negotiate_at_integrity() -> None:
    security = lrpc.Security()
    assert (security.authentication, security.level) == ("negotiate", AuthLevel.INTEGRITY)


@pytest.mark.parametrize("level", [AuthLevel.NONE, AuthLevel.DEFAULT])
def test_no_level_is_no_security(level: AuthLevel) -> None:
    with pytest.raises(ValueError, match="leave it out"):
        lrpc.Security(level)


def test_an_unknown_package_is_refused() -> None:
    with pytest.raises(ValueError, match="'basic'"):
        lrpc.Security(authentication="basic")


def test_a_callable_is_asked_when_a_context_is_made() -> None:
    asked: list[int] = []

    def credentials() -> lrpc.Credentials:
        asked.append(1)
        return lrpc.Credentials("mary", "secret")

    security = lrpc.Security(authentication="ntlm", credentials=credentials)
    assert not asked
    security.context("localhost")
    assert asked == [1]


def test_ntlm_without_credentials_is_access_denied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NTLM_USER_FILE", raising=False)
    monkeypatch.delenv("LRPC_USER", raising=False)
    with pytest.raises(lrpc.AccessDenied, match="no credentials") as denied:
        lrpc.Security(authentication="ntlm").context("localhost")
    assert denied.value.ran is lrpc.Ran.NO


@pytest.mark.parametrize(("word", "level"), [("connect", 2), ("packet", 4), ("sign", 5), ("seal", 6)])
def test_a_word_of_a_binding_says_the_level(word: str, level: int) -> None:
    found = of_binding({word: ""}, None)
    assert found is not None
    assert found.level == level


@pytest.mark.parametrize(("word", "package"), [("spnego", "negotiate"), ("ntlm", "ntlm"), ("krb5", "kerberos")])
def test_a_word_of_a_binding_says_the_package(word: str, package: str) -> None:
    found = of_binding({word: ""}, lrpc.Security(AuthLevel.PRIVACY))
    assert found is not None
    assert (found.authentication, found.level) == (package, AuthLevel.PRIVACY)


def test_a_binding_that_says_nothing_leaves_what_was_given() -> None:
    given = lrpc.Security()
    assert of_binding({}, given) is given
    assert of_binding({}, None) is None


def test_a_binding_that_says_two_levels_is_refused() -> None:
    with pytest.raises(lrpc.InvalidBinding, match="sign, seal"):
        of_binding({"sign": "", "seal": ""}, None)


def test_a_binding_names_the_principal() -> None:
    found = of_binding({"target_principal": "cifs/files"}, None)
    assert found is not None
    assert found.principal == "cifs/files"
