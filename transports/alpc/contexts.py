"""Security contexts: for which of its users a client sends a message (ALPC_SECURITY_ATTR).

A thread of the client's creates one, and with it goes the kernel's word of who that thread is (SCM_CREDENTIALS), and
which groups it has: a socket that it has just made, since a message does not tell those and SO_PEERGROUPS does. The
messages that name it are that user's, whoever sends them, to the level that it grants. So a server that acts for its
own client may ask another one in that client's name. What travels is a frame of type SECURITY_CONTEXT with a SECURITY
attribute: CREATE_HANDLE and a quality of service as data creates, RELEASE_HANDLE deletes, neither revokes; one without
the attribute says that one comes. Rules of this file:
- only clients create contexts, and only what the kernel vouches for becomes one;
- who deletes a context cannot name it again; messages that named it keep it;
- who revokes it ends that too: nobody acts by it from now on.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from ..errors import BadFrame, Disconnected, InvalidParameter, NotSupported, QuotaExceeded
from ..security import DEFAULT_QOS, Identity, SecurityQos, Tracker
from .messages.attributes import SECURITY_CREATE_HANDLE, SECURITY_RELEASE_HANDLE, AttributeBlock, SecurityAttribute
from .messages.message import SECURITY_CONTEXT
from .outbox import Outgoing

if TYPE_CHECKING:
    from .arrivals import Arrivals
    from .message_port import MessagePort

MAX_CONTEXTS: Final = 64
"""Contexts of one connection at a time."""


def create_security_context(port: MessagePort, qos: SecurityQos = DEFAULT_QOS) -> SecurityContext:
    """Captures who the calling thread is now, for messages of `port` that name it (NtAlpcCreateSecurityContext).

    qos: how far the server may go in this name. Raises NotSupported (a server's port, or one with a lane: its server
    accepts connections and does not receive messages), QuotaExceeded (64 of them), InvalidParameter (a port of LPC),
    Disconnected, ResourcesExhausted.
    """
    port.check_alpc("security contexts")
    if port.is_server or port.beside.has_lane:
        raise NotSupported(f"{port!r}: security contexts are a client's, for servers that receive messages")
    if len(port.beside.contexts.own) >= MAX_CONTEXTS:
        raise QuotaExceeded(f"{MAX_CONTEXTS} security contexts of {port!r}")
    context = SecurityContext(port, port.exchange.number())
    context.say(None)
    context.say(SECURITY_CREATE_HANDLE, bytes(qos))
    port.beside.contexts.own.add(context.handle)
    return context


class SecurityContext:
    """A client's: `request(..., security=context)` sends in its name. Leaving `with` deletes it."""

    def __init__(self, port: MessagePort, handle: int) -> None:
        self.handle: Final = handle
        self._port = port

    def __repr__(self) -> str:
        return f"<SecurityContext {self.handle:#x} of {self._port!r}>"

    def __enter__(self) -> SecurityContext:
        return self

    def __exit__(self, *_: object) -> None:
        self.delete()

    def attribute(self, port: MessagePort) -> SecurityAttribute:
        """What a message says of it. Raises InvalidParameter once it is deleted or revoked, or for another port's."""
        if port is not self._port or self.handle not in port.beside.contexts.own:
            raise InvalidParameter(f"{self!r} is not there for {port!r}")
        return SecurityAttribute(0, 0, self.handle)

    def delete(self) -> None:
        """No message will name it (NtAlpcDeleteSecurityContext); those that did keep it. Twice is once."""
        self._end(SECURITY_RELEASE_HANDLE)

    def revoke(self) -> None:
        """Nobody is to act by it any more, whatever named it (NtAlpcRevokeSecurityContext). Twice is once."""
        self._end(0)

    def say(self, flags: int | None, data: bytes = b"") -> None:
        """Tells the server of it; None: that it will be told."""
        block = AttributeBlock(security=None if flags is None else SecurityAttribute(flags, 0, self.handle))
        exchange = self._port.exchange
        exchange.send(Outgoing(SECURITY_CONTEXT, exchange.number(), data=data, block=block), None)

    def _end(self, flags: int) -> None:
        if self.handle in self._port.beside.contexts.own:
            self._port.beside.contexts.own.discard(self.handle)
            with contextlib.suppress(Disconnected):  # it went with the connection
                self.say(flags)


class CapturedContext:
    """One as the server has it."""

    __slots__ = ("identity", "qos", "revoked")

    def __init__(self, identity: Identity, qos: SecurityQos) -> None:
        self.identity: Final = identity
        self.qos: Final = qos
        self.revoked = False


class SecurityContexts:
    """Those of one connection, at either end: a client's own, and what a server has captured."""

    __slots__ = ("_captured", "own")

    def __init__(self) -> None:
        self.own: Final = set[int]()
        """Handles of those that this end, a client's, has created."""
        self._captured: dict[int, CapturedContext] = {}

    def arrived(
        self, port: Arrivals, kind: int, attribute: SecurityAttribute | None, data: bytes
    ) -> CapturedContext | None:
        """The context that a message names; None: it told of one, or that one comes. Raises BadFrame."""
        if not port.is_server:
            raise BadFrame("a security context of a server's")
        if attribute is None:
            port.ask_who()
        elif kind != SECURITY_CONTEXT:
            return self._named(attribute)
        elif attribute.flags == SECURITY_CREATE_HANDLE:
            self._create(port, attribute.context_handle, data)
        else:
            self._named(attribute).revoked = not attribute.flags
            self._captured.pop(attribute.context_handle, None)
        return None

    def _named(self, attribute: SecurityAttribute) -> CapturedContext:
        captured = self._captured.get(attribute.context_handle)
        if captured is None or attribute.flags & ~SECURITY_RELEASE_HANDLE:
            raise BadFrame(f"{attribute}, of which there is none")
        if attribute.flags:
            del self._captured[attribute.context_handle]
        return captured

    def _create(self, port: Arrivals, handle: int, data: bytes) -> None:
        sender = port.beside.sender()
        if handle in self._captured or len(self._captured) >= MAX_CONTEXTS:
            raise BadFrame(f"security context {handle:#x}, the number {len(self._captured) + 1}")
        try:
            qos = SecurityQos.parse(data)
        except ValueError as error:
            raise BadFrame(str(error)) from error
        changed = (sender.pid, sender.uid, sender.gid) != (port.peer.pid, port.peer.uid, port.peer.gid)
        self._captured[handle] = CapturedContext(Tracker(sender).last._replace(changed=changed), qos)
