"""What a client wants of a connection: how it proves who it is, and how its calls are protected.

Counterpart: `authenticator.py`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ..ncacn.security import AuthLevel, SecurityContext, SecurityError
from ..status import AccessDenied, InvalidBinding, Ran
from .credentials import Credentials
from .package import PROTOCOLS, PackageContext, require_kerberos, spnego, understood

if TYPE_CHECKING:
    from spnego import ContextProxy

_TYPES: Final = {name: kind for kind, name in PROTOCOLS.items()}
LEVELS: Final = {
    "connect": AuthLevel.CONNECT,
    "packet": AuthLevel.PACKET,
    "sign": AuthLevel.INTEGRITY,
    "seal": AuthLevel.PRIVACY,
}
"""Words of a string binding, as Samba's: the level."""
PACKAGES: Final = {"spnego": "negotiate", "ntlm": "ntlm", "krb5": "kerberos"}
"""The same: the package."""


class Impersonation(enum.IntEnum):
    """What a server may do in the client's name (MS-RPCE 2.2.1.1.9). NTLM says it to no server: IMPERSONATE holds."""

    IDENTIFY = 2
    IMPERSONATE = 3
    DELEGATE = 4


@dataclass(frozen=True, slots=True)
class Security:
    """How a client proves who it is, and how its calls are protected. For a network: locally, the kernel does both.

    level: INTEGRITY unless said otherwise, which is what Windows asks for since KB5004442 (MS-DCOM 3.2.4.1.1) and
    Samba for what matters. authentication: `negotiate`, which is Kerberos where that works and else NTLM, `ntlm` or
    `kerberos`. credentials: or what is called for them when a connection is made; without them those of the
    environment's LRPC_USER and LRPC_PASSWORD, else Kerberos' ticket cache. principal: the service that a ticket is for,
    `service/host`; host/ADDRESS unless said otherwise.
    """

    level: AuthLevel = AuthLevel.INTEGRITY
    authentication: str = "negotiate"
    credentials: Credentials | Callable[[], Credentials] | None = None
    principal: str = ""
    impersonation: Impersonation = Impersonation.IMPERSONATE

    def __post_init__(self) -> None:
        if self.authentication not in _TYPES:
            raise ValueError(f"{self.authentication!r} is not one of {', '.join(_TYPES)}")
        if self.level <= AuthLevel.NONE:
            raise ValueError("without authentication there is no Security: leave it out")

    def context(self, host: str) -> SecurityContext:
        """The client's end of a new context with a server there. AccessDenied without credentials; MissingPackage."""
        if self.authentication == "kerberos":
            require_kerberos()
        package = spnego()
        known = self.known()
        service, _, name = (self.principal or f"host/{host}").partition("/")
        try:
            with understood():
                return PackageContext(_TYPES[self.authentication], self._made(package, known, service, name or host))
        except SecurityError as error:
            reason = f"{self.authentication}: no credentials to use: {error.reason}"
            raise AccessDenied(5, reason, ran=Ran.NO) from error

    def _made(self, package: Any, known: Credentials | None, service: str, host: str) -> ContextProxy:
        from spnego._context import GSSMech

        from .negotiate import NegotiateInitiator
        from .ntlm_initiator import NtlmInitiator

        flags = self._flags(package.ContextReq)
        who = (None, None) if known is None else (known.name, known.password)
        named = {"hostname": host, "service": service, "context_req": flags}
        makers: dict[GSSMech, Callable[[], ContextProxy]] = {
            GSSMech.kerberos: partial(package.client, *who, protocol="kerberos", **named),
            GSSMech.ntlm: partial(NtlmInitiator, *who, **named),
        }
        if self.authentication == "negotiate":
            return NegotiateInitiator(makers, flags)
        return makers[GSSMech[self.authentication]]()

    def known(self) -> Credentials | None:
        """The credentials; None for the ticket cache."""
        if self.credentials is None:
            return Credentials.from_environment()
        return self.credentials if isinstance(self.credentials, Credentials) else self.credentials()

    def _flags(self, wanted: Any) -> Any:
        """What is asked of the package: what the level needs and no more, for a server makes its signatures by it.

        DCE style: a third leg, and no padding (MS-KILE 3.4.5.2). no_integrity: MIT's Kerberos asks for no more either.
        """
        flags = wanted.mutual_auth
        if self.level > AuthLevel.CONNECT:
            flags |= wanted.integrity | wanted.replay_detect | wanted.sequence_detect
        if self.level == AuthLevel.PRIVACY:
            flags |= wanted.confidentiality
        elif self.authentication != "ntlm":
            flags |= wanted.no_integrity
        if self.authentication != "ntlm":
            flags |= wanted.dce_style
        if self.impersonation == Impersonation.IDENTIFY:
            flags |= wanted.identify
        if self.impersonation == Impersonation.DELEGATE:
            flags |= wanted.delegate
        return flags


def of_binding(options: Mapping[str, str], given: Security | None) -> Security | None:
    """What a string binding's options say, over what is given; None where neither says anything."""
    wanted: dict[str, Any] = {}
    for words, name in ((LEVELS, "level"), (PACKAGES, "authentication")):
        said = [word for word in words if word in options]
        if len(said) > 1:
            raise InvalidBinding(f"one of {', '.join(said)} can be had, not all")
        if said:
            wanted[name] = words[said[0]]
    if "target_principal" in options:
        wanted["principal"] = options["target_principal"]
    if not wanted:
        return given
    return replace(given or Security(), **wanted)
