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
from ..transports.alpc.messages.message import FRAME_SIZE, HEADER_SIZE, NUMBER, RELEASE_HEAD, VIEW
from .ncalrpc import messages

# What is always the same is one piece, wherever it stands together: the sizes and the type, the attributes with the
# view's flags, LRPC's type with its flags. What is read leaves out what nobody asks for.
_REQUEST: Final = struct.Struct("<8s16sI12x12s4xQQQ12sIIII36xI4x")
_RESPONSE: Final = struct.Struct("<8s16sI12x12s4xQQQ12sI8xI4x")
_read_request = struct.Struct("<8s16xI16x8s12xQQ12sIIII36xI4x").unpack_from
_read_response = struct.Struct("<8s16xI16x8s4xQQQ12sI8xI4x").unpack

REQUEST_SIZE: Final = _REQUEST.size
RESPONSE_SIZE: Final = _RESPONSE.size
RELEASE_SIZE: Final = FRAME_SIZE + NUMBER.size
SIZES: Final = frozenset({REQUEST_SIZE, RELEASE_SIZE + REQUEST_SIZE})
"""Of packets with such a call."""
_IN_FRONT: Final = FRAME_SIZE + VIEW.size
_sizes = struct.Struct("<HHH2x").pack
_REQUEST_SIZES: Final = _sizes(REQUEST_SIZE - _IN_FRONT, REQUEST_SIZE - _IN_FRONT + HEADER_SIZE, LPC_REQUEST)
_RESPONSE_SIZES: Final = _sizes(RESPONSE_SIZE - _IN_FRONT, RESPONSE_SIZE - _IN_FRONT + HEADER_SIZE, LPC_REPLY)
_VALID: Final = struct.pack("<II", VIEW_ATTRIBUTE, 0)
"""ValidAttributes; no flags of the view."""
_ATTRIBUTES: Final = struct.pack("<I", VIEW_ATTRIBUTE) + _VALID
_ASKS: Final = struct.pack("<I4xI", messages.MessageType.REQUEST, messages.IN_VIEW)
_ANSWERS: Final = struct.pack("<I4xI", messages.MessageType.RESPONSE, messages.IN_VIEW)


def request(client_id: bytes, call_id: int, binding_id: int, opnum: int, view: View) -> bytes:
    """The frame of a call whose stub is all of `view`; its message id is the call id."""
    size = view.size
    return _REQUEST.pack(
        _REQUEST_SIZES, client_id, call_id, _ATTRIBUTES, view.number, view.section.base + view.offset, size,
        _ASKS, call_id, binding_id, opnum, 0, size,
    )  # fmt: skip


def response(client_id: bytes, message_id: int, call_id: int, view: View) -> bytes:
    """The frame that answers a call with all of `view`."""
    size = view.size
    return _RESPONSE.pack(
        _RESPONSE_SIZES, client_id, message_id, _ATTRIBUTES, view.number, view.section.base + view.offset, size,
        _ANSWERS, call_id, size,
    )  # fmt: skip


def read_request(packet: bytes) -> tuple[int, int, int, int, int, int, int] | None:
    """(number of the view that is released in front of it, or 0; message id, call id, binding id, opnum; base, size).

    None for a packet that is anything else.
    """
    released, start = 0, len(packet) - REQUEST_SIZE
    if start:
        if start != RELEASE_SIZE or not packet.startswith(RELEASE_HEAD):
            return None
        (released,) = NUMBER.unpack_from(packet, FRAME_SIZE)
    sizes, message_id, valid, base, room, kind, call_id, binding_id, opnum, within, size = _read_request(packet, start)
    if (
        sizes == _REQUEST_SIZES
        and valid == _VALID
        and kind == _ASKS
        and size == room
        and message_id
        and not within
        and (released or not start)
    ):
        return released, message_id, call_id, binding_id, opnum, base, size
    return None


def read_response(frame: bytes, call_id: int) -> tuple[int, int, int] | None:
    """(number, base, size) of the view in the frame that answers `call_id`; None when the frame is anything else."""
    if len(frame) != RESPONSE_SIZE:
        return None
    sizes, message_id, valid, number, base, room, kind, answered, size = _read_response(frame)
    if (
        message_id == call_id == answered
        and sizes == _RESPONSE_SIZES
        and valid == _VALID
        and kind == _ANSWERS
        and size == room
    ):
        return number, base, size
    return None
