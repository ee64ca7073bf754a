"""Lanes: shared memory through which small frames pass without a system call (the heir of NT's Quick LPC).

A `Lane` is a connected socket with a ring of slots each way beside it (`slots.py`); the port uses it in the socket's
place. One end fills slots in turn: it writes the frame, then the word. The other empties them in turn: it copies the
frame out, then writes 0. Rules of this file:
- a frame for which there is no slot, that is too long, or that comes with descriptors goes by the socket. Nothing
  overtakes: a slot says how many frames went by the socket before it, and is read when those have been;
- whoever is going to sleep says so first (`away`), passes a full barrier, and looks once more; whoever has filled a
  slot passes a full barrier, then looks at `away`, and sends NUDGE by the socket if the other may have missed it. So
  the two cannot miss each other, and all sleeping, and the peer's death, is the socket's;
- nobody looks but in `wait`, or in its steps, and who does waits for nothing else; to all others a lane is a socket;
- what the peer writes is read once, then judged; what is wrong ends the connection, with BadFrame. Its `away` decides
  only which way its frames go. The memory is sealed: it can neither shrink nor grow.

The bell is the socket, not an eventfd: being woken by it takes no longer (5.5 us for a round trip on one processor
against 5.2, and 16 against 12 on two), it says when the peer has died, an asyncio loop or a set of epoll knows it
already, and no peer can block who rings it, as it could by taking O_NONBLOCK from an eventfd and filling it.

Stores of a processor that reorders them would have to be fenced, which Python cannot: lanes are for x86 alone.
"""

from __future__ import annotations

import errno
import math
import mmap
import os
import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from ..errors import BadFrame
from ..seam import Buffer
from ..sockets import NO_SIGNAL, shut
from .messages import message as wire
from .slots import CARRIED, HALF, ROOM, SHORT, SIZE, WORD, Slot, ring

if TYPE_CHECKING:
    from collections.abc import Iterable

LOOKS: Final = 64
"""Looks without giving way, 2 us or so: what a call takes that has little to do. They keep the interpreter."""
MAX_PATIENCE: Final = 256
"""Looks with others given way in between: 100 us or so, what it takes to wake a process on another processor twice."""
MIN_PATIENCE: Final = 8
"""Fewer than that are none."""
CROWDED: Final = 0.000002
"""Seconds for a look: who gives way and gets the processor back later than that keeps others from working."""
TRUST: Final = 128
"""Looks after giving way that are not timed one by one, once looking has paid."""
MAX_NEEDED: Final = 1024
"""Short waits, one after the other, that who looked in vain wants to see before looking again."""
SOON: Final = 0.0002
"""Seconds: who waits less should not sleep; who looks for longer has to share the processor, and should sleep."""

_ONE: Final = 1 << 16
"""A frame on the socket, as it is counted in words."""
_LENGTH: Final = _ONE - 1

NUDGE: Final = wire.pack(wire.LANE_NUDGE, 1, b"")
"""Tells a receiver that sleeps, or is about to, to look into the lane; it counts as a frame on the socket."""

DONT_WAIT: Final[int] = int(socket.MSG_DONTWAIT)
"""A plain number: to join members of an enumeration takes a microsecond."""

_TIMEVAL: Final = struct.Struct("@ll")
_clock: Final = time.perf_counter
_yield: Final[Callable[[], None]] = getattr(os, "sched_yield", lambda: None)

_NO_WORDS: Final = memoryview(bytearray(struct.pack(f"<Q{HALF - 8}x", 1) * 2)).cast("Q")
"""What a closed lane has: everybody is away, so everything goes by the socket, which knows that it is closed."""
_NO_MEMORY: Final = mmap.mmap(-1, SIZE)

_LOOKS: Final = range(LOOKS)
_NO_LOOKS: Final = range(0)

_looking = False
"""Somebody in this process looks and gives way. A second one would only take the interpreter from those who work."""


