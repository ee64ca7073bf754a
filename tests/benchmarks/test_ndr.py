"""The benchmark of the codec runs whole, and each of its goals has a row."""

from __future__ import annotations

import sys

import pytest

from benchmarks import measure, ndr, ndr_peers


def test_every_goal_has_a_row(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["ndr", "--rounds", "1"])
    monkeypatch.setattr(ndr, "pin", lambda which, role: None)
    monkeypatch.setattr(ndr_peers, "missing", lambda: ["something"])
    ndr.main()
    said = capsys.readouterr().out
    assert "something is not installed" in said
    for words in (
        "construct interpreted",
        "construct compiled",
        "pickle 5",
        "10 longs",
        "memcpy",
        "to a view",
        "nested",
    ):
        assert f" {words}" in said
    for goal in ("at least 45", "at least 11", "at most 1.0", "at most 3.0", "at least 0.8", "at most 1.5"):
        assert goal in said


@pytest.mark.parametrize(("ours", "met"), [(1.0, True), (3.0, False)])
def test_goals_are_held_against_the_ratio(ours: float, met: bool) -> None:
    mine, theirs = measure.Timing(ours, ours), measure.Timing(2.0, 2.0)
    faster = ndr._ratio("faster", mine, theirs, at_least=1.5)
    smaller = ndr._ratio("smaller", mine, theirs, at_most=1.0)
    assert (faster.ratio, faster.met) == (2.0 / ours, met)
    assert (smaller.ratio, smaller.met) == (ours / 2.0, met)


def test_collector_is_on_again_behind_what_is_measured_without() -> None:
    import gc

    with ndr.without_collector():
        assert not gc.isenabled()
    assert gc.isenabled()


@pytest.mark.parametrize("name", ["no_such_package", "no_such_package.inner"])
def test_peer_that_is_missing_is_known(name: str) -> None:
    assert not ndr_peers._installed(name)
    assert ndr_peers._installed("construct")
