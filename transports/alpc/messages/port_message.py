"""PORT_MESSAGE: the header of every message, in the layouts of 64-bit and 32-bit NT. Little-endian, no octet of ours.

x64  x86   field
  0    0   u16 DataLength       octets of data
  2    2   u16 TotalLength      header and data
  4    4   u16 Type             a type in the low octet, flags above it
  6    6   u16 DataInfoOffset   where a request's PORT_DATA_INFORMATION stands; 0: it has none
  8    8   ClientId             {UniqueProcess, UniqueThread}, 8 octets each, 4 in x86
 24   16   u32 MessageId        of an exchange: a reply repeats its request's
 32   20   CallbackId           of a callback within the exchange, 8 octets, 4 in x86; ClientViewSize while connecting

What follows the header is `message.py`'s business, and the attributes are `attributes.py`'s.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from ...errors import BadFrame

LPC_REQUEST: Final = 1
LPC_REPLY: Final = 2
LPC_DATAGRAM: Final = 3
LPC_LOST_REPLY: Final = 4
"""Nobody waits any more for the reply that this message names."""
LPC_PORT_CLOSED: Final = 5
LPC_CLIENT_DIED: Final = 6
"""A thread that had registered the port has ended."""
LPC_EXCEPTION: Final = 7
LPC_DEBUG_EVENT: Final = 8
LPC_ERROR_EVENT: Final = 9
LPC_CONNECTION_REQUEST: Final = 10
LPC_CONNECTION_REPLY: Final = 11
LPC_CANCELED: Final = 12
"""Its sender has withdrawn the request that this message names."""
PORT_DISCONNECTED: Final = 13

LPC_CONTINUATION_REQUIRED: Final = 0x2000
"""The receiver holds something for its sender, until it replies, releases or cancels."""
LPC_NO_IMPERSONATE: Final = 0x4000
LPC_KERNELMODE_MESSAGE: Final = 0x8000
TYPE_MASK: Final = 0x00FF
"""The part of Type that is the type."""

TYPE_NAMES: Final = {
    LPC_REQUEST: "LPC_REQUEST",
    LPC_REPLY: "LPC_REPLY",
    LPC_DATAGRAM: "LPC_DATAGRAM",
    LPC_LOST_REPLY: "LPC_LOST_REPLY",
    LPC_PORT_CLOSED: "LPC_PORT_CLOSED",
    LPC_CLIENT_DIED: "LPC_CLIENT_DIED",
    LPC_EXCEPTION: "LPC_EXCEPTION",
    LPC_DEBUG_EVENT: "LPC_DEBUG_EVENT",
    LPC_ERROR_EVENT: "LPC_ERROR_EVENT",
    LPC_CONNECTION_REQUEST: "LPC_CONNECTION_REQUEST",
    LPC_CONNECTION_REPLY: "LPC_CONNECTION_REPLY",
    LPC_CANCELED: "LPC_CANCELED",
    PORT_DISCONNECTED: "PORT_DISCONNECTED",
}

X64: Final = struct.Struct("<4H2QI4xQ")
X86: Final = struct.Struct("<4H2I2I")


class PortMessageHeader(NamedTuple):
    """The fields of a PORT_MESSAGE; the same for both layouts."""

    data_length: int
    total_length: int
    type: int
    """With its flags."""
    data_info_offset: int = 0
    unique_process: int = 0
    unique_thread: int = 0
    message_id: int = 0
    callback_id: int = 0
    """In connection requests: ClientViewSize."""

    def pack(self, layout: struct.Struct = X64) -> bytes:
        """The octets. Raises ValueError for what the layout has no room for."""
        try:
            return layout.pack(*self)
        except struct.error as error:
            raise ValueError(f"{self} does not fit in a header of {layout.size} octets") from error

    @classmethod
    def unpack(cls, octets: bytes | memoryview, layout: struct.Struct = X64) -> PortMessageHeader:
        """The header that `octets` begin with. Raises BadFrame when they are too few or their lengths disagree."""
        if len(octets) < layout.size:
            raise BadFrame(f"a PORT_MESSAGE of {len(octets)} octets")
        header = cls(*layout.unpack_from(octets))
        if header.total_length != header.data_length + layout.size:
            raise BadFrame(f"a message of {header.total_length} octets with {header.data_length} of data")
        return header