class Lane:
    """A connected SEQPACKET socket, and the memory through which small frames pass it by.

    Keeps the part of socket.socket that a port uses, and has `wait` besides. One thread at a time receives. What is
    public is for those who take the steps of `send` and `wait` themselves, and by the rules above.
    """

    __slots__ = (
        "__weakref__",
        "_acquire",
        "_away_at",
        "_carried_at",
        "_drained",
        "_heard_at",
        "_looked_since",
        "_needed",
        "_patience",
        "_release",
        "_signs",
        "_socket",
        "_socket_recv",
        "_socket_send",
        "_trust",
        "_unlooked",
        "away",
        "carried",
        "heard",
        "into",
        "lengthen",
        "lock",
        "looks",
        "memory",
        "out",
        "peer_away_at",
        "vain",
        "words",
    )

    def __init__(self, connected: socket.socket, memory: mmap.mmap, *, accepted: bool) -> None:
        """memory: from `lane_setup`; accepted: this is the end that accepted the connection."""
        out, into = (0, HALF // WORD) if accepted else (HALF // WORD, 0)
        self._socket = connected
        self.memory = memory
        self.words = memoryview(memory).cast("Q")
        self.lock = threading.Lock()
        """Over everything that is sent, and over nothing that waits."""
        self._acquire, self._release = self.lock.acquire, self.lock.release
        self._socket_send, self._socket_recv = connected.send, connected.recv
        self.out, self.into = ring(out), ring(into)
        """The slots that are next."""
        self.peer_away_at, self._carried_at = out, out + CARRIED
        self._away_at, self._heard_at = into, into + CARRIED
        self.carried = self.heard = 0
        """Frames that went by the socket, and that came by it, as they are counted in words."""
        self.lengthen: Callable[[bytes], bytes | None] = lambda _: None
        """From the short form of a frame to the whole; None: it is none."""
        self.looks = _LOOKS
        self.vain = self._unlooked = 1
        """Frames that are waited for without such looks, the next time that they are in vain."""
        self._patience = MAX_PATIENCE
        self._trust: int = 0
        self._signs = 0
        self._needed = 1
        self._looked_since = 0.0
        """When the wait began that is now to be slept out, if it began with looking."""
        self._drained = False
        self.away = True
        """There is nothing in the slots, and there will not be without a nudge."""

    # Sending

    def send(self, octets: Buffer, flags: int = 0, /) -> int:
        """socket.send for one frame, through the lane if it may."""
        size = len(octets)
        memory, words = self.memory, self.words  # in this order: `close` has the other one
        if size > ROOM or words[self.peer_away_at]:
            return self._post(octets, flags)
        self._acquire()  # with `with` it takes twice as long
        try:
            slot = self.out
            if filled := not words[slot.word]:  # no calls in here: then no signal handler raises in the middle
                memory[slot.start : slot.start + size] = octets
                words[slot.word] = self.carried | size
                self.out = slot.next
        finally:
            self._release()  # a full barrier: the store above comes before the load below
        if not filled:
            return self._post(octets, flags)
        if words[self.peer_away_at]:
            self.nudge()
        return size

    def sendmsg(self, buffers: Iterable[Buffer], ancillary: Iterable[Any] = (), flags: int = 0, /) -> int:
        """socket.sendmsg, by the socket."""
        return self._carry(lambda bits: self._socket.sendmsg(buffers, ancillary, bits), flags)

    def _post(self, octets: Buffer, flags: int) -> int:
        """Sends by the socket. Counting is one step with sending; what waits for room waits outside of it."""
        self._acquire()
        try:
            sent = self._socket_send(octets, flags | DONT_WAIT)
            self._count_sent()
        except BlockingIOError:
            if flags & DONT_WAIT:
                raise
        else:
            return sent
        finally:
            self._release()
        return self._carry(lambda bits: self._socket_send(octets, bits), flags)

    def _carry(self, send: Callable[[int], int], flags: int) -> int:
        """The same for any way of sending, as soon as there is room."""
        until = 0.0
        while True:
            with self.lock:
                try:
                    sent = send(flags | DONT_WAIT)
                except BlockingIOError:
                    if flags & DONT_WAIT:
                        raise
                else:
                    self._count_sent()
                    return sent
            until = until or time.monotonic() + self._send_timeout()
            self._await_room(until)

    def _count_sent(self) -> None:
        self.carried += _ONE
        self.words[self._carried_at] = self.carried

    def _send_timeout(self) -> float:
        seconds, microseconds = _TIMEVAL.unpack(
            self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _TIMEVAL.size)
        )
        return float(seconds + microseconds / 1e6) or math.inf

    def _await_room(self, until: float) -> None:
        """Until the socket takes more. Raises BlockingIOError when its time limit has passed, as it would itself."""
        left = until - time.monotonic()
        if left <= 0:
            raise BlockingIOError(errno.EAGAIN, "no room")
        poll = select.poll()
        poll.register(self._socket, select.POLLOUT)
        poll.poll(None if left == math.inf else math.ceil(left * 1000))

    def nudge(self) -> None:
        try:
            self._post(NUDGE, DONT_WAIT | NO_SIGNAL)
        except OSError:  # full: what is in it does as well; or over: the frame may have been read, so it counts as sent
            return

    # Receiving

    def wait(self, size: int, /) -> bytes:
        """recv for those who wait for the next frame and nothing else: it looks, as long as that pays, then sleeps."""
        if self.away:
            return self._sleep(size)
        memory, words, slot = self.memory, self.words, self.into
        at = slot.word
        for _ in self.looks:
            if word := words[at]:
                self.vain = 1
                break
        else:
            word = self.watch()
        length = word - self.heard
        if 0 < length <= ROOM:
            frame = memory[slot.start : slot.start + length]
            words[at] = 0
            self.into = slot.next
            return frame
        return self._emptied(slot, length) if 0 < length <= _LENGTH else self._sleep(size)

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """socket.recv for the next frame, whichever way it comes."""
        if not self.away and (frame := self._retire()) is not None:
            return frame
        try:
            octets = self._socket_recv(size, flags if self.away else flags | DONT_WAIT)
        except BlockingIOError:
            if self.away:
                raise
            return self._resume()
        if octets:
            self._count_heard()
            return octets
        return self._take() or b""  # it was killed before it could nudge

    def recvmsg(self, size: int, room: int = 0, flags: int = 0, /) -> tuple[bytes, list[Any], int, Any]:
        """socket.recvmsg for the next frame, whichever way it comes."""
        if not self.away and (frame := self._retire()) is not None:
            return frame, [], 0, None
        received = self._socket.recvmsg(size, room, flags)
        if received[0]:
            self._count_heard()
        return received

    def watch(self) -> int:
        """Looks, giving way in between, for as long as that has paid; the word of the next slot, 0 for none."""
        words, at = self.words, self.into.word
        if word := words[at]:
            return word
        if self._looked_since:  # just now, in vain
            return 0
        if self.looks:
            self._look_later()
        else:
            self._unlooked -= 1
            if not self._unlooked:
                self.looks = _LOOKS
        trust, began = self._trust, _clock()
        while trust:
            trust -= 1
            _yield()
            if word := words[at]:
                self._trust = trust
                if _clock() - began > SOON:
                    self._give_up()
                return word
        self._trust = 0
        return self._watch_by_the_clock(words, at)

    def _look_later(self) -> None:
        """Looks without giving way were in vain: no more of them for some frames, for twice as many each time."""
        if self.vain == 1:  # they have paid since they were last in vain
            self._needed = 1
        self.looks = _NO_LOOKS
        self.vain = self._unlooked = min(2 * self.vain, MAX_NEEDED)

    def _watch_by_the_clock(self, words: memoryview, at: int) -> int:
        """The same, judging whether it pays."""
        global _looking
        if _looking or not self._patience:
            return 0
        heard_at, heard, began = self._heard_at, self.heard, _clock()
        word = looks = 0
        _looking = True
        try:
            while looks < self._patience:
                looks += 1
                _yield()
                if (word := words[at]) or words[heard_at] > heard:
                    break
        finally:
            _looking = False
        took = _clock() - began
        if took > SOON or (looks > 3 and took > looks * CROWDED):
            self._give_up()
        elif word:
            self._trust = TRUST
            if self._needed > 1:
                self._needed -= 1
            return word
        elif self._patience > MIN_PATIENCE:
            self._patience //= 2
        else:
            self._give_up()
        self._looked_since = began
        return word

    def _give_up(self) -> None:
        """Looks no more until that seems to pay again, and asks for more signs of it the more often it has not."""
        self._patience = self._trust = self._signs = 0
        self._needed = min(2 * self._needed, MAX_NEEDED)

    def _sleep(self, size: int) -> bytes:
        """Receives by the socket; waits that are short are a sign that looking pays."""
        began, self._looked_since = self._looked_since or _clock(), 0.0
        octets = self.recv(size)
        if self._drained:
            return octets
        if not self._patience and _clock() - began < SOON:
            self._signs += 1
            if self._signs >= self._needed:
                self._patience = MAX_PATIENCE
        if self._patience:
            self.away = False
            self.words[self._away_at] = 0
        return octets

    def _retire(self) -> bytes | None:
        """Says that frames are to come by the socket from now on; one that has come through the lane before."""
        self.words[self._away_at] = 1
        self._acquire()
        self._release()  # a full barrier: the store above comes before the load below
        frame = self._take()
        self.away = frame is None and not self.words[self.into.word]
        return frame

    def _resume(self) -> bytes:
        """The frame in a slot that waits for one by the socket where there is none: a signal's handler that raised just
        after that was received has lost it, and the count."""
        self.heard = self.words[self.into.word] & ~_LENGTH
        if (frame := self._take()) is None:
            shut(self)
            raise BadFrame("a slot that changes")
        return frame

    def _take(self) -> bytes | None:
        """The frame in the next slot, if it is its turn."""
        slot = self.into
        word = self.words[slot.word]
        return self._emptied(slot, word & _LENGTH) if word and word - self.heard <= _LENGTH else None

    def _emptied(self, slot: Slot, length: int) -> bytes:
        """The frame in a slot, if it can be one."""
        size = length & ~SHORT
        frame = self.memory[slot.start : slot.start + size] if 0 < size <= ROOM else None
        self.words[slot.word] = 0
        self.into = slot.next
        if length & SHORT and frame is not None:
            frame = self.lengthen(frame)
        if frame is None:
            shut(self)
            raise BadFrame(f"a slot of {length:#x} octets")
        return frame

    def _count_heard(self) -> None:
        self.heard += _ONE
        # What is in the slot, a nudge has told of, if there was room for it; else the last frame that took the room.
        if self.words[self.into.word]:
            self.away = False

    # The rest of a socket

    def fileno(self) -> int:
        return self._socket.fileno()

    def setblocking(self, flag: bool, /) -> None:
        self._socket.setblocking(flag)

    def setsockopt(self, *option: Any) -> None:
        self._socket.setsockopt(*option)

    def getsockopt(self, *option: Any) -> Any:
        ask: Any = self._socket.getsockopt
        return ask(*option)

    def shutdown(self, how: int, /) -> None:
        """Also: whatever comes after this is to find the socket closed."""
        if how != socket.SHUT_WR:
            self._drained = True
            self._patience = 0
            self.words[self._away_at] = 1
        self._socket.shutdown(how)

    def close(self) -> None:
        """Lets go, and says nothing to the peer: a child of fork may do it."""
        global _looking
        _looking = False  # in the child, of whoever did in the parent
        self.words = _NO_WORDS
        self.memory = _NO_MEMORY
        self._socket.close()
