"""Stubs go before the type checkers that are installed, all of a set at once."""

from __future__ import annotations

from pathlib import Path

from benchmarks import corpus_types


def test_complaints_are_counted_and_the_first_are_kept(tmp_path: Path) -> None:
    good, bad = tmp_path / "stub_good.py", tmp_path / "stub_bad.py"
    good.write_text("a: int = 1\n", encoding="utf-8")
    bad.write_text("b: int = ''\nc: str = 1\n", encoding="utf-8")
    verdicts = corpus_types.checked([good, bad], tmp_path)
    assert verdicts[0].checker == "mypy --strict"
    for verdict in verdicts:
        assert (verdict.stubs, verdict.complaints) == (2, 2), verdict
        assert "stub_bad.py:1" in verdict.first[0]
