"""docs/pipes.md is true: its limits are those of the code; its session is run by `test_pages.py`."""

from __future__ import annotations

from lrpc.runtime.ndr.pipe_stream import MAX_CHUNK
from lrpc.runtime.pipes.async_pipe_call import FULL
from tests.documents import ROOT

PAGE = "docs/pipes.md"


def test_limits_are_those_of_the_code() -> None:
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    assert f"{FULL >> 10} KiB" in text
    assert "2^31-1" in text
    assert MAX_CHUNK == 2**31 - 1
