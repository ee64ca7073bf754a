"""What a port takes and gives (ALPC_PORT_ATTRIBUTES), and what two ends tell each other of it while they connect.

The data of a CONNECTION_REQUEST and of a CONNECTION_REPLY begins with the terms of its sender
      0  u32 status                 0, or the NT status of a refusal
      4  u32 MaxMessageLength       what the sender's port takes, header included
      8  u64 MaxSectionSize         the largest section it maps
     16  u64 MaxViewSize            the largest view
     24  u64 MaxTotalSectionSize    all sections together
     32  u32 Flags                  of its port
     36  u32 features               ours, not NT's: what it offers; both have what both offer
     40  u32 DupObjectTypes         kinds of handles that it takes
     44  12 octets SecurityQos      of a client: how far the server may go in its name
and ends with what the caller has to say. The header of a request has ClientViewSize where others have CallbackId:
octets of the section that its sender sets up at once.
An attribute is honoured or refused, never passed over in silence.
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass
from typing import Final, NamedTuple, TypedDict

from ...errors import (
    STATUS_NAMES,
    AccessDenied,
    BadFrame,
    ConnectionRefused,
    InvalidParameter,
    InvalidPortAttributes,
    MessageTooLong,
)
from ...seam import Peer
from ...security import DEFAULT_QOS, SecurityQos
from ..handles import ALL_OBJECTS, NO_OBJECTS, ObjectType
from ..memory.section import MAX_SECTION_SIZE, MAX_TOTAL_SECTION_SIZE, SectionLimits
from ..quota import DEFAULT_LIMITS, UNLIMITED, QuotaLimits, UserQuota
from . import message as wire
from .attributes import NO_ATTRIBUTES
from .port_message import LPC_CONNECTION_REPLY, PortMessageHeader

MAX_CONNECTION_DATA: Final = 4096
"""Octets that either side may say while connecting."""
LPC_MAX_DATA: Final = {32: 256, 64: 512}
"""Octets of a message of an LPC port (PORT_MAXIMUM_MESSAGE_LENGTH), by the width of the machine."""
LPC_MAX_CONNECTION_DATA: Final = {32: 64, 64: 128}
"""Octets that either side may say while connecting to an LPC port: 16 pointers; the rest is cut off, as NT does."""
MAX_LIMIT: Final = (1 << 63) - 1
"""Octets that any limit may be; NT's -1, for none, is no number here: memory that a peer decides on has a bound."""
_TERMS: Final = struct.Struct("<IIQQQIII12s")


class PortFlags(enum.IntFlag):
    """Flags of ALPC_PORT_ATTRIBUTES."""

    LPC_MODE = 0x1000
    """The kernel's; `lpc_mode` asks for it."""
    ALLOW_IMPERSONATION = 0x10000
    """The peer may impersonate this side."""
    ALLOW_LPC_REQUESTS = 0x20000
    """The peer may send requests."""
    WAITABLE_PORT = 0x40000
    """`fileno()` can be waited on."""
    ALLOW_DUP_OBJECT = 0x80000
    """The peer may send descriptors."""
    SYSTEM_PROCESS = 0x100000
    WAKE_POLICY1 = 0x200000
    WAKE_POLICY2 = 0x400000
    WAKE_POLICY3 = 0x800000
    DIRECT_MESSAGE = 0x1000000
    """The peer may use the DIRECT attribute."""
    ALLOW_MULTIHANDLE = 0x2000000
    """The peer may send several descriptors in one message."""


GRANTED: Final = (
    PortFlags.ALLOW_IMPERSONATION
    | PortFlags.ALLOW_LPC_REQUESTS
    | PortFlags.WAITABLE_PORT
    | PortFlags.ALLOW_DUP_OBJECT
    | PortFlags.DIRECT_MESSAGE
    | PortFlags.ALLOW_MULTIHANDLE
)
"""What anybody may ask for; the rest is the kernel's."""


