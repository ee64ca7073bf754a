from __future__ import annotations

from pathlib import Path

import pytest

from lrpc.runtime.authentication.accounts import Accounts


def accounts(folder: Path, text: str) -> Accounts:
    (folder / "users").write_text(text)
    return Accounts(folder / "users")


def test_a_name_is_told_as_the_file_spells_it(tmp_path: Path) -> None:
    known = accounts(tmp_path, "Dom:Mary:secret\n\n:Plain:pass\n")
    assert known.spelled(r"DOM\MARY") == r"Dom\Mary"
    assert known.spelled("plain") == "Plain"
    assert known.spelled(r"OTHER\mary") == r"OTHER\mary"


def test_lines_of_smbpasswd_are_accounts_too(tmp_path: Path) -> None:
    line = r"DOM\mary:1000:00000000000000000000000000000000:8ADB9B997580D69E69CAA2BBB68F4697:[U]:LCT-1589398321"
    assert accounts(tmp_path, line).spelled(r"dom\MARY") == r"DOM\mary"


@pytest.mark.parametrize("line", ["DOM:mary:pass:word", "mary", "DOM:mary"])
def test_a_line_that_is_no_account_is_named_and_not_shown(tmp_path: Path, line: str) -> None:
    with pytest.raises(ValueError, match="line 2") as refused:
        accounts(tmp_path, f":plain:pass\n{line}\n")
    assert "word" not in str(refused.value).replace("password", "")
    assert "mary" not in str(refused.value)
