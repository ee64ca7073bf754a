from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from examples.ports.csrss import api_port
from examples.ports.smss import SYSTEM, SessionManager
from examples.ports.system_process import SM_API_PORT, Refused, ask, connect
from lrpc.transports import alpc
from lrpc.transports.namespace import current

WATCHDOG = 30.0


@pytest.fixture
def manager(serving: Callable[[SessionManager], SessionManager]) -> Iterator[alpc.MessagePort]:
    served = serving(SessionManager())
    with closing(connect(SM_API_PORT)) as port:
        yield port
    served.end()


def test_a_session_has_a_subsystem_and_ends_with_it(manager: alpc.MessagePort) -> None:
    assert ask(manager, "create_session") == {"session": 1}
    with closing(connect(api_port(1))) as subsystem:
        assert len(ask(subsystem, "processes")["processes"]) == 1
        assert ask(manager, "sessions") == {"sessions": [1]}
        ask(manager, "end_session", session=1)
        assert subsystem.receive(WATCHDOG).type == alpc.LPC_PORT_CLOSED
    until = time.monotonic() + WATCHDOG
    while ask(manager, "sessions")["sessions"]:
        assert time.monotonic() < until
    assert ask(manager, "create_session") == {"session": 2}
    assert [entry.name for entry in current("\\").entries("\\Sessions")] == ["2"]


def test_a_session_that_is_not_there_is_refused(manager: alpc.MessagePort) -> None:
    with pytest.raises(Refused):
        ask(manager, "end_session", session=7)


def test_the_system_is_up_when_all_have_checked_in(manager: alpc.MessagePort) -> None:
    number = manager.post(b'{"ask": "booted"}')
    ports = []
    for name in SYSTEM:
        assert manager.outstanding == (number,)
        ports.append(connect(SM_API_PORT, ready=name))
    assert manager.receive(WATCHDOG).type == alpc.LPC_REPLY
    for port in ports:
        port.close()
