"""Puts the tests of each rule and threat into docs/protocol.md and docs/threats.md: `python docs/list_claims.py`.

Written by hand is what stands below each heading; the list after it is that of the tests named for it, which are
claims: `test_rule_42_...` and `test_r11_...`, and those of `ALSO`.
"""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parent
TESTS = DOCS.parent / "tests"
PAGES = {"protocol.md": re.compile(r"test_rule_(\d+)_(\w+)"), "threats.md": re.compile(r"test_([fbrtx]\d+)_(\w+)")}
HEADING = re.compile(r"^### (\w+).*\n", re.MULTILINE)
ALSO = {
    "A7": (
        "runtime/test_reaching.py",
        "test_what_there_is_no_room_for_now_is_tried_again_until_there_is",
        "test_pauses_leave_half_to_chance",
        "test_when_the_time_is_over_the_error_says_so_and_that_nothing_ran",
        "test_what_will_not_pass_is_an_error_at_once",
        "test_a_server_that_hangs_up_is_asked_again_as_often_as_the_policy_says",
        "test_which_failures_of_connecting_may_pass",
    ),
    "X1": ("runtime/test_serving.py", "test_a_server_killed_in_a_call_is_a_lost_connection"),
    "X2": (
        "runtime/test_serving.py",
        "test_a_killed_client_has_its_handles_run_down_once",
        "test_a_client_killed_in_a_call_takes_nobody_along",
        "test_connections_leave_nothing_behind",
    ),
    "X4": ("runtime/test_forks.py", ""),
    "X9": ("runtime/serving/test_draining.py", ""),
    "X10": ("runtime/test_locate.py", "test_mapper_that_fails_is_as_good_as_none"),
}
"""Tests with other names: a module, and which of its tests; an empty name stands for all."""


def functions(path: Path) -> list[str]:
    """The tests of a module, in order."""
    return re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)


def claims(name: re.Pattern[str]) -> dict[str, list[str]]:
    """What is claimed of each rule or threat, with the module that shows it."""
    found: dict[str, list[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        module = path.relative_to(TESTS).as_posix()
        own: dict[str, tuple[str, str]] = {}
        for test in functions(path):
            if match := name.fullmatch(test):
                own[test] = match[1].upper(), match[2]
        for key, (other, *wanted) in ALSO.items():
            if module == other and name.pattern.startswith("test_(["):
                own |= {test: (key, test[5:]) for test in functions(path) if test in wanted or "" in wanted}
        for key, claim in own.values():
            found.setdefault(key, []).append(f"- {claim.replace('_', ' ')} (`{module}`)")
    return found


def page(name: str) -> str:
    """The page with its lists made anew."""
    text = (DOCS / name).read_text(encoding="utf-8")
    found, places = claims(PAGES[name]), [*HEADING.finditer(text)]
    parts = [text[: places[0].start()]]
    for here, following in zip(places, [*places[1:], None], strict=True):
        body = text[here.end() : following.start() if following else len(text)]
        written, *rest = re.split(r"(?=^## )", body, maxsplit=1, flags=re.MULTILINE)
        lines = [line for line in written.strip().splitlines() if not line.startswith("- ")]
        listed = "\n".join(found.get(here[1], []))
        parts.append(f"{here[0]}\n{chr(10).join(lines).strip()}\n\n{listed}\n\n{''.join(rest)}")
    return "".join(parts).rstrip() + "\n"


if __name__ == "__main__":
    for each in PAGES:
        (DOCS / each).write_text(page(each), encoding="utf-8")
