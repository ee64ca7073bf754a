r"""The accounts that an NTLM server knows: a file that pyspnego reads at each login.

A line for each: `DOMAIN:user:password`, or that of smbpasswd, which holds hashes: `DOMAIN\user:uid:LM:NT:flags:time`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_COLUMNS: Final = (3, 6)


class Accounts:
    """A file of accounts. ValueError for a line that is no account, which would otherwise be passed over."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.path.abspath(path)
        self._names()

    def spelled(self, name: str) -> str:
        r"""`DOMAIN\user` as the file has it: a client may write it in whatever case."""
        return next((known for known in self._names() if known.upper() == name.upper()), name)

    def _names(self) -> list[str]:
        lines = Path(self.path).read_text(encoding="utf-8").splitlines()
        return [self._name(line, number) for number, line in enumerate(lines, 1) if line.strip()]

    def _name(self, line: str, number: int) -> str:
        columns = line.split(":")
        if len(columns) not in _COLUMNS:  # the line itself may hold a password
            raise ValueError(f"{self.path}, line {number}: not DOMAIN:user:password, nor a line of smbpasswd")
        if len(columns) == 6:
            return columns[0]
        return f"{columns[0]}\\{columns[1]}" if columns[0] else columns[1]
