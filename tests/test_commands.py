"""docs/commands.md is true: its files are written, its commands run in order, and what they print is compared.

The form of its blocks is that of the README; see `test_readme.py`.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lrpc.rpcgen.verbs import VERBS

PAGE = "docs/commands.md"


def _beside(name: str) -> Any:
    """The test module beside this one."""
    spec = importlib.util.spec_from_file_location(f"{name} for commands", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


readme = _beside("test_readme")


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


def test_every_verb_has_its_place_on_the_page() -> None:
    text = (readme.ROOT / PAGE).read_text(encoding="utf-8")
    verbs = {verb.__name__ for verb in VERBS} | {
        "serve",
        "epmapper",
        "endpoints",
        "call",
        "ping",
        "capture",
        "pack",
        "unpack",
        "explain",
        "demo",
    }
    assert verbs <= set(re.findall(r"`lrpc (\w+)`", text))
    assert verbs <= set(re.findall(r"\blrpc (\w+) [^`\n]*\w", "\n".join(said for _, said in readme.blocks(PAGE))))


def test_bounds_of_the_cache_are_those_of_the_code() -> None:
    from lrpc.rpcgen.cache import MAX_ENTRIES, MAX_TOTAL

    text = (readme.ROOT / PAGE).read_text(encoding="utf-8")
    assert f"{MAX_ENTRIES} entries and {MAX_TOTAL >> 20} MiB" in text.replace("\n", " ")
