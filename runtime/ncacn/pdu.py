"""The PDUs of calls: request, response, fault, cancel, orphaned, shutdown (C706 12.6.4, MS-RPCE 2.2.2).

Each parses and serializes itself, side by side, in both byte orders. `parse_pdu` takes any PDU of the
protocol; its counterparts for associations are in `bind_pdu.py`. `alloc_hint` is carried, never believed.

`REQUEST_HEAD` and `RESPONSE_HEAD` are the first 24 octets of a little-endian fragment as one Struct, for the
associations, which pack and unpack them on every call without making a PDU.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar, Final, TypeAlias
from uuid import UUID

from .bind_pdu import AlterContext, AlterContextResponse, Auth3, Bind, BindAck, BindNak
from .constants import HEADER_SIZE, OBJECT_UUID, VERSION, WHOLE, Order, PacketType
from .errors import PduError
from .header import AuthTrailer, Header, body_of, frame
from .syntax import uuid_octets, uuid_of

# `start`; frag_length with auth_length as its upper half; call_id; alloc_hint; p_cont_id; then the opnum of a
# request, cancel_count and a reserved octet of a response
REQUEST_HEAD: Final = struct.Struct("<QIIIHH")
RESPONSE_HEAD: Final = struct.Struct("<QIIIHBx")

_REQUEST: Final = {"<": struct.Struct("<IHH"), ">": struct.Struct(">IHH")}
_RESPONSE: Final = {"<": struct.Struct("<IHBx"), ">": struct.Struct(">IHBx")}
_FAULT: Final = {"<": struct.Struct("<IHBBI4x"), ">": struct.Struct(">IHBBI4x")}
_FAULT_SIZE: Final = 32
"""Octets of a fault without extended error information, which Windows gives as its alloc_hint."""
UUID_SIZE: Final = 16


def start(ptype: PacketType, flags: int) -> int:
    """The first 8 octets of a little-endian PDU as one number: version, PTYPE, flags, data representation."""
    return int.from_bytes(bytes((VERSION, 0, ptype, flags, 0x10, 0, 0, 0)), "little")


def _unpack(layout: struct.Struct, body: bytes, header: Header) -> tuple[int, ...]:
    if len(body) < layout.size:
        raise PduError(f"frag_length {header.frag_length} is too short for its type")
    return layout.unpack_from(body)


def _stub(body: bytes, at: int, auth: AuthTrailer | None) -> bytes:
    """What follows offset `at`, without the padding of a trailer."""
    if auth is None:
        return body[at:]
    end = len(body) - auth.pad_length
    if end < at:
        raise PduError(f"auth_pad_length {auth.pad_length} exceeds the stub")
    return body[at:end]


@dataclass(slots=True)
class Request:
    """A call, or a fragment of one (C706 12.6.4.9)."""

    ptype: ClassVar[PacketType] = PacketType.REQUEST
    call_id: int
    context_id: int
    opnum: int
    stub: bytes
    object: UUID | None = None
    alloc_hint: int = 0
    flags: int = WHOLE
    order: Order = "<"
    auth: AuthTrailer | None = None

    @classmethod
    def parse(cls, header: Header, body: bytes, auth: AuthTrailer | None) -> Request:
        """From the body; octets after the parameters, such as a verification trailer, stay in the stub."""
        order = header.order
        alloc_hint, context_id, opnum = _unpack(_REQUEST[order], body, header)
        at, uuid = _REQUEST[order].size, None
        if header.flags & OBJECT_UUID:
            at += UUID_SIZE
            if len(body) < at:
                raise PduError("the object UUID is missing")
            uuid = uuid_of(body[at - UUID_SIZE : at], order)
        return cls(
            header.call_id, context_id, opnum, _stub(body, at, auth), uuid, alloc_hint, header.flags, order, auth
        )

    def serialize(self) -> bytes:
        """The whole PDU; the flag of the object UUID follows `object`."""
        flags = self.flags & ~OBJECT_UUID | (OBJECT_UUID if self.object else 0)
        uuid = uuid_octets(self.object, self.order) if self.object else b""
        body = _REQUEST[self.order].pack(self.alloc_hint, self.context_id, self.opnum) + uuid + self.stub
        return frame(self.ptype, flags, self.order, self.call_id, body, self.auth)


@dataclass(slots=True)
class Response:
    """The results of a call, or a fragment of them (C706 12.6.4.10)."""

    ptype: ClassVar[PacketType] = PacketType.RESPONSE
    call_id: int
    context_id: int
    stub: bytes
    cancel_count: int = 0
    alloc_hint: int = 0
    flags: int = WHOLE
    order: Order = "<"
    auth: AuthTrailer | None = None

    @classmethod
    def parse(cls, header: Header, body: bytes, auth: AuthTrailer | None) -> Response:
        """From the body."""
        layout = _RESPONSE[header.order]
        alloc_hint, context_id, cancels = _unpack(layout, body, header)
        stub = _stub(body, layout.size, auth)
        return cls(header.call_id, context_id, stub, cancels, alloc_hint, header.flags, header.order, auth)

    def serialize(self) -> bytes:
        """The whole PDU."""
        body = _RESPONSE[self.order].pack(self.alloc_hint, self.context_id, self.cancel_count) + self.stub
        return frame(self.ptype, self.flags, self.order, self.call_id, body, self.auth)


@dataclass(slots=True)
class Fault:
    """A call that failed (C706 12.6.4.7, MS-RPCE 2.2.2.9)."""

    ptype: ClassVar[PacketType] = PacketType.FAULT
    call_id: int
    context_id: int
    status: int
    detail: bytes = b""
    """Extended error information ([MS-EERR]), as octets."""
    cancel_count: int = 0
    extended: int = 0
    """The flags octet: bit 0 announces `detail`."""
    alloc_hint: int = _FAULT_SIZE
    flags: int = WHOLE
    order: Order = "<"
    auth: AuthTrailer | None = None

    @classmethod
    def of(cls, call_id: int, context_id: int, status: int, detail: bytes, flags: int) -> Fault:
        """A fault with `detail`, if it is not empty, announced as it has to be (MS-RPCE 2.2.2.8)."""
        hint = _FAULT_SIZE + len(detail)
        return cls(call_id, context_id, status, detail, extended=int(bool(detail)), alloc_hint=hint, flags=flags)

    @classmethod
    def parse(cls, header: Header, body: bytes, auth: AuthTrailer | None) -> Fault:
        """From the body."""
        layout = _FAULT[header.order]
        hint, context_id, cancels, extended, status = _unpack(layout, body, header)
        size = max(hint - _FAULT_SIZE, 0) if extended & 1 else 0  # MS-RPCE 2.2.2.8; whatever else is there is ignored
        detail = _stub(body, layout.size, auth)[:size]
        order, flags = header.order, header.flags
        return cls(header.call_id, context_id, status, detail, cancels, extended, hint, flags, order, auth)

    def serialize(self) -> bytes:
        """The whole PDU."""
        fixed = (self.alloc_hint, self.context_id, self.cancel_count, self.extended, self.status)
        body = _FAULT[self.order].pack(*fixed) + self.detail
        return frame(self.ptype, self.flags, self.order, self.call_id, body, self.auth)


@dataclass(slots=True)
class _Notice:
    """A PDU that is all header."""

    ptype: ClassVar[PacketType]
    call_id: int
    flags: int = WHOLE
    order: Order = "<"
    auth: AuthTrailer | None = None

    def serialize(self) -> bytes:
        """The whole PDU."""
        return frame(self.ptype, self.flags, self.order, self.call_id, b"", self.auth)


class CoCancel(_Notice):
    """The client would like the call to end (C706 12.6.4.6)."""

    __slots__ = ()
    ptype: ClassVar[PacketType] = PacketType.CO_CANCEL

    @classmethod
    def parse(cls, header: Header, body: bytes, auth: AuthTrailer | None) -> CoCancel:
        """From the header; a body is ignored."""
        return cls(header.call_id, header.flags, header.order, auth)


class OrphanedCall(_Notice):
    """The client no longer waits for the call (C706 12.6.4.8)."""

    __slots__ = ()
    ptype: ClassVar[PacketType] = PacketType.ORPHANED

    @classmethod
    def parse(cls, header: Header, body: bytes, auth: AuthTrailer | None) -> OrphanedCall:
        """From the header; a body is ignored."""
        return cls(header.call_id, header.flags, header.order, auth)


class Shutdown(_Notice):
    """The server asks for the connection to be closed (C706 12.6.4.11)."""

    __slots__ = ()
    ptype: ClassVar[PacketType] = PacketType.SHUTDOWN

    @classmethod
    def parse(cls, header: Header, body: bytes, auth: AuthTrailer | None) -> Shutdown:
        """From the header; a body is ignored."""
        return cls(header.call_id, header.flags, header.order, auth)


Pdu: TypeAlias = (
    Request
    | Response
    | Fault
    | Bind
    | BindAck
    | BindNak
    | AlterContext
    | AlterContextResponse
    | Auth3
    | CoCancel
    | OrphanedCall
    | Shutdown
)

_TYPES: Final[dict[int, type[Pdu]]] = {
    cls.ptype: cls
    for cls in (
        Request,
        Response,
        Fault,
        Bind,
        BindAck,
        BindNak,
        AlterContext,
        AlterContextResponse,
        Auth3,
        CoCancel,
        OrphanedCall,
        Shutdown,
    )
}


def parse_body(header: Header, octets: bytes) -> Pdu:
    """The PDU in `octets`, whose header was read. Raises PduError that names the PDU."""
    try:
        cls = _TYPES.get(header.ptype)
        if cls is None:
            raise PduError(f"PTYPE {header.ptype} is not of this protocol")
        body, auth = body_of(header, octets)
        return cls.parse(header, body, auth)
    except PduError as error:
        raise error.about(header.ptype, header.call_id) from None


def parse_pdu(octets: bytes) -> Pdu:
    """The PDU in exactly these octets. Raises PduError, and nothing else, for what is not one."""
    if len(octets) < HEADER_SIZE:
        raise PduError(f"{len(octets)} octets are not a header")
    header = Header.parse(octets)
    if header.frag_length != len(octets):
        raise PduError(f"frag_length {header.frag_length} is not {len(octets)}").about(header.ptype, header.call_id)
    return parse_body(header, octets)
