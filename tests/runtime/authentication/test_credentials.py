from __future__ import annotations

from pathlib import Path

import pytest

import lrpc


def test_no_text_of_credentials_holds_the_password() -> None:
    credentials = lrpc.Credentials("mary", "secret", "DOM")
    texts = (repr(credentials), str(credentials), f"{lrpc.Security(credentials=credentials)}")
    assert not any("secret" in text for text in texts)
    assert str(credentials) == r"DOM\mary"


def test_a_dns_domain_makes_a_name_of_kerberos() -> None:
    assert lrpc.Credentials("mary", "x", "example.com").name == "mary@EXAMPLE.COM"
    assert lrpc.Credentials("mary@EXAMPLE.COM", "x").name == "mary@EXAMPLE.COM"


def test_credentials_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LRPC_USER", r"DOM\mary")
    monkeypatch.setenv("LRPC_PASSWORD", "secret")
    assert lrpc.Credentials.from_environment() == lrpc.Credentials(r"DOM\mary", "secret")
    monkeypatch.delenv("LRPC_USER")
    assert lrpc.Credentials.from_environment() is None


def test_credentials_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "me").write_text("DOM:mary:se:cret\n")
    assert lrpc.Credentials.from_file(tmp_path / "me") == lrpc.Credentials("mary", "se:cret", "DOM")


def test_a_file_without_credentials_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "me").write_text("\n")
    with pytest.raises(ValueError, match="DOMAIN:user:password"):
        lrpc.Credentials.from_file(tmp_path / "me")
