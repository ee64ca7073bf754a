"""The messages of LRPC as they stand in the data of an ALPC message. All little-endian.

Each structure packs and parses itself, side by side. The layouts are rpcrt4's, as independent clients
found them; where rpcrt4 keeps a word to itself, zero is sent and anything is accepted.

Rule: what does not parse raises MessageError and nothing else.
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass
from typing import Final, NamedTuple
from uuid import UUID


class MessageError(ValueError):
    """The data of a message is no LRPC message, or not one for this side."""


class MessageType(enum.IntEnum):
    """The first word of every message.

    Of callbacks rpcrt4's names and numbers are known and no more. What lrpc makes of them is its own: a
    CALLBACK_REQUEST is laid out as a request, its call id naming the callback and the id of its ALPC message the call
    that it belongs to; a CALLBACK_REPLY as a response; a CALLBACK_FAULT, and a CALLBACK_NACK for what was not begun,
    as a fault with the callback's id behind its flags. Nobody waits for a CALLBACK_ACK.
    """

    REQUEST = 0
    BIND = 1
    FAULT = 2
    RESPONSE = 3
    CANCEL = 4
    CALLBACK_ACK = 7
    CALLBACK_NACK = 8
    CALLBACK_REQUEST = 9
    CALLBACK_REPLY = 10
    CALLBACK_FAULT = 11


class TransferSyntax(enum.IntFlag):
    """What a Bind offers, and one of which its answer chooses."""

    NDR = 1
    NDR64 = 2


class RequestFlag(enum.IntFlag):
    """Flags of requests and responses.

    Those of pipes are rpcrt4's; what lrpc sends with them is its own: a request, then, of the same call, requests that
    are PART_OF_FLOW up to LAST_PIPE_CHUNK; responses that are PART_OF_FLOW up to one that is not.
    """

    OBJECT_UUID = 1
    PART_OF_FLOW = 2
    VIEW_PRESENT = 4
    PIPE_REQUEST = 0x40
    LAST_PIPE_CHUNK = 0x80
    VIEW_NOT_SECURE = 0x100


# What each message is asked for, as bare numbers: an operation on flags costs ten times one on those.
OBJECT_UUID: Final = int(RequestFlag.OBJECT_UUID)
PART_OF_FLOW: Final = int(RequestFlag.PART_OF_FLOW)
VIEW_PRESENT: Final = int(RequestFlag.VIEW_PRESENT)
PIPE_REQUEST: Final = int(RequestFlag.PIPE_REQUEST)
LAST_PIPE_CHUNK: Final = int(RequestFlag.LAST_PIPE_CHUNK)
IN_VIEW: Final = int(RequestFlag.VIEW_PRESENT | RequestFlag.VIEW_NOT_SECURE)


class FaultFlag(enum.IntFlag):
    """Flags of a fault. DID_NOT_EXECUTE is lrpc's own: rpcrt4 leaves the bit zero."""

    EXTENDED_ERROR = 1
    DID_NOT_EXECUTE = 2


class SyntaxId(NamedTuple):
    """An interface: its UUID and version."""

    uuid: UUID
    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.uuid} v{self.major}.{self.minor}"


_BIND: Final = struct.Struct("<I4xI16sHHIhhh2xII4xqI4x")
_REQUEST: Final = struct.Struct("<I4xIIIII20x16s")
_WITHIN: Final = 24
"""Where a request says in the middle of which callback it is made: the first word that rpcrt4 keeps to itself."""
PLAIN_REQUEST: Final = struct.Struct("<I4xIIII40x")
"""A request whose flags ask for no object: type, flags, call id, binding id, opnum."""
LARGE_REQUEST: Final = struct.Struct("<I4xIIIII36xI4x")
"""One whose stub data is in a view: type, flags, call id, binding id, opnum, within; size."""
RESPONSE: Final = struct.Struct("<I4xII8x")
"""Type, flags, call id."""
LARGE_RESPONSE: Final = struct.Struct("<I4xII8xI4x")
"""One whose stub data is in a view: type, flags, call id; size."""
_FAULT: Final = struct.Struct("<I4xII")
_CALLBACK_FAULT: Final = struct.Struct("<I4xIII4x")
_LARGE: Final = struct.Struct("<I4x")
_WORD: Final = struct.Struct("<I")

