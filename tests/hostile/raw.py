"""The connection-oriented protocol octet by octet, for peers that break it: what no engine would send.

Loaded by the conftest.py beside, since importmode=importlib puts no folder on the search path.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from types import TracebackType
from typing import Any
from uuid import UUID

from lrpc.runtime import ncacn
from lrpc.runtime.ncacn import bind_pdu
from lrpc.runtime.ncacn import pdu as ncacn_pdu
from lrpc.transports.errors import TimedOut, TransportError

WATCHDOG = 20.0
REQUEST, PING, RESPONSE, FAULT, BIND, ACK, NAK, ALTER = 0, 1, 2, 3, 11, 12, 13, 14
ALTER_RESP, AUTH3, SHUTDOWN, CANCEL, ORPHANED = 15, 16, 17, 18, 19
FIRST, LAST, WHOLE, MPX, MAYBE, OBJECT = 1, 2, 3, 0x10, 0x40, 0x80
PROTO_ERROR, UNKNOWN_IF, OP_RANGE, UNSUPPORTED_TYPE = 0x1C01000B, 0x1C010003, 0x1C010002, 0x1C010017
DENIED = 5
OPEN, COUNT, ECHO, WAIT, MISBEHAVE = 2, 4, 5, 9, 11
STUB = struct.pack("<II", 8, 8) + b"12345678"
"""Of Echo: n, then the conformance of the array, then its octets."""
NAME = struct.pack("<III", 2, 0, 2) + "x\0".encode("utf-16-le")
"""Of Open: its [in, string] name."""
SUM = struct.pack("<I", 5)
"""What Add(2, 3) gives."""
STRANGE = UUID("00112233-4455-6677-8899-aabbccddeeff")


def pdu(ptype: int, body: bytes = b"", **fields: Any) -> bytes:
    """A PDU with any header. size: what frag_length says; drep: the first two octets of the representation."""
    get = {"flags": WHOLE, "call_id": 1, "size": None, "auth": 0, "version": (5, 0), "drep": (0x10, 0), **fields}
    size = 16 + len(body) if get["size"] is None else get["size"]
    order = "<" if get["drep"][0] & 0x10 else ">"
    head = struct.pack("6B2x", *get["version"], ptype, get["flags"], *get["drep"])
    return head + struct.pack(order + "HHI", size, get["auth"], get["call_id"]) + body


def request(
    stub: bytes = STUB, *, context: int = 0, opnum: int = ECHO, hint: int | None = None, **fields: Any
) -> bytes:
    """A request. object: the octets of its UUID, with the flag that announces them."""
    uuid = fields.pop("object", b"")
    if uuid:
        fields["flags"] = fields.get("flags", WHOLE) | OBJECT
    body = struct.pack("<IHH", len(stub) if hint is None else hint, context, opnum) + uuid + stub
    return pdu(REQUEST, body, **fields)


def item(syntax: ncacn.SyntaxId, number: int = 0, *transfers: ncacn.SyntaxId) -> bytes:
    """An offered context, in NDR unless others are said."""
    return ncacn.ContextRequest(number, syntax, list(transfers) or [ncacn.NDR]).serialize("<")


def bind(*items: bytes, count: int | None = None, sizes: tuple[int, int] = (5840, 5840), **fields: Any) -> bytes:
    """A bind, or with `ptype` an alter context. count: how many items it claims; group: the association group."""
    group, ptype = fields.pop("group", 0), fields.pop("ptype", BIND)
    body = struct.pack("<HHIB3x", *sizes, group, len(items) if count is None else count) + b"".join(items)
    return pdu(ptype, body, **fields)


def response(call_id: int, stub: bytes = SUM, flags: int = WHOLE, ptype: int = RESPONSE) -> bytes:
    """A response, or with `ptype` a fault."""
    return pdu(ptype, struct.pack("<I4x", len(stub)) + stub, flags=flags, call_id=call_id)


def ack(**fields: Any) -> bytes:
    """A bind_ack to the first bind of a client, right but for `fields`."""
    results = fields.pop("results", [ncacn.ContextResult(0, 0, ncacn.NDR)])
    fields = {"max_xmit": 5840, "max_recv": 5840, "group_id": 7, "secondary_address": "1", "call_id": 1, **fields}
    return bind_pdu.BindAck(fields.pop("call_id"), results, **fields).serialize()


def answers() -> dict[str, bytes]:
    """Every PDU that a client may get, as an answer to its call 2."""
    accepted = [ncacn.ContextResult(0, 0, ncacn.NDR)]
    return {
        "response": response(2),
        "first half": response(2, SUM[:2], flags=FIRST),
        "fault": response(2, struct.pack("<II", 5, 0), ptype=FAULT),
        "bind_ack": ack(call_id=2),
        "bind_nak": bind_pdu.BindNak(2, 0).serialize(),
        "alter_context_resp": bind_pdu.AlterContextResponse(2, accepted, 5840, 5840, 7).serialize(),
        "shutdown": pdu(SHUTDOWN, call_id=2),
    }


def parsed(octets: bytes) -> list[Any]:
    """The PDUs in a stream."""
    found: list[Any] = []
    while octets:
        size = struct.unpack_from("<H", octets, 8)[0]
        found.append(ncacn_pdu.parse_pdu(octets[:size]))
        octets = octets[size:]
    return found


def pace(seconds: float) -> None:
    """Be slow: what some intruders do."""
    threading.Event().wait(seconds)


class Intruder:
    """A client below the protocol: it says what it likes and reads what comes."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self._held = b""

    def __enter__(self) -> Intruder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def say(self, *messages: bytes) -> Intruder:
        """Send; the server may close before it has all."""
        with contextlib.suppress(TransportError):
            for message in messages:
                self.connection.send(message, WATCHDOG)
        return self

    def squeeze(self, *messages: bytes) -> bool:
        """Send what there is room for; is there room for more?"""
        try:
            return all(self.connection.send_now(message) == len(message) for message in messages)
        except TransportError:
            return False

    def trickle(self, octets: bytes) -> Intruder:
        """Say it octet by octet, with pauses: five milliseconds each, until the server has had enough."""
        with contextlib.suppress(TransportError):
            for at in range(len(octets)):
                self.connection.send(octets[at : at + 1], WATCHDOG)
                pace(0.005)
        return self

    def close(self) -> None:
        """Leave."""
        self.connection.close()

    def next(self) -> Any:
        """The next PDU."""
        while len(self._held) < 16 or len(self._held) < struct.unpack_from("<H", self._held, 8)[0]:
            octets = self.connection.receive(WATCHDOG)
            assert octets, "the server closed instead of answering"
            self._held += octets
        size = struct.unpack_from("<H", self._held, 8)[0]
        taken, self._held = self._held[:size], self._held[size:]
        return ncacn_pdu.parse_pdu(taken)

    def octets(self) -> bytes:
        """What comes next, unparsed."""
        return bytes(self.connection.receive(WATCHDOG))

    def rest(self) -> list[Any]:
        """The PDUs until the server closes."""
        octets, self._held = self._held, b""
        try:
            while more := self.connection.receive(WATCHDOG):
                octets += more
        except TimedOut:
            raise AssertionError("the server neither answers nor closes") from None
        except TransportError:
            return parsed(octets)
        return parsed(octets)

    def finish(self) -> Intruder:
        """Say that nothing more comes."""
        if hasattr(self.connection, "_outgoing"):
            self.connection._outgoing.end()
        else:
            with contextlib.suppress(OSError):
                self.connection._timed.socket.shutdown(socket.SHUT_WR)
        return self
