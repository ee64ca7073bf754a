"""The tree: immutable nodes, each of which knows its place."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from lrpc.rpcgen.diagnostics import Source, Span
from lrpc.rpcgen.syntax import tree
from lrpc.rpcgen.syntax.macros import Budget
from lrpc.rpcgen.syntax.parser import parse
from lrpc.rpcgen.syntax.preprocessor import Preprocessor

FILES = sorted((Path(__file__).parents[1] / "good").glob("*.idl"))
NODES = [kind for kind in vars(tree).values() if isinstance(kind, type) and dataclasses.is_dataclass(kind)]


def nodes(value: object) -> Iterator[object]:
    """All nodes of a tree."""
    if dataclasses.is_dataclass(value) and type(value) in NODES:
        yield value
        for field in dataclasses.fields(value):
            yield from nodes(getattr(value, field.name))
    elif isinstance(value, tuple | list):
        for part in value:
            yield from nodes(part)


def read(path: Path) -> tree.File:
    def find(name: str, at: Span) -> Source:
        return Source(name, "")

    source = Source(path.name, path.read_text(encoding="utf-8"))
    return parse(Preprocessor(find, lambda text, at: 0, Budget()).run(source))[0]


def test_name_is_written_where_its_node_stands() -> None:
    count = 0
    for node in (node for path in FILES for node in nodes(read(path))):
        name, span = getattr(node, "name", None), getattr(node, "span", None)
        if name and span and span.expansion is None and not isinstance(node, tree.SwitchUnion | tree.Access):
            assert span.source.text[span.start :].startswith(name), node
            count += 1
    assert count > 500


def test_expression_is_one_deeper_than_its_deepest_operand() -> None:
    deepest = 0
    for node in (node for path in FILES for node in nodes(read(path))):
        depth = getattr(node, "depth", 0)
        deepest = max(deepest, depth)
        inner = [getattr(one, "depth", 0) for one in nodes(node) if one is not node]
        assert not depth or depth == 1 + max(inner, default=0)
    assert deepest > 2


@pytest.mark.parametrize("kind", [kind for kind in NODES if kind is not tree.File], ids=lambda kind: kind.__name__)
def test_node_never_changes(kind: type) -> None:
    assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert "__slots__" in vars(kind)


def test_only_what_has_no_text_of_its_own_has_no_place() -> None:
    without = {kind.__name__ for kind in NODES if "span" not in {field.name for field in dataclasses.fields(kind)}}
    assert without == {"Star", "Import", "File"}
