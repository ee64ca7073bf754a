"""Paths of fields, step by step."""

from __future__ import annotations

from lrpc.runtime.ndr.reference_path import ENDS, LONGEST, Trail


def along(steps: int, start: str = "") -> Trail | str:
    trail: Trail | str = start
    for _ in range(steps):
        trail = Trail(trail, ".next")
    return trail


def test_steps_are_shown_one_after_the_other():
    assert str(Trail(Trail(Trail("", "a"), "[3]"), ".b")) == "a[3].b"
    assert str(Trail("p.q", ".b")) == "p.q.b"
    assert str(along(LONGEST, "p")) == "p" + ".next" * LONGEST


def test_middle_of_a_long_path_is_left_out():
    path = str(Trail(along(100_000, "p"), ".v"))
    assert path == "p" + ".next" * ENDS + ".<99,985 more>" + ".next" * (ENDS - 1) + ".v"


def test_text_costs_the_same_at_any_depth():
    assert len(str(along(2 * LONGEST))) == len(str(along(99)))
