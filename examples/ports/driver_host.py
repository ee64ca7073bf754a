r"""A driver host (as UMDF has them): a driver in a process of its own, whose end harms nobody but itself.

`\UMDF\<device>`. A completion port has the messages of all clients; two threads serve it. The device is a memory of
64 KiB with three requests: `read`, `write` and `wait`, which stays pending until it is canceled. Data travels in views.
`crash` is what drivers do.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Final

from examples.ports.system_process import STATUS_INVALID_PARAMETER, Words, heard, said
from lrpc.transports import alpc
from lrpc.transports.errors import Disconnected

SIZE: Final = 65536
WORKERS: Final = 2
STATUS_END_OF_FILE: Final = 0xC0000011


def device_port(device: str) -> str:
    """The name of a device's port."""
    return f"\\UMDF\\{device}"


class DriverHost:
    """Serves one device."""

    def __init__(self, device: str) -> None:
        self.port = alpc.create_port(device_port(device))
        self.packets = alpc.IoCompletionPort(WORKERS)
        self.port.associate(self.packets, "io")
        self._memory = bytearray(SIZE)
        self._pending: dict[tuple[int, int], alpc.Message] = {}
        """Requests that wait for their cancel, by client and message id."""

    def serve(self) -> None:
        """What each worker does, until the port is closed."""
        while True:
            try:
                message = self.packets.get().what
            except Disconnected:
                return
            self._serve(message)

    def run(self) -> None:
        """All workers."""
        workers = [threading.Thread(target=self.serve, daemon=True) for _ in range(WORKERS)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    def _serve(self, message: alpc.Message) -> None:
        match message.type:
            case alpc.LPC_CONNECTION_REQUEST:
                message.accept(context=message.client_id[0])
            case alpc.LPC_REQUEST:
                self._request(message, heard(message.data))
            case alpc.LPC_CANCELED:
                if (canceled := self._pending.pop(_key(message), None)) is not None:
                    canceled.release()
                message.release()
            case _:
                message.release()

    def _request(self, message: alpc.Message, words: Words) -> None:
        offset, size = words.get("offset", 0), words.get("size", 0)
        if not (isinstance(offset, int) and isinstance(size, int) and 0 <= offset <= offset + size <= SIZE):
            message.reply(said(status=STATUS_END_OF_FILE, reason="outside the device"))
            return
        match words.get("ask"):
            case "read":
                self._read(message, offset, size)
            case "write":
                data = message.attributes.view or b""
                self._memory[offset : offset + len(data)] = data
                message.reply(said(written=len(data)))
            case "wait":
                self._pending[_key(message)] = message
            case "crash":
                os.kill(os.getpid(), signal.SIGKILL)
            case _:
                message.reply(said(status=STATUS_INVALID_PARAMETER, reason="no such request"))

    def _read(self, message: alpc.Message, offset: int, size: int) -> None:
        """Answers with a view of the server's section, which the client gives back by releasing the reply."""
        if not size or message.port is None:
            message.reply(said(read=0))
            return
        view = message.port.allocate(size)
        view.buffer[:] = self._memory[offset : offset + size]
        message.reply(said(read=size), view=view)


def _key(message: alpc.Message) -> tuple[int, int]:
    return id(message.port), message.message_id


def main() -> None:
    """Serves until it is killed."""
    DriverHost(sys.argv[1]).run()


if __name__ == "__main__":
    main()
