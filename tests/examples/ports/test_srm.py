from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing

import pytest

from examples.ports.lsass import AuditLog
from examples.ports.srm import SE_RM_COMMAND_PORT, ReferenceMonitor
from examples.ports.system_process import Refused, SystemProcess, ask, connect

Serve = Callable[[SystemProcess], SystemProcess]


def test_each_side_of_the_pair_is_server_once(serving: Serve) -> None:
    log = AuditLog()
    serving(log)
    serving(ReferenceMonitor())
    with closing(connect(SE_RM_COMMAND_PORT, lsa=True)) as lsa:
        ask(lsa, "logon_session", id=7, user="S-1-22-1-5", groups=["S-1-1-0"])
        assert ask(lsa, "access", id=7, object="x", security="D:(A;;FR;;;WD)", access=1) == {"granted": True}
        assert ask(lsa, "access", id=7, object="y", security="D:(A;;FR;;;SY)", access=1) == {"granted": False}
        until = time.monotonic() + 30
        while len(log.lines) < 2:
            assert time.monotonic() < until
    assert log.lines == ["granted 0x1 to x for S-1-22-1-5", "denied 0x1 to y for S-1-22-1-5"]


@pytest.mark.parametrize(("id", "security"), [(8, "D:"), (7, "nonsense")])
def test_who_is_unknown_and_what_cannot_be_read_are_refused(serving: Serve, id: int, security: str) -> None:
    serving(ReferenceMonitor())
    with closing(connect(SE_RM_COMMAND_PORT)) as port:
        ask(port, "logon_session", id=7, user="S-1-22-1-5", groups=[])
        with pytest.raises(Refused):
            ask(port, "access", id=id, object="x", security=security, access=1)
