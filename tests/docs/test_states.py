"""The picture of the states is that of the tables."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

DRAW = Path(__file__).parents[2] / "docs" / "draw_states.py"


@pytest.fixture(scope="module")
def draw():
    spec = importlib.util.spec_from_file_location("draw_states", DRAW)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_picture_is_fresh(draw):
    assert draw.PAGE.read_text(encoding="utf-8") == draw.page(), "run: python docs/draw_states.py"


def test_picture_has_every_state_and_says_what_comes_and_goes(draw):
    server, client = draw.page().split("## Client")
    for state in draw.State:
        assert f" {state.value}" in server
        assert f" {state.value}" in client
    assert "idle --> binding: +bind\n" in server
    assert "idle --> binding: -bind\n" in client
