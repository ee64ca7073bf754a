from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from lrpc.transports.alpc import PortAttributes
from lrpc.transports.alpc.datagrams import DatagramPort
from lrpc.transports.alpc.memory.section import SectionLimits
from lrpc.transports.alpc.messages.port_attributes import Agreement, Terms
from lrpc.transports.seam import Peer

WATCHDOG = 20.0
AGREED = Agreement(Peer(), PortAttributes(), Terms(0, 65535, SectionLimits(), 0, 0, b""))


@pytest.fixture
def ports() -> Iterator[tuple[DatagramPort, DatagramPort]]:
    one, two = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    made = DatagramPort(one, AGREED), DatagramPort(two, AGREED)
    yield made
    for port in made:
        port.close()


def test_empty_messages_are_skipped_by_the_plain_face(ports: tuple[DatagramPort, DatagramPort]) -> None:
    ports[0].send_message(b"")
    ports[0].send_message(b"full")
    ports[0].send_message(b"")
    assert ports[1].receive(WATCHDOG) == b"full"
    assert ports[1].receive_now() is None


def test_the_plain_face_reads_views_and_gives_them_back(ports: tuple[DatagramPort, DatagramPort]) -> None:
    for _ in range(100):
        view = ports[0].allocate(4 << 20)
        view.buffer[-3:] = b"end"
        ports[0].send_message(b"start", view=view)
        octets = ports[1].receive(WATCHDOG)
        assert octets[:5] + octets[-3:] == b"startend"
        ports[1].send(b"thanks")
        assert ports[0].receive(WATCHDOG) == b"thanks"
