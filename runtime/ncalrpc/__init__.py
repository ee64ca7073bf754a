"""LRPC, the protocol that calls speak over ALPC messages, without a port in sight.

The map: `messages.py` are the structures of the wire; `association.py` holds the two machines, client and
server: the data of a message goes in, an event comes out; a call goes in, the data of a message comes out.
Who drives them: `runtime/channel.py` and `runtime/server.py`. The sister protocol is `runtime/ncacn`.
"""

from .association import (
    INLINE,
    BindRequested,
    Bound,
    CallbackAnswered,
    CallbackFailed,
    CallbackRequested,
    Cancelled,
    ClientAssociation,
    Failed,
    FaultReceived,
    Outgoing,
    RequestBegun,
    RequestContinued,
    RequestReceived,
    ResponsePart,
    ResponseReceived,
    ServerAssociation,
    UnboundRequest,
)
from .messages import SyntaxId, TransferSyntax, call_id_of

__all__ = [
    "INLINE",
    "BindRequested",
    "Bound",
    "CallbackAnswered",
    "CallbackFailed",
    "CallbackRequested",
    "Cancelled",
    "ClientAssociation",
    "Failed",
    "FaultReceived",
    "Outgoing",
    "RequestBegun",
    "RequestContinued",
    "RequestReceived",
    "ResponsePart",
    "ResponseReceived",
    "ServerAssociation",
    "SyntaxId",
    "TransferSyntax",
    "UnboundRequest",
    "call_id_of",
]
