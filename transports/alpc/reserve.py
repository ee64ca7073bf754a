"""Reserves: room in a socket for a message that goes out however much the peer has not taken yet.

The kernel lets a sender put as much on a socket as its buffer holds. A message with a reserve makes that buffer larger
than what lies on it, for the time of one send.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Generator

from ..kernel import unsent
from .lane import Lane
from .quota import MESSAGE_COST


class Reserve:
    """Room for one message at a time; `MessagePort.reserve` makes it. size: octets of data."""

    __slots__ = ("size",)

    def __init__(self, size: int) -> None:
        self.size = size


def room_of(reserve: Reserve | None) -> int:
    """Octets of a socket's buffer that a reserve is; 0 for none."""
    return 0 if reserve is None else reserve.size + MESSAGE_COST


@contextlib.contextmanager
def more_room(connected: socket.socket | Lane, size: int) -> Generator[None]:
    """While the buffer has room for `size` octets beside what the peer has not taken. Raises OSError."""
    usual = connected.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
    _bound(connected, unsent(connected.fileno()) + size + 1)
    try:
        yield
    finally:
        _bound(connected, usual)


def _bound(connected: socket.socket | Lane, size: int) -> None:
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, -(-size // 2))  # Linux doubles it
