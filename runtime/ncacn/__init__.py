"""The connection-oriented protocol (ncacn) of C706 and MS-RPCE, without input or output.

The map: octets of one connection go into an *association* (`server.py`, `client.py`), which answers with
*events* (`events.py`); answers go into the association, which gives octets. Inside, `inbox.py` cuts the
stream into *PDUs* (`pdu.py`, `bind_pdu.py`), `states.py` says which may come when, `fragments.py` joins
and cuts stubs, `streams.py` hands on those that come piece by piece, `negotiation.py` chooses what a bind is
answered. `limits.py` bounds it all.

Each association is built on another half: `associating.py` is how a client binds, `answering.py` how a server answers
calls. Requests are `outgoing.py` here and `incoming.py` there. Security: `security.py` is what a package has to offer;
`initiator.py` and `acceptor.py` exchange its tokens, `protection.py` has it sign and seal fragments, and
`verification.py` says again, under a signature, what was not signed.

Laws: no socket, thread, event loop or clock in here; what a peer sends becomes an event or the end of its
association, never an exception; what the own side does wrong raises StateError.
"""

from .acceptor import Authenticate
from .client import ClientAssociation
from .constants import (
    ALL_FEATURES,
    CONCURRENT_MULTIPLEX,
    DID_NOT_EXECUTE,
    KEEP_CONNECTION_ON_ORPHAN,
    MAYBE,
    SECURITY_CONTEXT_MULTIPLEXING,
    ContextOutcome,
    FaultStatus,
    NakReason,
    PacketType,
    RejectionReason,
    status_name,
)
from .errors import PduError, StateError
from .events import (
    BindAnswered,
    BindRefused,
    BindRequested,
    CancelReceived,
    ConnectionFailed,
    Event,
    FaultReceived,
    Orphaned,
    RequestBegun,
    RequestContinued,
    RequestReceived,
    ResponsePart,
    ResponseReceived,
    ShutdownRequested,
)
from .limits import Limits
from .negotiation import Context, ContextRequest, ContextResult, negotiate
from .protection import Protection
from .security import AuthLevel, AuthType, SecurityContext, SecurityError
from .server import ServerAssociation
from .syntax import NDR, NDR64, SyntaxId, feature_syntax

__all__ = [
    "ALL_FEATURES",
    "CONCURRENT_MULTIPLEX",
    "DID_NOT_EXECUTE",
    "KEEP_CONNECTION_ON_ORPHAN",
    "MAYBE",
    "NDR",
    "NDR64",
    "SECURITY_CONTEXT_MULTIPLEXING",
    "AuthLevel",
    "AuthType",
    "Authenticate",
    "BindAnswered",
    "BindRefused",
    "BindRequested",
    "CancelReceived",
    "ClientAssociation",
    "ConnectionFailed",
    "Context",
    "ContextOutcome",
    "ContextRequest",
    "ContextResult",
    "Event",
    "FaultReceived",
    "FaultStatus",
    "Limits",
    "NakReason",
    "Orphaned",
    "PacketType",
    "PduError",
    "Protection",
    "RejectionReason",
    "RequestBegun",
    "RequestContinued",
    "RequestReceived",
    "ResponsePart",
    "ResponseReceived",
    "SecurityContext",
    "SecurityError",
    "ServerAssociation",
    "ShutdownRequested",
    "StateError",
    "SyntaxId",
    "feature_syntax",
    "negotiate",
    "status_name",
]
