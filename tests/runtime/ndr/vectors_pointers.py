"""Vectors of NDR: pointers, unions and what calls are made of. `conftest.py` gives them to the tests.

Rows: name, layout, value, octets in NDR little-endian, big-endian and NDR64 (None where the form is not
settled), where the octets come from. Octets from libndr and rpcrt4 were recorded from those programs; derived
ones follow the paragraph that is named, and nobody else has confirmed them.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import Any
from uuid import UUID

from lrpc.runtime.ndr.expression import this
from lrpc.runtime.ndr.layout import (
    Byte,
    Char,
    ConformantArray,
    ConformantVaryingArray,
    ContextHandle,
    EncapsulatedUnion,
    Enum,
    FixedArray,
    FullPtr,
    Hyper,
    Layout,
    Long,
    Parameters,
    Short,
    String,
    Struct,
    SwitchIs,
    ULong,
    Union,
    UniquePtr,
    UShort,
    WChar,
    shared,
)


def record(name: str, members: str) -> Any:
    """What a stub has for a structure."""
    return dataclasses.make_dataclass(name, members.split(), slots=True)


class EnumTag(enum.IntEnum):
    T1 = 1
    T2 = 2


Pair = record("Pair", "a z")
Nka = record("Nka", "n k a")
UnicodeString = record("UnicodeString", "Length MaximumLength Buffer")
S = record("S", "s")
Na = record("Na", "n a")
Abc = record("Abc", "a b c")
Xyzw = record("Xyzw", "x y z w")
Node = record("Node", "v next")
Qp = record("Qp", "q p")
Tagged = record("Tagged", "k t u z")
Tu = record("Tu", "t u")
Sid = record("Sid", "Revision SubAuthorityCount IdentifierAuthority SubAuthority")
Anb = record("Anb", "a n b")
Ppz = record("Ppz", "pp z")
WordBlob = record("WordBlob", "cBytes clSize asData")
Ab = record("Ab", "a b")

SEVEN = shared(7)
E_TAG = Enum(EnumTag)
CS = Struct(Nka, "n" / Long, "k" / Byte, "a" / ConformantArray(Short, this.n))
IN = Struct(Abc, "a" / UniquePtr(Short), "b" / UniquePtr(Long), "c" / Byte)
NODE: Struct = Struct(Node, "v" / Long, "next" / UniquePtr(lambda: NODE))
U16 = Union(Short, {1: Byte, 2: Hyper})
U32 = Union(Long, {1: Byte, 2: Short, 4: Long, 8: Hyper, 9: UniquePtr(Long)}, None)
TAGGED = Struct(Tagged, "k" / Byte, "t" / Long, "u" / SwitchIs(U32, this.t), "z" / Byte)

VECTORS: tuple[tuple[str, Layout, Any, str, str, str | None, str], ...] = (
    (
        "array_ptr_fixed",
        Struct(Pair, "a" / FixedArray(UniquePtr(Short), 3), "z" / Byte),
        Pair([1, None, 3], 9),
        "00000200 00000000 04000200 09000100 0300",
        "00020000 00000000 00020004 09000001 0003",
        "00000200 00000000 00000000 00000000 04000200 00000000 09000000 00000000 01000300",
        "libndr 4.17.12",
    ),
    (
        "string_w_unique",
        Parameters("s" / UniquePtr(String(WChar)), "x" / Long),
        {"s": "abc", "x": 5},
        "00000200 04000000 00000000 04000000 61006200 63000000 05000000",
        "00020000 00000004 00000000 00000004 00610062 00630000 00000005",
        "00000200 00000000 04000000 00000000 00000000 00000000 04000000 00000000 61006200 63000000 05000000",
        "NDR: libndr 4.17.12, rpcrt4 of wine 8.0; NDR_BIG, NDR64: libndr 4.17.12",
    ),
    (
        "string_a_unique",
        Parameters("s" / UniquePtr(String(Char)), "x" / Hyper),
        {"s": "abc", "x": 5},
        "00000200 04000000 00000000 04000000 61626300 00000000 05000000 00000000",
        "00020000 00000004 00000000 00000004 61626300 00000000 00000000 00000005",
        "00000200 00000000 04000000 00000000 00000000 00000000 04000000 00000000 61626300 00000000 05000000 00000000 ",
        "libndr 4.17.12",
    ),
    (
        "string_null",
        Parameters("s" / UniquePtr(String(Char)), "x" / Hyper),
        {"s": None, "x": 5},
        "00000000 00000000 05000000 00000000",
        "00000000 00000000 00000000 00000005",
        "00000000 00000000 05000000 00000000",
        "libndr 4.17.12",
    ),
    (
        "unicode_string",
        Struct(
            UnicodeString,
            "Length" / UShort,
            "MaximumLength" / UShort,
            "Buffer" / UniquePtr(ConformantVaryingArray(WChar, this.MaximumLength // 2, this.Length // 2)),
        ),
        UnicodeString(6, 8, "abc"),
        "06000800 00000200 04000000 00000000 03000000 61006200 6300",
        "00060008 00020000 00000004 00000000 00000003 00610062 0063",
        "06000800 00000000 00000200 00000000 04000000 00000000 00000000 00000000 03000000 00000000 61006200 6300",
        "NDR: libndr 4.17.12, rpcrt4 of wine 8.0; NDR_BIG, NDR64: libndr 4.17.12",
    ),
    (
        "string_array_struct",
        Struct(Na, "n" / Long, "a" / ConformantArray(Struct(S, "s" / UniquePtr(String(WChar))), this.n)),
        Na(2, [S("x"), S("yz")]),
        "02000000 02000000 00000200 04000200 02000000 00000000 02000000 78000000 03000000 00000000 03000000 "
        "79007a00 0000 ",
        "00000002 00000002 00020000 00020004 00000002 00000000 00000002 00780000 00000003 00000000 00000003 "
        "0079007a 0000 ",
        "02000000 00000000 02000000 00000000 00000200 00000000 04000200 00000000 02000000 00000000 00000000 "
        "00000000 02000000 00000000 78000000 00000000 03000000 00000000 00000000 00000000 03000000 00000000 "
        "79007a00 0000 ",
        "libndr 4.17.12",
    ),
    (
        "ptr_ref_to_unique",
        Parameters("pp" / UniquePtr(Long)),
        {"pp": 7},
        "00000200 07000000",
        "00020000 00000007",
        "00000200 00000000 07000000",
        "NDR: libndr 4.17.12, rpcrt4 of wine 8.0; NDR_BIG, NDR64: libndr 4.17.12",
    ),
    (
        "ptr_ref_to_unique_null",
        Parameters("pp" / UniquePtr(Long)),
        {"pp": None},
        "00000000",
        "00000000",
        "00000000 00000000",
        "NDR: libndr 4.17.12, rpcrt4 of wine 8.0; NDR_BIG, NDR64: libndr 4.17.12",
    ),
    (
        "ptr_deferral",
        Struct(Xyzw, "x" / UniquePtr(Byte), "y" / IN, "z" / UniquePtr(IN), "w" / UniquePtr(Byte)),
        Xyzw(0x11, Abc(0x2222, 0x33333333, 0x44), Abc(0x5555, 0x66666666, 0x77), 0x88),
        "00000200 04000200 08000200 44000000 0c000200 10000200 11002222 33333333 14000200 18000200 77005555 "
        "66666666 88 ",
        "00020000 00020004 00020008 44000000 0002000c 00020010 11002222 33333333 00020014 00020018 77005555 "
        "66666666 88 ",
        "00000200 00000000 04000200 00000000 08000200 00000000 44000000 00000000 0c000200 00000000 10000200 "
        "00000000 11002222 33333333 14000200 00000000 18000200 00000000 77000000 00000000 55550000 66666666 "
        "88 ",
        "libndr 4.17.12",
    ),
    (
        "ptr_linked_list",
        NODE,
        Node(1, Node(2, Node(3, None))),
        "01000000 00000200 02000000 04000200 03000000 00000000",
        "00000001 00020000 00000002 00020004 00000003 00000000",
        "01000000 00000000 00000200 00000000 02000000 00000000 04000200 00000000 03000000 00000000 00000000 00000000 ",
        "NDR: libndr 4.17.12, rpcrt4 of wine 8.0; NDR_BIG, NDR64: libndr 4.17.12",
    ),
    (
        "ptr_to_conf_struct",
        Struct(Qp, "q" / Byte, "p" / UniquePtr(CS)),
        Qp(1, Nka(2, 3, [4, 5])),
        "01000000 00000200 02000000 02000000 03000400 0500",
        "01000000 00020000 00000002 00000002 03000004 0005",
        "01000000 00000000 00000200 00000000 02000000 00000000 02000000 03000400 05000000",
        "libndr 4.17.12",
    ),
    (
        "union_byte",
        TAGGED,
        Tagged(1, 1, 170, 2),
        "01000000 01000000 01000000 aa02",
        "01000000 00000001 00000001 aa02",
        "01000000 01000000 01000000 00000000 aa020000 00000000",
        "libndr 4.17.12",
    ),
    (
        "union_ptr",
        TAGGED,
        Tagged(1, 9, 85, 2),
        "01000000 09000000 09000000 00000200 02000000 55000000",
        "01000000 00000009 00000009 00020000 02000000 00000055",
        "01000000 09000000 09000000 00000000 00000200 00000000 02000000 00000000 55000000",
        "libndr 4.17.12",
    ),
    (
        "union_default_empty",
        TAGGED,
        Tagged(1, 77, None, 2),
        "01000000 4d000000 4d000000 02",
        "01000000 0000004d 0000004d 02",
        "01000000 4d000000 4d000000 00000000 02000000 00000000",
        "libndr 4.17.12",
    ),
    (
        "union_param_hyper",
        Parameters("t" / Short, "u" / SwitchIs(U16, this.t), "z" / Byte),
        {"t": 2, "u": 1, "z": 2},
        "02000200 00000000 01000000 00000000 02",
        "00020002 00000000 00000000 00000001 02",
        "02000000 00000000 02000000 00000000 01000000 00000000 02",
        "libndr 4.17.12",
    ),
    (
        "union_enum_tag",
        Struct(Tu, "t" / E_TAG, "u" / SwitchIs(Union(E_TAG, {1: Long, 2: Byte}), this.t)),
        Tu(EnumTag.T1, 3),
        "01000100 03000000",
        "00010001 00000003",
        "01000000 01000000 03000000",
        "libndr 4.17.12",
    ),
    (
        "union_encapsulated_byte",
        EncapsulatedUnion(Tu, "t", "u", U16),
        Tu(1, 17),
        "010011",
        "000111",
        "01000000 00000000 11",
        "NDR: libndr 4.17.12, rpcrt4 of wine 8.0; NDR_BIG, NDR64: libndr 4.17.12",
    ),
    (
        "union_tag_byte",
        Struct(Tu, "t" / Byte, "u" / SwitchIs(Union(Byte, {1: Byte, 2: Long}), this.t)),
        Tu(1, 2),
        "010102",
        "010102",
        "01000000 01000000 02000000",
        "libndr 4.17.12",
    ),
    (
        "rpc_sid",
        Struct(
            Sid,
            "Revision" / Byte,
            "SubAuthorityCount" / Byte,
            "IdentifierAuthority" / FixedArray(Byte, 6),
            "SubAuthority" / ConformantArray(ULong, this.SubAuthorityCount),
        ),
        Sid(1, 2, b"\0\0\0\0\0\x05", [32, 544]),
        "02000000 01020000 00000005 20000000 20020000",
        "00000002 01020000 00000005 00000020 00000220",
        "02000000 00000000 01020000 00000005 20000000 20020000",
        "libndr 4.17.12",
    ),
    (
        "context_handle",
        Parameters("a" / Byte, "h" / ContextHandle("H"), "b" / Byte),
        {"a": 1, "h": (0, UUID("12345778-1234-abcd-ef00-0123456789ac")), "b": 2},
        "01000000 00000000 78573412 3412cdab ef000123 456789ac 02",
        "01000000 00000000 12345778 1234abcd ef000123 456789ac 02",
        "01000000 00000000 78573412 3412cdab ef000123 456789ac 02",
        "libndr 4.17.12",
    ),
    (
        "out_params",
        Parameters("a" / Byte, "b" / Hyper, "c" / UniquePtr(Short), "__return__" / Long),
        {"a": 1, "b": 2, "c": 3, "__return__": 16},
        "01000000 00000000 02000000 00000000 00000200 03000000 10000000",
        "01000000 00000000 00000000 00000002 00020000 00030000 00000010",
        "01000000 00000000 02000000 00000000 00000200 00000000 03000000 10000000",
        "libndr 4.17.12",
    ),
    (
        "out_params_request",
        Parameters("n" / Byte, "c" / UniquePtr(Short)),
        {"n": 7, "c": 3},
        "07000000 00000200 0300",
        "07000000 00020000 0003",
        "07000000 00000000 00000200 00000000 0300",
        "NDR: libndr 4.17.12, rpcrt4 of wine 8.0; NDR_BIG, NDR64: libndr 4.17.12",
    ),
    (
        "union_struct_align",
        Parameters("q" / Byte, "s" / TAGGED),
        {"q": 5, "s": Tagged(1, 1, 170, 2)},
        "05000000 00000000 01000000 01000000 01000000 aa02",
        "05000000 00000000 01000000 00000001 00000001 aa02",
        "05000000 00000000 01000000 01000000 01000000 00000000 aa020000 00000000",
        "libndr 4.17.12",
    ),
    (
        "array_struct_strings",
        Parameters(
            "n" / Long,
            "v"
            / ConformantArray(
                Struct(Anb, "a" / UniquePtr(String(WChar)), "n" / Long, "b" / UniquePtr(String(WChar))), this.n
            ),
            "z" / Byte,
        ),
        {"n": 2, "v": [Anb("p", 1, "qr"), Anb(None, 2, "s")], "z": 9},
        "02000000 02000000 00000200 01000000 04000200 00000000 02000000 08000200 02000000 00000000 02000000 "
        "70000000 03000000 00000000 03000000 71007200 00000000 02000000 00000000 02000000 73000000 09 ",
        "00000002 00000002 00020000 00000001 00020004 00000000 00000002 00020008 00000002 00000000 00000002 "
        "00700000 00000003 00000000 00000003 00710072 00000000 00000002 00000000 00000002 00730000 09 ",
        "02000000 00000000 02000000 00000000 00000200 00000000 01000000 00000000 04000200 00000000 00000000 "
        "00000000 02000000 00000000 08000200 00000000 02000000 00000000 00000000 00000000 02000000 00000000 "
        "70000000 00000000 03000000 00000000 00000000 00000000 03000000 00000000 71007200 00000000 02000000 "
        "00000000 00000000 00000000 02000000 00000000 73000000 09 ",
        "libndr 4.17.12",
    ),
    (
        "ptr_unique_to_unique",
        Struct(Ppz, "pp" / UniquePtr(UniquePtr(Long)), "z" / Byte),
        Ppz(7, 9),
        "00000200 09000000 04000200 07000000",
        "00020000 09000000 00020004 00000007",
        "00000200 00000000 09000000 00000000 04000200 00000000 07000000",
        "libndr 4.17.12",
    ),
    (
        "bstr",
        Parameters(
            "s"
            / UniquePtr(
                Struct(WordBlob, "cBytes" / ULong, "clSize" / ULong, "asData" / ConformantArray(UShort, this.clSize))
            ),
            "z" / Byte,
        ),
        {"s": WordBlob(4, 2, [97, 98]), "z": 1},
        "00000200 02000000 04000000 02000000 61006200 01",
        "00020000 00000002 00000004 00000002 00610062 01",
        "00000200 00000000 02000000 00000000 04000000 02000000 61006200 01",
        "libndr 4.17.12",
    ),
    (
        "array_ptr_conf",
        Parameters("n" / Long, "a" / ConformantArray(UniquePtr(Short), this.n), "z" / Byte),
        {"n": 3, "a": [1, None, 3], "z": 9},
        "03000000 03000000 00000200 00000000 04000200 01000300 09",
        "00000003 00000003 00020000 00000000 00020004 00010003 09",
        "03000000 00000000 03000000 00000000 00000200 00000000 00000000 00000000 04000200 00000000 01000300 09",
        "NDR: rpcrt4 of wine 8.0; NDR_BIG, NDR64: derived from C706 14.3.12.3",
    ),
    (
        "ptr_full_alias",
        Parameters("a" / FullPtr(Long), "b" / FullPtr(Long), "c" / FullPtr(Long)),
        {"a": SEVEN, "b": SEVEN, "c": None},
        "00000200 07000000 00000200 00000000",
        "00020000 00000007 00020000 00000000",
        "00000200 00000000 07000000 00000000 00000200 00000000 00000000 00000000",
        "derived from C706 14.3.12.2",
    ),
    (
        "ptr_full_struct_alias",
        Parameters("p" / Struct(Ab, "a" / FullPtr(Long), "b" / FullPtr(Long)), "z" / Byte),
        {"p": Ab(SEVEN, SEVEN), "z": 5},
        "00000200 00000200 07000000 05",
        "00020000 00020000 00000007 05",
        "00000200 00000000 00000200 00000000 07000000 05",
        "derived from C706 14.3.12.2",
    ),
    (
        "ms_union",
        Parameters("t" / Short, "u" / SwitchIs(Union(Short, {1: Byte, 2: Hyper}, ms_union=True), this.t), "z" / Byte),
        {"t": 1, "u": 170, "z": 2},
        "01000100 00000000 aa02",
        "00010001 00000000 aa02",
        "01000000 00000000 01000000 00000000 aa02",
        "derived from MS-RPCE 2.2.4.5",
    ),
)
