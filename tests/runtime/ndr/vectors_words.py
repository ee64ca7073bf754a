"""Vectors of NDR: pipes, several dimensions, arrays of strings, placeholders, conversions. Rows as in `vectors.py`."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any
from uuid import UUID

from lrpc.runtime.ndr.expression import this
from lrpc.runtime.ndr.layout import (
    Array,
    BitSet,
    Byte,
    Char,
    ConformantArray,
    Conversion,
    Converted,
    Dimension,
    Enum,
    FixedArray,
    Ignored,
    InterfacePtr,
    Layout,
    Long,
    Mark,
    MultiArray,
    Parameters,
    Pipe,
    PipeItems,
    PipeOctets,
    Range,
    Short,
    String,
    Struct,
    SwitchIs,
    ULong,
    Union,
    UniquePtr,
)


class Access(enum.IntFlag):
    READ = 1
    WRITE = 2


class Wide(enum.IntEnum):
    ONE = 1
    HUGE = 0x10000


class Limited(enum.IntEnum):
    TWO = 2
    THREE = 3


@dataclasses.dataclass
class Celsius:
    degrees: int


def _wire(value: Celsius) -> int:
    return value.degrees + 273


def _celsius(kelvin: int) -> Celsius:
    return Celsius(kelvin - 273)


def _octets(*chunks: bytes) -> PipeOctets:
    value = PipeOctets(b"".join(chunks))
    value.counts = [len(chunk) for chunk in chunks]
    return value


KELVIN = Conversion("KELVIN").use(to_wire=_wire, from_wire=_celsius)
Node = dataclasses.make_dataclass("Node", ["skipped", "z"], slots=True)
IUNKNOWN = UUID("00000000-0000-0000-c000-000000000046")

VECTORS: tuple[tuple[str, Layout, Any, str, str, str | None, str], ...] = (
    (
        "pipe_chunks",
        Parameters("p" / Pipe(Byte)),
        {"p": _octets(b"\1\2\3", b"\4\5")},
        "03000000 010203 00 02000000 0405 0000 00000000",
        "00000003 010203 00 00000002 0405 0000 00000000",
        "03000000 00000000 010203 0000000000 fdffffff ffffffff 02000000 00000000 0405 000000000000 feffffff ffffffff"
        "00000000 00000000 00000000 00000000",
        "libndr 4.17.12",
    ),
    (
        "pipe_chunks_long",
        Parameters("p" / Pipe(Long)),
        {"p": PipeItems([1, 2, 3])},
        "03000000 01000000 02000000 03000000 00000000",
        "00000003 00000001 00000002 00000003 00000000",
        "03000000 00000000 01000000 02000000 03000000 00000000 fdffffff ffffffff 00000000 00000000 00000000 00000000",
        "libndr 4.17.12",
    ),
    (
        "pipe_behind_the_other_parameters",
        Parameters("p" / Pipe(Byte), "n" / Short),
        {"p": PipeOctets(), "n": 7},
        "0700 0000 00000000",
        "0007 0000 00000000",
        "0700 0000 00000000 00000000 00000000 00000000 00000000",
        "derived from C706 14.3.9",
    ),
    (
        "pipe_before_the_other_parameters",
        Parameters("n" / Short, "p" / Pipe(Byte), pipes_first=True),
        {"n": 7, "p": PipeOctets()},
        "00000000 0700",
        "00000000 0007",
        "00000000 00000000 00000000 00000000 0700",
        "derived from C706 14.3.9",
    ),
    (
        "array_conf_2d_c706",
        Parameters(
            "m" / Long,
            "n" / Long,
            "a" / MultiArray(Short, Dimension(size=this.m), Dimension(size=this.n)),
            "z" / Byte,
        ),
        {"m": 2, "n": 3, "a": [[1, 2, 3], [4, 5, 6]], "z": 9},
        "02000000 03000000 02000000 03000000 0100 0200 0300 0400 0500 0600 09",
        "00000002 00000003 00000002 00000003 0001 0002 0003 0004 0005 0006 09",
        "02000000 03000000 02000000 00000000 03000000 00000000 0100 0200 0300 0400 0500 0600 09",
        "derived from C706 14.3.3",
    ),
    (
        "array_varying_2d_c706",
        Parameters("a" / MultiArray(Byte, Dimension(3, length=2), Dimension(4, length=2, first=1)), "z" / Byte),
        {"a": [b"\1\2", b"\3\4"], "z": 9},
        "00000000 02000000 01000000 02000000 01020304 09",
        "00000000 00000002 00000001 00000002 01020304 09",
        "00000000 00000000 02000000 00000000 01000000 00000000 02000000 00000000 01020304 09",
        "derived from C706 14.3.3",
    ),
    (
        "array_conf_2d_midl",
        Parameters("n" / Long, "a" / ConformantArray(FixedArray(Short, 3), this.n), "z" / Byte),
        {"n": 2, "a": [[1, 2, 3], [4, 5, 6]], "z": 9},
        "02000000 02000000 0100 0200 0300 0400 0500 0600 09",
        "00000002 00000002 0001 0002 0003 0004 0005 0006 09",
        "02000000 00000000 02000000 00000000 0100 0200 0300 0400 0500 0600 09",
        "derived: one maximum count, as MIDL's inner dimensions are fixed",
    ),
    (
        "array_of_bounded_strings",
        Parameters("a" / FixedArray(String(Char, bound=4), 2), "z" / Byte),
        {"a": ["a", "bc"], "z": 9},
        "00000000 02000000 6100 0000 00000000 03000000 626300 09",
        "00000000 00000002 6100 0000 00000000 00000003 626300 09",
        "00000000 00000000 02000000 00000000 6100 0000 00000000 00000000 00000000 03000000 00000000 626300 09",
        "derived from C706 14.3.5",
    ),
    (
        "array_of_conformant_strings",
        Parameters("n" / Long, "a" / Array(String(Char), size=this.n), "z" / Byte),
        {"n": 2, "a": ["a", "bc"], "z": 9},
        "02000000 02000000 03000000 00000000 02000000 6100 0000 00000000 03000000 626300 09",
        "00000002 00000002 00000003 00000000 00000002 6100 0000 00000000 00000003 626300 09",
        "02000000 00000000 02000000 00000000 03000000 00000000 00000000 00000000 02000000 00000000 6100 0000 00000000"
        "00000000 00000000 03000000 00000000 626300 09",
        "derived from C706 14.3.5",
    ),
    (
        "interface_pointer",
        Parameters("p" / UniquePtr(InterfacePtr("IUnknown", IUNKNOWN)), "z" / Byte),
        {"p": b"\1\2\3", "z": 9},
        "00000200 03000000 03000000 010203 09",
        "00020000 00000003 00000003 010203 09",
        "00000200 00000000 03000000 00000000 03000000 010203 00 09",
        "derived from MS-DCOM 2.2.14",
    ),
    (
        "ignored_pointer",
        Parameters("s" / Struct(Node, "skipped" / Ignored(), "z" / Byte)),
        {"s": Node(None, 9)},
        "00000000 09",
        "00000000 09",
        "00000000 00000000 09 00000000000000",
        "derived from C706 14.3.12",
    ),
    (
        "marked_pointers",
        Parameters("a" / Mark(), "b" / Mark(), "c" / UniquePtr(Byte)),
        {"a": True, "b": None, "c": 9},
        "00000200 00000000 04000200 09",
        "00020000 00000000 00020004 09",
        "00000200 00000000 00000000 00000000 04000200 00000000 09",
        "derived from C706 14.3.12",
    ),
    (
        "converted",
        Parameters("a" / ConformantArray(Converted(Long, KELVIN)), "p" / UniquePtr(Converted(Short, KELVIN))),
        {"a": [Celsius(0), Celsius(-273)], "p": Celsius(1)},
        "02000000 11010000 00000000 00000200 1201",
        "00000002 00000111 00000000 00020000 0112",
        "02000000 00000000 11010000 00000000 00000200 00000000 1201",
        "derived: as the type that travels",
    ),
    (
        "bits",
        Parameters("a" / ConformantArray(BitSet(Access, Byte)), "b" / BitSet(Access, ULong)),
        {"a": [Access.READ, Access(0x83)], "b": Access.WRITE},
        "02000000 0183 0000 02000000",
        "00000002 0183 0000 00000002",
        "02000000 00000000 0183 0000 02000000",
        "derived: as the integer",
    ),
    (
        "array_of_v1_enums",
        Parameters("a" / ConformantArray(Enum(Wide, v1=True)), "r" / Range(Enum(Limited), 2, 5)),
        {"a": [Wide.HUGE, Wide.ONE, 9], "r": Limited.THREE},
        "03000000 00000100 01000000 09000000 0300",
        "00000003 00010000 00000001 00000009 0003",
        "03000000 00000000 00000100 01000000 09000000 03000000",
        "derived from C706 14.2.5, MS-RPCE 2.2.5.2",
    ),
    (
        "array_of_unions",
        Parameters("t" / Byte, "a" / ConformantArray(SwitchIs(Union(Char, {1: Short, 2: UniquePtr(Byte)}), this.t))),
        {"t": 2, "a": [7, None]},
        "02 000000 02000000 02 000000 00000200 02 000000 00000000 07",
        "02 000000 00000002 02 000000 00020000 02 000000 00000000 07",
        "02 00000000000000 02000000 00000000 02 00000000000000 00000200 0000000002 00000000000000 00000000 00000000 07",
        "derived from C706 14.3.8",
    ),
)
