"""What the engine asks of a security package: NTLM, Kerberos, Negotiate (MS-RPCE 2.2.1.1.7, 2.2.1.1.8, 3.3.1.5.2).

The engine knows when tokens go and which octets are covered; the package knows what is in a token and in a
signature. `acceptor.py` and `initiator.py` exchange tokens, `protection.py` protects fragments.
"""

from __future__ import annotations

import enum
from typing import Protocol


class AuthType(enum.IntEnum):
    """auth_type of a sec_trailer: the security provider (MS-RPCE 2.2.1.1.7)."""

    NONE = 0
    SPNEGO = 9
    """Negotiate: which provider it is, is found out by its own tokens."""
    NTLM = 10
    SCHANNEL = 14
    """TLS; not the Netlogon one."""
    KERBEROS = 16
    NETLOGON = 68
    DEFAULT = 255


class AuthLevel(enum.IntEnum):
    """auth_level of a sec_trailer: what is protected (MS-RPCE 2.2.1.1.8)."""

    DEFAULT = 0
    """The package's choice; on the wire as CONNECT."""
    NONE = 1
    CONNECT = 2
    """The client is known, the calls are not protected."""
    CALL = 3
    """Handled as PACKET, in which it is sent."""
    PACKET = 4
    """Each fragment is known to come from the client. The packages sign it as at INTEGRITY."""
    INTEGRITY = 5
    """No fragment can be changed."""
    PRIVACY = 6
    """No fragment can be changed, nor its stub be read."""


class SecurityError(Exception):
    """A security package refuses: wrong credentials, a bad token, a bad signature.

    reason: for the log; never holds a secret.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SecurityContext(Protocol):
    """One end of a security context: first an exchange of tokens, then the protection of PDUs.

    In `protect` and `unprotect`, head is the octets of the PDU before the stub, stub is the stub with its padding,
    and tail is the 8 octets of the sec_trailer before its auth_value. With `sign_header` the signature covers all
    three, without it the stub alone (MS-RPCE 3.3.1.5.2.2). At PRIVACY only the stub is sealed. `level` is PACKET,
    INTEGRITY or PRIVACY, the same for all PDUs of a context.
    """

    @property
    def auth_type(self) -> int:
        """An AuthType, which the trailers name."""
        ...

    @property
    def complete(self) -> bool:
        """The exchange is over at this end: no token is expected any more. What `step` gave last is still sent."""
        ...

    @property
    def identity(self) -> object:
        """What is known of the peer once the context is complete; the engine hands it on unseen."""
        ...

    def step(self, token: bytes) -> bytes:
        """Takes the peer's token, empty at the client's first step, and gives the next one, empty for none.

        Raises SecurityError when the exchange has failed.
        """
        ...

    def signature_size(self, level: int) -> int:
        """Octets of auth_value in each PDU that is protected at `level`; asked once the context is complete."""
        ...

    def protect(self, level: int, head: bytes, stub: bytes, tail: bytes, *, sign_header: bool) -> tuple[bytes, bytes]:
        """The stub as it is sent, of the same length, and the auth_value, of `signature_size` octets.

        PDUs are protected in the order in which they are sent.
        """
        ...

    def unprotect(self, level: int, head: bytes, stub: bytes, tail: bytes, value: bytes, *, sign_header: bool) -> bytes:
        """The plain stub, of the same length. Raises SecurityError when `value` does not fit it.

        PDUs are given in the order in which they came.
        """
        ...
