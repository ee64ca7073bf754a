from __future__ import annotations

from pathlib import Path

import pytest

from lrpc.runtime.authentication.accounts import Accounts


def accounts(folder: Path, text: str) -> Accounts:
    (folder / "users").write_text(text)
    return Accounts(folder / "users")


def test_a_name_is_told_as_the_file_spells_it(tmp_path: Path) -> None:
    known = accounts(tmp_path, "Dom:Mary:secret\n\n:Plain:pass\n")
    mary, plain = known.find("DOM", "MARY"), known.find("", "plain")
    assert mary is not None
    assert plain is not None
    assert (mary.name, plain.name) == (r"Dom\Mary", "Plain")
    assert known.find("OTHER", "mary") is None
    assert "secret" not in repr(mary)


def test_lines_of_smbpasswd_are_accounts_too(tmp_path: Path) -> None:
    line = r"DOM\mary:1000:00000000000000000000000000000000:8ADB9B997580D69E69CAA2BBB68F4697:[U]:LCT-1589398321"
    mary = accounts(tmp_path, line).find("dom", "MARY")
    assert mary is not None
    assert (mary.name, mary.password, mary.nt_hash.hex()[:4]) == (r"DOM\mary", None, "8adb")


@pytest.mark.parametrize("line", ["DOM:mary:pass:word", "mary", "DOM:mary"])
def test_a_line_that_is_no_account_is_named_and_not_shown(tmp_path: Path, line: str) -> None:
    with pytest.raises(ValueError, match="line 2") as refused:
        accounts(tmp_path, f":plain:pass\n{line}\n")
    assert "word" not in str(refused.value).replace("password", "")
    assert "mary" not in str(refused.value)
