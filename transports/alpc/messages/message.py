"""Frames: a PORT_MESSAGE of 40 octets (x64 layout), the attribute block, the data. Little-endian throughout.

 0  u16 DataLength       octets of data after the attributes, at most 65,495
 2  u16 TotalLength      DataLength + 40
 4  u16 Type
 6  u16 DataInfoOffset   0
 8  u64 UniqueProcess    } what the sender says of itself; nobody reads it: who a peer is comes from the
16  u64 UniqueThread     } kernel, once for a connection
24  u32 MessageId        never 0
32  u64 CallbackId
40  u32 AllocatedAttributes, u32 ValidAttributes, and the attributes; then the data.

A plain frame, the most frequent by far, has no attributes, or a VIEW alone, and no CallbackId:
48  u32 Flags, u64 SectionHandle (the view's number), u64 ViewBase (offset in the section), u64 ViewSize
The others have a CONTEXT at least; `parse` reads any.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

from ...errors import BadFrame
from ...seam import Buffer
from ..handles import Handle
from .attributes import VIEW_ATTRIBUTE, AttributeBlock, HandleAttribute, ViewAttribute
from .port_message import (
    LPC_CANCELED,
    LPC_DATAGRAM,
    LPC_DEBUG_EVENT,
    LPC_ERROR_EVENT,
    LPC_EXCEPTION,
    LPC_LOST_REPLY,
    LPC_PORT_CLOSED,
    LPC_REPLY,
    LPC_REQUEST,
    TYPE_MASK,
    PortMessageHeader,
)

SECTION_NOTICE: Final = 0x80
"""Ours, not NT's: the next message that carries a descriptor brings the sender's section."""
SECTION: Final = 0x81
"""Ours: brings a section; data: u64 its size, u64 its base."""
VIEW_RELEASE: Final = 0x82
"""Ours: data: u64 numbers of views that their receiver has done with. Another frame may follow in the same packet."""
DATA_PULL: Final = 0x89
"""Ours: a callback of a request's server, which its sender's thread serves from its data entries (`direct.py`)."""
MEMORY: Final = 0x8A
"""Ours: brings a descriptor of the sender's memory."""
SECTION_GONE: Final = 0x88
"""Ours: data: u64 base of a section that its sender has deleted."""
BATCH: Final = 0x90
"""Ours: data: several messages (`batch.py`); without data: no more."""
TERMINATION_PORT: Final = 0x83
"""Ours: registers a thread of the sender's, whose end is to be told; data: u32 its number."""
SECURITY_CONTEXT: Final = 0x84
"""Ours: a client creates, deletes or revokes a security context (`contexts.py`)."""
QUOTA_NOTICE: Final = 0x91
"""Ours: its sender holds as much as it may for this user, and ends the connection."""
LANE_NUDGE: Final = 0x8F
"""Ours: look into the lane."""

REQUEST_TYPES: Final = frozenset({LPC_REQUEST, LPC_EXCEPTION, LPC_DEBUG_EVENT, LPC_ERROR_EVENT})
"""What may be asked; each is answered by LPC_REPLY."""
ANSWERED: Final = REQUEST_TYPES | {DATA_PULL}
"""The same, and what only a callback is."""
PAYLOAD_TYPES: Final = frozenset({LPC_REQUEST, LPC_REPLY, LPC_DATAGRAM, LPC_LOST_REPLY, LPC_CANCELED})
"""Types that a peer may send and that are handed to the receiver."""

MAX_TOTAL: Final = 65535
HEADER_SIZE: Final = 40
MAX_DATA: Final = MAX_TOTAL - HEADER_SIZE
FRAME: Final = struct.Struct("<HHH2x16sI12xII")
"""DataLength, TotalLength, Type, ClientId, MessageId, AllocatedAttributes, ValidAttributes."""
FRAME_SIZE: Final = FRAME.size
SIZE: Final = struct.Struct("<H")
NUMBER: Final = struct.Struct("<Q")
TYPE_PLACE: Final = slice(4, 6)
RELEASE_TYPE: Final = VIEW_RELEASE.to_bytes(2, "little")
VIEW: Final = struct.Struct("<I4xQQQ")
"""Flags, SectionHandle, ViewBase, ViewSize."""
NO_CLIENT_ID: Final = bytes(16)
RELEASE_HEAD: Final = FRAME.pack(8, 8 + HEADER_SIZE, VIEW_RELEASE, NO_CLIENT_ID, 1, 0, 0)
"""What is in front of the number where one view is released."""
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
    handles: tuple[Handle, ...] = ()
    """The descriptors that came with it."""


