"""What a server takes of clients that come over a network. Counterpart: `security.py`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..ncacn.security import AuthType, SecurityContext
from .accounts import Accounts
from .environment import environment
from .package import PROTOCOLS, PackageContext, require_kerberos, spnego, understood

if TYPE_CHECKING:
    from spnego import ContextProxy


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
        self._keytab = keytab
        taken = {AuthType.SPNEGO: True, AuthType.NTLM: users is not None, AuthType.KERBEROS: keytab is not None}
        self._taken = {kind for kind, is_taken in taken.items() if is_taken}

    def context(self, auth_type: int, auth_level: int) -> SecurityContext | None:
        """A server's end of a new context; None for a package that is not taken. Raises SecurityError."""
        makers = {AuthType.NTLM: self._ntlm, AuthType.KERBEROS: self._kerberos, AuthType.SPNEGO: self._negotiate}
        if auth_type not in self._taken:
            return None
        kind = AuthType(auth_type)
        with understood():
            return PackageContext(kind, makers[kind]())

    def _ntlm(self) -> ContextProxy:
        from .ntlm_acceptor import NtlmAcceptor

        assert self._accounts is not None
        return NtlmAcceptor(self._accounts)

    def _kerberos(self) -> ContextProxy:
        with environment({"KRB5_KTNAME": f"FILE:{self._keytab}"}):
            made: ContextProxy = spnego().server(protocol="kerberos")
        return made

    def _negotiate(self) -> ContextProxy:
        from spnego._context import GSSMech

        from .negotiate import NegotiateAcceptor

        makers = {GSSMech.kerberos: self._kerberos} if AuthType.KERBEROS in self._taken else {}
        if AuthType.NTLM in self._taken:
            makers[GSSMech.ntlm] = self._ntlm
        return NegotiateAcceptor(makers)

    def __repr__(self) -> str:
        return f"<Authenticator {', '.join(sorted(PROTOCOLS[kind] for kind in self._taken))}>"
