"""What waits for answers: threads, and posted requests. Everything here happens under the queue's `changed`."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from ..errors import TransportError
from .handles import Handle
from .received import Message


class Posted:
    """Requests whose answers come into the queue, by number."""

    def __init__(self) -> None:
        self._expected: dict[int, tuple[Any, Handle | None]] = {}

    def __contains__(self, number: int) -> bool:
        return number in self._expected

    def __iter__(self) -> Iterator[int]:
        return iter([*self._expected])

    def __len__(self) -> int:
        return len(self._expected)

    def add(self, number: int, cookie: Any, event: Handle | None = None) -> None:
        """Expects an answer. cookie: what its poster knows it by. event: ours, to be signaled once it is over."""
        self._expected[number] = cookie, event

    def over(self, number: int) -> Any:
        """The cookie of one that is answered, or never will be; its event is signaled. None: it is not expected."""
        cookie, event = self._expected.pop(number, (None, None))
        if event is not None:
            with event:
                os.eventfd_write(event.fileno(), 1)
        return cookie

    def clear(self) -> None:
        """None will be answered."""
        for number in self:
            self.over(number)


class Waiter:
    """A thread that waits for an answer, and serves callbacks meanwhile."""

    __slots__ = ("answer", "calls", "failure", "message_id", "number")

    def __init__(self, message_id: int, number: int) -> None:
        self.message_id = message_id
        self.number = number
        self.answer: Message | None = None
        self.calls: deque[Message] = deque()
        self.failure: TransportError | None = None

    @property
    def number_of_callback(self) -> int:
        """CallbackId: 0 for a request."""
        return 0 if self.number == self.message_id else self.number

    def next(self) -> Message | None:
        """The next callback to serve, or the answer. Raises what there is instead of one."""
        if self.calls:
            return self.calls.popleft()
        if self.answer is None and self.failure is not None:
            raise self.failure
        return self.answer


class Waiters:
    """Those of one connection; of several in one exchange (callbacks within callbacks) the last is the innermost."""

    def __init__(self, look: Callable[[], None]) -> None:
        """look: called when one has gone."""
        self._stacks: dict[int, list[Waiter]] = {}
        self._look = look

    def __bool__(self) -> bool:
        return bool(self._stacks)

    def add(self, waiter: Waiter) -> None:
        self._stacks.setdefault(waiter.message_id, []).append(waiter)

    def of(self, message_id: int) -> list[Waiter]:
        """Those in one exchange."""
        return [*self._stacks.get(message_id, ())]

    def find(self, message_id: int, number: int) -> Waiter | None:
        """The one that waits for the answer to a number."""
        return next((one for one in self._stacks.get(message_id, ()) if one.number == number), None)

    def drop(self, waiter: Waiter) -> bool:
        """Takes one out that needs to wait no more; whether it was there."""
        stack = self._stacks.get(waiter.message_id, [])
        if waiter not in stack:
            return False
        stack.remove(waiter)
        if not stack:
            del self._stacks[waiter.message_id]
        self._look()
        return True

    def fail(self, waiter: Waiter, failure: TransportError) -> None:
        """Has one raise `failure` as soon as it runs."""
        waiter.failure = failure
        self.drop(waiter)

    def fail_all(self, failure: TransportError) -> None:
        for stack in [*self._stacks.values()]:
            for waiter in [*stack]:
                self.fail(waiter, failure)
