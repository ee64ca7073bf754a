"""Of Samba's source only the interface files are unpacked, and nothing outside the folder."""

from __future__ import annotations

import io
import sys
import tarfile
from pathlib import Path

import pytest

from benchmarks import corpus_install


def test_interface_files_alone_are_unpacked(tmp_path: Path) -> None:
    archive = tmp_path / "samba_1.orig.tar.gz"
    names = ("s-1/librpc/idl/a.idl", "s-1/source3/librpc/idl/b.idl", "s-1/lib/c.c", "s-1/mylibrpc/idl/d.idl")
    with tarfile.open(archive, "w:gz") as tar:
        for name in names:
            tar.addfile(tarfile.TarInfo(name), io.BytesIO())
    corpus_install._unpack(archive, tmp_path)
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()} - {archive.name}
    assert found == set(names[:2])


def test_without_apt_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "argv", ["corpus_install", str(tmp_path / "new")])
    corpus_install.main()
    assert "libwine-dev" in capsys.readouterr().out
    assert (tmp_path / "new").is_dir()
