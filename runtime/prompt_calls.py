"""The calls of an asyncio channel that find nothing in their way: no lock, no task, and one timer for all of them.

The half of `async_channel.py` where every turn of the loop counts. A call that is alone goes at once, and its answer is
looked for before the loop is asked; those that are made while others wait go together at the end of the turn, since
their answers come together, too.
"""

from __future__ import annotations

import abc
import asyncio
import time
from collections.abc import Generator, Iterator, Sequence
from typing import Any, Final

from .looking import Looking
from .outcomes import dismissal, dropped, ended, late
from .prompt import Places, Prompt
from .status import ConnectionLost, Ran, RpcError
from .stub import Octets
from .wire import Outcome, Wire

MAX_CALLS: Final = 64
"""Calls in flight on one connection; servers refuse more, so they wait here."""


class PromptCalls(abc.ABC):
    """The calls of one wire. timeout: seconds that each may take."""

    def __init__(self, wire: Wire, timeout: float) -> None:
        self._wire = wire
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[int, asyncio.Future[Outcome]] = {}
        """Calls that had to wait before they were sent, or have a deadline of their own."""
        self._prompts: dict[int, Prompt[Any]] = {}
        """Those that had not, in the order in which they were made."""
        self._timer: asyncio.TimerHandle | None = None
        """Rings when the time of the first of them is over, or before."""
        self._corked: dict[int, Octets] = {}
        """Those of them that are sent at the end of this turn of the loop."""
        self._delivering = False
        """Answers are being handed out, which ends with sending what they lead to."""
        self._room = Places(MAX_CALLS if wire.multiplex else 1)
        self._rest: asyncio.Task[None] | None = None
        """Sends what is left of a message; nothing may be sent between."""
        self._unheard: list[int] = []
        """Calls that were abandoned while a message was half sent."""
        self._looking = Looking()
        self._looked = False
        """The last look was in vain: nothing has come."""

    @abc.abstractmethod
    def _abandon(self, key: int) -> None:
        """Nobody waits for a call any more."""

    @abc.abstractmethod
    def _break(self, error: RpcError) -> None:
        """The connection is over."""

    @abc.abstractmethod
    async def _writable(self) -> None:
        """Wait until more can be sent."""

    def _unsent(self, key: int, error: RpcError) -> None:
        """A call could not be sent, or not to its end."""
        self._waiting.pop(key, None)
        unsent = error.ran is Ran.NO  # and others wait: a server that takes no more still answers those
        if not unsent or (isinstance(error, ConnectionLost) and not (self._waiting or self._prompts)):
            self._break(error)

    def _send_at_once(self, opnum: int, parts: Sequence[Octets], *, alone: bool) -> int | None:
        """Send a request, or what there is room for; a task sends the rest. Its key; None: there is no room at all.

        Unless it is alone, it goes with those that are made in this turn of the loop.
        """
        plain = self._wire.plain(opnum, parts)
        try:
            if plain is None:
                return self._wire.lend(opnum, parts) or self._send_composed(opnum, parts)
            key, octets = plain
            if alone or self._wire.message_mode:
                return self._send_plain(key, octets)
        except RpcError as error:
            self._unsent(0, error)
            raise
        if not (self._corked or self._delivering):
            self._loop.call_soon(self._uncork)
        self._corked[key] = octets
        return key

    def _send_plain(self, key: int, octets: Octets) -> int | None:
        try:
            taken = self._wire.send_plain(octets)
        except RpcError as error:
            error.ran = Ran.NO
            self._wire.withdraw(key)
            raise
        if not taken:
            self._wire.withdraw(key)
            return None
        if taken < len(octets):
            self._rest = self._loop.create_task(self._send_rest(self._going(octets[taken:])))
        return key

    def _send_composed(self, opnum: int, parts: Sequence[Octets]) -> int | None:
        self._uncork()
        if self._rest is not None:
            return None
        message = self._wire.compose(opnum, parts)
        sending = self._wire.transmitting(message)
        gone = next(sending, None)
        if gone == 0:
            sending.close()
            return None
        if gone is not None:
            self._rest = self._loop.create_task(self._send_rest(sending))
        return message.key

    def _uncork(self) -> None:
        """Send the plain calls of this turn."""
        corked, self._corked = self._corked, {}
        if not corked:
            return
        octets = b"".join(corked.values())
        try:
            taken = self._wire.send_plain(octets)
        except RpcError as error:
            for key in corked:
                self._wire.withdraw(key)
                if (prompt := self._leave(key)) is not None:
                    prompt.set_result(ConnectionLost(str(error), ran=Ran.NO))
            error.ran = Ran.NO
            self._unsent(0, error)
            return
        if taken < len(octets):
            self._rest = self._loop.create_task(self._send_rest(self._going(octets[taken:])))

    def _look(self, key: int) -> Outcome | None:
        """The outcome of the only call, if it is there at once."""
        try:
            arrivals = self._looking.look(self._wire.receive_now)
        except RpcError as error:
            self._break(error)
            return ended(error)
        if arrivals is None:
            self._looked = True
            return None
        own: Outcome | None = None
        for arrived, outcome in arrivals:
            if arrived == key:
                own = outcome
            else:
                dropped(outcome)
        if self._wire.dismissed:
            self._break(dismissal())
        return own

    def _prompt(self, key: int) -> Prompt[Any]:
        """What a call that was sent is waited for by."""
        self._room.free -= 1
        until = time.monotonic() + self._timeout
        prompt: Prompt[Any] = Prompt(self._loop, self._abandon, key, until)
        self._prompts[key] = prompt
        if self._timer is None:
            self._timer = self._loop.call_later(self._timeout, self._end_late)
        return prompt

    def _going(self, octets: Octets) -> Generator[int]:
        """Send the rest of plain calls."""
        rest = memoryview(octets)
        while rest:
            yield len(rest)
            rest = rest[self._wire.send_plain(rest) :]

    def _leave(self, key: int) -> Prompt[Any] | None:
        """Such a call is over."""
        prompt = self._prompts.pop(key, None)
        if prompt is not None:
            self._room.give()
        return prompt

    def _end_late(self) -> None:
        """The time of some calls may be over."""
        self._timer, now = None, time.monotonic()
        for key, prompt in [*self._prompts.items()]:
            if prompt.until > now:
                self._timer = self._loop.call_later(prompt.until - now, self._end_late)
                return
            if key in self._prompts:
                self._abandon(key)
                prompt.set_result(late(None))

    async def _send_rest(self, sending: Iterator[int]) -> None:
        """Finish a message that has begun, whatever becomes of its caller."""
        try:
            async with asyncio.timeout(self._timeout):
                await self._writable()
                for _ in sending:
                    await self._writable()
                for _ in self._wire.saying():
                    await self._writable()
                while self._unheard:  # more of them may come while these wait for room
                    self._wire.abandon(self._unheard.pop())
                    for _ in self._wire.saying():
                        await self._writable()
        except TimeoutError:
            self._break(ConnectionLost("the server does not read what it is sent"))
        except RpcError as error:
            self._break(error)
        finally:
            self._rest = None
