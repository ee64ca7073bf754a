r"""The accounts that an NTLM server knows: a file, read at each login.

A line for each: `DOMAIN:user:password`, or that of smbpasswd, which holds hashes: `DOMAIN\user:uid:LM:NT:flags:time`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple


class Account(NamedTuple):
    """A user. Either the password or the NT hash is known."""

    domain: str
    user: str
    password: str | None
    nt_hash: bytes = b""

    @property
    def name(self) -> str:
        r"""`DOMAIN\user`, as the file spells it: a client may write it in whatever case."""
        return f"{self.domain}\\{self.user}" if self.domain else self.user

    def __repr__(self) -> str:
        return f"<Account {self.name}>"


class Accounts:
    """A file of accounts. OSError when it cannot be read, ValueError for a line that is no account."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.path.abspath(path)
        self._read()

    def find(self, domain: str, user: str) -> Account | None:
        """The account of that name, in whatever case."""
        wanted = domain.upper(), user.upper()
        return next((one for one in self._read() if (one.domain.upper(), one.user.upper()) == wanted), None)

    def _read(self) -> list[Account]:
        lines = Path(self.path).read_text(encoding="utf-8").splitlines()
        return [self._account(line, number) for number, line in enumerate(lines, 1) if line.strip()]

    def _account(self, line: str, number: int) -> Account:
        try:
            columns = line.split(":")
            if len(columns) == 6:
                domain, _, user = columns[0].rpartition("\\")
                return Account(domain, user, None, bytes.fromhex(columns[3]))
            domain, user, password = columns
        except ValueError:  # the line itself may hold a password, and is not shown
            reason = f"{self.path}, line {number}: not DOMAIN:user:password, nor a line of smbpasswd"
            raise ValueError(reason) from None
        return Account(domain, user, password)
