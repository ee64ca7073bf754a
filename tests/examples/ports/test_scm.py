"""The service control manager, and with it a service (`service.py`), which is a process of its own."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from examples.ports.scm import NTSVCS, ServiceManager
from examples.ports.system_process import Refused, answer, ask, connect, said
from lrpc.transports import alpc
from lrpc.transports.errors import ConnectionRefused, NameNotFound


@pytest.fixture
def manager(serving: Callable[[ServiceManager], ServiceManager]) -> Iterator[alpc.MessagePort]:
    served = serving(ServiceManager())
    with closing(connect(NTSVCS)) as port:
        yield port
    served.end()


def test_a_service_runs_from_start_to_stop(manager: alpc.MessagePort) -> None:
    assert ask(manager, "query", service="clock")["state"] == "stopped"
    started = ask(manager, "start", service="clock")
    assert started["state"] == "running"
    with closing(connect("clock")) as clock:
        assert ask(clock, "time")["pid"] == started["pid"]
    stopped = ask(manager, "stop", service="clock")
    assert (stopped["state"], stopped["died"]) == ("stopped", False)
    with pytest.raises(NameNotFound):
        alpc.connect("clock", 5)


def test_who_waits_is_told_that_a_service_was_killed(manager: alpc.MessagePort) -> None:
    pid = ask(manager, "start", service="clock")["pid"]
    manager.post(said(ask="notify", service="clock", state="stopped"), "told")
    assert ask(manager, "query", service="clock")["pid"] == pid
    os.kill(pid, signal.SIGKILL)
    notice = manager.receive(30)
    assert notice.attributes.context is not None
    assert notice.attributes.context.message_context == "told"
    assert answer(notice.data)["died"] is True
    assert ask(manager, "start", service="clock")["died"] is False


def test_what_makes_no_sense_is_refused(manager: alpc.MessagePort) -> None:
    for what, service in (("start", "nothing"), ("stop", "clock"), ("query", "nothing")):
        with pytest.raises(Refused):
            ask(manager, what, service=service)
    ask(manager, "start", service="clock")
    with pytest.raises(Refused):
        ask(manager, "start", service="clock")


def test_nobody_else_is_taken_for_a_service(manager: alpc.MessagePort) -> None:
    ask(manager, "start", service="clock")
    with pytest.raises(ConnectionRefused) as refused:
        alpc.connect(NTSVCS, 30, data=said(service="clock"))
    assert b"not the service" in refused.value.data