@dataclass(frozen=True, slots=True)
class PortAttributes:
    """What a port takes and gives; the limits bind the other side."""

    max_message_length: int = wire.MAX_TOTAL
    """Octets of a message, its header of 40 included."""
    max_section_size: int = MAX_SECTION_SIZE
    """Octets of a section in either direction; only what is used takes memory."""
    max_view_size: int = MAX_SECTION_SIZE
    """Octets of one view."""
    max_total_section_size: int = MAX_TOTAL_SECTION_SIZE
    """Octets of all sections in one direction."""
    backlog: int = 128
    """Clients that may wait for the server to look at them."""
    max_pending: int = 64
    """Clients that may be connected and silent; one more, and the oldest of the user goes that has most of them. And
    clients of one user that may wait for a verdict; one more is refused with QUOTA_EXCEEDED."""
    max_connections: int = 256
    """Connections of one user to a server that receives messages; one more is refused with QUOTA_EXCEEDED."""
    handshake_timeout: float = 10.0
    """Seconds that a client may be silent."""
    flags: PortFlags = PortFlags.ALLOW_IMPERSONATION | PortFlags.ALLOW_LPC_REQUESTS | PortFlags.WAITABLE_PORT
    """What the other side may do; a server that takes no requests has a port for datagrams only."""
    max_pool_usage: int = 64 << 20
    """Octets of messages that wait here: of a peer's, for a receiver, and for a peer that takes none."""
    user_quota: QuotaLimits = DEFAULT_LIMITS
    """Of a server: what all connections of one user make it hold."""
    memory_bandwidth: int = 0
    """Nothing else is possible here."""
    dup_object_types: ObjectType = ALL_OBJECTS
    """Kinds of handles that the peer may send, if both ports say ALLOW_DUP_OBJECT."""
    quality_of_service: SecurityQos = DEFAULT_QOS
    """Of a client: how far the server may go in its name, and whether it is asked who it is with each message."""
    lpc_mode: int = 0
    """32 or 64: the port is one of classic LPC, with the limits of such a machine; 0: ALPC."""
    lane: bool | None = None
    """Small frames pass through shared memory, if the other end agrees (`lane.py`). None: where the two processes have
    two processors between them, unless the environment's LRPC_LANE is 0 or 1."""

    def __post_init__(self) -> None:
        if self.flags & ~GRANTED:
            raise InvalidPortAttributes(f"{PortFlags(self.flags & ~GRANTED)!r}")
        if self.memory_bandwidth or self.lpc_mode not in (0, *LPC_MAX_DATA):
            raise InvalidPortAttributes(f"memory_bandwidth {self.memory_bandwidth}, lpc_mode {self.lpc_mode}")
        if not wire.HEADER_SIZE < self.max_message_length <= wire.MAX_TOTAL:
            raise InvalidPortAttributes(f"messages of {self.max_message_length} octets")
        if not all(0 <= limit <= MAX_LIMIT for limit in (*self.sections, self.max_pool_usage)):
            raise InvalidPortAttributes(f"{self.sections}, {self.max_pool_usage} octets of messages")

    @property
    def max_data(self) -> int:
        """Octets of data in a message."""
        limit = self.max_message_length - wire.HEADER_SIZE
        return min(limit, LPC_MAX_DATA[self.lpc_mode]) if self.lpc_mode else limit

    @property
    def by_socket(self) -> bool:
        """Whether its messages bring more than octets, or say who sends them, which is only by the socket."""
        return self.quality_of_service.dynamic or bool(self.flags & PortFlags.ALLOW_DUP_OBJECT)

    @property
    def sections(self) -> SectionLimits:
        """The limits of shared memory."""
        return SectionLimits(self.max_section_size, self.max_view_size, self.max_total_section_size)

    def told(self, data: bytes) -> bytes:
        """What of `data` may be said while connecting. Raises MessageTooLong; an LPC port cuts off instead."""
        data = bytes(memoryview(data))
        if self.lpc_mode:
            return data[: LPC_MAX_CONNECTION_DATA[self.lpc_mode]]
        if len(data) > MAX_CONNECTION_DATA:
            raise MessageTooLong(f"{len(data)} octets of connection data, the most is {MAX_CONNECTION_DATA}")
        return data


DEFAULT_ATTRIBUTES: Final = PortAttributes()
HANDLES_ATTRIBUTES: Final = PortAttributes(
    flags=DEFAULT_ATTRIBUTES.flags | PortFlags.ALLOW_DUP_OBJECT | PortFlags.ALLOW_MULTIHANDLE
)
"""Handles of all kinds may come, from peers that take them as well."""


class Limits(TypedDict):
    """What a CommunicationPort is made with."""

    max_message: int
    max_data: int
    incoming: SectionLimits
    outgoing: SectionLimits
    taken: ObjectType
    given: ObjectType


