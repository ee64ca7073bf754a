"""What an association tells its owner. Answers go back by the association's methods, which each event names.

Events are frozen dataclasses. The two that every call makes are named tuples instead, which are as immutable
and made in a third of the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias
from uuid import UUID

from .bind_pdu import ContextRequest, ContextResult
from .constants import Order, status_name
from .protection import Protection

# At the server


@dataclass(frozen=True, slots=True)
class BindRequested:
    """A client offers contexts. Answer with `accept` or `refuse`; what it sends meanwhile is held back."""

    call_id: int
    """Names the bind in its answer."""
    contexts: list[ContextRequest]
    """In the order of the results that are wanted."""
    group_id: int
    """The association group that the connection is in."""
    alter: bool
    """More contexts for an association that stands, not its opening."""
    flags: int
    """pfc_flags as sent."""


class RequestReceived(NamedTuple):
    """A call, whole. Answer with `respond` or `fault`; for one with MAYBE in `flags` those send nothing."""

    call_id: int
    """Names the call in its answer."""
    context_id: int
    """A key of the association's `contexts`."""
    opnum: int
    """The operation, not checked against the interface."""
    object: UUID | None
    """The object that is meant, if the client named one."""
    stub: bytes
    """The parameters, without a verification trailer where the call is protected: that was checked."""
    order: Order
    """The byte order of `stub`."""
    flags: int
    """pfc_flags of the first fragment."""
    security: Protection | None = None
    """What it came under: its `level` and who the client is, `identity`; None for nobody in particular."""


class RequestBegun(NamedTuple):
    """A call that is handed on as it comes. RequestContinued tells the rest; it can be answered before that."""

    call_id: int
    """Names the call in its answer."""
    context_id: int
    """A key of the association's `contexts`."""
    opnum: int
    """The operation, not checked against the interface."""
    object: UUID | None
    """The object that is meant, if the client named one."""
    stub: bytes
    """The first octets of the parameters."""
    order: Order
    """The byte order of `stub` and what follows it."""
    security: Protection | None = None
    """What it came under, as in RequestReceived."""


class RequestContinued(NamedTuple):
    """More of a call that RequestBegun announced and nothing has answered."""

    call_id: int
    """The call."""
    stub: bytes
    """The next octets of the parameters."""
    last: bool
    """There are no more."""


@dataclass(frozen=True, slots=True)
class CancelReceived:
    """The client would like a running call to end; told once. The call still wants its answer."""

    call_id: int
    """A call that `RequestReceived` announced and nothing has answered."""


@dataclass(frozen=True, slots=True)
class Orphaned:
    """The client no longer waits for a running call; what answers it sends nothing. One that still came ends here."""

    call_id: int
    """A call that `RequestReceived` or `RequestBegun` announced and nothing has answered."""


# At the client


@dataclass(frozen=True, slots=True)
class BindAnswered:
    """The server answered a bind or alter context; accepted contexts can be used."""

    results: list[ContextResult]
    """One for each offered context, in order."""
    group_id: int
    """The association group, for binds of further connections."""
    secondary_address: str
    """The port in decimal or the name of the pipe; empty for an alter context."""
    alter: bool
    """The answer to `alter`, not to `bind`."""
    multiplex: bool
    """Calls may overlap on this connection."""
    security: int | None = None
    """The security context that was set up with it, as `request` names it."""


@dataclass(frozen=True, slots=True)
class BindRefused:
    """The server refused a bind (bind_nak) or an alter context (a fault); the association is closed."""

    reason: int
    """A NakReason; 0 for an alter context."""
    versions: list[tuple[int, int]]
    """Protocol versions that the server speaks."""
    status: int | None = None
    """The fault's status for an alter context."""
    detail: bytes = b""
    """Extended error information ([MS-EERR]), as octets; mostly empty."""


class ResponseReceived(NamedTuple):
    """The results of a call, whole."""

    call_id: int
    """The call."""
    stub: bytes
    """The results."""
    order: Order
    """The byte order of `stub`."""


class ResponsePart(NamedTuple):
    """Results of a call that are handed on as they come; a whole response is `ResponseReceived` all the same."""

    call_id: int
    """The call."""
    stub: bytes
    """The next octets of the results."""
    order: Order
    """The byte order of `stub`, the same in all parts."""
    last: bool
    """There are no more."""


@dataclass(frozen=True, slots=True)
class FaultReceived:
    """A call that failed."""

    call_id: int
    """The call."""
    status: int
    """A FaultStatus or any other 32-bit number."""
    did_not_execute: bool
    """The server says that the operation was not begun."""
    detail: bytes
    """Extended error information ([MS-EERR]), as octets; mostly empty."""
    forgeable: bool = False
    """The call is protected and the fault is not, as no server signs one: anybody on the way may have sent it, and the
    call may have run whatever the fault says."""

    def __str__(self) -> str:
        return f"call {self.call_id}: {status_name(self.status)}"


@dataclass(frozen=True, slots=True)
class ShutdownRequested:
    """The server would like the connection to be closed once no call is outstanding."""


# At both


@dataclass(frozen=True, slots=True)
class ConnectionFailed:
    """The peer broke the protocol or a limit. Send what `data_to_send` holds, then close; no call is answered."""

    reason: str
    """For the log; holds no octets of the peer beyond numbers."""
    status: int
    """A FaultStatus: what kind of failure it was."""
    limit: str = ""
    """The field of `Limits` that the peer went beyond, if it did."""
    value: int = 0
    """What that limit is."""


Event: TypeAlias = (
    BindRequested
    | RequestReceived
    | RequestBegun
    | RequestContinued
    | CancelReceived
    | Orphaned
    | BindAnswered
    | BindRefused
    | ResponseReceived
    | ResponsePart
    | FaultReceived
    | ShutdownRequested
    | ConnectionFailed
)
