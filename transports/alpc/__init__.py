r"""Ports: NT's local procedure call (LPC, ALPC), carried by what Linux has.

What a program uses
    connection       ConnectionPort: the named port of a server, `create_port`; a client's `connect`
    message_port     MessagePort: either end of a connection: request, post, datagram, cancel, receive
    received         Message: what a receiver holds, and answers, releases or calls back on
    port_attributes  what a port takes and gives, LPC's limits too
    completion       IoCompletionPort: messages of many ports for a few threads
    information      who waits for whom; inquiry: what the holder of a port says that it does
    batch            many small messages in one packet
Its insides, from the wire up
    port_message     PORT_MESSAGE in both layouts; attributes: the seven message attributes
    message          a frame: both, and the data
    section, sharing shared memory for large payloads: views lent and borrowed
    port             CommunicationPort: frames of plain messages, which calls of RPC run over
    lane             shared memory that small frames take past the socket
    datagrams        a port as any other transport
    outbox, reserve  what waits to be sent, and what need not
    exchange         what one end has sent and waits for; waiting: the threads that do
    queue            messages that wait for a thread; server_queue: those of all clients of a server
Names are those of `transports/namespace.py`; one without a leading backslash is in `\RPC Control`.

A client connects with a message and the server answers it with accept or refuse, since on Linux a socket is
connected before anybody has decided. Frames are SEQPACKET packets; nothing a sender says of itself is believed.
"""

from .attributes import ALL_ATTRIBUTES
from .batch import Batch
from .completion import Completion, IoCompletionPort
from .connection import (
    DIRECTORY,
    TYPE,
    ConnectionPort,
    connect,
    create_port,
    dial,
    list_ports,
    listen,
)
from .connection_request import ConnectionRequest
from .information import server_information
from .message import MAX_DATA, PortMessage
from .message_port import MessagePort
from .port import CommunicationPort
from .port_attributes import PortAttributes, PortFlags
from .port_message import (
    LPC_CANCELED,
    LPC_CLIENT_DIED,
    LPC_CONNECTION_REPLY,
    LPC_CONNECTION_REQUEST,
    LPC_DATAGRAM,
    LPC_DEBUG_EVENT,
    LPC_ERROR_EVENT,
    LPC_EXCEPTION,
    LPC_LOST_REPLY,
    LPC_PORT_CLOSED,
    LPC_REPLY,
    LPC_REQUEST,
)
from .received import Message
from .section import View

__all__ = [
    "ALL_ATTRIBUTES",
    "DIRECTORY",
    "LPC_CANCELED",
    "LPC_CLIENT_DIED",
    "LPC_CONNECTION_REPLY",
    "LPC_CONNECTION_REQUEST",
    "LPC_DATAGRAM",
    "LPC_DEBUG_EVENT",
    "LPC_ERROR_EVENT",
    "LPC_EXCEPTION",
    "LPC_LOST_REPLY",
    "LPC_PORT_CLOSED",
    "LPC_REPLY",
    "LPC_REQUEST",
    "MAX_DATA",
    "TYPE",
    "Batch",
    "CommunicationPort",
    "Completion",
    "ConnectionPort",
    "ConnectionRequest",
    "IoCompletionPort",
    "Message",
    "MessagePort",
    "PortAttributes",
    "PortFlags",
    "PortMessage",
    "View",
    "connect",
    "create_port",
    "dial",
    "list_ports",
    "listen",
    "server_information",
]
