"""Flat calls through a lane: the steps of `flat.py` and those of `Lane.send` and `Lane.wait` in one function.

What goes through the lane is the short form of a frame: what it leaves out says nothing. This is what both ends share,
and the client's (used by `lrpc_wire.py`); the server's: `flat_turns.py`.

Values are packed into a slot and unpacked from where they came, each once. Whatever is not exactly as expected is left
where it is, for the general way, which is given whole frames. The rules are those of `transports/alpc/lane.py`. While
the other end works all that is done here is free, so what can wait comes after the frame has gone.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

from ..transports.alpc.messages.message import FRAME_SIZE
from ..transports.alpc.slots import ROOM, SHORT
from . import plain
from .call import ends
from .flat import SHORT_REQUEST, SHORT_RESPONSE, reading

if TYPE_CHECKING:
    from ..transports.alpc.frames import Frames
    from ..transports.alpc.lane import Lane
    from .carrier import Calling
    from .flat import Ends, Rare, Turn, Way
    from .operation import Flat

HEADER: Final = struct.Struct(SHORT_REQUEST)
_REQUEST: Final = struct.Struct("<III")
_RESPONSE: Final = struct.Struct(SHORT_RESPONSE)


def fits(size: int, port: Frames) -> bool:
    """May frames of that size go through the port's lane?"""
    return port.lane is not None and size <= min(ROOM, port.max_message + FRAME_SIZE)


def calling(flat: Flat, frames: Ends, way: Way, turn: Turn, rare: Rare, otherwise: Calling, lane: Lane) -> Calling:
    """What makes a client's calls, as `flat.calling` does, and leaves to that what does not go through the lane."""
    request, response = struct.Struct(SHORT_REQUEST + flat.request), struct.Struct(SHORT_RESPONSE + flat.response)
    pack_into, unpack_from = request.pack_into, response.unpack_from
    target, length, expected = frames.target, SHORT | request.size, SHORT | response.size
    next_call_id, port, unsaid, releases = way.next_call_id, way.port, way.unsaid, way.port.releases
    read = reading(frames, rare)
    waiting, promote, timeout = turn.waiting, turn.promote, turn.timeout
    acquire, release = turn.reading.acquire, turn.reading.release
    take, give, peer_away_at = lane.lock.acquire, lane.lock.release, lane.peer_away_at

    def call(values: tuple[Any, ...]) -> Any:
        memory, words = lane.memory, lane.words  # in this order: `close` has the other one
        if lane.away or words[peer_away_at] or port.lane is None or releases or unsaid or ends() is not None:
            return otherwise(values)
        if waiting or not acquire(False):
            return None
        try:
            key = next_call_id()
            take()
            try:
                slot = lane.out
                if words[slot.word]:
                    return None
                pack_into(memory, slot.start, key, target, *values)
                words[slot.word] = lane.carried | length
                lane.out = slot.next
            except Exception:  # the general way says what does not fit
                return None
            finally:
                give()
            if words[peer_away_at]:
                lane.nudge()
            words[slot.next.word]  # the next call finds it in the cache
            slot = lane.into
            at = slot.word
            for _ in lane.looks:
                if word := words[at]:
                    lane.vain = 1
                    break
            else:
                word = lane.watch()
            if word - lane.heard == expected:
                call_id, result = unpack_from(memory, slot.start)
                if call_id == key:
                    words[at] = 0
                    lane.into = slot.next
                    return result
            try:
                answer = port.receive_frame(timeout)
            except BaseException as error:
                return rare(key, timeout, values, error)
            return read(key, timeout, values, answer)
        finally:
            release()
            if waiting:
                promote()

    return call


def whole_request(client_id: bytes, octets: bytes) -> bytes | None:
    """The frame of a request whose short form came; None: it is none."""
    if len(octets) < HEADER.size:
        return None
    call_id, binding_id, opnum = _REQUEST.unpack_from(octets)
    return plain.request(client_id, call_id, binding_id, opnum, octets[HEADER.size :])


def whole_response(client_id: bytes, octets: bytes) -> bytes | None:
    """The same for a response."""
    if len(octets) < _RESPONSE.size:
        return None
    [call_id] = _RESPONSE.unpack_from(octets)
    return plain.response(client_id, call_id, call_id, octets[_RESPONSE.size :])
