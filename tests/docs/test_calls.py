"""docs/calls.md is true: its table is that of the code; its sessions are run by `test_pages.py`."""

from __future__ import annotations

import dataclasses
import re

import lrpc
from lrpc.runtime.recovery import PASSING
from tests.documents import ROOT

PAGE = (ROOT / "docs" / "calls.md").read_text(encoding="utf-8")


def test_every_setting_of_the_policy_is_there_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| `?([\w.]+)`?(?: s)? \|", PAGE, re.MULTILINE))
    policy = lrpc.Policy()
    told = {field.name: f"{getattr(policy, field.name):g}" for field in dataclasses.fields(policy)}
    assert rows == told | {"reconnect": "True"}


def test_what_is_repeated_is_named() -> None:
    assert ", ".join(f"`{kind.__name__}`" for kind in PASSING) in PAGE


def test_numbers_are_those_of_the_limits() -> None:
    assert f"`Limits.keepalive`, {lrpc.Limits().keepalive:g} seconds" in PAGE
