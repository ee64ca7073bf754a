"""docs/capture.md is true: its session is run, and what it says of names and limits is compared with the code."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lrpc.runtime.capture import capturing, pcapng, tap
from lrpc.runtime.capture.file import MODE, Side

PAGE = "docs/capture.md"


def _readme() -> Any:
    path = Path(__file__).parents[1] / "test_readme.py"
    spec = importlib.util.spec_from_file_location("test_readme for captures", path)
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
            printed = shell.run(command, shell.folder, said.count("\n"))
            assert readme.settled(printed) == readme.settled(said), command


def test_names_and_numbers_are_those_of_the_code() -> None:
    text = (readme.ROOT / PAGE).read_text(encoding="utf-8")
    words = [capturing.VARIABLE, capturing.SIDE_VARIABLE, f"mode 0{MODE:o}", f"link type is {pcapng.EXPORTED_PDU}"]
    words += [f"`{side.name.lower()}`" for side in Side] + [f"plus {tap.SHIFT}"]
    assert [word for word in words if word not in text] == []
