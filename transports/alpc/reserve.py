"""Reserves: room in a socket for a message that goes out however much the peer has not taken yet.

The kernel lets a sender put as much on a socket as its buffer holds. A message with a reserve makes that buffer larger
than what lies on it, for the time of one send.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Generator

from ..errors import MessageTooLong
from ..kernel import unsent
from ..seam import Buffer
from .lane import Lane
from .quota import MESSAGE_COST


class Reserve:
    """Room for a message that waits for none; `MessagePort.reserve` makes it. size: octets of data."""

    __slots__ = ("size",)

    def __init__(self, size: int) -> None:
        self.size = size


def room_of(reserve: Reserve | None, data: Buffer) -> int:
    """Octets of a socket's buffer that a reserve is for `data`; 0 for none. Raises MessageTooLong."""
    if reserve is None:
        return 0
    if len(data) > reserve.size:
        raise MessageTooLong(f"{len(data)} octets in a reserve of {reserve.size}")
    return reserve.size + MESSAGE_COST


@contextlib.contextmanager
def more_room(connected: socket.socket | Lane, size: int) -> Generator[None]:
    """While the buffer has room for `size` octets beside what the peer has not taken. Raises OSError."""
    usual = connected.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
    _bound(connected, unsent(connected.fileno()) + size)
    try:
        yield
    finally:
        _bound(connected, usual)


def _bound(connected: socket.socket | Lane, size: int) -> None:
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, -(-size // 2))  # Linux doubles it
