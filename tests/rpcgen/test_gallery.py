"""docs/gallery.md shows what lrpc says now, of ten mistakes of different kinds."""

from __future__ import annotations

import re

import pytest

from benchmarks import corpus_gallery
from benchmarks.corpus_gallery import Exhibit
from lrpc.rpcgen.catalogue import CATALOGUE

PAGE = corpus_gallery.PAGE.read_text(encoding="utf-8")
EXHIBITS = corpus_gallery.exhibits(PAGE)[1]
TITLES = [one.text.splitlines()[0] for one in EXHIBITS]


@pytest.mark.parametrize("exhibit", EXHIBITS, ids=TITLES)
def test_lrpc_says_what_the_page_shows(exhibit: Exhibit) -> None:
    assert corpus_gallery.lrpc_says(exhibit.idl) == exhibit.lrpc, "run: python -m benchmarks.corpus_gallery"


@pytest.mark.parametrize("exhibit", EXHIBITS, ids=TITLES)
def test_lrpc_refuses_it_with_a_code_and_a_mark_at_the_place(exhibit: Exhibit) -> None:
    codes = re.findall(r"^mail\.idl:\d+:\d+: error (E\d{4}): ", exhibit.lrpc, re.MULTILINE)
    assert codes
    assert set(codes) <= set(CATALOGUE)
    assert re.search(r"^ +\^+$", exhibit.lrpc, re.MULTILINE)


def test_there_are_ten_of_different_codes() -> None:
    assert len(EXHIBITS) == 10
    assert len({re.findall(r"error (E\d{4})", one.lrpc)[0] for one in EXHIBITS}) == 10


def test_what_the_peer_said_stands_beside_it() -> None:
    assert all(one.widl.strip() for one in EXHIBITS)


def test_writing_it_anew_changes_nothing_but_the_halves() -> None:
    assert corpus_gallery.fresh(PAGE, None) == PAGE
    stale = PAGE.replace(EXHIBITS[0].lrpc, "something else\n")
    assert corpus_gallery.fresh(stale, None) == PAGE