_TYPES: Final = {int(kind): kind for kind in MessageType}

REQUEST_SIZE: Final = _REQUEST.size
RESPONSE_SIZE: Final = RESPONSE.size
NO_OBJECT: Final = bytes(16)


@dataclass(frozen=True, slots=True)
class Bind:
    """A binding of one interface; the answer is the same structure with a status and one syntax."""

    status: int
    interface: SyntaxId
    syntaxes: TransferSyntax
    ndr_id: int
    ndr64_id: int
    multiple: bool = False
    """All syntaxes that both ends speak, not one alone: each has its id (RegisterMultipleSyntax)."""

    def pack(self) -> bytes:
        """72 octets."""
        uuid, major, minor = self.interface
        return _BIND.pack(
            MessageType.BIND, self.status, uuid.bytes_le, major, minor, self.syntaxes, self.ndr_id, self.ndr64_id,
            -1, self.multiple, 0, 0, 0,
        )  # fmt: skip

    @classmethod
    def parse(cls, data: bytes) -> Bind:
        """The Bind in `data`; MessageError when it is cut short or offers no syntax that is known."""
        if len(data) < _BIND.size:
            raise MessageError(f"a Bind of {len(data)} octets, {_BIND.size} needed")
        _, status, uuid, major, minor, syntaxes, ndr_id, ndr64_id, _, multiple, *_ = _BIND.unpack_from(data)
        known = TransferSyntax(syntaxes & (TransferSyntax.NDR | TransferSyntax.NDR64))
        return cls(status, SyntaxId(UUID(bytes_le=uuid), major, minor), known, ndr_id, ndr64_id, bool(multiple))

    def binding_id(self, syntax: TransferSyntax) -> int:
        """The id that requests in `syntax` carry."""
        return self.ndr64_id if syntax is TransferSyntax.NDR64 else self.ndr_id


def pack_request(
    call_id: int, binding_id: int, opnum: int, uuid: UUID | None, flags: int = 0, within: int = 0
) -> bytes:
    """The 64 octets in front of the stub data of a request; within: the callback in the middle of which it is made."""
    if uuid is None:
        return _REQUEST.pack(MessageType.REQUEST, flags, call_id, binding_id, opnum, within, NO_OBJECT)
    return _REQUEST.pack(MessageType.REQUEST, flags | 1, call_id, binding_id, opnum, within, uuid.bytes_le)


def parse_request(data: bytes) -> tuple[int, int, int, int, UUID | None]:
    """(flags, call id, binding id, opnum, object UUID)."""
    if len(data) < REQUEST_SIZE:
        raise MessageError(f"a Request of {len(data)} octets, {REQUEST_SIZE} needed")
    _, flags, call_id, binding_id, opnum, _, uuid = _REQUEST.unpack_from(data)
    return flags, call_id, binding_id, opnum, UUID(bytes_le=uuid) if flags & OBJECT_UUID else None


def within_of(data: bytes) -> int:
    """The callback in the middle of which a request that was parsed is made; 0 for none."""
    within: int = _WORD.unpack_from(data, _WITHIN)[0]
    return within


def pack_response(call_id: int, flags: int = 0) -> bytes:
    """The 24 octets in front of the stub data of a response."""
    return RESPONSE.pack(MessageType.RESPONSE, flags, call_id)


def parse_response(data: bytes) -> tuple[int, int]:
    """(flags, call id)."""
    if len(data) < RESPONSE_SIZE:
        raise MessageError(f"a Response of {len(data)} octets, {RESPONSE_SIZE} needed")
    _, flags, call_id = RESPONSE.unpack_from(data)
    return flags, call_id


