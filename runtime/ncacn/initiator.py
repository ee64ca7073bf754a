"""The security contexts of a client's end of a connection (MS-RPCE 3.3.1.5.2, 3.3.2.4.1). Counterpart: `acceptor.py`.

Rules:
1. the first token goes with the bind, or for a further context with an alter context, the next ones as the package has
   it: those of SPNEGO with alter contexts, so that their number is even, the last one of any other with an auth3;
2. each answer must bear the context's own type, level and id; without its tokens nothing is established;
3. header signing is asked for wherever fragments are protected, and is on where the server's answer says so.
"""

from __future__ import annotations

from .constants import FaultStatus
from .errors import PduError, StateError
from .header import AuthTrailer
from .protection import Protection
from .security import AuthLevel, AuthType, SecurityContext, SecurityError

_ON_THE_WIRE = {AuthLevel.DEFAULT: AuthLevel.CONNECT, AuthLevel.CALL: AuthLevel.PACKET}
"""Levels that stand for others (MS-RPCE 2.2.1.1.8)."""


class Initiator:
    """Who a client is to its server.

    contexts: by auth_context_id, in the order in which they were begun. sign_header: the server agreed to.
    """

    def __init__(self) -> None:
        self.contexts: dict[int, Protection] = {}
        self.sign_header = False
        self._first: Protection | None = None
        self._due: Protection | None = None

    @property
    def unfinished(self) -> int | None:
        """The context whose exchange of tokens is going on."""
        return None if self._due is None else self._due.id

    def begin(self, context: SecurityContext, level: int, *, first: bool = False) -> AuthTrailer:
        """The trailer that begins a context; the first one is the bind's. Raises SecurityError."""
        level = _ON_THE_WIRE.get(AuthLevel(level), level)
        if level == AuthLevel.NONE:
            raise StateError("at level NONE nobody is authenticated")
        begun = Protection(context, level, len(self.contexts) + 1, sign_header=self.sign_header)
        token = begun.step(b"")
        self.contexts[begun.id] = self._due = begun
        if first:
            self._first = begun
        return begun.trailer(token)

    def agree_to_sign_headers(self) -> None:
        """The server signs headers too."""
        self.sign_header = True
        for each in self.contexts.values():
            each.sign_header = True

    def answered(self, trailer: AuthTrailer | None) -> tuple[AuthTrailer | None, bool]:
        """What is sent next, if anything, and whether with an auth3. PduError for an answer that proves nothing."""
        due = self._due
        if due is None:
            if trailer is not None:
                raise _untrue("the server authenticates an answer and was not asked to")
            return None, False
        token = self._token(due, trailer)
        try:
            reply = b"" if due.context.complete else due.step(token)
        except SecurityError as error:
            reason = f"the server fails to authenticate: {error.reason}"
            raise PduError(reason, status=FaultStatus.RPC_S_SEC_PKG_ERROR) from error
        complete = due.context.complete
        if not reply and not complete:
            raise _untrue("the exchange of tokens does not end")
        auth3 = complete and due.context.auth_type != AuthType.SPNEGO
        if not reply or auth3:
            self._due = None
        return (due.trailer(reply) if reply else None), auth3

    def find(self, id: int | None) -> Protection | None:
        """The context of this id, without one the bind's, if there is any. StateError for one that is not there."""
        if id is None:
            return self._first
        if id not in self.contexts:
            raise StateError(f"there is no security context {id}")
        return self.contexts[id]

    def _token(self, due: Protection, trailer: AuthTrailer | None) -> bytes:
        if trailer is None:
            if not due.context.complete:
                raise _untrue("the server answers without authentication")
            return b""
        if not due.named_by(trailer):
            raise _untrue(f"the server answers with type {trailer.type} at level {trailer.level} for another context")
        if due.context.complete and trailer.value:
            raise _untrue("the server sends a token that is not due")
        return trailer.value


def _untrue(reason: str) -> PduError:
    return PduError(reason, status=FaultStatus.ACCESS_DENIED)
