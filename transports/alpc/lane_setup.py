"""How two ends come to have a lane: the client offers it when it connects, the server grants it and sends the memory.

The features of the terms (`port_attributes.py`) say LANE; a CONNECTION_REPLY that says it carries one descriptor, the
memory. Who cannot profit from a lane, or cannot have one, goes without: it is never a reason to fail.
"""

from __future__ import annotations

import array
import mmap
import os
import platform
import socket
from typing import Final

from ..errors import BadFrame
from ..seam import Peer
from . import memfd
from .lane import HALF, SIZE, Lane

LANE: Final = 1
"""A feature: the client would have a lane; the server sends one with these terms."""
SWITCH: Final = "LRPC_LANE"
"""The environment variable that says 0 or 1 where a port's attributes leave it open."""
ORDERED: Final = platform.machine() in ("x86_64", "AMD64", "i386", "i686")
"""Processors that let others see stores in the order they were made."""

_SPACE: Final = socket.CMSG_SPACE(array.array("i").itemsize * 4) if hasattr(socket, "CMSG_SPACE") else 0
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
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))
        connected.sendmsg([terms], [rights], flags)
    finally:
        os.close(descriptor)
    return Lane(connected, memory, accepted=True)


class Delivery:
    """Receives in the place of `socket.recv`, and keeps the descriptors that come."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._descriptors = array.array("i")

    def __enter__(self) -> Delivery:
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in self._descriptors:
            os.close(descriptor)

    def recv(self, size: int, flags: int = 0) -> bytes:
        """socket.recv."""
        octets, ancillary, _, _ = self._socket.recvmsg(size, _SPACE, flags | socket.MSG_CMSG_CLOEXEC)
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                self._descriptors.frombytes(data[: len(data) - len(data) % self._descriptors.itemsize])
        return octets

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
