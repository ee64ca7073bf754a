"""docs/interceptors.md is true: its table has every field of an invocation; its session is run by `test_pages.py`."""

from __future__ import annotations

import dataclasses
import re

import lrpc
from lrpc.runtime import otel
from tests.documents import ROOT

PAGE = "docs/interceptors.md"
TEXT = (ROOT / PAGE).read_text(encoding="utf-8")


def test_every_field_of_an_invocation_has_a_row() -> None:
    rows = " ".join(row.split("|")[1] for row in TEXT.splitlines() if row.startswith("| `"))
    assert {field.name for field in dataclasses.fields(lrpc.Invocation)} <= set(re.findall(r"`(\w+)`", rows))


def test_every_maker_of_spans_is_named() -> None:
    assert [name for name in vars(otel) if name.endswith("_spans") and name not in TEXT] == []
