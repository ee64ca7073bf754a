"""docs/pointers.md is true: its files are written, its commands run in order, and what they print is compared."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from lrpc.runtime.ndr.budget import MAX_DEPTH, MAX_ITEMS, NESTED_COST
from lrpc.runtime.ndr.json_pointers import DEEP

PAGE = "docs/pointers.md"


def _readme() -> Any:
    """The module that runs the README; its form is that of this page."""
    path = Path(__file__).parents[1] / "test_readme.py"
    spec = importlib.util.spec_from_file_location("test_readme for pointers", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


readme = _readme()


def test_page_prints_what_it_says(tmp_path: Path) -> None:
    shell = readme.Shell(tmp_path)
    shell.environment["XDG_CACHE_HOME"] = str(tmp_path / "cache")
    for what, text in readme.blocks(PAGE):
        if what.startswith("file: "):
            (shell.folder / what.removeprefix("file: ")).write_text(text, encoding="utf-8")
            continue
        assert what == "run"
        for command, said in readme.commands(text):
            assert shell.run(command, shell.folder, said.count("\n")) == said, command


def test_every_block_of_the_page_is_run() -> None:
    text = (readme.ROOT / PAGE).read_text(encoding="utf-8")
    assert len(readme.blocks(PAGE)) == len(readme.FENCE.findall(text))


def test_numbers_of_the_page_are_those_of_the_code() -> None:
    text = (readme.ROOT / PAGE).read_text(encoding="utf-8").replace("\n", " ")
    assert f"{MAX_ITEMS // NESTED_COST:,} nodes" in text
    assert f"{MAX_DEPTH:,} deep" in text
    assert f"{DEEP} brackets" in text
