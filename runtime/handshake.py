"""How a client gets its interface: a bind, the legs of authentication, and what a refusal means (MS-RPCE 3.3.2.4.1).

The octets of the legs are the engine's business; here they are carried, within the time there is, and what goes wrong
gets its name.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from ..transports.seam import Connection
from . import ncacn
from .ncacn.constants import NakReason
from .ncacn.security import SecurityContext, SecurityError
from .ndr.layout import Encoding
from .status import (
    ACCESS_DENIED,
    AccessDenied,
    BindRefused,
    ConnectionLost,
    DeadlineExceeded,
    ProtocolError,
    Ran,
    RpcError,
    fault_name,
)
from .stub import Interface

if TYPE_CHECKING:
    from .authentication.security import Security

_TRANSFERS: Final = {Encoding.NDR: ncacn.NDR, Encoding.NDR64: ncacn.NDR64}
_REASONS: Final = {
    NakReason.TEMPORARY_CONGESTION: "temporary congestion",
    NakReason.LOCAL_LIMIT_EXCEEDED: "local limit exceeded",
    NakReason.PROTOCOL_VERSION_NOT_SUPPORTED: "protocol version not supported",
    NakReason.AUTHENTICATION_TYPE_NOT_RECOGNIZED: "authentication type not recognized",
    NakReason.INVALID_CHECKSUM: "invalid checksum",
}
_DENIED: Final = frozenset((ACCESS_DENIED, 0x721, 0x1C00001F))
"""Statuses by which a server refuses who the client says it is."""


class Handshake:
    """One client's bind over one connection. security: how it is authenticated with the server at `host`; None: not."""

    def __init__(
        self,
        connection: Connection,
        association: ncacn.ClientAssociation,
        security: Security | None = None,
        host: str = "",
    ) -> None:
        self._connection = connection
        self._association = association
        self._security = security
        self._host = host

    def bind(
        self, interface: Interface, timeout: float, group_id: int, encodings: Sequence[Encoding]
    ) -> tuple[ncacn.BindAnswered, int]:
        """Ask for an interface: what the server says, and the place among the encodings of the one it chose.

        What goes wrong is an RpcError, or the transport's; no call ran.
        """
        until = time.monotonic() + timeout
        try:
            self._connection.send(self._asked(interface, group_id, encodings), timeout)
            event = self._answer(until)
        except SecurityError as error:
            raise AccessDenied(ACCESS_DENIED, f"authentication failed: {error.reason}", ran=Ran.NO) from error
        return self._check(event, interface, len(encodings))

    def _asked(self, interface: Interface, group_id: int, encodings: Sequence[Encoding]) -> bytes:
        """As Windows asks: a context for each encoding, by its place, and one for the features."""
        syntax = ncacn.SyntaxId(interface.uuid, *interface.version)
        transfers = [[_TRANSFERS[encoding]] for encoding in encodings]
        features = [ncacn.feature_syntax(ncacn.ALL_FEATURES)]
        wanted = [ncacn.ContextRequest(id, syntax, each) for id, each in enumerate((*transfers, features))]
        if self._security is None:
            return self._association.bind(wanted, group_id)
        context: SecurityContext = self._security.context(self._host)
        return self._association.bind(wanted, group_id, security=context, level=self._security.level)

    def introduction(self) -> bytes:
        """The PDU that begins a further security context. AccessDenied without credentials, BindRefused where the
        server takes no other; the association is what it was."""
        assert self._security is not None
        try:
            return self._association.authenticate(self._security.context(self._host), self._security.level)
        except SecurityError as error:
            raise AccessDenied(ACCESS_DENIED, f"authentication failed: {error.reason}", ran=Ran.NO) from error
        except ncacn.StateError as error:
            raise BindRefused(str(error)) from error

    def authenticate(self, begun: bytes, timeout: float) -> tuple[int, list[ncacn.Event]]:
        """Exchange the tokens of a further security context: its number, and what else has come meanwhile."""
        until, others = time.monotonic() + timeout, list[ncacn.Event]()
        self._connection.send(begun, timeout)
        while True:
            for event in self._listen(until):
                if isinstance(event, ncacn.BindAnswered) and event.security is not None:
                    return event.security, others
                if isinstance(event, ncacn.BindRefused | ncacn.ConnectionFailed):
                    raise AccessDenied(ACCESS_DENIED, f"authentication failed: {event}", ran=Ran.NO)
                others.append(event)

    def _answer(self, until: float) -> ncacn.Event:
        """The event that ends the bind."""
        while True:
            for event in self._listen(until):
                return event

    def _listen(self, until: float) -> list[ncacn.Event]:
        """What comes next; a leg that answers it has gone."""
        left = until - time.monotonic()
        if left <= 0:
            raise DeadlineExceeded("the answer to a bind does not end", ran=Ran.NO)
        octets = self._connection.receive(left)
        if not octets:
            raise ConnectionLost("the server closed the connection while it was bound", ran=Ran.NO)
        events = self._association.receive_data(octets)
        leg = self._association.data_to_send()
        if leg:
            self._connection.send(leg, max(until - time.monotonic(), 0))
        return events

    def _check(self, event: ncacn.Event, interface: Interface, offered: int) -> tuple[ncacn.BindAnswered, int]:
        if isinstance(event, ncacn.BindRefused):
            raise self._refused(event)
        if isinstance(event, ncacn.ConnectionFailed):
            if self._security is not None and event.status in _DENIED:
                raise AccessDenied(ACCESS_DENIED, f"authentication failed: {event.reason}", ran=Ran.NO)
            raise ProtocolError(f"no answer to a bind: {event.reason}", ran=Ran.NO)
        if not isinstance(event, ncacn.BindAnswered):
            raise ProtocolError(f"a bind was answered by {event}", ran=Ran.NO)
        results = event.results[:offered]
        for place, result in enumerate(results):
            if result.accepted:
                return event, place
        raise BindRefused(f"{interface.name}: the server does not grant it: {'; '.join(map(str, results))}")

    def _refused(self, event: ncacn.BindRefused) -> RpcError:
        """A bind_nak, or a fault in its place, with what it says besides."""
        error = self._named(event)
        if event.detail:
            from .extended import received  # hardly any has it

            error.extended = received(event.detail)
        return error

    def _named(self, event: ncacn.BindRefused) -> RpcError:
        if event.status is not None:
            said = f"the server refused the bind: {fault_name(event.status)} ({event.status:#x})"
        else:
            said = f"bind_nak, reason {event.reason}"
            said += f": {_REASONS[NakReason(event.reason)]}" if event.reason in _REASONS else ""
        if self._security is not None and (event.status in _DENIED or event.reason == NakReason.INVALID_CHECKSUM):
            return AccessDenied(ACCESS_DENIED, f"{said}: it does not take the credentials{self._who()}", ran=Ran.NO)
        if self._security is not None and event.reason == NakReason.AUTHENTICATION_TYPE_NOT_RECOGNIZED:
            said += f": it does not take {self._security.authentication}"
        spoken = ", ".join(f"{major}.{minor}" for major, minor in event.versions)
        reason = event.reason if event.status is None else None
        return BindRefused(said + (f"; the server speaks {spoken}" if spoken else ""), reason=reason)

    def _who(self) -> str:
        known = None if self._security is None else self._security.known()
        return "" if known is None else f" of {known}"
