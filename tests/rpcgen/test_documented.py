"""docs/diagnostics.md has an entry for every code of the catalogue, with its message, an example and a way out."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from lrpc.rpcgen import Diagnostic, compile_idl
from lrpc.rpcgen.catalogue import CATALOGUE
from lrpc.rpcgen.tools.lint import lint

PAGE = Path(__file__).parents[2] / "docs" / "diagnostics.md"
SCRIPT = PAGE.with_name("document_diagnostics.py")
WHOLE = re.compile(r"^(\[.*\] )?interface \w+ [:{]|^namespace\b|^import\b|outside every", re.MULTILINE)
"""Examples that are files; the others stand between the braces of an interface."""
HEADER = "[uuid(1f3d9bd6-5ad2-4e0b-9c1b-6a1f8c1c2d10), version(1.0)]\ninterface example\n{\n"


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("document_diagnostics", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BODIES: dict[str, str] = script().bodies(PAGE.read_text(encoding="utf-8"))
EXAMPLES = [
    (code, text) for code, body in BODIES.items() for text in re.findall(r"^```idl\n(.*?)^```$", body, re.M | re.S)
]


def said(example: str) -> list[Diagnostic]:
    """Everything that lrpc says of an example, advice included."""
    text = example if WHOLE.search(example) else f"{HEADER}{example}}}\n"
    found = compile_idl("example.idl", reader={"example.idl": text}.__getitem__)
    return [*found.diagnostics, *(lint(found.model) if found.model is not None else ())]


def test_page_has_every_code_and_no_other() -> None:
    assert set(BODIES) == set(CATALOGUE), "run: python docs/document_diagnostics.py, and write what it leaves open"


def test_page_quotes_the_messages_of_the_catalogue() -> None:
    assert PAGE.read_text(encoding="utf-8") == script().page(), "run: python docs/document_diagnostics.py"


def test_entries_stand_under_the_heading_of_their_kind() -> None:
    kinds = re.findall(r"^(?:## (\d\d):|### [EW](\d\d))", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    current = ""
    for heading, entry in kinds:
        current = heading or current
        assert entry in ("", current)


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_entry_explains_and_says_what_to_do(code: str) -> None:
    before, _, after = BODIES[code].partition("Fix:")
    assert len(before.split()) >= 5
    assert after.strip()


@pytest.mark.parametrize(("code", "example"), EXAMPLES, ids=[code for code, _ in EXAMPLES])
def test_example_gives_its_code(code: str, example: str) -> None:
    assert code in {one.code for one in said(example)}


def test_most_codes_have_an_example() -> None:
    assert len({code for code, _ in EXAMPLES}) > 0.8 * len(CATALOGUE)


def test_a_new_code_gets_an_entry_at_the_end_of_its_group() -> None:
    module = script()
    text = module._inserted("# a\n\n## 01: text\n\n### E0101\nx\n\n## 02: syntax\n\n### E0201\ny\n", "E0199")
    assert text == "# a\n\n## 01: text\n\n### E0101\nx\n\n### E0199\n\nFix: \n\n## 02: syntax\n\n### E0201\ny\n"
