"""DatagramPort: a port as any other transport, where data travels as datagrams. `listen` and `dial` make them."""

from __future__ import annotations

import socket

from ..seam import Buffer
from .lane import Lane
from .messages.message import PortMessage
from .messages.port_attributes import Agreement
from .messages.port_message import LPC_DATAGRAM, LPC_PORT_CLOSED
from .port import CommunicationPort


class DatagramPort(CommunicationPort):
    """Keeps `seam.Connection`."""

    __slots__ = ()

    def __init__(self, connected: socket.socket | Lane, agreed: Agreement) -> None:
        super().__init__(connected, agreed.peer, quota=agreed.quota, **agreed.limits)
        self.connection_data = agreed.theirs.data

    def send(self, data: Buffer, timeout: float | None = None) -> None:
        """Sends a datagram."""
        if data:
            self.send_message(data, 0, LPC_DATAGRAM, None, timeout)

    def receive(self, timeout: float | None = None) -> bytes:
        """The data of the next message that has any, whatever its type; b"" once the peer has closed."""
        while True:
            message = self.receive_message(timeout)
            if (octets := self._plain(message)) or message.type == LPC_PORT_CLOSED:
                return octets

    def send_now(self, data: Buffer) -> int:
        """Sends a datagram if that needs no waiting; octets taken."""
        return len(data) if data and self.send_message_now(data, 0, LPC_DATAGRAM) else 0

    def receive_now(self) -> bytes | None:
        """Like `receive`; None: nothing yet."""
        while (message := self.receive_message_now()) is not None:
            if (octets := self._plain(message)) or message.type == LPC_PORT_CLOSED:
                return octets
        return None

    def over(self) -> bool:
        """Drained, and read to its end: what is taken no more was not sent."""
        return True

    def _plain(self, message: PortMessage) -> bytes:
        if message.view is None:
            return message.data
        octets = message.data + bytes(message.view)
        self.release(message)
        return octets
