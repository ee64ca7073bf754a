r"""Ports: NT's local procedure call (LPC, ALPC), carried by what Linux has.

What a program uses
    connection       ConnectionPort: the named port of a server, `create_port`; a client's `connect`
    message_port     MessagePort: either end of a connection: request, post, datagram, cancel, receive
    received         Message: what a receiver holds, and answers, releases or calls back on
    completion       IoCompletionPort: messages of many ports for a few threads
    handles          descriptors in messages, and the objects that they are
    contexts         in whose name a client sends: SecurityContext
    information      who waits for whom; inquiry: what the holder of a port says that it does
What travels
    messages/        the octets of a message: PORT_MESSAGE, attributes, frames, batches, what ports tell each other
    memory/          sections and their views; direct access to the buffers of a client that waits
    lane             shared memory that small frames take past the socket
Its insides, from the wire up
    port             CommunicationPort: frames of plain messages, which calls of RPC run over
    beside           what comes with a frame: who sent it, and descriptors
    datagrams        a port as any other transport
    outbox, reserve  what waits to be sent, and what need not
    exchange         what one end has sent and waits for; waiting: the threads that do
    quota            what the connections of one user make a server hold
    queue            messages that wait for a thread; server_queue: those of all clients of a server
Names are those of `transports/namespace.py`; one without a leading backslash is in `\RPC Control`.

A client connects with a message and the server answers it with accept or refuse, since on Linux a socket is
connected before anybody has decided. Frames are SEQPACKET packets; nothing a sender says of itself is believed.
"""

from .completion import Completion, IoCompletionPort
from .connection import DIRECTORY, TYPE, ConnectionPort, connect, create_port, dial, list_ports, listen
from .connection_request import ConnectionRequest
from .contexts import SecurityContext, create_security_context
from .information import server_information
from .memory.section import View
from .message_port import MessagePort
from .messages.attributes import ALL_ATTRIBUTES
from .messages.batch import Batch
from .messages.message import MAX_DATA, PortMessage
from .messages.port_attributes import PortAttributes, PortFlags
from .messages.port_message import (
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
from .port import CommunicationPort
from .quota import QuotaLimits
from .received import Message

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
    "QuotaLimits",
    "SecurityContext",
    "View",
    "connect",
    "create_port",
    "create_security_context",
    "dial",
    "list_ports",
    "listen",
    "server_information",
]