class Terms(NamedTuple):
    """What one side says while connecting."""

    status: int
    max_message_length: int
    sections: SectionLimits
    flags: int
    features: int
    data: bytes
    dup_object_types: ObjectType = NO_OBJECTS
    quality_of_service: SecurityQos = DEFAULT_QOS
    view_size: int = 0
    """Octets of the section that a client sets up."""

    @property
    def max_data(self) -> int:
        """Octets of data that its port takes in a message."""
        return self.max_message_length - wire.HEADER_SIZE


class Agreement(NamedTuple):
    """What a port is made with. peer: who is at the other end. quota: of its user, at a server."""

    peer: Peer
    own: PortAttributes
    theirs: Terms
    quota: UserQuota = UNLIMITED

    @property
    def limits(self) -> Limits:
        """What binds the two ends, as a CommunicationPort of this side's is told."""
        own, theirs = self.own, self.theirs
        both = theirs.flags & own.flags & PortFlags.ALLOW_DUP_OBJECT
        return {
            "max_message": min(theirs.max_data, own.max_data) if own.lpc_mode else theirs.max_data,
            "max_data": own.max_data,
            "incoming": own.sections,
            "outgoing": own.sections.within(theirs.sections),
            "taken": own.dup_object_types if both else NO_OBJECTS,
            "given": theirs.dup_object_types if both else NO_OBJECTS,
        }

    @property
    def takes_descriptors(self) -> bool:
        """Whether the peer may send descriptors: of sections, or handles where both say so."""
        return bool(self.own.max_total_section_size and self.own.max_section_size) or bool(self.limits["taken"])


UNKNOWN_TERMS: Final = Terms(0, wire.HEADER_SIZE, SectionLimits(0, 0, 0), 0, 0, b"")
"""Those of a server that has not spoken: it takes nothing."""


def refusal(status: int) -> int:
    """The status of a refusal. Raises InvalidParameter for one that tells of success, or is none."""
    if not 0 < status <= 0xFFFFFFFF:
        raise InvalidParameter(f"a refusal with status {status:#x}")
    return status


def pack_terms(
    kind: int, status: int, attributes: PortAttributes, data: bytes, features: int = 0, view_size: int = 0
) -> bytes:
    """The frame that states them. Raises MessageTooLong."""
    flags = attributes.flags | (PortFlags.LPC_MODE if attributes.lpc_mode else 0)
    length = attributes.max_data + wire.HEADER_SIZE
    beside = attributes.dup_object_types, bytes(attributes.quality_of_service)
    terms = _TERMS.pack(status, length, *attributes.sections, flags, features, *beside)
    header = PortMessageHeader(0, 0, kind, message_id=1, callback_id=view_size)
    return wire.compose(header, NO_ATTRIBUTES, terms + attributes.told(data))


def parse_terms(frame: bytes, expected: int) -> Terms:
    """The terms in a frame of the type that is expected. Raises BadFrame, and nothing else, for any octets."""
    header, attributes, data = wire.parse(frame)
    beside = attributes != NO_ATTRIBUTES or header.data_info_offset
    if header.type != expected or beside or not 0 <= len(data) - _TERMS.size <= MAX_CONNECTION_DATA:
        raise BadFrame(f"a message of type {header.type:#x} while connecting")
    status, length, section, view_size, total, flags, features, types, quality = _TERMS.unpack_from(data)
    try:
        qos = SecurityQos.parse(quality)
    except ValueError as error:
        raise BadFrame(str(error)) from error
    limits = SectionLimits(section, view_size, total)
    types = ObjectType(types & ALL_OBJECTS)
    terms = Terms(status, length, limits, flags, features, data[_TERMS.size :], types, qos, header.callback_id)
    if not wire.HEADER_SIZE < terms.max_message_length <= wire.MAX_TOTAL:
        raise BadFrame(f"a port that takes messages of {terms.max_message_length} octets")
    return terms


def accepted_terms(frame: bytes, name: str) -> Terms:
    """The terms of a server that has accepted. Raises BadFrame, ConnectionRefused, AccessDenied."""
    terms = parse_terms(frame, LPC_CONNECTION_REPLY)
    if not terms.status:
        return terms
    if terms.status == AccessDenied.status:
        raise AccessDenied(f"connecting to {name}", data=terms.data)
    error = ConnectionRefused(f"connecting to {name}", data=terms.data)
    error.status = terms.status
    error.name = STATUS_NAMES.get(terms.status, f"{terms.status:#010x}")
    raise error
