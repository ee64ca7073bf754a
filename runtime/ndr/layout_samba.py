"""The vocabulary: what Samba's NDR has and C706 has not. Stubs made from the pidl dialect are written in these words.

A *context* is the stub, or the inside of a Subcontext: offsets and alignment count from its start. Flags are in
force for all that is inside a Flagged, through pointers and subcontexts. The rules of `layout.py` hold here too;
the facts about the wire are those of libndr 4.17.

`layout_octets.py` has the words that move octets by themselves: Rest, Blob, Fill, Text, TextArray.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final

from .conversion import Conversion
from .expression import Expression, Operand, as_expression, length, measures_itself, size_of
from .layout import Converted, Struct, SwitchIs, Union
from .layout_arrays import Array, FixedArray
from .layout_octets import Blob, Fill, Octets, Rest, Text, TextArray
from .layout_scalars import Byte, Encoding, Hyper, Layout, Range, ULong

__all__ = [
    "DLONG",
    "IPV4",
    "IPV6",
    "NTTIME_1SEC",
    "SERIALIZED",
    "UDLONG",
    "UDLONGR",
    "Based",
    "Blob",
    "Computed",
    "Counted",
    "Fill",
    "Flagged",
    "Octets",
    "Relative",
    "Rest",
    "Subcontext",
    "Text",
    "TextArray",
    "Untagged",
    "length",
    "size_of",
]


# What is in force


class Flagged(Layout):
    """`flag(NDR_...)`: how all that is inside `layout` is written, pointees and subcontexts too; None: as it is.

    order: "<" or ">", NDR_LITTLE_ENDIAN or NDR_BIG_ENDIAN; either ends NDR64. align: 0 for NDR_NOALIGN, no gaps at
    all; 2, 4 or 8 for NDR_ALIGN2, 4, 8, natural gaps and pointees of Relative at a multiple of it; 1 for the usual
    rules, as NDR_REMAINING has them. reverse: NDR_RELATIVE_REVERSE (True) or NDR_NO_RELATIVE_REVERSE, pointees of
    Relative are put at the end of a Subcontext of a known size, each before the one that was there.
    """

    def __init__(
        self, layout: Layout, *, order: str | None = None, align: int | None = None, reverse: bool | None = None
    ) -> None:
        super().__init__()
        if order not in (None, "<", ">") or align not in (None, 0, 1, 2, 4, 8):
            raise ValueError(f"order {order!r}, align {align!r}")
        self.layout = layout
        self.order = order
        self.align = align
        self.reverse = reverse

    def inside(self, around: Encoding) -> Encoding:
        """What the layout is written in, where `around` is in force."""
        return around.under(order=self.order, pad=self.align, reverse=self.reverse)

    def __repr__(self) -> str:
        given = {"order": self.order, "align": self.align, "reverse": self.reverse}
        return f"Flagged({', '.join([repr(self.layout), *(f'{k}={v!r}' for k, v in given.items() if v is not None)])})"


# Offsets


class Based(Layout):
    """[relative_base] on a structure or union: offsets of Relative inside it count from where it starts.

    Without one they count from the start of the context.
    """

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self.layout = layout

    def __repr__(self) -> str:
        return f"Based({self.layout!r})"


class Relative(Layout):
    """[relative] (width 4) or [relative_short] (width 2) pointer: an offset from the base; None when 0.

    The pointee is written in the deferred pass, where the turn of a unique pointer would be; it is read at its
    offset, and what comes next is read as if it had not been there: nothing can follow in the same context.
    `target` may be a function that gives the layout, for types that contain themselves.
    """

    def __init__(self, target: Layout | Callable[[], Layout], *, width: int = 4) -> None:
        super().__init__()
        if width not in (2, 4):
            raise ValueError(f"an offset of {width} octets")
        self._target = target
        self.width = width

    @property
    def target(self) -> Layout:
        """What is pointed to."""
        if not isinstance(self._target, Layout):
            self._target = self._target()
        return self._target


SERIALIZED: Final = 0xFFFF_FC01
"""The header of a Subcontext that is a type serialization version 1 stream (MS-RPCE 2.2.6)."""


class Subcontext(Layout):
    """[subcontext(header), subcontext_size(size)]: `layout` whole, pointees included, in a context of its own.

    header: 0, or the octets of the count in front: 2, or 4 (8 in NDR64), or SERIALIZED. size: octets of the context,
    over siblings that travel before it; shorter contents are filled up with zeros. Without either the context goes to
    the end of the one around it and takes what its contents take. Contents need not fill it. NDR64 ends at a context:
    inside is NDR 2.0 in the byte order around it.
    """

    def __init__(self, layout: Layout, header: int = 0, *, size: Operand | None = None) -> None:
        super().__init__()
        if header not in (0, 2, 4, SERIALIZED):
            raise ValueError(f"a header of {header:#x}")
        self.layout = layout
        self.header = header
        self.size: Expression | None = None if size is None else as_expression(size)

    def __repr__(self) -> str:
        return f"Subcontext({self.layout!r}, {self.header:#x})"


# What siblings say, and the wire does not


class Counted(Array):
    """`T a[count]` with a count that is not constant: the items and nothing else. A value as that of an Array.

    count: over siblings that travel before it, in items; it may be left out (AUTO) where it is plain arithmetic.
    """

    def __init__(self, element: Layout, count: Operand) -> None:
        super().__init__(element, size=count)

    @property
    def conformant(self) -> bool:
        """No maximum count travels."""
        return False

    @cached_property
    def many(self) -> None:
        """Its items are items, strings too."""
        return


class Untagged(SwitchIs):
    """A use of a [nodiscriminant] union: the arm that `switch` selects, over siblings that travel before it.

    The union's tag layout counts for nothing: it does not travel.
    """

    def __init__(self, union: Union, switch: Operand) -> None:
        super().__init__(union, switch)


class Computed(Layout):
    """[value(expression)]: what is written is computed, whatever the member holds; what is read is kept as it is.

    value: an expression over siblings, a text or octets. The member may be left out: AUTO.
    """

    def __init__(self, layout: Layout, value: Operand | str | bytes) -> None:
        super().__init__()
        self.layout = layout
        self.value: Expression | str | bytes = value if isinstance(value, str | bytes) else as_expression(value)

    def __repr__(self) -> str:
        return f"Computed({self.layout!r})"

    @cached_property
    def unmeasured(self) -> int | None:
        """What stands for it while the structure around it is measured; None when it does not speak of that size."""
        if isinstance(self.value, str | bytes) or not measures_itself(self.value):
            return None
        return self.layout.lowest if isinstance(self.layout, Range) else 0


# Types that C706's words can say


@dataclass(slots=True)
class _Halves:
    first: int
    second: int


def _halves(name: str, *, signed: bool = False, high_first: bool = False) -> Layout:
    """An integer of 64 bits as two of 32, aligned to 4."""
    least = -(1 << 63) if signed else 0

    def to_wire(value: Any) -> _Halves:
        if not isinstance(value, int) or not least <= value < least + (1 << 64):
            raise ValueError(f"{value!r} is no {name}")
        low, high = value & 0xFFFF_FFFF, value >> 32 & 0xFFFF_FFFF
        return _Halves(high, low) if high_first else _Halves(low, high)

    def from_wire(halves: _Halves) -> int:
        high, low = (halves.first, halves.second) if high_first else (halves.second, halves.first)
        value = high << 32 | low
        return value - (1 << 64) if signed and value >> 63 else value

    layout = Struct(_Halves, "first" / ULong, "second" / ULong)
    return Converted(layout, Conversion(name).use(to_wire=to_wire, from_wire=from_wire))


DLONG: Final = _halves("dlong", signed=True)
"""dlong: 64 bits, aligned to 4, the low half first in either byte order."""
UDLONG: Final = _halves("udlong")
"""udlong, and NTTIME: as DLONG, without a sign."""
UDLONGR: Final = _halves("udlongr", high_first=True)
"""udlongr: as UDLONG, the high half first."""

_TICKS: Final = 10_000_000


def _seconds(value: Any) -> int:
    if not isinstance(value, int):
        raise TypeError(f"{value!r} is no NTTIME")
    return value // _TICKS


def _ticks(seconds: int) -> int:
    return seconds * _TICKS


NTTIME_1SEC: Final = Converted(Hyper, Conversion("NTTIME_1sec").use(to_wire=_seconds, from_wire=_ticks))
"""NTTIME_1sec: an NTTIME that travels in seconds."""


def _ipv4_number(value: Any) -> int:
    return int(IPv4Address(value))


def _ipv4_text(number: int) -> str:
    return str(IPv4Address(number))


def _ipv6_octets(value: Any) -> bytes:
    return IPv6Address(value).packed


def _ipv6_text(octets: Any) -> str:
    return str(IPv6Address(bytes(octets)))


IPV4: Final = Converted(ULong, Conversion("ipv4address").use(to_wire=_ipv4_number, from_wire=_ipv4_text))
"""ipv4address: "192.0.2.1", an unsigned long whose highest octet is the first."""
IPV6: Final = Converted(FixedArray(Byte, 16), Conversion("ipv6address").use(to_wire=_ipv6_octets, from_wire=_ipv6_text))
"""ipv6address: "2001:db8::1", 16 octets."""
