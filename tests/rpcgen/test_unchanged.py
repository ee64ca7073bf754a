"""The quick way: what it says is what the verbs say, and where it is not sure it says nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lrpc import cli
from lrpc.rpcgen.unchanged import answered

IDL = (
    "[uuid(0e6d7e1c-94f5-4a36-8b41-3b3cf32a9e31), version(1.0)] interface Sum { long Add([in] long a, [in] long b); }\n"
)
LOOSE = 'import "types.idl"; void Loose([in] number a);\n'
Verbs = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    Path("sum.idl").write_text(IDL)
    Path("loose.idl").write_text(LOOSE)
    Path("folder").mkdir()
    Path("folder/types.idl").write_text("typedef long number;\n")
    Path("bad.idl").write_text("typedef missing a;\n")


@pytest.fixture
def verbs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Verbs:
    """The command as the verbs have it."""

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["lrpc", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


@pytest.mark.parametrize(
    "line",
    [
        "check sum.idl",
        "check sum.idl loose.idl -I folder",
        "gen sum.idl",
        "gen -I folder loose.idl sum.idl -o stubs",
        "gen sum.idl -o one.py",
    ],
)
def test_the_second_time_says_and_writes_what_the_first_did(
    line: str, verbs: Verbs, capsys: pytest.CaptureFixture[str]
) -> None:
    words = line.split()
    assert answered(words) is None
    first = verbs(*words)
    written = {path: path.read_text() for path in Path().rglob("*.py")}
    for path in written:
        path.unlink()
    status = answered(words)
    said = capsys.readouterr()
    assert (status, said.out, said.err) == first
    assert {path: path.read_text() for path in Path().rglob("*.py")} == written


@pytest.mark.parametrize(
    "line",
    [
        "",
        "check",
        "check sum.idl bad.idl",
        "check missing.idl",
        "check folder",
        "check --format json sum.idl",
        "check sum.idl -D A",
        "check sum.idl -I",
        "check sum.idl -o stubs",
        "check -- sum.idl",
        "gen sum.idl --check",
        "gen sum.idl ./sum.idl",
        "gen sum.idl sum.idl",
        "lint sum.idl",
        "model sum.idl",
    ],
)
def test_what_is_not_plain_is_left_to_the_verbs(line: str, verbs: Verbs, capsys: pytest.CaptureFixture[str]) -> None:
    verbs("check", "sum.idl", "./sum.idl")
    assert answered(line.split()) is None
    assert capsys.readouterr().out == ""


def test_a_changed_file_is_left_to_the_verbs(verbs: Verbs) -> None:
    line = ["check", "loose.idl", "-I", "folder"]
    verbs(*line)
    assert answered(line) == 0
    Path("folder/types.idl").write_text("typedef hyper number;\n")
    assert answered(line) is None


def test_a_cache_that_is_turned_off_knows_nothing(verbs: Verbs, monkeypatch: pytest.MonkeyPatch) -> None:
    verbs("check", "sum.idl")
    monkeypatch.setenv("LRPC_NO_CACHE", "1")
    assert answered(["check", "sum.idl"]) is None


def test_a_stub_that_cannot_be_written_is_said(verbs: Verbs, capsys: pytest.CaptureFixture[str]) -> None:
    Path("stubs").write_text("")
    first = verbs("gen", "sum.idl", "-o", "stubs")
    assert first[0] == 1
    assert answered(["gen", "sum.idl", "-o", "stubs"]) == 1
    assert capsys.readouterr().err == first[2]
