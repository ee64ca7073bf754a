"""The pages of docs/ that show a session are true: it is run as they print it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents import FENCE, ROOT, Shell, blocks, play

WHOLE = ["commands", "explain", "namespace", "pidl", "pointers"]
"""Pages every block of which is run."""
PARTLY = [
    "alpc",
    "callbacks",
    "calls",
    "capture",
    "context-handles",
    "errors",
    "interceptors",
    "logging",
    "pipes",
    "security",
    "serving",
]
"""Pages that show other blocks too."""


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    made = Shell(tmp_path)
    yield made
    made.end()


@pytest.mark.parametrize("page", [*WHOLE, *PARTLY])
def test_page_prints_what_it_says(page: str, shell: Shell) -> None:
    play(f"docs/{page}.md", shell)


@pytest.mark.parametrize("page", WHOLE)
def test_every_block_of_the_page_is_run(page: str) -> None:
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    assert len(blocks(f"docs/{page}.md")) == len(FENCE.findall(text))


def test_every_page_with_a_session_is_run() -> None:
    """Those that are left run theirs in tests of their names."""
    shown = {path.stem for path in (ROOT / "docs").glob("*.md") if "\n<!-- run" in path.read_text(encoding="utf-8")}
    assert shown == {*WHOLE, *PARTLY, "automation", "serialization", "systems"}
