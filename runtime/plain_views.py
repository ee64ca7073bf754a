"""The plain call whose stub is in a view, packed and parsed in one step, as `plain.py` does for small ones.

After a copy of a megabyte the processor's caches hold nothing else, and every Python operation costs several times
what it costs in a small call. The octets are those that `ncalrpc` and `alpc` make of it one after the other, which a
test checks; whatever is not so plain goes their way, and what is not right is refused there.
Used by `lrpc_wire.py` (client) and `plain_serving.py` (server).
"""

from __future__ import annotations

import struct
from typing import Final

from ..transports.alpc import LPC_REPLY, LPC_REQUEST, View
from ..transports.alpc.messages.attributes import VIEW_ATTRIBUTE
from ..transports.alpc.messages.message import FRAME, FRAME_SIZE, HEADER_SIZE, NUMBER, VIEW, VIEW_RELEASE
from .ncalrpc import messages

_REQUEST: Final = struct.Struct(FRAME.format + VIEW.format[1:] + messages.LARGE_REQUEST.format[1:])
_RESPONSE: Final = struct.Struct(FRAME.format + VIEW.format[1:] + messages.LARGE_RESPONSE.format[1:])
# What is read leaves out who the sender says it is, and the attributes it had room for.
_READ: Final = (FRAME.format + VIEW.format[1:]).replace("16s", "16x").replace("II", "4xI", 1)
_read_request = struct.Struct(_READ + messages.LARGE_REQUEST.format[1:]).unpack_from
_read_response = struct.Struct(_READ + messages.LARGE_RESPONSE.format[1:]).unpack
_read_release = struct.Struct(FRAME.format + NUMBER.format[1:]).unpack_from

REQUEST_SIZE: Final = _REQUEST.size
RESPONSE_SIZE: Final = _RESPONSE.size
RELEASE_SIZE: Final = FRAME_SIZE + NUMBER.size
_REQUEST_DATA: Final = messages.LARGE_REQUEST.size
_RESPONSE_DATA: Final = messages.LARGE_RESPONSE.size
_RESPONSE_TYPE: Final = int(messages.MessageType.RESPONSE)


def request(client_id: bytes, call_id: int, binding_id: int, opnum: int, view: View) -> bytes:
    """The frame of a call whose stub is all of `view`; its message id is the call id."""
    size = view.size
    return _REQUEST.pack(
        _REQUEST_DATA, _REQUEST_DATA + HEADER_SIZE, LPC_REQUEST, client_id, call_id, VIEW_ATTRIBUTE, VIEW_ATTRIBUTE,
        0, view.number, view.section.base + view.offset, size, 0, messages.IN_VIEW, call_id, binding_id, opnum, 0, size,
    )  # fmt: skip


def response(client_id: bytes, message_id: int, call_id: int, view: View) -> bytes:
    """The frame that answers a call with all of `view`."""
    size = view.size
    return _RESPONSE.pack(
        _RESPONSE_DATA, _RESPONSE_DATA + HEADER_SIZE, LPC_REPLY, client_id, message_id, VIEW_ATTRIBUTE, VIEW_ATTRIBUTE,
        0, view.number, view.section.base + view.offset, size, _RESPONSE_TYPE, messages.IN_VIEW, call_id, size,
    )  # fmt: skip


def read_request(packet: bytes) -> tuple[int, int, int, int, int, int, int] | None:
    """(number of the view that is released in front of it, or 0; message id, call id, binding id, opnum; base, size).

    None for a packet that is anything else.
    """
    released, start = 0, len(packet) - REQUEST_SIZE
    if start:
        if start != RELEASE_SIZE:
            return None
        octets, total, kind, _, number, _, valid, released = _read_release(packet)
        if kind != VIEW_RELEASE or octets != NUMBER.size or total != octets + HEADER_SIZE or valid or not number:
            return None
    (
        octets, total, kind, message_id, valid, secured, _, base, room, type_, flags, call_id, binding_id, opnum,
        within, size,
    ) = _read_request(packet, start)  # fmt: skip
    if (
        kind == LPC_REQUEST
        and valid == VIEW_ATTRIBUTE
        and flags == messages.IN_VIEW
        and message_id
        and not (secured or type_ or within)
        and size == room
        and octets == _REQUEST_DATA
        and total == octets + HEADER_SIZE
    ):
        return released, message_id, call_id, binding_id, opnum, base, size
    return None


def read_response(frame: bytes, call_id: int) -> tuple[int, int, int] | None:
    """(number, base, size) of the view in the frame that answers `call_id`; None when the frame is anything else."""
    if len(frame) != RESPONSE_SIZE:
        return None
    octets, total, kind, message_id, valid, secured, number, base, room, type_, flags, answered, size = _read_response(
        frame
    )
    if (
        message_id == call_id == answered
        and kind == LPC_REPLY
        and valid == VIEW_ATTRIBUTE
        and flags == messages.IN_VIEW
        and type_ == _RESPONSE_TYPE
        and not secured
        and size == room
        and octets == _RESPONSE_DATA
        and total == octets + HEADER_SIZE
    ):
        return number, base, size
    return None
