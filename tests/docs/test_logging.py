"""docs/logging.md is true: its table is all that the code logs; its session is run by `test_pages.py`."""

from __future__ import annotations

import ast
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import lrpc
from lrpc.runtime.journal import EVENTS
from tests.documents import ROOT

PAGE = "docs/logging.md"
RUNTIME = Path(lrpc.__file__).parent / "runtime"
TEXT = (ROOT / PAGE).read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(\w+)` \| `([\w.]+)` \| (\w+) \| (.*?) \| (.*?) ?\|$", re.MULTILINE)


def test_table_has_every_event_as_the_code_has_it() -> None:
    rows = [
        (name, logger, getattr(logging, level), words, re.findall(r"`(\w+)`", more))
        for name, logger, level, words, more in ROW.findall(TEXT)
    ]
    assert rows == [
        (name, event.logger, event.level, event.words, [one for one in event.fields if not named(one, event.words)])
        for name, event in EVENTS.items()
    ]


def test_every_field_is_explained() -> None:
    explained = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`[^|]*`) \| [^|]+ \|$", TEXT, re.MULTILINE))))
    assert {field for event in EVENTS.values() for field in event.fields} <= explained


def named(field: str, words: str) -> bool:
    return bool(re.search(rf"{{{field}\b", words))


def notes() -> Iterator[tuple[str, ast.Call]]:
    for path in sorted(RUNTIME.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "note":
                yield f"{path.name}:{node.lineno}", node


def test_every_event_is_noted_with_its_fields_and_no_other() -> None:
    seen: set[str] = set()
    for place, node in notes():
        assert isinstance(node.args[0], ast.Constant), place
        name = str(node.args[0].value)
        given = {keyword.arg for keyword in node.keywords} - {"failure"}
        assert given == set(EVENTS[name].fields), f"{place} {name}"
        seen.add(name)
    assert seen == set(EVENTS)


def test_nothing_is_logged_but_events() -> None:
    others = [
        f"{path.name}:{number}"
        for path in sorted(RUNTIME.rglob("*.py"))
        if path.name not in ("journal.py", "verbs.py")  # what the command prints is its user's business
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(r"\blogg(er|ing)\.\w+\(", line)
    ]
    assert others == []
