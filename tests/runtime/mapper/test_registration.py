"""How servers get into the endpoint map, stay there, and leave it."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

import lrpc
from lrpc.runtime.interfaces import epmapper
from lrpc.runtime.mapper import registration
from lrpc.runtime.mapper.lookup import Mapped, ept_lookup
from lrpc.runtime.mapper.registration import Announcer
from lrpc.runtime.mapper.towers import NDR

Until = Callable[[Callable[[], bool]], None]


def bindings() -> list[str]:
    """Where the mapper of this test says that there is something."""
    return [str(one.binding) for one in ept_lookup()]


def about(interface: UUID) -> list[Mapped]:
    return [one for one in ept_lookup() if one.interface.uuid == interface]


@pytest.fixture
def registered(mapper: Any, hosts: Callable[..., Any], face: str, binding_for: Callable[[str], str]) -> Any:
    """A server in either face that is registered at ALPC and TCP."""
    host = hosts(face)
    host.server.register(host.service, annotation="calculator")
    for transport in ("ncalrpc", "ncacn_ip_tcp"):
        host.listen(binding_for(transport))
    return host


# What a server says


def test_server_is_registered_with_each_interface_at_each_endpoint(registered: Any, calculator: Any) -> None:
    assert bindings() == [str(one) for one in registered.server.bindings]
    for one in ept_lookup():
        assert one.interface == (calculator.CALCULATOR, *calculator.Calculator.interface.version)
        assert (one.tower.transfer, one.object, one.annotation) == (NDR, None, "calculator")


def test_interface_is_registered_where_it_answers_only(registered: Any, until: Until, binding_for: Any) -> None:
    here = str(registered.server.bindings[0])
    greeting = registered.greeting()
    registered.server.register(greeting, endpoints=[here], object=UUID(int=5))
    until(lambda: len(bindings()) == 3)
    [found] = about(type(greeting).interface.uuid)
    assert (str(found.binding), found.object) == (here, UUID(int=5))


def test_endpoint_that_comes_later_is_registered_too(registered: Any, binding_for: Callable[[str], str]) -> None:
    later = registered.listen(binding_for("ncacn_np"))
    assert str(later) in bindings()


def test_endpoint_inside_the_process_is_nobody_elses(registered: Any, binding_for: Callable[[str], str]) -> None:
    registered.listen(binding_for("memory"))
    assert len(bindings()) == 2


def test_server_that_listens_everywhere_names_no_address(mapper: Any, hosts: Callable[..., Any], face: str) -> None:
    host = hosts(face)
    host.server.register(host.service)
    port = host.listen("ncacn_ip_tcp:0.0.0.0[0]").endpoint
    assert bindings() == [f"ncacn_ip_tcp:[{port}]"]


def test_server_on_loopback_of_ipv6_is_not_registered_as_if_it_were_anywhere(
    mapper: Any, hosts: Callable[..., Any], face: str
) -> None:
    host = hosts(face)
    host.server.register(host.service)
    host.listen("ncacn_ip_tcp:::1[0]")
    assert bindings() == []


def test_management_interface_is_not_registered(registered: Any) -> None:
    assert about(UUID("afa8bd80-7d8a-11c9-bef4-08002b102989")) == []


# When it leaves


def test_server_that_stops_is_gone_at_once(registered: Any) -> None:
    registered.stop()
    assert bindings() == []


def test_server_that_is_killed_is_gone(mapper: Any, run_child: Callable[..., Any], until: Until) -> None:
    source = """
import lrpc, sys
from lrpc.runtime.interfaces import epmapper
stub = lrpc.load("[uuid(0e6d7e1c-94f5-4a36-8b41-3b3cf32a9e11)] interface Adder { long Add([in] long a); }")
class Service(stub.Adder):
    def Add(self, a):
        return a
