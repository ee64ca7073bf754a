"""What a server takes of clients that come over a network. Counterpart: `security.py`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from ..ncacn.security import AuthType, SecurityContext
from .accounts import Accounts
from .package import PROTOCOLS, PackageContext, require_kerberos, spnego

if TYPE_CHECKING:
    from spnego import ContextProxy

NTLM_V2_ONLY: Final = "5"
"""LmCompatibilityLevel: LM and NTLMv1 are refused, as Windows domain controllers are advised to (MS-NLMP 3.1.1.1)."""


class Authenticator:
    """The security packages of a server: NTLM for the accounts of a file, Kerberos for the keys of a keytab.

    users: a line `DOMAIN:user:password` for each account; read at each login, so that it may change meanwhile.
    keytab: the keys of the services that tickets are for. Clients may ask for each package by itself, or for Negotiate.

    Raises MissingPackage, OSError for a file that cannot be read, ValueError for one that makes no sense.
    """

    def __init__(
        self, *, users: str | os.PathLike[str] | None = None, keytab: str | os.PathLike[str] | None = None
    ) -> None:
        if users is None and keytab is None:
            raise ValueError("an Authenticator has users, a keytab, or both")
        spnego()
        self._accounts = None if users is None else Accounts(users)
        if keytab is not None:
            require_kerberos()
            with open(keytab, "rb"):
                keytab = os.path.abspath(keytab)
        taken = {AuthType.SPNEGO: True, AuthType.NTLM: users is not None, AuthType.KERBEROS: keytab is not None}
        self._taken = {kind for kind, is_taken in taken.items() if is_taken}
        self._variables = {
            "NTLM_USER_FILE": "" if self._accounts is None else self._accounts.path,
            "LM_COMPAT_LEVEL": NTLM_V2_ONLY,
            "KRB5_KTNAME": "MEMORY:none" if keytab is None else f"FILE:{keytab}",
        }

    def context(self, auth_type: int, auth_level: int) -> SecurityContext | None:
        """A server's end of a new context; None for a package that is not taken. Raises SecurityError."""
        if auth_type not in self._taken:
            return None
        kind = AuthType(auth_type)
        return PackageContext(kind, _acceptor(kind), self._variables, self._spelled)

    def _spelled(self, name: str) -> str:
        return name if self._accounts is None else self._accounts.spelled(name)

    def __repr__(self) -> str:
        return f"<Authenticator {', '.join(sorted(PROTOCOLS[kind] for kind in self._taken))}>"


def _acceptor(kind: AuthType) -> Callable[[], ContextProxy]:
    def make() -> Any:
        return spnego().server(protocol=PROTOCOLS[kind])

    return make
