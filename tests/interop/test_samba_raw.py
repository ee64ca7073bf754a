"""Samba's tests of raw PDUs against our endpoint mapper, our management interface, and a netlogon.

They record what Windows answers to PDUs that are in order, out of order and wrong.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.interop.accounts import DOMAIN, PASSWORD, USER
from tests.interop.samba_programs import Samba

pytestmark = pytest.mark.interop

RUNNER = Path(__file__).with_name("samba_raw.py")
PEER = "Samba 4.17, raw PDUs"
TCP = "ncacn_ip_tcp"
GROUPS = {
    "anon": ("none", 63),
    "epm": ("none, many fragments", 16),
    "ntlm": ("NTLM, all levels", 45),
    "spnego": ("Negotiate, all levels", 38),
    "other": ("unknown mechanisms and levels", 9),
}
"""By what a group of tests needs: its level in the table, and how many tests there are."""
OTHERWISE = {
    "test_spnego_multiple_auth_hdr_signing": "it is what Kerberos does; Samba answers NTLM otherwise, too",
}
"""Tests that end otherwise, and why that is right."""


@pytest.fixture(scope="module")
def outcomes(samba: Samba) -> dict[str, list[dict[str, Any]]]:
    """What came of each test, by group."""
    said = samba.script(RUNNER, "127.0.0.1", DOMAIN, USER, PASSWORD)
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in said.splitlines():
        one = json.loads(line)
        found[one["group"]].append(one)
    return found


@pytest.mark.parametrize("group", GROUPS)
def test_our_server_answers_as_windows_does(outcomes, group: str, shown: Callable[[str, str, str, str, str], None]):
    level, count = GROUPS[group]
    ran = outcomes[group]
    otherwise = {one["test"] for one in ran if one["test"] in OTHERWISE}
    assert [one for one in ran if one["outcome"] != "right" and one["test"] not in otherwise] == []
    assert Counter(one["outcome"] for one in ran) == Counter(right=count - len(otherwise), wrong=len(otherwise))
    shown(PEER, "client", TCP, level, f"{count - len(otherwise)} of {count} tests")
