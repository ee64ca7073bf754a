"""A capture file read back as calls: who called what, how large it was, how it ended, how long it took.

Reads what lrpc wrote, and any other file of exported DCE/RPC PDUs. A call is told when its answer is there; those
without one come last. Memory is that of the calls that are open.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from ..ncacn import pdu as pdus
from ..ncacn.bind_pdu import Bind, BindAck, BindNak
from ..ncacn.constants import LAST_FRAGMENT, MAYBE, ContextOutcome
from ..ncacn.errors import PduError
from ..ncacn.pdu import Fault, Pdu, Request, Response
from ..ncacn.syntax import SyntaxId
from . import pcapng
from .exported import Exported, Place

_TAIL: Final = 4


@dataclass(slots=True)
class CapturedCall:
    """A call. A bind that was refused is one as well, without an opnum."""

    time: int
    """When the request was seen: nanoseconds since 1970."""
    side: str
    """Who saw it: `client` or `server`."""
    connection: str
    """The binding and the processes, as the file has them; else the addresses."""
    interface: SyntaxId | None
    opnum: int | None
    sent: int = 0
    """Octets of the request's stub."""
    received: int = 0
    """Octets of the response's stub."""
    fault: int | None = None
    duration: int | None = None
    """Nanoseconds until the answer was seen whole; None: there was none."""
    refused: str = ""
    """Why a bind was refused."""
    tail: bytes = b""
    """The last octets of the response, where a status is."""


@dataclass(slots=True)
class _Conversation:
    name: str
    contexts: dict[int, SyntaxId] = field(default_factory=dict[int, SyntaxId])
    calls: dict[int, CapturedCall] = field(default_factory=dict[int, CapturedCall])
    binds: dict[int, tuple[int, Bind]] = field(default_factory=dict[int, tuple[int, Bind]])


class Reader:
    """Packets in, calls out. unread: how many packets were no PDUs."""

    def __init__(self) -> None:
        self.unread = 0
        self._conversations: dict[tuple[str, Place, Place], _Conversation] = {}

    def calls(self, file: BinaryIO) -> Iterator[CapturedCall]:
        """The calls in a file; BadCapture when it cannot be read."""
        for packet in pcapng.read(file):
            exported = Exported.parse(packet.octets) if packet.link_type == pcapng.EXPORTED_PDU else None
            try:
                pdu = pdus.parse_pdu(exported.octets) if exported is not None else None
            except PduError:
                pdu = None
            if exported is None or pdu is None:
                self.unread += 1
            elif (call := self._step(packet, exported, pdu)) is not None:
                yield call
        for conversation in self._conversations.values():
            yield from conversation.calls.values()

    def _step(self, packet: pcapng.Packet, exported: Exported, pdu: Pdu) -> CapturedCall | None:
        asking = isinstance(pdu, (Request, Bind, pdus.CoCancel, pdus.OrphanedCall))
        client, server = (exported.source, exported.destination)[:: 1 if asking else -1]
        key = packet.interface, client, server
        found = self._conversations.get(key)
        if found is None or (type(pdu) is Bind and not found.calls):  # addresses may be used again
            name = packet.comment.splitlines()[0] if packet.comment else f"{client} to {server}"
            found = self._conversations[key] = _Conversation(name)
        if isinstance(pdu, Bind):
            found.binds[pdu.call_id] = packet.time, pdu
            found.contexts |= {context.context_id: context.abstract for context in pdu.contexts}
        elif isinstance(pdu, Request):
            return _request(found, packet, pdu)
        elif isinstance(pdu, (Response, Fault)):
            return _answer(found, packet, pdu)
        elif isinstance(pdu, (BindAck, BindNak)):
            return _bound(found, packet, pdu)
        return None


def _request(found: _Conversation, packet: pcapng.Packet, pdu: Request) -> CapturedCall | None:
    call = found.calls.get(pdu.call_id)
    if call is None:
        abstract = found.contexts.get(pdu.context_id)
        call = found.calls[pdu.call_id] = CapturedCall(packet.time, packet.interface, found.name, abstract, pdu.opnum)
    call.sent += len(pdu.stub)
    return found.calls.pop(pdu.call_id) if pdu.flags & MAYBE and pdu.flags & LAST_FRAGMENT else None


def _answer(found: _Conversation, packet: pcapng.Packet, pdu: Response | Fault) -> CapturedCall | None:
    call = found.calls.get(pdu.call_id)
    if call is None:
        return None
    if isinstance(pdu, Fault):
        call.fault = pdu.status
    else:
        call.received += len(pdu.stub)
        call.tail = b"" if pdu.auth else (call.tail + pdu.stub[-_TAIL:])[-_TAIL:]
        if not pdu.flags & LAST_FRAGMENT:
            return None
    call.duration = packet.time - call.time
    return found.calls.pop(pdu.call_id)


def _bound(found: _Conversation, packet: pcapng.Packet, pdu: BindAck | BindNak) -> CapturedCall | None:
    time, asked = found.binds.pop(pdu.call_id, (packet.time, None))
    contexts = asked.contexts if asked is not None else []
    outcomes = {result.outcome for result in pdu.results} if isinstance(pdu, BindAck) else set[int]()
    if isinstance(pdu, BindNak):
        refused = f"bind_nak, reason {pdu.reason}"
    elif ContextOutcome.ACCEPTANCE in outcomes or outcomes == {ContextOutcome.NEGOTIATE_ACK}:
        return None
    else:
        refused = f"refused, reason {pdu.results[0].reason}" if pdu.results else "refused"
    abstract = contexts[0].abstract if contexts else None
    lasted = packet.time - time
    return CapturedCall(time, packet.interface, found.name, abstract, None, duration=lasted, refused=refused)
