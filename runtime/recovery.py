"""Calls that are made again, and connections that are made anew, for a client. For asyncio: `async_recovery.py`.

Rules:
- what may have run is not repeated, unless the IDL calls the operation [idempotent] (or [broadcast], which implies it);
- everything together has the time of one more call, or what `lrpc.deadline` leaves;
- an error that comes in the end says of the call what the worst of its attempts says: UNKNOWN, if one was;
- context handles die with their connection. Who still has some is told so once, before a new connection is made.

Nothing of this is on the way of a call that succeeds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from .call import deadline, time_left
from .journal import note
from .operation import Operation
from .policy import Policy, chance
from .status import ConnectionLost, ContextMismatch, DeadlineExceeded, Ran, RpcError, ServerTooBusy, ServerUnavailable

if TYPE_CHECKING:
    from .handle import Handle

PASSING: Final = (ConnectionLost, ServerUnavailable, ServerTooBusy)
"""What may be otherwise the next time."""


class Attempts:
    """Those of one call. Decides, and does nothing."""

    def __init__(self, policy: Policy, operation: Operation[Any], timeout: float) -> None:
        self._until = time.monotonic() + time_left(timeout)
        self._policy = policy
        self._repeatable = operation.idempotent or operation.broadcast
        self._made = 0
        self._renewed = False
        self._may_have_run = False

    def pause(self, error: RpcError, *, hopeless: bool) -> float:
        """Seconds to wait before the call is made again. Raises `error` where it must not be."""
        self._may_have_run |= error.ran is Ran.UNKNOWN
        if isinstance(error, PASSING) and not hopeless and (self._repeatable or error.ran is Ran.NO):
            if isinstance(error, ConnectionLost) and error.before and not self._renewed:
                self._renewed = True  # the call has not been made at all
                return 0.0
            pause = self._next_pause(error)
            if self._made <= self._policy.retries and pause < self.left:
                return pause
        if self._may_have_run and error.ran is Ran.NO:
            error.ran = Ran.UNKNOWN
        try:
            raise error
        finally:
            del error  # or it would hold itself, by way of this frame

    def _next_pause(self, error: RpcError) -> float:
        self._made += 1
        if self._made == 1 and isinstance(error, ConnectionLost):
            return 0.0  # only the connection was wrong
        return self._policy.pause(self._made, chance())

    @property
    def left(self) -> float:
        """Seconds until there is no more time."""
        return self._until - time.monotonic()


class Renewal:
    """What both faces share: whether a client gets a new connection, and what it goes on with.

    reach: connects and binds. open: makes a channel of a wire.
    """

    def __init__(self, policy: Policy, timeout: float, reach: Callable[[], Any], open: Callable[[Any], Any]) -> None:
        self.policy = policy
        self.timeout = timeout
        self.reach = reach
        self.channel: Any = None
        """What the client calls through."""
        self.wire: Any = None
        """What that is made of."""
        self.connection: Any = None
        """How its server was reached."""
        self.handles: WeakSet[Handle] = WeakSet()
        """Its context handles, those that are open among them."""
        self.closed = False
        """The client was closed, and stays so."""
        self._open = open

    def take(self, wire: Any, connection: Any) -> Any:
        """Go on with this connection: a channel."""
        if self.closed:
            wire.close()
            raise ConnectionLost("the client was closed", ran=Ran.NO)
        self.channel, self.wire, self.connection = self._open(wire), wire, connection
        return self.channel

    @property
    def hopeless(self) -> bool:
        """There will be no other connection."""
        return self.closed or not (self.policy.reconnect or self.channel.broken is None)

    def needed(self) -> bool:
        """Is a new connection to be made? Raises ContextMismatch where more than the connection was lost."""
        ended: RpcError | None = self.channel.broken
        if ended is None or self.hopeless:
            return False
        lost = [handle for handle in self.handles if not handle.closed]
        self.handles.clear()
        for handle in lost:
            handle.lose()
        if lost:
            kinds = ", ".join(sorted(handle.type for handle in lost))
            raise ContextMismatch(
                None, f"the connection had ended, and its context handles with it: {kinds}", ran=Ran.NO
            )
        note("reconnecting", peer=str(self.connection), reason=str(ended))
        return True


class Recovery(Renewal):
    """The calls of a blocking client that failed."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._turn = threading.Lock()

    def again(self, operation: Operation[Any], call: Callable[[], Any], error: RpcError) -> Any:
        """Make a call again that has failed, for as often as that is wise; raises the error that it ends with."""
        attempts = Attempts(self.policy, operation, self.timeout)
        try:
            while True:
                time.sleep(attempts.pause(error, hopeless=self.hopeless))
                try:
                    with deadline(attempts.left):
                        self.renew()
                        return call()
                except RpcError as another:
                    error = another
        finally:
            del error  # or it would hold itself, by way of this frame

    def renew(self) -> None:
        """Go on with a new connection, if the old one has ended."""
        if not self._turn.acquire(timeout=max(time_left(self.timeout), 0)):
            raise DeadlineExceeded("the client was still being connected", ran=Ran.NO)
        try:
            if self.needed():
                self.take(*self.reach())
        finally:
            self._turn.release()
