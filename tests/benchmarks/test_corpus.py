"""The table of `make corpus`, and its exit status: 1 for a crash alone."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks import corpus, corpus_files, corpus_peers, corpus_sets
from benchmarks.corpus_files import Complaint, Outcome
from benchmarks.corpus_sets import CorpusSet

GOOD = "[uuid(1f3d9bd6-5ad2-4e0b-9c1b-6a1f8c1c2d10), version(1.0)] interface good { void f([in] long a); }"


def ran(folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit status of a brief run over the folder, on a machine without packages and peers."""
    for name in ("WINE", "CAMLIDL", "DIRECTX"):
        monkeypatch.setattr(corpus_sets, name, folder / "nowhere")
    monkeypatch.setattr(corpus_peers, "widl", lambda: None)
    monkeypatch.setenv(corpus_sets.FOLDER_VARIABLE, str(folder))
    monkeypatch.setattr(sys, "argv", ["corpus", str(folder / "build"), "--brief", "--jobs", "1"])
    return corpus.main()


def test_refused_files_are_told_and_are_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "good.idl").write_text(GOOD, encoding="utf-8")
    (tmp_path / "bad.idl").write_text("typedef missing a;", encoding="utf-8")
    assert ran(tmp_path, monkeypatch) == 0
    said = capsys.readouterr().out
    assert f"bad.idl: {tmp_path / 'bad.idl'}:1:9: E0301: unknown type missing" in said
    assert "50.0" in said


def test_a_crash_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*words: object, **more: object) -> str:
        raise RuntimeError("on purpose")

    monkeypatch.setattr(corpus_files, "generate", broken)
    (tmp_path / "good.idl").write_text(GOOD, encoding="utf-8")
    assert ran(tmp_path, monkeypatch) == 1
    assert "CRASH after checked: good.idl" in capsys.readouterr().out


def test_a_part_is_told_apart_when_the_file_that_includes_it_is_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "whole.idl").write_text('typedef long word;\n#include "part.idl"\n', encoding="utf-8")
    (tmp_path / "part.idl").write_text("typedef struct { word a; } pair;\n", encoding="utf-8")
    assert ran(tmp_path, monkeypatch) == 0
    said = capsys.readouterr().out
    row = next(line for line in said.splitlines() if line.startswith("test_"))
    assert row.split()[1:7] == ["2", "0", "1", "2", "2", "0"]


def test_no_set_at_all_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(tmp_path, monkeypatch) == 0
    assert "no set is here" in capsys.readouterr().out


def test_files_of_the_windows_runtime_are_counted_apart() -> None:
    winrt = Complaint("E9999", "this is WinRT IDL", "a.idl:1:1", "")
    found = (
        Outcome(Path("a.idl"), "imported", seconds=1.0),
        Outcome(Path("b.idl"), "failed", (winrt,), seconds=2.0),
        Outcome(Path("c.idl"), "checked"),
    )
    measured = corpus.Measured(CorpusSet("own", ()), found, 1.5, 2)
    assert measured.row() == ("own", "3", "1", "0", "2", "1", "1", "50.0", "3.0", "1.5", "2 of 3")
