"""What `python -m tests.fuzz` makes of what libFuzzer leaves behind."""

from __future__ import annotations

from tests.fuzz import __main__ as main
from tests.fuzz.subjects import subjects


def test_finding_goes_to_the_corpus_by_the_name_of_its_subject(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(main, "CORPUS", tmp_path)
    artifact = tmp_path / "crash-0123456789abcdef"
    artifact.write_bytes(b"\3\x01\x02")
    main._keep(artifact, ["a", "b"])
    assert (tmp_path / "b.crash-0123456789").read_bytes() == b"\x01\x02"
    assert "b.crash-0123456789: 01 02" in capsys.readouterr().out


def test_statistics_leave_out_what_else_is_said():
    said = 'INFO: seed corpus\n"\\000" # Uses: 3\nstat::number_of_executed_units: 90122\n'
    assert main._statistics(said) == ["number_of_executed_units: 90122"]


def test_first_octet_can_name_every_subject():
    assert len(subjects()) <= 256


def test_seeds_are_written_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr(main, "CORPUS", tmp_path)
    assert main.write_seeds() == 0
    assert (tmp_path / "List-ndr64.value").stat().st_size > 0
