"""docs/errors.md says what the code does: every exception under its base, and whether the call ran."""

from __future__ import annotations

import re
from pathlib import Path

import lrpc
from lrpc.runtime.status import RpcError

DOCUMENT = Path(__file__).parents[2] / "docs" / "errors.md"


def documented() -> list[tuple[int, str, str]]:
    rows = re.findall(r"^\| ((?:· )*)`(\w+)` \| (\w+) \| ", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    return [(len(dots) // 2, name, ran) for dots, name, ran in rows]


def derived(found: type[RpcError], depth: int = 0) -> list[tuple[int, str, str]]:
    own = [subclass for subclass in found.__subclasses__() if subclass.__module__.startswith("lrpc.")]
    below = [row for subclass in own for row in derived(subclass, depth + 1)]
    return [(depth, found.__name__, found.ran.value), *below]


def test_table_is_the_tree_of_exceptions() -> None:
    assert documented() == [row for row in derived(RpcError) if hasattr(lrpc, row[1])]


def test_every_exception_of_the_tree_is_public() -> None:
    assert {name for _, name, _ in derived(RpcError)} <= set(lrpc.__all__)
