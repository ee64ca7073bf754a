"""A request with pipes between who receives it and who reads it: its parts in their order, and how it broke off.

It holds what one read brought and little more: who receives stops while it is `full`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from ..ndr.layout import Encoding
from ..status import RpcError
from ..stub import Octets
from .piping import Part

FULL: Final = 1 << 17
"""Octets that wait for a reader: as many as one read may bring."""


class Feed:
    """wake: called when something has come, if somebody waits for it."""

    def __init__(self, encoding: Encoding) -> None:
        self._encoding = encoding
        self._parts: deque[Part] = deque()
        self._size = 0
        self._error: RpcError | None = None
        self.wake: Callable[[], None] | None = None
        self.given_up = False
        """The client does not wait for the call any more."""

    def put(self, stub: Octets, *, last: bool) -> None:
        """The next part has come."""
        self._parts.append(Part(stub, self._encoding, None, last))
        self._size += len(stub)
        self._told()

    def fail(self, error: RpcError) -> None:
        """No more will come."""
        self._error = self._error or error
        self._told()

    def take(self) -> Part | None:
        """The next part, None when it has not come. Raises how the request broke off, once all that came is taken."""
        if self._parts:
            part = self._parts.popleft()
            self._size -= len(part.stub)
            return part
        if self._error is not None:
            raise self._error
        return None

    @property
    def full(self) -> bool:
        """Enough is waiting."""
        return self._size >= FULL

    def _told(self) -> None:
        if self.wake is not None:
            self.wake()
