"""docs/pointers.md is true: its numbers are those of the code; its session is run by `test_pages.py`."""

from __future__ import annotations

from lrpc.runtime.ndr.budget import MAX_DEPTH, MAX_ITEMS, NESTED_COST
from lrpc.runtime.ndr.json_pointers import DEEP
from tests.documents import ROOT

PAGE = "docs/pointers.md"


def test_numbers_of_the_page_are_those_of_the_code() -> None:
    text = (ROOT / PAGE).read_text(encoding="utf-8").replace("\n", " ")
    assert f"{MAX_ITEMS // NESTED_COST:,} nodes" in text
    assert f"{MAX_DEPTH:,} deep" in text
    assert f"{DEEP} brackets" in text
