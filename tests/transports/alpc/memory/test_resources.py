"""A machine that has no more of what views need loses a call, or one connection, and no other."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
from collections.abc import Callable

import pytest

from lrpc.transports.alpc import (
    CommunicationPort,
    View,
)
from lrpc.transports.alpc.memory import memfd as memfd_module
from lrpc.transports.errors import (
    BadFrame,
    ResourcesExhausted,
)
from tests.transports.alpc.memory.lending import filled

WATCHDOG = 20.0
Ports = tuple[CommunicationPort, CommunicationPort]


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC])
@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("call", ["memfd_create", "ftruncate", "fchmod", "open"])
def test_a_view_that_finds_no_resources_says_so_and_the_connection_lives(
    ports: Ports,
    call: str,
    secure: bool,
    number: int,
    monkeypatch: pytest.MonkeyPatch,
    open_descriptors: Callable[[], int],
) -> None:
    def refuse(*arguments: object, **named: object) -> None:
        raise OSError(number, os.strerror(number))

    before = open_descriptors()
    view: View | None = None
    with monkeypatch.context() as patched:
        patched.setattr(memfd_module.os, call, refuse)
        with pytest.raises(ResourcesExhausted):  # when it is made, or when it is passed
            view = ports[0].allocate(100_000, secure=secure)
            ports[0].send_message(b"", view=view)
    if view is not None:
        ports[0].discard(view)
    assert open_descriptors() - before <= 2  # the usual section may have come about
    ports[0].send_message(b"", view=filled(ports[0], b"works again"))
    assert ports[1].receive_message(WATCHDOG).view == b"works again"


def test_a_receiver_without_descriptors_loses_that_connection_alone(
    make_ports: Callable[..., Ports], open_descriptors: Callable[[], int]
) -> None:
    one, other = make_ports(), make_ports()
    one[0].send_message(b"", view=filled(one[0], b"view"))
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = os.listdir("/proc/self/fd")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, taken)) + 1, limits[1]))
    fillers: list[int] = []
    try:
        with contextlib.suppress(OSError):
            while True:
                fillers.append(os.dup(0))
        with pytest.raises((BadFrame, ResourcesExhausted)):
            one[1].receive_message(WATCHDOG)
        other[0].send_message(b"unharmed")
        assert other[1].receive_message(WATCHDOG).data == b"unharmed"
    finally:
        for filler in fillers:
            os.close(filler)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert one[1].fileno() == -1
