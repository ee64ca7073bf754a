"""What a call is, whatever carries it: its deadline, its caller, its limits.

`with lrpc.deadline(2):` bounds the calls inside; `lrpc.caller()` in a server's method says who calls.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from ..transports.errors import TransportError
from .contexts import ANYONE, Holder
from .ncacn.security import AuthLevel
from .status import DeadlineExceeded, Ran

if TYPE_CHECKING:
    from ..transports.security.process import SenderProcess

DEFAULT_TIMEOUT: Final = 30.0
"""Seconds that a call may take unless something else is said: no call waits for ever."""

_deadline: ContextVar[float | None] = ContextVar("lrpc deadline", default=None)
ends: Final[Callable[[], float | None]] = _deadline.get
"""When the calls made now have to be over, by time.monotonic; None unless a `deadline` says so."""
_caller: ContextVar[Caller | None] = ContextVar("lrpc caller", default=None)
_test_cancel: ContextVar[Callable[[float], bool] | None] = ContextVar("lrpc test for a cancel", default=None)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one peer may cost. Sizes in octets, times in seconds; what is over a limit ends the peer's connection."""

    max_request: int = 4 << 20
    """A request over the network: Samba's bound, which clients know."""
    max_local_request: int = 64 << 20
    """A request over ALPC: shared memory makes it cheap, and the sender is a user of this machine."""
    max_response: int = 64 << 20
    """A response, at the client."""
    max_items: int = 1 << 20
    """Objects made of one message: each takes 50 octets and more."""
    max_bindings: int = 32
    """Interfaces bound on one connection."""
    max_connections: int = 256
    """Connections at once, for each user."""
    max_calls: int = 64
    """Calls that run at once on one connection; what comes beyond waits, or is refused over the network."""
    max_one_way: int = 1024
    """[maybe] calls of one user that an asyncio server runs at once; the newest beyond them are dropped and counted."""
    max_cancels: int = 2048
    """Words of one connection that give up calls that run or wait, at once, and as many each second."""
    max_contexts: int = 1024
    """Context handles open in one association."""
    max_unsent: int = 8 << 20
    """Answers that wait until one before them is sent, of an AsyncServer; no more calls begin then."""
    max_silence: float = 30.0
    """In the middle of a call with pipes: between two reads of a client that takes its results, or sends."""
    max_pause: float = 10.0
    """In the middle of a request over the network: from one of its PDUs to the end of the next."""
    keepalive: float = 30.0
    """TCP: from the last sign of life of the peer's machine to the end of the connection; 0 for no such end."""
    handshake: float = 10.0
    """From connecting to the first call that is understood."""
    max_strangers: int = 64
    """Connections in their handshake; one more, and the oldest goes."""
    max_idlers: int = 256
    """Connections of a user that ended without a call, and 20 each second; who has more is turned away at the door."""


