"""Message attributes: what travels with the data of a message. Their octets are those of 64-bit NT.

A block is AllocatedAttributes and ValidAttributes, u32 each, then room for every attribute that is allocated, always
in the order of their bits from high to low; only what is valid as well has content. A sender allocates what it fills
in; a receiver is given what it asked for, out of what came (`MessageAttributes.limited`).

Attributes travel in the frame and are copied with it: no peer changes one while we look at it.
"""

from __future__ import annotations

import struct
from typing import Any, Final, NamedTuple

from ...errors import BadFrame

SECURITY_ATTRIBUTE: Final = 0x80000000
VIEW_ATTRIBUTE: Final = 0x40000000
CONTEXT_ATTRIBUTE: Final = 0x20000000
HANDLE_ATTRIBUTE: Final = 0x10000000
TOKEN_ATTRIBUTE: Final = 0x08000000
DIRECT_ATTRIBUTE: Final = 0x04000000
WORK_ON_BEHALF_ATTRIBUTE: Final = 0x02000000
ALL_ATTRIBUTES: Final = 0xFE000000

SECURITY_RELEASE_HANDLE: Final = 0x10000
SECURITY_CREATE_HANDLE: Final = 0x20000
"""Keep the context that this message makes, for later messages."""
VIEW_AUTO_RELEASE: Final = 0x20000
"""The sender's own mapping goes with the send."""
VIEW_SECURED_ACCESS: Final = 0x40000
"""The kernel guarantees that nobody changes the view."""
VIEW_FLAGS: Final = VIEW_AUTO_RELEASE | VIEW_SECURED_ACCESS
"""NT's third, UNMAP_EXISTING, there is not: a view is given back by the answer, or by its release."""
HANDLE_SAME_ACCESS: Final = 0x10000
HANDLE_SAME_ATTRIBUTES: Final = 0x20000
HANDLE_INDIRECT: Final = 0x40000
"""Several: `object_type` is their count."""
HANDLE_INHERIT: Final = 0x80000

MASKS: Final = struct.Struct("<II")
"""AllocatedAttributes, ValidAttributes."""
_CONTEXT: Final = struct.Struct("<QQIII4x")
_LONE_CONTEXT: Final = struct.Struct("<IIQQIII4x")
"""A block with a CONTEXT alone, as most are."""


class SecurityAttribute(NamedTuple):
    """Which security context of the sender's the message is sent under."""

    flags: int = 0
    qos: int = 0
    context_handle: int = 0


class ViewAttribute(NamedTuple):
    """Data that stands in a section. On the wire: its number and where it stands in the sender's section."""

    flags: int = 0
    section_handle: int = 0
    view_base: int = 0
    view_size: int = 0


class ContextAttribute(NamedTuple):
    """Whose message this is, and which."""

    port_context: int = 0
    message_context: int = 0
    """What the sender of a request gave it to know its reply by."""
    sequence: int = 0
    """The sender's count of messages on this connection."""
    message_id: int = 0
    callback_id: int = 0


class HandleAttribute(NamedTuple):
    """A descriptor that travels with the message, or, with HANDLE_INDIRECT, several."""

    flags: int = 0
    handle: int = 0
    object_type: int = 0
    desired_access: int = 0


class TokenAttribute(NamedTuple):
    """The sender's token, by three LUIDs; `modified_id` changes whenever the token does. Made by the receiver."""

    token_id: int = 0
    authentication_id: int = 0
    modified_id: int = 0


class DirectAttribute(NamedTuple):
    """The event that tells of a direct message's completion."""

    event: int = 0


class WorkOnBehalfAttribute(NamedTuple):
    """The thread that the work is done for."""

    thread_id: int = 0
    thread_creation_time_low: int = 0


class AttributeBlock(NamedTuple):
    """The attributes of one message; None is one that is not valid."""

    security: SecurityAttribute | None = None
    view: ViewAttribute | None = None
    context: ContextAttribute | None = None
    handle: HandleAttribute | None = None
    token: TokenAttribute | None = None
    direct: DirectAttribute | None = None
    work_on_behalf: WorkOnBehalfAttribute | None = None
    room: int = 0
    """Attributes that are allocated though not valid."""

    @property
    def valid(self) -> int:
        """ValidAttributes."""
        return sum(slot.bit for slot in SLOTS if getattr(self, slot.name) is not None)

    @property
    def allocated(self) -> int:
        """AllocatedAttributes."""
        return self.valid | self.room

    def pack(self) -> bytes:
        """The masks and the attributes. Raises ValueError for a number that its field cannot hold."""
        if self.context is not None and self == AttributeBlock(context=self.context):
            return _LONE_CONTEXT.pack(CONTEXT_ATTRIBUTE, CONTEXT_ATTRIBUTE, *self.context)
        allocated = self.allocated
        parts = [MASKS.pack(allocated, self.valid)]
        try:
            for slot in SLOTS:
                if allocated & slot.bit:
                    value = getattr(self, slot.name)
                    parts.append(bytes(slot.layout.size) if value is None else slot.layout.pack(*value))
        except struct.error as error:
            raise ValueError(f"{self}: {error}") from error
        return b"".join(parts)

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> tuple[AttributeBlock, int]:
        """The block at `offset`, and where it ends. Raises BadFrame, and nothing else, for any octets."""
        if len(octets) < offset + MASKS.size:
            raise BadFrame("no room for attributes")
        allocated, valid = MASKS.unpack_from(octets, offset)
        if allocated & ~ALL_ATTRIBUTES or valid & ~allocated:
            raise BadFrame(f"attributes {allocated:#x} of which {valid:#x} are valid")
        end = offset + header_size(allocated)
        if len(octets) < end:
            raise BadFrame(f"attributes {allocated:#x} in {len(octets) - offset} octets")
        position = offset + MASKS.size
        if allocated == valid == CONTEXT_ATTRIBUTE:
            return cls(context=ContextAttribute._make(_CONTEXT.unpack_from(octets, position))), end
        found: dict[str, Any] = {}
        for slot in SLOTS:
            if allocated & slot.bit:
                if valid & slot.bit:
                    found[slot.name] = slot.kind(*slot.layout.unpack_from(octets, position))
                position += slot.layout.size
        return cls(room=allocated & ~valid, **found), end


class Slot(NamedTuple):
    """One of the seven: its bit, its name in a block, what it is and its octets."""

    bit: int
    name: str
    kind: type
    layout: struct.Struct


SLOTS: Final = (
    Slot(SECURITY_ATTRIBUTE, "security", SecurityAttribute, struct.Struct("<I4xQQ")),
    Slot(VIEW_ATTRIBUTE, "view", ViewAttribute, struct.Struct("<I4xQQQ")),
    Slot(CONTEXT_ATTRIBUTE, "context", ContextAttribute, _CONTEXT),
    Slot(HANDLE_ATTRIBUTE, "handle", HandleAttribute, struct.Struct("<I4xQII")),
    Slot(TOKEN_ATTRIBUTE, "token", TokenAttribute, struct.Struct("<QQQ")),
    Slot(DIRECT_ATTRIBUTE, "direct", DirectAttribute, struct.Struct("<Q")),
    Slot(WORK_ON_BEHALF_ATTRIBUTE, "work_on_behalf", WorkOnBehalfAttribute, struct.Struct("<II")),
)
"""All, in their order."""

NO_ATTRIBUTES: Final = AttributeBlock()


def header_size(allocated: int) -> int:
    """Octets of a block with room for these attributes (AlpcGetHeaderSize)."""
    return MASKS.size + sum(slot.layout.size for slot in SLOTS if allocated & slot.bit)
