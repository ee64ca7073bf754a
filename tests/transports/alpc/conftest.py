"""Ports without a namespace: two that are joined, or one whose other end is a bare socket."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest

from lrpc.transports.alpc import CommunicationPort
from lrpc.transports.seam import Peer

Ports = tuple[CommunicationPort, CommunicationPort]


@pytest.fixture
def make_ports() -> Iterator[Callable[..., Ports]]:
    made: list[CommunicationPort] = []

    def make(**limits: int) -> Ports:
        one, two = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        made.extend((CommunicationPort(one, Peer(), **limits), CommunicationPort(two, Peer(), **limits)))
        return made[-2], made[-1]

    yield make
    for port in made:
        port.close()


@pytest.fixture
def ports(make_ports: Callable[..., Ports]) -> Ports:
    return make_ports()


@pytest.fixture
def raw() -> Iterator[tuple[CommunicationPort, socket.socket]]:
    """A port, and the bare socket at its other end."""
    one, two = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    port = CommunicationPort(one, Peer(), max_incoming=1 << 20)
    yield port, two
    port.close()
    two.close()
