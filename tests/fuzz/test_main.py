"""What `python -m tests.fuzz` makes of what libFuzzer leaves behind."""

from __future__ import annotations

import subprocess
import sys

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


def test_seed_bounds_the_inputs_and_not_only_the_time():
    assert main.effort(60, 7) == ("-max_total_time=60", "-seed=7", "-runs=120000", "-reload=0")
    assert main.effort(60, None) == ("-max_total_time=60",)


def test_seed_gives_the_same_inputs_whatever_an_earlier_run_kept(tmp_path, monkeypatch):
    commands = []
    monkeypatch.setattr(main.subprocess, "run", lambda command, **rest: ran(commands, command, rest))
    assert main.main([str(tmp_path / "kept"), "1", "3"]) == 0
    assert main.main([str(tmp_path / "kept"), "1"]) == 0
    (seeded, settled), (free, _) = commands
    assert settled["env"]["PYTHONHASHSEED"] == "0"
    assert str(tmp_path / "kept") not in seeded
    assert free[-2] == str(tmp_path / "kept")


def test_child_of_a_seeded_run_finds_its_memory_at_the_same_addresses():
    command = [sys.executable, "-c", "print(hex(id(object)))"]
    found = {subprocess.check_output(command, preexec_fn=main.fixed_addresses()) for _ in range(3)}
    assert len(found) == 1


def ran(commands, command, rest):
    commands.append((command, rest))
    return main.subprocess.CompletedProcess(command, 0, b"stat::number_of_executed_units: 1")
