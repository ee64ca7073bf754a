"""docs/alpc.md is true: its tables are those of the code; its sessions are run by `test_pages.py`."""

from __future__ import annotations

import re
from importlib import import_module

import pytest

from lrpc.transports import alpc, errors
from lrpc.transports.alpc.messages import port_message
from lrpc.transports.alpc.messages.port_attributes import GRANTED
from tests.documents import ROOT

PAGE = (ROOT / "docs" / "alpc.md").read_text(encoding="utf-8")
NT = PAGE[PAGE.index("## In NT's words") :]


def test_every_method_of_the_vocabulary_exists() -> None:
    named = re.findall(r"`(MessagePort|ConnectionPort|Message|IoCompletionPort)\.(\w+)", NT)
    assert len(named) > 15
    assert [f"{kind}.{name}" for kind, name in named if not callable(getattr(getattr(alpc, kind), name, None))] == []


@pytest.mark.parametrize(("name", "value"), re.findall(r"^\| `(\w+\.\w+)` \| (.+?) \|", PAGE, re.MULTILINE))
def test_limits_are_those_of_the_code(name: str, value: str) -> None:
    owner, _, field = name.partition(".")
    held = getattr(alpc, owner, None)
    found = getattr(held() if owner == "PortAttributes" else import_module(f"lrpc.transports.alpc.{owner}"), field)
    factor = {"MiB": 1 << 20, "s": 1}.get(value.split()[-1], 1)
    assert found == int(value.split()[0]) * factor


def test_every_type_that_comes_has_a_row() -> None:
    rows = set(re.findall(r"`(LPC_\w+)`", PAGE[PAGE.index("## What comes") : PAGE.index("**The continuation")]))
    assert rows == {name for name in port_message.TYPE_NAMES.values() if name.startswith("LPC_")}
    assert all(hasattr(alpc, name) for name in rows)


def test_errors_have_the_statuses_of_the_table() -> None:
    table = PAGE[PAGE.index("| error | status |") :]
    for row in re.findall(r"^\| (`.*?) \| (.*?) \|$", table, re.MULTILINE):
        names = re.findall(r"`(\w+)`", row[0])
        statuses = re.findall(r"STATUS_(\w+)", row[1])
        assert [getattr(errors, name).name for name in names] == statuses


def test_every_error_of_ports_has_a_row() -> None:
    rows = set(re.findall(r"`(\w+)`", PAGE[PAGE.index("| error | status |") :]))
    found = {name: value for name, value in vars(errors).items() if isinstance(value, type)}
    with_status = {
        name for name, value in found.items() if "status" in vars(value) and value.__module__ == errors.__name__
    }
    assert with_status - rows == {"TransportError", "HostUnreachable"}


def test_every_flag_that_may_be_asked_for_is_told_of() -> None:
    assert [flag.name for flag in GRANTED if f"`{flag.name}`" not in PAGE] == []
