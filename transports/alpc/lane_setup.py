"""How two ends come to have a lane: the client offers it when it connects, the server grants it and sends the memory.

The features of the terms (`port_attributes.py`) say LANE; a CONNECTION_REPLY that says it carries one descriptor, the
memory. Who cannot profit from a lane, or cannot have one, goes without: it is never a reason to fail.
"""

from __future__ import annotations

import mmap
import os
import platform
import socket
from typing import Final

from .. import ancillary
from ..errors import BadFrame
from ..kernel import Credentials
from ..seam import Peer
from .lane import Lane
from .memory import memfd
from .slots import HALF, SIZE

LANE: Final = 1
"""A feature: the client would have a lane; the server sends one with these terms."""
SWITCH: Final = "LRPC_LANE"
"""The environment variable that says 0 or 1 where a port's attributes leave it open."""
ORDERED: Final = platform.machine() in ("x86_64", "AMD64", "i386", "i686")
"""Processors that let others see stores in the order they were made."""

_SPACE: Final = ancillary.room_for(4) if hasattr(socket, "CMSG_SPACE") else 0
"""One is right, more are closed."""


def offer(lane: bool | None) -> int:
    """The features that a client offers, which wants a lane, wants none, or leaves it to the server."""
    return LANE if ORDERED and _wish(lane) is not False else 0


def grant(lane: bool | None, features: int, peer: Peer) -> int:
    """The features that a server grants, whose client offered these."""
    wish = _wish(lane)
    return features & offer(lane) if wish or _processors(peer) > 1 else 0


def send_with_lane(connected: socket.socket, terms: bytes, flags: int) -> Lane:
    """Sends a server's terms with the memory of a lane. Raises OSError; then nothing was sent."""
    descriptor = memfd.new_memfd(SIZE, sealed=True)
    try:
        memory = mmap.mmap(descriptor, SIZE)
        memory[0] = memory[HALF] = 1
        ancillary.send(connected, terms, flags, [descriptor], ancillary.own_credentials())
    finally:
        os.close(descriptor)
    return Lane(connected, memory, accepted=True)


class Delivery:
    """Receives in the place of `socket.recv`, and keeps the descriptors that come, and who sent them."""

    def __init__(self, connected: socket.socket) -> None:
        self.credentials: Credentials | None = None
        """The sender of the last message, where the kernel has been asked."""
        self._socket = connected
        self._descriptors: list[int] = []

    def __enter__(self) -> Delivery:
        return self

    def __exit__(self, *_: object) -> None:
        ancillary.close_all(self._descriptors)

    def recv(self, size: int, flags: int = 0) -> bytes:
        """socket.recv."""
        received = ancillary.receive(self._socket, size, _SPACE, flags)
        self._descriptors += received.descriptors
        self.credentials = received.credentials
        return received.octets

    def lane(self) -> Lane:
        """The lane whose memory has come. Raises BadFrame unless it is what it has to be, ResourcesExhausted."""
        if len(self._descriptors) != 1:
            raise BadFrame(f"{len(self._descriptors)} descriptors for a lane")
        return Lane(self._socket, memfd.map_shared(self._descriptors[0], SIZE), accepted=False)


def _wish(lane: bool | None) -> bool | None:
    if lane is not None:
        return lane
    return {"0": False, "1": True}.get(os.environ.get(SWITCH, ""))


def _processors(peer: Peer) -> int:
    """How many there are for the two."""
    ours = os.sched_getaffinity(0)
    try:
        return len(ours | os.sched_getaffinity(peer.pid or 0))
    except OSError:  # it has gone, or its number means nothing here
        return len(ours)
