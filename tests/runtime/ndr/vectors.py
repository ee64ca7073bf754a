"""Vectors of NDR: scalars, structures, arrays and strings. `conftest.py` gives them to the tests.

Rows: name, layout, value, octets in NDR little-endian, big-endian and NDR64 (None where the form is not
settled), where the octets come from. Octets from libndr and rpcrt4 were recorded from those programs; derived
ones follow the paragraph that is named, and nobody else has confirmed them.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import Any

from lrpc.runtime.ndr.expression import this
from lrpc.runtime.ndr.layout import (
    Boolean,
    Byte,
    Char,
    ConformantArray,
    ConformantVaryingArray,
    Double,
    Enum,
    FixedArray,
    Float,
    Hyper,
    Layout,
    Long,
    Parameters,
    Short,
    Small,
    String,
    Struct,
    UInt3264,
    USmall,
    VaryingArray,
    WChar,
)


def record(name: str, members: str) -> Any:
    """What a stub has for a structure."""
    return dataclasses.make_dataclass(name, members.split(), slots=True)


class Sixteen(enum.IntEnum):
    E0 = 0
    E5 = 5


Hb = record("Hb", "h b")
Pair = record("Pair", "a z")
Sb = record("Sb", "s b")
Bpc = record("Bpc", "b p c")
Bd = record("Bd", "b d")
Abcd = record("Abcd", "a b c d")
Xeyf = record("Xeyf", "x e y f")
Xa = record("Xa", "x a")
Nka = record("Nka", "n k a")
Xy = record("Xy", "x y")
Mna = record("Mna", "m n a")
Sz = record("Sz", "s z")

E16 = Enum(Sixteen)
HB = Struct(Hb, "h" / Hyper, "b" / Byte)
CS = Struct(Nka, "n" / Long, "k" / Byte, "a" / ConformantArray(Short, this.n))

VECTORS: tuple[tuple[str, Layout, Any, str, str, str | None, str], ...] = (
    (
        "prim_params_align",
        Parameters("a" / Byte, "b" / Short, "c" / Byte, "d" / Long, "e" / Byte, "f" / Hyper),
        {"a": 1, "b": 515, "c": 4, "d": 84281096, "e": 9, "f": 723685415333072913},
        "01000302 04000000 08070605 09000000 11100f0e 0d0c0b0a",
        "01000203 04000000 05060708 09000000 0a0b0c0d 0e0f1011",
        "01000302 04000000 08070605 09000000 11100f0e 0d0c0b0a",
        "NDR: libndr 4.17.12, rpcrt4 of wine 8.0; NDR_BIG, NDR64: libndr 4.17.12",
    ),
    (
        "struct_then_byte",
        Parameters("s" / HB, "x" / Byte),
        {"s": Hb(1, 2), "x": 3},
        "01000000 00000000 0203",
        "00000000 00000001 0203",
        "01000000 00000000 02000000 00000000 03",
        "NDR: libndr 4.17.12, rpcrt4 of wine 8.0; NDR_BIG, NDR64: libndr 4.17.12",
    ),
    (
        "struct_array_fixed",
        Struct(Pair, "a" / FixedArray(Struct(Sb, "s" / Short, "b" / Byte), 3), "z" / Byte),
        Pair([Sb(1, 2), Sb(3, 4), Sb(5, 6)], 7),
        "01000200 03000400 05000607",
        "00010200 00030400 00050607",
        "01000200 03000400 05000600 0700",
        "libndr 4.17.12",
    ),
    (
        "int3264",
        Struct(Bpc, "b" / Byte, "p" / UInt3264, "c" / Byte),
        Bpc(1, 0x01020304, 5),
        "01000000 04030201 05",
        "01000000 01020304 05",
        "01000000 00000000 04030201 00000000 05000000 00000000",
        "libndr 4.17.12",
    ),
    (
        "double",
        Struct(Bd, "b" / Byte, "d" / Double),
        Bd(1, -2.5),
        "01000000 00000000 00000000 000004c0",
        "01000000 00000000 c0040000 00000000",
        "01000000 00000000 00000000 000004c0",
        "NDR, NDR64: libndr 4.17.12; NDR_BIG: derived from C706 14.2.6",
    ),
    (
        "small_signed",
        Struct(Abcd, "a" / Small, "b" / USmall, "c" / Boolean, "d" / Char),
        Abcd(-1, 255, True, 65),
        "ffff0141",
        "ffff0141",
        "ffff0141",
        "libndr 4.17.12",
    ),
    (
        "enum16",
        Struct(Xeyf, "x" / Byte, "e" / E16, "y" / Byte, "f" / E16),
        Xeyf(1, Sixteen.E5, 2, Sixteen.E0),
        "01000500 02000000",
        "01000005 02000000",
        "01000000 05000000 02000000 00000000",
        "libndr 4.17.12",
    ),
    (
        "array_fixed_param",
        Parameters("a" / FixedArray(Long, 3), "x" / Byte),
        {"a": [1, 2, 3], "x": 9},
        "01000000 02000000 03000000 09",
        "00000001 00000002 00000003 09",
        "01000000 02000000 03000000 09",
        "NDR: libndr 4.17.12, rpcrt4 of wine 8.0; NDR_BIG, NDR64: libndr 4.17.12",
    ),
    (
        "array_fixed_2d",
        Struct(Xa, "x" / Byte, "a" / FixedArray(FixedArray(Short, 3), 2)),
        Xa(1, [[1, 2, 3], [4, 5, 6]]),
        "01000100 02000300 04000500 0600",
        "01000001 00020003 00040005 0006",
        "01000100 02000300 04000500 0600",
        "libndr 4.17.12",
    ),
    (
        "array_confvar_param",
        Parameters("m" / Long, "n" / Long, "a" / ConformantVaryingArray(Short, this.m, this.n)),
        {"m": 5, "n": 2, "a": [7, 8]},
        "05000000 02000000 05000000 00000000 02000000 07000800",
        "00000005 00000002 00000005 00000000 00000002 00070008",
        "05000000 02000000 05000000 00000000 00000000 00000000 02000000 00000000 07000800",
        "libndr 4.17.12",
    ),
    (
        "struct_conf",
        CS,
        Nka(3, 170, [1, 2, 3]),
        "03000000 03000000 aa000100 02000300",
        "00000003 00000003 aa000001 00020003",
        "03000000 00000000 03000000 aa000100 02000300",
        "libndr 4.17.12",
    ),
    (
        "struct_conf_nested",
        Struct(Xy, "x" / Hyper, "y" / CS),
        Xy(1, Nka(2, 3, [4, 5])),
        "02000000 00000000 01000000 00000000 02000000 03000400 0500",
        "00000002 00000000 00000000 00000001 00000002 03000004 0005",
        "02000000 00000000 01000000 00000000 02000000 03000400 05000000 00000000",
        "derived from C706 14.3.7.1",
    ),
    (
        "struct_confvar",
        Struct(Mna, "m" / Short, "n" / Short, "a" / ConformantVaryingArray(Byte, this.m, this.n)),
        Mna(8, 3, b"\x01\x02\x03"),
        "08000000 08000300 00000000 03000000 010203",
        "00000008 00080003 00000000 00000003 010203",
        "08000000 00000000 08000300 00000000 00000000 00000000 03000000 00000000 01020300",
        "NDR: libndr 4.17.12, rpcrt4 of wine 8.0; NDR_BIG, NDR64: libndr 4.17.12",
    ),
    (
        "empty_conf",
        Parameters("n" / Long, "a" / ConformantArray(Short, this.n)),
        {"n": 0, "a": []},
        "00000000 00000000",
        "00000000 00000000",
        "00000000 00000000 00000000 00000000",
        "libndr 4.17.12",
    ),
    (
        "enum_array",
        Parameters("n" / Long, "a" / ConformantArray(E16, this.n), "z" / Byte),
        {"n": 3, "a": [Sixteen.E5, Sixteen.E0, Sixteen.E5], "z": 9},
        "03000000 03000000 05000000 050009",
        "00000003 00000003 00050000 000509",
        "03000000 00000000 03000000 00000000 05000000 00000000 05000000 09",
        "libndr 4.17.12",
    ),
    (
        "array_var_first",
        Parameters("f" / Long, "n" / Long, "a" / VaryingArray(Short, 5, this.n, this.f)),
        {"f": 1, "n": 2, "a": [8, 9]},
        "01000000 02000000 01000000 02000000 08000900",
        "00000001 00000002 00000001 00000002 00080009",
        "01000000 02000000 01000000 00000000 02000000 00000000 08000900",
        "derived from C706 14.3.3.3",
    ),
    (
        "array_confvar_first",
        Parameters("m" / Long, "f" / Long, "n" / Long, "a" / ConformantVaryingArray(Short, this.m, this.n, this.f)),
        {"m": 5, "f": 1, "n": 2, "a": [8, 9]},
        "05000000 01000000 02000000 05000000 01000000 02000000 08000900",
        "00000005 00000001 00000002 00000005 00000001 00000002 00080009",
        "05000000 01000000 02000000 00000000 05000000 00000000 01000000 00000000 02000000 00000000 08000900",
        "derived from C706 14.3.3.4",
    ),
    (
        "float_double",
        Parameters("b" / Byte, "x" / Float, "y" / Double),
        {"b": 1, "x": 1.5, "y": -2.5},
        "01000000 0000c03f 00000000 000004c0",
        "01000000 3fc00000 c0040000 00000000",
        "01000000 0000c03f 00000000 000004c0",
        "NDR: rpcrt4 of wine 8.0; NDR_BIG, NDR64: derived from C706 14.2.6",
    ),
    (
        "string_fixed_struct",
        Struct(Sz, "s" / String(WChar, bound=8), "z" / Byte),
        Sz("ab", 9),
        "00000000 03000000 61006200 000009",
        "00000000 00000003 00610062 000009",
        None,
        "derived from C706 14.3.4.2",
    ),
    (
        "string_surrogate",
        Parameters("s" / String(WChar)),
        {"s": "\U0001f600"},
        "03000000 00000000 03000000 3dd800de 0000",
        "00000003 00000000 00000003 d83dde00 0000",
        "03000000 00000000 00000000 00000000 03000000 00000000 3dd800de 0000",
        "derived from C706 14.3.4.2",
    ),
)