PORT_CLOSED: Final = PortMessage(LPC_PORT_CLOSED, 0, b"")


def pack(
    kind: int,
    message_id: int,
    data: bytes,
    view: ViewAttribute | None = None,
    handle: HandleAttribute | None = None,
) -> bytes:
    """A plain frame, perhaps with a view or handles. The port packs those without them itself, for speed."""
    if handle is not None:
        header = PortMessageHeader(0, 0, kind, message_id=message_id)
        return compose(header, AttributeBlock(view=view, handle=handle), data)
    valid = 0 if view is None else VIEW_ATTRIBUTE
    size = len(data)
    head = FRAME.pack(size, size + HEADER_SIZE, kind, NO_CLIENT_ID, message_id, valid, valid)
    return head + data if view is None else head + VIEW.pack(*view) + data


def pack_releases(numbers: Sequence[int]) -> bytes:
    """The frame that says which views their receiver has done with; at most MAX_RELEASES."""
    if len(numbers) == 1:
        return RELEASE_HEAD + numbers[0].to_bytes(8, "little")
    size = NUMBER.size * len(numbers)
    head = FRAME.pack(size, size + HEADER_SIZE, VIEW_RELEASE, NO_CLIENT_ID, 1, 0, 0)
    return head + struct.pack(f"<{len(numbers)}Q", *numbers)


def releases_in(packet: bytes) -> tuple[bytes, list[int]]:
    """The frame behind the releases that a packet begins with (empty: none), and what they release. Raises BadFrame."""
    numbers: list[int] = []
    while packet[TYPE_PLACE] == RELEASE_TYPE:
        (size,) = SIZE.unpack_from(packet)
        end = FRAME_SIZE + size
        _, _, data, view = unpack(packet[:end])
        if size % 8 or view is not None:
            raise BadFrame(f"releases of {size} octets")
        numbers += (number for (number,) in NUMBER.iter_unpack(data))
        packet = packet[end:]
    return packet, numbers


def unpack(frame: bytes) -> tuple[int, int, bytes, ViewAttribute | None]:
    """Type, message id, data and view of a frame without a callback. Raises BadFrame, and nothing else, for any octets.

    Other attributes are passed over: who wants them uses `parse`.
    """
    if len(frame) < FRAME_SIZE:
        raise BadFrame(f"a frame of {len(frame)} octets")
    size, total, kind, _client_id, message_id, _allocated, valid = FRAME.unpack_from(frame)
    if valid not in (0, VIEW_ATTRIBUTE):
        header, attributes, data = parse(frame)
        if header.callback_id or header.data_info_offset:
            raise BadFrame("a callback, or data entries, where none can be served")
        return header.type & TYPE_MASK, header.message_id, data, attributes.view
    start = FRAME_SIZE + (VIEW.size if valid else 0)
    if total != size + HEADER_SIZE or len(frame) != start + size:
        raise BadFrame(f"a frame of {len(frame)} octets that says {size} of data, attributes {valid:#x}")
    if not message_id:
        raise BadFrame("a message without a number")
    view = ViewAttribute(*VIEW.unpack_from(frame, FRAME_SIZE)) if valid else None
    return kind, message_id, frame[start:], view


class Frame(NamedTuple):
    """A frame with all that it may hold."""

    header: PortMessageHeader
    attributes: AttributeBlock
    data: bytes


def compose(header: PortMessageHeader, attributes: AttributeBlock, data: Buffer) -> bytes:
    """A frame with any attributes; the lengths of the header are those of `data`. Raises ValueError."""
    size = len(data)
    filled = header._replace(data_length=size, total_length=size + HEADER_SIZE)
    return b"".join((filled.pack(), attributes.pack(), data))


def parse(frame: bytes) -> Frame:
    """What is in any frame. Raises BadFrame, and nothing else, for any octets."""
    header = PortMessageHeader.unpack(frame)
    attributes, end = AttributeBlock.unpack(frame, HEADER_SIZE)
    if len(frame) != end + header.data_length:
        raise BadFrame(f"a frame of {len(frame)} octets that says {header.data_length} of data")
    if not header.message_id:
        raise BadFrame("a message without a number")
    return Frame(header, attributes, frame[end:])
