"""A wire shared by its callers, in the blocking face. Its twin for asyncio is `async_channel.py`.

The calling thread sends and receives itself. Threads that share a channel take turns at reading: the one that
reads hands others their outcomes, and on leaving wakes one that still waits (leader and followers).

Rule: nobody sleeps over sending, or waits for the turn to send, with the turn to read in hand or free to be had. A
server that serves one call at a time reads nothing while it sends, so a client that only sends may wait for ever.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Final

from ..transports import forking
from .call import Room, ends, remaining
from .carrier import Flats, Reply
from .flat import Flattened, Turn
from .ndr.layout import Encoding
from .outcomes import FORKED, dismissal, dropped, ended, late, over, settled
from .pipes.pipe_call import BlockingPipeCall
from .pipes.piped_reply import PipeCall
from .pipes.piping import Pieces
from .sending import Sending, Slot, wake
from .status import ConnectionLost, DeadlineExceeded, PipeOrderError, ProtocolError, Ran, RpcError
from .stub import Octets
from .wire import NOTHING, Arrival, Exchanged, Message, Outcome, Wire

MOMENT: Final = 0.005
"""Seconds that a turn is waited for that nobody has for long: longer than it takes to send a call that finds room."""


class BlockingChannel(Sending):
    """Calls that block. timeout: seconds that a call may take, unless `deadline` says less.

    cancel_timeout: seconds that the server's last word is waited for, when a call's time is over.
    """

    def __init__(self, wire: Wire, timeout: float, cancel_timeout: float = 0.0) -> None:
        self.encoding: Encoding = wire.encoding
        self._wire = wire
        self._timeout = timeout
        self._cancel_timeout = cancel_timeout
        self._single = None if wire.multiplex else threading.Lock()
        """Held over each call, where the server takes one at a time."""
        if self._single is not None:
            self.call = self._singly  # type: ignore[method-assign]
        self._sending = wire.sending
        self._reading = threading.Lock()
        self._waiting: dict[int, Slot] = {}
        self._unheard: deque[Callable[[], None]] = deque()
        """What is to be said of calls that were given up while another one was sent."""
        self.flats = Flats() if self._single is not None else self._flattened()
        self._broken: RpcError | None = None
        self._owner: int | None = None
        """The thread of the call with pipes that has both turns."""
        forking.watch(self)

    def call(self, opnum: int, parts: Sequence[Octets]) -> Reply:
        """Send a request and wait for its response."""
        timeout = self._timeout if ends() is None else remaining(self._timeout)
        if self._waiting or not self._reading.acquire(False):
            return self._together(opnum, parts, timeout)
        try:  # nobody else is here: no slot and no clock
            if self._broken is not None:
                raise self._over()
            exchanged = self._wire.exchange(opnum, parts, timeout)
            if exchanged is not None and type(exchanged[1]) is tuple:
                return exchanged[1]
            if exchanged is not None:
                return self._settled(exchanged, timeout)
            if self._sending.acquire(False):
                return settled(self._alone(opnum, parts, timeout))
        except RpcError as error:
            self._weigh(error)
            raise
        finally:
            exchanged = None  # an error may be in it: no circle
            self._reading.release()
            if self._waiting:
                self._promote()
        return self._together(opnum, parts, timeout)  # somebody else is sending

    def _settled(self, exchanged: Exchanged, timeout: float) -> Reply:
        """With the turn to read: the reply to a call, which has come or comes after what has."""
        key, arrived = exchanged
        if isinstance(arrived, tuple):
            return arrived
        try:
            if arrived is None:
                raise self._late(key, None)
            return settled(self._read(key, None, timeout, arrived))
        finally:
            del exchanged, arrived  # of which an error may be one: no circle

    def _flattened(self) -> Flats:
        """What makes flat calls; it does not hold the channel, which ends with whoever holds that."""
        this = weakref.proxy(self)

        def promote() -> None:
            this._promote()

        def rare(exchange: Callable[[], Exchanged | None], timeout: float) -> Reply | None:
            reply: Reply | None = this._rare(exchange, timeout)
            return reply

        turn, wire = Turn(self._reading, self._waiting, promote, self._timeout, rare), self._wire
        return Flattened(lambda operation, flat: wire.flat(turn, operation, flat))

    def _rare(self, exchange: Callable[[], Exchanged | None], timeout: float) -> Reply | None:
        """With the turn to read: what becomes of a flat call that is not answered as expected."""
        try:
            exchanged = exchange()
            return None if exchanged is None else self._settled(exchanged, timeout)
        except RpcError as error:
            self._weigh(error)
            raise

    def tell(self, opnum: int, parts: Sequence[Octets]) -> None:
        """Send a request that has no response."""
        if not self._told_at_once(opnum, parts):
            self._post(partial(self._wire.compose, opnum, parts, maybe=True))

    def _told_at_once(self, opnum: int, parts: Sequence[Octets]) -> bool:
        """Nobody else sends, and one step does it."""
        if self._broken is not None or self._single is not None or not self._sending.acquire(False):
            return False
        try:
            return self._wire.tell(opnum, parts)
        except RpcError as error:
            self._weigh(error)
            raise
        finally:
            self._sent()

    @contextmanager
    def batch(self) -> Generator[None]:
        """Calls without an answer that are made meanwhile may wait for each other; at the end they are sent."""
        self._wire.gathering += 1
        try:
            yield
        finally:
            self._wire.gathering -= 1
            self._post(lambda: NOTHING)

    def _post(self, compose: Callable[[], Message]) -> None:
        timeout = remaining(self._timeout)
        until = time.monotonic() + timeout
        self._take_single(timeout)
        try:
            if not self._sending.acquire(timeout=max(until - time.monotonic(), 0)):
                raise DeadlineExceeded("another call was still being sent", ran=Ran.NO)
            try:
                self._send_only(compose, until)
            finally:
                self._sent()
        finally:
            self._give_single()

    def _send_only(self, compose: Callable[[], Message], until: float) -> None:
        """With the turn to send."""
        if self.has_ended():
            raise self._over()
        self._transmit(compose(), Slot(), until - time.monotonic(), reading=False)

    def _singly(self, opnum: int, parts: Sequence[Octets]) -> Reply:
        """A call to a server that takes one at a time."""
        self._take_single(remaining(self._timeout))
        try:
            return BlockingChannel.call(self, opnum, parts)
        finally:
            self._give_single()

    def _take_single(self, timeout: float) -> None:
        self._refuse_owner()
        if self._single is not None and not self._single.acquire(timeout=timeout):
            raise DeadlineExceeded("another call still runs, and the server takes one at a time", ran=Ran.NO)

    def _give_single(self) -> None:
        if self._single is not None:
            self._single.release()

    def allocate(self, size: int) -> Room | None:
        """Room in the connection's shared memory; None when it has none."""
        return self._wire.allocate(size)

    def close(self) -> None:
        """Give up the connection; calls that wait fail."""
        self._break(ConnectionLost("the client closed the connection"))

    def abandon(self) -> None:
        """In a child of fork: the connection is its parent's, and so are those who wait or have a turn."""
        self._broken, self._owner, self._waiting = FORKED, None, {}
        self.flats.end()
        self._sending, self._reading = threading.Lock(), threading.Lock()

    # Calls with pipes

    def open(self, opnum: int, pieces: Pieces) -> PipeCall:
        """A call with pipes. It takes both turns when its response is asked for, and gives them back at its end."""
        return BlockingPipeCall(self, self._wire, opnum, pieces, self._timeout, ends())

    def take_turns(self, timeout: float) -> None:
        """Have the connection to oneself, once the calls that read or send have had their turns."""
        until = time.monotonic() + timeout
        self._take_single(timeout)
        if not self._sending.acquire(timeout=max(until - time.monotonic(), 0)):
            self._give_single()
            raise DeadlineExceeded("another call was still being sent", ran=Ran.NO)
        if not self._reading.acquire(timeout=max(until - time.monotonic(), 0)):
            self._sent()
            self._give_single()
            raise DeadlineExceeded("another call was still being read", ran=Ran.NO)
        self._owner = threading.get_ident()
        if self._broken is not None:
            self.give_turns()
            raise self._over()

    def give_turns(self) -> None:
        """Let others have the connection."""
        self._owner = None
        self._leave()
        self._reading.release()
        self._sent()
        self._give_single()
        if self._waiting:
            self._promote()

    def deliver(self, arrival: Arrival) -> None:
        """Hand an outcome to the call that waits for it."""
        self._deliver(*arrival)

    def end(self, error: RpcError) -> None:
        """The connection is over."""
        self._break(error)

    def _refuse_owner(self) -> None:
        if self._owner == threading.get_ident():
            raise PipeOrderError("a call with pipes of this thread has the connection: read it to its end or close it")

    # Sharing

    def _alone(self, opnum: int, parts: Sequence[Octets], timeout: float) -> Outcome:
        """A call with both turns in hand; that to send is given back."""
        slot = Slot()
        try:
            if self._wire.rested():
                self._look()
                if self._broken is not None:
                    raise self._over()
            message = self._wire.compose(opnum, parts)
            left = self._transmit(message, slot, timeout, reading=True)
        finally:
            self._sent()
        return slot.outcome or self._read(message.key, slot, left, [])

    def _look(self) -> None:
        """With the turn to read: take what has come in a pause."""
        try:
            for arrival in self._wire.receive_now() or ():
                self.deliver(arrival)
        except RpcError as error:
            self._break(error)
        self._leave()

    def _together(self, opnum: int, parts: Sequence[Octets], timeout: float) -> Reply:
        """A call while other threads have theirs."""
        until, slot, key = time.monotonic() + timeout, Slot(), 0
        self._refuse_owner()
        if not self._sending.acquire(timeout=timeout):
            raise DeadlineExceeded("another call was still being sent", ran=Ran.NO)
        try:
            if self.has_ended():
                raise self._over()
            message = self._wire.compose(opnum, parts)
            key = message.key
            self._waiting[key] = slot
            self._transmit(message, slot, until - time.monotonic(), reading=False)
        except RpcError as error:
            self._waiting.pop(key, None)
            slot.outcome = None
            self._weigh(error, awaited=self._reading.locked() or bool(self._waiting))
            raise
        finally:
            self._sent()
        return settled(self._follow(key, slot, until))

    def _follow(self, key: int, slot: Slot, until: float) -> Outcome:
        """Wait for the outcome or for the turn to read."""
        try:
            return self._outcome(key, slot, until)
        except KeyboardInterrupt:
            self._abandon(key)
            raise
        finally:
            slot.outcome = None
            self._waiting.pop(key, None)
            if self._waiting:
                self._promote()

    def _outcome(self, key: int, slot: Slot, until: float) -> Outcome:
        while slot.outcome is None:
            left = max(until - time.monotonic(), 0.001)
            if self._reading.acquire(False):
                try:
                    return slot.outcome or self._read(key, slot, left, [])
                finally:
                    self._reading.release()
            elif not slot.wake.acquire(timeout=left) and slot.outcome is None:
                raise self._late(key, slot, reading=False)
        return slot.outcome

    def _read(self, key: int, slot: Slot | None, timeout: float, arrived: list[Arrival]) -> Outcome:
        """With the reading lock held: read until the outcome of `key` is there, and hand to others what is theirs."""
        until, left = time.monotonic() + timeout, timeout  # unchanged at first: a wait of another length is a call
        try:
            while (outcome := self._sort(key, arrived) if arrived else None) is None:
                if slot is not None and slot.outcome is not None:
                    return slot.outcome
                if left <= 0:  # whatever it is that keeps arriving
                    raise DeadlineExceeded("no answer in time")
                arrived = self._wire.receive(left)
                left = until - time.monotonic()
            self._leave()
            return outcome
        except DeadlineExceeded:
            raise self._late(key, slot) from None
        except KeyboardInterrupt:
            self._abandon(key)
            raise
        except RpcError as error:
            self._break(error)
            raise

    def _late(self, key: int, slot: Slot | None, *, reading: bool = True) -> DeadlineExceeded:
        """No answer in time: the server is asked to end the call, and what it then says tells whether it ran."""
        outcome: Outcome | None = None
        cancelled = self._cancel_timeout > 0 and self._tell(self._wire.cancel, key)
        if cancelled and reading:
            outcome = self._last_word(key, slot)
        elif cancelled and slot is not None:
            slot.wake.acquire(timeout=self._cancel_timeout)
            outcome = slot.outcome
        if outcome is None:
            self._abandon(key, cancelled=cancelled)
        return late(outcome)

    def _last_word(self, key: int, slot: Slot | None) -> Outcome | None:
        until = time.monotonic() + self._cancel_timeout
        try:
            while (left := until - time.monotonic()) > 0 and (slot is None or slot.outcome is None):
                outcome = self._sort(key, self._wire.receive(left))
                if outcome is not None:
                    return outcome
        except DeadlineExceeded:
            return None
        return None if slot is None else slot.outcome

    def _sort(self, key: int, arrivals: list[Arrival]) -> Outcome | None:
        """Hand outcomes to those who wait; the one of `key` is returned."""
        own: Outcome | None = None
        for arrived, outcome in arrivals:
            if arrived == key:
                own = outcome
            else:
                self._deliver(arrived, outcome)
        return own

    def _deliver(self, key: int, outcome: Outcome) -> None:
        slot = self._waiting.pop(key, None)
        if slot is not None:
            slot.outcome = outcome
            wake(slot)
        else:
            dropped(outcome)

    def _promote(self) -> None:
        """Wake one that waits, to read in its turn."""
        for slot in list(self._waiting.values()):
            wake(slot)
            return

    # Failing

    def _leave(self) -> None:
        """End the connection, if the server asked for it and nobody waits any more."""
        if self._wire.dismissed:
            self._break(dismissal())

    @property
    def handles(self) -> bool:
        """May system handles travel?"""
        return self._wire.handles

    def has_ended(self) -> bool:
        """Looks whether the connection has ended."""
        if self._broken is None and self._wire.rested() and self._reading.acquire(timeout=MOMENT):
            try:
                self._look()
            finally:
                self._reading.release()
        return self._broken is not None

    @property
    def broken(self) -> RpcError | None:
        """How the connection ended, if it did."""
        return self._broken

    def _over(self) -> RpcError:
        return over(self._broken)

    def _weigh(self, error: RpcError, *, awaited: bool = False) -> None:
        """A connection survives a call that was late, or that a fault answered.

        awaited: others wait for answers. Then it survives one that never left: a server that takes no more calls
        still answers those that it has.
        """
        if isinstance(error, ConnectionLost | ProtocolError) and not (awaited and error.ran is Ran.NO):
            self._break(error)

    def _abandon(self, key: int, *, cancelled: bool = False) -> None:
        self._tell(partial(self._wire.abandon, cancelled=cancelled), key)

    def _tell(self, word: Callable[[int], None], key: int) -> bool:
        """Say something of a call; False: not yet, since another one is being sent, and then it is said."""
        self._unheard.append(partial(word, key))
        return self._say(MOMENT)

    def _say(self, timeout: float) -> bool:
        """Say what is to be said of calls that were given up, if the turn to send is to be had."""
        while self._unheard:
            if not self._sending.acquire(timeout=timeout):
                return False
            try:
                while self._unheard:
                    self._unheard.popleft()()
            except RpcError as error:
                self._break(error)
            finally:
                self._sending.release()
        return True

    def _sent(self) -> None:
        """Give back the turn to send."""
        self._sending.release()
        if self._unheard:
            self._say(0)

    def _break(self, error: RpcError) -> None:
        """The connection is over: everybody who waits learns why."""
        if self._broken is None:
            self._broken = error
        elif isinstance(error, ConnectionLost) and not error.before:
            error.args = self._broken.args  # another thread has ended it, and that is why this one has lost it
        self._wire.close()
        for key in list(self._waiting):
            self._deliver(key, ended(error))
