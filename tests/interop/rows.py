"""What peers showed: a row for each peer, role, transport and level; the table of docs/interop.md is made of them.

A test that had a peer calls the fixture `shown`. `make interop` leaves the rows in a file, and
`python -m tests.interop.rows FILE` writes them into the page.
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
    """role: the peer's. level: `none`, or mechanism and level. result: what was right, and what not."""

    peer: str
    role: str
    transport: str
    level: str
    result: str
    test: str
    """The module."""

    def __str__(self) -> str:
        return "| " + " | ".join((*self[:-1], f"`{self.test}`")) + " |"


SEEN: set[Row] = set()
"""Of this run."""


def written() -> list[str]:
    """The rows of the table in the page."""
    return _parts()[1].splitlines()


def save(path: Path) -> None:
    """Keep the rows of this run."""
    path.write_text(json.dumps(sorted(SEEN), indent=1) + "\n")


def render(rows: Iterable[Row]) -> None:
    """Put rows in the place of the table of the page."""
    before, _, after = _parts()
    DOCUMENT.write_text(before + "".join(f"{row}\n" for row in sorted(rows)) + after)


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
