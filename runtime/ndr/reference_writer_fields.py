"""Values to octets, the lowest part: octets, counts and primitives.

Above it: `reference_writer_arrays.py`, `reference_writer.py`. The counterpart is `reference_reader_fields.py`.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Sequence
from typing import Any

from .errors import RPC_S_INVALID_BOUND, RPC_X_BAD_STUB_DATA, RPC_X_ENUM_VALUE_OUT_OF_RANGE, NdrError
from .layout import Encoding, Enum, Range, Scalar
from .reference_rules import Geometry, Place, Span
from .reference_values import brief


class FieldWriter:
    """Octets and primitives. `octets` is the stub."""

    def __init__(self, encoding: Encoding, trace: list[Span] | None = None) -> None:
        self.octets = bytearray()
        self.encoding = encoding
        self.geometry = Geometry(encoding)
        self.trace = trace

    # Octets

    def put(self, octets: bytes, alignment: int, place: Place, meaning: str, rule: str) -> None:
        """The octets after a gap of zeros (C706 14.2.2)."""
        self.align(alignment)
        if self.trace is not None and octets:
            self.trace.append(Span(len(self.octets), len(octets), place.path, meaning, rule))
        self.octets += octets

    def align(self, alignment: int) -> None:
        if not self.encoding.packed:
            self.octets += bytes(-len(self.octets) % alignment)

    def count(self, value: int, place: Place, meaning: str, rule: str) -> None:
        """A count or referent id: 4 octets, 8 in NDR64 (MS-RPCE 2.2.5.3)."""
        word = self.encoding.word
        if not 0 <= value < 1 << 8 * word:
            raise refused(f"the {meaning} {value} does not fit {word} octets", place, rule)
        self.put(value.to_bytes(word, "big" if self._big else "little"), word, place, meaning, rule)

    @property
    def _big(self) -> bool:
        return self.encoding.order == ">"

    # Primitives

    def run(self, layout: Scalar, values: Sequence[Any], place: Place) -> None:
        """Primitives; their size is their alignment, so there is no gap between them (C706 14.2)."""
        if not values:
            return
        if isinstance(layout, Enum):
            _in_enumeration(layout, values, place)
        try:
            octets = struct.pack(f"{self.encoding.order}{len(values)}{layout.code(self.encoding)}", *values)
        except (struct.error, OverflowError, TypeError) as error:
            raise refused(f"{brief(values)} does not fit {layout!r}", place, "C706 14.2") from error
        meaning = f"{len(values)} * {layout!r}" if len(values) > 1 else repr(layout)
        self.put(octets, layout.size(self.encoding), place, meaning, "C706 14.2")

    def range_of(self, layout: Range, value: Any, place: Place) -> None:
        if isinstance(value, int) and not layout.lowest <= value <= layout.highest:
            reason = f"{value} is outside {layout.lowest}..{layout.highest}"
            raise refused(reason, place, "MS-RPCE 2.2.4.14", RPC_S_INVALID_BOUND)
        self.run(layout.layout, [value], place)

    def uuid_of(self, value: Any, place: Place) -> bytes:
        """Three integers in the stream's order, then 8 octets as they are (C706 A.1)."""
        if not isinstance(value, uuid.UUID):
            raise refused(f"{brief(value)} is no UUID", place, "C706 A.1")
        return value.bytes if self._big else value.bytes_le

    def context(self, value: Any, place: Place) -> None:
        if value is None:
            return self.put(bytes(20), 4, place, "context handle", "C706 6.1.6")
        try:
            attributes, identity = value
            octets = struct.pack(f"{self.encoding.order}I", attributes) + self.uuid_of(identity, place)
        except (struct.error, TypeError, ValueError) as error:
            raise refused(f"{brief(value)} is no context handle", place, "C706 6.1.6") from error
        return self.put(octets, 4, place, "context handle", "C706 6.1.6")


# Refusals


def refused(reason: str, place: Place, rule: str, status: int = RPC_X_BAD_STUB_DATA) -> NdrError:
    """Why a value cannot be written."""
    return NdrError(reason, path=place.path, rule=rule, status=status)


def _in_enumeration(layout: Enum, values: Sequence[Any], place: Place) -> None:
    """A 16-bit enumeration sends 0..32767 (C706 14.2.5)."""
    for value in values:
        if not layout.v1 and isinstance(value, int) and not 0 <= value <= 0x7FFF:
            reason = f"{value} is outside 0..32767"
            raise refused(reason, place, "C706 14.2.5", RPC_X_ENUM_VALUE_OUT_OF_RANGE)
