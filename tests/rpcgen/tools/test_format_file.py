"""Files, formatted: their encodings, their rights, and that they are replaced as a whole."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from lrpc.rpcgen import IdlError
from lrpc.rpcgen.source import MAX_FILE
from lrpc.rpcgen.tools.format_file import Layout, read_layout

TEXT = "long  a;  // \u00e9\n"
NEAT = "long a;  // \u00e9\n"


@pytest.fixture
def idl(tmp_path: Path) -> Path:
    return tmp_path / "a.idl"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_file_keeps_its_encoding(idl: Path, encoding: str) -> None:
    idl.write_text(TEXT, encoding=encoding)
    read_layout(str(idl)).write()
    assert idl.read_bytes() == NEAT.encode(encoding)


def test_big_endian_file_stays_so(idl: Path) -> None:
    idl.write_bytes(("\ufeff" + TEXT).encode("utf-16-be"))
    read_layout(str(idl)).write()
    assert idl.read_bytes() == ("\ufeff" + NEAT).encode("utf-16-be")


def test_octets_that_only_look_like_utf_16_are_refused(idl: Path) -> None:
    idl.write_bytes(b"\xff\xfe// \xe9!")
    with pytest.raises(IdlError, match="begins as UTF-16"):
        read_layout(str(idl))
    assert idl.read_bytes() == b"\xff\xfe// \xe9!"


def test_file_keeps_its_rights_and_links_lead_to_it(idl: Path, tmp_path: Path) -> None:
    idl.write_text(TEXT)
    idl.chmod(0o640)
    (tmp_path / "link.idl").symlink_to(idl)
    read_layout(str(tmp_path / "link.idl")).write()
    assert stat.S_IMODE(idl.stat().st_mode) == 0o640
    assert idl.read_text() == NEAT
    assert (tmp_path / "link.idl").is_symlink()


def test_failure_leaves_the_old_file_and_nothing_else(
    idl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*names: object) -> None:
        raise OSError("no space")

    idl.write_text(TEXT)
    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no space"):
        read_layout(str(idl)).write()
    assert (idl.read_text(), list(tmp_path.iterdir())) == (TEXT, [idl])


def test_layout_knows_whether_it_changes_anything() -> None:
    assert Layout.of("a.idl", TEXT).changed
    assert not Layout.of("a.idl", NEAT).changed


def test_difference_is_a_unified_diff() -> None:
    lines = list(Layout.of("a.idl", TEXT).difference())
    assert lines[:2] == ["--- a.idl", "+++ a.idl (formatted)"]
    assert lines[3:] == ["-long  a;  // \u00e9", "+long a;  // \u00e9"]


@pytest.mark.parametrize("code", ["E0101", "E0102", "E0103"])
def test_file_that_cannot_be_read_has_a_diagnostic(idl: Path, code: str) -> None:
    if code == "E0102":
        idl.mkdir()
    elif code == "E0103":
        idl.write_bytes(b" " * (MAX_FILE + 1))
    with pytest.raises(IdlError) as caught:
        read_layout(str(idl))
    assert [found.code for found in caught.value.diagnostics] == [code]
