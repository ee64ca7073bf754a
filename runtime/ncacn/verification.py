"""The verification trailer behind the stub of a request (MS-RPCE 2.2.2.13).

What a client asked of the connection and the call, once more under the signature: an attacker may have changed it
where nothing was signed, in the bind and, without header signing, in the headers of the calls. `vouch` makes a
trailer, `strip` finds, checks and removes it.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from .constants import FaultStatus, Order, PacketType
from .errors import PduError
from .negotiation import Context
from .pdu import Request

SIGNATURE: Final = bytes.fromhex("8ae3137102f43671")
"""rpc_sec_verification_trailer (MS-RPCE 2.2.2.13.1)."""
BITMASK: Final = 1
"""rpc_sec_vt_bitmask (MS-RPCE 2.2.2.13.2)."""
PRESENTATION_CONTEXT: Final = 2
"""rpc_sec_vt_pcontext (MS-RPCE 2.2.2.13.4)."""
HEADER2: Final = 3
"""rpc_sec_vt_header2 (MS-RPCE 2.2.2.13.3)."""
END: Final = 0x4000
MUST_PROCESS: Final = 0x8000
SUPPORTS_HEADER_SIGNING: Final = 1
"""The one bit of BITMASK."""

SEARCHED: Final = 1024
"""Octets from the end in which a trailer may begin; the known commands take 80. As Samba has it."""
BEHIND: Final = 16
"""Octets of padding that may follow a trailer; with more, it only looked like one. As Samba has it."""
_UNIT: Final = 4

# command, length
_COMMAND: Final = {"<": struct.Struct("<HH"), ">": struct.Struct(">HH")}
_BITS: Final = {"<": struct.Struct("<I"), ">": struct.Struct(">I")}
# PTYPE, two reserved fields, the first octet of drep and three zeros, call_id, p_cont_id, opnum
_HEADER2: Final = {"<": struct.Struct("<BxxxBxxxIHH"), ">": struct.Struct(">BxxxBxxxIHH")}
_DREP: Final[dict[Order, int]] = {"<": 0x10, ">": 0x00}


class Claims(NamedTuple):
    """What a trailer says: of the connection, of the presentation context and of the call."""

    header_signing: bool
    """The client has offered to sign headers."""
    context: Context
    call: Request
    """Only its header counts; of a fragmented one, that of the first fragment."""

    def bodies(self) -> dict[int, bytes]:
        """What each command holds."""
        call = self.call
        header = (int(PacketType.REQUEST), _DREP[call.order], call.call_id, call.context_id, call.opnum)
        return {
            BITMASK: _BITS[call.order].pack(SUPPORTS_HEADER_SIGNING if self.header_signing else 0),
            PRESENTATION_CONTEXT: b"".join(syntax.serialize(call.order) for syntax in self.context),
            HEADER2: _HEADER2[call.order].pack(*header),
        }


def vouch(claims: Claims, size: int, *, known: bool, signed: bool) -> bytes:
    """Padding and trailer for a stub of `size` octets; nothing where there is nothing to say.

    known: the server has been told of the connection and the context by an earlier call. signed: headers are signed,
    and need no saying again.
    """
    commands = ([] if known else [BITMASK, PRESENTATION_CONTEXT]) + ([] if signed else [HEADER2])
    if not commands:
        return b""
    bodies, order = claims.bodies(), claims.call.order
    parts = [bytes(-size % _UNIT), SIGNATURE]
    for command in commands:
        last = END if command == commands[-1] else 0
        parts += [_COMMAND[order].pack(command | last, len(bodies[command])), bodies[command]]
    return b"".join(parts)


def strip(stub: bytes, claims: Claims) -> bytes:
    """The stub without its trailer, if it has one. PduError, which denies access, when that does not agree."""
    at = _begin(stub)
    commands = _commands(stub, at + len(SIGNATURE), claims.call.order) if at >= 0 else None
    if commands is None:
        return stub
    bodies = claims.bodies()
    for command, body in commands:
        number = command & ~(END | MUST_PROCESS)
        if number not in bodies:
            if command & MUST_PROCESS:
                raise _wrong(f"command {number} is not known and must be", claims.call)
        elif not _agrees(number, body, bodies[number], claims.call.order):
            raise _wrong(f"command {number} does not agree", claims.call)
    return stub[:at]


def _begin(stub: bytes) -> int:
    """Where a trailer seems to begin, -1 for nowhere."""
    first, at = max(0, len(stub) - SEARCHED), len(stub)
    while True:
        at = stub.rfind(SIGNATURE, first, at)
        if at < 0 or at % _UNIT == 0:
            return at
        at += len(SIGNATURE) - 1


def _commands(stub: bytes, at: int, order: Order) -> list[tuple[int, bytes]] | None:
    """The commands of a trailer, None where it only looked like one."""
    found: list[tuple[int, bytes]] = []
    while not (found and found[-1][0] & END):
        if len(stub) < at + _UNIT:
            return None
        command, length = _COMMAND[order].unpack_from(stub, at)
        at += _UNIT + length
        found.append((command, stub[at - length : at]))
    return found if at <= len(stub) <= at + BEHIND else None


def _agrees(number: int, said: bytes, known: bytes, order: Order) -> bool:
    if len(said) != len(known):
        return False
    if number == BITMASK:  # the client's offer to sign headers must have come; bits without meaning are ignored
        (offered,), (heard,) = _BITS[order].unpack(said), _BITS[order].unpack(known)
        return bool(heard or not offered & SUPPORTS_HEADER_SIGNING)
    if number == HEADER2:  # so is what is reserved
        return said[:1] + said[4:] == known[:1] + known[4:]
    return said == known


def _wrong(reason: str, call: Request) -> PduError:
    reason = f"verification trailer: {reason}"
    error = PduError(reason, status=FaultStatus.ACCESS_DENIED, context_id=call.context_id)
    return error.about(PacketType.REQUEST, call.call_id)
