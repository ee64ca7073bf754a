"""The table of docs/interop.md is what this run showed. These tests run last."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.rows import SEEN, written

pytestmark = pytest.mark.interop


def test_what_peers_showed_is_what_the_page_says():
    assert {str(row) for row in SEEN} <= set(written())


def test_page_says_no_more_than_peers_showed(whole_modules):
    """Of the modules that this run ran whole."""
    shown = {str(row) for row in SEEN}
    assert [row for row in written() if row not in shown and Path(row.split("`")[1]).stem in whole_modules] == []
