r"""An exception port and a hard-error port: who is told when a program fails, and what becomes of it.

`\ExceptionPort`. A program that raises what nobody catches sends LPC_EXCEPTION, waits, and is told whether that is
dealt with. LPC_ERROR_EVENT is a hard error (NtRaiseHardError): somebody has to say what to do: abort, retry or ignore.
Both are requests like others, by another type. In NT the second goes to CSRSS, which shows a box.
"""

from __future__ import annotations

import sys
import traceback
from types import TracebackType
from typing import Final

from examples.ports.system_process import PATIENCE, SystemProcess, Words, answer, connect, heard, said
from lrpc.transports import alpc

EXCEPTION_PORT: Final = r"\ExceptionPort"
DBG_CONTINUE: Final = 0x00010002
DBG_EXCEPTION_NOT_HANDLED: Final = 0x80010001
STATUS_DISK_FULL: Final = 0xC000007F

RESPONSES: Final = {STATUS_DISK_FULL: "retry"}
"""What is answered to hard errors; anything else is `abort`."""


class ExceptionPort(SystemProcess):
    """Writes down what fails, and decides."""

    def __init__(self) -> None:
        super().__init__(EXCEPTION_PORT)
        self.records: list[Words] = []

    def handle(self, message: alpc.Message) -> None:
        words = heard(message.data)
        if message.type == alpc.LPC_EXCEPTION:
            self.records.append(words | {"pid": message.client_id[0]})
            handled = words.get("exception") == "KeyboardInterrupt"
            message.reply(said(verdict=DBG_CONTINUE if handled else DBG_EXCEPTION_NOT_HANDLED))
        elif message.type == alpc.LPC_ERROR_EVENT:
            self.records.append(words | {"pid": message.client_id[0]})
            message.reply(said(response=RESPONSES.get(words.get("hard_error", 0), "abort")))
        else:
            super().handle(message)

    def ask_records(self, _message: alpc.Message) -> Words:
        """What has failed so far."""
        return {"records": self.records}


def watch_this_process() -> alpc.MessagePort:
    """From here on what nobody catches goes to the exception port first (PsSetProcessExceptionPort)."""
    port = connect(EXCEPTION_PORT, program=sys.argv[0])

    def forward(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        place = traceback.extract_tb(trace)[-1:]
        words = said(exception=kind.__name__, text=str(error), line=place[0].lineno if place else 0)
        verdict = answer(port.request(words, type=alpc.LPC_EXCEPTION, timeout=PATIENCE).data)["verdict"]
        if verdict == DBG_EXCEPTION_NOT_HANDLED:
            sys.__excepthook__(kind, error, trace)

    sys.excepthook = forward
    return port


def raise_hard_error(port: alpc.MessagePort, status: int, text: str) -> str:
    """Asks what to do about an error that the program cannot get round: `abort`, `retry` or `ignore`."""
    words = said(hard_error=status, text=text)
    response: str = answer(port.request(words, type=alpc.LPC_ERROR_EVENT, timeout=PATIENCE).data)["response"]
    return response


def main() -> None:
    """Serves until SIGTERM."""
    ExceptionPort().run("exception_port")


if __name__ == "__main__":
    main()
