"""Documents that are run: their files are written, their commands run in order, and what they print is compared.

A block follows a comment: `<!-- file: NAME -->` a file, `<!-- run -->` a console in the folder of those files,
`<!-- run in the repository -->` one in the repository. A command that ends in ` &` stays and is ended at the end.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

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
            "XDG_CACHE_HOME": str(folder / "cached"),
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


def play(document: str, shell: Shell) -> None:
    """Write the files of a document and run its commands; AssertionError where one prints something else."""
    for what, text in blocks(document):
        if written(shell.folder, what, text) is None:
            cwd = {"run": shell.folder, "run in the repository": ROOT}[what]
            for command, said in commands(text):
                assert settled(shell.run(command, cwd, said.count("\n"))) == settled(said), command


def written(folder: Path, what: str, text: str) -> str | None:
    """Write a file of the document; its name, None if it is no file."""
    name = what.removeprefix("file: ")
    if name == what:
        return None
    (folder / name).write_text(text, encoding="utf-8")
    return name
