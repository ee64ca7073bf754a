"""A program: an end of a port is interrupted at one point after another, and closes each time.

Says each point before it goes there: the last one is where it hangs. They are where CPython runs signal handlers.
"""

from __future__ import annotations

import dis
import gc
import itertools
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, Final

import lrpc
from lrpc.transports import alpc
from lrpc.transports.errors import Disconnected

LOOKS: Final = frozenset({"CALL", "CALL_KW", "CALL_FUNCTION_EX", "JUMP_BACKWARD", "RESUME"})
"""Behind these the interpreter looks for signals."""
PLACES: Final = (str(Path(lrpc.__file__).parent), threading.__file__)
WATCHDOG: Final = 20.0


class Interrupted(BaseException):
    """What the signal handler raises, as KeyboardInterrupt and SystemExit are raised."""


class Interrupt:
    """Within it, a signal comes at the point `at`, if that many are passed."""

    def __init__(self, at: int) -> None:
        self.came = ""
        """Where it came."""
        self._left = at
        self._before: dict[int, str] = {}  # by frame: its last instruction

    def __enter__(self) -> None:
        sys.settrace(self._trace)

    def __exit__(self, kind: object, *_: object) -> bool:
        sys.settrace(None)
        return kind is Interrupted

    def _trace(self, frame: FrameType, event: str, _argument: Any) -> Callable[..., Any] | None:
        code = frame.f_code
        if self.came or not code.co_filename.startswith(PLACES):
            return self._trace
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "opcode":
            before = self._before.get(id(frame))
            self._before[id(frame)] = dis.opname[code.co_code[frame.f_lasti]]
            self._left -= before in LOOKS
            if not self._left:
                self.came = f"{code.co_filename}:{frame.f_lineno}"
                raise Interrupted
        elif event == "return":
            self._before.pop(id(frame), None)
        return self._trace


def serve(port: alpc.ConnectionPort) -> None:
    """Until the port is closed."""
    with suppress(Disconnected):
        while True:
            message = port.receive()
            if message.type == alpc.LPC_CONNECTION_REQUEST:
                message.accept()
            elif message.type == alpc.LPC_REQUEST:
                message.reply(b"answer")
            else:
                message.release()


def ask(name: str) -> None:
    """A client; its server may leave it at any moment."""
    with suppress(lrpc.transports.errors.TransportError), alpc.connect(name, WATCHDOG) as client:
        client.request(b"question", timeout=WATCHDOG)


def server(name: str, interrupt: Interrupt) -> None:
    """It is interrupted between a connection and its end."""
    port = alpc.create_port(name)
    asking = threading.Thread(target=ask, args=(name,))
    asking.start()
    with interrupt:
        port.receive(WATCHDOG).accept()
        port.receive(WATCHDOG).reply(b"answer")
        assert port.receive(WATCHDOG).type == alpc.LPC_PORT_CLOSED
    port.close()
    gc.collect()  # and with it a connection that was half made
    asking.join()


def client(name: str, interrupt: Interrupt) -> None:
    """It is interrupted in a call; the next one is answered."""
    with alpc.create_port(name) as port:
        serving = threading.Thread(target=serve, args=(port,))
        serving.start()
        with alpc.connect(name, WATCHDOG) as asking:
            with interrupt:
                asking.request(b"question", timeout=WATCHDOG)
                asking.datagram(b"said")
            assert asking.request(b"again", timeout=WATCHDOG).data == b"answer"
    serving.join()


def main() -> None:
    """end, step: every step-th point of `server` or `client`."""
    work = {"server": server, "client": client}[sys.argv[1]]
    for at in itertools.count(1, int(sys.argv[2])):
        print(at, end=" ", flush=True)
        interrupt = Interrupt(at)
        work(f"\\interrupted-{at}", interrupt)
        print(interrupt.came or "end", flush=True)
        if not interrupt.came:
            return


if __name__ == "__main__":
    main()
