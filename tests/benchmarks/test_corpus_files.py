"""Whatever happens to a file, an outcome comes back, and only what is a bug counts as a crash."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks import corpus_files
from benchmarks.corpus_files import Outcome, outcome, outcomes
from benchmarks.corpus_sets import CorpusSet
from lrpc import rpcgen

GOOD = "[uuid(1f3d9bd6-5ad2-4e0b-9c1b-6a1f8c1c2d10), version(1.0)] interface good { void f([in] long a); }"


def corpus(folder: Path, **texts: str) -> CorpusSet:
    for name, text in texts.items():
        (folder / f"{name}.idl").write_text(text, encoding="utf-8")
    return CorpusSet("own", tuple(folder / f"{name}.idl" for name in texts))


def only(folder: Path, text: str) -> Outcome:
    found = corpus(folder, one=text)
    return outcome(found.files[0], found, folder)


def test_a_good_file_is_checked_generated_and_imported(tmp_path: Path) -> None:
    found = only(tmp_path, GOOD)
    assert (found.reached, found.errors, found.crash) == ("imported", (), None)
    assert found.stub is not None
    assert "class Good" in found.stub.read_text(encoding="utf-8").replace("class good", "class Good")


def test_a_refusal_is_an_answer_with_code_place_and_message(tmp_path: Path) -> None:
    found = only(tmp_path, "typedef missing a;")
    assert (found.reached, found.crash, found.good) == ("failed", None, False)
    assert (found.errors[0].code, found.errors[0].place) == ("E0301", f"{tmp_path / 'one.idl'}:1:9")
    assert found.errors[0].shape == "unknown type {name}"


def test_a_traceback_is_a_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*words: object, **more: object) -> str:
        raise RuntimeError("on purpose")

    monkeypatch.setattr(corpus_files, "generate", broken)
    found = only(tmp_path, GOOD)
    assert found.reached == "checked"
    assert found.crash is not None
    assert "on purpose" in found.crash


def test_a_file_without_end_is_a_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def expired(*words: object, **more: object) -> str:
        raise corpus_files.TooSlow

    monkeypatch.setattr(corpus_files, "generate", expired)
    assert "TooSlow" in (only(tmp_path, GOOD).crash or "")


def test_workers_give_every_outcome_in_order(tmp_path: Path) -> None:
    found = corpus(tmp_path, a=GOOD, b="typedef missing a;", c=GOOD)
    assert [one.reached for one in outcomes(found, tmp_path, 2)] == ["imported", "failed", "imported"]


def test_a_worker_that_dies_costs_its_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deadly(path: str, **options: object) -> object:
        if path.endswith("b.idl"):
            os._exit(3)
        return compile_idl(path)

    compile_idl = rpcgen.compile_idl
    monkeypatch.setattr(corpus_files, "compile_idl", deadly)
    monkeypatch.setattr(corpus_files, "_dialect", lambda corpus: {})
    found = list(outcomes(corpus(tmp_path, a=GOOD, b=GOOD, c=GOOD), tmp_path, 2))
    assert [(one.reached, one.crash) for one in found] == [
        ("imported", None),
        ("failed", "the worker process died"),
        ("imported", None),
    ]


def test_files_of_one_name_have_stubs_of_their_own(tmp_path: Path) -> None:
    places = [tmp_path / "a" / "same.idl", tmp_path / "b" / "same.idl"]
    assert len({corpus_files._stub(path, tmp_path) for path in places}) == 2


def test_a_file_of_the_windows_runtime_is_told_by_the_diagnostic() -> None:
    said = corpus_files.Complaint("E9999", "this is WinRT IDL, another language", "a.idl:1:1", "")
    assert said.winrt
    assert not corpus_files.Complaint("E0301", "unknown type winrt", "a.idl:1:1", "").winrt
