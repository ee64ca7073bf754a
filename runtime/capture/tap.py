"""One connection in a capture file: who its ends are, and how what passes becomes packets."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import count
from typing import Final

from ...transports.seam import Peer
from ..binding import NCACN_IP_TCP, StringBinding
from . import pcapng
from .exported import Exported, Place
from .file import CaptureFile, Side
from .stream import Piece

SHIFT: Final = 1 << 16
"""What is added to the ports of an IPv6 connection as the client sees it: see `_tcp_places`."""

NOWHERE: Final = Place(IPv4Address(0), 0)

clock = time.time_ns
_numbers = count()


class Tap:
    """One connection in a file: who its ends are, and how a packet of it is written."""

    def __init__(self, file: CaptureFile, side: Side, binding: StringBinding, peer: Peer, descriptor: int) -> None:
        self.lock = threading.RLock()
        self.side = side
        self._file = file
        own, other = _places(side, binding, peer, descriptor)
        self._ends = {True: (own, other), False: (other, own)}
        self._comment = _comment(side, binding, peer, (own, other))

    def write(self, pieces: Iterable[Piece], now: int, *, outbound: bool) -> None:
        """Append what has passed; now: `clock()` as it did. The first packet tells of the connection."""
        source, destination = self._ends[outbound]
        for octets, is_pdu in pieces:
            packed = Exported(octets, source, destination, is_pdu).pack()
            comment, self._comment = self._comment, ""
            self._file.write(pcapng.packet(self.side, now, packed, outbound=outbound, comment=comment))


def _comment(side: Side, binding: StringBinding, peer: Peer, places: tuple[Place, Place]) -> str:
    """The binding, and who calls whom."""
    who = [f"pid {os.getpid()} uid {os.geteuid()}", str(places[1])]
    if peer.pid is not None:
        who[1] = f"pid {peer.pid} uid {peer.uid}"
    client, server = who if side is Side.CLIENT else reversed(who)
    return f"{binding}: client {client}, server {server}"


def _places(side: Side, binding: StringBinding, peer: Peer, descriptor: int) -> tuple[Place, Place]:
    """The own end and the other. No two connections in a file have the same: dissectors tell them apart by it.

    Over TCP they are the addresses, see below. Elsewhere a server is 127.0.0.1, a client 127.1.x.y as it sees itself
    and 127.2.x.y as the server sees it, x.y being the number of the connection; ports are process ids.
    """
    if binding.protocol == NCACN_IP_TCP:
        return _tcp_places(side, descriptor)
    number = next(_numbers) & 0xFFFF
    client, server = (peer.pid, os.getpid()) if side is Side.SERVER else (os.getpid(), peer.pid)
    ends = (
        Place(IPv4Address(bytes((127, side + 1, number >> 8, number & 0xFF))), client or 0),
        Place(IPv4Address("127.0.0.1"), server or 0),
    )
    return (ends[1], ends[0]) if side is Side.SERVER else ends


def _tcp_places(side: Side, descriptor: int) -> tuple[Place, Place]:
    """The addresses of a TCP connection.

    When both ends write to one file, each PDU is in it twice, and a dissector would take the second for a part of
    the first conversation. So what a client sees has IPv4 addresses in their IPv6 form, and ports of IPv6 shifted.
    """
    try:
        with socket.socket(fileno=os.dup(descriptor)) as connected:
            ends = connected.getsockname(), connected.getpeername()
    except OSError:  # the peer has gone already: what it had sent is all there will be
        return NOWHERE, NOWHERE
    own, other = (_place(side, host.partition("%")[0], port) for host, port, *_ in ends)
    return own, other


def _place(side: Side, host: str, port: int) -> Place:
    address = ip_address(host)
    if side is Side.SERVER:
        return Place(address, port)
    if isinstance(address, IPv4Address):
        return Place(IPv6Address(f"::ffff:{address}"), port)
    return Place(address, port + SHIFT)
