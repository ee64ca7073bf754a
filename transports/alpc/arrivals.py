"""The half of a MessagePort that says what a frame holds; what it means is decided in `exchange.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..errors import BadFrame
from .memory.direct import split
from .messages import message as wire
from .messages.attributes import ALL_ATTRIBUTES, TokenAttribute
from .messages.message import ANSWERED
from .messages.port_attributes import PortAttributes, PortFlags
from .messages.port_message import (
    LPC_CANCELED,
    LPC_CONTINUATION_REQUIRED,
    LPC_DATAGRAM,
    LPC_LOST_REPLY,
    LPC_NO_IMPERSONATE,
    LPC_REPLY,
    TYPE_MASK,
)
from .port import CommunicationPort
from .received import Arrival, Context, Message, MessageAttributes

if TYPE_CHECKING:
    from .server_queue import ServerQueue

TYPES: Final = ANSWERED | {
    LPC_REPLY,
    LPC_DATAGRAM,
    LPC_LOST_REPLY,
    LPC_CANCELED,
    wire.TERMINATION_PORT,
    wire.SECURITY_CONTEXT,
}
"""What an end may send once it is connected."""
FLAGS: Final = LPC_CONTINUATION_REQUIRED | LPC_NO_IMPERSONATE


class Arrivals(CommunicationPort):
    """attributes: of this end. peer_flags: PortFlags of the other."""

    __slots__ = ("_host", "attributes", "peer_flags")

    attributes: PortAttributes
    peer_flags: PortFlags
    _host: ServerQueue | None
    """The server whose end it is; a client's has none."""

    @property
    def is_server(self) -> bool:
        """Whether it is a server's end."""
        return self._host is not None

    def arrival(self, frame: bytes) -> Arrival | None:
        """What is in a frame; None for one that was for the port itself. Raises BadFrame."""
        if frame[wire.TYPE_PLACE] == wire.RELEASE_TYPE and not (frame := self.without_releases(frame)):
            return None
        header, block, data = wire.parse(frame)
        kind = header.type & TYPE_MASK
        if block.context is None and not header.data_info_offset:
            return self._plain_arrival(frame)
        known = kind in TYPES and not header.type & ~(TYPE_MASK | FLAGS)
        if len(data) > self._max_data or not known or block.context is None:
            raise BadFrame(f"{len(data)} octets in a message of type {header.type:#x}")
        if block.direct is not None and not self.attributes.flags & PortFlags.DIRECT_MESSAGE:
            raise BadFrame("a direct message, where none are taken")
        captured = None
        if block.security is not None or kind == wire.SECURITY_CONTEXT:
            captured = self.beside.contexts.arrived(self, kind, block.security, data)
            if captured is None:
                return None
        identity = self.beside.identity if captured is None else captured.identity
        data, entries = split(header, data)
        octets, secured = (None, False) if block.view is None else self._sharing.view(block.view)
        attributes = MessageAttributes(
            ALL_ATTRIBUTES,
            Context(self.context, None, block.context.sequence, header.message_id, header.callback_id),
            view=octets,
            secured=secured,
            handles=self.beside.take(frame) or None,
            token=None if self._host is None else TokenAttribute(*identity.ids),
            security=block.security,
            direct=block.direct,
            work_on_behalf=block.work_on_behalf,
        )
        number = header.callback_id or header.message_id
        if kind in (LPC_REPLY, LPC_CANCELED):
            self._sharing.answered(number)
        self.traffic.received(len(frame) + (0 if octets is None else len(octets)))
        return Arrival(
            kind,
            header.message_id,
            header.callback_id,
            header.unique_thread,
            data,
            block.context.sequence,
            attributes,
            0 if block.view is None else block.view.section_handle,
            entries,
            identity,
            not header.type & LPC_NO_IMPERSONATE,
            captured,
        )

    def give_back(self, message: Message) -> None:
        """Gives the view of a message back to its sender."""
        if message.attributes.view is not None:
            self._sharing.release(message.view_number, len(message.attributes.view))

    def _plain_arrival(self, frame: bytes) -> Arrival | None:
        """What is in a frame of a peer that knows no more than plain messages."""
        message = self._understand(frame)
        if message is None:
            return None
        attributes = MessageAttributes(
            ALL_ATTRIBUTES, view=message.view, secured=message.secured, handles=message.handles or None
        )
        number, identity = message.view_number, self.beside.identity
        return Arrival(message.type, message.message_id, 0, 0, message.data, 0, attributes, number, None, identity)
