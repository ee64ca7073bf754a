from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_stub_is_what_its_idl_says() -> None:
    command = [sys.executable, "-m", "lrpc.cli", "gen", "--check", "examples/registry/winreg.idl"]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
