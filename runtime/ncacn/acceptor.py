"""The security contexts of a server's end of a connection (MS-RPCE 3.3.1.5.2, 3.3.3.4). Counterpart: `initiator.py`.

Rules, as Windows has them:
1. a trailer on a bind or alter context carries a token. An auth_context_id that is new begins a context; one that is
   known goes on with it, under the same type and level, until its exchange is over, and not after that;
2. an auth3 carries the last token and is never answered; when it fails, the next call is refused;
3. a request names its context by its trailer. One without a trailer comes under the newest context of level CONNECT,
   until a request has named any, and else under none, whatever the bind promised: it is nobody's. (impacket's clients
   call so at PACKET. Whoever takes a trailer away on its way gains what he has without: calls as nobody);
4. header signing is turned on for the whole connection by any bind or alter context that asks for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from .bind_pdu import AlterContext, Auth3, Bind
from .constants import SUPPORT_HEADER_SIGN, FaultStatus, NakReason
from .errors import PduError
from .header import AuthTrailer
from .pdu import Request
from .protection import LEVELS, Protection
from .security import AuthLevel, AuthType, SecurityContext, SecurityError

Authenticate: TypeAlias = Callable[[int, int], SecurityContext | None]
"""Makes a server's end of a context of an auth_type at an auth_level: None for a type that is not spoken."""

_DENIED = FaultStatus.ACCESS_DENIED
_PACKAGE = FaultStatus.RPC_S_SEC_PKG_ERROR
_UNKNOWN_TYPE = NakReason.AUTHENTICATION_TYPE_NOT_RECOGNIZED


class Acceptor:
    """What a server knows of its client. limit: how many contexts there may be."""

    def __init__(self, authenticate: Authenticate | None, limit: int) -> None:
        self._authenticate = authenticate
        self._limit = limit
        self._contexts: dict[int, Protection] = {}
        self._sign_header = False
        # The bind's own: until its exchange is over nobody calls.
        self._first: Protection | None = None
        # Whom requests without a trailer come from, and whether that may still change.
        self._default: Protection | None = None
        self._may_default = True

    def __bool__(self) -> bool:
        """Has the client begun to say who it is?"""
        return bool(self._contexts)

    @property
    def unfinished(self) -> bool:
        """The exchange that the bind began is not over."""
        first = self._first
        return first is not None and not first.failed and not first.good

    def check(self, bind: Bind) -> None:
        """PduError for a trailer that cannot be meant. Windows looks at the level before the type."""
        trailer = bind.auth
        if trailer is None:
            return
        if trailer.level not in LEVELS:
            raise PduError(
                f"there is no authentication level {trailer.level}", nak=NakReason.NOT_SPECIFIED, status=_DENIED
            )
        if trailer.type == AuthType.NONE:
            raise PduError("the authentication has no type", nak=_UNKNOWN_TYPE, status=_DENIED)
        if self._authenticate is None:
            raise _unknown(trailer)

    def answer(self, bind: Bind) -> AuthTrailer | None:
        """The trailer of the answer to a bind or alter context. PduError when it is to be refused."""
        if bind.flags & SUPPORT_HEADER_SIGN:
            self._sign_header = True
            for each in self._contexts.values():
                each.sign_header = True
        trailer = bind.auth
        if trailer is None:
            return None
        known = self._contexts.get(trailer.context_id)
        if known is None:
            known = self._begin(trailer, first=not isinstance(bind, AlterContext))
        else:
            self._check_next(known, trailer)
        return known.trailer(self._step(known, trailer.value))

    def finish(self, auth3: Auth3) -> None:
        """The last token. What is wrong with it shows at the next request; PduError when none is due."""
        trailer = auth3.auth
        known = self._contexts.get(trailer.context_id) if trailer else None
        if trailer is None or known is None or known.failed or known.context.complete:
            raise PduError("no token is due")
        self._check_next(known, trailer)
        try:
            if known.step(trailer.value) or not known.context.complete:
                known.fail("the package has not done with its tokens")
        except SecurityError as error:
            known.fail(error.reason)

    def admit(self, request: Request) -> Protection | None:
        """The context that a call comes under, None for no one. PduError when it may not be made."""
        trailer = request.auth
        if trailer is None:
            chosen = self._default or self._first
            if chosen is None or (chosen is not self._default and chosen.good):
                return None
        else:
            chosen = self._named(trailer)
            if chosen is None:
                raise PduError(
                    "a request names no context of the connection", status=_DENIED, context_id=request.context_id
                )
            if self._default is not None:
                self._default, self._may_default = None, False
        if chosen.failed:
            reason = f"the client is refused: {chosen.failure}"
            raise PduError(reason, status=_DENIED, context_id=request.context_id)
        if not chosen.context.complete:
            raise PduError("a request comes while tokens are due", did_not_execute=True)
        return chosen

    def other(self, request: Request, than: Protection | None) -> bool:
        """Does a request name a known context that is another one?"""
        return request.auth is not None and self._named(request.auth) not in (None, than)

    def _named(self, trailer: AuthTrailer) -> Protection | None:
        known = self._contexts.get(trailer.context_id)
        return known if known is not None and known.named_by(trailer) else None

    def _begin(self, trailer: AuthTrailer, *, first: bool) -> Protection:
        if len(self._contexts) >= self._limit:
            raise PduError(f"{self._limit} security contexts are enough", nak=NakReason.LOCAL_LIMIT_EXCEEDED)
        try:
            context = self._authenticate(trailer.type, trailer.level) if self._authenticate else None
        except SecurityError as error:
            raise _refused(error) from error
        if context is None:
            raise _unknown(trailer)
        if trailer.level == AuthLevel.CALL:  # clients are to say PACKET, and Windows insists
            raise PduError("level CALL is for datagrams", nak=NakReason.INVALID_CHECKSUM, status=_PACKAGE)
        begun = Protection(context, trailer.level, trailer.context_id, sign_header=self._sign_header)
        self._contexts[begun.id] = begun
        if first:
            self._first = begun
        if begun.level == AuthLevel.CONNECT and self._may_default:
            self._default = begun
        return begun

    def _check_next(self, known: Protection, trailer: AuthTrailer) -> None:
        if trailer.type != known.context.auth_type:
            raise PduError("a security context changes its type", status=_PACKAGE)
        if trailer.level != known.level:
            raise PduError("a security context changes its level", status=_DENIED)
        if known.context.complete or known.failed:
            raise PduError("the exchange of tokens is over", status=_DENIED)

    def _step(self, known: Protection, token: bytes) -> bytes:
        try:
            given = known.step(token)
        except SecurityError as error:
            raise _refused(error) from error
        if not given and not known.context.complete:
            raise _refused(SecurityError("the package has no answer"))
        return given


def _unknown(trailer: AuthTrailer) -> PduError:
    return PduError(f"authentication type {trailer.type} is not spoken", nak=_UNKNOWN_TYPE, status=_PACKAGE)


def _refused(error: SecurityError) -> PduError:
    reason = f"the client is refused: {error.reason}"
    return PduError(reason, nak=NakReason.INVALID_CHECKSUM, status=_PACKAGE)
