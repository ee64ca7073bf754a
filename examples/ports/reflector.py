"""The reflector (of UMDF): takes requests for a device, and survives the host that its driver runs in.

Requests are posted, so that any number of them is outstanding; each is a Future. When the host ends, in whatever way,
each outstanding request is completed with STATUS_DEVICE_REMOVED and a new host is started.
"""

from __future__ import annotations

import contextlib
import subprocess
import threading
from concurrent.futures import Future
from typing import Final

from examples.ports.driver_host import device_port
from examples.ports.system_process import PATIENCE, Refused, answer, connect, said, start
from lrpc.transports import alpc
from lrpc.transports.errors import ReplyMismatch, TransportError

STATUS_DEVICE_REMOVED: Final = 0xC00002B6
STATUS_CANCELLED: Final = 0xC0000120

Io = Future[bytes]


class Reflector:
    """A device, as those see it who use it."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._lock = threading.Lock()
        self._closed = False
        self._numbers: dict[Io, int] = {}
        self.restarts = 0
        self._start()
        self._completing = threading.Thread(target=self._complete_all)
        self._completing.start()

    def submit(self, what: str, offset: int = 0, size: int = 0, data: bytes = b"") -> Io:
        """A request; its result are the octets that were read."""
        io = Io()
        with self._lock:
            view = None
            if data:
                view = self._port.allocate(len(data))
                view.buffer[:] = data
            words = said(ask=what, offset=offset, size=size or len(data))
            self._numbers[io] = self._port.post(words, io, view=view, timeout=PATIENCE)
        return io

    def cancel(self, io: Io) -> None:
        """Withdraws a request (CancelIoEx); nothing if it is complete."""
        with self._lock:
            number = self._numbers.pop(io, 0)
            if not number:
                return
            with contextlib.suppress(ReplyMismatch):  # its answer is just coming
                self._port.cancel(number)
        io.set_exception(Refused(STATUS_CANCELLED, "canceled"))

    def close(self) -> None:
        """Ends the host."""
        with self._lock:
            self._closed = True
            self.host.kill()
        self._completing.join()
        self.host.wait()
        self._port.close()

    def _start(self) -> None:
        self.host: subprocess.Popen[bytes] = start("driver_host", self._device)
        self._port = connect(device_port(self._device))

    def _complete_all(self) -> None:
        """Completes requests, and starts the host again, until `close`."""
        while True:
            try:
                self._complete(self._port.receive())
            except TransportError:
                if not self._restarted():
                    return

    def _complete(self, message: alpc.Message) -> None:
        context = message.attributes.context
        io: Io | None = None if context is None else context.message_context
        if message.type == alpc.LPC_REPLY and io is not None and self._taken(io):
            try:
                answer(message.data)
                view = message.attributes.view
                io.set_result(b"" if view is None else bytes(view))
            except Refused as error:
                io.set_exception(error)
        message.release()

    def _restarted(self) -> bool:
        """The host is gone: nothing that was outstanding will be answered. False: we are to end."""
        self.host.kill()
        self.host.wait()
        with self._lock:
            self._port.close()
            lost, self._numbers = self._numbers, {}
            if not self._closed:
                self.restarts += 1
                self._start()
        for io in lost:
            io.set_exception(Refused(STATUS_DEVICE_REMOVED, "the driver host ended"))
        return not self._closed

    def _taken(self, io: Io) -> bool:
        with self._lock:
            return self._numbers.pop(io, 0) != 0
