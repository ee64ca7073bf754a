from __future__ import annotations

import os
from pathlib import Path

import pytest

from lrpc.transports.namespace import Namespace, file_key


def test_entries_tell_type_owner_security_and_holder(names: Namespace) -> None:
    names.create_directory("\\RPC Control\\Inner")
    names.create_link("Alias", "\\RPC Control\\Calc")
    claim = names.claim("Calc", "ALPC Port", "D:(A;;0x1;;;WD)")
    with claim.listen(0o600, 1):
        alias, calc, inner = names.entries()
    claim.close()
    own = f"S-1-22-1-{os.geteuid()}"
    assert (calc.type, calc.full_name, calc.pid) == ("ALPC Port", "\\RPC Control\\Calc", os.getpid())
    assert calc.security == "D:(A;;0x1;;;WD)"
    assert (alias.type, alias.target, inner.type) == ("SymbolicLink", "\\RPC Control\\Calc", "Directory")
    assert {str(entry.owner) for entry in (alias, calc, inner)} == {own}
    assert [entry.held for entry in (alias, calc, inner)] == [False, True, False]


@pytest.mark.parametrize("said", [b"", b"\xff\0\xff\0-1\0", b"x" * 100_000, b"a\0b\0" + b"9" * 50, b"\0" * 10])
def test_entries_take_any_words_of_a_holder(names: Namespace, own_namespace: Path, said: bytes) -> None:
    claim = names.claim("calc")
    with claim.listen(0o600, 1):
        (own_namespace / file_key("RPC Control") / "calc.lock").write_bytes(said)
        [entry] = names.entries()
        assert entry.pid == 0
    claim.close()
