"""What `lrpc ports` shows, of ports that tests make."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator

import pytest

import lrpc
from lrpc.runtime import ports
from lrpc.transports import alpc, pipe
from lrpc.transports.errors import Disconnected, NameInvalid, NameNotFound
from lrpc.transports.namespace import current
from lrpc.transports.security import Sid

WATCHDOG = 20.0


@pytest.fixture
def served() -> Iterator[alpc.ConnectionPort]:
    port = alpc.create_port("Calc", security="D:(A;;0x1;;;WD)")
    accepted = []

    def serve() -> None:
        try:
            while True:
                accepted.append(port.accept())
        except Disconnected:
            return

    thread = threading.Thread(target=serve)
    thread.start()
    yield port
    port.close()
    thread.join(WATCHDOG)
    for one in accepted:
        one.close()


def connected(served: alpc.ConnectionPort) -> alpc.CommunicationPort:
    """A client that the server has noted."""
    client = alpc.connect("calc", WATCHDOG)
    until = time.monotonic() + WATCHDOG
    while not served.information().connections:
        assert time.monotonic() < until
    return client


def test_a_port_is_listed_with_what_it_carries(served: alpc.ConnectionPort) -> None:
    client = connected(served)
    directory, port = ports.listed("\\", WATCHDOG)
    client.close()
    assert directory.cells()[:2] == ("\\RPC Control", "Directory")
    assert port.cells()[:2] == ("\\RPC Control\\Calc", "ALPC Port")
    assert port.cells()[3:7] == ("D:(A;;CC;;;WD)", "1", "0/0", "0/0")
    assert port.cells()[7].startswith(f"{os.getpid()} ")


def test_a_list_goes_down_into_directories_and_names_links_and_pipes(served: alpc.ConnectionPort) -> None:
    names = current("\\")
    names.create_directory("\\a\\b")
    names.create_link("\\a\\Alias", "\\RPC Control\\Calc")
    listener = pipe.listen("pipe")
    shown = {port.cells()[:2] for port in ports.listed("\\", WATCHDOG)}
    listener.close()
    assert shown > {
        ("\\a\\b", "Directory"),
        ("\\a\\Alias -> \\RPC Control\\Calc", "SymbolicLink"),
        ("\\Device\\NamedPipe\\pipe", "NamedPipe"),
    }
    assert [port.entry.name for port in ports.listed("\\A", WATCHDOG)] == ["Alias", "b"]


def test_one_port_is_shown_with_its_clients(served: alpc.ConnectionPort) -> None:
    served.interfaces = lambda: ["an interface\x1b[31m"]
    client = connected(served)
    shown = ports.shown_one("CALC", WATCHDOG)
    client.close()
    [row] = shown.clients()
    assert row[:3] == (str(os.getpid()), ports.user(Sid.of_user(os.geteuid())), "0/0")
    text = "\n".join(shown.lines())
    assert "interface       an interface\\x1b[31m" in text
    assert "connections     1 now, 1 in all" in text
    told = json.loads(json.dumps(shown.as_json()))
    assert (told["name"], told["connections"], told["clients"][0]["pid"]) == ("\\RPC Control\\Calc", 1, os.getpid())


def test_counts_of_one_worker_say_so() -> None:
    with lrpc.Server(workers=2) as server:
        server.listen("ncalrpc:[shared]")
        server.start()
        shown = ports.shown_one("shared", WATCHDOG)
        [listed] = [one for one in ports.listed("\\", WATCHDOG) if one.entry.type == alpc.TYPE]
    assert "counted         by the worker that was asked, for itself alone" in shown.lines()
    assert listed.cells()[4] == "0 at a worker"
    assert shown.as_json()["worker"] == 1


def test_counts_of_the_only_process_say_nothing_of_it(served: alpc.ConnectionPort) -> None:
    shown = ports.shown_one("calc", WATCHDOG)
    assert not any(line.startswith("counted") for line in shown.lines())
    assert shown.as_json()["worker"] == 0


def test_a_port_whose_process_hangs_is_listed() -> None:
    port = alpc.create_port("hangs")
    [_, hanging] = ports.listed("\\", 0.01)
    port.close()
    assert "TIMEOUT" in hanging.cells()[4]
    assert "its process does not answer: TIMEOUT" in "\n".join(hanging.lines())
    assert hanging.clients() == []
    assert "TIMEOUT" in hanging.as_json()["silence"]


def test_what_is_not_there_is_told() -> None:
    for use in (ports.listed, ports.shown_one):
        with pytest.raises(NameNotFound):
            use("\\nothing\\here", 1.0)
        with pytest.raises(NameInvalid):
            use("a\\\\b", 1.0)


def test_users_and_processes_that_are_gone_have_numbers() -> None:
    assert ports.user(Sid.of_user(4_000_000_000)) == "S-1-22-1-4000000000"
    assert ports.user(Sid.parse("S-1-1-0")) == "S-1-1-0"
    assert ports.program(0) == ""
