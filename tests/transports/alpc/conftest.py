"""Ports without a namespace: two that are joined, or one whose other end is a bare socket."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lrpc.transports.alpc import CommunicationPort
from lrpc.transports.alpc.section import SectionLimits
from lrpc.transports.seam import Peer

Ports = tuple[CommunicationPort, CommunicationPort]


@pytest.fixture
def make_ports() -> Iterator[Callable[..., Ports]]:
    made: list[CommunicationPort] = []

    def make(**limits: Any) -> Ports:
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
def make_raw() -> Iterator[Callable[..., tuple[CommunicationPort, socket.socket]]]:
    """Ports, each with the bare socket at its other end."""
    made: list[tuple[CommunicationPort, socket.socket]] = []

    def make(incoming: SectionLimits) -> tuple[CommunicationPort, socket.socket]:
        one, two = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        made.append((CommunicationPort(one, Peer(), incoming=incoming), two))
        return made[-1]

    yield make
    for port, bare in made:
        port.close()
        bare.close()


@pytest.fixture
def raw(make_raw: Callable[..., tuple[CommunicationPort, socket.socket]]) -> tuple[CommunicationPort, socket.socket]:
    return make_raw(SectionLimits(1 << 20))
