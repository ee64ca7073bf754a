"""Acting as a client: for a server that is root the calling thread becomes the client; for others it is a matter of
what access checks are told.

The laws:
- only the calling thread changes, and it gets its own identity back when the `with` ends, however it ends;
- below the level Impersonation root's thread becomes nobody at all: what the client did not allow, nothing does;
- never across an await: where an event loop runs in this thread, root is refused (a thread of its own may do it);
- a change of ids makes the process unreadable to its user's others (PR_SET_DUMPABLE): the last to revert mends that.
A thread that is started meanwhile begins as the client and stays it; a program that is started keeps the real user.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from contextvars import ContextVar
from contextvars import Token as _Reset
from types import TracebackType
from typing import Final, NamedTuple

from ..errors import BadImpersonationLevel, NoImpersonationToken, NotSupported, from_os_error
from ..kernel import overflow_uid
from ..seam import Peer
from .access import GenericMapping, access_check
from .quality import ImpersonationLevel
from .sddl import SecurityDescriptor
from .token import Token

_effective: ContextVar[Impersonation | None] = ContextVar("impersonation", default=None)


class Ids(NamedTuple):
    """The ids that Linux decides access by."""

    uid: int
    gid: int
    groups: Sequence[int]

    @classmethod
    def of_thread(cls) -> Ids:
        """Those of the calling thread."""
        return cls(os.geteuid(), os.getegid(), os.getgroups())


class Impersonation:
    """A client that the calling thread acts for, inside of `with`. Made by `impersonate`.

    token: who the client is; anonymous where it does not say. level: how far it lets us go. real: whether the kernel
    treats this thread as the client; where not, only `open` and `admits` know of it.
    """

    def __init__(self, client: Peer, level: ImpersonationLevel) -> None:
        self.client = client
        self.level = level
        self.token = Token.of(client if level > ImpersonationLevel.ANONYMOUS else Peer())
        self.real = False
        self._before: Ids | None = None
        self._thread = 0
        self._reset: _Reset[Impersonation | None] | None = None

    def __repr__(self) -> str:
        return f"<Impersonation of {self.token.user} {self.level.name}{' real' if self.real else ''}>"

    def __enter__(self) -> Impersonation:
        if self._reset is not None:
            raise RuntimeError("this impersonation has begun already")
        if os.getresuid()[2] == 0:
            self._become(self._ids())
        self._thread = threading.get_ident()
        self._reset = _effective.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.revert()

    def revert(self) -> None:
        """RevertToSelf, before the `with` ends. Twice is once."""
        if self._reset is None:
            return
        if self._before is not None and threading.get_ident() != self._thread:
            raise RuntimeError("an impersonation ends in the thread where it began")
        _effective.reset(self._reset)
        self._reset = None
        if self._before is not None:
            before, self._before, self.real = self._before, None, False
            _switch_back(before)

    def open(self, path: str, flags: int = os.O_RDONLY, mode: int = 0o600) -> int:
        """os.open as the client, close-on-exec.

        Raises BadImpersonationLevel below the level Impersonation, NoImpersonationToken where this process can open
        nothing as another user, and OSError.
        """
        if self.level < ImpersonationLevel.IMPERSONATION:
            raise BadImpersonationLevel(f"opening {path} at level {self.level.name}")
        if not self.real and self.client.uid != os.geteuid():
            raise NoImpersonationToken(f"opening {path} as user {self.client.uid} takes a server that is root")
        return os.open(path, flags | os.O_CLOEXEC, mode)

    def admits(self, descriptor: SecurityDescriptor, desired: int, mapping: GenericMapping) -> bool:
        """Whether a descriptor gives the client the rights in `desired`."""
        return access_check(descriptor, self.token, desired, mapping)

    def _ids(self) -> Ids:
        """Whom the thread becomes; of whom we may not act for, and of whom the kernel does not know: nobody."""
        uid, nobody = self.client.uid, overflow_uid()
        if self.level < ImpersonationLevel.IMPERSONATION or uid is None:
            return Ids(nobody, nobody, ())
        return Ids(uid, nobody if self.client.gid is None else self.client.gid, self.client.groups or ())

    def _become(self, client: Ids) -> None:
        if _event_loop_runs():
            raise NotSupported("no impersonation where an event loop runs: asyncio.to_thread has threads for it")
        before = Ids.of_thread()
        _dumpable.begin()
        try:
            _switch(client)
        except OSError as error:  # root without CAP_SETUID, as in some containers: no access is better than root's
            _switch_back(before)
            raise NoImpersonationToken(str(from_os_error(error, f"becoming user {client.uid}"))) from error
        self._before, self.real = before, True


def impersonate(
    client: Peer,
    level: ImpersonationLevel = ImpersonationLevel.IMPERSONATION,
    *,
    least: ImpersonationLevel = ImpersonationLevel.IDENTIFICATION,
) -> Impersonation:
    """What to enter with `with`, to act for a client that allows it to `level`.

    least: BadImpersonationLevel where the client allows less. ANONYMOUS takes anybody.
    """
    if level < least:
        raise BadImpersonationLevel(f"the client grants {level.name}, not {least.name}")
    return Impersonation(client, level)


def current_impersonation() -> Impersonation | None:
    """The client that is acted for now; None: the process itself acts."""
    return _effective.get()


def effective_token() -> Token:
    """Who acts now: the client that is impersonated, else this process."""
    acting = _effective.get()
    if acting is not None:
        return acting.token
    uid, gid, groups = Ids.of_thread()
    return Token.of(Peer(os.getpid(), uid, gid, tuple(groups)))


class _Dumpable:
    """PR_SET_DUMPABLE as it was before the first of several threads changed its ids."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._value = 1

    def begin(self) -> None:
        from . import thread

        with self._lock:
            if not self._count:
                self._value = thread.dumpable()
            self._count += 1

    def end(self) -> None:
        from . import thread

        with self._lock:
            self._count -= 1
            if not self._count:
                thread.set_dumpable(self._value)

    def forked(self) -> None:
        """In a child of fork: the threads that changed are not here, but for the one that forked."""
        self._lock = threading.Lock()
        self._count = min(self._count, int(os.geteuid() != os.getresuid()[2]))


_dumpable: Final = _Dumpable()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_dumpable.forked)


def _switch(ids: Ids) -> None:
    """Gives the calling thread other ids, by way of its saved user, who is root. Raises OSError."""
    from . import thread

    if os.geteuid():
        thread.set_uid(0)
    thread.set_groups(ids.groups)
    thread.set_gid(ids.gid)
    thread.set_uid(ids.uid)


def _switch_back(before: Ids) -> None:
    try:
        _switch(before)
    except OSError:  # a thread that nobody can tell whose it is must not run on
        os.abort()
    _dumpable.end()


def _event_loop_runs() -> bool:
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return False
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
