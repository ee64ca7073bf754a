"""A request on its way, at the client: cut into fragments, vouched for and protected. Counterpart: `incoming.py`."""

from __future__ import annotations

from collections.abc import Sequence

from .constants import CALL_HEADER_SIZE
from .fragments import Cutter, Octets, room
from .negotiation import Context
from .pdu import UUID_SIZE, Request
from .protection import Protection
from .security import AuthLevel
from .verification import Claims, vouch


class Outgoing:
    """One request, whose parameters may come piece by piece.

    template: what is the same in its fragments. guard: what protects them, None for nothing. known: the server has been
    told of the context under this guard.
    """

    __slots__ = ("_claims", "_cutter", "_flags", "_guard", "_header_size", "_known", "_size", "_template")

    def __init__(
        self, template: Request, max_fragment: int, guard: Protection | None, context: Context, *, known: bool
    ) -> None:
        self._template = template
        self._flags = template.flags
        self._header_size = CALL_HEADER_SIZE + (UUID_SIZE if template.object else 0)
        step = guard.room(max_fragment, self._header_size) if guard else room(max_fragment, self._header_size)
        self._cutter = Cutter(step)
        self._guard = guard
        # As Windows does, whose clients vouch where nothing can be changed on the way.
        self._claims = Claims(True, context, template) if guard and guard.level >= AuthLevel.INTEGRITY else None
        self._known = known
        self._size = 0

    def more(self, octets: Sequence[Octets], *, last: bool) -> list[bytes]:
        """The next fragments, in order."""
        if self._guard is not None and self._claims is not None:
            self._size += sum(map(len, octets))
            if last:
                signed = self._guard.sign_header
                octets = [*octets, vouch(self._claims, self._size, known=self._known, signed=signed)]
        fragments: list[bytes] = []
        template = self._template
        for flags, stub in self._cutter.cut(octets, last=last):
            template.flags = self._flags | flags
            template.alloc_hint = len(stub)
            template.stub = bytes(stub)
            template.auth = None
            fragments.append(self._guard.wrap(template, self._header_size) if self._guard else template.serialize())
        return fragments
