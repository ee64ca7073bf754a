"""README.md is true: its files are written, its commands run in order, and what they print is compared."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents import FENCE, ROOT, Shell, blocks, play, written


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    made = Shell(tmp_path)
    yield made
    made.end()


def test_readme_prints_what_it_says(shell: Shell) -> None:
    play("README.md", shell)


def test_programs_of_the_readme_pass_mypy_strict(shell: Shell) -> None:
    files = [name for what, text in blocks("README.md") if (name := written(shell.folder, what, text))]
    programs = [name for name in files if name.endswith(".py")]
    shell.run("lrpc gen calc.idl", shell.folder, 1)
    words = f"--strict --no-error-summary --cache-dir {shell.folder / 'cache'} --follow-imports=silent"
    said = shell.run(f"MYPYPATH=$PYTHONPATH python -m mypy {words} calc.py {' '.join(programs)}", shell.folder, 0)
    assert said == ""


def test_every_python_and_console_block_of_the_readme_is_run() -> None:
    found = FENCE.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    checked = [word for what, _ in blocks("README.md") for word in [what.partition(":")[0].split()[0]]]
    assert checked.count("run") == found.count("console")
    assert checked.count("file") == found.count("python") + found.count("c")


def test_links_of_the_documents_lead_somewhere() -> None:
    documents = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    for document in [*documents, *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_words_of_make_in_the_documents_are_there() -> None:
    words = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for name in ("README.md", "CONTRIBUTING.md"):
        used = set(re.findall(r"(?:`|^)make ([a-z]+)", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE))
        assert used <= words, name
