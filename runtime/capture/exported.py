"""Exported PDUs: tags that say whose the octets are and who sent them to whom, then the octets (Wireshark's
`epan/exported_pdu.h`). All big-endian; values are padded to 4.

A PDU names the heuristic dissector `dcerpc_tcp`, which takes every PDU of the connection-oriented protocol; octets
that are none are for the dissector `data`, which shows them as they are.
"""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, NamedTuple

_DISSECTOR: Final = 12
_HEURISTIC: Final = 13
_IPV4: Final = (20, 21)
_IPV6: Final = (22, 23)
_PORT_TYPE: Final = 24
_PORTS: Final = (25, 26)
_TCP: Final = 2
_TAG: Final = struct.Struct(">HH")
_RPC: Final = b"dcerpc_tcp"
_DATA: Final = b"data"


class Place(NamedTuple):
    """An end of a connection. The port takes 32 bits: where there is none, a process id stands in its place."""

    address: IPv4Address | IPv6Address
    port: int

    def __str__(self) -> str:
        address = self.address
        if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
            return f"[{address}]:{self.port}"
        return f"{getattr(address, 'ipv4_mapped', None) or address}:{self.port}"


class Exported(NamedTuple):
    """A PDU and its ends."""

    octets: bytes
    source: Place
    destination: Place
    is_pdu: bool = True
    """False: octets that are no PDU."""

    def pack(self) -> bytes:
        """The octets of a packet."""
        tags = [(_HEURISTIC, _RPC) if self.is_pdu else (_DISSECTOR, _DATA)]
        for way, (address, _) in enumerate(self[1:3]):
            tags.append(((_IPV4 if isinstance(address, IPv4Address) else _IPV6)[way], address.packed))
        tags.append((_PORT_TYPE, struct.pack(">I", _TCP)))
        tags += [(tag, struct.pack(">I", place.port)) for tag, place in zip(_PORTS, self[1:3], strict=True)]
        packed = [_TAG.pack(tag, len(value) + -len(value) % 4) + value + bytes(-len(value) % 4) for tag, value in tags]
        return b"".join((*packed, bytes(4), self.octets))

    @classmethod
    def parse(cls, octets: bytes) -> Exported | None:
        """The PDU in a packet; None when there is none of ours."""
        tags, at = dict[int, bytes](), 0
        while at + _TAG.size <= len(octets):
            tag, size = _TAG.unpack_from(octets, at)
            at += _TAG.size
            if not tag:
                places = [_place(tags, way) for way in (0, 1)]
                is_pdu = tags.get(_HEURISTIC, b"").rstrip(b"\0") == _RPC
                return cls(octets[at:], places[0], places[1], is_pdu)
            tags[tag] = octets[at : at + size]
            at += size
        return None


def _place(tags: dict[int, bytes], way: int) -> Place:
    address = tags.get(_IPV4[way]) or tags.get(_IPV6[way]) or b""
    port = int.from_bytes(tags.get(_PORTS[way], b""), "big")
    return Place(ip_address(address if len(address) in (4, 16) else bytes(4)), port)
