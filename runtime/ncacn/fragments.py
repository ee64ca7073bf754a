"""Stubs to fragments and back (C706 12.6.3.1: a stub is one stream, its fragments are slices of it).

`cut` says where a stub is cut, `Cutter` cuts one that is made piece by piece; `Assembly` joins the fragments of one
stub, within limits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, Generic, Protocol, TypeAlias, TypeVar

from .constants import FIRST_FRAGMENT, LAST_FRAGMENT, MIN_FRAGMENT, STUB_UNIT, FaultStatus, Order, PacketType
from .errors import PduError
from .limits import Limits

Octets: TypeAlias = bytes | bytearray | memoryview
Stub: TypeAlias = Octets | list[Octets] | tuple[Octets, ...]
"""A stub to send: one buffer, or several that follow one another."""


class Fragment(Protocol):
    """What Request and Response have in common here."""

    ptype: ClassVar[PacketType]
    call_id: int
    context_id: int
    order: Order
    stub: bytes


def joined(stub: Stub) -> Octets:
    """The stub as one buffer; a single one is not copied."""
    return stub if isinstance(stub, (bytes, bytearray, memoryview)) else b"".join(stub)


def room(max_fragment: int, header_size: int) -> int:
    """Octets of stub in a full fragment: what the header leaves, a multiple of 8 (C706 12.6.3.1)."""
    return (max_fragment - header_size) // STUB_UNIT * STUB_UNIT


def cut(size: int, step: int) -> Iterator[tuple[int, int]]:
    """(start, end) of each fragment of a stub of `size` octets; an empty stub has one fragment."""
    start = 0
    while True:
        end = min(start + step, size)
        yield start, end
        start = end
        if start >= size:
            return


class Cutter:
    """Cuts a stub whose octets come piece by piece. step: octets of stub in a full fragment.

    A fragment that is not the last holds a multiple of 8 octets, so up to 7 wait for the next piece.
    """

    __slots__ = ("_held", "_started", "_step")

    def __init__(self, step: int) -> None:
        self._step = step
        self._held = b""
        self._started = False

    def cut(self, octets: Sequence[Octets], *, last: bool) -> Iterator[tuple[int, Octets]]:
        """Flags and stub of each fragment; the last call, and no other, gives the last fragment."""
        stub = b"".join((self._held, *octets))
        size = len(stub) if last else len(stub) // STUB_UNIT * STUB_UNIT
        self._held = stub[size:]
        if not (size or last):
            return
        view = memoryview(stub)
        for begin, end in cut(size, self._step):
            flags = (0 if self._started else FIRST_FRAGMENT) | (LAST_FRAGMENT if last and end == size else 0)
            self._started = True
            yield flags, view[begin:end]


def agreed_fragment(max_xmit: int, max_recv: int, transport: int) -> int:
    """What a server makes of a client's two sizes: at least 2048, at most the transport's, a multiple of 8."""
    return min(max(min(max_xmit, max_recv), MIN_FRAGMENT), transport) // STUB_UNIT * STUB_UNIT


F = TypeVar("F", bound=Fragment)


class Assembly(Generic[F]):
    """The fragments of one call so far.

    The first fragment is kept: the later ones must name the same call, context and byte order, and
    `same` (opnum and object of a request) must agree. too_big: the status when a limit is broken.
    """

    __slots__ = ("_count", "_limits", "_max_size", "_same", "_stub", "_too_big", "first")

    def __init__(self, first: F, max_size: int, limits: Limits, too_big: FaultStatus, same: object = None) -> None:
        self.first = first
        self._same = same
        self._max_size = max_size
        self._limits = limits
        self._too_big = too_big
        self._stub = bytearray()
        self._count = 0
        self.add(first, same)

    def add(self, fragment: F, same: object = None) -> None:
        """Appends a fragment. Raises PduError when it is not of this call, or breaks a limit."""
        first = self.first
        now = (fragment.call_id, fragment.context_id, fragment.order, same)
        if now != (first.call_id, first.context_id, first.order, self._same):
            raise self._error("a fragment does not continue its call", FaultStatus.NCA_S_PROTO_ERROR)
        self._count += 1
        # The sum is looked at before anything is appended.
        if len(self._stub) + len(fragment.stub) > self._max_size:
            limit = "max_request" if first.ptype == PacketType.REQUEST else "max_response"
            raise self._error(f"a stub exceeds {self._max_size} octets", self._too_big, limit, self._max_size)
        if self._count > self._limits.max_fragments:
            most = self._limits.max_fragments
            raise self._error(f"a stub exceeds {most} fragments", self._too_big, "max_fragments", most)
        self._stub += fragment.stub

    @property
    def size(self) -> int:
        """Octets collected."""
        return len(self._stub)

    def stub(self) -> bytes:
        """What was collected."""
        return bytes(self._stub)

    def _error(self, reason: str, status: FaultStatus, limit: str = "", value: int = 0) -> PduError:
        error = PduError(reason, status=status, context_id=self.first.context_id, limit=limit, value=value)
        return error.about(self.first.ptype, self.first.call_id)
