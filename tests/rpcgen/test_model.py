"""The model: its JSON has a published schema, and comes back as the model that it was."""

from __future__ import annotations

import json
from pathlib import Path

import pydantic
import pytest

from lrpc.rpcgen import compile_idl
from lrpc.rpcgen.model import Model

ROOT = Path(__file__).resolve().parents[2]
GOOD = sorted((Path(__file__).parent / "good").glob("*.idl"))


def compiled(path: Path) -> Model:
    found = compile_idl(str(path))
    assert found.model is not None, found.errors
    return found.model


def test_published_schema_is_that_of_the_model() -> None:
    published = json.loads((ROOT / "docs/model.schema.json").read_text(encoding="utf-8"))
    assert published == Model.model_json_schema()


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_model_survives_json(path: Path) -> None:
    text = compiled(path).model_dump_json()
    assert Model.model_validate_json(text).model_dump_json() == text


def test_places_are_file_line_and_column() -> None:
    model = json.loads(compiled(GOOD[0].parent / "calc.idl").model_dump_json())
    assert model["interfaces"][0]["operations"][0]["span"].split("/")[-1] == "calc.idl:20:10"


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(pydantic.ValidationError, match="interfaces"):
        Model.model_validate_json("{}")
