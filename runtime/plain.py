"""The plain call: LRPC in an ALPC message with no view, object or flags, packed and parsed in one step.

Nearly every local call is this one, and its cost is counted in Python operations. The octets are those that
`ncalrpc` and `alpc` make of it one after the other, which a test checks; whatever is not plain goes their way.
A large one differs in that its stub is all of a view: here is what its messages say, the port has the rest. After a
copy of a megabyte the processor's caches hold nothing else, and a Python operation costs several times what it costs
in a small call. Used by `lrpc_wire.py` (client) and `lrpc_session.py` (server).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from ..transports.alpc import LPC_DATAGRAM, LPC_REPLY, LPC_REQUEST
from ..transports.alpc.messages.message import FRAME, FRAME_SIZE, HEADER_SIZE, NUMBER, VIEW
from ..transports.alpc.slots import ROOM
from .ncalrpc import INLINE, messages

if TYPE_CHECKING:
    from ..transports.alpc.frames import Frames

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

large_request: Final[Callable[[int, int, int, int, int], bytes]] = partial(
    messages.LARGE_REQUEST.pack, int(messages.MessageType.REQUEST), messages.IN_VIEW
)
"""The data of a large call: call id, binding id, opnum, 0, octets of the view. (No function of Python's.)"""
large_response: Final[Callable[[int, int], bytes]] = partial(
    messages.LARGE_RESPONSE.pack, int(messages.MessageType.RESPONSE), messages.IN_VIEW
)
"""The data of its answer: call id, octets of the view."""
read_large_request: Final[Callable[[bytes], tuple[int, ...]]] = messages.LARGE_REQUEST.unpack
"""Type, flags, and what was given to `large_request`. struct.error for data of another size."""
LARGE_REQUEST_SIZES: Final = frozenset(
    FRAME_SIZE + VIEW.size + messages.LARGE_REQUEST.size + released for released in (0, FRAME_SIZE + NUMBER.size)
)
"""Of packets with such a call, without and with the release of a view in front."""
LARGE_RESPONSE_SIZE: Final = FRAME_SIZE + VIEW.size + messages.LARGE_RESPONSE.size
FIRST: Final = 8
"""Stubs of a connection that are too long for its lane, and copied all the same."""


class Copying:
    """What of a connection's stubs is copied into messages: what is better filled into a view is not.

    Where there is a lane that is what does not go through it: by the socket it takes longer to wake who waits than a
    view does. The first few go so, since the memory for views takes as long to set up.
    """

    __slots__ = ("_first", "most", "through")

    def __init__(self, port: Frames) -> None:
        self.most = INLINE
        """Octets of a stub to be copied."""
        self.through = INLINE if port.lane is None else min(INLINE, ROOM - REQUEST_SIZE)
        """Octets of one that goes through the lane, or for which there is none; `longer` is told of others."""
        self._first = FIRST

    def longer(self) -> None:
        """One is copied, and does not go through the lane."""
        self._first -= 1
        if self._first <= 0:
            self.most = self.through


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
