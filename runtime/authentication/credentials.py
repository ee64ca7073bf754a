"""Who a client says it is, and who it has proved to be. No text of credentials holds the password."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

USER = "LRPC_USER"
PASSWORD = "LRPC_PASSWORD"


@dataclass(frozen=True, slots=True)
class Credentials:
    r"""A user's name and password.

    user: `user`, `DOMAIN\user` or `user@REALM`. domain: where the name does not say it.
    """

    user: str
    password: str = field(repr=False)
    domain: str = ""

    @classmethod
    def from_environment(cls) -> Credentials | None:
        """What LRPC_USER and LRPC_PASSWORD say; None without a user."""
        user = os.environ.get(USER)
        return cls(user, os.environ.get(PASSWORD, "")) if user else None

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Credentials:
        """The first line `DOMAIN:user:password` of a file. OSError when it cannot be read, ValueError without one."""
        for line in Path(path).read_text(encoding="utf-8").splitlines():
            domain, user, password = (*line.split(":", 2), "", "")[:3]
            if user:
                return cls(user, password, domain)
        raise ValueError(f"{os.fspath(path)}: no line reads DOMAIN:user:password")

    @property
    def name(self) -> str:
        r"""The name with its domain: `user@REALM` where that is a DNS name, as Kerberos has it, else `DOMAIN\user`."""
        if not self.domain:
            return self.user
        return f"{self.user}@{self.domain.upper()}" if "." in self.domain else f"{self.domain}\\{self.user}"

    def __str__(self) -> str:
        return self.name


class Identity(NamedTuple):
    """What a security context knows of its peer."""

    user: str
    r"""`DOMAIN\user`, or Kerberos' `user@REALM`; empty for nobody."""
    authentication: str
    """`ntlm` or `kerberos`."""
