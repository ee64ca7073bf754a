"""docs/pidl.md is true: its files are written, its commands run in order, and what they print is compared."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PAGE = "docs/pidl.md"


def _readme() -> Any:
    """The test module of the README, which knows the form of the blocks."""
    path = Path(__file__).parents[2] / "test_readme.py"
    spec = importlib.util.spec_from_file_location("test_readme for pidl", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


readme = _readme()


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Any]:
    made = readme.Shell(tmp_path)
    made.environment["XDG_CACHE_HOME"] = str(tmp_path / "cache")
    yield made
    made.end()


def test_page_prints_what_it_says(shell: Any) -> None:
    for what, text in readme.blocks(PAGE):
        if what.startswith("file: "):
            (shell.folder / what.removeprefix("file: ")).write_text(text, encoding="utf-8")
            continue
        assert what == "run"
        for command, said in readme.commands(text):
            printed = shell.run(command, shell.folder, said.count("\n"))
            assert readme.settled(printed) == readme.settled(said), command


def test_every_block_of_the_page_is_run() -> None:
    text = (readme.ROOT / PAGE).read_text(encoding="utf-8")
    assert len(readme.blocks(PAGE)) == len(readme.FENCE.findall(text))
