"""docs/logging.md is true: its table is that of the code, its example is run, and the code logs nothing else."""

from __future__ import annotations

import ast
import importlib.util
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import lrpc
from lrpc.runtime.journal import EVENTS

PAGE = "docs/logging.md"
RUNTIME = Path(lrpc.__file__).parent / "runtime"


def _readme() -> Any:
    path = Path(__file__).parents[1] / "test_readme.py"
    spec = importlib.util.spec_from_file_location("test_readme for logs", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


readme = _readme()
TEXT = (readme.ROOT / PAGE).read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(\w+)` \| `([\w.]+)` \| (\w+) \| (.*?) \| (.*?) ?\|$", re.MULTILINE)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Any]:
    made = readme.Shell(tmp_path)
    yield made
    made.end()


def test_page_prints_what_it_says(shell: Any) -> None:
    for what, text in readme.blocks(PAGE):
        if what.startswith("file: "):
            (shell.folder / what.removeprefix("file: ")).write_text(text, encoding="utf-8")
            continue
        for command, said in readme.commands(text):
            assert readme.settled(shell.run(command, shell.folder, said.count("\n"))) == readme.settled(said), command


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
        if path.name != "journal.py"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(r"\blogg(er|ing)\.\w+\(", line)
    ]
    assert others == []
