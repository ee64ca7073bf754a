r"""What the programs here have in common: a process with one named port, and a loop that serves its one queue.

Messages are JSON. A request names what it asks, `{"ask": "logon", "user": "mary"}`; its reply has the answer, or an
NT status. Only the words are ours: connections, requests, datagrams and notices are those of the port.
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from types import FrameType
from typing import Any, Final, cast

from lrpc.transports import alpc
from lrpc.transports.errors import Disconnected, NameNotFound

SM_API_PORT: Final = r"\SmApiPort"
PATIENCE: Final = 20.0
"""Seconds that anybody here waits for another process."""
STATUS_INVALID_PARAMETER: Final = 0xC000000D

Words = dict[str, Any]


class Refused(Exception):
    """The other side answered with an NT status that is an error."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{reason} ({status:#010x})")
        self.status = status
        self.reason = reason


def said(**words: Any) -> bytes:
    """Words as the data of a message."""
    return json.dumps(words).encode()


def heard(data: bytes) -> Words:
    """The words of a message; none for what is no message of ours."""
    with contextlib.suppress(ValueError):
        words = json.loads(data)
        if isinstance(words, dict):
            return cast("Words", words)
    return {}


def ask(port: alpc.MessagePort, what: str, **words: Any) -> Words:
    """Asks and waits for the answer (NtAlpcSendWaitReceivePort with SYNC_REQUEST). Raises Refused."""
    return answer(port.request(said(ask=what, **words), timeout=PATIENCE).data)


def answer(data: bytes) -> Words:
    """The words of a reply. Raises Refused."""
    words = heard(data)
    if status := words.get("status", 0):
        raise Refused(status, words.get("reason", ""))
    return words


def connect(name: str, **words: Any) -> alpc.MessagePort:
    """Connects to a process that may be about to make its port."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return alpc.connect(name, PATIENCE, data=said(**words))
        except NameNotFound:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)


def start(program: str, *arguments: str) -> subprocess.Popen[bytes]:
    """A process that runs one of the programs here."""
    return subprocess.Popen([sys.executable, "-m", f"examples.ports.{program}", *arguments])


def _end(_signal: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # another one would come in the middle of the end
    sys.exit()


def check_in(name: str) -> alpc.MessagePort | None:
    """Tells the session manager that a system process is ready. None where there is no session manager."""
    try:
        return alpc.connect(SM_API_PORT, PATIENCE, data=said(ready=name))
    except NameNotFound:
        return None


class SystemProcess:
    """A process with a port. A request that asks `x` is answered by the method `ask_x`."""

    def __init__(self, name: str) -> None:
        self.port = alpc.create_port(name)

    def serve(self) -> None:
        """Serves the queue until the port is closed."""
        with contextlib.suppress(Disconnected):
            while True:
                self.handle(self.port.receive())

    def run(self, name: str) -> None:
        """What `main` of a program does: checks in, and serves until SIGTERM. The session manager has no name."""
        signal.signal(signal.SIGTERM, _end)
        if name:
            self._session_manager = check_in(name)  # kept: its end is how the session manager learns of ours
        try:
            self.serve()
        finally:
            self.close()

    def close(self) -> None:
        """Gives the name back, and ends all connections."""
        self.port.close()

    def handle(self, message: alpc.Message) -> None:
        """One message, by its type."""
        match message.type:
            case alpc.LPC_CONNECTION_REQUEST:
                self.connecting(message, heard(message.data))
            case alpc.LPC_REQUEST:
                self._asked(message, heard(message.data))
            case alpc.LPC_DATAGRAM:
                self.noted(heard(message.data))
                message.release()
            case alpc.LPC_PORT_CLOSED:
                self.left(message.port_context)
            case _:
                message.release()

    def connecting(self, message: alpc.Message, words: Words) -> None:
        """A client wants in. What `accept` is given comes with each of its messages."""
        message.accept(context=words | {"pid": message.client_id[0]})

    def noted(self, words: Words) -> None:
        """A datagram came."""

    def left(self, client: Any) -> None:
        """A client closed its port, or died."""

    def _asked(self, message: alpc.Message, words: Words) -> None:
        asked = getattr(self, f"ask_{words.pop('ask', '')}", None)
        try:
            if asked is None:
                raise Refused(STATUS_INVALID_PARAMETER, "nobody knows what is asked")
            found = asked(message, **words)
        except Refused as error:
            found = {"status": error.status, "reason": error.reason}
        except TypeError as error:  # words that the method does not take
            found = {"status": STATUS_INVALID_PARAMETER, "reason": str(error)}
        if found is not None:  # else it will be answered later
            self.reply(message, found)

    def reply(self, message: alpc.Message, words: Mapping[str, Any]) -> None:
        """Answers; who has left meanwhile will be noted as such."""
        message.reply(said(**words))
