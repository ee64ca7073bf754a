"""Two errors: PduError for what a peer sent, StateError for what the own side did.

Associations never let a PduError out; it is raised by the parsers and translated into a refusal at
one place per role.
"""

from __future__ import annotations

from .constants import FaultStatus, NakReason


class PduError(ValueError):
    """Octets of a peer that break the protocol.

    nak: what a bind is refused with; status: what a request or alter context is answered; ptype and call_id:
    the PDU, where it could be read so far; context_id, did_not_execute: what the fault says besides. limit, value: the
    field of `Limits` that it goes beyond, and what that is.
    """

    def __init__(
        self,
        reason: str,
        *,
        nak: NakReason = NakReason.PROTOCOL_VERSION_NOT_SUPPORTED,
        status: int = FaultStatus.NCA_S_PROTO_ERROR,
        ptype: int | None = None,
        call_id: int = 0,
        context_id: int = 0,
        did_not_execute: bool = False,
        limit: str = "",
        value: int = 0,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.nak = nak
        self.status = status
        self.ptype = ptype
        self.call_id = call_id
        self.context_id = context_id
        self.did_not_execute = did_not_execute
        self.limit = limit
        self.value = value

    def about(self, ptype: int, call_id: int) -> PduError:
        """The same error with the PDU it was found in, unless it knows its own."""
        if self.ptype is None:
            self.ptype, self.call_id = ptype, call_id
        return self


class StateError(RuntimeError):
    """The own side asked for what the association's state, or the protocol, does not allow."""
