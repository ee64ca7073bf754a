"""docs/serialization.md is true: its program and its commands print what they should."""

from __future__ import annotations

import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "serialization.md").read_text(encoding="utf-8")
SAMBA: bytes = runpy.run_path(str(ROOT / "tests" / "runtime" / "test_serialization.py"))["SAMBA"]


def test_program_prints_who_logged_on() -> None:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, input=SAMBA.hex(), capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("EXAMPLE alice 1104 [513, 512]\n", "")


def test_commands_print_what_the_page_says() -> None:
    (console,) = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    found = re.findall(r"^\$ lrpc (.*)\n(.*)$", console, re.MULTILINE)
    assert len(found) == 2
    for words, said in found:
        command = [sys.executable, "-m", "lrpc", *shlex.split(words)]
        done = subprocess.run(command, cwd=ROOT / "idl", capture_output=True, text=True, check=False)
        assert (done.stdout, done.stderr) == (f"{said}\n", "")
