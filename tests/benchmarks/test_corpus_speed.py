"""The text that is timed compiles, and grows with its size."""

from __future__ import annotations

from pathlib import Path

from benchmarks.corpus_speed import cold_and_warm, idl
from lrpc.rpcgen import compile_idl


def test_the_text_has_an_operation_and_three_types_for_each_part() -> None:
    found = compile_idl("sized.idl", reader={"sized.idl": idl(3)}.__getitem__)
    assert found.errors == ()
    assert found.model is not None
    assert [one.name for one in found.model.interfaces[0].operations] == ["Work0", "Work1", "Work2"]
    assert len(found.model.definitions) >= 9


def test_twice_the_operations_are_twice_the_text() -> None:
    assert 1.9 < len(idl(200)) / len(idl(100)) < 2.1


def test_an_unchanged_file_takes_less_than_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "sized.idl"
    path.write_text(idl(100), encoding="utf-8")
    for verb in ("gen", "check"):
        cold, warm = cold_and_warm(verb, [path], [str(tmp_path)])
        assert 0 < warm < cold
    assert list(tmp_path.iterdir()) == [path]
