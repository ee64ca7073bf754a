"""A client's channel whose server may call back, in the blocking face: the thread that waits for a call serves what
comes for it. Its twin is `async_channel.py`.

While a callback runs its thread has neither turn, so that other threads, and calls of its own, go on.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress

from ..call import deadline, remaining
from ..carrier import Flats, Reply
from ..channel import BlockingChannel
from ..lrpc_wire import LrpcWire, within
from ..sending import Slot, wake
from ..status import CallbackRefused, CallCancelled, DeadlineExceeded, Fault, Ran, RpcError
from ..stub import Octets
from ..wire import Back, Message, Outcome
from .served import Served


class CallbackChannel(BlockingChannel):
    """Calls that block, and callbacks in the middle of them."""

    def __init__(self, wire: LrpcWire, served: Served, timeout: float, cancel_timeout: float) -> None:
        super().__init__(wire, timeout, cancel_timeout)
        wire.called_back = True
        self.flats = Flats()
        self._lrpc = wire
        self._served = served

    def call(self, opnum: int, parts: Sequence[Octets]) -> Reply:
        """Send a request and wait for its response, with what comes before it."""
        return self._together(opnum, parts, remaining(self._timeout))

    def _outcome(self, key: int, slot: Slot, until: float) -> Outcome:
        while isinstance(outcome := super()._outcome(key, slot, until), Back):
            slot.outcome = None
            self._promote()
            if time.monotonic() < until:
                with suppress(DeadlineExceeded):  # there was no time left to answer it: see below
                    self._serve(key, outcome, until)
            else:
                self._refuse(key, outcome)
            if slot.outcome is None and time.monotonic() >= until:
                self._give_up(key, slot)
        return outcome

    def _give_up(self, key: int, slot: Slot) -> None:
        """The time of a call is over, and its thread has neither turn."""
        turn = self._reading.acquire(False)
        try:
            raise self._late(key, slot, reading=turn)
        finally:
            if turn:
                self._reading.release()

    def _last_word(self, key: int, slot: Slot | None) -> Outcome | None:
        outcome = super()._last_word(key, slot)
        if isinstance(outcome, Back):  # it has crossed the word that the call is over
            self._refuse(key, outcome)
            return None
        return outcome

    def _refuse(self, key: int, back: Back) -> None:
        """A callback has come too late to be served."""
        try:
            self._lrpc.deny(key, back, CallCancelled(ran=Ran.NO))
        except RpcError as error:
            self._break(error)

    def _deliver(self, key: int, outcome: Outcome) -> None:
        if not isinstance(outcome, Back):
            super()._deliver(key, outcome)
        elif (slot := self._waiting.get(key)) is not None:
            slot.outcome = outcome
            wake(slot)
        else:
            self._lrpc.deny(key, outcome, CallbackRefused(message="nobody waits for that call", ran=Ran.NO))

    def _promote(self) -> None:
        """Wake all that wait: one that serves a callback would not read."""
        for slot in list(self._waiting.values()):
            wake(slot)

    def _serve(self, key: int, back: Back, until: float) -> None:
        answer: list[Octets] | Fault = CallCancelled(ran=Ran.UNKNOWN)
        token = within.set((self._lrpc, back.callback_id))
        try:
            try:
                with deadline(until - time.monotonic()):
                    answer = self._served.answer(back)
            finally:  # the server waits, also for what was interrupted
                self._reply(key, back, answer, until)
        except RpcError as error:
            self._weigh(error)
            raise
        finally:
            within.reset(token)

    def _reply(self, key: int, back: Back, answer: list[Octets] | Fault, until: float) -> None:
        if not self._sending.acquire(timeout=max(until - time.monotonic(), 0.001)):
            raise DeadlineExceeded("another call was still being sent")
        try:
            self._send(self._lrpc.answer(key, back, answer), until)
        finally:
            self._sending.release()

    def _send(self, message: Message, until: float) -> None:
        """Send it; whoever has no room takes what has come meanwhile."""
        sending = self._wire.transmitting(message)
        for _ in sending:
            turn = self._reading.acquire(False)
            try:
                self._room(turn, False, 0, until)
                for arrived in (self._wire.receive_now() or ()) if turn else ():
                    self._deliver(*arrived)
            finally:
                if turn:
                    self._reading.release()
                    self._promote()
