from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from examples.ports.lsass import LogonAuthority
from examples.ports.smss import SessionManager
from examples.ports.srm import ReferenceMonitor
from examples.ports.system_process import Refused, SystemProcess, ask
from examples.ports.winlogon import log_off, log_on


@pytest.fixture(autouse=True)
def system(serving: Callable[[SystemProcess], SystemProcess]) -> Iterator[SessionManager]:
    manager = SessionManager()
    serving(manager)
    serving(ReferenceMonitor())
    serving(LogonAuthority())
    yield manager
    manager.end()


def test_who_logs_on_has_a_session_and_is_attached_to_it() -> None:
    first, second = (log_on("mary", "Mary's password") for _ in range(2))
    assert (first.session, second.session) == (1, 2)
    assert [one["program"] for one in ask(first.subsystem, "processes")["processes"]] == ["winlogon"]
    log_off(first)
    assert first.subsystem.fileno() < 0
    assert ask(second.subsystem, "processes")["processes"]
    log_off(second)


def test_who_does_not_log_on_has_no_session(system: SessionManager) -> None:
    with pytest.raises(Refused):
        log_on("mary", "guess")
    assert "Sessions" not in [entry.name for entry in system.names.entries("\\")]
