"""A request that is handed on as it comes, at the server. Whole requests are `Assembly`s in `fragments.py`.

Nothing of it is kept here, so no limit holds its size; what comes when nobody wants it any more is limited.
"""

from __future__ import annotations

from uuid import UUID

from .constants import CALL_HEADER_SIZE, LAST_FRAGMENT, FaultStatus
from .errors import PduError
from .events import RequestContinued
from .pdu import Request


class IncomingStream:
    """The fragments of one request. max_unwanted: octets that may come after the call was answered."""

    __slots__ = ("_max_unwanted", "_same", "_unwanted", "call_id")

    def __init__(self, first: Request, max_unwanted: int) -> None:
        self.call_id = first.call_id
        self._same = _same(first)
        self._max_unwanted = max_unwanted
        self._unwanted = 0

    def take(self, request: Request, *, wanted: bool) -> RequestContinued | None:
        """What the next fragment tells: nothing when the call is over. PduError when it is not of this call."""
        if _same(request) != self._same:
            raise PduError("a fragment does not continue its call", context_id=request.context_id)
        if wanted:
            return RequestContinued(request.call_id, request.stub, bool(request.flags & LAST_FRAGMENT))
        self._unwanted += CALL_HEADER_SIZE + len(request.stub)
        if self._unwanted > self._max_unwanted:
            reason = f"a call that was answered is sent on for {self._unwanted} octets"
            raise PduError(reason, status=FaultStatus.ACCESS_DENIED, context_id=request.context_id)
        return None


def _same(request: Request) -> tuple[int, int, str, int, UUID | None]:
    """What the fragments of a call have in common."""
    return request.call_id, request.context_id, request.order, request.opnum, request.object
