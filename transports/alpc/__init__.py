r"""Ports: NT's local procedure call (ALPC), carried by what Linux has.

    message      PORT_MESSAGE and its attributes: the octets of a frame
    section      shared memory for large payloads: a memfd each way, cut into views
    port         CommunicationPort: one end of a connection; sends and receives messages
    sharing      its sections: views lent and borrowed, and how they come back
    port_attributes  what a port takes and gives
    inquiry      what the holder of a port says that it does
    connection   ConnectionPort: the named port of a server; ConnectionRequest; `connect`
    batch        many small messages in one packet
    completion   IoCompletionPort: messages of many ports for a few threads
Names are those of `transports/namespace.py`; one without a leading backslash is in `\RPC Control`.

A client connects with a message and the server answers it with accept or refuse, since on Linux a socket is
connected before anybody has decided. Frames are SEQPACKET packets; nothing a sender says of itself is believed.
"""

from .completion import Completion, IoCompletionPort
from .connection import (
    DIRECTORY,
    TYPE,
    ConnectionPort,
    ConnectionRequest,
    connect,
    create_port,
    list_ports,
    listen,
)
from .message import (
    LPC_CANCELED,
    LPC_DATAGRAM,
    LPC_LOST_REPLY,
    LPC_PORT_CLOSED,
    LPC_REPLY,
    LPC_REQUEST,
    MAX_DATA,
    PortMessage,
)
from .port import CommunicationPort
from .port_attributes import PortAttributes, PortFlags
from .section import View

__all__ = [
    "DIRECTORY",
    "LPC_CANCELED",
    "LPC_DATAGRAM",
    "LPC_LOST_REPLY",
    "LPC_PORT_CLOSED",
    "LPC_REPLY",
    "LPC_REQUEST",
    "MAX_DATA",
    "TYPE",
    "CommunicationPort",
    "Completion",
    "ConnectionPort",
    "ConnectionRequest",
    "IoCompletionPort",
    "PortAttributes",
    "PortFlags",
    "PortMessage",
    "View",
    "connect",
    "create_port",
    "list_ports",
    "listen",
]
