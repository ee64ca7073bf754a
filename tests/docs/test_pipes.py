"""docs/pipes.md is true: its example is run."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lrpc.runtime.async_pipe_call import FULL
from lrpc.runtime.ndr.pipe_stream import MAX_CHUNK

PAGE = "docs/pipes.md"


def _readme() -> Any:
    path = Path(__file__).parents[1] / "test_readme.py"
    spec = importlib.util.spec_from_file_location("test_readme for pipes", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


readme = _readme()


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


def test_limits_are_those_of_the_code() -> None:
    text = (readme.ROOT / PAGE).read_text(encoding="utf-8")
    assert f"{FULL >> 10} KiB" in text
    assert "2^31-1" in text
    assert MAX_CHUNK == 2**31 - 1
