"""The table of docs/interop.md is what this run showed. It runs last."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.rows import SEEN, lines, module_of, written

pytestmark = pytest.mark.interop


def test_page_says_what_peers_showed(whole_modules):
    """Of the modules that this run ran whole."""
    shown = lines(row for row in SEEN if Path(row.test).stem in whole_modules)
    assert set(shown) == {line for line in written() if Path(module_of(line)).stem in whole_modules}
