"""What a hostile peer may put into a stub, row by row of the table in docs/ndr.md: both readers, one outcome."""

from __future__ import annotations

import dataclasses
import enum
import functools
import math
import random
import re
import struct
import sys
from pathlib import Path
from typing import Any

import pytest

from lrpc.runtime.ndr.budget import MAX_DEPTH, MAX_ITEMS, NESTED_COST, TOO_DEEP, TOO_MANY
from lrpc.runtime.ndr.compiler import NOTHING, compiled
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.expression import this
from lrpc.runtime.ndr.layout import (
    Array,
    Boolean,
    Byte,
    ConformantArray,
    ConformantVaryingArray,
    Double,
    Encoding,
    Enum,
    Field,
    FixedArray,
    FullPtr,
    Hyper,
    Layout,
    Long,
    Parameters,
    Pipe,
    Range,
    RefPtr,
    Short,
    String,
    Struct,
    SwitchIs,
    Union,
    UniquePtr,
    VaryingArray,
    WChar,
)
from lrpc.runtime.ndr.type_serialization import StreamReader

PAGE = (Path(__file__).parents[3] / "docs" / "ndr.md").read_text(encoding="utf-8")


def outcome(call: Any) -> Any:
    try:
        return call()
    except NdrError as error:
        assert not isinstance(error.__cause__, RecursionError | MemoryError)
        return error


def read(layout: Layout, stub: str | bytes, encoding: Encoding = Encoding.NDR) -> Any:
    """The value, or the error, which both readers have to agree on."""
    octets = bytes.fromhex(stub) if isinstance(stub, str) else stub
    parameters = layout if isinstance(layout, Parameters) else Parameters("x" / layout)
    ours = outcome(lambda: compiled(parameters, NOTHING, encoding).decode(octets))
    theirs = outcome(lambda: tuple(parameters.parse(octets, encoding=encoding).values()))
    assert repr(ours) == repr(theirs)
    assert str(ours) == str(theirs) or len(octets) > 4096
    if isinstance(ours, NdrError):
        return ours
    return ours if isinstance(layout, Parameters) else ours[0]


def refused(layout: Layout, stub: str | bytes, status: int = 0x6F7, encoding: Encoding = Encoding.NDR) -> NdrError:
    """The error, which has the status."""
    found = read(layout, stub, encoding)
    assert isinstance(found, NdrError), found
    assert found.status == status, found
    return found


@functools.cache
def _class(*names: str) -> type:
    return dataclasses.make_dataclass("Record", names)


def record(*fields: Field) -> Struct:
    """A structure whose values are instances of one class for the same names."""
    return Struct(_class(*(field.name for field in fields)), *fields)


def made(**members: Any) -> Any:
    """A value of such a structure."""
    return _class(*members)(**members)


@dataclasses.dataclass(repr=False)
class Ring:
    """A structure that may point to itself."""

    next: Any

    def __repr__(self) -> str:
        return f"Ring({self.next is self})"


NODE = record("v" / Long, "next" / UniquePtr(lambda: NODE))
TREE = record("left" / UniquePtr(lambda: TREE), "right" / UniquePtr(lambda: TREE))


class Color(enum.IntEnum):
    """A colour."""

    RED = 1


# N1: octets that are not there, or too many


def test_n1_stub_cut_at_any_octet_is_bad_stub_data():
    layout = record("a" / Short, "s" / UniquePtr(String(WChar)), "n" / UniquePtr(ConformantArray(Hyper)))
    for encoding in Encoding:
        value = made(a=1, s="text", n=[1, 2])
        stub = layout.build(value, encoding=encoding)
        assert read(layout, stub, encoding) == value
        for cut in range(len(stub)):
            refused(layout, stub[:cut], encoding=encoding)


def test_n1_padding_and_a_verification_trailer_may_stand_behind_the_last_parameter():
    for tail in (b"", b"\xff" * 8, bytes.fromhex("8ae3137102f43671") + bytes(60)):
        assert read(Long, b"\1\0\0\0" + tail) == 1
    refused(Long, b"\1\0\0\0" + b"\xff" * 9)


# N2: counts that lie


