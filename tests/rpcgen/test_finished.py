"""Finished compilations: recalled while nothing has changed, made again when anything has."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from lrpc.rpcgen import finished as module
from lrpc.rpcgen.cache import Cache
from lrpc.rpcgen.finished import Finished, Recalled, Request, dialect_of, finished

SHAPES = "typedef struct { long x[SIZE]; } Row;\n"
MAIN = 'import "shapes.idl";\nvoid Put([in] Row *row, long loose);\n'


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    Path("inc").mkdir()
    Path("inc/shapes.idl").write_text(SHAPES)
    Path("main.idl").write_text(MAIN)
    return tmp_path


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that are really compiled."""
    paths: list[str] = []
    real = module.compile_idl

    def watched(path: str, **options: object) -> object:
        paths.append(path)
        return real(path, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "compile_idl", watched)
    return paths


REQUEST = Request("main.idl", ("inc",), {"SIZE": "4"}, command="lrpc gen main.idl")


def same(left: Finished, right: Finished) -> bool:
    said = [[(str(one), one.as_json(), one.code, one.severity) for one in each.diagnostics] for each in (left, right)]
    return (left.stub, left.model) == (right.stub, right.model) and said[0] == said[1]


def test_second_answer_is_the_first_without_compiling(compiled: list[str]) -> None:
    first = finished(REQUEST)
    second = finished(REQUEST)
    assert compiled == ["main.idl"]
    assert same(first, second)
    assert first.stub is not None
    assert first.diagnostics
    assert all(isinstance(one, Recalled) for one in second.diagnostics)
    assert second.errors == ()


@pytest.mark.parametrize(
    "other",
    [
        replace(REQUEST, defines={"SIZE": "5"}),
        replace(REQUEST, defines={"SIZE": "4", "B": ""}),
        replace(REQUEST, search=("inc", "more")),
        replace(REQUEST, command="lrpc gen main.idl -o x"),
        replace(REQUEST, package=True),
        replace(REQUEST, path="./main.idl"),
    ],
)
def test_other_question_is_compiled(compiled: list[str], other: Request) -> None:
    finished(REQUEST)
    finished(other)
    assert compiled == ["main.idl", other.path]


def test_change_of_the_file_is_seen(compiled: list[str]) -> None:
    finished(REQUEST)
    Path("main.idl").write_text(MAIN.replace("Put", "Get"))
    again = finished(REQUEST)
    assert again.stub is not None
    assert "def Get(" in again.stub
    assert len(compiled) == 2


def test_change_of_an_import_is_seen_whatever_its_times_say(compiled: list[str]) -> None:
    first = finished(REQUEST)
    times = os.stat("inc/shapes.idl")
    Path("inc/shapes.idl").write_text(SHAPES.replace("long", "byte"))
    os.utime("inc/shapes.idl", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert not same(first, finished(REQUEST))
    assert len(compiled) == 2


def test_file_that_now_stands_in_front_of_an_import_is_seen(compiled: list[str]) -> None:
    first = finished(REQUEST)
    Path("shapes.idl").write_text(SHAPES.replace("x[", "y["))
    assert not same(first, finished(REQUEST))
    assert len(compiled) == 2


def test_import_that_is_gone_is_seen() -> None:
    finished(REQUEST)
    Path("inc/shapes.idl").unlink()
    assert [error.code for error in finished(REQUEST).errors][:1] == ["E0101"]


def test_same_name_in_another_folder_is_another_file(compiled: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    Path("other").mkdir()
    Path("other/main.idl").write_text("typedef long Word;\n")
    first = finished(REQUEST)
    monkeypatch.chdir("other")
    assert not same(first, finished(REQUEST))
    monkeypatch.chdir("..")
    assert same(first, finished(REQUEST))
    assert len(compiled) == 2


def test_another_compiler_does_not_know_the_entries_of_this(
    compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    finished(REQUEST)
    monkeypatch.setattr(module, "_compiler", lambda: "another")
    finished(REQUEST)
    monkeypatch.setattr(module, "_compiler", lambda: "")
    finished(REQUEST)
    finished(REQUEST)
    assert len(compiled) == 4


def test_files_with_errors_are_not_kept(compiled: list[str], folder: Path) -> None:
    bad = replace(REQUEST, defines={})
    assert finished(bad).stub is None
    assert finished(bad).errors
    assert len(compiled) == 2
    assert not (folder / "cache").exists()


def test_cache_can_be_left_alone(compiled: list[str], folder: Path) -> None:
    finished(REQUEST, cached=False)
    assert not (folder / "cache").exists()
    finished(REQUEST, reader={"main.idl": "typedef long Word;"}.__getitem__)
    assert not (folder / "cache").exists()
    finished(REQUEST)
    finished(REQUEST, cached=False)
    assert len(compiled) == 4


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\n",
        b"[]\n{}",
        b"{}\n{}",
        b'{"reads": 1}\n{}',
        b'{"reads": {}, "diagnostics": [[1]], "stub": ""}\n{}',
        b'{"reads": {}, "diagnostics": 5, "stub": ""}\n{}',
        b'{"reads": {"main.idl": "0"}, "diagnostics": [], "stub": ""}\n{}',
        b'{"reads": {"main.idl/x": "0"}, "diagnostics": [], "stub": ""}\n{}',
        b'{"reads": {"inc": null}, "diagnostics": [], "stub": ""}\n{}',
        b"[" * 100_000 + b"\n{}",
        b"\xff\n\xff",
    ],
)
def test_entry_that_is_none_is_compiled_again(compiled: list[str], folder: Path, payload: bytes) -> None:
    first = finished(REQUEST)
    Cache(folder / "cache" / "lrpc").put(REQUEST.key, payload)
    assert same(first, finished(REQUEST))
    assert same(first, finished(REQUEST))
    assert len(compiled) == 2


def test_model_is_json_also_with_half_a_surrogate() -> None:
    Path("main.idl").write_text('const wchar_t *S = L"\\xd800";\n')
    found = finished(Request("main.idl"))
    assert found.model is not None
    assert json.loads(found.model)["constants"][0]["value"] == "\ud800"
    assert same(found, finished(Request("main.idl")))


def test_source_of_an_absolute_path_is_its_name() -> None:
    assert Request("/a/b/c.idl").source == "c.idl"
    assert Request("a/b/c.idl").source == "a/b/c.idl"


def test_dialect_is_one_of_three_words(compiled: list[str]) -> None:
    assert [dialect_of(word) for word in ("auto", "midl", "pidl")] == ["auto", "midl", "pidl"]
    with pytest.raises(ValueError, match="'dce' is no dialect; there are auto, midl, pidl"):
        finished(replace(REQUEST, dialect="dce"))
    finished(replace(REQUEST, dialect="midl"))
    assert compiled == ["main.idl"]
