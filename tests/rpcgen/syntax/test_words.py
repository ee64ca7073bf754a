"""Words: how many a text has, known before it is read."""

from __future__ import annotations

import pytest

from lrpc.rpcgen.diagnostics import Source
from lrpc.rpcgen.syntax.words import beyond


@pytest.mark.parametrize(
    ("text", "limit", "position"),
    [
        ("a b", 2, None),
        ("a b c", 2, 4),
        ("a /* b c d */ e", 2, None),
        ('a "b c d" // e f\n; ;', 3, 19),
        ("a b c", 0, 0),
        ("/* " * 100_000, 10, None),
        ("{|" * 100_000, 10, None),
    ],
)
def test_first_word_beyond_a_limit_is_found(text: str, limit: int, position: int | None) -> None:
    assert beyond(Source("a.idl", text), limit) == position
