"""The sets are what the machine has and what the environment names; what is not there is left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import corpus_sets
from benchmarks.corpus_sets import FOLDER_VARIABLE, SAMBA_VARIABLE, sets


@pytest.fixture(autouse=True)
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which nothing is installed."""
    for name in ("WINE", "CAMLIDL", "DIRECTX"):
        monkeypatch.setattr(corpus_sets, name, tmp_path / "nowhere")
    for name in (FOLDER_VARIABLE, SAMBA_VARIABLE):
        monkeypatch.delenv(name, raising=False)


def idl(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("typedef long a;", encoding="utf-8")
    return path


def test_a_machine_without_packages_has_no_sets(tmp_path: Path) -> None:
    assert sets(tmp_path) == []


def test_the_environment_names_folders_whose_stubs_are_type_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = idl(tmp_path / "mine" / "deep" / "a.idl")
    monkeypatch.setenv(FOLDER_VARIABLE, f"{tmp_path / 'mine'}:{tmp_path / 'empty'}")
    (found,) = sets(tmp_path)
    assert (found.name, found.files, found.typed) == ("mine", (file,), True)


def test_wine_is_searched_where_its_own_imports_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus_sets, "WINE", tmp_path)
    inner = idl(tmp_path / "wine" / "windows" / "unknwn.idl")
    (found,) = sets(tmp_path / "build")
    assert (found.name, found.search, found.typed) == ("libwine-dev", (str(inner.parent),), False)


def test_samba_is_read_in_its_dialect_from_the_newest_unpacked_source(tmp_path: Path) -> None:
    idl(tmp_path / "samba-1" / "librpc" / "idl" / "old.idl")
    files = [idl(tmp_path / "samba-2" / part / "librpc" / "idl" / "a.idl") for part in ("", "source3", "source4")]
    (found,) = sets(tmp_path)
    assert found.dialect == "pidl"
    assert found.files == tuple(files)
    assert found.search[0] == str(files[0].parent)


def test_reasons_name_sets_that_exist() -> None:
    known = {"ms", "libwine-dev", "camlidl", "directx-headers-dev", "samba"}
    assert {name for name, _ in corpus_sets.REASONS} <= known


def test_a_reason_is_found_by_the_end_of_the_path() -> None:
    where = Path("/usr/share/doc/camlidl/examples")
    assert corpus_sets.reason("camlidl", where / "unix.idl") == "cases that are named in C code only"
    assert corpus_sets.reason("camlidl", where / "posixunix.idl") is None
    assert corpus_sets.reason("libwine-dev", where / "unix.idl") is None
