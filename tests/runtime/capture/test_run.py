from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from lrpc.runtime.capture.capturing import SIDE_VARIABLE, VARIABLE
from lrpc.runtime.capture.file import CaptureFile, preamble
from lrpc.runtime.capture.run import run


def test_a_program_has_the_file_and_the_side_in_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source = f"import os; open('said', 'w').write(os.environ['{VARIABLE}'] + ' ' + os.environ['{SIDE_VARIABLE}'])"
    assert run([sys.executable, "-c", source], "x.pcapng", "client") == 0
    assert (tmp_path / "said").read_text() == f"{tmp_path / 'x.pcapng'} client"


def test_a_run_begins_the_file_anew(tmp_path: Path) -> None:
    path = tmp_path / "x.pcapng"
    CaptureFile(str(path)).write(b"more")
    run(["true"], str(path))
    assert path.read_bytes() == preamble()


def test_the_status_is_that_of_the_program(tmp_path: Path) -> None:
    path = str(tmp_path / "x.pcapng")
    assert run([sys.executable, "-c", "raise SystemExit(7)"], path) == 7
    kill = f"import os; os.kill(os.getpid(), {int(signal.SIGTERM)})"
    assert run([sys.executable, "-c", kill], path) == 128 + signal.SIGTERM


def test_a_file_of_another_kind_stops_it_before_it_begins(tmp_path: Path) -> None:
    path, said = tmp_path / "notes", tmp_path / "said"
    path.write_text("notes")
    with pytest.raises(FileExistsError):
        run(["touch", str(said)], str(path))
    assert not said.exists()
    assert path.read_text() == "notes"


def test_a_program_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        run([str(tmp_path / "missing")], str(tmp_path / "x.pcapng"))
