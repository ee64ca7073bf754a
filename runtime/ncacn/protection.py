"""Fragments under a security context: padded, signed and sealed on their way out, checked on their way in.

Rules, all of MS-RPCE 2.2.2.11, 2.2.2.12 and 3.3.1.5.2:
1. each fragment is protected by itself, and checked before anything is joined;
2. the stub of each is padded to a multiple of 16, and the padding is protected with it;
3. frag_length and auth_length are those of the finished PDU when it is signed.
"""

from __future__ import annotations

from typing import Final

from .constants import TRAILER_SIZE, FaultStatus
from .errors import PduError, StateError
from .header import AuthTrailer
from .pdu import Request, Response
from .security import AuthLevel, SecurityContext, SecurityError

STUB_UNIT: Final = 16
"""The stub of a protected fragment is padded to this, as Windows has it (MS-RPCE 2.2.2.11)."""
LEVELS: Final = range(AuthLevel.CONNECT, AuthLevel.PRIVACY + 1)
"""What a sec_trailer may name (MS-RPCE 2.2.1.1.8)."""


class Protection:
    """A security context of one connection: what calls that name it come under.

    context: the package's end of it; level: an AuthLevel; id: its auth_context_id. failed: its exchange of tokens
    went wrong, nothing may come under it; failure: why, for the log.
    """

    __slots__ = ("context", "failed", "failure", "id", "level", "sign_header")

    def __init__(self, context: SecurityContext, level: int, id: int, *, sign_header: bool) -> None:
        self.context = context
        self.level = level
        self.id = id
        self.sign_header = sign_header
        self.failed = False
        self.failure = ""

    def fail(self, reason: str) -> None:
        """Its exchange of tokens went wrong."""
        self.failed, self.failure = True, reason

    @property
    def guards(self) -> bool:
        """Fragments are protected: not so at CONNECT."""
        return self.level >= AuthLevel.PACKET

    @property
    def good(self) -> bool:
        """Its exchange of tokens is over and went well."""
        return self.context.complete and not self.failed

    @property
    def identity(self) -> object:
        """What the package knows of the peer."""
        return self.context.identity

    def trailer(self, value: bytes, pad_length: int = 0) -> AuthTrailer:
        """A trailer that names this context."""
        return AuthTrailer(self.context.auth_type, self.level, value, self.id, pad_length)

    def named_by(self, trailer: AuthTrailer) -> bool:
        """Does a trailer name this context as it is?"""
        return (trailer.type, trailer.level, trailer.context_id) == (self.context.auth_type, self.level, self.id)

    def step(self, token: bytes) -> bytes:
        """The next token. Raises SecurityError, also when what was agreed on does not do for the level."""
        given = self.context.step(token)
        if self.context.complete and self.level == AuthLevel.PRIVACY:
            self.context.signature_size(self.level)
        return given

    def room(self, max_fragment: int, header_size: int) -> int:
        """Octets of stub in a full fragment."""
        taken = header_size + TRAILER_SIZE + self._signature_size()
        return (max_fragment - taken) // STUB_UNIT * STUB_UNIT

    def wrap(self, pdu: Request | Response, header_size: int) -> bytes:
        """The whole PDU, protected. header_size: octets before its stub."""
        size = self._signature_size()
        pad_length = -len(pdu.stub) % STUB_UNIT
        pdu.auth = self.trailer(bytes(size), pad_length)
        octets = pdu.serialize()
        end = len(octets) - size - TRAILER_SIZE
        head, stub, tail = octets[:header_size], octets[header_size:end], octets[end : end + TRAILER_SIZE]
        try:
            sent, value = self.context.protect(self.level, head, stub, tail, sign_header=self.sign_header)
        except SecurityError as error:
            raise StateError(f"a fragment cannot be protected: {error.reason}") from error
        if (len(sent), len(value)) != (len(stub), size):
            raise StateError(f"a security package gives {len(sent)} and {len(value)} octets for {len(stub)} and {size}")
        return head + sent + tail + value

    def _signature_size(self) -> int:
        try:
            return self.context.signature_size(self.level)
        except SecurityError as error:
            raise StateError(f"fragments cannot be protected: {error.reason}") from error

    def unwrap(self, pdu: Request | Response, header_size: int) -> None:
        """Checks a fragment that came, and gives it its plain stub. PduError when it is not what was sent."""
        trailer = pdu.auth
        if trailer is None:
            raise PduError("a fragment is not protected as its call is")
        covered = trailer.covered
        head, stub, tail = covered[:header_size], covered[header_size:-TRAILER_SIZE], covered[-TRAILER_SIZE:]
        try:
            plain = self.context.unprotect(self.level, head, stub, tail, trailer.value, sign_header=self.sign_header)
        except SecurityError as error:
            reason = f"a fragment was not protected by the peer: {error.reason}"
            raise PduError(reason, status=FaultStatus.RPC_S_SEC_PKG_ERROR) from error
        if len(plain) != len(stub):
            raise PduError("a sealed stub has another length", status=FaultStatus.RPC_S_SEC_PKG_ERROR)
        pdu.stub = plain[: len(plain) - trailer.pad_length]

    def __repr__(self) -> str:
        return f"<Protection {self.id}: type {self.context.auth_type}, level {self.level}>"
