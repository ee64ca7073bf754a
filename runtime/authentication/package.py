"""A security context of pyspnego as the engine asks for it (`ncacn/security.py`): NTLM, Kerberos, Negotiate.

PACKET and INTEGRITY sign, PRIVACY seals the stub and signs (MS-RPCE 3.3.1.5.2.2): by the packages' own GetMIC and
Wrap with associated data (MS-NLMP 3.4, RFC 4121, MS-KILE 3.4.5). Whatever a package raises ends as a SecurityError;
its words name no secret.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from ..ncacn.security import AuthLevel, AuthType, SecurityError
from ..status import MissingPackage
from .credentials import Identity

if TYPE_CHECKING:
    from spnego import ContextProxy

PROTOCOLS: Final = {AuthType.SPNEGO: "negotiate", AuthType.NTLM: "ntlm", AuthType.KERBEROS: "kerberos"}
"""What pyspnego calls them."""
NTLM_SIGNATURE: Final = 16
"""Octets of an NTLMSSP_MESSAGE_SIGNATURE (MS-NLMP 2.2.2.9)."""
WRAPPED: Final = 48
"""Octets that a sealed AES token in DCE style has and a MIC has not: confounder, header once more and a block of EC
(RFC 4121 4.2.4, MS-KILE 3.4.5.4)."""


def spnego() -> Any:
    """pyspnego. MissingPackage says how to get it."""
    try:
        import spnego
    except ImportError as error:
        raise MissingPackage("authentication needs pyspnego: pip install 'lrpc[security]'") from error
    return spnego


def require_kerberos() -> None:
    """MissingPackage unless pyspnego can do Kerberos."""
    try:
        import gssapi  # type: ignore[import-not-found, unused-ignore]  # noqa: F401
        import krb5  # type: ignore[import-not-found, unused-ignore]  # noqa: F401
    except ImportError as error:
        raise MissingPackage("Kerberos needs gssapi and krb5: pip install 'lrpc[kerberos]'") from error


class PackageContext:
    """One end of a security context.

    context: pyspnego's.
    """

    def __init__(self, auth_type: AuthType, context: ContextProxy) -> None:
        self.auth_type: int = auth_type
        self._context = context
        self._identity: Identity | None = None
        self._sizes: dict[int, int] = {}

    @property
    def complete(self) -> bool:
        """No token is expected any more."""
        return bool(self._context.complete)

    @property
    def identity(self) -> Identity:
        """Who the peer of a server is."""
        if self._identity is None:
            with understood():
                protocol = self._context.negotiated_protocol or ""
                self._identity = Identity(self._context.client_principal or "", protocol)
        return self._identity

    def step(self, token: bytes) -> bytes:
        """Takes the peer's token and gives the next."""
        with understood():
            return self._context.step(token or None) or b""

    @property
    def _is_ntlm(self) -> bool:
        """Its signatures cover a whole PDU whether or not header signing was agreed on, as from Windows and Samba."""
        return self._context.negotiated_protocol == "ntlm"

    def signature_size(self, level: int) -> int:
        """Octets of auth_value."""
        size = self._sizes.get(level)
        if size is None:
            size = self._sizes[level] = self._size(level)
        return size

    def _size(self, level: int) -> int:
        self._check_agreed(level)
        if self._is_ntlm:
            return NTLM_SIGNATURE
        with understood():
            sealed = self._context.query_message_sizes().header
        return sealed if level == AuthLevel.PRIVACY else sealed - WRAPPED

    def _check_agreed(self, level: int) -> None:
        """Without these flags NTLM's signatures are constants, which it gives and takes all the same."""
        from spnego import ContextReq

        wanted = ContextReq.confidentiality if level == AuthLevel.PRIVACY else ContextReq.integrity
        if not self._context.context_attr & wanted:
            raise SecurityError(f"{self._context.negotiated_protocol} has not agreed on {wanted.name}")

    def protect(self, level: int, head: bytes, stub: bytes, tail: bytes, *, sign_header: bool) -> tuple[bytes, bytes]:
        """Sign a PDU, or seal its stub."""
        self.signature_size(level)
        sign_header |= self._is_ntlm
        with understood():
            if level != AuthLevel.PRIVACY:
                return stub, self._context.sign(head + stub + tail if sign_header else stub)
            buffers = self._context.wrap_iov(_buffers(b"", head, stub, tail, sign_header), encrypt=True).buffers
        data = 2 if sign_header else 1
        return buffers[data].data or b"", buffers[0].data or b""

    def unprotect(self, level: int, head: bytes, stub: bytes, tail: bytes, value: bytes, *, sign_header: bool) -> bytes:
        """Verify a PDU, or unseal its stub."""
        self.signature_size(level)
        sign_header |= self._is_ntlm
        with understood():
            if level != AuthLevel.PRIVACY:
                self._context.verify(head + stub + tail if sign_header else stub, value)
                return stub
            found = self._context.unwrap_iov(_buffers(value, head, stub, tail, sign_header))
        if not found.encrypted:
            raise SecurityError("the stub is signed and not sealed")
        return found.buffers[2 if sign_header else 1].data or b""


@contextmanager
def understood() -> Generator[None]:
    """Their errors: what reads a peer's tokens raises whatever it raises."""
    try:
        yield
    except SecurityError:
        raise
    except Exception as error:
        raise SecurityError(_reason(error)) from error


def _buffers(value: bytes, head: bytes, stub: bytes, tail: bytes, sign_header: bool) -> list[Any]:
    from spnego.iov import BufferType

    header = (BufferType.header, value) if value else BufferType.header
    if not sign_header:
        return [header, (BufferType.data, stub)]
    return [header, (BufferType.sign_only, head), (BufferType.data, stub), (BufferType.sign_only, tail)]


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
