from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import closing

import pytest

from examples.ports.csrss import Subsystem, api_port
from examples.ports.system_process import answer, ask, connect, said

Start = Callable[[str], "subprocess.Popen[bytes]"]
PROGRAM = """\
import sys
from examples.ports.csrss import api_port
from examples.ports.system_process import connect
port = connect(api_port(0), program="notepad")
print("attached", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("end", ["kill", "terminate"])
def test_a_process_attaches_and_its_death_is_told(
    serving: Callable[[Subsystem], Subsystem], processes: Start, end: str
) -> None:
    serving(Subsystem(0))
    program = processes(PROGRAM)
    assert program.stdout is not None
    assert program.stdout.readline() == b"attached\n"
    with closing(connect(api_port(0), program="explorer")) as port:
        attached = {one["pid"]: one["program"] for one in ask(port, "processes")["processes"]}
        assert attached[program.pid] == "notepad"
        assert len(attached) == 2
        port.post(said(ask="end_of", pid=program.pid))
        getattr(program, end)()
        assert answer(port.receive(30).data) == {"ended": program.pid, "program": "notepad"}
        assert len(ask(port, "processes")["processes"]) == 1
        assert ask(port, "end_of", pid=program.pid)["ended"] == program.pid


def test_sessions_have_ports_of_their_own() -> None:
    assert api_port(0) == "\\Windows\\ApiPort"
    assert api_port(2) == "\\Sessions\\2\\Windows\\ApiPort"
