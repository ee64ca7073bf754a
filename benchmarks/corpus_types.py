"""Generated stubs before the type checkers: mypy --strict and pyright strict, over all stubs of a set at once."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
"""The checkers find the package through its `.path`."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a checker says: how many complaints of how many stubs, the first of them, and the seconds it took."""

    checker: str
    stubs: int
    complaints: int
    first: tuple[str, ...]
    seconds: float


def checked(stubs: Sequence[Path], folder: Path) -> list[Verdict]:
    """The verdict of each checker that is installed. folder: for their configuration and caches."""
    found = [("mypy", _mypy), ("pyright", _pyright)]
    return [check(stubs, folder) for name, check in found if importlib.util.find_spec(name) is not None]


def _mypy(stubs: Sequence[Path], folder: Path) -> Verdict:
    configuration = folder / "mypy.ini"
    configuration.write_text(f"[mypy]\nstrict = true\nmypy_path = {ROOT / '.path'}\n", encoding="utf-8")
    options = ["--config-file", str(configuration), "--cache-dir", str(folder / "mypy"), "--no-error-summary"]
    said, seconds = _timed("mypy", *options, "--follow-imports=silent", *map(str, stubs))
    lines = [line for line in said.splitlines() if ": error:" in line]
    return Verdict("mypy --strict", len(stubs), len(lines), tuple(lines[:5]), seconds)


def _pyright(stubs: Sequence[Path], folder: Path) -> Verdict:
    """Paths that are not relative, pyright passes over: how many files it looked at is compared."""
    settings = {
        "typeCheckingMode": "strict",
        "extraPaths": [str(ROOT / ".path")],
        "include": [os.path.relpath(one, folder) for one in stubs],
    }
    project = folder / "pyrightconfig.json"
    project.write_text(json.dumps(settings), encoding="utf-8")
    said, seconds = _timed("pyright", "--project", str(project), "--pythonpath", sys.executable, "--outputjson")
    found = json.loads(said[said.index("{") : said.rindex("}") + 1])
    errors = [one for one in found["generalDiagnostics"] if one["severity"] == "error"]
    lines = [f"{one['file']}:{one['range']['start']['line'] + 1}: {one['message']}" for one in errors]
    if found["summary"]["filesAnalyzed"] < len(stubs):
        lines.insert(0, f"pyright looked at {found['summary']['filesAnalyzed']} files")
    return Verdict("pyright strict", len(stubs), len(lines), tuple(lines[:5]), seconds)


def _timed(module: str, *options: str) -> tuple[str, float]:
    begin = time.perf_counter()
    ran = subprocess.run([sys.executable, "-m", module, *options], capture_output=True, text=True, check=False)
    return ran.stdout + ran.stderr, time.perf_counter() - begin
