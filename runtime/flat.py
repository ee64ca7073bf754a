"""The flat call: a plain call with nothing but scalars, whose frame is packed and parsed together with its values.

Nothing in such a frame is of a size that depends on the values, so ALPC's header, LRPC's and the stub are one struct.
The octets are those of `plain.py`, its general form, which a test checks; whatever is not exactly as expected goes
that way. This is what both ends share, and the client's (used by `lrpc_wire.py`); the server's: `flat_serving.py`.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from ..transports.alpc import LPC_REPLY, LPC_REQUEST
from ..transports.alpc.messages.message import FRAME_SIZE, HEADER_SIZE
from .call import ends, remaining
from .carrier import Calling, Flats
from .ncalrpc import messages
from .plain import REQUEST_SIZE, RESPONSE_SIZE

if TYPE_CHECKING:
    from threading import Lock

    from ..transports.alpc.frames import Frames
    from .carrier import Reply
    from .operation import Flat, Operation
    from .wire import Exchanged

# What changes in the frame of a request: all up to the client id, MessageId, the call id, binding id and opnum; in that
# of a response: the same up to the call id, and LRPC's type. No object, and the stub behind.
REQUEST: Final = "<24sI32xI8s40x"
RESPONSE: Final = "<24sI20xI8xI8x"
# What is read leaves out what nobody asks for, and takes what is always the same in two pieces.
REQUEST_HEADER: Final = struct.Struct("<8s16xI16x16sI")
READ_RESPONSE: Final = "<8s16xI16x16sI8x"
# In a lane: the call id, binding id and opnum, and the stub; the call id, and the stub.
SHORT_REQUEST: Final = "<I8s"
SHORT_RESPONSE: Final = "<I"
_SIZES: Final = struct.Struct("<HHH2x")
"""DataLength, TotalLength, Type."""
MIDDLE: Final = struct.Struct("<IIII")
"""ValidAttributes, LRPC's type, 0, its flags."""
_TARGET: Final = struct.Struct("<II")
TARGET: Final = slice(REQUEST_SIZE - 48, REQUEST_SIZE - 40)
"""Where a request's frame says what it calls."""
PLAIN_SEND: Final = 0.001
"""Seconds that a plain call may wait for room before it is sent the longer way. (Constant: setting it is a call.)"""
RESPONSE_TYPE: Final = int(messages.MessageType.RESPONSE)


class Turn(NamedTuple):
    """What the calls of a channel share: the lock that the one has who reads, those who wait, and how one of them is
    woken; seconds for a call; and what becomes of one, with that lock in hand, when it is not answered as expected."""

    reading: Lock
    waiting: dict[int, Any]
    promote: Callable[[], None]
    timeout: float
    rare: Callable[[Callable[[], Exchanged | None], float], Reply | None]


class Flattened(Flats):
    """What a wire knows to make, from the first call on."""

    def __init__(self, make: Callable[[Operation[Any], Flat], Calling | None]) -> None:
        super().__init__()
        self._make: Callable[[Operation[Any], Flat], Calling | None] | None = make

    def __missing__(self, operation: Operation[Any]) -> Calling | None:
        flat, make = operation.flat, self._make
        made = self[operation] = None if flat is None or make is None else make(operation, flat)
        return made

    def end(self) -> None:
        """From now on `call` makes them all."""
        self._make = None
        self.clear()


class Way(NamedTuple):
    """How the calls of one binding go: what their frames say, where their ids come from, the port, and what has to be
    said before."""

    client_id: bytes
    binding_id: int
    next_call_id: Callable[[], int]
    port: Frames
    unsaid: deque[Any]


class Rare(Protocol):
    """What the general way makes of a call with another answer than expected, or of an error."""

    def __call__(self, key: int, limit: float, values: tuple[Any, ...], heard: bytes | BaseException, /) -> Any:
        """The result; None: nothing has happened."""
        ...


class Ends(NamedTuple):
    """What the frames of an operation begin with, and end in: what `calling` is made of, here and with a lane."""

    request: struct.Struct
    prefix: bytes
    """To be packed with MessageId, the call id, `target` and the values."""
    target: bytes
    response: struct.Struct
    sizes: bytes
    """To be unpacked before MessageId, `middle`, the call id, and the result."""
    middle: bytes


def ends_of(opnum: int, flat: Flat, way: Way) -> Ends:
    """Of a client's calls."""
    return Ends(
        struct.Struct(REQUEST + flat.request),
        sizes_of(REQUEST_SIZE, flat.request, LPC_REQUEST) + way.client_id,
        target(way.binding_id, opnum),
        struct.Struct(READ_RESPONSE + flat.response),
        sizes_of(RESPONSE_SIZE, flat.response, LPC_REPLY),
        MIDDLE.pack(0, RESPONSE_TYPE, 0, 0),
    )


def calling(frames: Ends, way: Way, turn: Turn, rare: Rare) -> Calling:
    """What makes a client's calls: a function from values to the result. None: nothing has happened."""
    pack, prefix, suffix = frames.request.pack, frames.prefix, frames.target
    next_call_id, send_wait_receive, unsaid = way.next_call_id, way.port.send_wait_receive, way.unsaid
    read = reading(frames, rare)
    waiting, promote, timeout = turn.waiting, turn.promote, turn.timeout
    acquire, release = turn.reading.acquire, turn.reading.release

    def call(values: tuple[Any, ...]) -> Any:
        limit = timeout if ends() is None else remaining(timeout)
        if waiting or not acquire(False):
            return None
        try:
            if unsaid:
                return None
            key = next_call_id()
            try:
                frame = pack(prefix, key, key, suffix, *values)
            except Exception:  # the general way says what does not fit
                return None
            try:
                answer = send_wait_receive(frame, PLAIN_SEND, limit)
            except BaseException as error:
                return rare(key, limit, values, error)
            return read(key, limit, values, answer)
        finally:
            release()
            if waiting:
                promote()

    return call


def reading(frames: Ends, rare: Rare) -> Callable[[int, float, tuple[Any, ...], bytes], Any]:
    """What reads the answer to a call."""
    unpack, sizes, middle, misfit = frames.response.unpack, frames.sizes, frames.middle, struct.error

    def read(key: int, limit: float, values: tuple[Any, ...], answer: bytes) -> Any:
        try:
            first, message_id, kind, call_id, result = unpack(answer)
        except misfit:
            return rare(key, limit, values, answer)
        if message_id == key == call_id and first == sizes and kind == middle:
            return result
        return rare(key, limit, values, answer)

    return read


def target(binding_id: int, opnum: int) -> bytes:
    """What a request's frame has at `TARGET`."""
    return _TARGET.pack(binding_id, opnum)


def sizes_of(front: int, stub: str, kind: int) -> bytes:
    """What a frame of `front` octets and a stub of such a format begins with."""
    size = front - FRAME_SIZE + struct.calcsize(f"<{stub}")
    return _SIZES.pack(size, size + HEADER_SIZE, kind)
