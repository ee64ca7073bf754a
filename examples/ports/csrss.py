r"""A subsystem server (CSRSS), one for each session: processes attach to it, and it knows when they are gone.

`\Sessions\<n>\Windows\ApiPort`. A process attaches by connecting, and says what it is. That is its port context: it
comes with each of its messages, and with LPC_PORT_CLOSED at the end. Nobody has to say good-bye.
"""

from __future__ import annotations

import sys
from typing import Any

from examples.ports.system_process import SystemProcess, Words, said
from lrpc.transports import alpc
from lrpc.transports.sessions import SUBSYSTEM, session_directory


def api_port(session: int) -> str:
    """The name of a session's port."""
    return f"{session_directory(session)}\\{SUBSYSTEM}\\ApiPort"


class Subsystem(SystemProcess):
    """Knows the processes of its session by pid."""

    def __init__(self, session: int) -> None:
        super().__init__(api_port(session))
        self.attached: dict[int, Words] = {}
        self._watchers: dict[int, list[alpc.Message]] = {}
        """Requests that wait for the end of a process."""

    def connecting(self, message: alpc.Message, words: Words) -> None:
        super().connecting(message, words)
        pid = message.client_id[0]  # by the kernel's word
        self.attached[pid] = words | {"pid": pid}

    def left(self, client: Any) -> None:
        pid = client["pid"]
        self.attached.pop(pid, None)
        for message in self._watchers.pop(pid, ()):
            message.reply(said(ended=pid, program=client.get("program", "")))

    def ask_processes(self, _message: alpc.Message) -> Words:
        """Who is attached."""
        return {"processes": [self.attached[pid] for pid in sorted(self.attached)]}

    def ask_end_of(self, message: alpc.Message, pid: int) -> Words | None:
        """Answered when a process is gone."""
        if pid not in self.attached:
            return {"ended": pid, "program": ""}
        self._watchers.setdefault(pid, []).append(message)
        return None


def main() -> None:
    """Serves a session until SIGTERM."""
    session = int(sys.argv[1])
    Subsystem(session).run(f"csrss {session}")


if __name__ == "__main__":
    main()
