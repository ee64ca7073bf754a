"""Every rule and every threat has a test, and the pages list them."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from tests.documents import ROOT

ROWS = {
    "F": range(1, 9),
    "B": range(1, 9),
    "R": range(1, 13),
    "A": range(1, 8),
    "T": (3,),
    "X": range(1, 11),
    "P": range(1, 22),
}


@pytest.fixture(scope="module")
def listing():
    spec = importlib.util.spec_from_file_location("list_claims", Path(ROOT) / "docs" / "list_claims.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def headings(listing, name: str) -> list[str]:
    return listing.HEADING.findall((listing.DOCS / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["protocol.md", "threats.md"])
def test_page_lists_the_tests_there_are(listing, name):
    assert (listing.DOCS / name).read_text(encoding="utf-8") == listing.page(name), "run: python docs/list_claims.py"


def test_every_rule_has_its_heading_and_a_test(listing):
    assert headings(listing, "protocol.md") == [str(number) for number in range(28, 58)]
    assert set(listing.claims(listing.PAGES["protocol.md"])) == set(headings(listing, "protocol.md"))


def test_every_threat_has_its_heading_and_a_test(listing):
    rows = [f"{letter}{number}" for letter, numbers in ROWS.items() for number in numbers]
    assert headings(listing, "threats.md") == rows
    assert set(listing.claims(listing.PAGES["threats.md"])) == set(rows)


def test_tests_with_other_names_are_still_there(listing):
    for _, module, *wanted in listing.ALSO:
        found = listing.functions(listing.TESTS / module)
        assert found
        assert set(wanted) <= set(found)


def test_nothing_written_by_hand_is_a_list(listing):
    for name in listing.PAGES:
        text = (listing.DOCS / name).read_text(encoding="utf-8")
        assert all(re.fullmatch(r"- .* \(`[\w/]+\.py`\)", line) for line in text.splitlines() if line.startswith("- "))
