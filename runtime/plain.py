"""The plain call: LRPC in an ALPC message with no view, object or flags, packed and parsed in one step.

Nearly every local call is this one, and its cost is counted in Python operations. The octets are those that
`ncalrpc` and `alpc` make of it one after the other, which a test checks; whatever is not plain goes their way.
Used by `wire.py` (client) and `session.py` (server).
"""

from __future__ import annotations

import struct
from typing import Final

from ..transports.alpc import LPC_DATAGRAM, LPC_REPLY, LPC_REQUEST
from ..transports.alpc.messages.message import FRAME, FRAME_SIZE, HEADER_SIZE
from .ncalrpc import messages

_REQUEST: Final = struct.Struct(FRAME.format + messages.PLAIN_REQUEST.format[1:])
_RESPONSE: Final = struct.Struct(FRAME.format + messages.RESPONSE.format[1:])
_pack_request = _REQUEST.pack
_pack_response = _RESPONSE.pack
# What is read leaves out what nobody asks for: who the sender says it is, and the attributes it had room for.
_READ: Final = FRAME.format.replace("16s", "16x").replace("II", "4xI")
_read_request = struct.Struct(_READ + messages.PLAIN_REQUEST.format[1:]).unpack_from
_read_response = struct.Struct(_READ + messages.RESPONSE.format[1:]).unpack_from

Octets = bytes | bytearray | memoryview

REQUEST_SIZE: Final = _REQUEST.size
RESPONSE_SIZE: Final = _RESPONSE.size
_REQUEST_DATA: Final = REQUEST_SIZE - FRAME_SIZE
_RESPONSE_DATA: Final = RESPONSE_SIZE - FRAME_SIZE
_RESPONSE_TYPE: Final = int(messages.MessageType.RESPONSE)
_CALLS: Final = frozenset({LPC_REQUEST, LPC_DATAGRAM})


def request(
    client_id: bytes, call_id: int, binding_id: int, opnum: int, stub: Octets, kind: int = LPC_REQUEST
) -> bytes:
    """The frame of a call, LPC_DATAGRAM where it has no answer; its message id is the call id."""
    size = _REQUEST_DATA + len(stub)
    return (
        _pack_request(size, size + HEADER_SIZE, kind, client_id, call_id, 0, 0, 0, 0, call_id, binding_id, opnum) + stub
    )


def read_response(frame: bytes, call_id: int) -> bytes | None:
    """The stub in the frame that answers `call_id`; None when the frame is anything else."""
    length = len(frame)
    if length < RESPONSE_SIZE:
        return None
    size, total, kind, message_id, valid, type_, flags, answered = _read_response(frame)
    if (
        message_id == call_id == answered
        and kind == LPC_REPLY
        and type_ == _RESPONSE_TYPE
        and not (valid or flags)
        and size == length - FRAME_SIZE
        and total == size + HEADER_SIZE
    ):
        return frame[RESPONSE_SIZE:]
    return None


def read_answer(frame: bytes) -> tuple[int, bytes] | None:
    """The call id and the stub in a frame that answers some call; None when the frame is anything else."""
    length = len(frame)
    if length < RESPONSE_SIZE:
        return None
    size, total, kind, message_id, valid, type_, flags, call_id = _read_response(frame)
    if (
        message_id == call_id
        and kind == LPC_REPLY
        and type_ == _RESPONSE_TYPE
        and not (valid or flags)
        and size == length - FRAME_SIZE
        and total == size + HEADER_SIZE
    ):
        return call_id, frame[RESPONSE_SIZE:]
    return None


def read_request(frame: bytes) -> tuple[int, int, int, int, bytes] | None:
    """(message id, call id, binding id, opnum, stub) of a frame that is a plain call; None for any other.

    The message id is 0 where the call has no answer.
    """
    length = len(frame)
    if length < REQUEST_SIZE:
        return None
    size, total, kind, message_id, valid, type_, flags, call_id, binding_id, opnum = _read_request(frame)
    if (
        kind in _CALLS
        and not (valid or type_ or flags)
        and message_id
        and size == length - FRAME_SIZE
        and total == size + HEADER_SIZE
    ):
        return message_id if kind == LPC_REQUEST else 0, call_id, binding_id, opnum, frame[REQUEST_SIZE:]
    return None


def response(client_id: bytes, message_id: int, call_id: int, stub: Octets) -> bytes:
    """The frame that answers a call."""
    size = _RESPONSE_DATA + len(stub)
    return (
        _pack_response(size, size + HEADER_SIZE, LPC_REPLY, client_id, message_id, 0, 0, _RESPONSE_TYPE, 0, call_id)
        + stub
    )
