"""Whatever a signal handler interrupts, a port closes: no lock is left behind, and nobody waits for who is gone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import lrpc

ROOT = Path(__file__).parents[3]
WATCHDOG = 120.0


@pytest.mark.parametrize(("end", "step", "points"), [("server", 4, 100), ("client", 2, 10)])
def test_an_end_that_was_interrupted_anywhere_closes(end: str, step: int, points: int, tmp_path: Path) -> None:
    environment = {"LRPC_NAMESPACE": str(tmp_path), "PYTHONPATH": str(Path(lrpc.__file__).absolute().parents[1])}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.transports.alpc.interrupted", end, str(step)],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as program:
        try:
            said = program.communicate(timeout=WATCHDOG)[0]
        except subprocess.TimeoutExpired:
            program.kill()
            said = program.communicate()[0]
    assert program.returncode == 0, said[-2000:]
    assert said.endswith(" end\n")
    assert said.count("\n") > points
