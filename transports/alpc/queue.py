"""The queue of a port: messages that wait for a thread, and threads that wait for messages.

Who has to wait reads, and puts what others wait for where they find it; the rest wait for whoever reads. Laws:
- one thread at a time reads (`_gather`), and holds no lock while it does;
- all else about a port's messages happens under `lock`, which is not to be entered twice by one thread;
- a signal handler may raise at any call: so the lock is entered itself, and not by way of `changed`, whose methods are
  Python's and can be left in the middle;
- the bell, where there is one, is heard (readable) while messages wait and no reader is about to take them.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final, TypeVar

from ..errors import BufferTooSmall, TimedOut, TransportError
from .messages.attributes import ALL_ATTRIBUTES
from .received import Message, State

READ_SLICE: Final = 0.05
"""Seconds after which one that reads for others looks whether it has to."""
TAKEN_BLINDLY: Final = 128
"""Messages that are taken before all senders are looked at again: more than a usual batch, which so costs no look."""

T = TypeVar("T")


class Queue:
    """Messages of one port, or of all clients of a server."""

    def __init__(self, gather: Callable[[float | None], None]) -> None:
        """gather: reads what comes within a time, and calls `put`."""
        self.lock = threading.Lock()
        self.changed = threading.Condition(self.lock)
        self.over: TransportError | None = None
        """What `next` raises once there is nothing left."""
        self._messages: deque[Message] = deque()
        self._gather = gather
        self._reading = False
        self._reader_takes = False
        self._taken_blindly = 0
        self._bell = -1
        self._rung = False
        self._waitable: select.epoll | None = None
        self._closed = False

    def __len__(self) -> int:
        return len(self._messages)

    # Under `lock`

    def put(self, message: Message) -> None:
        """Adds a message, and wakes who waits for one."""
        self._messages.append(message)
        if not self._reader_takes:
            self._ring(True)
        self.changed.notify_all()

    # By any thread

    def next(self, timeout: float | None, allocated: int = ALL_ATTRIBUTES, size: int | None = None) -> Message:
        """The next message that was not withdrawn meanwhile.

        allocated: attributes it is to have. size: octets of data there is room for; a larger message raises
        BufferTooSmall and stays. Raises TimedOut, and what `gather` does.
        """
        if self._messages:
            self._look()
        message = self.take(lambda: self._pop(size), timeout, takes=True)
        if message.attributes.allocated != allocated:
            message.attributes = message.attributes.limited(allocated)
        return message

    def take(self, ready: Callable[[], T | None], timeout: float | None, *, takes: bool = False) -> T:
        """What `ready` gives; while it gives None this thread reads for all, or waits for the one that does.

        takes: what is put is what this thread waits for. Raises TimedOut, and what `ready` and `gather` do.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        with self.lock:
            try:
                while (found := ready()) is None:
                    remaining = None if deadline is None else max(0.0, deadline - time.monotonic())
                    if not self._reading:
                        self._reader_takes = takes
                        self._read(remaining)
                    else:
                        self.changed.wait(remaining)
                    if remaining == 0.0:
                        found = ready()
                        break
            finally:
                self._ring(bool(self._messages))
        if found is None:
            raise TimedOut("receiving")
        return found

    def read_now(self, gather: Callable[[float | None], None] | None = None) -> None:
        """Reads what is there, unless another thread is reading anyway. gather: reads a part of it."""
        with self.lock:
            if not self._reading:
                self._read(0.0, gather)

    def read_while(self, busy: Callable[[], bool]) -> None:
        """Reads for others, as far as they do not, as long as `busy`."""
        with self.lock:
            while busy():
                if self._reading:
                    self.changed.wait(READ_SLICE)
                else:
                    self._read(READ_SLICE)

    def fileno(self, source: int) -> int:
        """A descriptor that is readable whenever `next(0)` would not raise TimedOut; -1 once this is closed.

        source: what is read from; -1: it is not there any more. Who never asks for it has no bell to be rung.
        """
        with self.lock:
            if self._waitable is None and source >= 0 and not self._closed:
                self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
                self._waitable = select.epoll()
                for descriptor in (self._bell, source):
                    self._waitable.register(descriptor, select.EPOLLIN)
                self._ring(bool(self._messages))
            return -1 if self._waitable is None else self._waitable.fileno()

    def close(self, reason: TransportError) -> None:
        """Lets go of its descriptors and of what nobody has picked up; `reason` is what `next` raises."""
        with self.lock:
            self.over = self.over or reason
            for message in self._messages:
                message.state = State.OVER
            self._messages.clear()
            self._let_go()
            self.changed.notify_all()

    def abandon(self) -> None:
        """In a child of fork: `close`, where nobody holds the lock."""
        self.lock = threading.Lock()
        self.changed = threading.Condition(self.lock)
        self._let_go()

    def _let_go(self) -> None:
        self._closed = True
        if self._waitable is not None:
            self._waitable.close()
            os.close(self._bell)
        self._waitable = None
        self._bell = -1

    def _look(self) -> None:
        """The first message may have been canceled: its sender is looked at before it is picked up, and now and then
        all are, so that each has its turn."""
        self._taken_blindly += 1
        if self._taken_blindly >= TAKEN_BLINDLY:
            self.read_now()
            return
        with contextlib.suppress(IndexError):  # another thread has taken it
            first = self._messages[0]
            if first.state is State.QUEUED:
                self.read_now(first.read_sender)

    def _read(self, timeout: float | None, gather: Callable[[float | None], None] | None = None) -> None:
        self._reading = True
        if gather is None:
            self._taken_blindly = 0
        try:
            self.lock.release()
            (gather or self._gather)(timeout)
        finally:
            self._reader_takes = False
            self._reading = False  # from here on another thread may read
            self.lock.acquire()
            self.changed.notify_all()

    def _pop(self, size: int | None) -> Message | None:
        while self._messages:
            message = self._messages[0]
            if message.state is State.WITHDRAWN:
                self._messages.popleft()
                continue
            if size is not None and len(message.data) > size:
                raise BufferTooSmall(f"{message!r}", needed=len(message.data))
            self._messages.popleft()
            message.pick_up()
            return message
        if self.over is not None:
            raise self.over
        return None

    def _ring(self, heard: bool) -> None:
        if self._bell < 0 or heard == self._rung:
            return
        self._rung = heard
        if heard:
            os.eventfd_write(self._bell, 1)
        else:
            os.eventfd_read(self._bell)
