"""The reflector, and with it the driver host (`driver_host.py`), which is a process of its own."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import closing

import pytest

from examples.ports.driver_host import SIZE
from examples.ports.reflector import STATUS_CANCELLED, STATUS_DEVICE_REMOVED, Io, Reflector
from examples.ports.system_process import Refused

WATCHDOG = 30.0


@pytest.fixture
def disk() -> Iterator[Reflector]:
    with closing(Reflector("disk")) as disk:
        yield disk


def status(io: Io) -> int:
    error = io.exception(WATCHDOG)
    assert isinstance(error, Refused)
    return error.status


def test_what_was_written_is_read_through_views(disk: Reflector) -> None:
    data = bytes(range(256)) * 256
    disk.submit("write", data=data).result(WATCHDOG)
    assert disk.submit("read", size=SIZE).result(WATCHDOG) == data
    assert disk.submit("read", 255, 2).result(WATCHDOG) == b"\xff\0"


def test_many_requests_are_outstanding_and_each_is_completed(disk: Reflector) -> None:
    disk.submit("write", data=b"".join(number.to_bytes(4, "little") for number in range(500))).result(WATCHDOG)
    reads = [disk.submit("read", 4 * number, 4) for number in range(500)]
    assert [int.from_bytes(io.result(WATCHDOG), "little") for io in reads] == list(range(500))


def test_requests_outside_the_device_and_unknown_ones_fail(disk: Reflector) -> None:
    for what, offset, size in (("read", SIZE, 1), ("read", -1, 1), ("format", 0, 0)):
        assert status(disk.submit(what, offset, size)) >= 0xC0000000


def test_a_request_that_was_picked_up_is_canceled(disk: Reflector) -> None:
    waiting = disk.submit("wait")
    disk.submit("read", size=1).result(WATCHDOG)
    disk.cancel(waiting)
    disk.cancel(waiting)
    assert status(waiting) == STATUS_CANCELLED
    assert disk.submit("read", size=1).result(WATCHDOG) == b"\0"


@pytest.mark.parametrize("crash", ["by itself", "killed"])
def test_a_crash_completes_all_outstanding_requests_and_the_host_is_restarted(disk: Reflector, crash: str) -> None:
    waiting = [disk.submit("wait") for _ in range(20)]
    disk.submit("read", size=1).result(WATCHDOG)
    if crash == "killed":
        os.kill(disk.host.pid, signal.SIGKILL)
    else:
        waiting.append(disk.submit("crash"))
    assert {status(io) for io in waiting} == {STATUS_DEVICE_REMOVED}
    assert disk.submit("read", size=1).result(WATCHDOG) == b"\0"
    assert disk.restarts == 1
