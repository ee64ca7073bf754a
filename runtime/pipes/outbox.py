"""Messages on their way out, where sending does not wait: what is to be sent next, and what of it has gone.

A byte stream takes several messages at once and parts of them; a message pipe takes one whole.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

BATCH: Final = 1 << 16
"""Octets that one send is given where a stream takes several messages."""


class Outbox:
    """Messages that wait. message_mode: the transport keeps their boundaries.

    numbered: a security context counts the messages, so that each that was made has to go.
    """

    def __init__(self, *, message_mode: bool, numbered: bool = False) -> None:
        self._message_mode = message_mode
        self.numbered = numbered
        self._messages: deque[bytes] = deque()
        self._batch = memoryview(b"")
        self._ends: list[int] = []
        self._gone = 0

    def __bool__(self) -> bool:
        return bool(self._messages) or self._gone < len(self._batch)

    def put(self, messages: Sequence[bytes]) -> None:
        """Send these behind the others."""
        self._messages += messages

    def next(self) -> memoryview:
        """The octets to be sent next."""
        if self._gone == len(self._batch):
            self._fill()
        return self._batch[self._gone :]

    def sent(self, count: int) -> None:
        """So many of them have gone."""
        self._gone += count

    def cut(self) -> list[bytes]:
        """Forget the messages that need not go; those that do: the rest of one that is half gone, or all."""
        end = next((end for end in self._ends if end >= self._gone), 0) if self._gone else 0
        rest = [bytes(self._batch[self._gone : len(self._batch) if self.numbered else end])]
        if self.numbered:
            rest += self._messages
        self._messages.clear()
        self._batch, self._ends, self._gone = memoryview(b""), [], 0
        return [octets for octets in rest if octets]

    def _fill(self) -> None:
        taken = [self._messages.popleft()]
        size = len(taken[0])
        while not self._message_mode and self._messages and size < BATCH:
            taken.append(self._messages.popleft())
            size += len(taken[-1])
        self._ends = list(accumulate(map(len, taken)))
        self._batch, self._gone = memoryview(taken[0] if len(taken) == 1 else b"".join(taken)), 0
