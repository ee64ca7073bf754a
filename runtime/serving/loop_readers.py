"""The connections that an asyncio server reads: one set of epoll, which the loop watches as one descriptor.

What has come is read from all of them in one turn of the loop, and, while nothing else is to be done, from those that
have more after that: each in its turn, as by the loop itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from ..looking import Looking

BATCH: Final = 64
"""Connections that are read before one looks which others can be."""
STRAIGHT: Final = 8
"""Times on end that a single one is read before one looks so: some hundred microseconds of small calls."""


class LoopReaders:
    """For the running loop, until `close`."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._epoll = select.epoll()
        self._come = partial(self._epoll.poll, 0, BATCH)
        self._readers: dict[int, Callable[[], bool]] = {}
        self._looking = Looking()
        self.look: Callable[[Callable[[], Any]], Any] = self._looking.look
        self.alone = True
        """Only one of them had something to say, and the others need not be looked at yet."""
        self._loop.add_reader(self._epoll.fileno(), self._read)

    def add(self, descriptor: int, read: Callable[[], bool]) -> None:
        """Call `read` when the descriptor is readable, or may have become so: was there something?"""
        self._readers[descriptor] = read
        self._epoll.register(descriptor, select.EPOLLIN)

    def remove(self, descriptor: int) -> None:
        """Do so no more."""
        if self._readers.pop(descriptor, None) is not None:
            with contextlib.suppress(OSError):  # closed already, which has removed it
                self._epoll.unregister(descriptor)

    def close(self) -> None:
        """Read nothing more."""
        if not self._epoll.closed:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()

    def _read(self) -> None:
        self._looking.begin()
        come: Sequence[tuple[int, int]]
        come = [(descriptor, 0) for descriptor in self._readers] if len(self._readers) == 1 else self._come()
        while come:
            self.alone = len(come) == 1
            for descriptor, _ in come:
                read = self._readers.get(descriptor)
                if read is not None:  # or an earlier one has removed it
                    read()
            if len(come) == 1 and not self._read_on(come[0][0]):
                return
            come = self.look(self._come) or ()

    def _read_on(self, descriptor: int) -> bool:
        """Read the only one that had something, which will be the next one, too, without asking; had it that?"""
        look, readers = self.look, self._readers
        for _ in range(STRAIGHT):
            if not self.alone:
                return True
            read = readers.get(descriptor)
            if read is None or not look(read):
                return False
        return True
