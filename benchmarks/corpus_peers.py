"""What other compilers make of the same files: widl (`widl-stable` of Debian's wine64-tools), when it is installed.

widl is asked for headers only (`-h`), which is parsing and checking with the least of writing. Files of the Windows
Runtime are read with its `--winrt`; counted are those whose exit status is 0.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

NAMES: Final = ("widl", "widl-stable")
MAX_SECONDS: Final = 60


def widl() -> str | None:
    """The command, or None when it is not installed."""
    return next((found for found in map(shutil.which, NAMES) if found), None)


def version(command: str) -> str:
    """As it calls itself: `widl 8.0`."""
    said = subprocess.run([command, "-V"], capture_output=True, text=True, check=False)
    number = re.search(r"version (\S+)", said.stdout + said.stderr)
    return f"widl {number[1] if number else '?'}"


def says(command: str, path: Path, search: Sequence[str] = (), *, winrt: bool = False) -> tuple[int, str]:
    """Its exit status and what it says of a file; a negative status for a signal, 124 for one that takes too long."""
    with tempfile.TemporaryDirectory() as folder:
        options = [word for place in search for word in ("-I", place)] + (["--winrt"] if winrt else [])
        line = [command, *options, "-h", "-H", f"{folder}/out.h", str(path)]
        try:
            ran = subprocess.run(line, capture_output=True, check=False, timeout=MAX_SECONDS)
        except subprocess.TimeoutExpired:
            return 124, ""
    return ran.returncode, (ran.stdout + ran.stderr).decode("utf-8", "replace")


def accepted(command: str, files: Sequence[Path], search: Sequence[str], winrt: Sequence[Path], workers: int) -> int:
    """How many of the files it takes."""

    def one(path: Path) -> bool:
        return says(command, path, search, winrt=path in winrt)[0] == 0

    with ThreadPoolExecutor(workers) as pool:
        return sum(pool.map(one, files))
