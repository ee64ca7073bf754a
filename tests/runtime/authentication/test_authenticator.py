from __future__ import annotations

from pathlib import Path

import pytest

import lrpc
from lrpc.runtime.ncacn.security import AuthLevel, AuthType


def users(folder: Path, text: str = "DOM:mary:secret\n") -> Path:
    path = folder / "users"
    path.write_text(text)
    return path


def test_accounts_are_for_ntlm_and_negotiate(tmp_path: Path) -> None:
    authenticator = lrpc.Authenticator(users=users(tmp_path))
    taken = {kind for kind in AuthType if authenticator.context(kind, AuthLevel.INTEGRITY) is not None}
    assert taken == {AuthType.NTLM, AuthType.SPNEGO}


@pytest.mark.parametrize("kind", [0, 1, 11, 68, 255, 1000])
def test_other_packages_are_not_taken(tmp_path: Path, kind: int) -> None:
    assert lrpc.Authenticator(users=users(tmp_path)).context(kind, AuthLevel.INTEGRITY) is None


def test_something_is_to_be_taken() -> None:
    with pytest.raises(ValueError, match="users, a keytab, or both"):
        lrpc.Authenticator()


def test_a_file_that_is_not_there_is_noticed_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        lrpc.Authenticator(users=tmp_path / "none")


def test_its_text_names_the_packages_and_no_file(tmp_path: Path) -> None:
    assert repr(lrpc.Authenticator(users=users(tmp_path))) == "<Authenticator negotiate, ntlm>"
