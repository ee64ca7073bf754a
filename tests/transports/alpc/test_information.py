from __future__ import annotations

import os
import threading
import time
from typing import Any

import pytest

from lrpc.transports import alpc
from lrpc.transports.alpc.information import creation_time, session_of
from lrpc.transports.errors import ServerSidMismatch
from lrpc.transports.security import Sid

WATCHDOG = 20.0


def test_a_thread_is_known_to_wait_for_a_server(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    threads: list[int] = []

    def ask() -> None:
        threads.append(threading.get_native_id())
        client.request(b"R", timeout=WATCHDOG)

    asking = joined_port.call(ask)
    message = joined_port.server.receive(WATCHDOG)
    waits = alpc.server_information(threads[0])
    assert (waits.thread_blocked, waits.connected_process_id) == (True, os.getpid())
    assert waits.connection_port_name == f"{alpc.DIRECTORY}\\{joined_port.name}"
    assert not alpc.server_information().thread_blocked
    message.reply()
    asking.result(WATCHDOG)
    assert not alpc.server_information(threads[0]).thread_blocked


def test_a_port_tells_its_flags_its_sequence_and_its_context(joined_port: Any) -> None:
    client, port = joined_port.connect(context="ctx")
    client.datagram(b"")
    client.datagram(b"")
    assert client.basic_information() == (client.attributes.flags, 2, None)
    assert port.basic_information() == (port.attributes.flags, 0, "ctx")
    assert client.server_session() == (os.getsid(0), os.getpid())
    for _ in range(2):
        joined_port.server.receive(WATCHDOG)


def test_the_connected_sid_is_that_of_the_peer(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    client.check_connected_sid(f"S-1-22-1-{os.geteuid()}")
    client.check_connected_sid(Sid.parse(f"S-1-22-1-{os.geteuid()}"))
    with pytest.raises(ServerSidMismatch):
        client.check_connected_sid(f"S-1-22-1-{os.geteuid() + 4711}")


def test_times_of_creation_are_those_of_the_kernel() -> None:
    mine = int.from_bytes(creation_time(os.getpid()), "little")
    assert 0 < mine <= time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK")
    assert int.from_bytes(creation_time(os.getpid(), threading.get_native_id()), "little") >= mine
    assert creation_time(2**22 + 1) == bytes(8)


def test_the_session_of_a_process_that_has_ended_is_not_known() -> None:
    with pytest.raises(ProcessLookupError):
        session_of(2**22 + 1)
