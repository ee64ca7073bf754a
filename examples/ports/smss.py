r"""The session manager (SMSS): starts the system, creates sessions, and learns of the death of either.

`\SmApiPort`. A system process connects to it when its own port is there, and keeps the connection: the reply to who
waits for the process goes out then, and LPC_PORT_CLOSED comes when it dies, however it dies. A session is a branch of
the namespace, `\Sessions\<n>`, and a subsystem server (`csrss.py`) of its own.
"""

from __future__ import annotations

import itertools
import subprocess
from typing import Final

from examples.ports.system_process import SM_API_PORT, Refused, SystemProcess, Words, said, start
from lrpc.transports import alpc, sessions
from lrpc.transports.namespace import current

SYSTEM: Final = ("srm", "lsass", "scm", "exception_port")
"""Who has to be there before anybody logs on. NT has the reference monitor in its kernel."""
STATUS_NO_SUCH_LOGON_SESSION: Final = 0xC000005F


class SessionManager(SystemProcess):
    """Knows processes by the names they check in with: `lsass`, `csrss 1`."""

    def __init__(self) -> None:
        super().__init__(SM_API_PORT)
        self.names = current("\\")
        sessions.create_session(self.names, 0)
        self._numbers = itertools.count(1)
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._ready: set[str] = set()
        self._waiting: list[tuple[set[str], alpc.Message, Words]] = []
        """Who is answered what, once some processes are ready."""

    def boot(self) -> None:
        """Starts the system."""
        for name in SYSTEM:
            self._children[name] = start(name)

    def connecting(self, message: alpc.Message, words: Words) -> None:
        super().connecting(message, words)
        if name := words.get("ready"):
            self._ready.add(name)
            self._answer_waiting()

    def left(self, client: Words) -> None:
        name = client.get("ready", "")
        self._ready.discard(name)
        if name.startswith("csrss "):
            self._children.pop(name).wait()
            sessions.remove_session(self.names, int(name.removeprefix("csrss ")))

    def ask_booted(self, message: alpc.Message) -> None:
        """Answered when the system is up."""
        self._waiting.append((set(SYSTEM), message, {"processes": list(SYSTEM)}))
        self._answer_waiting()

    def ask_create_session(self, message: alpc.Message, owner: int | None = None) -> None:
        """Answered when the session's subsystem has its port."""
        number = next(self._numbers)
        sessions.create_session(self.names, number, owner)
        self._children[f"csrss {number}"] = start("csrss", str(number))
        self._waiting.append(({f"csrss {number}"}, message, {"session": number}))

    def ask_end_session(self, _message: alpc.Message, session: int) -> Words:
        """Ends the subsystem; the session goes when its port is closed."""
        child = self._children.get(f"csrss {session}")
        if child is None:
            raise Refused(STATUS_NO_SUCH_LOGON_SESSION, f"there is no session {session}")
        child.terminate()
        return {}

    def ask_sessions(self, _message: alpc.Message) -> Words:
        """The sessions whose subsystems are up."""
        return {"sessions": sorted(int(name[6:]) for name in self._ready if name.startswith("csrss "))}

    def end(self) -> None:
        """Ends all that was started."""
        children = list(self._children.values())
        for child in children:
            child.terminate()
        for child in children:
            child.wait()

    def _answer_waiting(self) -> None:
        for waiting in [one for one in self._waiting if one[0] <= self._ready]:
            self._waiting.remove(waiting)
            waiting[1].reply(said(**waiting[2]))


def main() -> None:
    """Runs until SIGTERM, and takes everything with it."""
    manager = SessionManager()
    manager.boot()
    try:
        manager.run("")
    finally:
        manager.end()


if __name__ == "__main__":
    main()
