"""Frames: a PORT_MESSAGE of 40 octets (x64 layout), the attribute block, the data. Little-endian throughout.

 0  u16 DataLength       octets of data after the attributes, at most 65,495
 2  u16 TotalLength      DataLength + 40
 4  u16 Type
 6  u16 DataInfoOffset   0
 8  u64 UniqueProcess    } what the sender says of itself; nobody reads it: who a peer is comes from the
16  u64 UniqueThread     } kernel, once for a connection
24  u32 MessageId        never 0
32  u64 CallbackId       0
40  u32 AllocatedAttributes, u32 ValidAttributes; then the valid attributes, here VIEW or none:
48  u32 Flags, u64 SectionHandle (the view's number), u64 ViewBase (offset in the section), u64 ViewSize
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from ..errors import BadFrame
from .attributes import VIEW_ATTRIBUTE, ViewAttribute

LPC_REQUEST: Final = 1
LPC_REPLY: Final = 2
LPC_DATAGRAM: Final = 3
LPC_LOST_REPLY: Final = 4
LPC_PORT_CLOSED: Final = 5
LPC_CONNECTION_REQUEST: Final = 10
LPC_CONNECTION_REPLY: Final = 11
LPC_CANCELED: Final = 12
SECTION_NOTICE: Final = 0x80
"""Ours, not NT's: the next message that carries a descriptor brings the sender's section."""
SECTION: Final = 0x81
"""Ours: brings a section; data: u64 its size, u64 its base."""
VIEW_RELEASE: Final = 0x82
"""Ours: data: u64 numbers of views that their receiver has done with."""
SECTION_GONE: Final = 0x88
"""Ours: data: u64 base of a section that its sender has deleted."""
BATCH: Final = 0x90
"""Ours: data: several messages (`batch.py`); without data: no more."""

PAYLOAD_TYPES: Final = frozenset({LPC_REQUEST, LPC_REPLY, LPC_DATAGRAM, LPC_LOST_REPLY, LPC_CANCELED})
"""Types that a peer may send and that are handed to the receiver."""

MAX_TOTAL: Final = 65535
HEADER_SIZE: Final = 40
MAX_DATA: Final = MAX_TOTAL - HEADER_SIZE
FRAME: Final = struct.Struct("<HHH2x16sI12xII")
"""DataLength, TotalLength, Type, ClientId, MessageId, AllocatedAttributes, ValidAttributes."""
FRAME_SIZE: Final = FRAME.size
VIEW: Final = struct.Struct("<I4xQQQ")
"""Flags, SectionHandle, ViewBase, ViewSize."""
NO_CLIENT_ID: Final = bytes(16)
MAX_RELEASES: Final = 500
"""Views released by one frame: it fits in the smallest port that is of any use (a message of 4,096 octets)."""


class PortMessage(NamedTuple):
    """A message as its receiver has it."""

    type: int
    """LPC_REQUEST, LPC_REPLY, LPC_DATAGRAM, LPC_LOST_REPLY, LPC_CANCELED; LPC_PORT_CLOSED: no more will come."""
    message_id: int
    """The sender's number for a request; a reply repeats it. Unique within one connection and direction."""
    data: bytes
    view: memoryview | None = None
    """Read-only octets in the sender's section, which the sender may still change: copy before you judge them."""
    view_number: int = 0
    """What `release` gives back; 0 without a view."""
    secured: bool = False
    """The octets of the view cannot change any more, by the kernel's word."""


PORT_CLOSED: Final = PortMessage(LPC_PORT_CLOSED, 0, b"")


def pack(kind: int, message_id: int, data: bytes, view: ViewAttribute | None = None) -> bytes:
    """A frame. The port packs plain messages itself, for speed; this is the rest."""
    valid = 0 if view is None else VIEW_ATTRIBUTE
    size = len(data)
    head = FRAME.pack(size, size + HEADER_SIZE, kind, NO_CLIENT_ID, message_id, valid, valid)
    return head + data if view is None else head + VIEW.pack(*view) + data


def unpack(frame: bytes) -> tuple[int, int, bytes, ViewAttribute | None]:
    """Type, message id, data and view of a frame. Raises BadFrame, and nothing else, for any octets."""
    if len(frame) < FRAME_SIZE:
        raise BadFrame(f"a frame of {len(frame)} octets")
    size, total, kind, _client_id, message_id, _allocated, valid = FRAME.unpack_from(frame)
    start = FRAME_SIZE + (VIEW.size if valid else 0)
    if valid not in (0, VIEW_ATTRIBUTE) or total != size + HEADER_SIZE or len(frame) != start + size:
        raise BadFrame(f"a frame of {len(frame)} octets that says {size} of data, attributes {valid:#x}")
    if not message_id:
        raise BadFrame("a message without a number")
    view = ViewAttribute(*VIEW.unpack_from(frame, FRAME_SIZE)) if valid else None
    return kind, message_id, frame[start:], view
