"""`python -m tests.fuzz FOLDER SECONDS`: fuzz for that long, bounded in memory; exit status 1 for a finding.

FOLDER keeps what coverage found, for the next run. A finding goes to `corpus/`, where `test_subjects.py` reads it:
put right what it shows, and commit both. `python -m tests.fuzz seeds` writes the corpus of valid values anew.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz.subjects import CORPUS, labelled, subjects

BOUNDS = ("-rss_limit_mb=1024", "-max_len=1024", "-timeout=20", "-report_slow_units=20")
"""Of the process; for one input: its octets, and seconds until it counts as hanging."""


def fuzz(folder: Path, seconds: int) -> int:
    """The exit status."""
    names = [subject.name for subject in subjects()]
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        seeds, found = Path(name, "seeds"), Path(name, "found")
        seeds.mkdir()
        found.mkdir()
        for file, subject in labelled():
            (seeds / file.name).write_bytes(bytes([names.index(subject)]) + file.read_bytes())
        options = (*BOUNDS, f"-max_total_time={seconds}", f"-artifact_prefix={found}/", "-print_final_stats=1")
        command = [sys.executable, "-m", "tests.fuzz.target", "-verbosity=0", *options, str(folder), str(seeds)]
        ran = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said = ran.stdout.decode(errors="replace")
        print("\n".join(_statistics(said)) if ran.returncode == 0 else said)
        for artifact in sorted(found.iterdir()):
            _keep(artifact, names)
    return int(ran.returncode != 0)


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


if __name__ == "__main__":
    sys.exit(write_seeds() if sys.argv[1:] == ["seeds"] else fuzz(Path(sys.argv[1]), int(sys.argv[2])))
