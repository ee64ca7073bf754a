"""The peer is asked by its command line; here a script stands for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import corpus_peers

SCRIPT = """#!/bin/sh
case "$1" in -V) echo "Wine IDL Compiler version 9.7"; exit 0;; esac
for word; do case "$word" in --winrt) exit 0;; esac; done
for last; do :; done
grep -q good "$last" || { echo "$last:1: error: no" >&2; exit 1; }
"""


@pytest.fixture
def widl(tmp_path: Path) -> str:
    command = tmp_path / "widl-stable"
    command.write_text(SCRIPT, encoding="utf-8")
    command.chmod(0o755)
    return str(command)


def test_it_is_found_on_the_path_or_not_at_all(widl: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path(widl).parent))
    assert corpus_peers.widl() == widl
    monkeypatch.setenv("PATH", "")
    assert corpus_peers.widl() is None


def test_its_version_is_told(widl: str) -> None:
    assert corpus_peers.version(widl) == "widl 9.7"


def test_accepted_are_the_files_it_ends_well_with(widl: str, tmp_path: Path) -> None:
    texts = {"a.idl": "good", "b.idl": "bad", "c.idl": "bad"}
    files = [tmp_path / name for name in texts]
    for path in files:
        path.write_text(texts[path.name], encoding="utf-8")
    assert corpus_peers.accepted(widl, files, (), (), 2) == 1
    assert corpus_peers.accepted(widl, files, (), (files[1],), 2) == 2
    assert corpus_peers.says(widl, files[1])[1].endswith("error: no\n")
