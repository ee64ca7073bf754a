"""`python -m lrpc`: the command, quick where nothing has changed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import lrpc

PROGRAM = (
    "import sys, runpy; sys.argv = ['lrpc', *sys.argv[1:]]\n"
    "try: runpy.run_module('lrpc', run_name='__main__')\n"
    "finally: print([name for name in ('typer', 'lark', 'pydantic', 'lrpc.runtime.connect') if name in sys.modules])"
)


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(Path(lrpc.__file__).absolute().parents[1]))
    Path("loose.idl").write_text("void Loose([in] long a);\n")


def ran(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], env=os.environ, capture_output=True, text=True, check=False)


def test_the_module_is_the_command() -> None:
    assert ran("-m", "lrpc", "--version").stdout == f"lrpc {lrpc.__version__}\n"
    assert ran("-m", "lrpc", "frobnicate").returncode == 2


def test_an_unchanged_file_needs_neither_the_compiler_nor_the_command_line() -> None:
    first = ran("-m", "lrpc", "check", "loose.idl")
    again = ran("-c", PROGRAM, "check", "loose.idl")
    assert first.returncode == again.returncode == 0
    assert again.stdout == f"{first.stdout}[]\n"
    assert again.stderr == first.stderr


def test_reader_that_goes_away_is_no_traceback() -> None:
    ran("-m", "lrpc", "check", "loose.idl")
    command = f"{sys.executable} -m lrpc check loose.idl | true"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