server = lrpc.Server()
server.register(Service())
server.listen("ncacn_ip_tcp:[0]")
server.start()
print("there", flush=True)
sys.stdin.read()
"""
    child: subprocess.Popen[str] = run_child(source)
    assert child.stdout is not None
    assert child.stdout.readline() == "there\n"
    assert len(bindings()) == 1
    os.kill(child.pid, signal.SIGKILL)
    until(lambda: bindings() == [])


# Whether there is a mapper


def test_server_without_a_mapper_serves_and_has_no_thread_for_it(hosts: Callable[..., Any], face: str) -> None:
    host = hosts(face)
    host.server.register(host.service)
    host.listen("ncalrpc:[alone]")
    assert host.server._announcer is None


def test_server_may_stay_out_of_the_map(mapper: Any, hosts: Callable[..., Any], face: str) -> None:
    host = hosts(face, register_endpoints=False)
    host.server.register(host.service)
    host.listen("ncalrpc:[secret]")
    assert bindings() == []


def test_server_that_insists_finds_a_mapper_that_comes_later(
    hosts: Callable[..., Any], mappers: Callable[..., Any], face: str, monkeypatch: pytest.MonkeyPatch, until: Until
) -> None:
    monkeypatch.setattr(registration, "PERIOD", 0.01)
    monkeypatch.setattr(registration, "RETRY", 0.01)
    host = hosts(face, register_endpoints=True)
    host.server.register(host.service)
    where = host.listen("ncalrpc:[early]")
    mappers()
    until(lambda: bindings() == [str(where)])


def test_mapper_that_is_started_anew_hears_of_all_servers(
    mapper: Any, hosts: Callable[..., Any], face: str, monkeypatch: pytest.MonkeyPatch, until: Until
) -> None:
    monkeypatch.setattr(registration, "PERIOD", 0.01)
    monkeypatch.setattr(registration, "RETRY", 0.01)
    host = hosts(face)
    host.server.register(host.service)
    where = host.listen("ncalrpc:[steady]")
    mapper.stop()
    mapper.start()
    until(lambda: bindings() == [str(where)])


def test_server_that_may_not_register_serves_all_the_same(
    mappers: Callable[..., Any], hosts: Callable[..., Any], clients_of: Any, caplog: pytest.LogCaptureFixture
) -> None:
    mappers(may_register=lambda caller: False)
    with caplog.at_level(logging.DEBUG, "lrpc.registration"):
        host = hosts("blocking")
        host.server.register(host.service)
        where = host.listen("ncalrpc:[refused]")
    assert "not registered: access_denied" in caplog.text
    assert clients_of("blocking")(where).Add(1, 2) == 3
    assert bindings() == []


def test_port_of_the_mapper_that_is_something_else_does_no_harm(hosts: Callable[..., Any], clients_of: Any) -> None:
    false = hosts("blocking")
    false.server.register(false.service)
    false.listen("ncalrpc:[epmapper]")
    host = hosts("blocking")
    host.server.register(host.service)
    assert clients_of("blocking")(host.listen("ncalrpc:[real]")).Add(1, 2) == 3


# The announcer alone


def test_lack_of_a_mapper_is_complained_of_once(caplog: pytest.LogCaptureFixture) -> None:
    announcer = Announcer(list, insist=True)
    with caplog.at_level(logging.DEBUG, "lrpc.registration"):
        assert [announcer.announce() for _ in range(3)] == [False] * 3
    assert [record.levelname for record in caplog.records] == ["WARNING", "DEBUG", "DEBUG"]
    announcer.end()


def test_announcer_that_has_ended_says_nothing_more(mapper: Any) -> None:
    announcer = Announcer(list, insist=True)
    assert announcer.begin()
    announcer.end()
    assert not announcer.announce()
    assert not announcer.begin()


def test_announcer_without_a_mapper_says_so() -> None:
    announcer = Announcer(list, insist=False)
    assert not announcer.begin()
    announcer.end()


def test_mapper_that_does_not_answer_in_time_is_asked_again(
    mapper: Any, monkeypatch: pytest.MonkeyPatch, until: Until
) -> None:
    announcer = Announcer(list, insist=False)
    monkeypatch.setattr(registration, "TIMEOUT", 1e-9)
    assert not announcer.begin()
    monkeypatch.setattr(registration, "TIMEOUT", 20.0)
    monkeypatch.setattr(registration, "RETRY", 0.01)
    announcer.change()
    until(lambda: announcer._client is not None)
    announcer.end()


def test_mapper_that_refuses_is_not_asked_again(mappers: Callable[..., Any]) -> None:
    mappers(may_register=lambda caller: False)
    announcer = Announcer(list, insist=False)
    assert not announcer.begin()
    assert announcer._thread is None
    announcer.end()


def test_announcer_that_ends_before_it_begins_does_nothing() -> None:
    Announcer(list, insist=True).end()


def test_registration_is_found_by_map_too(registered: Any, mapper: Any, calculator: Any) -> None:
    with lrpc.connect(calculator.CalculatorClient, "ncalrpc:") as client:
        assert client.Add(1, 2) == 3
    assert epmapper.ept.interface.endpoints[-1] == registration.MAPPER
