"""`python -m tests.fuzz FOLDER SECONDS [SEED]`: fuzz, bounded in time, runs and memory; exit status 1 for a finding.

With a SEED the inputs are the same ones in every run of the same code, as many as fit: what others find by chance stops
nobody's work. Without one they are others each time, and FOLDER keeps what coverage found, for the next run. A finding
goes to `corpus/`, where `test_subjects.py` reads it: put right what it shows, and commit both. `python -m tests.fuzz
seeds` writes the corpus of valid values anew.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.fuzz.subjects import CORPUS, labelled, subjects

BOUNDS = ("-rss_limit_mb=1024", "-max_len=1024", "-timeout=20", "-report_slow_units=20")
"""Of the process; for one input: its octets, and seconds until it counts as hanging."""
NO_RANDOMIZE = 0x0004_0000
"""ADDR_NO_RANDOMIZE of personality(2): coverage depends on the order of sets, that on addresses."""
RUNS = 2_000
"""Inputs a second at most with a seed: less than what fits, so that most machines come to the same end."""


def fuzz(folder: Path, seconds: int, seed: int | None = None) -> int:
    """The exit status."""
    names = [subject.name for subject in subjects()]
    with tempfile.TemporaryDirectory() as name:
        seeds, found, fresh = (Path(name, part) for part in ("seeds", "found", "fresh"))
        kept = folder if seed is None else fresh
        for made in (seeds, found, kept):
            made.mkdir(parents=True, exist_ok=True)
        for file, subject in labelled():
            (seeds / file.name).write_bytes(bytes([names.index(subject)]) + file.read_bytes())
        options = (*BOUNDS, *effort(seconds, seed), f"-artifact_prefix={found}/", "-print_final_stats=1")
        command = [sys.executable, "-m", "tests.fuzz.target", "-verbosity=0", *options, str(kept), str(seeds)]
        ran = subprocess.run(
            command,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=os.environ if seed is None else os.environ | {"PYTHONHASHSEED": "0"},
            preexec_fn=None if seed is None else fixed_addresses(),
        )
        said = ran.stdout.decode(errors="replace")
        print("\n".join(_statistics(said)) if ran.returncode == 0 else said)
        for artifact in sorted(found.iterdir()):
            _keep(artifact, names)
    return int(ran.returncode != 0)


def effort(seconds: int, seed: int | None) -> tuple[str, ...]:
    """libFuzzer's options for how long; a run that time ends has had the first of the same inputs."""
    bounded = () if seed is None else (f"-seed={seed}", f"-runs={seconds * RUNS}", "-reload=0")
    return (f"-max_total_time={seconds}", *bounded)


def fixed_addresses() -> Callable[[], object]:
    """What a child does first so that it runs the same each time; where it may not, its inputs differ a little."""
    personality = ctypes.CDLL(None).personality
    return lambda: personality(NO_RANDOMIZE)


def _statistics(said: str) -> list[str]:
    """The executions and the memory, without the dictionary that libFuzzer recommends."""
    return [line.removeprefix("stat::") for line in said.splitlines() if line.startswith("stat::")]


def _keep(artifact: Path, names: list[str]) -> None:
    """Put an input that libFuzzer calls crash-, timeout- or oom-HASH into the corpus, by the name of its subject."""
    octets = artifact.read_bytes()
    file = CORPUS / f"{names[octets[0] % len(names)] if octets else names[0]}.{artifact.name[:16]}"
    file.write_bytes(octets[1:])
    print(f"finding: {file}: {octets[1:].hex(' ')}")


def write_seeds() -> int:
    """The files of the corpus that hold valid values."""
    for subject in subjects():
        if subject.seed is not None:
            (CORPUS / f"{subject.name}.value").write_bytes(subject.seed)
    return 0


def main(arguments: list[str]) -> int:
    """The exit status."""
    if arguments == ["seeds"]:
        return write_seeds()
    folder, seconds, *seed = arguments
    return fuzz(Path(folder), int(seconds), int(seed[0]) if seed else None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
