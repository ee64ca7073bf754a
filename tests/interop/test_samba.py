"""Samba's stubs as the judge of NDR and NDR64: calls of real interfaces, octet for octet in three encodings."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from lrpc.runtime.ndr.json_form import from_json, to_json
from lrpc.runtime.ndr.layout import Encoding
from tests.interop import samba_calls
from tests.interop.samba_calls import Comparison, Judged, Peer, compared, job
from tests.interop.samba_named import NAMED
from tests.interop.samba_tolerated import JUDGED, TOLERATED, tolerance

pytestmark = pytest.mark.interop

DOCUMENT = Path(__file__).parents[2] / "docs" / "interop.md"


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    lacking = samba_calls.missing()
    if lacking:
        pytest.fail(lacking)
    found = Peer()
    yield found
    found.close()


@functools.cache
def results(judged: Judged, peer: Peer) -> tuple[Comparison, ...]:
    return tuple(compared(judged, peer))


@pytest.mark.parametrize("judged", JUDGED, ids=lambda judged: judged.name)
def test_samba_writes_the_same_octets_and_sees_the_same_values(judged, peer):
    found = results(judged, peer)
    assert len(found) > 200
    differing = [each for each in found if each.outcome and tolerance(each) is None]
    assert not differing, "\n".join(str(each) for each in differing[:5])


@pytest.mark.parametrize("named", TOLERATED, ids=lambda named: named.name)
def test_tolerance_is_still_needed(named, peer):
    found = (each for judged in JUDGED for each in results(judged, peer))
    assert any(each.outcome and tolerance(each) is named for each in found)


@pytest.mark.parametrize("encoding", Encoding, ids=lambda encoding: encoding.name)
@pytest.mark.parametrize("named", NAMED, ids=lambda named: f"{named[0]}-{named[1]}-{named[2]}")
def test_values_by_both_names_are_the_same_octets(named, encoding, peer):
    interface, name, side, theirs, ours = named
    judged = next(each for each in JUDGED if each.name == interface)
    operation = next(each for each in judged.interface().operations if each.name == name)
    layout = operation.request if side == "in" else operation.response
    said = peer.ask(values=theirs, **job(judged, operation, side, encoding, peer))
    assert "error" not in said, said
    octets = bytes.fromhex(said["octets"])
    assert to_json(layout, layout.parse(octets, encoding=encoding)) == ours
    assert bytes(layout.build(from_json(layout, ours), encoding=encoding)).hex(" ") == octets.hex(" ")


@pytest.mark.parametrize(
    ("judged", "call"),
    [(judged, call) for judged in JUDGED for call in judged.undefined],
    ids=lambda part: part if isinstance(part, str) else part.name,
)
def test_undefined_stub_still_crashes(judged, call):
    name, _, side = call.partition(" ")
    operation = next(each for each in judged.interface().operations if each.name == name)
    victim = Peer()
    directions = [samba_calls.drawn(judged, operation, side, number) for number in range(samba_calls.DRAWN)]
    found = [samba_calls.compare(judged, operation, side, each, Encoding.NDR, victim).outcome for each in directions]
    victim.close()
    assert any(outcome.startswith("ended with status") for outcome in found)


def test_missing_stubs_are_a_failure_that_says_what_to_install(monkeypatch):
    for python in ("/nowhere/python3", "/bin/false"):
        monkeypatch.setattr(samba_calls, "PYTHON", python)
        assert samba_calls.missing() == samba_calls.INSTALL
    assert "apt-get install python3-samba" in samba_calls.INSTALL


def test_peer_that_disagrees_is_noticed(peer):
    judged = JUDGED[0]
    operation = judged.interface().operations[15]
    direction = samba_calls.drawn(judged, operation, "in", 0)
    octets = direction.built(direction.value, Encoding.NDR)
    other = octets[:-1] + bytes((octets[-1] ^ 1,))
    assert samba_calls.judge(direction, octets, Encoding.NDR, {"octets": other.hex(), "seen": []}).startswith("wrote ")
    assert samba_calls.judge(direction, octets, Encoding.NDR, {"octets": octets.hex(), "seen": []}).startswith(
        "not seen"
    )


def test_document_has_the_numbers_of_this_run(peer):
    """The table of docs/interop.md; after a change that is meant, put in what this fails with."""
    table = "\n".join(
        ["| interface | calls | stubs compared | equal | tolerated |", "|---|---|---|---|---|", *rows(peer)]
    )
    assert table in DOCUMENT.read_text(), f"\n{table}"


def rows(peer: Peer) -> Iterator[str]:
    total: Counter[str] = Counter()
    for judged in JUDGED:
        found = results(judged, peer)
        equal = sum(not each.outcome for each in found)
        calls = len({each.operation for each in found})
        total.update(calls=calls, compared=len(found), equal=equal)
        yield f"| {judged.name} | {calls} | {len(found)} | {equal} | {len(found) - equal} |"
    yield f"| all | {total['calls']} | {total['compared']} | {total['equal']} | {total['compared'] - total['equal']} |"


def test_document_names_every_tolerance():
    text = DOCUMENT.read_text()
    listed = re.findall(r"^\| ([^|]+) \| `[^`]+` \| [^|]+ \|$", text, re.MULTILINE)
    assert listed == [each.name for each in TOLERATED], "\n".join(
        f"| {each.name} | `{each.calls.replace('|', chr(92) + '|')}` | {each.reason} |" for each in TOLERATED
    )
