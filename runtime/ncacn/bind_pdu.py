"""The PDUs of associations: bind, alter context, their answers, auth3 (C706 12.6.4.1-5, MS-RPCE 2.2.2).

Each parses and serializes itself, side by side, in both byte orders; so do the two lists inside them, the
contexts that are offered and the results.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import ClassVar, Final
from uuid import UUID

from .constants import WHOLE, ContextOutcome, Order, PacketType
from .header import AuthTrailer, Cursor, Header, frame
from .syntax import NO_SYNTAX, SYNTAX_SIZE, SyntaxId, uuid_octets

# max_xmit_frag, max_recv_frag, assoc_group_id
_SIZES: Final = {"<": struct.Struct("<HHI"), ">": struct.Struct(">HHI")}
# p_cont_id, n_transfer_syn, a reserved octet
_CONTEXT: Final = {"<": struct.Struct("<HBx"), ">": struct.Struct(">HBx")}
# result, reason
_RESULT: Final = {"<": struct.Struct("<HH"), ">": struct.Struct(">HH")}
_SHORT: Final = {"<": struct.Struct("<H"), ">": struct.Struct(">H")}
_VERSION_PAIR: Final = struct.Struct("BB")
_NAK_FIXED: Final = 3
"""Octets of a bind_nak's reason and of the number of its versions."""
_EXTENDED_ERROR: Final = UUID("90740320-fad0-11d3-82d7-009027b130ab")
"""The signature of a bind_nak that has extended error information (MS-RPCE 2.2.1.1.2)."""


def _count(cursor: Cursor) -> int:
    # n_context_elem or n_results, then three reserved octets, which some leave away where no item follows.
    count = cursor.take(1)[0]
    if count:
        cursor.align(4)
    return count


@dataclass(frozen=True, slots=True)
class ContextRequest:
    """A presentation context that a client offers: p_cont_elem_t (C706 12.6.3.1)."""

    context_id: int
    abstract: SyntaxId
    """The interface."""
    transfers: list[SyntaxId]
    """The encodings that the client can use."""

    def serialize(self, order: Order) -> bytes:
        """Id, count, abstract syntax, transfer syntaxes."""
        head = _CONTEXT[order].pack(self.context_id, len(self.transfers))
        return head + b"".join(syntax.serialize(order) for syntax in (self.abstract, *self.transfers))

    @classmethod
    def parse(cls, cursor: Cursor, order: Order) -> ContextRequest:
        """The next item of a bind."""
        context_id, count = cursor.unpack(_CONTEXT[order])
        abstract, *transfers = [SyntaxId.parse(cursor.take(SYNTAX_SIZE), order) for _ in range(count + 1)]
        return cls(context_id, abstract, transfers)

    @property
    def features(self) -> int | None:
        """The bits of a bind-time feature item, None for a context (MS-RPCE 3.3.1.5.3: the first syntax says)."""
        return self.transfers[0].features if self.transfers else None


@dataclass(frozen=True, slots=True)
class ContextResult:
    """What a server answers to one offered context: p_result_t (C706 12.6.3.1)."""

    outcome: int
    """A ContextOutcome."""
    reason: int = 0
    """A RejectionReason; the granted bits where the outcome is NEGOTIATE_ACK."""
    transfer: SyntaxId = NO_SYNTAX
    """The encoding that was chosen."""

    def serialize(self, order: Order) -> bytes:
        """Result, reason, transfer syntax."""
        return _RESULT[order].pack(self.outcome, self.reason) + self.transfer.serialize(order)

    @classmethod
    def parse(cls, cursor: Cursor, order: Order) -> ContextResult:
        """The next item of an answer."""
        outcome, reason = cursor.unpack(_RESULT[order])
        return cls(outcome, reason, SyntaxId.parse(cursor.take(SYNTAX_SIZE), order))

    @property
    def accepted(self) -> bool:
        """The context may be used."""
        return self.outcome == ContextOutcome.ACCEPTANCE


@dataclass(slots=True)
class Bind:
    """Opens an association (C706 12.6.4.3)."""

    ptype: ClassVar[PacketType] = PacketType.BIND
    call_id: int
    contexts: list[ContextRequest]
    max_xmit: int
    max_recv: int
    group_id: int = 0
    flags: int = WHOLE
    order: Order = "<"
    auth: AuthTrailer | None = None

    @classmethod
    def parse(cls, header: Header, body: bytes, auth: AuthTrailer | None) -> Bind:
        """From the body; octets after the contexts are ignored."""
        cursor, order = Cursor(body), header.order
        max_xmit, max_recv, group_id = cursor.unpack(_SIZES[order])
        contexts = [ContextRequest.parse(cursor, order) for _ in range(_count(cursor))]
        return cls(header.call_id, contexts, max_xmit, max_recv, group_id, header.flags, order, auth)

    def serialize(self) -> bytes:
        """The whole PDU."""
        sizes = _SIZES[self.order].pack(self.max_xmit, self.max_recv, self.group_id)
        items = [context.serialize(self.order) for context in self.contexts]
        body = b"".join((sizes, bytes((len(items), 0, 0, 0)), *items))
        return frame(self.ptype, self.flags, self.order, self.call_id, body, self.auth)


