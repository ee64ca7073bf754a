"""README.md is true: its files are written, its commands run in order, and what they print is compared.

A block follows a comment: `<!-- file: NAME -->` a file, `<!-- run -->` a console in the folder of those files,
`<!-- run in the repository -->` one in the repository. A command that ends in ` &` stays and is ended at the end.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import lrpc

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^<!-- (?P<what>[^\n]+) -->\n```\w+\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
FENCE = re.compile(r"^```(\w+)$", re.MULTILINE)
VARIES = (
    (re.compile(r"\d+\.\d{3} ms"), "N ms"),
    (re.compile(r"127\.0\.0\.1\[\d+\]"), "127.0.0.1[PORT]"),
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "UUID"),
)


def blocks(document: str) -> list[tuple[str, str]]:
    return [(match["what"], match["text"]) for match in BLOCK.finditer((ROOT / document).read_text(encoding="utf-8"))]


def commands(text: str) -> list[tuple[str, str]]:
    """The commands of a console, each with what it is said to print."""
    return [(command, said) for command, said in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE)]


def settled(text: str) -> str:
    for pattern, word in VARIES:
        text = pattern.sub(word, text)
    return text


class Shell:
    """Runs commands with `python` and `lrpc` at hand; keeps those that stay."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.staying: list[subprocess.Popen[str]] = []
        tools = folder / "tools"
        tools.mkdir()
        for name, words in (("python", ""), ("lrpc", "-m lrpc")):
            (tools / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
            (tools / name).chmod(0o755)
        names = folder / "names"
        names.mkdir(mode=0o700)
        package = Path(lrpc.__file__).absolute().parents[1]
        self.environment = os.environ | {
            "PATH": f"{tools}:{os.environ['PATH']}",
            "PYTHONPATH": str(package),
            "PYTHONDONTWRITEBYTECODE": "1",
            "LRPC_NAMESPACE": str(names),
        }

    def run(self, command: str, cwd: Path, lines: int) -> str:
        """What a command prints, stdout and stderr; of one that stays the first lines."""
        process = subprocess.Popen(
            ["sh", "-c", f"exec {command.removesuffix(' &')}" if command.endswith(" &") else command],
            cwd=cwd,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if not command.endswith(" &"):
            return process.communicate()[0]
        self.staying.append(process)
        assert process.stdout is not None
        return "".join(process.stdout.readline() for _ in range(lines))

    def end(self) -> list[int]:
        """Ends what stays; the exit statuses."""
        for process in self.staying:
            process.terminate()
            process.communicate()
        return [process.returncode for process in self.staying]


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    made = Shell(tmp_path)
    yield made
    made.end()


def test_readme_prints_what_it_says(shell: Shell) -> None:
    for what, text in blocks("README.md"):
        if what.startswith("file: "):
            _written(shell.folder, what, text)
            continue
        cwd = {"run": shell.folder, "run in the repository": ROOT}[what]
        for command, said in commands(text):
            assert settled(shell.run(command, cwd, said.count("\n"))) == settled(said), command


def test_programs_of_the_readme_pass_mypy_strict(shell: Shell) -> None:
    programs = [name for what, text in blocks("README.md") if (name := _written(shell.folder, what, text))]
    shell.run("lrpc gen calc.idl", shell.folder, 1)
    words = f"--strict --no-error-summary --cache-dir {shell.folder / 'cache'} --follow-imports=silent"
    said = shell.run(f"MYPYPATH=$PYTHONPATH python -m mypy {words} calc.py {' '.join(programs)}", shell.folder, 0)
    assert said == ""


def _written(folder: Path, what: str, text: str) -> str | None:
    """Write a file of the document; its name if it is a program."""
    name = what.removeprefix("file: ")
    if name == what:
        return None
    (folder / name).write_text(text, encoding="utf-8")
    return name if name.endswith(".py") else None


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
