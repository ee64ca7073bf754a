from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import closing

import pytest

from examples.ports.exception_port import EXCEPTION_PORT, STATUS_DISK_FULL, ExceptionPort, raise_hard_error
from examples.ports.system_process import ask, connect

Serve = Callable[[ExceptionPort], ExceptionPort]
Start = Callable[[str], "subprocess.Popen[bytes]"]
PROGRAM = """\
from examples.ports.exception_port import watch_this_process
port = watch_this_process()
raise {error}
"""


@pytest.mark.parametrize(("error", "handled"), [("ZeroDivisionError('x')", False), ("KeyboardInterrupt('x')", True)])
def test_what_nobody_catches_comes_to_the_port_which_decides(
    serving: Serve, processes: Start, error: str, handled: bool
) -> None:
    served = serving(ExceptionPort())
    program = processes(PROGRAM.format(error=error))
    complaints = program.communicate(timeout=60)[1]
    [record] = served.records
    assert (record["exception"], record["text"], record["line"]) == (error.partition("(")[0], "x", 3)
    assert record["pid"] == program.pid
    assert (b"Traceback" in complaints) is not handled


def test_hard_errors_are_answered(serving: Serve) -> None:
    serving(ExceptionPort())
    with closing(connect(EXCEPTION_PORT)) as port:
        assert raise_hard_error(port, STATUS_DISK_FULL, "no room") == "retry"
        assert raise_hard_error(port, 0xC0000001, "anything") == "abort"
        assert [one["text"] for one in ask(port, "records")["records"]] == ["no room", "anything"]
