"""An endpoint mapper in a process of its own: where it listens, and its end."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

import lrpc
from lrpc.runtime.interfaces import epmapper, registrar
from lrpc.runtime.mapper.host import with_local_port
from lrpc.runtime.mapper.lookup import ept_lookup

SOURCE = """
import sys
from lrpc.runtime.mapper import service as mapper
from lrpc.runtime.mapper import host as mapper_host
mapper_host.serve(
    sys.argv[1:], lambda binding: print(binding, flush=True), may_register=mapper.own_processes
)
"""


def test_mapper_listens_at_its_local_port_whatever_else_is_asked_for() -> None:
    assert with_local_port(["ncacn_ip_tcp:[1135]"]) == ["ncalrpc:[epmapper]", "ncacn_ip_tcp:[1135]"]
    assert with_local_port(["ncalrpc:[EpMapper]"]) == ["ncalrpc:[EpMapper]"]
    assert with_local_port([]) == ["ncalrpc:[epmapper]", "ncacn_ip_tcp:127.0.0.1[135]"]


def test_binding_that_cannot_be_read_is_invalid() -> None:
    with pytest.raises(lrpc.InvalidBinding):
        with_local_port(["nonsense"])


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_mapper_serves_until_a_signal(
    run_child: Callable[..., subprocess.Popen[str]], hosts: Callable[..., Any], ending: signal.Signals
) -> None:
    child = run_child(SOURCE, "ncacn_ip_tcp:[0]", r"ncacn_np:[\pipe\epmapper]")
    assert child.stdout is not None
    local, tcp, pipe = (child.stdout.readline().strip() for _ in range(3))
    assert (local, pipe) == ("ncalrpc:[epmapper]", r"ncacn_np:[\pipe\epmapper]")
    host = hosts("blocking")
    host.server.register(host.service)
    where = host.listen("ncalrpc:[here]")
    for mapper in (None, tcp, pipe):
        assert [str(one.binding) for one in ept_lookup(mapper)] == [str(where)]
    child.send_signal(ending)
    assert child.wait(20) == 0


def test_registrar_is_where_the_kernel_says_who_calls(mappers: Callable[..., Any]) -> None:
    mapper = mappers()
    mapper.stop()
    mapper.start(r"ncacn_np:[\pipe\epmapper]", "memory:[epmapper]")
    for binding in mapper.bindings:
        with lrpc.connect(epmapper.eptClient, str(binding)):
            pass
        if binding.protocol != "ncacn_ip_tcp":
            with lrpc.connect(registrar.registrarClient, str(binding)) as client:
                client.announce(None, [])


def test_port_may_be_open_to_all_users(mappers: Callable[..., Any]) -> None:
    mappers(security="D:(A;;GA;;;WD)")
    with lrpc.connect(epmapper.eptClient, "ncalrpc:[epmapper]"):
        pass
