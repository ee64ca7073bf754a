"""The server's end of flat calls through a lane: see `flat_lane.py` for what they are. Used by `plain_serving.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..transports.alpc.slots import SHORT
from .flat_lane import HEADER
from .runner import failure

if TYPE_CHECKING:
    from collections.abc import Callable
    from mmap import mmap

    from ..transports.alpc.lane import Lane
    from .dispatch import Method
    from .flat_serving import Served, Serving
    from .runner import Answer


class Turned(NamedTuple):
    """What serves an operation through a lane."""

    method: Method
    function: Callable[..., Any]
    unpack_from: Callable[[mmap, int], tuple[Any, ...]]
    """The values of a request, behind its header."""
    expected: int
    """What is in the word of a request, but for `carried`."""
    pack_into: Callable[..., None]
    """A response."""
    length: int
    """What goes into its word."""
    octets_in: int
    octets_out: int
    """Of the whole frames, as they are counted."""
    answer: Callable[[Any, tuple[Any, ...]], Answer]
    """`Served.answer`."""


def turned(what: Served) -> Turned:
    """How an operation is served through a lane."""
    response = what.short_response
    return Turned(
        what.method,
        what.function,
        what.values.unpack_from,
        SHORT | HEADER.size + what.values.size,
        response.pack_into,
        SHORT | response.size,
        what.size,
        what.response.size,
        what.answer,
    )


def turns(first: Turned, flats: dict[bytes, Turned], session: Serving, lane: Lane) -> Callable[[], bytes]:
    """What serves flat calls as long as they come back to back; the frame of an answer that is to be sent, if any is.

    flats: the operations, by what their requests have at `flat.TARGET`. first: any. One function, since every step is a
    part of what a call takes.
    """
    port, contexts, traffic, cancelling, finish = session
    header, values_at = HEADER.unpack_from, HEADER.size
    pending, releases = cancelling.pending, port.releases
    take, give, peer_away_at = lane.lock.acquire, lane.lock.release, lane.peer_away_at

    def serve() -> bytes:
        if lane.away or port.lane is None:
            return b""
        memory, words, called = lane.memory, lane.words, b""
        method, function, unpack, expected, pack_into, length, octets_in, octets_out, answer = first
        while True:
            slot = lane.into
            at = slot.word
            for _ in lane.looks:
                if word := words[at]:
                    lane.vain = 1
                    break
            else:
                if not (word := lane.watch()):
                    return b""
            call_id, target = header(memory, slot.start)
            if target != called:
                if target not in flats:
                    return b""
                called = target
                method, function, unpack, expected, pack_into, length, octets_in, octets_out, answer = flats[target]
            if word - lane.heard != expected or not call_id:
                return b""
            given = unpack(memory, slot.start + values_at)
            words[at] = 0
            lane.into = slot.next
            cancelling.now = call_id
            try:
                result = function(*given)
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                traffic.called(octets_in)
                return finish(call_id, call_id, failure(method, given, error, contexts))
            gone = False
            take()
            try:
                slot = lane.out
                if not (words[slot.word] or words[peer_away_at] or releases or pending):
                    pack_into(memory, slot.start, call_id, result)
                    words[slot.word] = lane.carried | length
                    lane.out = slot.next
                    gone = True
            except Exception:  # the general way says what does not fit
                gone = False
            finally:
                give()
            if not gone:
                traffic.called(octets_in)
                return finish(call_id, call_id, answer(result, given))
            if words[peer_away_at]:
                lane.nudge()
            words[slot.next.word]  # the next answer finds it in the cache
            traffic.calls_in += 1
            traffic.packets_in += 1
            traffic.octets_in += octets_in
            traffic.packets_out += 1
            traffic.octets_out += octets_out

    return serve
