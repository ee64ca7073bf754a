"""docs/automation.md is true: its program, and its table of types."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from lrpc.runtime.automation import VT, SafeArray, Variant
from lrpc.runtime.automation.safearray import MAX_DIMENSIONS
from lrpc.runtime.automation.types import name_of

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "automation.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (`VT_.*?) \| (.*?) \| ?(.*?) ?\|$", PAGE, re.MULTILINE)


def test_program_prints_what_the_page_says() -> None:
    (program,) = re.findall(r"<!-- file: values.py -->\n```python\n(.*?)```", PAGE, re.DOTALL)
    (printed,) = re.findall(r"^```\n(Variant.*?)```$", PAGE, re.DOTALL | re.MULTILINE)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (printed, "")


def test_commands_print_what_the_page_says() -> None:
    (console,) = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    found = re.findall(r"^\$ lrpc (.*)\n(.*)$", console, re.MULTILINE)
    assert len(found) == 2
    for words, said in found:
        command = [sys.executable, "-m", "lrpc", *shlex.split(words)]
        done = subprocess.run(command, cwd=ROOT / "idl", capture_output=True, text=True, check=False)
        assert (done.stdout, done.stderr) == (f"{said}\n", "")


def test_every_type_has_a_row() -> None:
    named = {name for row in ROWS for name in re.findall(r"`(VT_\w+)`", row[0])}
    assert named == {f"VT_{one.name}" for one in VT}


def test_type_is_chosen_for_what_the_page_says() -> None:
    chosen = {
        "`None`": None, "`int` of 32 bits": 5, "`int` of 64 bits": 1 << 40, "`int` of 64 bits without a sign": 1 << 63,
        "`float`": 1.5, "`bool`": True, "`Decimal`, and `int` beyond 64 bits": Decimal(1), "`str`": "x",
        "`datetime`, `date`": datetime(2020, 1, 1),
    }  # fmt: skip
    said = {names.strip("`"): chosen[words] for names, _, words in ROWS if words in chosen}
    assert len(said) == len(chosen)
    assert {name: name_of(Variant.of(value).vt) for name, value in said.items()} == {name: name for name in said}


def test_example_of_dimensions_is_right() -> None:
    assert SafeArray.of([[1, 2, 3], [4, 5, 6]], VT.I2, dimensions=2).nested()[1][2] == 6
    assert f"at most {MAX_DIMENSIONS} dimensions" in PAGE
