"""Type serialization: values of types in octets that stand alone, for a file or a field, not for a call (MS-RPCE 2.2.6,
2.2.7). The C interface of it is MesEncode and MesDecode; the field says pickling.

A stream is a common header and then any number of top-level types, each encoded by itself: `StreamWriter` and
`StreamReader` put and take one after the other. Version 1 is NDR 2.0 in either byte order; version 2 says which syntax
it is in, NDR 2.0 or NDR64, and is little-endian.

Rules: fillers and padding are written as the specification says and read without looking. Offsets in errors count
from the start of the stream. The counterpart for stubs of calls is `compiler.py`, whose codecs work here too.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

from . import shape
from .compiler import Codec, Octets, compiled_type
from .errors import NdrError
from .layout import ContextHandle, Converted, Encoding, Layout, Parameters, Pipe, Range, Scalar, Union

InterfaceId = tuple[UUID, tuple[int, int]]
"""The UUID and the version of an interface."""

CodecOf = Callable[[Layout, Encoding], Codec]
"""What gives the codec of a single type: `compiled_type`, or `type_by_construct`."""

NO_INTERFACE: Final[InterfaceId] = UUID(int=0), (0, 0)
COMMON_SIZE: Final = {1: 8, 2: 64}
"""Octets of the common header, by version."""
UNIT: Final = {1: 8, 2: 16}
"""What headers and types are aligned to and padded up to, by version; the size of a private header too."""

_ORDERS: Final = {0x10: Encoding.NDR, 0x00: Encoding.NDR_BIG}
_SYNTAXES: Final = {
    Encoding.NDR: (UUID("8a885d04-1ceb-11c9-9fe8-08002b104860"), (2, 0)),
    Encoding.NDR64: (UUID("71710533-beba-4937-8319-b5dbef9ccc36"), (1, 0)),
}
_ENCODINGS: Final = {syntax: encoding for encoding, syntax in _SYNTAXES.items()}
_FRONT: Final = struct.Struct("<BBH")
_FILLER: Final = b"\xcc"
_VERSION: Final = struct.Struct("<HH")
_V1: Final = "MS-RPCE 2.2.6.1"
_V2: Final = "MS-RPCE 2.2.7.1"
_PRIVATE: Final = {1: "MS-RPCE 2.2.6.2", 2: "MS-RPCE 2.2.7.2"}


class StreamWriter:
    """Serializes values one after the other; `octets` is the stream so far.

    version: 1 or 2. encoding: of the values; NDR for version 1 and NDR64 for version 2 unless given. interface: what
    version 2 says the types are of. codec: what writes a type. ValueError where these do not go together.
    """

    def __init__(
        self,
        version: int = 1,
        encoding: Encoding | None = None,
        *,
        interface: InterfaceId = NO_INTERFACE,
        codec: CodecOf = compiled_type,
    ) -> None:
        if version not in COMMON_SIZE:
            raise ValueError(f"type serialization has versions 1 and 2, not {version}")
        self.version = version
        self.encoding = encoding or (Encoding.NDR if version == 1 else Encoding.NDR64)
        if self.encoding not in (_ORDERS.values() if version == 1 else _SYNTAXES):
            raise ValueError(f"type serialization version {version} has no form for {self.encoding.name}")
        self._codec = codec
        self._parts = [_common_header(version, self.encoding, interface)]

    @property
    def octets(self) -> bytes:
        """The stream."""
        return b"".join(self._parts)

    def write(self, layout: Layout, value: Any) -> StreamWriter:
        """Append a value; gives the writer. NdrError when it does not fit its type, or that cannot stand alone."""
        _check_type(layout)
        with type_alone():
            octets = b"".join(self._codec(layout, self.encoding).encode((value,)))
        unit = UNIT[self.version]
        padding = bytes(-len(octets) % unit)
        if self.version == 2 or not is_primitive(layout):
            size = struct.pack(f"{self.encoding.order}I", len(octets) + len(padding))
            self._parts.append(size + bytes(unit - len(size)))
        self._parts += octets, padding
        return self


class StreamReader:
    """Reads what a StreamWriter writes. NdrError when the stream does not begin with a common header.

    version, encoding: as the header says. interface: as it says, NO_INTERFACE in version 1. position: where the next
    type starts, in octets from the start of the stream. codec: what reads a type.
    """

    def __init__(self, octets: Octets, *, codec: CodecOf = compiled_type) -> None:
        self._codec = codec
        self._octets = memoryview(octets).cast("B")
        self.version, self.encoding, self.interface = _read_common_header(self._octets)
        self.position = COMMON_SIZE[self.version]

    @property
    def left(self) -> int:
        """Octets behind `position`."""
        return max(0, len(self._octets) - self.position)

    def read(self, layout: Layout) -> Any:
        """The next value. NdrError when it does not fit its type, or that cannot stand alone."""
        _check_type(layout)
        unit, start = UNIT[self.version], self.position
        primitive = self.version == 1 and is_primitive(layout)
        if primitive:
            end = min(len(self._octets), start + unit)
        else:
            start, end = self._private_header()
        with type_alone(start):
            [value] = self._codec(layout, self.encoding).decode(self._octets[start:end])
        # A length that is no multiple is wrong, but impacket sends such, and Windows takes it.
        self.position = end + -end % unit
        return value

    def _private_header(self) -> tuple[int, int]:
        """Where the type behind the header starts and ends."""
        unit, rule = UNIT[self.version], _PRIVATE[self.version]
        start = self.position + unit
        if self.left < unit:
            raise NdrError(
                f"a private header takes {unit} octets, {self.left} are left", offset=self.position, rule=rule
            )
        [size] = struct.unpack_from(f"{self.encoding.order}I", self._octets, self.position)
        if size > len(self._octets) - start:
            raise NdrError(
                f"a type of {size} octets, {len(self._octets) - start} are left", offset=self.position, rule=rule
            )
        return start, start + size


def is_primitive(layout: Layout) -> bool:
    """Is it a primitive type, which has no private header in version 1 (MS-RPCE 2.2.6.3)?"""
    while isinstance(layout, Range | Converted):
        layout = layout.layout
    return isinstance(layout, Scalar)


@contextmanager
def type_alone(start: int = 0) -> Generator[None, None, None]:
    """Errors inside speak of a type, not of the parameter that it is for its codec; `start`: where it stands."""
    try:
        yield
    except NdrError as error:
        error.path = error.path.removeprefix("value").removeprefix(".")
        if error.offset is not None:
            error.offset += start
        raise


def _check_type(layout: Layout) -> None:
    """Pipes and context handles mean something to a connection only."""
    if isinstance(layout, Parameters | Pipe | Union) or shape.contains(layout, ContextHandle):
        raise NdrError(f"{layout!r} means nothing outside a call, and cannot be serialized")


# The common header


def _common_header(version: int, encoding: Encoding, interface: InterfaceId) -> bytes:
    order = next(order for order, known in _ORDERS.items() if known.order == encoding.order)
    front = _FRONT.pack(version, order, COMMON_SIZE[version])
    if version == 1:
        return front + _FILLER * 4
    return front + _FILLER * 20 + _syntax_octets(_SYNTAXES[encoding]) + _syntax_octets(interface)


def _read_common_header(octets: memoryview) -> tuple[int, Encoding, InterfaceId]:
    version = octets[0] if octets else 0
    if version not in COMMON_SIZE:
        found = f"version {version}" if octets else "no octets at all"
        raise NdrError(f"{found} where type serialization has version 1 or 2", offset=0, rule=f"{_V1}, 2.2.7.1")
    rule, size = _V1 if version == 1 else _V2, COMMON_SIZE[version]
    if len(octets) < size:
        raise NdrError(f"the common header takes {size} octets, {len(octets)} are there", offset=0, rule=rule)
    _, order, length = _FRONT.unpack_from(octets)
    if order not in (_ORDERS if version == 1 else (0x10,)):
        raise NdrError(f"endianness {order:#04x}", offset=1, rule=rule)
    # The header is little-endian, but Samba writes the length in the order of the stream.
    if length != size and (order or length != size << 8):
        raise NdrError(f"a common header of {length} octets, it takes {size}", offset=2, rule=rule)
    if version == 1:
        return version, _ORDERS[order], NO_INTERFACE
    syntax, interface = (_syntax_at(octets, offset) for offset in (24, 44))
    if syntax not in _ENCODINGS:
        uuid, (major, minor) = syntax
        raise NdrError(f"transfer syntax {uuid} {major}.{minor} is not known", offset=24, rule=rule)
    return version, _ENCODINGS[syntax], interface


def _syntax_octets(syntax: InterfaceId) -> bytes:
    uuid, version = syntax
    return uuid.bytes_le + _VERSION.pack(*version)


def _syntax_at(octets: memoryview, offset: int) -> InterfaceId:
    major, minor = _VERSION.unpack_from(octets, offset + 16)
    return UUID(bytes_le=bytes(octets[offset : offset + 16])), (major, minor)
