"""The asyncio face of a CommunicationPort: messages and views, awaited."""

from __future__ import annotations

from ..asynchronous import Reader, Writer
from ..seam import Buffer, Peer
from .memory.section import View
from .messages.message import PortMessage
from .messages.port_message import LPC_REQUEST
from .port import CommunicationPort


class AsyncPort:
    """A CommunicationPort, awaited. One task at a time receives; any may send."""

    def __init__(self, port: CommunicationPort) -> None:
        self.port = port
        """For what needs no waiting: `allocate`, `discard`, `release`, `context`."""
        self._reader: Reader[PortMessage] = Reader(port.fileno, port.receive_message_now)
        self._writer = Writer(port.fileno)

    def __repr__(self) -> str:
        return f"<async {self.port!r}>"

    @property
    def peer(self) -> Peer:
        return self.port.peer

    async def send_message(
        self, data: Buffer, message_id: int = 0, type: int = LPC_REQUEST, view: View | None = None
    ) -> int:
        """Sends one message; the message id that was used. Raises what CommunicationPort.send_message does."""
        sent = self.port.send_message_now(data, message_id, type, view)
        if sent:
            return sent
        async with self._writer.turn:
            while not (sent := self.port.send_message_now(data, message_id, type, view)):
                await self._writer.wait()
        return sent

    async def receive_message(self) -> PortMessage:
        """The next message; of type LPC_PORT_CLOSED once the peer has closed or died. Raises BadFrame."""
        return await self._reader.next()

    def close(self) -> None:
        """Ends the connection; a task in `receive_message` gets LPC_PORT_CLOSED, one in `send_message` Disconnected."""
        self._writer.wake()
        self._reader.close(self.port.close)
