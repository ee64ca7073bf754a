r"""The security reference monitor (SRM): decides who gets access, and has the LSA write down what it decided.

`\SeRmCommandPort`, at which the LSA is the client; `\SeLsaCommandPort` is the LSA's, and there the reference monitor is
the client: each side is server once. Commands are requests; audit messages are datagrams, since who decides about
access does not wait for who keeps the log.
"""

from __future__ import annotations

from typing import Final

from examples.ports.system_process import Refused, SystemProcess, Words, connect, said
from lrpc.transports import alpc
from lrpc.transports.security import PIPE_RIGHTS, SddlError, SecurityDescriptor, Sid, Token, access_check

SE_RM_COMMAND_PORT: Final = r"\SeRmCommandPort"
SE_LSA_COMMAND_PORT: Final = r"\SeLsaCommandPort"
STATUS_NO_SUCH_LOGON_SESSION: Final = 0xC000005F
STATUS_INVALID_SECURITY_DESCR: Final = 0xC0000079


class ReferenceMonitor(SystemProcess):
    """Knows the tokens of those who are logged on, by authentication id."""

    def __init__(self) -> None:
        super().__init__(SE_RM_COMMAND_PORT)
        self._tokens: dict[int, Token] = {}
        self._lsa: alpc.MessagePort | None = None

    def connecting(self, message: alpc.Message, words: Words) -> None:
        super().connecting(message, words)
        if words.get("lsa"):
            self._lsa = connect(SE_LSA_COMMAND_PORT)

    def close(self) -> None:
        super().close()
        if self._lsa is not None:
            self._lsa.close()

    def ask_logon_session(self, _message: alpc.Message, id: int, user: str, groups: list[str]) -> Words:
        """The LSA has let somebody in."""
        self._tokens[id] = Token(Sid.parse(user), frozenset(map(Sid.parse, groups)))
        return {}

    def ask_access(self, _message: alpc.Message, id: int, object: str, security: str, access: int) -> Words:
        """Does a descriptor (SDDL) give somebody these rights?"""
        token = self._tokens.get(id)
        if token is None:
            raise Refused(STATUS_NO_SUCH_LOGON_SESSION, f"nobody is logged on as {id:#x}")
        try:
            granted = access_check(SecurityDescriptor.parse(security), token, access, PIPE_RIGHTS)  # a pipe is a file
        except SddlError as error:
            raise Refused(STATUS_INVALID_SECURITY_DESCR, str(error)) from error
        self._audit(f"{'granted' if granted else 'denied'} {access:#x} to {object} for {token.user}")
        return {"granted": granted}

    def _audit(self, text: str) -> None:
        if self._lsa is not None:
            self._lsa.datagram(said(audit=text))


def main() -> None:
    """Serves until SIGTERM."""
    ReferenceMonitor().run("srm")


if __name__ == "__main__":
    main()
