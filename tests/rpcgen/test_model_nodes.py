"""Nodes that hold no types: `model` has them all, and they come back from JSON as they were."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from lrpc.rpcgen import model, model_nodes


@pytest.mark.parametrize(
    "name",
    [
        "Node",
        "Number",
        "Sibling",
        "Present",
        "Binary",
        "When",
        "Length",
        "SizeOf",
        "Expression",
        "Flags",
        "Blob",
        "Text",
        "TextList",
    ],
)  # fmt: skip
def test_model_gathers_the_nodes(name: str) -> None:
    assert getattr(model, name) is getattr(model_nodes, name)


@pytest.mark.parametrize(
    "expression",
    [
        model.Number(value=3),
        model.Length(name="a", unit=1),
        model.SizeOf(),
        model.When(condition=model.Present(name="p"), then=model.SizeOf(name="p"), otherwise=model.Number(value=0)),
        model.Binary(operator="+", left=model.Sibling(name="a"), right=model.Number(value=1)),
    ],
)
def test_expression_comes_back_from_json(expression: model.Node) -> None:
    adapter: TypeAdapter[object] = TypeAdapter(model.Expression)
    assert adapter.validate_json(expression.model_dump_json()) == expression


def test_nodes_are_immutable_and_take_nothing_else() -> None:
    with pytest.raises(ValidationError):
        model.Flags.model_validate({"order": "<", "other": 1})
    with pytest.raises(ValidationError):
        model.Number(value=1).value = 2  # type: ignore[misc]
