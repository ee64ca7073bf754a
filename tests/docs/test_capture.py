"""docs/capture.md is true: its names and limits are those of the code; its session is run by `test_pages.py`."""

from __future__ import annotations

from lrpc.runtime.capture import capturing, pcapng, tap
from lrpc.runtime.capture.file import MODE, Side
from tests.documents import ROOT

PAGE = "docs/capture.md"


def test_names_and_numbers_are_those_of_the_code() -> None:
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    words = [capturing.VARIABLE, capturing.SIDE_VARIABLE, f"mode 0{MODE:o}", f"link type is {pcapng.EXPORTED_PDU}"]
    words += [f"`{side.name.lower()}`" for side in Side] + [f"plus {tap.SHIFT}"]
    assert [word for word in words if word not in text] == []
