"""A file that another one includes is compiled as that one when it means nothing alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from lrpc.rpcgen import compile_idl, parts, read_file
from lrpc.rpcgen.finished import Request, finished
from lrpc.rpcgen.source import list_folder

WHOLE = 'typedef long word;\n#include "part.idl"\n'
PART = "typedef struct { word a; } pair;\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "whole.idl").write_text(WHOLE, encoding="utf-8")
    (tmp_path / "part.idl").write_text(PART, encoding="utf-8")
    return tmp_path


def test_a_part_is_compiled_as_the_file_that_includes_it(folder: Path) -> None:
    found = compile_idl(str(folder / "part.idl"))
    assert found.model is not None
    assert [one.name for one in found.model.definitions] == ["pair"]
    assert [(one.code, one.span.line) for one in found.diagnostics] == [("W0118", 1)]


def test_what_comes_of_a_part_is_kept_until_its_whole_changes(folder: Path) -> None:
    request = Request(str(folder / "part.idl"))
    first, again = finished(request), finished(request)
    assert first.stub is not None
    assert again.stub == first.stub
    (folder / "whole.idl").write_text(WHOLE.replace("long", "hyper"), encoding="utf-8")
    assert finished(request).stub != first.stub


def test_a_part_of_texts_needs_a_list_of_their_names() -> None:
    texts = {"whole.idl": WHOLE, "part.idl": PART}
    assert compile_idl("part.idl", reader=texts.__getitem__).model is None
    assert compile_idl("part.idl", reader=texts.__getitem__, lister=lambda _: texts).model is not None


def test_a_file_that_nobody_includes_keeps_its_errors(folder: Path) -> None:
    (folder / "whole.idl").write_text("typedef long word;\n", encoding="utf-8")
    assert [one.code for one in compile_idl(str(folder / "part.idl")).errors] == ["E0301"]


def test_a_file_that_is_wrong_in_another_way_keeps_its_errors(folder: Path) -> None:
    (folder / "part.idl").write_text("typedef struct { long a } pair;\n", encoding="utf-8")
    assert [one.span.file for one in compile_idl(str(folder / "part.idl")).errors] == [str(folder / "part.idl")]


def test_a_whole_with_errors_changes_nothing(folder: Path) -> None:
    (folder / "whole.idl").write_text('typedef wrong word;\n#include "part.idl"\n', encoding="utf-8")
    assert [one.span.file for one in compile_idl(str(folder / "part.idl")).errors] == [str(folder / "part.idl")]


def test_neighbours_that_cannot_be_read_are_passed_over(folder: Path) -> None:
    (folder / "folder.idl").mkdir()
    assert compile_idl(str(folder / "part.idl")).model is not None


def test_few_files_are_tried_and_little_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        (folder / f"other{number}.idl").write_text(WHOLE, encoding="utf-8")
    path = str(folder / "part.idl")
    assert len(list(parts.wholes(path, read_file, list_folder))) == parts.MAX_WHOLES
    monkeypatch.setattr(parts, "MAX_OCTETS", 10)
    assert list(parts.wholes(path, read_file, list_folder)) == []
