"""Acting as the caller: RpcImpersonateClient, for the methods of a server. What it means is `transports/security`'s."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from ..transports.errors import TransportError
from ..transports.seam import Peer
from ..transports.security import Impersonation, ImpersonationLevel
from ..transports.security import impersonate as begin
from .call import caller
from .status import AccessDenied


@contextmanager
def impersonate(least: ImpersonationLevel = ImpersonationLevel.IDENTIFICATION) -> Generator[Impersonation, None, None]:
    """Act as the caller of the method that runs now, until the `with` ends; RpcRevertToSelf is `revert()`.

    In a server that is root the calling thread becomes the caller: what it opens it opens as the caller, and other
    threads do not notice. In any other server only the `open` and `admits` of what is given know of it. Below the level
    IMPERSONATION root's thread becomes nobody. Never across an await: in an asyncio server that is root, do it in
    `asyncio.to_thread`. Raises AccessDenied where the caller grants less than `least`, or is of another machine.
    """
    who = caller()
    if who.uid is None:
        raise AccessDenied(message=f"{who} is no user of this machine, and cannot be impersonated")
    client = Peer(who.pid, who.uid, who.gid, who.groups, who.address)
    try:
        acting = begin(client, ImpersonationLevel(who.grants), least=least)
        acting.__enter__()
    except TransportError as error:
        raise AccessDenied(message=f"{who}: {error}") from error
    try:
        yield acting
    finally:
        acting.revert()
