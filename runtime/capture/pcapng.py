"""The blocks of pcapng that a capture needs: section header, interface description, enhanced packet.

Written little-endian, with times in nanoseconds; read in either order, with the resolution that the file gives.
Format: IETF draft-ietf-opsawg-pcapng. Each block is written by one function and read by `read`; no input or output
of its own beyond the file object that `read` is given.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

SECTION: Final = 0x0A0D0D0A
INTERFACE: Final = 1
PACKET: Final = 6
MAGIC: Final = 0x1A2B3C4D
EXPORTED_PDU: Final = 252
"""The link type of packets that say themselves which dissector they are for (LINKTYPE_WIRESHARK_UPPER_PDU)."""
MAX_BLOCK: Final = 1 << 24
"""Octets of a block that is read: a PDU has at most 65,535."""

_COMMENT: Final = 1
_SECTION_OS: Final = 3
_SECTION_APPLICATION: Final = 4
_INTERFACE_NAME: Final = 2
_INTERFACE_DESCRIPTION: Final = 3
_INTERFACE_RESOLUTION: Final = 9
_PACKET_FLAGS: Final = 2
_INBOUND: Final = 1
_OUTBOUND: Final = 2
_NANOSECONDS: Final = 9
_MICROSECONDS: Final = 6
_SMALLEST: Final = 12


class BadCapture(ValueError):
    """The file is no pcapng, or is damaged; the message says where."""


class Packet(NamedTuple):
    """A packet as it was read."""

    interface: str
    """The name of the interface that it was seen on."""
    link_type: int
    time: int
    """Nanoseconds since 1970."""
    octets: bytes
    outbound: bool | None
    """Its direction as the interface saw it, if it says."""
    comment: str


def section_header(application: str, system: str) -> bytes:
    """The block that opens a file."""
    body = struct.pack("<IHHq", MAGIC, 1, 0, -1)
    return _block(SECTION, body, [(_SECTION_OS, system.encode()), (_SECTION_APPLICATION, application.encode())])


def interface(name: str, description: str) -> bytes:
    """The block of an interface; packets name it by its place in the file, counting from 0."""
    options = [
        (_INTERFACE_NAME, name.encode()),
        (_INTERFACE_DESCRIPTION, description.encode()),
        (_INTERFACE_RESOLUTION, bytes((_NANOSECONDS,))),
    ]
    return _block(INTERFACE, struct.pack("<HHI", EXPORTED_PDU, 0, 0), options)


def packet(interface: int, time: int, octets: bytes, *, outbound: bool, comment: str = "") -> bytes:
    """The block of a packet; time: nanoseconds since 1970."""
    size = len(octets)
    body = struct.pack("<IIIII", interface, time >> 32, time & 0xFFFFFFFF, size, size) + octets + bytes(-size % 4)
    options = [(_PACKET_FLAGS, struct.pack("<I", _OUTBOUND if outbound else _INBOUND))]
    if comment:
        options.insert(0, (_COMMENT, comment.encode()[:0xFFFF]))
    return _block(PACKET, body, options)


def _block(kind: int, body: bytes, options: list[tuple[int, bytes]]) -> bytes:
    parts = [struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4) for code, value in options]
    parts.append(bytes(4))
    size = _SMALLEST + len(body) + sum(map(len, parts))
    return b"".join((struct.pack("<II", kind, size), body, *parts, struct.pack("<I", size)))


# Reading


class _Interface(NamedTuple):
    name: str
    link_type: int
    units: int
    """How many of its units of time make a second."""


def read(file: BinaryIO) -> Iterator[Packet]:
    """The packets of a file, in its order. A last block that was cut short ends it; BadCapture for other damage."""
    order, interfaces = "", list[_Interface]()
    while block := _next_block(file, order):
        order, kind, body = block
        if kind == SECTION:
            interfaces.clear()
        elif kind == INTERFACE:
            interfaces.append(_described(order, body))
        elif kind == PACKET:
            yield _packet(order, body, interfaces)


def _next_block(file: BinaryIO, order: str) -> tuple[str, int, bytes] | None:
    head = file.read(8)
    if len(head) < 8:
        return None
    if head[:4] == struct.pack("<I", SECTION):  # reads the same in both orders; the order stands behind it
        magic = file.read(4)
        if len(magic) < 4:
            return None
        order = "<" if magic == struct.pack("<I", MAGIC) else ">"
        if magic != struct.pack(order + "I", MAGIC):
            raise BadCapture("a section header without its byte-order magic")
        head += magic
    elif not order:
        raise BadCapture("it does not begin with a section header: this is no pcapng file")
    kind, size = struct.unpack_from(order + "II", head)
    if not _SMALLEST <= size <= MAX_BLOCK or size % 4:
        raise BadCapture(f"a block of {size} octets")
    rest = file.read(size - len(head))
    if len(rest) < size - len(head):
        return None
    if struct.unpack(order + "I", rest[-4:])[0] != size:
        raise BadCapture(f"a block of {size} octets that ends differently")
    return order, kind, (head + rest)[8:-4]


def _described(order: str, body: bytes) -> _Interface:
    if len(body) < 8:
        raise BadCapture("an interface description that is cut short")
    options = _options(order, body[8:])
    resolution = (options.get(_INTERFACE_RESOLUTION) or bytes((_MICROSECONDS,)))[0]
    units = 1 << (resolution & 0x7F) if resolution & 0x80 else 10**resolution
    link_type = struct.unpack_from(order + "H", body)[0]
    return _Interface(options.get(_INTERFACE_NAME, b"").decode("utf-8", "replace"), link_type, units)


def _packet(order: str, body: bytes, interfaces: list[_Interface]) -> Packet:
    if len(body) < 20:
        raise BadCapture("a packet that is cut short")
    fields: tuple[int, ...] = struct.unpack_from(order + "IIIII", body)
    number, high, low, size, _ = fields
    if number >= len(interfaces) or 20 + size > len(body):
        raise BadCapture(f"a packet of {size} octets on interface {number}")
    options = _options(order, body[20 + size + -size % 4 :])
    seen = interfaces[number]
    flags = options.get(_PACKET_FLAGS, b"")
    way = struct.unpack(order + "I", flags)[0] & 3 if len(flags) == 4 else 0
    outbound = {_INBOUND: False, _OUTBOUND: True}.get(way)
    time = ((high << 32 | low) * 10**9) // seen.units
    comment = options.get(_COMMENT, b"").decode("utf-8", "replace")
    return Packet(seen.name, seen.link_type, time, body[20 : 20 + size], outbound, comment)


def _options(order: str, octets: bytes) -> dict[int, bytes]:
    """The options of a block; of one that is repeated, the first."""
    found: dict[int, bytes] = {}
    at = 0
    while at + 4 <= len(octets):
        code, size = struct.unpack_from(order + "HH", octets, at)
        if not code or at + 4 + size > len(octets):
            break
        found.setdefault(code, octets[at + 4 : at + 4 + size])
        at += 4 + size + -size % 4
    return found
