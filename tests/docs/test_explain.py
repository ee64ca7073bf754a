"""docs/explain.md is true: its kinds and limits are those of the code; its session is run by `test_pages.py`."""

from __future__ import annotations

from tests.documents import ROOT

PAGE = "docs/explain.md"


def test_kinds_of_pieces_and_limits_are_those_of_the_code() -> None:
    from lrpc.runtime.ndr.budget import MAX_DEPTH
    from lrpc.runtime.ndr.explain import Kind

    text = (ROOT / PAGE).read_text(encoding="utf-8").replace("\n", " ")
    assert ", ".join(f"`{kind.value}`" for kind in Kind) in text
    assert f"{MAX_DEPTH:,} deep" in text
