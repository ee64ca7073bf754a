"""The half of a server's association that answers calls: responses, whole or part by part, and faults.

Answers may come from other threads than the one that receives, one for each call.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .constants import CALL_HEADER_SIZE, DID_NOT_EXECUTE, FIRST_FRAGMENT, LAST_FRAGMENT, WHOLE, PacketType
from .errors import StateError
from .fragments import Cutter, Octets, Stub, cut, joined, room
from .pdu import RESPONSE_HEAD, Fault, Response, Shutdown, start
from .protection import Protection
from .states import SERVER_TRANSITIONS, State, StateMachine

_RESPONSE: Final = tuple(start(PacketType.RESPONSE, flags) for flags in range(WHOLE + 1))
"""By pfc_flags."""
_WHOLE_RESPONSE: Final = _RESPONSE[WHOLE]

_BOUND: Final = State.BOUND
_pack_response = RESPONSE_HEAD.pack

# What is kept of a running call.
RUNNING: Final = 0
_RUNS: Final = [RUNNING]
CANCELLED: Final = 1
SILENT: Final = 2
"""Nobody waits for the answer: orphaned, or sent with MAYBE."""


def _packed(
    guard: Protection | None, flags: int, call_id: int, alloc_hint: int, context_id: int, stub: Octets
) -> bytes:
    """A fragment of a response."""
    if guard is not None:
        response = Response(call_id, context_id, bytes(stub), alloc_hint=alloc_hint, flags=flags)
        return guard.wrap(response, CALL_HEADER_SIZE)
    return RESPONSE_HEAD.pack(_RESPONSE[flags], len(stub) + CALL_HEADER_SIZE, call_id, alloc_hint, context_id, 0) + stub


class Answering:
    """What runs, and how it is answered. max_fragment: until a bind settles another.

    dismissed: the client was asked to leave.
    """

    def __init__(self, max_fragment: int) -> None:
        self._machine = StateMachine(SERVER_TRANSITIONS)
        self._max_fragment = max_fragment
        self._guards: dict[int, Protection] = {}  # of running calls whose answers are to be protected
        self._cutters: dict[int, Cutter] = {}  # of responses of which parts have been given
        # Calls that run, by call id, each with its fate in a list of one: other threads answer calls, and
        # what befalls one that was just answered must not bring it back.
        self._running: dict[int, list[int]] = {}
        self._one_way: set[int] = set()  # those of them that came with MAYBE
        self.dismissed = False

    def respond(self, call_id: int, context_id: int, stub: Stub) -> list[bytes]:
        """The results of a call, as fragments to be sent in order.

        Nothing for a call whose client does not wait: orphaned, sent with MAYBE, or its connection closed.
        Raises StateError for a call that is not running.
        """
        guard = self._guards.get(call_id)
        if not self._finish(call_id):
            return []
        octets = joined(stub)
        size = len(octets)
        context_id &= 0xFF  # as Windows does: clients go by the call id
        if guard is None and size + CALL_HEADER_SIZE <= self._max_fragment:
            head = RESPONSE_HEAD.pack(_RESPONSE[WHOLE], size + CALL_HEADER_SIZE, call_id, size, context_id, 0)
            return [head + octets]
        return self._cut(guard, call_id, context_id, memoryview(octets))

    def plain_response(self, call_id: int, context_id: int, stub: Octets) -> bytes | None:
        """Nearly every answer: the results of a call as one fragment. None where there is more to it: `respond`."""
        size = len(stub)
        length = size + CALL_HEADER_SIZE
        if (
            self._machine.state is not _BOUND
            or length > self._max_fragment
            or self._guards
            or self._cutters
            or self._one_way
            or self._running.get(call_id) != _RUNS
        ):
            return None
        self._running.pop(call_id, None)
        return _pack_response(_WHOLE_RESPONSE, length, call_id, size, context_id & 0xFF, 0) + stub

    def respond_part(self, call_id: int, context_id: int, octets: Sequence[Octets], *, last: bool) -> list[bytes]:
        """The next results of a call, as fragments to be sent in order; with `last` the call has its answer.

        Nothing, or StateError, where `respond` would be; up to 7 octets wait for the next part.
        """
        guard = self._guards.get(call_id)
        cutter = self._cutters.get(call_id) or Cutter(self._room(guard))
        wanted, context_id = self.wanted(call_id), context_id & 0xFF
        if last or call_id not in self._running:
            self._finish(call_id)
        elif wanted:
            self._cutters[call_id] = cutter
        fragments = cutter.cut(octets, last=last) if wanted else ()
        return [_packed(guard, flags, call_id, len(stub), context_id, stub) for flags, stub in fragments]

    def wanted(self, call_id: int) -> bool:
        """Does the client wait for the answer to this call?"""
        fate = self._running.get(call_id)
        return fate is not None and fate[0] != SILENT and not self.closed

    def drop(self, call_id: int) -> None:
        """Ends a call without an answer, if it has none: one that is not `wanted`."""
        self._running.pop(call_id, None)
        self._one_way.discard(call_id)
        self._cutters.pop(call_id, None)
        self._guards.pop(call_id, None)

    def fault(
        self, call_id: int, context_id: int, status: int, *, did_not_execute: bool = False, detail: bytes = b""
    ) -> bytes:
        """The answer to a call that failed. Empty, or StateError, where `respond` would be.

        detail: extended error information ([MS-EERR]), at most what the smallest fragment has room for.
        """
        if not self._finish(call_id):
            return b""
        return self._fault(call_id, context_id, status, did_not_execute, detail)

    def shutdown(self) -> bytes:
        """Asks the client to close the connection once it waits for nothing more (C706 12.6.4.11).

        Empty where nothing is bound, and when it was asked before.
        """
        if self.dismissed or PacketType.SHUTDOWN not in SERVER_TRANSITIONS[self._machine.state]:
            return b""
        self.dismissed = True
        self._machine.sent(PacketType.SHUTDOWN)
        return Shutdown(0).serialize()

    @property
    def closed(self) -> bool:
        """Send what `data_to_send` holds, then close the connection."""
        return self._machine.state is State.CLOSED

    @property
    def state(self) -> State:
        """Where the association stands."""
        return self._machine.state

    def _finish(self, call_id: int) -> bool:
        fate = self._running.pop(call_id, None)
        self._one_way.discard(call_id)
        self._cutters.pop(call_id, None)
        self._guards.pop(call_id, None)
        if self.closed:
            return False
        if fate is None:
            raise StateError(f"call {call_id} is not running")
        return fate[0] != SILENT

    def _room(self, guard: Protection | None) -> int:
        size = self._max_fragment
        return room(size, CALL_HEADER_SIZE) if guard is None else guard.room(size, CALL_HEADER_SIZE)

    def _cut(self, guard: Protection | None, call_id: int, context_id: int, stub: memoryview) -> list[bytes]:
        fragments: list[bytes] = []
        size = len(stub)
        for begin, end in cut(size, self._room(guard)):
            flags = (FIRST_FRAGMENT if begin == 0 else 0) | (LAST_FRAGMENT if end == size else 0)
            fragments.append(_packed(guard, flags, call_id, size - begin, context_id, stub[begin:end]))
        return fragments

    def _fault(self, call_id: int, context_id: int, status: int, did_not_execute: bool, detail: bytes = b"") -> bytes:
        flags = WHOLE | (DID_NOT_EXECUTE if did_not_execute else 0)
        return Fault.of(call_id, context_id, status, detail, flags).serialize()