class Room(Protocol):
    """Octets of shared memory to fill, which are sent from where they are."""

    buffer: memoryview

    def close(self) -> None:
        """Give them back."""
        ...


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling, as far as the kernel knows, and the user has proved: None where nobody can tell."""

    transport: str
    """The protocol sequence."""
    pid: int | None = None
    uid: int | None = None
    gid: int | None = None
    groups: tuple[int, ...] | None = None
    address: str = ""
    user: str | None = None
    r"""Who a client of the network has proved to be: `DOMAIN\user`, `user@REALM`."""
    authentication: str = ""
    """By what: `ntlm`, `kerberos`."""
    level: AuthLevel = AuthLevel.NONE
    """How its calls are protected; PRIVACY where the kernel delivers them and says who calls."""
    grants: int = 2
    """How far the server may go in its name, an ImpersonationLevel: IMPERSONATION unless it says otherwise."""
    process: Callable[[], SenderProcess] | None = field(default=None, repr=False, compare=False)
    """Gives the calling process, on this machine; `pidfd` and `changed` ask it."""
    room: Callable[[int], Room] | None = field(default=None, repr=False, compare=False)
    """Gives room in the memory that the connection shares; `lrpc.allocate` asks it. None: it shares none."""

    def __str__(self) -> str:
        user = f" {self.user}" if self.user else ""
        if self.pid is None:
            return f"{self.transport} {self.address}{user}"
        return f"{self.transport} pid {self.pid} uid {self.uid}{user}"

    @property
    def sid(self) -> str | None:
        """The user's SID: S-1-22-1-uid."""
        return None if self.uid is None else f"S-1-22-1-{self.uid}"

    @property
    def pidfd(self) -> int:
        """A pidfd of the process that connected, which stays that process's when its number is another's.

        It belongs to the connection: do not close it. LookupError where there is none: over a network, or no longer.
        """
        return self._opened().fileno()

    @property
    def changed(self) -> bool:
        """Whether the process is not who it was when it connected: it has another user or group, or has ended.

        Looks now, so it costs a system call. False over a network, where who a client is has been proved.
        """
        if self.process is None:
            return False
        info = self._opened().info()
        return info is None or (info.euid, info.egid) != (self.uid, self.gid)

    def _opened(self) -> SenderProcess:
        if self.process is None:
            raise LookupError(f"the process of {self} is of another machine")
        try:
            return self.process()
        except TransportError as error:
            raise LookupError(f"the process of {self} cannot be opened: {error}") from error


def caller() -> Caller:
    """The caller of the method that runs now. LookupError outside of a call."""
    current = _caller.get()
    if current is None:
        raise LookupError("lrpc.caller() is for the methods of a server, while they serve a call")
    return current


def peer() -> str:
    """The caller in words; empty outside of a call."""
    current = _caller.get()
    return "" if current is None else str(current)


def call_cancelled(wait: float = 0.0) -> bool:
    """Has the client given up the call that runs now, or gone away, or has the server, at the end of its grace?
    RpcServerTestCancel, for blocking methods.

    wait: seconds to wait for that, so that a method may write `if lrpc.call_cancelled(1.0)` where it would have slept.
    A method that stops early may raise anything, lrpc.CallCancelled for one: nobody reads it. LookupError outside of
    a blocking method; one of an asyncio server is cancelled as a task.
    """
    test = _test_cancel.get()
    if test is None:
        raise LookupError("lrpc.call_cancelled() is for the blocking methods of a server, while they serve a call")
    return test(wait)


def holder() -> Holder:
    """Whose the context handles are that the method makes that runs now: the user's who calls, or the address's."""
    current = _caller.get()
    if current is None:
        return ANYONE
    known = current.address.rpartition(":")[0] if current.uid is None else current.uid
    return Holder((current.user, known), current.level)


set_caller: Final[Callable[[Caller], object]] = _caller.set
"""Say who the calls in this context come from; the server's business."""
set_cancel_test: Final[Callable[[Callable[[float], bool]], object]] = _test_cancel.set
"""Say how the calls in this context learn that they are given up; the business of a server that blocks."""


@contextmanager
def deadline(seconds: float) -> Generator[None, None, None]:
    """Bound all calls inside to `seconds` from now. An outer deadline that ends earlier still holds."""
    outer, wanted = _deadline.get(), time.monotonic() + seconds
    token = _deadline.set(wanted if outer is None else min(outer, wanted))
    try:
        yield
    finally:
        _deadline.reset(token)


def time_left(timeout: float) -> float:
    """`remaining` for those who only ask: 0 or less when the deadline has passed."""
    until = _deadline.get()
    return timeout if until is None else min(timeout, until - time.monotonic())


def remaining(timeout: float) -> float:
    """Seconds that a call may take from now: `timeout`, or less by `deadline`. DeadlineExceeded when none are left."""
    until = _deadline.get()
    if until is None:
        return timeout
    left = min(timeout, until - time.monotonic())
    if left <= 0:
        raise DeadlineExceeded("the deadline had passed before the call began", ran=Ran.NO)
    return left
