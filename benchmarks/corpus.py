"""`make corpus`: real interface files in bulk. `python -m benchmarks.corpus BUILD [--brief] [--jobs N]`.

Every file of every set (`corpus_sets.py`) is checked, generated and imported (`corpus_files.py`); the stubs of the sets
that ask for it go before the type checkers; peers that are installed read the same files. The exit status is 1 only
when something crashed: a traceback, a dead worker, a file without end. A crash is a bug, a refusal is an answer.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from . import corpus_gallery, corpus_peers, corpus_speed, corpus_types, import_time
from .corpus_files import Outcome, outcomes
from .corpus_sets import FOLDER_VARIABLE, SAMBA_VARIABLE, CorpusSet, reason, sets

SLOWEST: Final = 3
"""Files named with their times."""
LEGEND: Final = "%: imported, of the files that are not WinRT; parts are files compiled as the one that includes them"


@dataclass(frozen=True, slots=True)
class Measured:
    """A set and what came of it."""

    corpus: CorpusSet
    outcomes: tuple[Outcome, ...]
    wall: float
    peer: int | None

    @property
    def winrt(self) -> list[Outcome]:
        """Refused as files of the Windows Runtime."""
        return [one for one in self.outcomes if one.winrt]

    @property
    def failed(self) -> list[Outcome]:
        """Not of the Windows Runtime, and did not come all the way."""
        return [one for one in self.outcomes if not one.good and not one.winrt]

    @property
    def seconds(self) -> float:
        """On one core, all told."""
        return sum(one.seconds for one in self.outcomes)

    def row(self) -> tuple[str, ...]:
        """A line of the table."""
        good = sum(one.good for one in self.outcomes)
        ours, parts = len(self.outcomes) - len(self.winrt), sum(one.part for one in self.outcomes)
        checked = sum(one.reached != "failed" for one in self.outcomes)
        share = f"{100 * good / ours:.1f}" if ours else ""
        counts = (len(self.outcomes), len(self.winrt), parts, checked, good, len(self.failed))
        peer = "" if self.peer is None else f"{self.peer} of {len(self.outcomes)}"
        return (self.corpus.name, *map(str, counts), share, f"{self.seconds:.1f}", f"{self.wall:.1f}", peer)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.corpus", description=__doc__)
    parser.add_argument("build", type=Path, help="where `corpus_install` unpacked sources")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="worker processes")
    parser.add_argument("--brief", action="store_true", help="the table only: no type checkers, no timings")
    chosen = parser.parse_args()
    found = sets(chosen.build)
    if not found:
        print(f"no set is here: install the packages, or name folders in {FOLDER_VARIABLE} or {SAMBA_VARIABLE}")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        crashed = _reported(found, Path(folder), chosen.jobs, brief=chosen.brief)
    return 1 if crashed else 0


def _reported(found: Sequence[CorpusSet], folder: Path, jobs: int, *, brief: bool) -> bool:
    widl = corpus_peers.widl()
    everything = [_measured(corpus, folder, jobs, widl) for corpus in found]
    print(_table(everything, corpus_peers.version(widl) if widl else "widl is not installed"))
    for one in everything:
        _exceptions(one)
    for title in corpus_gallery.differences(widl) if widl else ():
        print(f"docs/gallery.md: {title}: this widl says something else")
    if not brief:
        for one in everything:
            if one.corpus.typed:
                _typed(one, folder)
        _speed(everything)
    return any(outcome.crash for one in everything for outcome in one.outcomes)


def _measured(corpus: CorpusSet, folder: Path, jobs: int, widl: str | None) -> Measured:
    stubs = folder / corpus.name
    stubs.mkdir()
    begin = time.perf_counter()
    found = tuple(outcomes(corpus, stubs, jobs))
    wall = time.perf_counter() - begin
    winrt = [one.path for one in found if one.winrt]
    peer = corpus_peers.accepted(widl, corpus.files, corpus.search, winrt, jobs) if widl else None
    return Measured(corpus, found, wall, peer)


def _table(everything: Sequence[Measured], peer: str) -> str:
    head = ("set", "files", "WinRT", "parts", "checked", "imported", "failed", "%", "s of one core", "s", peer)
    rows = [head, *(one.row() for one in everything)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = [
        "  ".join(
            cell.ljust(width) if not at else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join([*lines, LEGEND])


def _exceptions(measured: Measured) -> None:
    slow = sorted(measured.outcomes, key=lambda one: -one.seconds)[:SLOWEST]
    print(f"\n{measured.corpus.name}: slowest", ", ".join(f"{one.path.name} {one.seconds:.2f} s" for one in slow))
    for one in measured.failed:
        fault = None if one.crash else reason(measured.corpus.name, one.path)
        print(f"  {one.path.name}: {_why(one)}{f' (the file: {fault})' if fault else ''}")
    _crashes(measured)
    kinds = Counter(one.errors[0].code for one in measured.failed if one.errors)
    if kinds:
        print("  first errors:", ", ".join(f"{code} {count}" for code, count in kinds.most_common()))


def _crashes(measured: Measured) -> None:
    """Each kind of crash once, with its files."""
    kinds: dict[str, list[Outcome]] = {}
    for one in measured.outcomes:
        if one.crash:
            kinds.setdefault(one.crash.strip().splitlines()[-1], []).append(one)
    for found in kinds.values():
        print(f"  CRASH after {found[0].reached}: {', '.join(one.path.name for one in found)}\n{found[0].crash}")


def _why(one: Outcome) -> str:
    if one.crash:
        return f"crashed after {one.reached}"
    return f"{one.errors[0].place}: {one.errors[0].code}: {one.errors[0].message}" if one.errors else one.reached


def _typed(measured: Measured, folder: Path) -> None:
    stubs = [one.stub for one in measured.outcomes if one.good and one.stub]
    for verdict in corpus_types.checked(stubs, folder) if stubs else ():
        head = f"{measured.corpus.name}: {verdict.checker}"
        print(f"{head}: {verdict.complaints} complaints about {verdict.stubs} stubs, {verdict.seconds:.1f} s")
        for line in verdict.first:
            print(f"  {line}")


def _speed(everything: Sequence[Measured]) -> None:
    print("\nsize  octets  check  generate  µs an octet")
    for one in corpus_speed.by_size():
        each = 1e6 * (one.check + one.generate) / one.octets
        print(f"{one.size:3}x {one.octets:8} {one.check:5.2f}s {one.generate:8.2f}s {each:8.2f}")
    for measured in everything:
        good = [one.path for one in measured.outcomes if one.good]
        if measured.corpus.typed and good:
            _unchanged(measured.corpus, "gen", good, f"{len(good)} files")
            largest = max(good, key=lambda path: path.stat().st_size)
            _unchanged(measured.corpus, "gen", [largest], largest.name)
            _unchanged(measured.corpus, "check", [largest], largest.name)
    for row in import_time.run():
        print(f"{row.work}: {row.ours} to {row.theirs}, goal {row.goal}")


def _unchanged(corpus: CorpusSet, verb: str, files: Sequence[Path], what: str) -> None:
    cold, warm = corpus_speed.cold_and_warm(verb, files, corpus.search)
    print(f"{corpus.name}: lrpc {verb} of {what} {cold:.2f} s, unchanged {warm:.2f} s")


if __name__ == "__main__":
    sys.exit(main())
