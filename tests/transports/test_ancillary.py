from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lrpc.transports import ancillary
from lrpc.transports.kernel import Credentials

Sockets = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Sockets]:
    one, two = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with one, two:
        yield one, two


def receive(sock: socket.socket, most: int = ancillary.MAX_DESCRIPTORS) -> ancillary.Received:
    return ancillary.receive(sock, 100, ancillary.room_for(most))


def test_a_message_may_come_with_nothing(pair: Sockets) -> None:
    ancillary.send(pair[0], b"x")
    assert receive(pair[1]) == (b"x", [], None, False)


@pytest.mark.parametrize("count", [1, 64, ancillary.MAX_DESCRIPTORS])
def test_descriptors_arrive_in_order_and_close_on_exec(
    count: int, pair: Sockets, open_descriptors: Callable[[], int]
) -> None:
    before = open_descriptors()
    event = os.eventfd(7)
    ancillary.send(pair[0], b"x", 0, [event, *[0] * (count - 1)])
    received = receive(pair[1])
    assert len(received.descriptors) == count
    assert not any(map(os.get_inheritable, received.descriptors))
    assert os.eventfd_read(received.descriptors[0]) == 7
    received.close()
    os.close(event)
    assert open_descriptors() == before


def test_more_than_linux_takes_are_not_sent(pair: Sockets) -> None:
    with pytest.raises(OSError):
        ancillary.send(pair[0], b"x", 0, [0] * (ancillary.MAX_DESCRIPTORS + 1))


def test_what_there_is_no_room_for_is_closed_and_told(pair: Sockets, open_descriptors: Callable[[], int]) -> None:
    before = open_descriptors()
    ancillary.send(pair[0], b"x", 0, [0] * 40)
    received = receive(pair[1], 2)
    assert received.cut
    assert len(received.descriptors) < 40
    assert open_descriptors() == before + len(received.descriptors)
    received.close()
    assert open_descriptors() == before


def test_the_kernel_says_who_sent_a_message_when_asked(pair: Sockets) -> None:
    ancillary.ask_for_credentials(pair[1])
    ancillary.send(pair[0], b"x")
    assert receive(pair[1]).credentials == (os.getpid(), os.getuid(), os.getgid())
    ancillary.send(pair[0], b"x", 0, [0], ancillary.own_credentials())
    received = receive(pair[1])
    received.close()
    assert received.credentials == ancillary.own_credentials() == (os.getpid(), os.geteuid(), os.getegid())
    ancillary.ask_for_credentials(pair[1], False)
    ancillary.send(pair[0], b"x")
    assert receive(pair[1]).credentials is None


def test_what_was_sent_before_that_was_asked_comes_from_nobody(pair: Sockets) -> None:
    ancillary.send(pair[0], b"x")
    ancillary.ask_for_credentials(pair[1])
    credentials = receive(pair[1]).credentials
    assert credentials is not None
    assert credentials.pid == 0


@pytest.mark.parametrize("forged", [Credentials(1, 1000, 1000), Credentials(0, 0, 0), Credentials(0, 1001, 1000)])
def test_a_user_cannot_say_that_it_is_another(forged: Credentials, pair: Sockets, as_other: Callable[..., Any]) -> None:
    def forge() -> bool:
        try:
            ancillary.send(pair[0], b"x", 0, (), Credentials(forged.pid or os.getpid(), *forged[1:]))
        except PermissionError:
            return True
        return False

    assert as_other(1000, forge)
