"""Protocol towers: how an endpoint mapper writes an interface and where it is found (C706 appendices I and L).

A tower is floors, each a left side (which protocol) and a right side (its address): the interface, the transfer
syntax, the RPC protocol, and below it what carries that. `Tower` is the meaning; `build` and `parse` are the octets,
side by side.

Rules: numbers are little-endian but for ports and addresses; a tower of a peer raises only BadTower, and costs no more
than its octets. Nothing here knows NDR: `twr_t` of `idl/epmapper.idl` carries a tower as octets.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Final, NamedTuple
from uuid import UUID

from ..binding import NCACN_IP_TCP, NCACN_NP, NCALRPC, StringBinding

MAX_FLOORS: Final = 16
"""Of one tower; none of the known ones has more than 7."""
MAX_TOWER: Final = 2048
"""Octets of one tower: a pipe or port name of 255 characters and a host name fit many times."""

UUID_FLOOR: Final = 0x0D
CONNECTIONLESS_FLOOR: Final = 0x0A
CONNECTION_FLOOR: Final = 0x0B
LOCAL_FLOOR: Final = 0x0C
TCP_FLOOR: Final = 0x07
UDP_FLOOR: Final = 0x08
IP_FLOOR: Final = 0x09
PIPE_FLOOR: Final = 0x0F
PORT_FLOOR: Final = 0x10
NETBIOS_FLOOR: Final = 0x11
HTTP_FLOOR: Final = 0x1F
UNIX_FLOOR: Final = 0x20
ANY_PORT_FLOOR: Final = 0xFF
"""Of an ALPC port that a client does not know yet."""

NCADG_IP_UDP: Final = "ncadg_ip_udp"
NCACN_HTTP: Final = "ncacn_http"
NCACN_UNIX: Final = "ncacn_unix_stream"

_SEQUENCES: Final[dict[tuple[int, int], str]] = {
    (CONNECTION_FLOOR, TCP_FLOOR): NCACN_IP_TCP,
    (CONNECTION_FLOOR, PIPE_FLOOR): NCACN_NP,
    (LOCAL_FLOOR, PORT_FLOOR): NCALRPC,
    (LOCAL_FLOOR, ANY_PORT_FLOOR): NCALRPC,
    (CONNECTIONLESS_FLOOR, UDP_FLOOR): NCADG_IP_UDP,
    (CONNECTION_FLOOR, HTTP_FLOOR): NCACN_HTTP,
    (CONNECTION_FLOOR, UNIX_FLOOR): NCACN_UNIX,
}
"""Protocol sequences by their RPC floor and the one below."""
_PORTS: Final = (NCACN_IP_TCP, NCADG_IP_UDP, NCACN_HTTP)


class BadTower(ValueError):
    """Octets that are no tower of a known shape; the message says why."""


class Syntax(NamedTuple):
    """An interface or a transfer syntax: UUID and version."""

    uuid: UUID
    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.uuid} v{self.major}.{self.minor}"


NDR: Final = Syntax(UUID("8a885d04-1ceb-11c9-9fe8-08002b104860"), 2, 0)
NDR64: Final = Syntax(UUID("71710533-beba-4937-8319-b5dbef9ccc36"), 1, 0)


class Floor(NamedTuple):
    """Both sides of a floor."""

    left: bytes
    right: bytes


@dataclass(frozen=True, slots=True)
class Tower:
    """An interface, and where it is found.

    protocol: the protocol sequence, also of those that lrpc does not speak; empty when the floors are of no known one.
    endpoint: port, pipe or ALPC port; empty asks for any. address: an IPv4 address or a host's name; empty for any.
    """

    interface: Syntax
    transfer: Syntax
    protocol: str
    endpoint: str = ""
    address: str = ""

    @property
    def binding(self) -> StringBinding:
        """The same as a string binding, which can have a protocol sequence that cannot be connected to."""
        return StringBinding(self.protocol, self.address, self.endpoint)

    def wanting(self, protocol: str) -> Tower:
        """The tower that asks for this interface over a protocol sequence, wherever it is."""
        return replace(self, protocol=protocol, endpoint="", address="")


# Octets


def build(tower: Tower) -> bytes:
    """The octets of a tower. BadTower when its protocol sequence, port or address cannot be written."""
    floors = [_syntax_floor(tower.interface), _syntax_floor(tower.transfer), *_lower(tower)]
    return struct.pack("<H", len(floors)) + b"".join(
        struct.pack("<H", len(left)) + left + struct.pack("<H", len(right)) + right for left, right in floors
    )


def parse(octets: bytes) -> Tower:
    """The meaning of a tower. BadTower for what has no interface and transfer syntax, and for broken floors."""
    found = floors(octets)
    if len(found) < 3:
        raise BadTower(f"{len(found)} floors")
    protocol, endpoint, address = _meaning(found[2:])
    return Tower(_syntax(found[0]), _syntax(found[1]), protocol, endpoint, address)


def floors(octets: bytes) -> list[Floor]:
    """The floors of a tower. BadTower when they are too many, too large, or not all there."""
    if not 2 <= len(octets) <= MAX_TOWER:
        raise BadTower(f"{len(octets)} octets")
    (count,) = struct.unpack_from("<H", octets)
    if count > MAX_FLOORS:
        raise BadTower(f"{count} floors")
    found, offset = list[Floor](), 2
    for _ in range(count):
        left, offset = _side(octets, offset)
        right, offset = _side(octets, offset)
        found.append(Floor(left, right))
    return found


def _side(octets: bytes, offset: int) -> tuple[bytes, int]:
    begin = offset + 2
    if begin > len(octets):
        raise BadTower(f"it ends at {len(octets)} octets, inside a floor")
    end = begin + int.from_bytes(octets[offset:begin], "little")
    if end > len(octets):
        raise BadTower(f"it ends at {len(octets)} octets, inside a floor")
    return octets[begin:end], end


# The upper floors


def _syntax_floor(syntax: Syntax) -> Floor:
    left = struct.pack("<B16sH", UUID_FLOOR, syntax.uuid.bytes_le, syntax.major)
    return Floor(left, struct.pack("<H", syntax.minor))


def _syntax(floor: Floor) -> Syntax:
    if len(floor.left) != 19 or floor.left[0] != UUID_FLOOR or len(floor.right) != 2:
        raise BadTower("a floor that should name an interface or a transfer syntax does not")
    (major,) = struct.unpack_from("<H", floor.left, 17)
    (minor,) = struct.unpack("<H", floor.right)
    return Syntax(UUID(bytes_le=floor.left[1:17]), major, minor)


# The lower floors


def _lower(tower: Tower) -> list[Floor]:
    if tower.protocol == NCALRPC:
        return [_rpc(LOCAL_FLOOR), _named(PORT_FLOOR, tower.endpoint)]
    if tower.protocol == NCACN_NP:
        return [_rpc(CONNECTION_FLOOR), _named(PIPE_FLOOR, tower.endpoint), _named(NETBIOS_FLOOR, tower.address)]
    for (rpc, carrier), protocol in _SEQUENCES.items():
        if protocol == tower.protocol and protocol in _PORTS:
            return [_rpc(rpc), Floor(bytes((carrier,)), _port(tower.endpoint)), _ip(tower.address)]
    raise BadTower(f"{tower.protocol} has no tower here")


def _rpc(protocol: int) -> Floor:
    return Floor(bytes((protocol,)), bytes(2))


def _named(protocol: int, name: str) -> Floor:
    try:
        return Floor(bytes((protocol,)), name.encode() + b"\0")
    except UnicodeEncodeError:
        raise BadTower(f"{name!r} cannot be written") from None


def _port(endpoint: str) -> bytes:
    if endpoint and not (endpoint.isascii() and endpoint.isdigit() and int(endpoint) < 65536):
        raise BadTower(f"{endpoint!r} is no port")
    return int(endpoint or 0).to_bytes(2, "big")


def _ip(address: str) -> Floor:
    """An address that is no IPv4 address is any: towers know no other, and clients go by the host they asked."""
    try:
        packed = IPv4Address(address or 0).packed
    except ValueError:
        packed = bytes(4)
    return Floor(bytes((IP_FLOOR,)), packed)


def _meaning(lower: list[Floor]) -> tuple[str, str, str]:
    """Protocol sequence, endpoint and address; three times nothing for floors of none that is known."""
    carrier = lower[1] if len(lower) > 1 else Floor(b"", b"")
    protocol = _SEQUENCES.get((_first(lower[0]), _first(carrier)), "")
    if protocol in _PORTS:
        if len(carrier.right) != 2:
            raise BadTower(f"a port of {len(carrier.right)} octets")
        port = int.from_bytes(carrier.right, "big")
        return protocol, str(port or ""), _address(lower[2:])
    if protocol in (NCALRPC, NCACN_NP, NCACN_UNIX):
        return protocol, _name(carrier), _address(lower[2:])
    return "", "", ""


def _first(floor: Floor) -> int:
    return floor.left[0] if floor.left else -1


def _address(rest: list[Floor]) -> str:
    if not rest:
        return ""
    if _first(rest[0]) == IP_FLOOR and len(rest[0].right) == 4:
        return str(IPv4Address(rest[0].right)) if any(rest[0].right) else ""
    return _name(rest[0]) if _first(rest[0]) == NETBIOS_FLOOR else ""


def _name(floor: Floor) -> str:
    """A name up to its NUL; what cannot be text is escaped, so that it never passes for another name."""
    return floor.right.partition(b"\0")[0].decode("utf-8", "backslashreplace")
