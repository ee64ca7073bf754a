"""The program in docs/sansio.md runs, and its table says what the association does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from lrpc.runtime.ncacn import Limits, ServerAssociation, StateError, events

PAGE = (Path(__file__).parents[2] / "docs" / "sansio.md").read_text(encoding="utf-8")


def test_program_prints_what_the_page_says():
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (printed,) = re.findall(r"It prints `(.*)`\.", PAGE)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout.strip(), done.stderr) == (printed, "")


def test_names_on_the_page_exist():
    for name in re.findall(r"`Limits\.(\w+)`", PAGE):
        assert name in Limits.__dataclass_fields__
    for name in ("receive_data", "data_to_send", "accept", "refuse", "respond", "fault", "closed"):
        assert f"`{name}`" in PAGE
        assert hasattr(ServerAssociation, name)
    for name in ("BindRequested", "RequestReceived", "ConnectionFailed"):
        assert f"`{name}`" in PAGE
        assert hasattr(events, name)
    assert f"`{StateError.__name__}`" in PAGE
