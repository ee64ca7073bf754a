r"""The local security authority (LSASS): logs users on, and keeps the log of the reference monitor.

`\LsaAuthenticationPort` is where logon processes ask. `\SeLsaCommandPort` is for the reference monitor alone, in a
thread of its own: its audit messages are taken while somebody logs on. A logon is answered with a token: who the user
is, and an authentication id, by which the reference monitor knows it from then on.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import threading
from dataclasses import dataclass
from typing import Final

from examples.ports.srm import SE_LSA_COMMAND_PORT, SE_RM_COMMAND_PORT
from examples.ports.system_process import Refused, SystemProcess, Words, ask, connect
from lrpc.transports import alpc

LSA_AUTHENTICATION_PORT: Final = r"\LsaAuthenticationPort"
STATUS_LOGON_FAILURE: Final = 0xC000006D
EVERYONE: Final = "S-1-1-0"
INTERACTIVE: Final = "S-1-5-4"


@dataclass(frozen=True)
class Account:
    """A user, as the account database has it: the password only as what scrypt makes of it."""

    sid: str
    groups: tuple[str, ...]
    salt: bytes
    verifier: bytes

    @classmethod
    def of(cls, sid: str, password: str, *groups: str) -> Account:
        """An account with a password."""
        salt = sid.encode()
        return cls(sid, groups, salt, _verifier(password, salt))

    def admits(self, password: str) -> bool:
        """Whether that is the password, in a time that does not tell."""
        return hmac.compare_digest(self.verifier, _verifier(password, self.salt))


def _verifier(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=2**10, r=8, p=1)


ACCOUNTS: Final = {
    "mary": Account.of("S-1-22-1-1000", "Mary's password", "S-1-22-2-100"),
    "guest": Account.of("S-1-22-1-1001", ""),
}
_NOBODY: Final = Account.of("S-1-5-7", "nobody has this one")


class AuditLog(SystemProcess):
    """The LSA's end of the pair: takes what the reference monitor notes."""

    def __init__(self) -> None:
        super().__init__(SE_LSA_COMMAND_PORT)
        self.lines: list[str] = []

    def noted(self, words: Words) -> None:
        self.lines.append(words.get("audit", ""))


class LogonAuthority(SystemProcess):
    """Where logon processes ask."""

    def __init__(self) -> None:
        self.log = AuditLog()
        self._logging = threading.Thread(target=self.log.serve, daemon=True)
        self._logging.start()
        self._monitor = connect(SE_RM_COMMAND_PORT, lsa=True)
        self._ids = itertools.count(0x3E8)  # 0x3E7 is the system's own logon
        super().__init__(LSA_AUTHENTICATION_PORT)

    def ask_logon(self, _message: alpc.Message, user: str, password: str) -> Words:
        """A token for the right password. Who is unknown takes as long as who is wrong."""
        account = ACCOUNTS.get(user.casefold(), _NOBODY)
        if not account.admits(password) or account is _NOBODY:
            self.log.lines.append(f"logon of {user} failed")
            raise Refused(STATUS_LOGON_FAILURE, "no such user, or not this password")
        token = {"id": next(self._ids), "user": account.sid, "groups": [EVERYONE, INTERACTIVE, *account.groups]}
        ask(self._monitor, "logon_session", **token)
        self.log.lines.append(f"{user} logged on as {token['id']:#x}")
        return {"token": token}

    def ask_log(self, _message: alpc.Message) -> Words:
        """What was noted so far."""
        return {"lines": self.log.lines}

    def close(self) -> None:
        super().close()
        self._monitor.close()
        self.log.close()
        self._logging.join()


def main() -> None:
    """Serves until SIGTERM."""
    LogonAuthority().run("lsass")


if __name__ == "__main__":
    main()