@pytest.mark.parametrize("count", [5, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
@pytest.mark.parametrize("element", [Byte, Hyper, WChar, String(WChar), NODE], ids=repr)
def test_n2_maximum_count_is_held_against_the_octets(element: Layout, count: int):
    refused(ConformantArray(element), struct.pack("<II", count, 0))


@pytest.mark.parametrize(
    "octets",
    [
        "02000000 04000000 00000000 02000000 6162 0000",
        "02000000 02000000 01000000 02000000 6162 0000",
        "02000000 02000000 01000000 01000000 62 000000",
        "02000000 02000000 00000000 03000000 616263 00",
        "03000000 02000000 00000000 02000000 6162 0000",
        "02000000 02000000 ffffffff 03000000 6162 0000",
    ],
)
def test_n2_counts_that_contradict_each_other_are_refused(octets: str):
    refused(record("n" / Long, "a" / ConformantVaryingArray(Byte, this.n, this.n)), octets)


def test_n2_length_is_beyond_size_is_is_refused():
    layout = record("m" / Long, "n" / Long, "a" / ConformantVaryingArray(Byte, this.m, this.n))
    refused(layout, "01000000 02000000 02000000 00000000 02000000 6162")


def test_n2_offset_where_none_may_be_is_refused():
    refused(VaryingArray(Byte, 4, 2), "01000000 02000000 6162")
    refused(String(WChar), "03000000 01000000 02000000 6100 0000")


def test_n2_items_without_octets_count_against_the_budget():
    empty = ConformantArray(record())
    assert len(read(empty, struct.pack("<I", 1000))) == 1000
    refused(empty, struct.pack("<I", MAX_ITEMS + 1))
    refused(ConformantArray(FixedArray(Byte, 0)), struct.pack("<I", MAX_ITEMS + 1))


# N3: tags


def test_n3_tag_without_an_arm_is_an_invalid_tag():
    layout = record("t" / Long, "u" / SwitchIs(Union(Long, {1: Byte}), this.t))
    refused(layout, "02000000 02000000 07", 0x6C5)


def test_n3_tag_that_is_not_its_siblings_is_an_invalid_tag():
    layout = record("t" / Long, "u" / SwitchIs(Union(Long, {1: Byte, 2: Byte}), this.t))
    refused(layout, "01000000 02000000 07", 0x6C5)


# N4: nothing where something has to be


def test_n4_null_ref_is_a_null_ref_pointer():
    refused(record("p" / RefPtr(Long)), "00000000 07000000", 0x6F4)


def test_n4_null_array_beside_a_size_is_bad_stub_data():
    for pointer in (UniquePtr, FullPtr):
        refused(record("n" / Long, "p" / pointer(ConformantArray(Byte, this.n))), "02000000 00000000")


# N5: pointers


def test_n5_equal_ids_of_unique_pointers_are_no_aliases():
    layout = record("a" / UniquePtr(Long), "b" / UniquePtr(Long))
    assert read(layout, "02020202 02020202 01000000 02000000") == made(a=1, b=2)


def test_n5_circle_of_full_pointers_ends():
    ring: Layout = Struct(Ring, "next" / FullPtr(lambda: ring))
    whole = read(FullPtr(ring), "01000000 01000000")
    assert isinstance(whole, Ring)
    assert whole.next is whole
    refused(record("p" / FullPtr(Long), "q" / FullPtr(Short)), "01000000 01000000 07000000")


def linked(length: int) -> bytes:
    """A list of so many nodes."""
    return struct.pack("<II", 1, 2) * (length - 1) + struct.pack("<II", 1, 0)


def test_n5_long_list_is_read_without_pythons_stack():
    assert sys.getrecursionlimit() < 20_000
    for parse in (
        lambda stub: compiled(Parameters("x" / NODE)).decode(stub)[0],
        lambda stub: Parameters("x" / NODE).parse(stub)["x"],
    ):
        node, length = parse(linked(20_000)), 0
        while node is not None:
            node, length = node.next, length + 1
        assert length == 20_000


def test_n5_nesting_beyond_the_limit_is_refused():
    deep = b"".join(struct.pack("<II", 1, 1) for _ in range(MAX_DEPTH + 2))
    assert TOO_DEEP in str(refused(TREE, deep + bytes(16 * MAX_DEPTH)))
    assert TOO_MANY in str(refused(NODE, linked(MAX_ITEMS // NESTED_COST + 1000)))


# N6: values


@pytest.mark.parametrize("value", [0, 1, 0x7FFF, 0x8000, 0xFFFF])
def test_n6_enumeration_takes_any_16_bits(value: int):
    assert read(Enum(Color), struct.pack("<H", value)) == value
    assert read(Enum(Color), struct.pack("<I", value), Encoding.NDR64) == value
    refused(Enum(Color), struct.pack("<I", value + 0x10000), 0x6F5, Encoding.NDR64)


@pytest.mark.parametrize("octet", [1, 2, 0x80, 0xFF])
def test_n6_any_octet_but_zero_is_true(octet: int):
    assert read(Boolean, bytes([octet])) is True


def test_n6_text_without_its_terminator_is_bad_stub_data():
    refused(String(WChar), "02000000 00000000 02000000 6100 6200")
    refused(String(WChar), "00000000 00000000 00000000")


def test_n6_lone_surrogates_come_back_as_they_were():
    octets = bytes.fromhex("03000000 00000000 03000000 00d8 41dc 0000")[:18]
    for stub in (octets, bytes.fromhex("02000000 00000000 02000000 00dc 0000")):
        text = read(String(WChar), stub)
        assert String(WChar).build(text) == stub


def test_n6_nul_inside_a_text_is_read_and_not_written():
    text = read(String(WChar), "03000000 00000000 03000000 6100 0000 0000")
    assert text == "a\0"
    with pytest.raises(NdrError, match="no text without NUL"):
        String(WChar).build(text)
    with pytest.raises(NdrError, match="no text without NUL"):
        compiled(Parameters("x" / String(WChar))).encode((text,))


# N7: ranges and floats


def test_n7_value_or_count_outside_its_range_is_an_invalid_bound():
    refused(Range(Long, 1, 9), "0a000000", 0x6C6)
    refused(ConformantArray(Byte, limits=(0, 1)), "02000000 6162", 0x6C6)
    refused(String(WChar, limits=(1, 2)), "03000000 00000000 03000000 6100 6200 0000", 0x6C6)


@pytest.mark.parametrize("octets", ["000000000000f07f", "010000000000f07f", "0100000000000000", "0000000000000080"])
def test_n7_floats_keep_their_bits(octets: str):
    value = read(Double, octets)
    assert Double.build(value).hex() == octets or math.isnan(value)
    assert b"".join(compiled(Parameters("x" / Double)).encode((value,))).hex() == octets or math.isnan(value)


# N8: gaps


def test_n8_gaps_are_not_looked_at_and_written_as_zero():
    layout = record("a" / Byte, "b" / Hyper)
    value = made(a=1, b=2)
    assert read(layout, "01 ffffffffffffff 0200000000000000") == value
    for encoding in Encoding:
        assert layout.build(value, encoding=encoding)[1:8] == bytes(7)
        assert b"".join(compiled(Parameters("x" / layout), NOTHING, encoding).encode((value,)))[1:8] == bytes(7)


# N9: serialization headers and pipes


@pytest.mark.parametrize(
    "header",
    [
        "00100800cccccccc",
        "03100800cccccccc",
        "01100900cccccccc",
        "01200800cccccccc",
        "01100800cccccccc 09000000 00000000 00",
        "01100800cccccccc f0ffffff 00000000",
        "02104000cccccccc" + "00" * 56,
    ],
)
def test_n9_wrong_headers_of_a_serialized_type_are_one_error(header: str):
    with pytest.raises(NdrError):
        StreamReader(bytes.fromhex(header)).read(record("a" / Long))


@pytest.mark.parametrize("count", [2, 0x7FFFFFFF, 0xFFFFFFFF])
def test_n9_chunk_beyond_the_octets_is_refused(count: int):
    refused(Pipe(Long), struct.pack("<II", count, 7))
    wide = struct.pack("<QI", count, 7) + bytes(4) + struct.pack("<q", -count)
    refused(Pipe(Long), wide, encoding=Encoding.NDR64)


def test_n9_pipe_that_ends_early_or_never_ends_in_one_error():
    assert read(Parameters("x" / Pipe(Long), "y" / Long), "07000000 00000000") == ([], 7)
    refused(Pipe(Long), "01000000 07000000")
    endless = Parameters("x" / Pipe(record()))
    for parse in (endless.parse, compiled(endless).decode):
        with pytest.raises(NdrError, match="budget"):
            parse(struct.pack("<I", 1 << 19) * 4)


# N10: work


@pytest.mark.parametrize(
    ("layout", "unit"),
    [(ConformantArray(record()), b""), (ConformantArray(UniquePtr(record())), struct.pack("<I", 1))],
    ids=["empty", "pointers"],
)
def test_n10_work_is_bounded_by_octets_and_by_the_budget(layout: Array, unit: bytes):
    stub = struct.pack("<I", MAX_ITEMS + 1) + unit * (MAX_ITEMS + 1)
    assert isinstance(outcome(lambda: compiled(Parameters("x" / layout)).decode(stub)), NdrError)


def test_n10_random_octets_are_values_or_one_error():
    chance = random.Random(10)
    layout = ConformantArray(record("n" / Long, "t" / NODE, "s" / UniquePtr(String(WChar))))
    for _ in range(300):
        octets = bytes(chance.choice((0, 0, 0, 1, 2, 4, 0xFF)) for _ in range(chance.randrange(80)))
        for encoding in Encoding:
            read(layout, octets, encoding)


def test_table_of_threats_names_the_tests_that_there_are():
    section = PAGE.partition("\n## Threats\n")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| (N\d+) \|", section, re.MULTILINE)
    assert listed == [f"N{number}" for number in range(1, 11)]
    tested = {name.split("_")[1].upper() for name in globals() if name.startswith("test_n")}
    assert set(listed) == tested
