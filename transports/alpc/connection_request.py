"""ConnectionRequest: a client that waits for a verdict. Its counterpart is `connect` in `connection.py`."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

from ..ancillary import ask_for_credentials, send_named
from ..errors import ConnectionRefused, Disconnected
from ..kernel import refuse_descriptors
from ..sockets import NO_WAIT
from ..traffic import Ledger
from . import lane_setup
from .datagrams import DatagramPort
from .lane import Lane
from .message_port import MessagePort
from .messages.port_attributes import Agreement, pack_terms, refusal
from .messages.port_message import LPC_CONNECTION_REPLY
from .port import CommunicationPort


class ConnectionRequest:
    """A client that waits for a verdict: `accept` or `refuse`, once.

    peer: who it is, by the kernel's word. data: what it said. view_size: octets of the section that it sets up.
    """

    def __init__(self, connected: socket.socket, agreed: Agreement, ledger: Ledger[CommunicationPort]) -> None:
        self.peer = agreed.peer
        self.data = agreed.theirs.data
        self.view_size = agreed.theirs.view_size
        self._socket = connected
        self._agreed = agreed
        self._ledger = ledger

    def __repr__(self) -> str:
        return f"<ConnectionRequest of pid {self.peer.pid} uid {self.peer.uid} to {self.peer.address}>"

    def check(self, data: bytes) -> None:
        """Raises MessageTooLong for more than may be said with a verdict."""
        self._agreed.own.told(data)

    def accept(self, data: bytes = b"", context: Any = None) -> DatagramPort:
        """Lets the client in; `data` is its `connection_data`. Raises Disconnected when it has left meanwhile."""
        self._prepare()
        port = DatagramPort(self._let_in(data), self._agreed)
        port.track(self._agreed.theirs.quality_of_service)
        port.context = context
        self._ledger.enter(port)
        return port

    def accept_messages(self, data: bytes) -> MessagePort:
        """`accept`, for who receives from the connection port."""
        self._prepare()
        self._answer(0, data)
        port = MessagePort(self._socket, self._agreed)
        port.track(self._agreed.theirs.quality_of_service)
        self._ledger.enter(port)
        return port

    def fileno(self) -> int:
        """A descriptor that hangs up when the client leaves."""
        return self._socket.fileno()

    def refuse(self, data: bytes = b"", status: int = ConnectionRefused.status) -> None:
        """Sends the client away, with an NT status and `data` as the reason. Raises InvalidParameter for status 0."""
        try:
            self._answer(refusal(status), data)
        except Disconnected:  # it did not wait to hear it
            return
        self._socket.close()

    def close(self) -> None:
        """Drops the client without a word; in a child of fork, for the child alone."""
        self._socket.close()

    def _prepare(self) -> None:
        """What has to be before the first message: of a client that wants each to be tracked the kernel says who sends,
        and to a port that takes sections or handles descriptors may come."""
        if self._agreed.theirs.quality_of_service.dynamic:
            ask_for_credentials(self._socket)
        if self._agreed.takes_descriptors:
            refuse_descriptors(self._socket, refuse=False)

    def _let_in(self, data: bytes) -> socket.socket | Lane:
        """Answers; what the port is to use."""
        if features := lane_setup.grant(self._agreed.own.lane, self._agreed.theirs.features, self.peer):
            terms = pack_terms(LPC_CONNECTION_REPLY, 0, self._agreed.own, data, features)
            with contextlib.suppress(OSError):  # no descriptors left, perhaps: without a lane, then
                return lane_setup.send_with_lane(self._socket, terms, NO_WAIT)
        self._answer(0, data)
        return self._socket

    def _answer(self, status: int, data: bytes) -> None:
        try:
            send_named(self._socket, pack_terms(LPC_CONNECTION_REPLY, status, self._agreed.own, data), NO_WAIT)
        except OSError as error:
            self._socket.close()
            raise Disconnected(f"{self!r} has left") from error
