"""docs/commands.md has every verb, and the numbers of the code; its session is run by `docs/test_pages.py`."""

from __future__ import annotations

import re

from lrpc.rpcgen.verbs import VERBS
from tests.documents import ROOT, blocks

PAGE = "docs/commands.md"


def test_every_verb_has_its_place_on_the_page() -> None:
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    verbs = {verb.__name__ for verb in VERBS} | {
        "serve",
        "epmapper",
        "endpoints",
        "ports",
        "port",
        "call",
        "ping",
        "capture",
        "pack",
        "unpack",
        "explain",
        "demo",
    }
    assert verbs <= set(re.findall(r"`lrpc (\w+)`", text))
    assert verbs <= set(re.findall(r"\blrpc (\w+) [^`\n]*\w", "\n".join(said for _, said in blocks(PAGE))))


def test_bounds_of_the_cache_are_those_of_the_code() -> None:
    from lrpc.rpcgen.cache import MAX_ENTRIES, MAX_TOTAL

    text = (ROOT / PAGE).read_text(encoding="utf-8")
    assert f"{MAX_ENTRIES} entries and {MAX_TOTAL >> 20} MiB" in text.replace("\n", " ")
