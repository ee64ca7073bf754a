"""Who may call an interface: from where, at what least level of authentication, and whom a function admits.

All come before a request is unmarshalled, as do RpcServerRegisterIf's security callback, RPC_IF_ALLOW_SECURE_ONLY and
RPC_IF_ALLOW_LOCAL_ONLY;
who is not admitted gets the fault access_denied (5), which says that the call did not run. An answer is never kept:
one that was meant for another operation or another caller must not count (CVE-2022-38034).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import NamedTuple, TypeAlias

from .call import Caller, caller
from .journal import note
from .ncacn.security import AuthLevel
from .operation import Interface
from .status import ACCESS_DENIED, AccessDenied, Ran

Admit: TypeAlias = Callable[[Caller, Interface, int], bool | Awaitable[bool]]
"""Asked whether a caller may have the operation of that number. Of an AsyncServer it may be `async`."""


class Guard(NamedTuple):
    """What keeps an interface. level: the least that a call has to come with. admit: asked when that is met.
    local_only: the kernel has to know the caller."""

    interface: Interface
    level: AuthLevel
    admit: Admit | None
    local_only: bool = False

    def check(self, opnum: int) -> None:
        """AccessDenied unless the caller may have the operation. For blocking servers."""
        who = self._leveled(opnum)
        try:
            admitted = self.admit is None or self.admit(who, self.interface, opnum)
        except Exception as error:
            raise self._failed(who, error) from error
        if admitted is not True:
            raise self._denied(who, opnum, "the server's admit says no")

    async def check_async(self, opnum: int) -> None:
        """The same for asyncio."""
        who = self._leveled(opnum)
        try:
            admitted = self.admit is None or self.admit(who, self.interface, opnum)
            if isawaitable(admitted):
                admitted = await admitted
        except Exception as error:
            raise self._failed(who, error) from error
        if admitted is not True:
            raise self._denied(who, opnum, "the server's admit says no")

    def _leveled(self, opnum: int) -> Caller:
        who = caller()
        if self.local_only and who.uid is None:
            raise self._denied(who, opnum, "it is for callers of this machine")
        if who.level < self.level:
            raise self._denied(who, opnum, f"level {who.level.name}, the least is {self.level.name}")
        return who

    def _denied(self, who: Caller, opnum: int, reason: str) -> AccessDenied:
        note("denied", peer=str(who), interface=self.interface.name, reason=reason, opnum=opnum)
        return AccessDenied(ACCESS_DENIED, ran=Ran.NO)

    def _failed(self, who: Caller, error: Exception) -> AccessDenied:
        note("admit_failed", peer=str(who), interface=self.interface.name, failure=error)
        return AccessDenied(ACCESS_DENIED, ran=Ran.NO)


def guard(interface: Interface, level: AuthLevel, admit: Admit | None, *, local_only: bool = False) -> Guard | None:
    """What keeps an interface; None where everybody may call."""
    kept = local_only or level > AuthLevel.NONE or admit is not None
    return Guard(interface, level, admit, local_only) if kept else None