def pack_fault(status: int, flags: int = 0, detail: bytes = b"") -> bytes:
    """16 octets, and behind them extended error information ([MS-EERR]), if there is any."""
    return _FAULT.pack(MessageType.FAULT, status, flags | (FaultFlag.EXTENDED_ERROR if detail else 0)) + detail


def parse_fault(data: bytes) -> tuple[int, int]:
    """(status, flags)."""
    if len(data) < _FAULT.size:
        raise MessageError(f"a Fault of {len(data)} octets, {_FAULT.size} needed")
    _, status, flags = _FAULT.unpack_from(data)
    return status, flags


def detail_of(data: bytes) -> bytes:
    """The extended error information of a fault that was parsed; empty when there is none."""
    return data[_FAULT.size :] if parse_fault(data)[1] & FaultFlag.EXTENDED_ERROR else b""


def pack_callback(callback_id: int, opnum: int, flags: int = 0) -> bytes:
    """The 64 octets in front of the stub data of a callback; `parse_request` reads them."""
    return _REQUEST.pack(MessageType.CALLBACK_REQUEST, flags, callback_id, 0, opnum, 0, NO_OBJECT)


def pack_callback_reply(callback_id: int, flags: int = 0) -> bytes:
    """The 24 octets in front of the results of a callback; `parse_response` reads them."""
    return RESPONSE.pack(MessageType.CALLBACK_REPLY, flags, callback_id)


def pack_callback_fault(callback_id: int, status: int, *, begun: bool) -> bytes:
    """24 octets: a callback that failed, or one that was not begun."""
    kind = MessageType.CALLBACK_FAULT if begun else MessageType.CALLBACK_NACK
    return _CALLBACK_FAULT.pack(kind, status, 0, callback_id)


def parse_callback_fault(data: bytes) -> tuple[int, int]:
    """(callback id, status)."""
    if len(data) < _CALLBACK_FAULT.size:
        raise MessageError(f"a callback's fault of {len(data)} octets, {_CALLBACK_FAULT.size} needed")
    _, status, _, callback_id = _CALLBACK_FAULT.unpack_from(data)
    return callback_id, status


def pack_cancel(call_id: int) -> bytes:
    """16 octets: a call that nobody waits for, or of whose request no more comes."""
    return _FAULT.pack(MessageType.CANCEL, 0, call_id)


def parse_cancel(data: bytes) -> int | None:
    """The call id; None where there is none."""
    if len(data) < _FAULT.size:
        return None
    call_id: int = _FAULT.unpack_from(data)[2]
    return call_id


def call_id_of(data: bytes | bytearray | memoryview) -> int:
    """The call id of a request or a cancel of one's own."""
    call_id: int = _FAULT.unpack_from(data)[2]
    return call_id


def pack_large(size: int) -> bytes:
    """The 8 octets that take the place of the stub data when it is in a view."""
    return _LARGE.pack(size)


def large_stub(data: bytes, start: int, view: memoryview | None) -> memoryview:
    """The stub data in a view; MessageError when there is none, or it is shorter than the message claims."""
    if view is None:
        raise MessageError("the message speaks of a view but has none")
    if len(data) < start + _LARGE.size:
        raise MessageError("the message is cut short before the size of its view")
    (size,) = _LARGE.unpack_from(data, start)
    if size > len(view):
        raise MessageError(f"the message claims {size} octets in a view of {len(view)}")
    return view[:size]


def message_type(data: bytes) -> MessageType:
    """What the message is."""
    if len(data) < 8:
        raise MessageError(f"a message of {len(data)} octets")
    (value,) = _WORD.unpack_from(data)
    kind = _TYPES.get(value)
    if kind is None:
        raise MessageError(f"unknown message type {value}")
    return kind
