"""docs/interceptors.md is true: its example is run, and its table has every field of an invocation."""

from __future__ import annotations

import dataclasses
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import lrpc
from lrpc.runtime import otel

PAGE = "docs/interceptors.md"


def _readme() -> Any:
    path = Path(__file__).parents[1] / "test_readme.py"
    spec = importlib.util.spec_from_file_location("test_readme for interceptors", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


readme = _readme()
TEXT = (readme.ROOT / PAGE).read_text(encoding="utf-8")


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Any]:
    made = readme.Shell(tmp_path)
    yield made
    made.end()


def test_page_prints_what_it_says(shell: Any) -> None:
    for what, text in readme.blocks(PAGE):
        if what.startswith("file: "):
            (shell.folder / what.removeprefix("file: ")).write_text(text, encoding="utf-8")
            continue
        for command, said in readme.commands(text):
            assert readme.settled(shell.run(command, shell.folder, said.count("\n"))) == readme.settled(said), command


def test_every_field_of_an_invocation_has_a_row() -> None:
    rows = " ".join(row.split("|")[1] for row in TEXT.splitlines() if row.startswith("| `"))
    assert {field.name for field in dataclasses.fields(lrpc.Invocation)} <= set(re.findall(r"`(\w+)`", rows))


def test_every_maker_of_spans_is_named() -> None:
    assert [name for name in vars(otel) if name.endswith("_spans") and name not in TEXT] == []
