"""Syntax identifiers."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrpc.runtime.ncacn import NDR, NDR64, SyntaxId, feature_syntax

NDR_OCTETS = {
    "<": "045d888a eb1c c911 9fe808002b104860 0200 0000",
    ">": "8a885d04 1ceb 11c9 9fe808002b104860 0000 0002",
}


@pytest.mark.parametrize("order", "<>")
def test_ndr_is_its_twenty_octets_in_both_orders(order):
    octets = bytes.fromhex(NDR_OCTETS[order])
    assert NDR.serialize(order) == octets
    assert SyntaxId.parse(octets, order) == NDR


@given(st.uuids(), st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.sampled_from("<>"))
def test_any_syntax_goes_round(uuid, major, minor, order):
    syntax = SyntaxId(uuid, major, minor)
    assert SyntaxId.parse(syntax.serialize(order), order) == syntax


@pytest.mark.parametrize("features", [0, 1, 2, 3, 0xFF, 0x1234])
def test_features_are_read_from_the_syntax_that_asks_for_them(features):
    assert feature_syntax(features).features == features
    assert str(feature_syntax(features).uuid).startswith("6cb71c2c-9812-4540-")


def test_other_syntaxes_ask_for_no_features():
    assert NDR.features is None
    assert NDR64.features is None
    assert feature_syntax(1)._replace(major=2).features is None


def test_syntax_is_shown_with_its_version():
    assert str(SyntaxId(UUID(int=1), 3, 2)) == "00000000-0000-0000-0000-000000000001 v3.2"
