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

from tests.interop.samba_programs import DOMAIN, PASSWORD, USER, Samba

pytestmark = pytest.mark.interop

RUNNER = Path(__file__).with_name("samba_raw.py")
PEER = "Samba 4.17, raw PDUs"
TCP = "ncacn_ip_tcp"
GROUPS = {
    "anon": ("none", 63),
    "epm": ("none, many fragments", 16),
    "other": ("unknown mechanisms and levels", 9),
}
"""By what a group of tests needs: its level in the table, and how many tests there are."""


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
    assert [one for one in ran if one["outcome"] != "right"] == []
    assert Counter(one["outcome"] for one in ran) == {"right": count}
    shown(PEER, "client", TCP, level, f"{count} of {count} tests")