class AlterContext(Bind):
    """Offers more contexts on an association (C706 12.6.4.1); sizes and group are not looked at."""

    __slots__ = ()
    ptype: ClassVar[PacketType] = PacketType.ALTER_CONTEXT


@dataclass(slots=True)
class BindAck:
    """The answer to a bind (C706 12.6.4.4)."""

    ptype: ClassVar[PacketType] = PacketType.BIND_ACK
    call_id: int
    results: list[ContextResult]
    max_xmit: int
    max_recv: int
    group_id: int
    secondary_address: str = ""
    """Where else the server can be reached: the port in decimal, or the name of the pipe."""
    flags: int = WHOLE
    order: Order = "<"
    auth: AuthTrailer | None = None

    @classmethod
    def parse(cls, header: Header, body: bytes, auth: AuthTrailer | None) -> BindAck:
        """From the body. The address has its length with the terminator, then padding to 4."""
        cursor, order = Cursor(body), header.order
        max_xmit, max_recv, group_id = cursor.unpack(_SIZES[order])
        address = cursor.take(cursor.unpack(_SHORT[order])[0]).partition(b"\0")[0].decode("utf-8", "backslashreplace")
        cursor.align(4)
        results = [ContextResult.parse(cursor, order) for _ in range(_count(cursor))]
        return cls(header.call_id, results, max_xmit, max_recv, group_id, address, header.flags, order, auth)

    def serialize(self) -> bytes:
        """The whole PDU; an empty address has length 0 and two octets of padding."""
        sizes = _SIZES[self.order].pack(self.max_xmit, self.max_recv, self.group_id)
        address = self.secondary_address.encode() + b"\0" if self.secondary_address else b""
        head = sizes + _SHORT[self.order].pack(len(address)) + address
        items = [result.serialize(self.order) for result in self.results]
        body = b"".join((head, bytes(-len(head) % 4), bytes((len(items), 0, 0, 0)), *items))
        return frame(self.ptype, self.flags, self.order, self.call_id, body, self.auth)


class AlterContextResponse(BindAck):
    """The answer to an alter context (C706 12.6.4.2)."""

    __slots__ = ()
    ptype: ClassVar[PacketType] = PacketType.ALTER_CONTEXT_RESP


@dataclass(slots=True)
class BindNak:
    """The refusal of a bind (C706 12.6.4.5, MS-RPCE 2.2.2.9)."""

    ptype: ClassVar[PacketType] = PacketType.BIND_NAK
    call_id: int
    reason: int
    versions: list[tuple[int, int]] = field(default_factory=lambda: [(5, 0)])
    detail: bytes = b""
    """Extended error information ([MS-EERR])."""
    flags: int = WHOLE
    order: Order = "<"
    auth: AuthTrailer | None = None

    @classmethod
    def parse(cls, header: Header, body: bytes, auth: AuthTrailer | None) -> BindNak:
        """From the body; the versions may be missing, as from some servers, and what follows them is of no weight."""
        cursor = Cursor(body)
        reason = cursor.unpack(_SHORT[header.order])[0]
        count = cursor.take(1)[0] if cursor.left else 0
        versions = [(major, minor) for major, minor in (cursor.unpack(_VERSION_PAIR) for _ in range(count))]
        end = _NAK_FIXED + len(versions) * _VERSION_PAIR.size
        detail = _detail(body[end + -end % 4 :], header.order)
        return cls(header.call_id, reason, versions, detail, header.flags, header.order, auth)

    def serialize(self) -> bytes:
        """The whole PDU, padded to 4 as Windows does."""
        pairs = b"".join(_VERSION_PAIR.pack(*version) for version in self.versions)
        body = _SHORT[self.order].pack(self.reason) + bytes([len(self.versions)]) + pairs
        body += bytes(-len(body) % 4)
        if self.detail:
            body += uuid_octets(_EXTENDED_ERROR, self.order) + self.detail
        return frame(self.ptype, self.flags, self.order, self.call_id, body, self.auth)


def _detail(rest: bytes, order: Order) -> bytes:
    """What stands behind the signature that announces it; nothing where it does not."""
    signature = uuid_octets(_EXTENDED_ERROR, order)
    return rest[len(signature) :] if rest.startswith(signature) else b""


@dataclass(slots=True)
class Auth3:
    """The third leg of authentication (MS-RPCE 2.2.2.10): four octets without meaning, then the trailer."""

    ptype: ClassVar[PacketType] = PacketType.AUTH3
    call_id: int
    flags: int = WHOLE
    order: Order = "<"
    auth: AuthTrailer | None = None

    @classmethod
    def parse(cls, header: Header, body: bytes, auth: AuthTrailer | None) -> Auth3:
        """From the header and the trailer."""
        return cls(header.call_id, header.flags, header.order, auth)

    def serialize(self) -> bytes:
        """The whole PDU."""
        return frame(self.ptype, self.flags, self.order, self.call_id, bytes(4), self.auth)
