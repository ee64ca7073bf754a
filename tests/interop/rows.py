"""What peers showed: a row for each peer, role, transport and level; the table of docs/interop.md is made of them.

A test that had a peer calls the fixture `shown`. `make interop` leaves the rows in a file, and
`python -m tests.interop.rows FILE` writes them into the page, where those of modules that did not run stay.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

DOCUMENT = Path(__file__).parents[2] / "docs" / "interop.md"
HEAD = "| peer | its role | transport | level | what was right | test |\n|---|---|---|---|---|---|\n"


class Row(NamedTuple):
    """role: the peer's. level: `none`, or mechanism and level. result: what was right, or what not: "wrong: ..."."""

    peer: str
    role: str
    transport: str
    level: str
    result: str
    test: str
    """The module."""


SEEN: set[Row] = set()
"""Of this run."""


def written() -> list[str]:
    """The rows of the table in the page."""
    return _parts()[1].splitlines()


def save(path: Path) -> None:
    """Keep the rows of this run."""
    path.write_text(json.dumps(sorted(SEEN), indent=1) + "\n")


def module_of(line: str) -> str:
    """The test module that a row of the page names."""
    return line.rsplit("`", 2)[1]


def lines(rows: Iterable[Row]) -> list[str]:
    """The rows of the page: those that are other in the level alone are one."""
    levels: dict[tuple[str, ...], list[str]] = {}
    for row in sorted(rows):
        levels.setdefault((row.peer, row.role, row.transport, row.result, row.test), []).append(row.level)
    return [
        f"| {peer} | {role} | {transport} | {'; '.join(found)} | {result} | `{test}` |"
        for (peer, role, transport, result, test), found in levels.items()
    ]


def render(rows: Iterable[Row]) -> None:
    """Put rows in the place of those that the page has of the same modules."""
    before, _, after = _parts()
    new = list(rows)
    modules = {row.test for row in new}
    table = lines(new) + [line for line in written() if module_of(line) not in modules]
    DOCUMENT.write_text(before + "".join(f"{line}\n" for line in sorted(table, key=_place)) + after)


def _place(line: str) -> tuple[str, bool, str]:
    """Where a line stands: by peer and role, then what is right."""
    peer, role, _ = line.split(" | ", 2)
    return f"{peer} {role}", "| wrong: " in line, line


def _parts() -> tuple[str, str, str]:
    """The page to the head of the table, the rows, and the rest."""
    text = DOCUMENT.read_text()
    start = text.index(HEAD) + len(HEAD)
    end = text.find("\n\n", start - 1) + 1
    return text[:start], text[start:end], text[end:]


def main(arguments: Sequence[str]) -> int:
    """Write the rows of a file into the page."""
    render(Row(*row) for row in json.loads(Path(arguments[0]).read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
